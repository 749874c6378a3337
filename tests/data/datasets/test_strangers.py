"""Gaze folders from strangers: whatever their lists say, nothing outside is read, and a sentence says what is wrong."""

import gzip
import json
import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mindaam.data.datasets.finding import find_data
from mindaam.data.datasets.opening import read_splits, splits_of
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.datasets.readers.sample import image_sample
from mindaam.data.imports.importing import Wanted, import_gaze
from mindaam.data.packs.packing import target_of
from mindaam.errors import InputError
from tests.clips import make_clip, pictures
from tests.data.datasets.readers.test_gaze_folder import write_json, write_rows
from tests.data.strangers import NAMES, mutated

HEADER = "image,condition,x,y"
META = {
    "name": "made",
    "conditions": {"free_viewing": "", "find_cats": ""},
    "px_per_degree_stored": 4.0,
    "images": {"a.png": {"size": [12, 8]}, "b.png": {"size": [12, 8]}},
    "sentences": {"find_cats": ["A viewer looks for cats.", "Where is a cat?"]},
    "held_out": {"find_cats": "Any cats?"},
}
SPLITS = {"train": ["a.png"], "val": ["b.png"]}
QUICK = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
CELLS = ["a.png", "b.png", "nan", "1e400", "-1", "", "\0", '"', "free_viewing", *NAMES[:6]]
LEADING_OUT = ["../../secret.png", "/etc/passwd", "..\\secret.png", "C:\\secret.png", "C:/secret.png", "a\0.png",
               "a\x1b[2J.png", "\ud800.png", "", "x/../../../secret.png"]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A gaze folder of two images; an image that nobody may reach lies beside it."""
    root = tmp_path / "data" / "made"
    (root / "stimuli").mkdir(parents=True)
    for place in (root / "stimuli/a.png", root / "stimuli/b.png", tmp_path / "secret.png"):
        Image.new("RGB", (12, 8), (200, 100, 50)).save(place)
    write_json(root / "meta.json", META)
    write_json(root / "splits.json", SPLITS)
    write_rows(root, [HEADER, "a.png,free_viewing,3,4", "b.png,find_cats,1,2", "../../secret.png,free_viewing,1,1"])
    return root


def used(root):
    """All that a run reads of a gaze folder; says nothing but InputErrors."""
    for data in find_data(root.parent):
        for split in splits_of(data):
            readers, _ = read_splits(data, [split])
            for reader in readers.values():
                target_of(reader, root.parent / "packs")
                for index in range(len(reader)):
                    sample = image_sample(reader, index)
                    assert sample.image.shape == (8, 12, 3) and str(reader.ground_truth)
                    (sample.prompt + sample.condition + sample.name + reader.name).encode()


def refused(root):
    with pytest.raises(InputError) as caught:
        used(root)
    said = str(caught.value)
    said.encode()
    assert said.isprintable(), "a message never brings a control character along"
    return said


@QUICK
@given(meta=mutated(META))
@example(meta={**META, "px_per_degree_stored": 1e300})
@example(meta={**META, "images": {"a.png": {"size": [float("inf"), 8]}}})
@example(meta={**META, "images": {"a.png": {"size": [1_000_000, 1_000_000]}}})
def test_whatever_meta_json_says(folder, meta):
    write_json(folder / "meta.json", meta)
    try:
        used(folder)
    except InputError as error:
        assert str(error).isprintable()


@QUICK
@given(splits=mutated(SPLITS))
def test_whatever_splits_json_says(folder, splits):
    write_json(folder / "splits.json", splits)
    try:
        used(folder)
    except InputError as error:
        assert str(error).isprintable()


@settings(QUICK, max_examples=40)
@given(cells=st.lists(st.sampled_from(CELLS), min_size=2, max_size=6))
def test_whatever_the_table_says(folder, cells):
    write_rows(folder, [HEADER, ",".join(cells), "a.png,free_viewing,3,4"])
    try:
        used(folder)
    except InputError as error:
        assert "fixations.csv.gz" in str(error) or "no gaze" in str(error)


@pytest.mark.parametrize("name", LEADING_OUT)
def test_a_name_that_leads_out_of_the_folder_is_refused_though_the_image_is_there(folder, name):
    write_json(folder / "meta.json", {**META, "images": {**META["images"], name: {"size": [12, 8]}}})
    write_json(folder / "splits.json", {"train": ["a.png", name]})
    said = refused(folder)
    assert "splits.json" in said and "of the split train" in said


@pytest.mark.parametrize("name", ["../../x", "/x", "a/b", "..", ".hidden", "a\\b", "a\nb", "", "\ud800"])
def test_a_split_is_called_by_a_plain_name_for_packs_are_folders_of_that_name(folder, name):
    write_json(folder / "splits.json", {**SPLITS, name: ["a.png"]})
    assert "splits.json: the split" in refused(folder)


@pytest.mark.parametrize("condition", ["../../free_viewing", "/free_viewing", "..", "C:\\maps"])
def test_a_condition_whose_maps_would_lie_elsewhere(folder, condition):
    (folder / "fixations.csv.gz").unlink()
    write_json(folder / "meta.json", {**META, "conditions": ["free_viewing", condition],
                                      "sentences": {condition: ["A viewer."]}, "held_out": {}})  # fmt: skip
    assert "a folder in maps/" in refused(folder)


def test_images_in_folders_of_stimuli_stay_readable(folder):
    (folder / "stimuli" / "deeper").mkdir()
    shutil.copy(folder / "stimuli/a.png", folder / "stimuli/deeper/c.png")
    write_json(folder / "meta.json", {**META, "images": {"deeper/c.png": {"size": [12, 8]}}})
    write_json(folder / "splits.json", {"train": ["deeper/c.png"]})
    write_rows(folder, [HEADER, "deeper/c.png,free_viewing,3,4"])
    assert GazeFolder(folder).image(0).shape == (8, 12, 3)


def test_a_link_to_an_image_is_followed_as_import_link_makes_it_but_no_pipe_or_device(folder, tmp_path):
    (folder / "stimuli/a.png").unlink()
    (folder / "stimuli/a.png").symlink_to(tmp_path / "secret.png")
    assert GazeFolder(folder).image(0).shape == (8, 12, 3)
    (folder / "stimuli/a.png").unlink()
    (folder / "stimuli/a.png").symlink_to("/dev/zero")
    assert "lacks a.png" in refused(folder)


@pytest.mark.parametrize("name", ["meta.json", "splits.json", "fixations.csv.gz"])
@pytest.mark.parametrize("what", ["pipe", "device", "loop", "folder"])
def test_a_list_that_is_no_regular_file_is_never_waited_for(folder, name, what):
    (folder / name).unlink()
    if what == "pipe":
        os.mkfifo(folder / name)
    elif what == "folder":
        (folder / name).mkdir()
    else:
        (folder / name).symlink_to("/dev/zero" if what == "device" else name)
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        GazeFolder(folder)


@pytest.mark.parametrize("name", ["meta.json", "splits.json"])
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "[]", "null", "", "\xff", '{"a": 1'])
def test_json_that_is_endless_or_none(folder, name, text):
    (folder / name).write_bytes(text.encode("latin-1"))
    assert name in refused(folder)


def test_a_list_too_large_to_read_is_refused_by_its_size(folder):
    with open(folder / "meta.json", "r+b") as stream:
        stream.truncate(300 << 20)
    with pytest.raises(InputError, match=r"meta\.json cannot be read \(it has more than 268"):
        GazeFolder(folder)


def test_a_table_that_grows_without_end_is_no_table(folder, monkeypatch):
    monkeypatch.setattr("mindaam.data.listed.FREE", 1 << 20)
    rows = f"{HEADER}\n" + "b.png,free_viewing,3,4\n" * 200_000
    (folder / "fixations.csv.gz").write_bytes(gzip.compress(rows.encode()))
    assert "more than 200 times its size" in refused(folder)
    (folder / "fixations.csv.gz").write_bytes(gzip.compress(f"{HEADER}\n{'x' * 5_000_000}".encode()))
    assert "characters" in refused(folder)


def test_a_table_of_usual_size_is_read_as_before(folder):
    draw = np.random.default_rng(0)
    points = draw.random((3000, 2)) * (12, 8)
    write_rows(folder, [HEADER, *(f"a.png,free_viewing,{x:.3f},{y:.3f}" for x, y in points)])
    np.testing.assert_allclose(GazeFolder(folder).fixations(0), points.round(3), atol=1e-6)
    assert json.loads((folder / "splits.json").read_text()) == SPLITS


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    """A gaze folder of one video, with its timeline."""
    films = tmp_path_factory.mktemp("films")
    make_clip(films / "a.mp4", pictures(4))
    (films.parent / "gaze.csv").write_text("image,x,y,t_ms,duration_ms\na,5,6,0,80\n")
    import_gaze(films, films.parent / "gaze.csv", films.parent / "filmed", Wanted(val=0))
    return films.parent / "filmed"


@settings(QUICK, max_examples=40)
@given(data=st.data(), name=st.sampled_from(["meta.json", "timelines.json"]))
def test_whatever_is_said_of_videos(filmed, data, name):
    whole = json.loads((filmed / name).read_text())
    write_json(filmed / name, data.draw(mutated(whole)))
    try:
        reader = open_gaze_videos(filmed)
        for index in range(len(reader)):
            assert reader.clip(index, range(reader.frames(index))).image.shape == (4, 48, 64, 3)
            assert reader.labelled(index).sum() <= 4 and reader.beyond >= 0 and reader.has_audio(index) is False
    except InputError as error:
        assert name == "meta.json" and str(error).isprintable()
    finally:
        write_json(filmed / name, whole)
