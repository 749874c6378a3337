"""Near-duplicates across splits and sets are found in pictures and in films, and told from those in one split."""

import cv2
import numpy as np
import pytest
from PIL import Image

from mindaam.data.checks import leaks
from mindaam.data.datasets.published import find_sets


def scene(seed, size=(120, 160)):
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (7, 9, 3)).astype(np.uint8)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def released(root, name, part, stem, image):
    """One picture with gaze of a set in the released layout."""
    dot = np.zeros(image.shape[:2], np.uint8)
    dot[40, 50] = 255
    for kind, pixels in (("stimuli", image), ("saliency", dot), ("fixation", dot)):
        folder = root / name / part / f"{part}_{kind}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{stem}.png")


@pytest.fixture
def root(tmp_path):
    for seed in range(6):
        released(tmp_path, "CAT2000", "train" if seed < 4 else "val", f"{seed:03}", scene(seed))
        released(tmp_path, "MIT1003", "train", f"i{seed}", scene(100 + seed))
    return tmp_path


def test_pictures_that_are_all_different_have_no_pairs(root):
    report = leaks.compared(find_sets(root))
    assert report == {"compared": 12, "flat": 0, "leaks": [], "doubles": [], "unreadable": []}


def test_a_copy_in_another_split_leaks_within_a_set_and_between_two(root):
    released(root, "CAT2000", "val", "copy", cv2.resize(scene(1), (100, 90)))
    released(root, "MIT1003", "val", "mirror", np.ascontiguousarray(scene(2)[:, ::-1]))
    released(root, "MIT1003", "train", "same", scene(3))
    report = leaks.compared(find_sets(root))
    train = "train/train_stimuli"
    pairs = [(pair["first"][2].split("/")[-1], pair["second"][2].split("/")[-1]) for pair in report["leaks"]]
    assert pairs == [("001.png", "copy.png"), ("002.png", "mirror.png")]
    assert [pair["mirrored"] for pair in report["leaks"]] == [False, True]
    assert report["leaks"][1]["first"] == ["cat2000", "train", f"{train}/002.png"]
    assert report["leaks"][1]["second"][:2] == ["mit1003", "val"]
    assert [pair["second"][2] for pair in report["doubles"]] == [f"{train}/same.png"]


def test_flat_and_damaged_pictures_are_counted_and_pair_with_nothing(root):
    released(root, "CAT2000", "train", "white", np.full((60, 80, 3), 255, np.uint8))
    released(root, "CAT2000", "val", "blank", np.full((60, 80, 3), 255, np.uint8))
    (root / "MIT1003/train/train_stimuli/i0.png").write_bytes(b"nothing")
    titles = []
    report = leaks.compared(find_sets(root), titles.append)
    assert report["flat"] == 2 and report["leaks"] == [] and report["doubles"] == []
    assert report["unreadable"] == [["mit1003", "train/train_stimuli/i0.png"]]
    assert len(titles) == 14


def test_a_film_of_another_split_that_shares_a_frame_leaks_once(tmp_path):
    for part, film, seeds in (("train", "one", (0, 1, 2)), ("train", "two", (3, 4, 5)), ("val", "three", (9, 4, 5))):
        for number, seed in enumerate(seeds, start=1):
            folder = tmp_path / f"DHF1K_{part}/video/{film}/images"
            folder.mkdir(parents=True, exist_ok=True)
            for place in (number, number + 3, number + 6):  # the first 5 are left out
                Image.fromarray(scene(seed)).save(folder / f"{place:04}.png")
    [found] = find_sets(tmp_path, ["dhf1k"])
    seen, unreadable = leaks.fingerprints(found)
    assert len(seen) == 9 and unreadable == []
    report = leaks.leaks(seen)
    assert [pair["first"][1] + pair["second"][1] for pair in report["leaks"]] == ["trainval"]
    assert report["doubles"] == []
