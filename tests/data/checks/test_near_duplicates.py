"""Near-duplicate pictures: hashes, exact search, copies that must be found and pictures that must not pair."""

import cv2
import numpy as np
import pytest
from PIL import Image

from mindaam.data.checks import near_duplicates as near
from mindaam.errors import InputError


def scene(seed, size=(240, 320)):
    """A random smooth scene with a few blocks, uint8 RGB [H,W,3]."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (8, 10, 3)).astype(np.uint8)
    image = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        x, y = draw.integers(0, size[1] - 40), draw.integers(0, size[0] - 40)
        image[y : y + 30, x : x + 40] = draw.integers(0, 256, 3)
    return image


def brute(first, second, distance):
    return [
        (i, j) for i, a in enumerate(first) for j, b in enumerate(second) if bin(int(a) ^ int(b)).count("1") <= distance
    ]


def test_bits_are_counted_as_python_counts_them():
    values = np.random.default_rng(0).integers(0, 2**64, 500, dtype=np.uint64)
    assert near.bits_set(values).tolist() == [bin(int(value)).count("1") for value in values]


@pytest.mark.parametrize("distance", [0, 1, 3, 8])
def test_near_pairs_are_exactly_those_of_comparing_all(distance):
    draw = np.random.default_rng(distance)
    hashes = draw.integers(0, 2**64, 120, dtype=np.uint64)
    for place in range(60):  # neighbours at 0 to 11 bits
        flips = draw.choice(64, place % 12, replace=False)
        mask = sum(1 << int(bit) for bit in flips)
        hashes[60 + place] = hashes[place] ^ np.uint64(mask)
    expected = [(i, j) for i, j in brute(hashes, hashes, distance) if i < j]
    assert [tuple(pair) for pair in near.near_pairs(hashes, distance=distance).tolist()] == expected
    others = hashes[40:90]
    found = near.near_pairs(hashes, others, distance)
    assert [tuple(pair) for pair in found.tolist()] == brute(hashes, others, distance)


def test_pairs_are_exact_when_they_come_in_many_blocks(monkeypatch):
    monkeypatch.setattr(near, "BLOCK", 7)
    hashes = np.random.default_rng(1).integers(0, 4, 40, dtype=np.uint64)
    expected = [(i, j) for i, j in brute(hashes, hashes, 1) if i < j]
    assert [tuple(pair) for pair in near.near_pairs(hashes, distance=1).tolist()] == expected


def test_no_hashes_have_no_pairs():
    assert near.near_pairs(np.zeros(0, np.uint64)).shape == (0, 2)
    assert near.near_duplicates([]) == [] and near.near_duplicates([None, None]) == []


def test_resized_recompressed_and_mirrored_copies_are_found_and_nothing_else(tmp_path):
    pictures = [scene(seed) for seed in range(30)]
    prints = [near.fingerprint(picture) for picture in pictures]
    Image.fromarray(pictures[3]).resize((150, 100)).save(tmp_path / "small.png")
    Image.fromarray(pictures[7]).save(tmp_path / "poor.jpg", quality=25)
    Image.fromarray(np.ascontiguousarray(pictures[11][:, ::-1])).save(tmp_path / "mirror.jpg", quality=60)
    prints += [near.fingerprint_file(tmp_path / name) for name in ("small.png", "poor.jpg", "mirror.jpg")]
    assert near.near_duplicates(prints) == [(3, 30, False), (7, 31, False), (11, 32, True)]


def test_many_copies_of_one_picture_are_each_paired_with_the_first():
    one, other = near.fingerprint(scene(1)), near.fingerprint(scene(2))
    assert near.near_duplicates([other, one, one, None, one]) == [(1, 2, False), (1, 4, False)]


def test_flat_pictures_have_no_fingerprint():
    assert near.fingerprint(np.full((100, 100, 3), 255, np.uint8)) is None
    faint = np.full((100, 100), 128, np.uint8)
    faint[:50] += 3
    assert near.fingerprint(faint) is None


def test_a_symmetric_picture_is_no_mirrored_copy_of_itself():
    picture = scene(5)
    both = np.concatenate([picture, picture[:, ::-1]], axis=1)
    assert near.near_duplicates([near.fingerprint(both)]) == []


def test_a_jpeg_that_lies_on_its_side_by_exif_is_set_upright(tmp_path):
    picture = Image.fromarray(scene(9))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=exif, quality=90)
    pair = [near.fingerprint(scene(9)), near.fingerprint_file(tmp_path / "turned.jpg")]
    assert near.near_duplicates(pair) == [(0, 1, False)]


def test_a_damaged_picture_is_refused(tmp_path):
    whole = tmp_path / "whole.jpg"
    Image.fromarray(scene(2)).save(whole)
    (tmp_path / "cut.jpg").write_bytes(whole.read_bytes()[:900])
    with pytest.raises(InputError, match="damaged or truncated"):
        near.fingerprint_file(tmp_path / "cut.jpg")


@pytest.mark.gaze
def test_of_560_photographs_and_119_pages_just_one_pair_is_the_same_photograph(gaze_root):
    places = [place for name in ("osie", "fiwi") for place in sorted((gaze_root / name / "stimuli").iterdir())]
    prints = [near.fingerprint_file(place) for place in places]
    [pair] = near.near_duplicates(prints)
    assert [places[pair.first].name, places[pair.second].name, pair.mirrored] == ["1279.jpg", "1374.jpg", False]
