"""Videos against their gaze: every frame with a ground truth counts once, under every role and baseline."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.data import transforms
from mindaam.data.datasets.opening import open_set
from mindaam.data.videos.reading import Frame
from mindaam.data.videos.windows import Windows, stream
from mindaam.errors import InputError
from mindaam.evaluation.maps import ModelMaps
from mindaam.evaluation.truths import truth_of_frame
from mindaam.evaluation.videos import rows_of_video
from mindaam.inference.predictor import Predictor
from mindaam.metrics.protocols import METRICS, protocol
from mindaam.metrics.scoring import score
from tests.data.datasets import video_trees
from tests.fakes import FakeEncoder, FakeModel

FIVE = protocol("paper")._replace(metrics=METRICS[:5])
ROLES = {"right": ["A person looks around."], "others": ["Someone counts.", "Someone searches for the exit."]}
SIZE = (24, 32)
RAMP = np.linspace(0.5, 1, FakeModel().config.image_size[1], dtype=np.float32)


class Tilted(FakeModel):
    """Attends to the right, the more so the brighter the frame: no map is constant."""

    def _said(self, brightness, sentence_embeddings, gate=None):
        found = super()._said(brightness, sentence_embeddings, gate)
        return SimpleNamespace(map=found.map * RAMP, gate=found.gate)


def fake(clip=4):
    return ModelMaps(Predictor(Tilted(clip=clip), sentence_encoder=FakeEncoder()))


class Given:
    """A MapSource of one map for each frame."""

    name = "given"

    def __init__(self, maps):
        self.maps = maps

    def video_maps(self, reader, index, prompts):
        for values in self.maps:
            yield [values] * len(prompts)


class Videos:
    """A reader of one video of gray frames; each of the `labelled` ones has one fixation, which moves to the right."""

    name, split, entries, is_video = "made", "val", [("a", "free_viewing")], True

    def __init__(self, frames, labelled=None, size=SIZE):
        self._frames, self._size = frames, size
        self._labelled = np.ones(frames, bool) if labelled is None else np.isin(np.arange(frames), labelled)

    def frames(self, index):
        return self._frames

    def size(self, index):
        return self._size

    def file_rate(self, index):
        return 25.0

    def has_audio(self, index):
        return False

    def labelled(self, index):
        return self._labelled

    def fixations(self, index, position):
        return np.float32([[position % self._size[1], 8]]) if self._labelled[position] else np.zeros((0, 2), np.float32)

    def density(self, index, position, size=None):
        return transforms.fixation_density(self.fixations(index, position), tuple(size or self._size), 3.0)

    def stream(self, index, positions=None):
        for position in range(self._frames):
            yield Frame(np.full((*self._size, 3), position % 256, np.uint8), position / 25)


class Gaze:
    """A TrainGaze of a known center bias."""

    found, reason = True, None
    bias = np.outer(np.hanning(12), np.hanning(16)).astype(np.float32)

    def center_bias(self, condition, size):
        return transforms.resize_density(self.bias / self.bias.sum(), size)

    def others(self, seed, size, protocol, besides=None):
        return np.float32([[seed, 1], [5, 20], [9, 3]])


@pytest.fixture(scope="module")
def avad(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    video_trees.build("avad", "released", root)
    return open_set(root, "avad", "test")


def test_a_score_is_the_mean_over_the_frames_with_a_truth(avad):
    model, labelled = Tilted(), avad.labelled(0)
    rows = rows_of_video(fake(), avad, 0, ROLES, FIVE)
    name = avad.entries[0][0]
    start = {"dataset": "avad", "split": "test", "name": name, "condition": "free_viewing", "maps": int(labelled.sum())}
    assert [{key: row[key] for key in start} for row in rows] == [start, start]
    assert [row["role"] for row in rows] == list(ROLES)
    brightness = [transforms.normalize(frame.image, (0.5,) * 3, (0.25,) * 3).mean() for frame in avad.stream(0)]
    for row in rows:
        wanted = []
        for text in ROLES[row["role"]]:
            [embedding] = FakeEncoder().encode([text])

            def answer(window, first, scale=embedding[0]):
                value = np.full(model.config.image_size, 1 / (1 + np.exp(-np.mean(window) * scale)), np.float32)
                return np.stack([value * RAMP] * (len(window) - first))

            maps = stream(brightness, answer, Windows(4, 1))
            wanted += [
                score(transforms.resize_image(values, avad.size(0)), truth_of_frame(avad, 0, position, FIVE), FIVE)
                for position, values in enumerate(maps)
                if labelled[position]
            ]
        assert 0 < len(wanted) == labelled.sum() * len(ROLES[row["role"]])
        for metric in FIVE.metrics:
            assert row[metric] == pytest.approx(np.mean([each[metric] for each in wanted if metric in each]), abs=1e-4)


def test_only_frames_with_a_truth_are_scored_and_each_once():
    draw = np.random.default_rng(0)
    maps, reader = [draw.random(SIZE, np.float32) for _ in range(9)], Videos(9, labelled=[2, 3, 7])
    [row] = rows_of_video(Given(maps), reader, 0, {"right": ["x"]}, FIVE)
    assert row["maps"] == 3
    for metric in FIVE.metrics:
        wanted = [score(maps[each], truth_of_frame(reader, 0, each, FIVE), FIVE)[metric] for each in (2, 3, 7)]
        assert row[metric] == pytest.approx(np.mean(wanted), rel=1e-12)


def test_baselines_are_scored_beside_in_the_same_pass():
    class People:
        def scores(self, index, protocol, gaze, seed, position=None):
            return None if position == 1 else {"CC": float(position), "NSS": 2.0}

    reader, gaze, maps = Videos(4), Gaze(), [np.eye(*SIZE, dtype=np.float32)] * 4
    shuffled = FIVE._replace(metrics=(*FIVE.metrics, "sAUC"))
    rows = rows_of_video(Given(maps), reader, 0, {"right": ["x"]}, shuffled, gaze, People())
    assert [row["role"] for row in rows] == ["right", "center_bias", "uniform", "people"]
    truths = [truth_of_frame(reader, 0, position, shuffled, gaze, 0) for position in range(4)]
    for row, values in zip(rows, (maps[0], gaze.center_bias("", SIZE), np.ones(SIZE, np.float32)), strict=False):
        for metric in shuffled.metrics:
            wanted = np.array([score(values, truth, shuffled)[metric] for truth in truths])
            wanted = wanted[~np.isnan(wanted)].mean() if not np.isnan(wanted).all() else np.nan
            assert row[metric] == pytest.approx(wanted, rel=1e-12, nan_ok=True), (row["role"], metric)
    assert (rows[3]["CC"], rows[3]["NSS"], rows[3]["maps"]) == (pytest.approx(5 / 3), 2.0, 4)
    assert rows[2]["SIM"] != rows[1]["SIM"] and "SIM" not in rows[3]


def test_an_undefined_score_of_a_frame_is_left_out_of_the_mean(monkeypatch):
    def scored(prediction, truth, protocol):
        value = float(prediction[0, 0])
        return {"CC": value if value > 1 else float("nan"), "SIM": float("nan"), "KLD": value}

    monkeypatch.setattr("mindaam.evaluation.videos.score", scored)
    maps = [np.full(SIZE, value, np.float32) for value in (1, 2, 4)]
    [row] = rows_of_video(Given(maps), Videos(3), 0, {"right": ["x"]}, FIVE)
    assert (row["CC"], row["KLD"], row["maps"]) == (3.0, 7 / 3, 3)
    assert np.isnan(row["SIM"]) and "NSS" not in row


@pytest.mark.parametrize(("given", "problem"), [(4, "only 4 maps"), (6, "more maps"), (0, "only 0 maps")])
def test_another_number_of_maps_than_frames_is_one_clear_error(given, problem):
    with pytest.raises(InputError, match=f"a has 5 usable frames, but .*{problem}; predict the video again"):
        rows_of_video(Given([np.eye(4, dtype=np.float32)] * given), Videos(5), 0, {"right": ["x"]}, FIVE)


def test_a_map_that_is_not_finite_is_an_error_that_names_frame_and_video():
    bad = np.ones(SIZE, np.float32)
    bad[3, 3] = np.nan
    maps = [np.eye(*SIZE, dtype=np.float32)] * 3
    with pytest.raises(InputError, match="the map of frame 3 of a cannot be scored"):
        rows_of_video(Given([*maps, bad]), Videos(4), 0, {"right": ["x"]}, FIVE)


def test_a_video_without_a_truth_has_no_row_and_is_not_predicted():
    source = fake()
    assert rows_of_video(source, Videos(5, labelled=[]), 0, ROLES, FIVE, Gaze()) == []
    assert source._predictor.model.backbone_passes == 0


@pytest.mark.parametrize("frames", [1, 3, 15, 16, 17])
def test_a_video_shorter_than_a_window_is_scored_whole(frames):
    [row, *_] = rows_of_video(fake(16), Videos(frames), 0, ROLES, FIVE)
    assert row["maps"] == frames and all(np.isfinite(row[metric]) for metric in ("CC", "SIM", "KLD", "NSS", "AUC_Judd"))


def test_a_model_that_takes_single_frames_scores_videos_too():
    [row, _] = rows_of_video(fake(None), Videos(6), 0, ROLES, FIVE)
    assert row["maps"] == 6 and np.isfinite(row["CC"])


def test_progress_is_reported_within_a_video():
    seen = []
    rows_of_video(fake(), Videos(5), 0, ROLES, FIVE, progress=lambda *each: seen.append(each))
    assert seen == [(frames, 5) for frames in (1, 2, 3, 4, 5)]


def test_memory_does_not_grow_with_the_length_of_a_video():
    def peak(frames):
        reader = Videos(frames, labelled=range(0, frames, 5), size=(90, 160))
        tracemalloc.start()
        try:
            rows_of_video(fake(), reader, 0, {"right": ["x"]}, FIVE, Gaze())
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(20)  # what is imported and cached at the first use
    short, long = peak(60), peak(300)
    assert long - short < 30 * 90 * 160 * 4  # what the queues hold now and then, of 240 more frames
