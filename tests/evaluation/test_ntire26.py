"""NTIRE 2026 the whole way: a tree whose maps and fixations are known, its protocol, and a submission that is scored.

The challenge's formulas are written out here from its description, pixel by pixel.
"""

import json

import numpy as np
import pytest

from mindaam.data.datasets.opening import open_set
from mindaam.errors import InputError
from mindaam.evaluation.evaluating import Plan, evaluate
from mindaam.evaluation.maps import ModelMaps
from mindaam.evaluation.saved_maps import SavedMaps
from mindaam.evaluation.videos import rows_of_video
from mindaam.inference.predictor import Predictor
from mindaam.inference.results import Job
from mindaam.inference.videos import write_video
from mindaam.metrics.protocols import protocol
from tests.data.datasets import video_trees
from tests.data.datasets.video_trees import SIZE, map_video
from tests.evaluation.test_videos import Given
from tests.fakes import FakeEncoder, FakeModel

NTIRE = protocol("ntire26")
FRAMES = {"0813.mp4": 10, "a video.mp4": 11}
EPS = 1e-7


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(the folder, {name: levels of its maps [T,h,w]}, {name: its fixations as in the file}) with maps without loss, of
    the size of the videos, and fixations of which some share a pixel."""
    folder = video_trees.build("ntire26", "archives", tmp_path_factory.mktemp("sets")).folder
    levels, fixations = {}, {}
    draw = np.random.default_rng(0)
    for name, count in FRAMES.items():
        stem = name.removesuffix(".mp4")
        maps = map_video(folder / f"SaliencyTest/Test/{name}", count, SIZE, first=len(levels), quality="qp")
        levels[name] = np.stack([maps[number] for number in range(count)]).astype(np.float64)
        pixels = draw.integers(0, SIZE, (count, 7, 2))
        pixels[:, 6] = pixels[:, 0]
        fixations[name] = pixels.tolist()
        (folder / f"FixationsTest/Test/{stem}/fixations.json").write_text(json.dumps(fixations[name]))
    return folder, levels, fixations


def ranged(values):
    return (values - values.min()) / (values.max() - values.min())


def the_challenges(prediction, truth, pixels):
    """Scores of one frame at one size. prediction, truth: [h,w]; pixels: [[row, column]]."""
    p, t, pixels = ranged(prediction), ranged(truth), np.array(pixels)
    standard = [(each - each.mean()) / (each.std() + EPS) for each in (p, t)]
    cc = (standard[0] * standard[1]).sum() / np.sqrt((standard[0] ** 2).sum() * (standard[1] ** 2).sum() + EPS)
    sim = np.minimum(p / (p.sum() + EPS), t / (t.sum() + EPS)).sum()
    nss = np.mean([standard[0][row, column] for row, column in pixels])
    at = np.sort([p[row, column] for row, column in pixels])[::-1]
    curve = [(0.0, 0.0)]
    for hits, threshold in enumerate(at, 1):
        curve.append((((p >= threshold).sum() - hits) / (p.size - len(at)), hits / len(at)))
    false, true = np.array([*curve, (1.0, 1.0)]).T
    return {"CC": cc, "SIM": sim, "NSS": nss, "AUC_Judd": np.trapz(true, false)}


def rising(count):
    """Maps that rise in a direction of their own for each frame."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    return [np.cos(number) * x + np.sin(number) * y + 0.01 * x * y for number in range(count)]


def test_known_maps_have_the_scores_of_the_challenge(made):
    folder, levels, fixations = made
    reader = open_set(folder, "ntire26", "test")
    assert sorted(name for name, _ in reader.entries) == sorted(FRAMES)
    for index, (name, _) in enumerate(reader.entries):
        maps = rising(FRAMES[name])
        [row] = rows_of_video(Given(maps), reader, index, {"right": ["x"]}, NTIRE)
        frames = list(map(the_challenges, maps, levels[name], fixations[name]))
        assert row["maps"] == FRAMES[name] and set(row) >= {"CC", "SIM", "NSS", "AUC_Judd"}
        for metric in NTIRE.metrics:
            assert row[metric] == pytest.approx(np.mean([each[metric] for each in frames]), abs=1e-5), metric


def test_the_ground_truth_itself_is_perfect_and_a_map_too_few_an_error(made):
    folder, levels, _ = made
    reader = open_set(folder, "ntire26", "private_test")
    [(name, _)] = reader.entries
    [row] = rows_of_video(Given(list(levels[name])), reader, 0, {"right": ["x"]}, NTIRE)
    assert row["CC"] == pytest.approx(1, abs=1e-6) and row["SIM"] == pytest.approx(1, abs=1e-6)
    with pytest.raises(InputError, match="11 usable frames, but only 10 maps"):
        rows_of_video(Given(list(levels[name])[:-1]), reader, 0, {"right": ["x"]}, NTIRE)


def test_a_submission_scores_as_the_model_that_wrote_it(made, tmp_path):
    folder, _, _ = made
    predictor = Predictor(FakeModel(clip=4), sentence_encoder=FakeEncoder())
    for name in FRAMES:
        task = Job(folder / "Videos" / name, {"submission": tmp_path / name}, is_video=True)
        assert write_video(task, predictor, "people look").problems == []
    readers = [open_set(folder, "ntire26", "test")]
    saved = evaluate(SavedMaps(tmp_path), readers, Plan(NTIRE, prompted=False), tmp_path / "scores")
    reader = readers[0]
    for index, (name, _) in enumerate(reader.entries):
        [own] = [
            row
            for row in rows_of_video(ModelMaps(predictor), reader, index, {"right": ["people look"]}, NTIRE)
            if row["role"] == "right"
        ]
        [row] = [row for row in saved.rows if (row["name"], row["role"]) == (name, "right")]
        for metric in NTIRE.metrics:
            assert row[metric] == pytest.approx(own[metric], abs=2e-3), metric
    assert (tmp_path / "scores" / "rows.csv").exists()
