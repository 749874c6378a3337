"""Synthetic videos as training data: what is computed once and read back, and a step's window."""

from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.data.transforms import normalize
from mindaam.training.feeding.synthetic_videos import COARSER, SyntheticVideoSet, batch
from tests.data.synthetic.test_synthetic_videos import FOLDERS
from tests.training.tasks.test_synthetic_videos import CLIP, GRID, SMALL, WIDTHS, RandomVideos, config

SETTINGS = SimpleNamespace(
    image_size=(32, 48), resize="area", mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2),
    encoder=SimpleNamespace(patch=16), head=SimpleNamespace(neck_widths=(2, 1)),
)  # fmt: skip


def means(image):
    """Stands in for the neck: the mean of each patch and color."""
    return image[0].reshape(3, 2, 16, 3, 16).mean((2, 4))


def encode(prompts):
    return np.array([[len(prompt)] for prompt in prompts], np.float32)


def video_set(folder, neck_maps=means, seed=1, origin="sha"):
    return SyntheticVideoSet(SETTINGS, FOLDERS, "train", 3, 4, seed, folder, origin, neck_maps, encode)


def refuse(image):
    raise AssertionError("computed again")


def test_maps_and_ground_truth_are_computed_once(tmp_path):
    videos = video_set(tmp_path)
    assert len(videos) == 3 and videos.truths.shape == (3, 4, 32 // COARSER, 48 // COARSER)
    np.testing.assert_allclose(videos.truths.sum((2, 3)), 1, atol=1e-5)
    made = videos.video(1)
    expected = [means(normalize(frame, SETTINGS.mean, SETTINGS.std)[None]) for frame in made.frames[1:3]]
    np.testing.assert_allclose(videos.window(1, 1, 2), expected, atol=2e-3)  # kept as float16
    assert videos.embeddings[1] == len(made.prompt)
    again = video_set(tmp_path, neck_maps=refuse)
    np.testing.assert_array_equal(again.window(1, 1, 2), videos.window(1, 1, 2))
    np.testing.assert_array_equal(again.truths, videos.truths)
    assert again.fingerprint == videos.fingerprint


@pytest.mark.parametrize("change", [{"seed": 2}, {"origin": "another"}])
def test_what_was_made_from_something_else_is_computed_again(tmp_path, change):
    before = video_set(tmp_path)
    with pytest.raises(AssertionError, match="computed again"):
        video_set(tmp_path, neck_maps=refuse, **change)
    after = video_set(tmp_path, **change)
    assert (after.fingerprint == before.fingerprint) == ("seed" not in change)


def test_a_steps_window_follows_from_seed_and_step():
    videos, settings = RandomVideos(), config(**SMALL)
    first, again, other = (batch(videos, settings, CLIP, number)[0] for number in (3, 3, 5))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])
    maps, embeddings, truth, chosen = first
    assert maps.shape == (CLIP, sum(WIDTHS), *GRID) and embeddings.shape[0] == truth.shape[0] == len(set(chosen)) == 2
    assert truth.shape[1:] == (1, *videos.truth_size) and chosen.max() < CLIP
