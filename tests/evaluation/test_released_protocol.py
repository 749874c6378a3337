"""The protocol `released` on real layouts, beside a computation of its own from the files."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.opening import open_set
from mindaam.evaluation.evaluating import Plan, evaluate
from mindaam.evaluation.released import predicted
from mindaam.evaluation.truths import fitted, frames_scored, truth_of_frame, truth_of_image
from mindaam.metrics.protocols import protocol
from mindaam.metrics.scoring import score
from tests.data.datasets import image_trees, video_trees

RELEASED, MAPS = protocol("released"), GroundTruth(source="maps")
EPS = 1e-12


def formulas(prediction, truth, mask):
    """The five metrics as the authors' code has them; mask: bool, the fixated pixels."""
    p, g = np.float64(prediction), np.float64(truth)
    spread_p, spread_g = p - p.mean(), g - g.mean()
    lengths = [np.sqrt(max((each**2).sum(), EPS)) for each in (spread_p, spread_g)]
    share_p, share_g = p / max(p.sum(), EPS), g / max(g.sum(), EPS)
    standardized = (p - p.mean()) / (p.std(ddof=1) + 2.2204e-16)
    return {
        "CC": (spread_p * spread_g).sum() / (lengths[0] * lengths[1]),
        "SIM": np.minimum(share_p, share_g).sum(),
        "KLD": (share_g * (np.log(np.maximum(share_g, EPS)) - np.log(np.maximum(share_p, EPS)))).sum(),
        "NSS": (standardized * mask).sum() / max(mask.sum(), 1),
        "AUC_Judd": area(p, mask),
    }


def area(p, mask):
    """The area below the curve of hits over false alarms, a point for each fixated pixel, from the highest on."""
    p, count = (p - p.min()) / (p.max() - p.min()), mask.sum()
    hits, alarms = [0.0], [0.0]
    for number, threshold in enumerate(np.sort(p[mask])[::-1], 1):
        hits.append(number / count)
        alarms.append(((p >= threshold).sum() - number) / (p.size - count))
    hits, alarms = np.array([*hits, 1.0]), np.array([*alarms, 1.0])
    return ((hits[1:] + hits[:-1]) / 2 * np.diff(alarms)).sum()


def blurred(values):
    """A map under a Gaussian of 11 pixels, sigma 2, mirrored at the borders without repeating them."""
    kernel = np.exp(-0.5 * (np.arange(-5, 6) / 2.0) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, 5, mode="reflect")
    rows = sum(weight * padded[number : number + len(values)] for number, weight in enumerate(kernel))
    return sum(weight * rows[:, number : number + values.shape[1]] for number, weight in enumerate(kernel))


def gray(path):
    return Image.open(path).convert("L")


def smooth_map(seed, size=(28, 42)):
    coarse = np.random.default_rng(seed).random((4, 6), np.float32)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)


def image_scores(reader, index, prediction):
    """The scores of a map of a SALICON image from its files in the layout of the released code."""
    stem = Path(reader.entries[index][0]).stem
    files = {folder: next((reader.root / folder).rglob(f"{stem}.*")) for folder in ("saliency", "fixations")}
    truth = np.float32(gray(files["saliency"]).resize((448, 448), Image.Resampling.BILINEAR)) / 255
    mask = np.asarray(gray(files["fixations"]).resize((448, 448), Image.Resampling.NEAREST)) > 127
    enlarged = cv2.resize(prediction, (448, 448), interpolation=cv2.INTER_LINEAR)
    return formulas(enlarged, truth, mask), truth, mask


def video_scores(reader, maps):
    """The mean scores of the maps of DHF1K's film 601 from its files in the official layout."""
    beside, found = reader.root / "annotation" / "0601", []
    for position, prediction in enumerate(maps):
        name = f"{position + 6:04}.png"  # the first five are skipped
        truth = np.float32(gray(beside / "maps" / name)) / 255
        mask = np.asarray(gray(beside / "fixation" / name)) > 0
        shown = blurred(cv2.resize(np.float64(prediction), truth.shape[::-1], interpolation=cv2.INTER_LINEAR))
        found.append(formulas(shown, truth, mask))
    return {metric: np.nanmean([each[metric] for each in found]) for metric in RELEASED.metrics}


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    image_trees.build("salicon", "released", root / "SALICON")
    video_trees.build("dhf1k", "official", root)
    return [open_set(root, name, "val", MAPS) for name in ("salicon", "dhf1k")]


