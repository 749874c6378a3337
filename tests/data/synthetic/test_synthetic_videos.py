"""Pseudo-films: the gaze moves with the picture, sums to one, settles after a cut, and comes again from its spec."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.data.synthetic import synthetic_videos
from mindaam.data.synthetic.synthetic_videos import (
    KINDS,
    LEAST_MASS,
    Spec,
    camera,
    make,
    mass,
    noisy,
    plan,
    settling,
    views,
)
from mindaam.data.transforms import as_seen, resize_image

SIZE, MAP = (60, 80), (30, 40)


class Blobs:
    """A gaze folder whose images are bright exactly where their gaze is."""

    def __init__(self, count=6, conditions=("free", "task")):
        self.entries = [(f"{number}.png", condition) for condition in conditions for number in range(count)]

    def __len__(self):
        return len(self.entries)

    def image(self, index):
        density = self.density(index)
        return np.repeat(np.rint(255 * density / density.max()).astype(np.uint8)[..., None], 3, 2)

    def density(self, index):
        y, x = np.mgrid[:150, :200]
        center = 60 + 5 * (index % 6), 110 - 4 * (index % 6)
        return np.exp(-((y - center[0]) ** 2 + (x - center[1]) ** 2) / (2 * 9.0**2)).astype(np.float32)

    @property
    def prompts(self):
        return SimpleNamespace(of=lambda condition: [f"They look at {condition}."])


FOLDERS = {"a": Blobs(), "b": Blobs(count=3, conditions=("free",))}


def centroid(values):
    """The center (y, x) of a map, as shares of its sides."""
    rows, columns = ((np.arange(side) + 0.5) / side for side in values.shape)
    return np.array([(values.sum(1) * rows).sum(), (values.sum(0) * columns).sum()]) / values.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_gaze_moves_with_the_image(kind, monkeypatch):
    monkeypatch.setattr(synthetic_videos, "BROAD_SHARE", 0.0)
    monkeypatch.setattr(synthetic_videos, "noisy", lambda draw, frames: frames)
    for seed in range(4):
        film = make(Spec("a", (0, 2) if kind == "cut" else (0,), kind, seed), FOLDERS, SIZE, MAP, 9)
        centers = [(centroid(f[..., 0].astype(float)), centroid(d)) for f, d in zip(*film[:2], strict=True)]
        for seen, looked in centers:
            assert np.abs(seen - looked).max() < 0.5 / MAP[0]
    moved = np.abs(centers[0][1] - centers[-1][1]).max()
    assert moved < 1e-6 if kind == "static" else moved > 1e-3


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(KINDS), st.integers(0, 2**31 - 1), st.integers(1, 12))
def test_densities_sum_to_one_and_a_film_comes_again(kind, seed, frames):
    spec = Spec("a", (1,), kind, seed)
    film = make(spec, FOLDERS, SIZE, MAP, frames)
    assert film.frames.shape == (frames, *SIZE, 3) and film.frames.dtype == np.uint8
    assert film.densities.shape == (frames, *MAP) and film.densities.dtype == np.float32
    assert film.densities.min() >= 0
    np.testing.assert_allclose(film.densities.sum((1, 2)), 1, atol=1e-5)
    again = make(spec, FOLDERS, SIZE, MAP, frames)
    np.testing.assert_array_equal(film.frames, again.frames)
    np.testing.assert_array_equal(film.densities, again.densities)


def test_the_plan_has_every_kind_and_cuts_within_one_condition():
    specs = plan(FOLDERS, 40, seed=3)
    assert specs == plan(FOLDERS, 40, seed=3) != plan(FOLDERS, 40, seed=4)
    assert {kind: sum(spec.kind == kind for spec in specs) for kind in KINDS} == dict.fromkeys(KINDS, 8)
    assert {spec.folder for spec in specs} == set(FOLDERS)
    for spec in specs:
        entries = [FOLDERS[spec.folder].entries[index] for index in spec.entries]
        assert len(set(entries)) == len(entries) and len({condition for _, condition in entries}) == 1
        assert len(entries) in ((2, 3) if spec.kind == "cut" else (1,))


def test_a_cut_shows_another_picture_and_attention_settles():
    film = make(Spec("a", (0, 3), "cut", 5), FOLDERS, SIZE, MAP, 16)
    cut = film.cuts[1]
    assert film.cuts[0] == 0 and 4 <= cut <= 12 and film.prompt == "They look at free."
    spread = [density.max() for density in film.densities]
    assert spread[cut] < 0.6 * spread[cut - 1]
    assert all(np.diff(spread[cut : cut + 4]) > 0)


def test_settling_starts_broad_and_ends_with_the_pictures_own():
    own = np.zeros(MAP)
    own[5, 5] = 1.0
    settled = settling([own] * 20)
    assert settled[0][5, 5] == pytest.approx(1 - synthetic_videos.BROAD_SHARE, abs=0.01)
    assert settled[-1][5, 5] > 0.99 and all(each.sum() == pytest.approx(1) for each in settled)


@pytest.mark.parametrize("kind", KINDS)
def test_windows_stay_inside_and_hold_gaze(kind):
    density = FOLDERS["a"].density(0)
    for seed in range(20):
        path = camera(np.random.default_rng(seed), kind, 12, density)
        assert (path[:, :2] - path[:, 2:] / 2 > -1e-9).all() and (path[:, :2] + path[:, 2:] / 2 < 1 + 1e-9).all()
        assert min(mass(density, window) for window in path) >= LEAST_MASS
        assert np.abs(np.diff(path, axis=0)).max(initial=0) < 0.2  # no jumps


def test_the_whole_picture_in_view_is_the_resized_picture():
    image = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    view = views(image, np.array([[0.5, 0.5, 1.0]]), SIZE)[0]
    np.testing.assert_allclose(view, resize_image(image, SIZE), atol=1e-3)


def test_noise_is_on_some_frames_only():
    frames = [np.full((8, 8, 3), 128, np.uint8)] * 40
    changed = [np.any(a != b) for a, b in zip(frames, noisy(np.random.default_rng(0), frames), strict=True)]
    assert 8 < sum(changed) < 32


@pytest.mark.parametrize("how", ["area", "antialiased", "bilinear"])
def test_the_camera_resizes_as_the_model_is_configured(how):
    image = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    view = views(image, np.array([[0.5, 0.5, 1.0]]), SIZE, how)[0]
    np.testing.assert_allclose(view, as_seen(image, SIZE, how), atol=1e-3)


def test_a_film_resized_otherwise_has_other_pictures_and_the_same_truth():
    spec = Spec("a", (0,), "pan", 3)
    area, other = (make(spec, FOLDERS, SIZE, MAP, 3, how) for how in ("area", "bilinear"))
    assert (area.frames != other.frames).any()
    np.testing.assert_array_equal(area.densities, other.densities)
