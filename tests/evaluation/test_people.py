"""People predicting people: which viewers are which half, what their scores are, and who cannot be parted."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindaam.data.datasets.opening import open_set
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.transforms import fixation_density
from mindaam.evaluation.people import People
from mindaam.evaluation.train_gaze import TrainGaze
from mindaam.metrics import cc, nss
from mindaam.metrics.protocols import protocol
from tests.clips import make_clip, pictures
from tests.data.datasets import video_trees
from tests.data.datasets.readers.test_gaze_folder import make_pictures, write_json, write_rows

PAPER = protocol("paper")
HEADER = "image,subject,condition,x,y,order,t_ms,duration_ms"
SUBJECTS = ["s2", "s10", "ann", "s1", "bob"]  # numbered in the order of their names


def rows_of(image, subjects, seed=0, size=(60, 40)):
    draw = np.random.default_rng(seed)
    for number, (x, y) in enumerate(draw.random((4 * len(subjects), 2)) * size):
        yield f"{image},{subjects[number % len(subjects)]},free_viewing,{x:.2f},{y:.2f},1,{40 * (number % 7)},100"


def folder_of(root, rows):
    images = make_pictures(root, {"a.jpg": (60, 40), "b.jpg": (60, 40), "c.jpg": (60, 40)})
    meta = {"name": "made", "conditions": {"free_viewing": "x"}, "images": images, "px_per_degree_stored": 5}
    write_json(root / "meta.json", meta)
    write_rows(root, [HEADER, *rows])
    return GazeFolder(root, "val")


@pytest.fixture
def reader(tmp_path):
    """One image to score, with five viewers, two to draw others from."""
    rows = [row for seed, name in enumerate(("a.jpg", "b.jpg", "c.jpg")) for row in rows_of(name, SUBJECTS, seed)]
    return folder_of(tmp_path / "made", rows)


def test_half_of_the_viewers_predicts_the_other(reader):
    gaze, seed = TrainGaze(reader), 3
    names = sorted(SUBJECTS)
    draw = np.random.RandomState(seed)
    draw.permutation(2)  # the train images that others are drawn from
    first = [names[number] for number in draw.permutation(5)[:2]]
    table = gzip.decompress((reader.root / "fixations.csv.gz").read_bytes()).decode()
    rows = [row.split(",") for row in table.split("\n")[1:]]
    points = {half: np.float32([row[3:5] for row in rows if row[0] == "c.jpg" and (row[1] in first) == half])
              for half in (True, False)}  # fmt: skip
    predicted, truth = (fixation_density(points[half], (40, 60), 5) for half in (True, False))
    scores = People(reader).scores(0, PAPER, gaze, seed)
    assert scores["CC"] == pytest.approx(cc(predicted, truth), abs=1e-6)
    assert scores["NSS"] == pytest.approx(nss(predicted, points[False]), abs=1e-5)
    assert {"SIM", "KLD", "AUC_Judd", "sAUC"} <= set(scores) and "IG" not in scores
    assert People(reader).scores(0, PAPER, gaze, seed) == pytest.approx(scores, nan_ok=True)


@given(seed=st.integers(0, 10_000))
def test_the_first_half_is_the_smaller_and_every_viewer_is_in_one(seed):
    class Reader(list):
        is_video, entries = False, [("a.jpg", "c")]

        def viewers(self, index):
            return np.array([4, 1, 1, 7, 2, 9, 4])

    class Gaze:
        count = 11

    half = People(Reader([0]))._first_half(0, seed, Gaze())
    assert len(half) == len(set(half.tolist())) == 2 and set(half.tolist()) < {1, 2, 4, 7, 9}


def test_one_viewer_and_a_train_split_that_is_missing(tmp_path):
    single = folder_of(tmp_path / "one", [row for name in ("a.jpg", "b.jpg", "c.jpg") for row in rows_of(name, ["s1"])])
    people = People(single)
    assert people.reason is None and people.scores(0, PAPER, TrainGaze(single), 0) is None
    alone = folder_of(tmp_path / "two", list(rows_of("c.jpg", SUBJECTS)))
    write_json(alone.root / "splits.json", {"val": ["c.jpg"]})
    scores = People(alone).scores(0, PAPER, TrainGaze(alone), 0)
    assert "CC" in scores and "sAUC" not in scores


@pytest.mark.parametrize("subject", ["", None])
def test_a_table_without_subjects_is_a_reason(tmp_path, subject):
    rows = [row for name in ("a.jpg", "b.jpg", "c.jpg") for row in rows_of(name, SUBJECTS)]
    reader = folder_of(tmp_path / "made", rows)
    if subject is None:
        lines = [",".join(np.delete(row.split(","), 1)) for row in (HEADER, *rows)]
    else:
        lines = [HEADER, *rows[:-1], rows[-1].replace(rows[-1].split(",")[1], subject, 1)]
    write_rows(reader.root, lines)
    people = People(GazeFolder(reader.root, "val"))
    assert "viewers" in people.reason and people.scores(0, PAPER, TrainGaze(reader), 0) is None


def test_numbers_of_a_folder_are_those_of_its_points(reader):
    points, viewers = reader.fixations(0), reader.viewers(0)
    found = {(f"{x:.2f}", sorted(SUBJECTS)[viewer]) for (x, _), viewer in zip(points, viewers, strict=True)}
    assert found == {(row.split(",")[3], row.split(",")[1]) for row in rows_of("c.jpg", SUBJECTS, 2)}


def make_videos(root):
    (root / "stimuli").mkdir(parents=True)
    for name in ("a.mp4", "c.mp4"):
        make_clip(root / "stimuli" / name, pictures(10))
    listed = {name: {"size": [64, 48], "frames": 10, "rate": 25} for name in ("a.mp4", "c.mp4")}
    meta = {"name": "made", "conditions": ["free_viewing"], "films": listed, "px_per_degree_stored": 5}
    write_json(root / "meta.json", meta)
    write_json(root / "splits.json", {"train": ["a.mp4"], "val": ["c.mp4"]})
    write_rows(root, [HEADER, *rows_of("a.mp4", SUBJECTS, 1, (64, 48)), *rows_of("c.mp4", SUBJECTS, 0, (64, 48))])
    return open_gaze_videos(root, "val")


def test_the_halves_of_a_video_are_those_of_all_its_frames(tmp_path):
    reader = make_videos(tmp_path / "made")
    gaze, people = TrainGaze(reader), People(reader)
    seen = [set(reader.viewers(0, position).tolist()) for position in range(10)]
    assert set.union(*seen) == set(range(5)) and any(each != set(range(5)) for each in seen)
    half = set(people._first_half(0, 5, gaze).tolist())
    scored = [people.scores(0, PAPER, gaze, 5, position) for position in range(10)]
    for each, scores in zip(seen, scored, strict=True):
        assert (scores is not None) == bool(each & half and each - half)
    assert any(scored) and all(np.isfinite(scores["CC"]) for scores in scored if scores)


@pytest.mark.parametrize(("layout", "apart"), [("raw", True), ("official", False)])
def test_dhf1k_has_viewers_in_its_gaze_records_alone(tmp_path, layout, apart):
    video_trees.build("dhf1k", layout, tmp_path)
    reader = open_set(tmp_path, "dhf1k", "val")
    people, gaze = People(reader), TrainGaze(reader)
    assert (people.reason is None) == apart
    scores = [people.scores(0, PAPER, gaze, 0, position) for position in range(reader.frames(0))]
    assert any(scores) == apart
