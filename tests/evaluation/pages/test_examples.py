"""Examples are the best, median and worst by CC, predicted again, drawn beside their ground truth."""

import json
import math
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mindaam.data.datasets.opening import open_set
from mindaam.errors import InputError, OutputError
from mindaam.evaluation.maps import ModelMaps
from mindaam.evaluation.pages import examples
from mindaam.evaluation.pages.example_images import Images, triptychs
from mindaam.evaluation.results import Evaluation
from mindaam.inference.predictor import Predictor
from tests.data.datasets import video_trees
from tests.fakes import FakeEncoder, FakeModel

CC = {"a": 0.9, "b": 0.1, "c": 0.5, "d": 0.7, "e": math.nan}


class Reader:
    """Images or videos of 600x300 pixels in which only frames 2, 4 and 6 of 8 have a ground truth."""

    def __init__(self, name, is_video=False):
        self.name, self.is_video, self.asked = name, is_video, []
        self.entries = [(each, condition) for each in CC for condition in ("one", "two")]

    def size(self, index):
        return 300, 600

    def image(self, index):
        return np.full((300, 600, 3), 100, np.uint8)

    def labelled(self, index):
        return np.isin(np.arange(8), (2, 4, 6))

    def density(self, index, *place):
        self.asked.append((index, *place))
        density = np.zeros(place[-1], np.float32)
        density[:20, -20:] = 1 / 400
        return density

    def clip(self, index, positions):
        return SimpleNamespace(image=np.full((1, 300, 600, 3), 10 * positions[0], np.uint8))


class Source:
    """Maps with a peak at the left bottom; each map that is asked for is counted."""

    def __init__(self):
        self.asked, self.closed = [], 0

    def image_maps(self, reader, index, prompts):
        self.asked.append((reader.entries[index], prompts))
        return [_peak()]

    def video_maps(self, reader, index, prompts):
        try:
            for position in range(8):
                self.asked.append((reader.entries[index], position))
                yield [_peak()]
        finally:
            self.closed += 1


def _peak():
    values = np.zeros((30, 60), np.float32)
    values[-4:, :4] = 1
    return values


def rows_of(name, role="right"):
    return [
        {"dataset": name, "split": "val", "name": each, "condition": "two", "role": role, "maps": 1, "CC": value}
        for each, value in CC.items()
    ]


def roles_of(reader, condition):
    return {"right": [f"prompt of {condition}", "another"], "G1": ["g"], "center_bias": []}


def write(readers, rows, folder, source=None):
    evaluation = Evaluation({"sets": {reader.name: {} for reader in readers}}, rows)
    return examples.write(source or Source(), readers, evaluation, folder, roles_of)


def test_best_median_and_worst_are_written_with_what_they_are(tmp_path):
    source, reader = Source(), Reader("osie")
    assert write([reader], rows_of("osie"), tmp_path, source) == []
    found = json.loads((tmp_path / "examples" / "examples.json").read_text())["osie"]
    assert [(each["rank"], each["name"], each["CC"]) for each in found] == [
        ("best", "a", 0.9), ("median", "c", 0.5), ("worst", "b", 0.1)
    ]  # fmt: skip
    assert source.asked[0] == (("a", "two"), ["prompt of two"])
    with Image.open(tmp_path / "examples" / "osie-best.jpg") as image:
        assert image.size == (3 * examples.SIDE + 2 * examples.GAP, 240) and b"license" in image.info["comment"]
        pixels = np.asarray(image).astype(int)
    spread = np.ptp(pixels, axis=2)  # the image is gray, attention has a color
    assert spread[:, :470].max() < 12
    assert spread[-20:, 490:510].mean() > 40 and spread[:40, 700:960].max() < 12
    assert spread[:15, -15:].mean() > 40 and spread[-40:, 990:1200].max() < 12
    shown = triptychs(Images(tmp_path), "osie")
    assert [each["problem"] for each in shown] == [None] * 3 and shown[0]["frame"] is None


def test_of_a_video_the_middle_frame_with_a_ground_truth_is_shown_and_later_ones_are_not_predicted(tmp_path):
    source, reader = Source(), Reader("avad", is_video=True)
    write([reader], rows_of("avad")[:1], tmp_path, source)
    assert [position for _, position in source.asked] == [0, 1, 2, 3, 4] and source.closed == 1
    [found] = json.loads((tmp_path / "examples" / "examples.json").read_text())["avad"]
    assert (found["rank"], found["frame"]) == ("best", 4) and reader.asked == [(1, 4, (240, 480))]
    with Image.open(tmp_path / "examples" / "avad-best.jpg") as image:
        assert abs(np.asarray(image)[120, 240].astype(int) - 40).max() < 4


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], {}), ([math.nan], {}), ([0.5], {"best": 0.5}), ([0.2, 0.4], {"best": 0.4, "worst": 0.2}),
     ([0.4, 0.1, 0.3, 0.2], {"best": 0.4, "median": 0.2, "worst": 0.1})],
)  # fmt: skip
def test_ranks(values, expected):
    found = examples.ranked([{"CC": value} for value in values] + [{"NSS": 1.0}])
    assert {rank: row["CC"] for rank, row in found.items()} == expected


def test_without_right_the_first_role_that_is_no_baseline_is_shown(tmp_path):
    rows = rows_of("osie", "center_bias") + rows_of("osie", "G1")
    source = Source()
    write([Reader("osie")], rows, tmp_path, source)
    assert source.asked[0][1] == ["g"]
    other = rows_of("osie", "center_bias")
    assert write([Reader("osie")], other, tmp_path / "none") == [] and not (tmp_path / "none").exists()


def test_names_of_datasets_become_names_of_files_all_different(tmp_path):
    names = ("../a b", "..?a?b", "-" * 300)
    write([Reader(name) for name in names], [row for name in names for row in rows_of(name)[:1]], tmp_path)
    files = sorted(path.name for path in (tmp_path / "examples").iterdir())
    assert files == ["-" * 60 + "-best.jpg", "_a_b-0-best.jpg", "_a_b-1-best.jpg", "examples.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["examples"]


def test_one_that_fails_is_a_line_and_the_others_are_written(tmp_path):
    class Failing(Source):
        def image_maps(self, reader, index, prompts):
            if reader.entries[index][0] == "a":
                raise InputError("a is damaged")
            return super().image_maps(reader, index, prompts)

    [problem] = write([Reader("osie")], rows_of("osie"), tmp_path, Failing())
    assert "osie-best.jpg" in problem and "a is damaged" in problem
    assert [each["rank"] for each in triptychs(Images(tmp_path), "osie")] == ["median", "worst"]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "examples").write_text("")
    with pytest.raises(OutputError):
        write([Reader("osie")], rows_of("osie"), tmp_path)


def test_a_model_on_the_frames_of_a_video_file(tmp_path):
    """The map of the middle frame is that of the whole video; the threads of the rest end."""
    video_trees.build("dhf1k", "official", tmp_path / "data")
    reader = open_set(tmp_path / "data", "dhf1k", "val")
    model = Predictor(FakeModel(clip=4), sentence_encoder=FakeEncoder())
    name, condition = reader.entries[0]
    rows = [{"dataset": reader.name, "name": name, "condition": condition, "role": "right", "maps": 1, "CC": 0.5}]
    before = threading.active_count()
    assert write([reader], rows, tmp_path, ModelMaps(model, audio="off")) == []
    [found] = triptychs(Images(tmp_path), reader.name)
    labelled = np.flatnonzero(reader.labelled(0))
    assert found["jpeg"] and found["frame"] == labelled[len(labelled) // 2]
    assert threading.active_count() <= before
