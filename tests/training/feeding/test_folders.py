"""What a run in phases reads: images decoded by processes or cached features, prompts, densities."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.packs.packing import pack
from mindaam.data.prompts import training_prompts
from mindaam.data.transforms import normalize, resize_image
from mindaam.errors import ConfigError, InputError
from mindaam.models.registry import model_config
from mindaam.training.feeding.folder_batches import Batch
from mindaam.training.feeding.folders import Source, data_root, feature_cache, open_folders
from tests.training.small import MODEL, NAME, SIZE, TRAIN, FakeSentenceEncoder, make_gaze

SETTINGS = model_config(NAME, changes=MODEL)
TASK = "judge_emotion"


@pytest.fixture(scope="module")
def gaze(tmp_path_factory):
    return make_gaze(tmp_path_factory.mktemp("gaze"))


def config(gaze, names=("osie", "taskfix")):
    return SimpleNamespace(data_root=gaze and str(gaze), folders=dict.fromkeys(names, 4))


@pytest.fixture
def folders(gaze):
    return open_folders(config(gaze), "train", None)


def batch(folder, condition, names, folders, mirrored=False):
    entries = folders[folder].entries
    members = tuple(entries.index((name, condition)) for name in names)
    return Batch(folder, condition, members, tuple(training_prompts(folder, condition)[: len(names)]), mirrored)


def picture(folders, name, index):
    return normalize(resize_image(folders[name].image(index), SIZE), SETTINGS.mean, SETTINGS.std)


def numbers(pixels):
    """A stand-in for the frozen backbone: [1,3,H,W] -> [4,1+N,D]."""
    assert pixels.shape == (1, 3, *SIZE)
    ramp = np.linspace(0, 1, SIZE[1])  # so that a mirrored picture has other features
    return np.full((4, 7, 32), (pixels * ramp).mean(), np.float32) * np.arange(1, 5)[:, None, None]


def caches(folders, place, report=None):
    return {
        name: feature_cache(name, folder, SETTINGS, place, mirrored=True, compute=numbers, report=report)
        for name, folder in folders.items()
    }


def test_images_come_from_processes_as_if_decoded_here(folders):
    source = Source(folders, SETTINGS, FakeSentenceEncoder().encode, None, decoded=True)
    plan = [
        batch("osie", "free_viewing", ("c.png", "a.png"), folders),
        batch("taskfix", TASK, ("b.png", "d.png"), folders, mirrored=True),
        batch("osie", "free_viewing", ("b.png", "d.png"), folders),
    ]
    try:
        seen = list(source.ahead(plan, 0))
        assert len(source.loader._pool._processes) > 0
    finally:
        source.close()
    assert [each for each, _ in seen] == plan
    for each, (inputs, sentences, truth) in seen:
        turn = -1 if each.mirrored else 1
        folder = folders[each.folder]
        pictures = np.stack([picture(folders, each.folder, i) for i in each.entries])
        densities = np.stack([folder.density(i, SIZE) for i in each.entries])[:, None]
        np.testing.assert_array_equal(inputs, pictures[..., ::turn])
        np.testing.assert_array_equal(truth, densities[..., ::turn])
        np.testing.assert_array_equal(sentences, FakeSentenceEncoder().encode(each.prompts))
        for array in (inputs, sentences, truth):
            assert array.dtype == np.float32 and array.flags.c_contiguous
        np.testing.assert_allclose(truth.sum((1, 2, 3)), 1.0, rtol=1e-5)


def test_features_come_from_the_cache_by_image(folders, tmp_path):
    told = []
    made = caches(folders, tmp_path, lambda *progress: told.append(progress[:4]))
    assert told[0] == ("osie.train", "plain", 4, 4) and len(told) == 4
    source = Source(folders, SETTINGS, FakeSentenceEncoder().encode, made, decoded=False)
    for mirrored in (False, True):
        each = batch("taskfix", TASK, ("d.png", "b.png"), folders, mirrored)
        inputs = source.inputs(each, 2)
        assert inputs.shape == (2, 2, 7, 32) and inputs.dtype == np.float32
        for got, index in zip(inputs, each.entries, strict=True):
            pixels = picture(folders, "taskfix", index)[..., :: -1 if mirrored else 1]
            np.testing.assert_allclose(got, numbers(pixels[None])[:2], rtol=1e-3)
    assert not np.allclose(inputs, source.inputs(each._replace(mirrored=False), 2), rtol=1e-2)
    source.close()


def test_an_image_is_computed_once_for_all_its_conditions(folders, tmp_path):
    assert len(folders["taskfix"].entries) == 8
    assert caches(folders, tmp_path)["taskfix"].names == list(TRAIN)


def test_another_model_input_makes_other_features(folders, tmp_path):
    caches(folders, tmp_path)
    calls = []
    other = SETTINGS.model_copy(update={"mean": (0.5, 0.5, 0.5)})
    feature_cache(
        "osie", folders["osie"], other, tmp_path, mirrored=False, compute=lambda p: calls.append(p) or numbers(p)
    )
    assert len(calls) == 4


def test_all_prompts_are_encoded_before_the_first_batch(folders):
    asked = []
    encode = lambda sentences: asked.append(list(sentences)) or FakeSentenceEncoder().encode(sentences)  # noqa: E731
    Source(folders, SETTINGS, encode, {}, decoded=False).close()
    expected = {s for f in folders.values() for c in f.conditions for s in training_prompts(f.name, c)}
    assert asked == [sorted(expected)] and training_prompts("taskfix", TASK)[0] in expected


def test_a_limit_keeps_the_first_images_under_all_conditions(gaze):
    limited = open_folders(config(gaze), "train", 3)
    assert {name for name, _ in limited["taskfix"].entries} == {"a.png", "b.png", "c.png"}
    assert len(limited["taskfix"].entries) == 6 and len(limited["osie"].entries) == 3


def test_the_place_of_the_data_comes_from_configuration_or_environment(monkeypatch, gaze):
    monkeypatch.setenv("MINDAAM_GAZE", "/from/environment")
    assert data_root(config(gaze)) == gaze
    assert str(data_root(config(None))) == "/from/environment"
    monkeypatch.delenv("MINDAAM_GAZE")
    with pytest.raises(ConfigError, match="give data_root=FOLDER, or set the environment variable MINDAAM_GAZE"):
        data_root(config(None))


def test_an_unknown_folder_is_an_input_error(gaze):
    with pytest.raises(InputError, match="does not contain osio: no pack, gaze folder or dataset has that name"):
        open_folders(config(gaze, ["osio"]), "train", None)


def test_packs_are_found_and_refused_with_what_to_do(gaze, tmp_path):
    pack(GazeFolder(gaze / "osie", "train"), tmp_path / "osie.train", (16, 16), workers=0)
    with pytest.raises(InputError, match=r"osie\.train is a pack, .*`mindaam train corpus`"):
        open_folders(config(tmp_path, ["osie"]), "train", None)


def test_the_decoding_processes_do_not_load_mindspore():
    code = "import sys, mindaam.training.feeding.folders; print('mindspore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
