"""One training step: what moves, what stays, what is held in its range."""

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.encoders.dropout import Dropout
from mindaam.models.registry import build_model
from mindaam.objectives.condition import MARGIN
from mindaam.training.tasks.phases_config import TrainConfig
from mindaam.training.tasks.phases_step import Objective, TrainStep, parameter_groups
from tests.training.small import CONFIG, MODEL, NAME, SIZE, TEXT_WIDTH, build_small, fill_backbone

TRAINING = TrainConfig(**CONFIG)
FROZEN, ADAPTED = TRAINING.phases
CHANGES = {**MODEL, "lora": {"rank": 2, "last_n_blocks": 2, "dropout": 0.5}}


@pytest.fixture(scope="module", autouse=True)
def graph_mode():
    runtime.configure(mode="graph", seed=0)
    yield
    runtime.configure(mode="pynative")


def made(changes=MODEL):
    model = build_small(NAME, changes=changes)
    fill_backbone(model)
    return model


def arrays(taps):
    rng = np.random.default_rng(0)
    truth = rng.random((2, 1, *SIZE)).astype(np.float32)
    inputs = (
        rng.standard_normal((2, taps, 7, 32)),
        rng.standard_normal((2, TEXT_WIDTH)),
        truth / truth.sum((2, 3), keepdims=True),
    )
    return [ms.Tensor(each.astype(np.float32)) for each in inputs]


def values(model):
    return {name: parameter.asnumpy().copy() for name, parameter in model.parameters_and_names()}


def moved(before, after):
    return {name for name in before if not np.array_equal(before[name], after[name])}


@pytest.mark.parametrize(("phase", "taps"), [(FROZEN, 4), (ADAPTED, 2)], ids=["frozen", "adapted"])
def test_trained_parameters_move_and_all_others_stay_bit_for_bit(phase, taps):
    model = made()
    step, before = TrainStep(model, taps, phase, TRAINING), values(model)
    step.set_train(True)
    losses = []
    for k in range(4):
        loss, terms = step(step.optimizer.settings(k, 1e-2), *arrays(taps))
        losses.append(float(loss.asnumpy()))
        assert terms.shape == (6,)
    expected = {p.name for p in (model.trained_parameters() if phase.adapt else model.head.get_parameters())}
    assert moved(before, values(model)) == expected
    assert len([name for name in expected if "lora" in name]) == (8 if phase.adapt else 0)
    assert losses[-1] < losses[0]  # on the same batch


def test_the_loss_is_the_weighted_sum_of_its_terms():
    weights = {"kld": 2.0, "cc": 3.0, "similarity": 0.5, "entailment": 0.25, "distance": 0.125}
    objective = Objective(made(), 4, TrainConfig(**{**CONFIG, "loss": weights}))
    loss, terms = objective(*arrays(4))
    kld, cc, similarity, entailment, distance, condition = terms.asnumpy()
    assert condition == 0
    expected = 2 * kld - 3 * cc - 0.5 * similarity + 0.25 * entailment + 0.125 * distance
    assert float(loss.asnumpy()) == pytest.approx(expected, rel=1e-5)


def test_training_against_swapped_sentences_makes_the_sentence_matter():
    phase = FROZEN.model_copy(update={"condition_weight": 3.0})
    step = TrainStep(made(), 4, phase, TRAINING)
    inputs, sentences, truth = arrays(4)
    swapped = ms.Tensor(np.random.default_rng(1).standard_normal(sentences.shape).astype(np.float32))
    conditions = []
    for k in range(8):
        loss, terms = step(step.optimizer.settings(k, 1e-2), inputs, sentences, truth, swapped)
        kld, cc, similarity, entailment, distance, condition = terms.asnumpy()
        expected = kld - cc - similarity + entailment + 0.4 * distance + 3 * condition
        assert float(loss.asnumpy()) == pytest.approx(expected, rel=1e-5)
        conditions.append(condition)
    assert conditions[0] == pytest.approx(MARGIN, abs=0.05)  # an untrained head hardly hears the sentence
    assert conditions[-1] < 0.7 * conditions[0]


@pytest.mark.slow  # a step to compile
def test_fewer_swapped_sentences_are_those_of_the_first_pictures():
    objective = Objective(made(), 4, TRAINING, condition_weight=1.0).set_train(False)
    inputs, sentences, truth = arrays(4)
    swapped = ms.Tensor(np.random.default_rng(1).standard_normal((1, sentences.shape[1])).astype(np.float32))
    both = objective(inputs, sentences, truth, swapped)[1].asnumpy()
    first = objective(*(each[:1] for each in (inputs, sentences, truth)), swapped)[1].asnumpy()
    assert both[5] == pytest.approx(first[5], rel=1e-5) and both[5] > 0


def test_project_brings_bounded_scalars_back():
    model = made()
    step = TrainStep(model, 4, FROZEN, TRAINING)
    model.head.curvature.value.set_data(ms.Tensor(0.5, ms.float32))
    step.project()
    assert float(model.head.curvature.value.asnumpy()) == pytest.approx(0.001)


def test_groups_decay_matrices_and_leave_vectors_and_scalars():
    model = build_model(NAME, changes=MODEL)
    matrices, rest = parameter_groups(model, FROZEN, 5e-3)
    assert matrices[1:] == (5e-3, 1.0) and rest[1:] == (0.0, 1.0)
    grouped = [p.name for p in [*matrices[0], *rest[0]]]
    assert sorted(grouped) == sorted(p.name for p in model.head.get_parameters() if p.requires_grad)
    assert len(grouped) > 100
    undecayed = {p.name.rsplit(".", 1)[-1] for p in rest[0]}
    assert {"bias", "gamma", "beta", "value"} <= undecayed and "weight" not in undecayed
    adapters = parameter_groups(model, ADAPTED, 5e-3)[2]
    assert adapters[1:] == (5e-3, 0.5) and len(adapters[0]) == 8


def test_a_step_renames_no_parameter():
    model = made()
    TrainStep(model, 2, ADAPTED, TRAINING)
    assert all(parameter.name == name for name, parameter in model.parameters_and_names())


def test_dropout_works_while_training_only():
    model = made(CHANGES)
    step = TrainStep(model, 2, ADAPTED, TRAINING)
    dropouts = [cell for _, cell in model.cells_and_names() if isinstance(cell, Dropout)]
    for training in (True, False, True):
        step.set_train(training)
        assert len(dropouts) == 4 and all(cell.training is training for cell in dropouts)
