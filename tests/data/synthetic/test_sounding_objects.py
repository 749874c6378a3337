"""Sounding objects: the sound follows one envelope, the pictures both, and do not say which one is heard."""

import numpy as np
import pytest

from mindaam.data.media import list_files, read_image
from mindaam.data.synthetic import sounding_objects
from mindaam.data.synthetic.sounding_objects import (
    MOST_ALIKE,
    RATE,
    Spec,
    make,
    parts,
    places,
    plan,
    seconds,
    truth,
    voice,
)
from mindaam.errors import InputError
from mindaam.places import PACKAGE

SIZE, MAP, FRAMES = (48, 64), (24, 32), 16
PHOTOGRAPHS = [read_image(path) for path in list_files(PACKAGE.parent / "examples", (".jpg",), "pictures")]


def clip(seed, sounding=0, frames=FRAMES):
    return make(Spec(seed, sounding), parts(PHOTOGRAPHS, False), SIZE, MAP, frames)


@pytest.fixture(scope="module")
def clips():
    return [(Spec(seed, seed % 2), clip(seed, seed % 2)) for seed in range(24)]


def loudness(film):
    """The sound's level about each frame, [T]: root mean square over 60 ms."""
    half = round(0.03 * RATE)
    return np.array([film.wave[round(t * RATE) - half : round(t * RATE) + half].std() for t in film.times])


def alike(a, b):
    return np.corrcoef(a, b)[0, 1]


def test_a_clip_comes_again_from_its_spec_to_the_bit():
    for a, b in zip(clip(7), clip(7), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(a, b) for a, b in zip(clip(7), clip(8), strict=True))


def test_shapes_and_ranges(clips):
    for _, film in clips:
        assert film.frames.shape == (FRAMES, *SIZE, 3) and film.frames.dtype == np.uint8
        assert film.wave.shape == (round(seconds(FRAMES) * RATE),) and film.wave.dtype == np.float32
        assert 0.019 < film.wave.std() < 0.31
        assert film.masks.shape == (2, *SIZE) and film.masks.any((1, 2)).all() and not film.masks.all(0).any()
        assert film.densities.shape == (2, *MAP) and film.densities.dtype == np.float32
        np.testing.assert_allclose(film.densities.sum((1, 2)), 1, atol=1e-5)
        assert film.envelopes.min() >= 0 and film.envelopes.max() <= 1
        assert (np.diff(film.times) > 0.08).all() and film.times[0] > 0.5
        assert film.times[-1] + 0.5 < len(film.wave) / RATE


def test_pictures_are_made_without_knowing_who_sounds():
    for seed in range(6):
        one, other = clip(seed, 0), clip(seed, 1)
        for name in ("frames", "times", "envelopes", "masks", "densities"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert not np.array_equal(one.wave, other.wave)


def test_a_plan_shows_every_scene_with_both():
    specs = plan(40, seed=3)
    assert specs == plan(40, seed=3) != plan(40, seed=4)
    assert len({spec.seed for spec in specs}) == 20
    for one, other in zip(specs[:20], specs[20:], strict=True):
        assert one.seed == other.seed and {one.sounding, other.sounding} == {0, 1}
    assert 0 < sum(spec.sounding for spec in specs[:20]) < 20
    for count in (0, 3):
        with pytest.raises(InputError, match="even"):
            plan(count, 0)


def test_the_sound_follows_its_source_and_not_the_other(clips):
    own = [alike(loudness(film), film.envelopes[spec.sounding]) for spec, film in clips]
    other = [alike(loudness(film), film.envelopes[1 - spec.sounding]) for spec, film in clips]
    assert min(own) > 0.9 and abs(np.mean(other)) < 0.15 and max(other) < 0.6
    assert max(abs(alike(*film.envelopes)) for _, film in clips) <= MOST_ALIKE


@pytest.mark.parametrize("pulse", ["brightness", "size", "both"])
def test_a_source_pulses_as_its_envelope_says(monkeypatch, pulse):
    monkeypatch.setattr(sounding_objects, "PULSES", (pulse,))
    for seed in range(8):
        film = clip(seed)
        for mask, envelope in zip(film.masks, film.envelopes, strict=True):
            seen = film.frames[:, mask].astype(float)
            if pulse == "brightness":
                assert alike(seen.mean((1, 2)), envelope) > 0.9
            else:  # of frames in which it is larger, more of the mask looks as where it is largest
                far = np.abs(seen - seen[envelope.argmax()]).mean((1, 2))
                assert alike(far, -envelope) > 0.75
        still = film.frames[:, ~film.masks.any(0)].astype(float).mean((1, 2))
        assert np.ptp(still) < 3


def test_loudness_pitch_and_voice_do_not_tell_the_source(clips):
    """The two clips of a scene have the same voice, scaled to the same loudness."""
    for seed in range(4):
        one, other = clip(seed, 0), clip(seed, 1)
        assert one.wave.std() == pytest.approx(other.wave.std(), rel=1e-4)
        peaks = [np.abs(np.fft.rfft(film.wave)).argmax() for film in (one, other)]
        assert abs(peaks[0] - peaks[1]) < 0.1 * peaks[0]


def test_densities_lie_on_their_sources(clips):
    for spec, film in clips:
        for source in (0, 1):
            heard = truth(film.densities, source)
            down, across = np.unravel_index(heard.argmax(), MAP)
            inside = film.masks[:, 2 * down : 2 * down + 2, 2 * across : 2 * across + 2].any((1, 2))
            assert inside[source] and not inside[1 - source]
            np.testing.assert_array_equal(heard, film.densities[source])
        np.testing.assert_allclose(truth(film.densities, None), film.densities.mean(0))
        assert spec.sounding in (0, 1)


def test_sources_lie_apart_and_inside():
    draw = np.random.default_rng(0)
    for _ in range(200):
        (x, y, side), (u, v, other) = places(draw, SIZE)
        assert max(abs(x - u), abs(y - v)) > (side + other) / 2
        assert min(x, y, SIZE[1] - x, SIZE[0] - y) >= side / 2


def test_held_crops_come_from_other_parts():
    for whole, learnt, held in zip(PHOTOGRAPHS, parts(PHOTOGRAPHS, False), parts(PHOTOGRAPHS, True), strict=True):
        assert learnt.shape[1] + held.shape[1] <= whole.shape[1]
        np.testing.assert_array_equal(learnt, whole[:, : learnt.shape[1]])
        np.testing.assert_array_equal(held, whole[:, -held.shape[1] :])


def test_a_voice_is_as_loud_as_it_is_told():
    def late(times):
        return np.float64(times > 1.0)

    wave = voice(np.random.default_rng(0), late, 2.0)
    assert len(wave) == 2 * RATE and wave[: RATE // 2].std() < 0.1 * wave[-RATE // 2 :].std()
