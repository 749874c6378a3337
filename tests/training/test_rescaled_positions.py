"""Rescaled positions: every compiled step sees factors of its own, the ones that seed and step give, training alone."""

import json
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

from mindaam.encoders.dinov3 import from_official
from mindaam.places import configs_dir
from mindaam.training import checkpoints, corpus_run
from mindaam.training.corpus_loop import Run
from mindaam.training.corpus_run import train
from mindaam.training.corpus_step import TERMS, CorpusStep, prepare, rescale_positions
from mindaam.training.optimizer import AdamW
from tests.encoders.dinov3_files import build, dinov3_in_numpy, official_state, pictures, tiny_settings
from tests.models.tiny_film import CHANGES
from tests.training.corpus_root import make_corpus
from tests.training.small import FakeSentenceEncoder, fill_backbone

SIZE = (32, 48)


class Summed(nn.Cell):
    """The features' products with a trained matrix, as a loss; the backbone is not trained."""

    def __init__(self, backbone, width):
        super().__init__(auto_prefix=False)
        self.backbone = backbone
        self.weight = ms.Parameter(ms.Tensor(np.ones(width, np.float32)), name="weight")

    def construct(self, scale, images):
        loss = (self.backbone(images)[0].mean((0, 1)) * self.weight).sum()
        return loss * scale, ops.ones((len(TERMS),), ms.float32) * loss


def drawn(model, number, seed=5):
    rescale_positions(model, SimpleNamespace(rescale_positions=2.0, seed=seed), number)
    return model.backbone.rescale_factors.asnumpy().copy()


def test_compiled_steps_see_the_factors_of_their_step_and_validation_none(graph):
    chosen = tiny_settings(depth=2, taps=(1,))
    state = official_state(chosen)
    backbone = build(chosen, SIZE, from_official(state).state)
    for parameter in backbone.get_parameters():
        parameter.requires_grad = False
    model = SimpleNamespace(backbone=backbone)
    prepare(model, rescale_positions=2.0)
    objective = Summed(backbone, chosen["width"])
    cell = CorpusStep(objective, objective, [AdamW([([objective.weight], 0.0, 1.0)])])
    image = pictures(*SIZE)
    still = ms.Tensor(np.array([[0.0, 1.0, 1.0]], np.float32))  # a rate of nothing: the weight stays

    def step(number):
        factors = drawn(model, number)
        terms, _ = cell.set_train(True)(still, ms.Tensor(1.0, ms.float32), True, ms.Tensor(image))
        return factors, float(terms.asnumpy()[0])

    def told(factors=None):
        return float(dinov3_in_numpy(state, chosen, image[0], factors)[0].mean(0).sum())

    steps = [step(number) for number in (0, 1, 0)]
    for factors, loss in steps:
        assert loss == pytest.approx(told(factors), abs=1e-4)
    assert steps[0][1] == steps[2][1] and abs(steps[0][1] - steps[1][1]) > 1e-3
    backbone.set_train(False)
    seen = float(backbone(ms.Tensor(image))[0].asnumpy().mean((0, 1)).sum())
    assert seen == pytest.approx(told(), abs=1e-4) and abs(seen - steps[0][1]) > 1e-3


def test_a_steps_factors_follow_from_the_seed_and_its_number():
    chosen = tiny_settings()
    model = SimpleNamespace(backbone=build(chosen, SIZE, from_official(official_state(chosen)).state))
    prepare(model, rescale_positions=2.0)
    first = drawn(model, 7)
    assert first.shape == (chosen["depth"],) and len(set(first.tolist())) == chosen["depth"]
    assert not np.array_equal(drawn(model, 8), first) and not np.array_equal(drawn(model, 7, seed=6), first)
    assert np.array_equal(drawn(model, 7), first)
    rescale_positions(model, SimpleNamespace(rescale_positions=None), 9)
    assert np.array_equal(model.backbone.rescale_factors.asnumpy(), first)


@pytest.mark.slow  # graphs to compile
def test_a_run_that_rescales_goes_on_to_the_bit(graph, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_run, "load_backbone", fill_backbone)
    monkeypatch.setattr("mindaam.training.corpus_loop.sentence_encoder", lambda name: FakeSentenceEncoder())
    changes = {key: value for key, value in CHANGES.items() if key != "audio"} | {"audio": None}
    changes["temporal"] = {"clip": 4}
    assignments = [
        f"data_root={make_corpus(tmp_path / 'data')}", "corpus={osie: 1}", "model=aam_dinov3_vits16",
        f"model_changes={json.dumps(changes)}", "checkpoint_every=2", "sampling.steps=4", "precision=float32",
        "sampling.batch_size=2", "epochs=1", "validation={pictures: 1, films: 1}",
    ]  # fmt: skip
    recipe = configs_dir() / "train" / "aam_dinov3_vitl16_released.yaml"

    def run(folder, *more, **options):
        return train(recipe, [*assignments, *more], tiny=True, out=tmp_path / folder, **options)

    whole, plain = run("whole"), run("plain", "rescale_positions=null")
    part = Run.part
    with monkeypatch.context() as patch:
        patch.setattr(Run, "part", lambda run, this, to_stop=False: part(run, this, to_stop or run.number == 1))
        assert not run("halved").finished
    resumed = run("halved", resume=True)
    last, other, without = (
        checkpoints.load(checkpoints.latest(each.folder).path)[0] for each in (whole, resumed, plain)
    )
    assert last.keys() == other.keys() == without.keys()
    assert all(np.array_equal(last[name], other[name]) for name in last)
    assert any(not np.array_equal(last[name], without[name]) for name in last)
    assert not any("rescale" in name for name in last)
