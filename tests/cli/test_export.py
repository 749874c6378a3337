"""`mindaam export`: a graph and its description, or one sentence, exit code 2 and nothing written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.cli import main
from mindaam.data import prompts
from mindaam.inference import predictor
from tests.models.tiny import NAME, TEXT_WIDTH, tiny_model

ROOT = Path(__file__).resolve().parents[2]


class Lengths:
    """A sentence's embedding is its length, as wide as the tiny model wants it."""

    def encode(self, texts):
        return np.array([[len(text)] * TEXT_WIDTH for text in texts], np.float32)


@pytest.fixture
def mindaam(monkeypatch, capsys):
    """Runs `mindaam export ...` on the tiny model without compiling; gives exit code, stdout, stderr."""

    def write(graph, *inputs, file_name, file_format):
        Path(f"{file_name}.mindir").write_bytes(b"graph")

    load = predictor._load
    monkeypatch.setattr(predictor, "_load", lambda model: tiny_model() if model == NAME else load(model))
    monkeypatch.setattr("mindaam.zoo.sentence_encoder", lambda name: Lengths(), raising=False)
    monkeypatch.setattr(runtime, "configure", lambda *_, **__: None)
    monkeypatch.setattr(ms, "export", write)

    def run(*arguments):
        code = main.run(["export", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_model_becomes_a_graph_and_a_description(mindaam, tmp_path):
    code, out, err = mindaam(NAME, "--out", tmp_path / "x.mindir")
    assert (code, err) == (0, "") and out == f"written: {tmp_path}/x.mindir, {tmp_path}/x.json\n"
    said = json.loads((tmp_path / "x.json").read_text())
    assert said["model"] == NAME and said["weights"]["licence"] == "Apache-2.0"
    assert [each["text"] for each in said["sentences"]] == [prompts.default_prompt()]


def test_sizes_batches_and_sentences_are_taken(mindaam, tmp_path):
    options = "--size", "56x70", "--batch", 4, "--prompt", "Who?", "--sentence", "Where to?", "--prompt", "Who?"
    assert mindaam(NAME, "-o", tmp_path / "x.mindir", *options)[0] == 0
    said = json.loads((tmp_path / "x.json").read_text())
    assert said["inputs"][0]["shape"] == [4, 3, 56, 70]
    assert [(each["text"], each["embedding"][0]) for each in said["sentences"]] == [("Who?", 4.0), ("Where to?", 9.0)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([NAME], "--out"),
        (["aam_dinov2_vits15", "--out", "x.mindir"], f'did you mean "{NAME}"'),
        (["gone.safetensors", "--out", "x.mindir"], "gone.safetensors"),
        ([NAME, "--out", "x.onnx"], "must end in .mindir"),
        ([NAME, "--out", "none/x.mindir"], "there is no folder none"),
        ([NAME, "--out", "x.mindir", "--size", "336"], "give height and width"),
        ([NAME, "--out", "x.mindir", "--size", "30x42"], "patches of 14 pixels"),
        ([NAME, "--out", "x.mindir", "--batch", "0"], "a batch of 0"),
        ([NAME, "--out", "x.mindir", "--batch", "two"], "--batch"),
        ([NAME, "--out", "x.mindir", "--frames", "16"], "processes frames independently"),
        ([NAME, "--out", "x.mindir", "--sentence", " "], "the prompt is empty"),
    ],
)
def test_misuse_is_one_sentence_and_leaves_nothing(mindaam, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    code, out, err = mindaam(*arguments)
    assert code == 2 and out == "" and err.startswith("mindaam: ") and err.count("\n") == 1 and says in err
    assert not os.listdir(tmp_path)


WITHOUT_MINDAAM = """
import json, sys
import cv2, numpy as np, mindspore as ms
from PIL import Image
ms.set_device("CPU")
ms.set_context(mode=ms.GRAPH_MODE)
note = json.load(open("x.json"))
picture = np.asarray(Image.open(sys.argv[1]).convert("RGB"))
height, width = note["inputs"][0]["shape"][2:]
assert picture.shape[0] > height and picture.shape[1] > width
seen = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
seen = (seen / 255 - note["normalisation"]["mean"]) / note["normalisation"]["std"]
image = np.ascontiguousarray(seen.transpose(2, 0, 1)[None], np.float32)
sentence = np.array([note["sentences"][0]["embedding"]], np.float32)
graph = ms.nn.GraphCell(ms.load(note["graph"]))
found = graph(ms.Tensor(image), ms.Tensor(sentence)).asnumpy()[0, 0]
np.save("found.npy", cv2.resize(found, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR))
assert not [name for name in sys.modules if name.startswith("mindaam")]
"""


@pytest.mark.slow
def test_a_program_without_mindaam_predicts_the_same(tmp_path):
    photo = ROOT / "examples" / "coffee.jpg"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GLOG_v": "3"}

    def python(*arguments, **more):
        return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, cwd=tmp_path,
                              env=environment | more, timeout=300)  # fmt: skip

    done = python("-m", "mindaam.cli.main", "export", NAME, "--out", "x.mindir", PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stdout, done.stderr) == (0, "written: x.mindir, x.json\n", "")
    assert sorted(os.listdir(tmp_path)) == ["x.json", "x.mindir"]
    done = python("-c", WITHOUT_MINDAAM, photo)
    assert done.returncode == 0, done.stderr
    wanted = predictor.Predictor(mode="pynative").predict(photo).map
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), wanted, rtol=1e-4, atol=1e-6)
