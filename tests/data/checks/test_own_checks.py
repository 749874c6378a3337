"""Gaze folders and packs are looked through with the data sets."""

import csv
import gzip
import json

import numpy as np
import pytest
from PIL import Image

from mindaam.data.checks.own_checks import examine_own
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.packs.packing import pack


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "mine"
    (place / "stimuli").mkdir(parents=True)
    names = [f"{number}.png" for number in range(4)]
    for name in names:
        Image.fromarray(np.full((24, 32, 3), 90, np.uint8)).save(place / "stimuli" / name)
    with gzip.open(place / "fixations.csv.gz", "wt", newline="") as stream:
        csv.writer(stream).writerows([("image", "condition", "x", "y"), *((n, "free_viewing", 5, 6) for n in names)])
    meta = {"images": {name: {"size": [32, 24]} for name in names}, "conditions": ["free_viewing"]}
    (place / "meta.json").write_text(json.dumps(meta))
    (place / "splits.json").write_text(json.dumps({"train": names[:3], "val": names[3:]}))
    return place


def test_sound_folders_and_packs(folder, tmp_path):
    pack(GazeFolder(folder, "train"), tmp_path / "mine.train", (16, 16), workers=0)
    gaze, packed = examine_own(tmp_path, deep=True)
    assert (gaze["kind"], gaze["splits"], gaze["problems"]) == ("gaze folder", {"train": 3, "val": 1}, [])
    assert (packed["kind"], packed["splits"], packed["problems"]) == ("pack", {"train": 3}, [])
    [(condition, found)] = gaze["conditions"].items()
    assert condition == "free_viewing" and found["entries"] == 4 and found["prompts"] > 1 and found["prompt"]
    assert examine_own(folder) == [gaze] and gaze["ground_truth"] == packed["ground_truth"] != ""


def test_what_is_damaged_is_named(folder, tmp_path):
    pack(GazeFolder(folder, "val"), tmp_path / "mine.val", (16, 16), workers=0)
    (folder / "stimuli" / "1.png").write_bytes(b"")
    (folder / "stimuli" / "3.png").unlink()
    shard = tmp_path / "mine.val" / "shard-00000.zip"
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    gaze, packed = examine_own(tmp_path, deep=True)
    assert len(gaze["problems"]) == 2 and "1.png is empty" in gaze["problems"][0] and "3.png" in gaze["problems"][1]
    assert len(packed["problems"]) == 1 and "shard-00000.zip" in packed["problems"][0]
    assert examine_own(tmp_path)[1]["problems"] == []  # only the hashes tell


def test_a_name_that_is_here_twice_gets_a_note_on_what_is_used(folder, tmp_path):
    pack(GazeFolder(folder, "train"), tmp_path / "mine.train", (16, 16), workers=0)
    gaze, packed = examine_own(tmp_path)
    assert gaze["notes"] == [] and packed["notes"] == [
        "training reads the pack, evaluation the gaze folder mine that is here too"
    ]
    gaze, packed = examine_own(tmp_path, ["mine"], ["mine"])
    assert gaze["notes"] == ["the dataset of that name here is not used: the gaze folder comes first"]
    assert examine_own(tmp_path, ["other"]) == []


def test_links_that_lead_out_of_the_folder_are_told(folder, tmp_path):
    for name in ("0.png", "1.png"):
        (folder / "stimuli" / name).rename(tmp_path / name)
        (folder / "stimuli" / name).symlink_to(tmp_path / name)
    (folder / "stimuli" / "4.png").symlink_to("2.png")
    [gaze] = examine_own(folder)
    assert gaze["problems"] == [] and len(gaze["notes"]) == 1
    assert gaze["notes"][0].startswith("2 links lead out of the folder, and are followed; stimuli/0.png leads to ")
