"""Videos against their gaze: every frame with a ground truth counts once, under every role and baseline."""

import numpy as np
import pytest

from mindaam.data import transforms
from mindaam.data.datasets.opening import open_set
from mindaam.data.videos.windows import Windows, stream
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


def fake(clip=4):
    return ModelMaps(Predictor(FakeModel(clip=clip), sentence_encoder=FakeEncoder()))


class Given:
    """A MapSource of given maps, a list for each frame, or of a function of the position."""

    name = "given"

    def __init__(self, maps):
        self.maps = maps

    def video_maps(self, reader, index, prompts):
        for maps in self.maps:
            yield [maps] * len(prompts)


@pytest.fixture(scope="module")
def avad(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    video_trees.build("avad", "released", root)
    return open_set(root, "avad", "test")


def test_a_score_is_the_mean_over_the_frames_with_a_truth(avad):
    model, labelled = FakeModel(clip=4), avad.labelled(0)
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
                value = 1 / (1 + np.exp(-np.mean(window) * scale))
                return np.full((len(window) - first, *model.config.image_size), value, np.float32)

            maps = stream(brightness, answer, Windows(4, 1))
            wanted += [
                score(values, truth_of_frame(avad, 0, position, FIVE), FIVE)
                for position, values in enumerate(maps)
                if labelled[position]
            ]
        assert 0 < len(wanted) == labelled.sum() * len(ROLES[row["role"]])
        for metric in FIVE.metrics:
            values = [each[metric] for each in wanted if metric in each and not np.isnan(each[metric])]
            assert row[metric] == pytest.approx(np.mean(values), abs=1e-5) if values else np.isnan(row[metric])
