"""A model's graph on its own says what the model says; its description is enough to feed it; nothing is left half."""

import hashlib
import json
import os
import stat
from typing import get_args

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn
from mindspore.train import serialization

import mindaam
from mindaam.encoders.tables import stored_parameters
from mindaam.errors import ConfigError, InputError, OutputError
from mindaam.models.config import ModelConfig
from mindaam.zoo import index
from mindaam.zoo.export import RESIZING, check_target, export
from tests.models.tiny import NAME, SIZE, TEXT_WIDTH, images, prompts, tiny_model
from tests.models.tiny_video import tiny_video_model

TEXTS = {"someone who looks for “café”": prompts(1)[0]}


@pytest.fixture
def quick(monkeypatch):
    """MindSpore's export without the compiling; gives the shapes that it was called with."""
    calls = []

    def write(graph, *inputs, file_name, file_format):
        assert file_format == "MINDIR" and not graph.training
        calls.append([each.shape for each in inputs])
        with open(f"{file_name}.mindir", "wb") as file:
            file.write(b"graph")
        os.chmod(f"{file_name}.mindir", 0o400)

    monkeypatch.setattr(ms, "export", write)
    return calls


def run(path, *arrays):
    """What the graph in a file gives."""
    return nn.GraphCell(ms.load(str(path)))(*map(ms.Tensor, arrays)).asnumpy()


@pytest.mark.slow  # graphs to compile
def test_the_graph_says_what_the_model_says(tmp_path):
    folder = tmp_path / "a folder for “café”"  # not a name that MindSpore takes
    folder.mkdir()
    written = export(tiny_model(), folder / "x.mindir", TEXTS, batch=2)
    assert written == [folder / "x.mindir", folder / "x.json"] and sorted(folder.iterdir()) == sorted(written)
    found, wanted = run(written[0], images(), prompts()), tiny_model().infer(images(), prompts()).map
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert np.ptp(wanted) > 0.1 and np.abs(wanted[0] - wanted[1]).max() > 0.01


@pytest.mark.slow  # graphs to compile
@pytest.mark.parametrize("preset", ["paper", "released"])
def test_the_graph_of_a_films_window_says_what_the_model_says(tmp_path, preset):
    model, size = tiny_video_model(preset), (48, 32)
    path, _ = export(model, tmp_path / "film.mindir", TEXTS, size=size, frames=5)
    film = images(5, size)
    np.testing.assert_allclose(run(path, film, prompts(1)), model.infer(film, prompts(1), clip=True).map, rtol=1e-5)


@pytest.mark.slow  # graphs to compile
def test_weights_that_mindspore_splits_off_come_along(tmp_path, monkeypatch):
    monkeypatch.setattr(serialization, "TOTAL_SAVE", 10)  # KB, in the place of 1 GB
    graph, variables, note = export(tiny_model(), tmp_path / "x.mindir", TEXTS)
    assert (graph.name, variables.name, note.name) == ("x_graph.mindir", "x_variables", "x.json")
    assert sorted(tmp_path.iterdir()) == sorted([graph, variables, note])
    assert os.access(variables, os.X_OK) and variables.stat().st_mode & 0o077 == note.stat().st_mode & 0o077 | 0o011
    said = json.loads(note.read_text())
    assert said["graph"] == "x_graph.mindir" and set(said["files"]) == {"x_graph.mindir", "x_variables/data_0"}
    found = run(graph, images(1), prompts(1))
    np.testing.assert_allclose(found, tiny_model().infer(images(1), prompts(1)).map, rtol=1e-5)
    with pytest.raises(OutputError, match="x_variables already exists; remove it"):
        check_target(tmp_path / "x.mindir")


def test_the_description_is_what_a_program_needs(tmp_path, quick):
    _, note = export(tiny_model(), tmp_path / "x.mindir", TEXTS, size=(42, 28), batch=3, weights=NAME)
    said = json.loads(note.read_text(encoding="ascii"))
    assert quick == [[(3, 3, 42, 28), (3, TEXT_WIDTH)]]
    assert [(each["name"], each["shape"], each["type"]) for each in said["inputs"]] == [
        ("image", [3, 3, 42, 28], "float32"),
        ("sentence", [3, TEXT_WIDTH], "float32"),
    ]
    assert [(each["name"], each["shape"]) for each in said["outputs"]] == [("map", [3, 1, 42, 28])]
    assert "42 x 28" in said["inputs"][0]["meaning"] and "averaged over areas" in said["resize"]
    config = tiny_model().config
    assert said["normalisation"]["mean"] == list(config.mean) and said["normalisation"]["std"] == list(config.std)
    assert (said["model"], said["preset"], said["sentence_encoder"]) == (NAME, "paper", "minilm_l6")
    assert said["graph"] == "x.mindir" and said["files"] == {"x.mindir": hashlib.sha256(b"graph").hexdigest()}
    assert said["versions"] == {"mindaam": mindaam.__version__, "mindspore": ms.__version__}
    record = index.records()[NAME]
    assert said["weights"] == {
        "sha256": record.sha256, "licence": record.licence,
        "encoder": "dinov2_vits14", "encoder_licence": "Apache-2.0",
    }  # fmt: skip
    (text, embedding), *more = [(each["text"], each["embedding"]) for each in said["sentences"]]
    assert {text: None} == dict.fromkeys(TEXTS) and not more
    np.testing.assert_array_equal(np.array(embedding, np.float32), TEXTS[text])  # to the last bit


