"""`mindaam predict --regions --report` on a stand-in model: the files, the text, and every kind of bad input."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from mindaam.inference import videos
from mindaam.inference.numbers.tables import COLUMNS
from tests.cli.test_predict_command import mindaam, names, one_sentence  # noqa: F401 - a fixture
from tests.clips import make_clip
from tests.inference.test_videos import spots

HTML = "<script>alert(1)</script>"
TEXT = "Someone seeks the exit & <b>leaves</b>."


@pytest.fixture
def page(tmp_path):
    """An image with one bright spot, as a screenshot might be."""
    pixels = np.full((60, 80, 3), 30, np.uint8)
    pixels[10:20, 10:30] = 250
    Image.fromarray(pixels).save(tmp_path / "page.png")
    return tmp_path / "page.png"


@pytest.fixture
def regions(tmp_path):
    def write(entries, name="boxes.json"):
        (tmp_path / name).write_text(json.dumps({"regions": entries}))
        return tmp_path / name

    return write


def boxes(**others):
    return [{"name": "headline", "box": [10, 10, 20, 10]}, {"name": HTML, "box": [0, 40, 80, 20]}]


def test_shares_are_files_and_a_table(mindaam, page, regions, tmp_path):  # noqa: F811
    code, out, err = mindaam(
        page, "-o", tmp_path / "out", "--save", "npy", "--regions", regions(boxes()), "--report",
        "--condition", "free_viewing", "--prompt", TEXT,
    )  # fmt: skip
    assert (code, err) == (0, "")
    made = names(tmp_path / "out")
    assert {"report.html", "results.csv", "results.json"} <= set(made) and len(made) == 5
    content = json.loads((tmp_path / "out/results.json").read_text())
    assert (content["schema"], content["version"]) == ("mindaam.results", 1) and content["notes"] == []
    assert content["model"]["name"] == "fake" and len(content["model"]["sha256"]) == 64
    by_prompt = {entry["prompt"]: entry for entry in content["results"]}
    entry = by_prompt[TEXT]
    assert (entry["width"], entry["height"], entry["kind"], entry["frames"]) == (80, 60, "image", None)
    density = np.load(tmp_path / "out" / entry["files"]["npy"])
    headline, low = entry["regions"]
    assert headline["attention"] == pytest.approx(density[10:20, 10:30].sum(dtype=np.float64), rel=1e-6)
    assert headline["area"] == pytest.approx(200 / 4800) and headline["ratio"] > 1 > low["ratio"]
    assert {headline["rank"], low["rank"]} == {1, 2} and 0 < entry["spread"] < 0.5
    assert 10 <= entry["top_points"][0]["x"] <= 30 and 10 <= entry["top_points"][0]["y"] <= 20
    with open(tmp_path / "out/results.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4 and tuple(rows[0]) == COLUMNS and {row["region"] for row in rows} == {"headline", HTML}
    assert float(rows[0]["attention"]) > 0 and rows[0]["prompt"] in by_prompt
    assert "page.png, free_viewing\n" in out and f'page.png, "{TEXT}"\n' in out and "report.html" in out
    assert "  region" in out and out.count("half of all attention is in ") == 2


def test_the_report_stands_alone_and_names_from_files_are_text(mindaam, page, regions, tmp_path):  # noqa: F811
    given = [page, "-o", tmp_path / "out", "--save", "map", "--regions", regions(boxes()), "--report"]
    code, _, _ = mindaam(*given, "--condition", "free_viewing", "--prompt", TEXT)
    html = (tmp_path / "out/report.html").read_text()
    assert code == 0 and HTML not in html and "&lt;script&gt;" in html and "<b>leaves" not in html
    assert html.count('src="data:image/jpeg') == 4  # image, two maps, one difference
    assert "http" not in html.replace("http-equiv", "") and "free_viewing" in html
    assert mindaam(*given, "--prompt", TEXT)[0] == 0  # its own files are written again
    assert (tmp_path / "out/report.html").read_text().count('src="data:image/jpeg') == 2


def test_a_report_without_regions(mindaam, page, tmp_path):  # noqa: F811
    code, out, err = mindaam(page, "-o", tmp_path / "out", "--save", "map", "--report")
    assert (code, err) == (0, "") and "half of all attention is in" in out and "region " not in out
    assert "Shares of the regions" not in (tmp_path / "out/report.html").read_text()
    [row] = list(csv.DictReader((tmp_path / "out/results.csv").open()))
    assert row["region"] == row["attention"] == "" and float(row["spread"]) > 0


def test_regions_that_overlap_are_noted(mindaam, page, regions, tmp_path):  # noqa: F811
    entries = [{"name": "all", "box": [0, 0, 1, 1], "unit": "fraction"}, *boxes()[:1]]
    code, _, err = mindaam(page, "-o", tmp_path / "out", "--save", "map", "--regions", regions(entries), "--report")
    note = one_sentence(err).removeprefix("mindaam: ").strip()
    assert code == 0 and '"all" and "headline"' in note
    assert json.loads((tmp_path / "out/results.json").read_text())["notes"] == [note]
    assert "overlapping regions" in (tmp_path / "out/report.html").read_text()


def test_regions_outside_one_image_do_not_cost_the_others(mindaam, page, regions, tmp_path):  # noqa: F811
    Image.new("RGB", (30, 30), "gray").save(small := tmp_path / "small.png")
    (bad := tmp_path / "bad.png").write_text("no image")
    given = [small, bad, page, "-o", tmp_path / "out", "--save", "map", "--regions", regions(boxes())]
    code, out, err = mindaam(*given)
    first, second = err.splitlines()
    assert code == 2 and "outside" in first and "small.png of 30 x 30 pixels" in first and "bad.png" in second
    assert names(tmp_path / "out") == ["page.map.png", "results.csv", "results.json"] and "1 image" in out
    code, out, err = mindaam(small, "-o", tmp_path / "none", "--regions", regions(boxes()))
    assert code == 2 and one_sentence(err) and not (tmp_path / "none").exists() and len(mindaam.models) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ('{"regions": [{"name": "a", "box": [0, 0, 0, 5]}]}', "which is empty"),
        ('{"regions": [{"name": "a", "box": [0, 0, 1, 5]}, {"name": "a", "box": [0, 0, 1, 5]}]}', 'the name "a"'),
        (None, "No such file"),
    ],
)
def test_bad_regions_stop_before_any_work(mindaam, page, tmp_path, content, says):  # noqa: F811
    path = tmp_path / "r.json"
    if content is not None:
        path.write_text(content)
    code, out, err = mindaam(page, "-o", tmp_path / "out", "--regions", path)
    assert code == 2 and says in one_sentence(err) and "r.json" in err and out == ""
    assert not mindaam.models and not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["results.json", "results.csv", "report.html"])
def test_files_of_others_are_never_overwritten(mindaam, page, tmp_path, name):  # noqa: F811
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    code, _, err = mindaam(page, "-o", tmp_path / "out", "--report")
    assert code == 2 and name in one_sentence(err) and (tmp_path / "out" / name).read_text() == "mine"
    assert not mindaam.models


def test_a_video_has_curves_over_time(mindaam, regions, tmp_path):  # noqa: F811
    film = make_clip(tmp_path / "film.mp4", spots(25), rate=10)
    entries = [{"name": "left", "box": [0, 0, 32, 48]}, {"name": "=right", "box": [32, 0, 32, 48]}]
    code, out, err = mindaam(
        film, "-o", tmp_path / "out", "--save", "npy", "--fps", "all", "--regions", regions(entries), "--report"
    )
    assert (code, err) == (0, "") and "film.mp4" in out
    assert names(tmp_path / "out") == ["film.curves.csv", "film.npz", "report.html", "results.csv", "results.json"]
    head, *rows = csv.reader((tmp_path / "out/film.curves.csv").open())
    assert head == ["time", "spread", "left", "'=right"] and len(rows) == 25 and rows[10][0] == "1.000"
    left = np.array([float(row[2]) for row in rows])
    assert left[0] > left[-1] and all(float(row[2]) + float(row[3]) == pytest.approx(1, abs=1e-4) for row in rows)
    [entry] = json.loads((tmp_path / "out/results.json").read_text())["results"]
    assert entry["kind"] == "video" and entry["frames"] == 25
    assert entry["regions"][0]["attention"] == pytest.approx(left.mean(), abs=1e-5)
    html = (tmp_path / "out/report.html").read_text()
    assert "image/svg+xml" in html and "25 frames" in html and html.count('src="data:image/jpeg') == 2


def test_ctrl_c_leaves_the_numbers_of_the_frames_so_far(mindaam, regions, tmp_path, monkeypatch):  # noqa: F811
    follow = videos.follow

    def stopped(*arguments, **options):
        for number, pair in enumerate(follow(*arguments, **options)):
            if number == 8:
                raise KeyboardInterrupt
            yield pair

    monkeypatch.setattr(videos, "follow", stopped)
    film = make_clip(tmp_path / "film.mp4", spots(20), rate=10)
    given = ["--save", "npy", "--fps", "all", "--regions", regions([{"name": "left", "box": [0, 0, 32, 48]}])]
    code, _, err = mindaam(film, "-o", tmp_path / "out", *given)
    assert code == 130 and "stopped at second 0.7" in err
    [entry] = json.loads((tmp_path / "out/results.json").read_text())["results"]
    assert entry["frames"] == 8 and len((tmp_path / "out/film.curves.csv").read_text().splitlines()) == 9
