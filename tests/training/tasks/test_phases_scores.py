"""The scores that are told after every epoch."""

from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest

from mindaam import metrics
from mindaam.data.prompts import training_prompts
from mindaam.data.transforms import resize_image
from mindaam.training.feeding.folders import open_folders
from mindaam.training.tasks import phases_scores
from tests.training.small import SIZE, TASKS, VAL, FakeSentenceEncoder, make_gaze


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = make_gaze(tmp_path_factory.mktemp("gaze"))
    return open_folders(SimpleNamespace(data_root=str(place), folders={"osie": 2, "taskfix": 2}), "val", None)


@pytest.fixture(scope="module")
def scores(folders):
    """Of a model that sees each picture's truth under the first task, whatever the sentence, but mirrors it when the
    sentence is that of the second task; on OSIE it sees the truth."""
    second = FakeSentenceEncoder().encode([training_prompts("taskfix", TASKS[1])[0]])

    def inputs(batch, taps):
        assert taps == 1
        assert len(batch.entries) == 1 and not batch.mirrored
        return folders[batch.folder].density(batch.entries[0], SIZE)[None, None]

    def head(features, sentences, grid, size):
        assert grid == (2, 3) and size == SIZE
        turned = np.array_equal(sentences.asnumpy(), second)
        return [ms.Tensor(features[0].asnumpy()[..., :: -1 if turned else 1].copy())]

    source = SimpleNamespace(folders=folders, inputs=inputs, encode=FakeSentenceEncoder().encode)
    model = SimpleNamespace(config=SimpleNamespace(image_size=SIZE), head=head, grid=lambda size: (2, 3))
    return phases_scores.validate(model, lambda tensor: (tensor,), source, 1)


def cc(prediction, truth):
    return metrics.cc(resize_image(prediction, truth.shape), truth, **metrics.PAPER.cc)


def test_a_prediction_is_compared_at_the_size_of_the_truth(folders, scores):
    folder = folders["osie"]
    expected = np.mean([cc(folder.density(i, SIZE), folder.density(i)) for i in range(2)])
    assert scores["osie"]["CC"] == pytest.approx(expected, abs=1e-6) and 0.9 < expected < 1
    assert set(scores["osie"]) == {"CC", "SIM", "KLD"}
    assert scores["osie"]["SIM"] > 0.8 and 0 < scores["osie"]["KLD"] < 0.2


def test_the_other_tasks_sentences_are_scored_against_this_tasks_truth(folders, scores):
    folder = folders["taskfix"]
    right, others = [], []
    for name in VAL:
        first, second = (folder.entries.index((name, task)) for task in TASKS)
        seen = folder.density(first, SIZE)
        turned = seen[:, ::-1].copy()
        right += [cc(seen, folder.density(first)), cc(turned, folder.density(second))]
        others += [cc(turned, folder.density(first)), cc(seen, folder.density(second))]
    assert scores["taskfix"]["CC"] == pytest.approx(np.mean(right), abs=1e-6)
    assert scores["taskfix"]["CC_others"] == pytest.approx(np.mean(others), abs=1e-6)
    assert abs(np.mean(right) - np.mean(others)) > 0.05


def test_the_summary_is_the_mean_cc_and_the_line_tells_all():
    scores = {
        "osie": {"CC": 0.8, "SIM": 0.7, "KLD": 0.3},
        "taskfix": {"CC": 0.6, "SIM": 0.5, "KLD": 0.9, "CC_others": 0.55},
    }
    assert phases_scores.summary(scores) == pytest.approx(0.7)
    expected = "osie CC 0.8000 SIM 0.7000 | taskfix CC 0.6000 (mismatched prompts 0.550) SIM 0.5000"
    assert phases_scores.line(scores) == expected