def test_the_licence_of_a_checkpoint_is_told_by_its_hash(tmp_path, quick):
    path = index.verified(NAME)
    (tmp_path / "renamed.safetensors").write_bytes(path.read_bytes())
    (tmp_path / "own.safetensors").write_bytes(b"mine")
    for name, licence in (("renamed", "Apache-2.0"), ("own", None)):
        _, note = export(tiny_model(), tmp_path / "x.mindir", TEXTS, weights=tmp_path / f"{name}.safetensors")
        assert json.loads(note.read_text())["weights"]["licence"] == licence
    _, note = export(tiny_model(), tmp_path / "x.mindir", TEXTS)
    assert json.loads(note.read_text())["weights"]["sha256"] is None


def test_a_films_window_has_one_sentence(tmp_path, quick):
    _, note = export(tiny_video_model(), tmp_path / "x.mindir", TEXTS, frames=7)
    said = json.loads(note.read_text())
    assert quick == [[(7, 3, 32, 48), (1, TEXT_WIDTH)]] and said["outputs"][0]["shape"] == [7, 1, 32, 48]
    assert "7 frames" in said["inputs"][0]["meaning"] and "one for all frames" in said["inputs"][1]["meaning"]


def test_every_way_to_resize_has_words():
    assert set(RESIZING) == set(get_args(ModelConfig.model_fields["resize"].annotation))


def test_an_earlier_export_is_replaced_and_others_may_read_it(tmp_path, quick):
    for _ in range(2):
        graph, note = export(tiny_model(), tmp_path / "x.mindir", TEXTS)
        assert stat.S_IMODE(graph.stat().st_mode) == stat.S_IMODE(note.stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["x.json", "x.mindir"]


def test_the_model_is_left_as_it_was(tmp_path, quick):
    model = tiny_model()
    names = [name for name, _ in stored_parameters(model)]
    export(model, tmp_path / "x.mindir", TEXTS, size=(56, 56))
    assert model.backbone.image_size == SIZE and model.backbone.positions.shape[1] == 1 + 2 * 3
    assert [name for name, _ in stored_parameters(model)] == names


def test_a_full_disk_leaves_what_was_there(tmp_path, quick, monkeypatch):
    export(tiny_model(), tmp_path / "x.mindir", TEXTS)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}

    def full(graph, *inputs, file_name, file_format):
        with open(f"{file_name}.mindir", "wb") as file:
            file.write(b"half a gra")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ms, "export", full)
    with pytest.raises(OutputError, match=r"cannot write .*x.mindir \(No space left on device\)"):
        export(tiny_model(), tmp_path / "x.mindir", TEXTS)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (30, 42)}, "30x42 cannot be cut into patches of 14 pixels; .* such as 28x42"),
        ({"size": (0, 14)}, "0x14 cannot be cut .* such as 14x14"),
        ({"batch": 0}, "a batch of 0 has no image"),
        ({"frames": 4}, f"{NAME} processes frames independently"),
    ],
)
def test_shapes_that_cannot_be_are_refused(tmp_path, quick, options, message):
    with pytest.raises(ConfigError, match=message):
        export(tiny_model(), tmp_path / "x.mindir", TEXTS, **options)
    assert not quick and not os.listdir(tmp_path)


@pytest.mark.parametrize("options", [{"frames": 0}, {"frames": 4, "batch": 2}])
def test_a_window_is_of_a_frame_or_more_and_one_at_a_time(tmp_path, quick, options):
    with pytest.raises(ConfigError, match="one window of 1 to"):
        export(tiny_video_model(), tmp_path / "x.mindir", TEXTS, **options)


def test_an_embedding_of_another_width_is_refused(tmp_path, quick):
    with pytest.raises(InputError, match=rf'embedding of "look" must be \[{TEXT_WIDTH}\], got \[3\]'):
        export(tiny_model(), tmp_path / "x.mindir", {"look": np.zeros(3)})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.onnx", "must end in .mindir"),
        (".mindir", "must end in .mindir"),
        ("café.mindir", "letters without accents"),
        ("none/x.mindir", "there is no folder"),
        ("folder.mindir", "folder.mindir is a folder"),
        ("package.mindir", "package.json already exists and describes no graph"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_refused(tmp_path, quick, name, message):
    (tmp_path / "folder.mindir").mkdir()
    (tmp_path / "package.json").write_text('{"graph": "mine"}')
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(OutputError, match=message):
        export(tiny_model(), tmp_path / name, TEXTS)
    assert sorted(os.listdir(tmp_path)) == before and not quick


def test_a_graph_without_its_description_is_not_replaced(tmp_path):
    (tmp_path / "a.mindir").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"a\.mindir already exists, without a\.json"):
        check_target(tmp_path / "a.mindir")
    assert (tmp_path / "a.mindir").read_bytes() == b"mine"
