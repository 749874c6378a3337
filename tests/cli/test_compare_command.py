"""`mindaam compare` on a stand-in model: tables, files, and every kind of bad input."""

import json

import numpy as np
import pytest
from PIL import Image

from mindaam import runtime
from mindaam.cli import main
from mindaam.inference import predictor
from mindaam.inference.views.predicting import in_tiles
from tests.cli.test_predict_command import names, one_sentence
from tests.fakes import FakeEncoder, FakeModel


@pytest.fixture
def mindaam(monkeypatch, capsys):
    """Runs `mindaam compare ...` with a FakeModel; gives exit code, stdout, stderr. `.models`: those loaded."""
    models = []
    monkeypatch.setattr(predictor, "_load", lambda name: models.append(FakeModel()) or models[-1])
    monkeypatch.setattr("mindaam.zoo.sentence_encoder", lambda name: FakeEncoder(), raising=False)
    monkeypatch.setattr(runtime, "configure", lambda *_, **__: None)

    def run(*arguments):
        code = main.run(["compare", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    run.models = models
    return run


@pytest.fixture
def designs(tmp_path):
    """a.png with a bright headline on the left, b.png with it on the right, and their regions."""
    for name, x in (("a", 5), ("b", 50)):
        pixels = np.full((60, 80, 3), 30, np.uint8)
        pixels[10:20, x : x + 25] = 250
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        regions = [{"name": "headline", "box": [x, 10, 25, 10]}, {"name": "foot", "box": [0, 40, 80, 20]}]
        (tmp_path / f"{name}.json").write_text(json.dumps(regions if name == "a" else regions[::-1]))
    return tmp_path


def test_two_designs_side_by_side(mindaam, designs, tmp_path):
    code, out, err = mindaam(
        designs / "a.png", designs / "b.png", "--regions", designs / "a.json", "-o", tmp_path / "out",
        "--condition", "free_viewing", "--condition", "count_people",
    )  # fmt: skip
    assert (code, err) == (0, "") and out.startswith("A: a.png, B: b.png\nfree_viewing\n  region")
    assert mindaam.models[0].backbone_passes == 2 and mindaam.models[0].head_passes == 4
    assert names(tmp_path / "out") == ["report.html", "results.csv", "results.json"]
    found = json.loads((tmp_path / "out/results.json").read_text())["results"]
    assert [(each["input"][-5:], each["condition"]) for each in found] == [
        ("a.png", "free_viewing"), ("b.png", "free_viewing"), ("a.png", "count_people"), ("b.png", "count_people"),
    ]  # fmt: skip
    first, second = (each["regions"][0] for each in found[:2])
    assert first["ratio"] > 1 > second["ratio"] and first["area"] == second["area"]
    html = (tmp_path / "out/report.html").read_text()
    assert html.count('src="data:image/jpeg') == 10 and "a.png and b.png" in html and "more in A" in html


def test_regions_that_moved_and_designs_of_two_sizes(mindaam, designs, tmp_path):
    Image.open(designs / "b.png").crop((0, 0, 80, 70)).save(designs / "b.png")
    given = [designs / "a.png", designs / "b.png", "--regions", designs / "a.json", "--regions", designs / "b.json"]
    code, out, err = mindaam(*given)
    assert (code, err) == (0, "") and "different places" not in out and "numbers:" not in out
    row = next(line for line in out.splitlines() if "headline" in line)
    assert all(float(ratio) > 1 for ratio in row.split()[-2:])
    assert mindaam(*given, "-o", tmp_path / "out")[0] == 0
    html = (tmp_path / "out/report.html").read_text()
    assert html.count('src="data:image/jpeg') == 4  # no difference of two sizes
    regions = json.loads((tmp_path / "out/results.json").read_text())["regions"]
    assert [path[-6:] for path in regions] == ["a.json", "b.json"]


def test_long_pages_are_predicted_in_tiles_as_by_predict(mindaam, designs, tmp_path):
    for name in "ab":
        Image.open(designs / f"{name}.png").resize((300, 1500)).save(designs / f"{name}.png")
    code, out, err = mindaam(designs / "a.png", designs / "b.png")
    assert code == 0 and out.startswith("A: a.png, B: b.png\n")
    count = in_tiles((1500, 300), "auto")
    assert [line.split(" in ")[1] for line in err.splitlines()] == [f"{count} tiles"] * 2
    assert count > 2 and mindaam.models[0].backbone_passes > 2  # equal tiles pass the backbone once


def test_without_regions_and_files_the_spread_is_printed(mindaam, designs):
    code, out, err = mindaam(designs / "a.png", designs / "b.png")
    assert (code, err) == (0, "") and out.count("\n") == 3 and "of it is in different places" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.png", "a.png"], "are the same file"),
        (["a.png", "gone.png"], "gone.png"),
        (["a.png", "a.json"], "a.json"),
        (["a.png", "b.png", "--regions", "odd.json"], "outside"),
        (["a.png", "b.png", "--regions", "a.json", "--regions", "one.json"], '"headline" is in one of the two files'),
        (["a.png", "b.png", *["--regions", "a.json"] * 3], "--regions is given 3 times"),
        (["a.png", "b.png", "-o", "taken"], "report.html"),
        (["a.png", "b.png", "--prompt", "Look.", "--prompt", "Look."], "the same prompt"),
        (["a.png", "b.png", "--condition", "free_vieving"], 'did you mean "free_viewing"'),
    ],
)
def test_bad_input_is_one_sentence_before_any_work(mindaam, designs, monkeypatch, arguments, says):
    (designs / "odd.json").write_text('[{"name": "x", "box": [70, 0, 20, 10]}]')
    (designs / "one.json").write_text('[{"name": "foot", "box": [0, 0, 20, 10]}]')
    (designs / "taken").mkdir()
    (designs / "taken/report.html").write_text("mine")
    monkeypatch.chdir(designs)
    code, out, err = mindaam(*arguments)
    assert code == 2 and says in one_sentence(err) and out == "" and not mindaam.models
    assert (designs / "taken/report.html").read_text() == "mine"
