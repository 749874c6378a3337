"""Gaze folders of a few small images, and sources of maps for them."""

import csv
import gzip
import json

import numpy as np
import pytest
from PIL import Image

from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.sample import prompt_of
from mindaam.evaluation.evaluating import Plan
from mindaam.metrics.protocols import protocol

WIDE, HIGH = 600, 420
PAPER = protocol("paper")
PLAN = Plan(PAPER._replace(metrics=("CC", "SIM", "KLD", "NSS", "AUC_Judd", "sAUC")), command="mindaam evaluate")


def write_folder(root, name, conditions, splits, size):
    """A gaze folder without its gaze: stimuli, meta.json and splits.json."""
    names = [each for split in splits.values() for each in split]
    (root / "stimuli").mkdir(parents=True)
    for shade, each in enumerate(names):
        Image.new("RGB", size, (shade * 20, 90, 120)).save(root / "stimuli" / each, quality=95)
    meta = {
        "name": name,
        "conditions": {each: each for each in conditions},
        "images": {each: {"size": list(size)} for each in names},
    }
    (root / "meta.json").write_text(json.dumps(meta))
    (root / "splits.json").write_text(json.dumps(splits))


def write_fixations(root, splits, name="osie"):
    """A gaze folder with twenty random fixations of one viewer on each image."""
    write_folder(root, name, ["free_viewing"], splits, (WIDE, HIGH))
    draw = np.random.default_rng(0)
    with gzip.open(root / "fixations.csv.gz", "wt", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["image", "subject", "condition", "x", "y", "order", "t_ms", "duration_ms"])
        for each in (each for split in splits.values() for each in split):
            for x, y in draw.random((20, 2)) * (WIDE, HIGH):
                rows.writerow([each, "s1", "free_viewing", f"{x:.2f}", f"{y:.2f}", 1, "", ""])


@pytest.fixture
def tasks(tmp_path):
    """Two images under two tasks, as density maps: a blob on the left for one task, on the right for the other."""
    root = tmp_path / "taskfix"
    write_folder(root, "taskfix", ["count_people", "judge_emotion"], {"val": ["a.jpg", "b.jpg"]}, (64, 48))
    for condition, column in (("count_people", 12), ("judge_emotion", 40)):
        (root / "maps" / condition).mkdir(parents=True)
        for row, stem in ((10, "a"), (30, "b")):
            density = np.zeros((48, 64), np.uint8)
            density[row : row + 9, column : column + 9] = 200
            Image.fromarray(density).save(root / "maps" / condition / f"{stem}.png")
    return GazeFolder(root, "val")


@pytest.fixture
def viewing(tmp_path):
    """Three images with fixations: two to train on, one to score."""
    write_fixations(tmp_path / "osie", {"train": ["a.jpg", "b.jpg"], "val": ["c.jpg"]})
    return GazeFolder(tmp_path / "osie", "val")


class Source:
    """A MapSource of images whose maps are those of a function of (image, prompts); notes its calls."""

    name = "fake"

    def __init__(self, predict_many):
        self.predict_many, self.calls = predict_many, []

    def image_maps(self, reader, index, prompts):
        image = reader.image(index)
        self.calls.append((reader.entries[index][0], image, list(prompts)))
        return [np.asarray(each, np.float32) for each in self.predict_many(image, prompts)]

    def described(self):
        return {"model": "fake"}

    def notes(self, name):
        return []


def same(shape=(4, 4)):
    """A Source of constant maps."""
    return Source(lambda image, prompts: [np.ones(shape, np.float32) for _ in prompts])


class Oracle(Source):
    """Returns a condition's ground truth for its own prompt, and a uniform map for any other prompt."""

    def __init__(self, *_):
        super().__init__(None)

    def image_maps(self, reader, index, prompts):
        self.calls.append((reader.entries[index][0], reader.image(index), list(prompts)))
        name = reader.entries[index][0]
        truths = {
            prompt_of(reader, each): reader.density(each)
            for each, (other, _) in enumerate(reader.entries)
            if other == name
        }
        return [truths.get(text, np.ones(reader.size(index), np.float32)) for text in prompts]