class Given:
    """A MapSource of smooth maps, the same for every prompt."""

    name = "given"

    def image_maps(self, reader, index, prompts):
        return [smooth_map(index)] * len(prompts)

    def video_maps(self, reader, index, prompts):
        for position in range(reader.frames(index)):
            yield [smooth_map(position)] * len(prompts)

    def described(self):
        return {"maps": "given"}

    def notes(self, name):
        return []


def test_an_image_is_compared_at_448_with_the_gray_map_and_the_fixations_that_shrinking_leaves(readers):
    reader, prediction = readers[0], smooth_map(0)
    wanted, truth, mask = image_scores(reader, 0, prediction)
    found = truth_of_image(reader, 0, RELEASED)
    assert found.density.shape == (448, 448) and mask.sum() == len(found.fixations) > 0
    np.testing.assert_allclose(found.density, truth, atol=1e-7)
    scores = score(fitted(prediction, found, RELEASED, is_video=False), found, RELEASED)
    assert scores == pytest.approx(wanted, abs=2e-6)


def test_images_and_videos_are_scored_as_by_the_authors(readers):
    evaluation = evaluate(Given(), readers, Plan(RELEASED, prompted=False))
    images, videos = readers
    right = {(row["dataset"], row["name"]): row for row in evaluation.rows if row["role"] == "right"}
    assert len(right) == len(images) + len(videos) and len(videos) == 1
    for index, (name, _) in enumerate(images.entries):
        wanted, *_ = image_scores(images, index, smooth_map(index))
        assert {metric: right["salicon", name][metric] for metric in wanted} == pytest.approx(wanted, abs=2e-6)
    row = right["dhf1k", videos.entries[0][0]]
    maps = [smooth_map(position) for position in range(videos.frames(0))]
    assert row["maps"] == len(maps) == 4
    wanted = video_scores(videos, maps)
    assert {metric: row[metric] for metric in wanted} == pytest.approx(wanted, abs=2e-6)
    sets = evaluation.settings["sets"]
    assert (sets["salicon"]["size"], sets["dhf1k"]["size"]) == ("448 x 448 px", "stored size")
    assert sets["dhf1k"]["ground_truth"] == "the published density maps"
    assert "448 x 448 px (images)" in RELEASED.sentence()
    assert {"center_bias", "uniform"} <= {row["role"] for row in evaluation.rows}


def test_a_frame_without_fixations_has_an_nss_of_0(readers, monkeypatch):
    reader = readers[1]
    monkeypatch.setattr(reader, "fixations", lambda index, position: np.zeros((0, 2), np.float32))
    truth = truth_of_frame(reader, 0, 0, RELEASED)
    scores = score(fitted(smooth_map(0), truth, RELEASED, is_video=True), truth, RELEASED)
    assert scores["NSS"] == 0 and np.isnan(scores["AUC_Judd"])
    assert truth_of_frame(reader, 0, 0, protocol("paper")).fixations is None


@pytest.mark.parametrize(
    ("name", "frames"),
    [("avad", [*range(32), *range(64, 96)]), ("dhf1k", range(100)), ("ntire26", range(100)), ("mine", range(100))],
)
def test_every_other_window_of_the_audio_visual_sets_is_skipped(name, frames):
    reader = SimpleNamespace(name=name, labelled=lambda index: np.arange(100) != 70)
    assert np.flatnonzero(predicted(reader, 100)).tolist() == list(frames)
    assert np.flatnonzero(frames_scored(reader, 0, RELEASED)).tolist() == [each for each in frames if each != 70]
    assert frames_scored(reader, 0, protocol("paper")).sum() == 99


def test_densities_made_of_fixations_become_gray_maps(tmp_path):
    image_trees.build("osie", "official", tmp_path / "OSIE")
    reader = open_set(tmp_path, "osie", "train", MAPS)  # which has no maps: fixations are taken
    density = reader.density(0)
    levels = Image.fromarray(np.rint(density * (255 / density.max())).astype(np.uint8))
    truth = truth_of_image(reader, 0, RELEASED).density
    np.testing.assert_allclose(truth, np.float32(levels.resize((448, 448), Image.Resampling.BILINEAR)) / 255, atol=1e-7)
