"""Truths and maps on their way to the released metrics, against the outputs of the authors' code."""

from pathlib import Path

import numpy as np
import pytest
from mindspore import Tensor, ops

from mindaam.evaluation import released
from tests import gold

GOLDEN = np.load(Path(__file__).parent / "goldens" / "maps.npz")
SIDE = (64, 64)
PROBABILITY = GOLDEN["prob"][0, 0]
TRUTH_SIZE = GOLDEN["blurred"].shape


def test_densities_and_fixations_of_images():
    gold.check(GOLDEN, "gt_pil_bilinear_64", released.image_density(GOLDEN["grey"], SIDE), atol=1e-7)
    gold.check(GOLDEN, "fix_pil_nearest_64", released.image_fixations(GOLDEN["grey"], SIDE), atol=1e-7)


def test_shrinking_a_fixation_map_loses_points():
    gray = np.zeros((4, 4), np.uint8)
    gray[1, 1] = gray[0, 0] = 255
    assert released.image_fixations(gray, (2, 2)).sum() == 1


def test_densities_of_frames():
    gold.check(GOLDEN, "gt_cv2_linear_64", released.frame_density(GOLDEN["grey"], SIDE), atol=1e-7)
    scaled = (GOLDEN["grey"] / np.float32(255)).astype(np.float32)
    np.testing.assert_allclose(released.frame_density(scaled, SIDE), GOLDEN["gt_cv2_linear_64"], atol=1e-6)


def test_maps_at_the_size_of_the_truth():
    gold.check(GOLDEN, "resized", released.image_map(PROBABILITY, TRUTH_SIZE)[None, None], atol=1e-6)
    gold.check(GOLDEN, "blurred", released.frame_map(PROBABILITY, TRUTH_SIZE), atol=1e-6)


def test_levels_of_a_written_map():
    np.testing.assert_array_equal(released.gray_levels(GOLDEN["blurred"]), GOLDEN["png_u8"])


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_a_flat_map_is_written_black(value):
    assert not released.gray_levels(np.full((3, 4), value, np.float32)).any()


def test_enlarging_with_aligned_corners():
    # The operation with which the released head ends (`models.head`), on its own.
    logits = Tensor(gold.tensor("M/logit", (1, 1, 56, 56)))
    enlarged = ops.interpolate(logits, size=(112, 112), mode="bilinear", align_corners=True)
    gold.check(GOLDEN, "align_corners_up", enlarged.asnumpy(), atol=1e-6)
