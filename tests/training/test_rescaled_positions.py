"""Rescaled positions: every compiled step sees factors of its own, the ones that seed and step give, training alone."""

from functools import partial
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

from mindaam.data.sampling.plan import SamplerState
from mindaam.encoders.dinov3_checkpoints import from_official
from mindaam.places import recipe
from mindaam.training import loop
from mindaam.training.checkpoint_content import State
from mindaam.training.optim.adamw import AdamW
from mindaam.training.step import TrainStep
from mindaam.training.tasks.corpus import CorpusTask
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.training.tasks.corpus_objective import TERMS, prepare, rescale_positions
from mindaam.training.tasks.task import Part
from tests.encoders.dinov3_files import build, dinov3_in_numpy, official_state, pictures, tiny_settings

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
    cell = TrainStep(objective, objective, [AdamW([([objective.weight], 0.0, 1.0)])])
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


def test_a_step_of_a_run_is_taken_under_its_own_factors(monkeypatch):
    """Of a run's parts only what surrounds the graph; it is asked what factors it would have seen."""
    chosen, seen = tiny_settings(), []
    model = SimpleNamespace(backbone=build(chosen, SIZE, from_official(official_state(chosen)).state))
    prepare(model, rescale_positions=2.0)

    def graph_of(cell, *inputs):
        seen.append(model.backbone.rescale_factors.asnumpy().copy())
        return ms.Tensor(np.zeros(len(TERMS), np.float32)), ms.Tensor(0.0, ms.float32)

    monkeypatch.setattr(loop.graphs, "run", graph_of)
    config = CorpusConfig.load(recipe("aam_dinov3_vitl16_released"))
    task = SimpleNamespace(
        config=config, model=model, step=lambda kind: (SimpleNamespace(set_train=lambda _: None), ["shared"]),
        optimizers={"shared": AdamW([([ms.Parameter(ms.Tensor([0.0]), name="x")], 0.0, 1.0)])},
    )  # fmt: skip
    task.before_step = partial(CorpusTask.before_step, task)
    for number, part in ((7, 0), (7, 1), (8, 0)):  # both parts of a step are one batch, under one draw
        loop.forward_backward(
            task, State(number=number), Part(SamplerState(), "pictures", part, False, (), {}, 1, ()), 0.1
        )
    wanted = [drawn(model, number, seed=config.seed) for number in (7, 7, 8)]
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(seen, wanted, strict=True))
    assert not np.array_equal(seen[0], seen[2])
