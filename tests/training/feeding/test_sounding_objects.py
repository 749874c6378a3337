"""The clips of the sounding-object experiment: their splits, a step's batch, audio features."""

import numpy as np
import pytest

from mindaam.data.synthetic.sounding_objects import RATE
from mindaam.errors import InputError
from mindaam.training.feeding.sounding_objects import (
    BANDS,
    FEATURES,
    PIECES,
    SAMPLES,
    audio_features,
    batch,
    clips_of,
)
from tests.training.sounding import config, train_clips


@pytest.fixture
def clips():
    return train_clips()


def test_a_steps_batch_comes_from_seed_and_step(clips):
    first, again, other = (batch(clips, config(), number) for number in (3, 3, 4))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])
    frames, audio, truths, attacked, weight = first
    assert frames.shape == (5, 4, 3, 32, 32) and frames.dtype == np.float32 and np.abs(frames).max() <= 2
    assert audio.shape == (4, 4, 3, FEATURES) and audio.dtype == np.float32
    assert truths.shape == (5, 16, 16) and attacked.shape == (4,) and weight == np.float32(0.1)
    np.testing.assert_allclose(truths.sum((1, 2)), 1, atol=1e-5)


def test_pairs_share_a_scene_and_the_truth_of_noise_and_silence_is_on_both_objects(clips):
    settings, seen = config(), set()
    alike = [np.sort(densities.mean(0).ravel()) for densities in clips[1].densities]  # sorted, whether mirrored or not
    for number in range(12):
        frames, _, truths, attacked, _ = batch(clips, settings, number)
        np.testing.assert_array_equal(frames[:2], frames[2:4])
        for one, other in ((0, 2), (1, 3)):
            both = (bool(attacked[one]), bool(attacked[other]))
            seen.add(both)
            if both == (False, False):  # one object each
                assert np.minimum(truths[one], truths[other]).sum() < 0.1
            if both == (True, True):
                np.testing.assert_array_equal(truths[one], truths[other])
            if both == (True, False):  # half of the truth under noise is on the object that sounds in the other
                assert np.minimum(truths[one], truths[other]).sum() == pytest.approx(0.5, abs=0.06)
        assert any(np.allclose(np.sort(truths[4].ravel()), both) for both in alike)
    assert {(False, False), (True, True), (True, False)} <= seen


def test_without_attack_no_audio_is_replaced(clips):
    settings = config(attack={"p": 0.0})
    assert not any(batch(clips, settings, number)[3].any() for number in range(10))


def test_splits_share_no_scene():
    (train, shown), (held, others) = clips_of(config(), "train"), clips_of(config(), "held")
    assert not {spec.seed for spec in train} & {spec.seed for spec in held}
    assert len(shown.frames) == 12 and len(others.frames) == 10


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no images"):
        clips_of(config(images=str(tmp_path)), "train")


def test_windows_lie_about_times():
    """A click is in the piece of the window that has its time, whenever the frames are shown."""
    wave = np.zeros((1, RATE), np.float32)
    wave[0, RATE // 2] = 1.0
    for late in (-0.2, 0.02, 0.15):
        features = audio_features(wave, np.array([[0.5 + late]]), 1, 0.1)[0, 0, 0, :PIECES]
        assert features.argmax() == np.floor(PIECES / 2 - late * RATE / SAMPLES)
    tokens = audio_features(wave, np.array([[0.5, 0.6]]), 3, 0.1)
    np.testing.assert_allclose(tokens[0, 0, 2], tokens[0, 1, 1], atol=1e-5)  # the same half second
    far = audio_features(wave, np.array([[-5.0, 9.0]]), 1, 0.1)
    np.testing.assert_array_equal(far[..., : PIECES + BANDS], 0)  # silence beyond the ends


def test_louder_audio_differs_in_its_level_alone():
    wave = 0.1 * np.random.default_rng(0).standard_normal((1, RATE)).astype(np.float32)
    soft, loud = (audio_features(level * wave, np.array([[0.5]]), 1, 0.1)[0, 0, 0] for level in (1, 3))
    np.testing.assert_allclose(soft[:-1], loud[:-1], atol=2e-3)
    assert loud[-1] - soft[-1] == pytest.approx(2 * np.log10(3), abs=1e-3)
