"""Search conditions: boxes, the attention that is made of them, and their wordings."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.data.search import attention, boxes, wordings
from mindaam.errors import ConfigError, InputError

STORED = (30, 60)
BOX = np.array([[6, 6, 12, 12]], np.float32)


def written(place, images):
    path = place / "objects" / "made.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"pictures": images}))
    return path


def test_boxes_are_read_by_image_and_class(tmp_path):
    listed = [{"name": "dog", "box": [1, 2, 3, 4], "score": 0.9}, {"name": "dog", "box": [0, 0, 1, 1.5]}]
    found = boxes.read(written(tmp_path, {"1.jpg": listed, "2.jpg": []}))
    assert list(found) == ["1.jpg", "2.jpg"] and found["2.jpg"] == {}
    np.testing.assert_array_equal(found["1.jpg"]["dog"], np.array([[1, 2, 3, 4], [0, 0, 1, 1.5]], np.float32))
    assert boxes.path_of(tmp_path, "made") == tmp_path / "objects" / "made.json"


@pytest.mark.parametrize(
    "listed",
    [
        [{"name": "dog", "box": [1, 2, 3]}],
        [{"name": "dog", "box": [1, 2, 0, 4]}],
        [{"name": "dog", "box": [1, 2, float("nan"), 4]}],
        [{"name": "dog", "box": [1, 2, 1e300, 4]}],
        [{"name": "dog", "box": [1, 10**400, 3, 4]}],
        [{"name": 3, "box": [1, 2, 3, 4]}],
        [{"box": [1, 2, 3, 4]}],
        "dog",
        [["dog"]],
    ],
)
def test_a_damaged_box_is_refused_with_its_image(tmp_path, listed):
    with pytest.raises(InputError, match="1.jpg"):
        boxes.read(written(tmp_path, {"1.jpg": listed}))


def test_a_file_that_is_missing_or_not_json_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        boxes.read(tmp_path / "no.json")
    (tmp_path / "no.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="copy it again"):
        boxes.read(tmp_path / "no.json")
    (tmp_path / "no.json").write_text("[]")
    with pytest.raises(InputError, match="pictures"):
        boxes.read(tmp_path / "no.json")


def test_a_mask_is_the_covered_share_of_each_pixel():
    mask = boxes.mask(BOX, STORED, (5, 10))  # pixels of 6 x 6
    expected = np.zeros((5, 10), np.float32)
    expected[1:3, 1:3] = 1
    np.testing.assert_allclose(mask, expected, atol=1e-6)
    half = boxes.mask([[3, 6, 6, 6]], STORED, (5, 10))
    np.testing.assert_allclose(half[1, :3], [0.5, 0.5, 0], atol=1e-6)
    assert boxes.mask([[-10, -10, 200, 200]], STORED, (5, 10)).min() == 1


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000), st.sampled_from(["person", "text", "dog"]))
def test_searching_moves_attention_into_the_boxes_and_keeps_the_rest_in_proportion(seed, name):
    draw = np.random.default_rng(seed)
    free = draw.random((10, 20)).astype(np.float32) ** 4
    free /= free.sum()
    corner, sides = draw.uniform(0, 0.7, 2) * STORED[::-1], draw.uniform(0.05, 0.3, 2) * STORED[::-1]
    box = np.array([[*corner, *sides]], np.float32)
    mask = boxes.mask(box, STORED, free.shape)
    found = attention.searched(free, mask, box, STORED, name)
    assert found.dtype == np.float32 and found.min() >= 0 and found.sum() == pytest.approx(1, abs=1e-5)
    near = boxes.mask(box + np.array([[-6, -6, 12, 12]], np.float32), STORED, free.shape)
    assert (found * near).sum() > min((free * near).sum(), attention.FOUND) - 0.1
    spread = attention.within(box, STORED, free.shape, name)
    far = (mask == 0) & (spread < 1e-9) & (free > 1e-5)
    ratio = found[far] / free[far]
    assert far.sum() == 0 or ratio.max() - ratio.min() < 1e-3 * ratio.max()


def test_of_a_person_the_head_is_looked_at_and_of_a_cup_its_middle():
    box = np.array([[20, 0, 20, 30]], np.float32)
    rows = {name: attention.within(box, STORED, (30, 60), name).sum(1) for name in ("person", "cup")}
    assert rows["person"].argmax() in (5, 6) and rows["cup"].argmax() in (14, 15)


def test_wordings_name_their_class_and_held_out_ones_are_not_trained_on():
    trained = {text for name in wordings.classes() if wordings.is_trained(name) for text in wordings.prompts(name)}
    assert "A viewer looks for a dog." in trained and "Where is the dog?" in trained
    for name in wordings.classes():
        assert len(set(wordings.prompts(name))) == len(wordings.prompts(name)) >= 14
        apart = {*wordings.held_out(name), *wordings.synonyms(name)}
        apart |= set() if wordings.is_trained(name) else set(wordings.prompts(name))
        assert apart and not apart & trained
    assert [name for name in wordings.classes() if not wordings.is_trained(name)]
    assert len(wordings.every_prompt()) == len(set(wordings.every_prompt()))
    with pytest.raises(ConfigError, match="dog"):
        wordings.prompts("dogg")
