"""What systems, cameras and people leave in data folders is neither damage nor gaze: each of these once was."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from mindaam.data.checks.checking import counted, examine
from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.datasets.opening import open_found
from mindaam.data.datasets.published import find_set, find_sets
from mindaam.data.datasets.readers.sample import image_sample
from mindaam.data.datasets.tree import Tree
from tests.data.datasets import image_trees, video_trees


def pictures(root, key, layout="official"):
    folder = root / catalogue()[key].folders[0]
    return image_trees.build(key, layout, folder), folder


def problems(root, key):
    found = examine(find_set(root, key))["problems"]
    return [(each["path"], each["reason"], each["severity"]) for each in found]


@pytest.mark.parametrize("name", ["Thumbs.db", "desktop.ini", ".DS_Store", "._b.png", "README.txt"])
def test_what_a_system_leaves_among_the_maps_is_no_map(tmp_path, name):
    _, folder = pictures(tmp_path, "salicon", "released")
    for place in ("stimuli/train", "saliency/train", "fixations/train_edit"):
        (folder / place / name).write_bytes(b"x")
    assert problems(tmp_path, "salicon") == []


def test_a_folder_of_resource_forks_is_passed_over(tmp_path):
    _, folder = pictures(tmp_path, "figrim")
    (folder / "Targets/__MACOSX").mkdir()
    assert "__MACOSX" not in Tree(folder).listing("Targets")


def test_maps_of_a_split_that_is_not_read_have_their_pictures(tmp_path):
    _, folder = pictures(tmp_path, "osie", "released")
    shutil.copytree(folder / "val", folder / "test")
    for part in ("stimuli", "saliency", "fixation"):
        (folder / f"test/val_{part}").rename(folder / f"test/test_{part}")
    assert problems(tmp_path, "osie") == []


def test_a_map_in_another_suffix_as_well_has_its_picture(tmp_path):
    _, folder = pictures(tmp_path, "figrim", "released")
    there = next((folder / "Fillers/FIXATIONMAPS").rglob("*.png"))
    Image.open(there).convert("L").save(there.with_suffix(".jpg"))
    assert problems(tmp_path, "figrim") == []


def test_a_picture_saved_again_in_another_suffix_is_noted(tmp_path):
    _, folder = pictures(tmp_path, "mit1003")
    there = sorted((folder / "ALLSTIMULI").iterdir())[0]
    Image.open(there).save(there.with_suffix(".png"))
    [(path, reason, severity)] = problems(tmp_path, "mit1003")
    assert (path, severity) == (f"ALLSTIMULI/{there.stem}.png", "note") and there.name in reason


@pytest.mark.parametrize("layout", ["official", "released"])
def test_suffixes_in_large_letters(tmp_path, layout):
    _, folder = pictures(tmp_path, "salicon", layout)
    for path in [each for each in folder.rglob("*") if each.is_file() and each.suffix in (".png", ".jpg", ".mat")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    assert problems(tmp_path, "salicon") == []
    assert len(image_sample(open_found(find_set(tmp_path, "salicon"), "train"), 0).fixations)


def test_frames_and_their_truths_in_large_letters(tmp_path):
    folder = video_trees.build("dhf1k", "released", tmp_path).folder
    for path in list(folder.rglob("*.png")):
        path.rename(path.with_suffix(".PNG"))
    assert problems(tmp_path, "dhf1k") == []
    reader = open_found(find_set(tmp_path, "dhf1k"), "train")
    assert reader.clip(0, [0, 1]).image.shape[0] == 2


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "I;16"])
def test_points_in_any_kind_of_picture_are_the_same_points(tmp_path, mode):
    expected, folder = pictures(tmp_path, "fiwi")
    for path in (folder / "eyeMaps/all5").iterdir():
        gray = np.asarray(Image.open(path).convert("L"))
        options = {}
        if mode == "RGBA":  # black and transparent but for the points
            picture = Image.fromarray(np.stack([gray] * 4, 2), mode)
        elif mode == "LA":
            picture = Image.fromarray(np.stack([gray] * 2, 2), mode)
        elif mode == "I;16":
            picture = Image.fromarray(gray.astype(np.uint16) * 257)
        else:
            picture, options = Image.fromarray(gray).convert(mode), {"transparency": 0} if mode == "P" else {}
        picture.save(path, **options)
    found = find_set(tmp_path, "fiwi")
    for split in found.splits():
        reader = open_found(found, split)
        for index, (name, _) in enumerate(reader.entries):
            [entry] = [each for each in expected.entries if each.name == name]
            assert np.array_equal(reader.fixations(index), entry.fixations)


@pytest.mark.parametrize("orientation", [3, 6])
def test_pictures_are_taken_as_stored_as_their_gaze_is(tmp_path, orientation):
    expected, folder = pictures(tmp_path, "osie")
    path = folder / "data/stimuli/1001.jpg"
    picture = Image.open(path)
    note = picture.getexif()
    note[0x0112] = orientation
    picture.save(path, exif=note, quality="keep")
    stored = np.asarray(Image.open(path))  # Pillow turns nothing unasked
    assert problems(tmp_path, "osie") == []
    found = find_set(tmp_path, "osie")
    [split] = {each.split for each in found.stimuli if each.name == "1001.jpg"}
    reader = open_found(found, split)
    index = [name for name, _ in reader.entries].index("1001.jpg")
    assert reader.size(index) == stored.shape[:2] and np.array_equal(reader.image(index), stored)
    assert np.array_equal(reader.fixations(index), expected.entries[0].fixations)


def test_salicon_without_its_val_pictures_is_not_complete(tmp_path):
    _, folder = pictures(tmp_path, "salicon")
    found = find_set(tmp_path, "salicon")
    one = next(each for each in found.stimuli if each.split == "train")
    many = [one._replace(name=f"train/{number}.jpg") for number in range(10_000)]
    counts = counted(found._replace(stimuli=many), [False] * len(many))
    assert (counts["expected"], counts["missing"]) == (15_000, 5_000)


@pytest.mark.parametrize("place", ["", "data", "data/stimuli"])
def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch, place):
    _, folder = pictures(tmp_path, "osie")
    closed, scandir, stat = os.path.join(folder, place).rstrip("/"), os.scandir, os.stat

    def guarded_scandir(path):
        if os.fspath(path).startswith(closed):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    def guarded_stat(path, **options):
        if not isinstance(path, int) and os.fsdecode(path).startswith(closed + "/"):
            raise PermissionError(13, "Permission denied", path)
        return stat(path, **options)

    monkeypatch.setattr(os, "scandir", guarded_scandir)
    monkeypatch.setattr(os, "stat", guarded_stat)
    [found] = find_sets(tmp_path, ["osie"])
    assert any("cannot be read" in each.reason for each in found.problems)
