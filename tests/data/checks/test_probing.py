"""What cannot be read is found before a run starts, and named."""

import shutil

import numpy as np
from PIL import Image
from scipy.io import savemat

from mindaam.data.checks.probing import damaged, probe
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.opening import open_found
from mindaam.data.datasets.published import find_set
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from tests.data.datasets import image_trees, video_trees
from tests.data.datasets.readers.test_gaze_folder import HEADER, ROWS, make_pictures, write_json, write_rows


def opened(root, key, split="train", truth=None):
    return open_found(find_set(root, key), split, truth)


def test_sound_sets_have_nothing_to_tell(tmp_path):
    image_trees.build("cat2000", "official", tmp_path / "CAT2000")
    video_trees.build("diem", "official", tmp_path)
    told = []
    readers = {key: opened(tmp_path, key) for key in ("cat2000", "diem")}
    assert damaged(readers, report=lambda *done: told.append(done)) == {}
    assert told == [(done, 4) for done in range(1, 5)]


def test_each_kind_of_damage_is_named(tmp_path):
    image_trees.build("cat2000", "official", tmp_path / "CAT2000")
    reader = opened(tmp_path, "cat2000")
    picture, gaze = reader.image_path(0), reader.tree.path(reader.stimuli[1].gaze)
    picture.write_bytes(picture.read_bytes()[:9])
    savemat(gaze, {"fixLocs": np.zeros((54, 96), bool)})
    found = damaged({"cat2000": reader})["cat2000"]
    assert list(found) == [name for name, _ in reader.entries]
    assert str(picture) in found[reader.entries[0][0]] and str(gaze) in found[reader.entries[1][0]]


def test_maps_are_looked_at_where_densities_are_made_of_them(tmp_path):
    image_trees.build("cat2000", "official", tmp_path / "CAT2000")
    reader = opened(tmp_path, "cat2000", truth=GroundTruth(source="maps"))
    reader.map_path(0).write_bytes(b"no picture")
    assert str(reader.map_path(0)) in probe(reader, 0) and probe(reader, 1) is None
    assert probe(opened(tmp_path, "cat2000"), 0) is None  # fixations do not need it


def test_a_film_is_looked_into_at_both_ends(tmp_path):
    video_trees.build("ledov", "released", tmp_path)
    reader = opened(tmp_path, "ledov")
    frames = sorted((reader.root / reader.videos[0].path).iterdir())
    shutil.copy(__file__, frames[-1])
    assert str(frames[-1]) in probe(reader, 0)


def test_maps_of_another_shape_are_named(tmp_path):
    image_trees.build("cat2000", "official", tmp_path / "CAT2000")
    reader = opened(tmp_path, "cat2000", truth=GroundTruth(source="maps"))
    path = reader.map_path(0)
    Image.open(path).resize((50, 50)).save(path)
    assert "sizes disagree: the map is 50x50, the image 96x54" in probe(reader, 0) and str(path) in probe(reader, 0)
    Image.open(reader.map_path(1)).resize((48, 27)).save(reader.map_path(1))
    assert probe(reader, 1) is None


def test_fixations_that_mostly_miss_their_picture_are_named(tmp_path):
    image_trees.build("osie", "official", tmp_path / "OSIE")
    reader = opened(tmp_path, "osie")
    assert probe(reader, 0) is None
    path = reader.image_path(0)
    Image.open(path).resize((30, 20)).save(path)
    assert "lie outside the image, which is 30x20" in probe(reader, 0)


def test_a_picture_that_is_not_of_the_size_in_meta_json_is_named(tmp_path):
    images = make_pictures(tmp_path, {"a.jpg": (60, 40), "b.jpg": (60, 40), "c.jpg": (60, 40)})
    write_json(tmp_path / "meta.json", {"conditions": ["free_viewing"], "images": images})
    write_rows(tmp_path, [HEADER, *ROWS])
    Image.new("RGB", (40, 60)).save(tmp_path / "stimuli/b.jpg")
    [(name, why)] = damaged({"": GazeFolder(tmp_path)})[""].items()
    assert name == "b.jpg" and "40x60 but meta.json and its gaze data are for 60x40" in why
