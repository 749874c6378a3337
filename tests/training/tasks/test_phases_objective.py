"""What a step of a run in phases computes: the backbone in two parts, the loss, what moves and what stays."""

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.encoders.dropout import Dropout
from mindaam.models.registry import build_model, model_config
from mindaam.objectives.condition import MARGIN
from mindaam.training.step import TrainStep
from mindaam.training.tasks.phases import optimizer_of
from mindaam.training.tasks.phases_config import PhasesConfig
from mindaam.training.tasks.phases_objective import AdaptedBlocks, PhaseObjective, cached_taps, frozen_outputs
from tests.training.small import CONFIG, MODEL, NAME, SIZE, TEXT_WIDTH, build_small, fill_backbone

TRAINING = PhasesConfig(**CONFIG)
FROZEN, ADAPTED = TRAINING.phases
CHANGES = {**MODEL, "lora": {"rank": 2, "last_n_blocks": 2, "dropout": 0.5}}
ONE = ms.Tensor(1.0, ms.float32)


@pytest.fixture(scope="module", autouse=True)
def graph_mode():
    runtime.configure(mode="graph", seed=0)
    yield
    runtime.configure(mode="pynative")


@pytest.fixture(scope="module")
def model():
    """Two of four blocks are adapted, and their adapters do something."""
    made = build_model(NAME, changes=MODEL)
    fill_backbone(made)
    rng = np.random.default_rng(0)
    for parameter in made.trained_parameters():
        if parameter.name.endswith("lora_b"):
            parameter.set_data(ms.Tensor(rng.standard_normal(parameter.shape).astype(np.float32)))
    return made.set_train(False)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).standard_normal((2, 3, *SIZE)).astype(np.float32)


@pytest.fixture(scope="module")
def taps(model, images):
    """Raw outputs of all four taps [B,4,1+N,D]."""
    compute = frozen_outputs(model.backbone)
    return np.stack([compute(image[None]) for image in images])


@pytest.fixture(scope="module")
def whole(model, images):
    """What the backbone gives in one piece."""
    return [tap.asnumpy() for tap in model.backbone(ms.Tensor(images))]


@pytest.mark.parametrize(
    ("last_n_blocks", "adapted", "expected"),
    [
        (6, False, 4),
        (6, True, 2),
        (12, False, 4),
        (12, True, 0),
        (0, True, 4),
        (3, True, 3),
        (1, True, 3),
        (4, True, 2),
    ],
)
def test_taps_below_the_first_adapted_block_are_cached(last_n_blocks, adapted, expected):
    config = model_config(NAME, changes={"lora": {"last_n_blocks": last_n_blocks}})  # taps 2, 5, 8, 11
    assert cached_taps(config, adapted) == expected


def test_from_the_frozen_taps_on_it_equals_the_whole_backbone(model, taps, whole):
    assert taps.shape == (2, 4, 1 + 2 * 3, 32)
    count = cached_taps(model.config, adapted=True)
    assert count == 2
    features = AdaptedBlocks(model, count)(ms.Tensor(taps[:, :count]))
    for got, expected in zip(features, whole, strict=True):
        np.testing.assert_allclose(got.asnumpy(), expected, rtol=1e-5, atol=1e-5)


def test_with_all_taps_cached_only_the_norm_is_left(model, taps, whole):
    for got, expected in zip(AdaptedBlocks(model, 4)(ms.Tensor(taps)), whole, strict=True):
        np.testing.assert_allclose(got.asnumpy(), expected, rtol=1e-5, atol=1e-5)


def test_from_images_it_is_the_whole_backbone(model, images, whole):
    for got, expected in zip(AdaptedBlocks(model, 0)(ms.Tensor(images)), whole, strict=True):
        np.testing.assert_allclose(got.asnumpy(), expected, rtol=1e-5, atol=1e-5)


def test_the_adapters_matter_above_the_frozen_taps_only(model, images, taps):
    plain = build_model(NAME, changes={**MODEL, "lora": {"last_n_blocks": 0}})
    fill_backbone(plain)
    frozen = np.stack([frozen_outputs(plain.backbone)(image[None]) for image in images[:1]])
    np.testing.assert_allclose(frozen[:, :2], taps[:1, :2], rtol=1e-5, atol=1e-5)
    assert np.abs(frozen[:, 2:] - taps[:1, 2:]).max() > 1e-2


def test_names_stay_as_they_are(model):
    AdaptedBlocks(model, 2)
    frozen_outputs(model.backbone)
    assert all(parameter.name == name for name, parameter in model.parameters_and_names())


# ---- the step --------------------------------------------------------------------------------------------------------


def made(changes=MODEL):
    runtime.configure(mode="graph", seed=0)  # the same initial head whichever tests ran before
    model = build_small(NAME, changes=changes)
    fill_backbone(model)
    return model


def step_of(model, taps, phase, config=TRAINING):
    objective = PhaseObjective(model, taps, config.loss, phase.condition_weight)
    return TrainStep(model, objective, [optimizer_of(model, phase, config.optimizer)])


def take(step, number, *arrays):
    """The step's terms [7]."""
    settings = ms.Tensor(step.optimizers[0].settings(number, 1e-2).asnumpy()[None])
    return step(settings, ONE, True, *arrays)[0].asnumpy()


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
    step, before = step_of(model, taps, phase), values(model)
    step.set_train(True)
    losses = [take(step, k, *arrays(taps))[0] for k in range(4)]
    expected = {p.name for p in (model.trained_parameters() if phase.adapt else model.head.get_parameters())}
    assert moved(before, values(model)) == expected
    assert len([name for name in expected if "lora" in name]) == (8 if phase.adapt else 0)
    assert losses[-1] < losses[0]  # on the same batch


def test_the_loss_is_the_weighted_sum_of_its_terms():
    weights = {"kld": 2.0, "cc": 3.0, "similarity": 0.5, "entailment": 0.25, "distance": 0.125}
    objective = PhaseObjective(made(), 4, PhasesConfig(**{**CONFIG, "loss": weights}).loss)
    scaled, terms = objective(ms.Tensor(4.0, ms.float32), *arrays(4))
    loss, kld, cc, similarity, entailment, distance, *further = terms.asnumpy()
    assert further == [0, 0, 0] and float(scaled.asnumpy()) == 4 * loss
    expected = 2 * kld - 3 * cc - 0.5 * similarity + 0.25 * entailment + 0.125 * distance
    assert loss == pytest.approx(expected, rel=1e-5)


def test_training_against_swapped_prompts_makes_the_prompt_matter():
    step = step_of(made(), 4, FROZEN.model_copy(update={"condition_weight": 3.0}))
    inputs, sentences, truth = arrays(4)
    swapped = ms.Tensor(np.random.default_rng(1).standard_normal(sentences.shape).astype(np.float32))
    conditions = []
    for k in range(8):
        loss, kld, cc, similarity, entailment, distance, condition, cones, order = take(
            step, k, inputs, sentences, truth, swapped
        )
        assert cones == order == 0
        expected = kld - cc - similarity + entailment + 0.4 * distance + 3 * condition
        assert loss == pytest.approx(expected, rel=1e-5)
        conditions.append(condition)
    assert conditions[0] == pytest.approx(MARGIN, abs=0.05)  # the prompt hardly affects an untrained head
    assert conditions[-1] < 0.7 * conditions[0]


@pytest.mark.slow  # a step to compile
def test_fewer_swapped_prompts_are_those_of_the_first_images():
    objective = PhaseObjective(made(), 4, TRAINING.loss, condition_weight=1.0).set_train(False)
    inputs, sentences, truth = arrays(4)
    swapped = ms.Tensor(np.random.default_rng(1).standard_normal((1, sentences.shape[1])).astype(np.float32))
    both = objective(ONE, inputs, sentences, truth, swapped)[1].asnumpy()
    first = objective(ONE, *(each[:1] for each in (inputs, sentences, truth)), swapped)[1].asnumpy()
    assert both[6] == pytest.approx(first[6], rel=1e-5) and both[6] > 0


def test_matrices_are_decayed_and_vectors_and_scalars_are_not():
    model = build_model(NAME, changes=MODEL)
    head = optimizer_of(model, FROZEN, TRAINING.optimizer)
    names = [parameter.name for parameter in head.parameters]
    assert sorted(names) == sorted(p.name for p in model.head.get_parameters() if p.requires_grad)
    assert len(names) > 100 and set(head.factors) == {1.0}
    assert all(decay == (5e-3 if p.ndim > 1 else 0.0) for p, decay in zip(head.parameters, head.decays, strict=True))
    undecayed = {name.rsplit(".", 1)[-1] for name, decay in zip(names, head.decays, strict=True) if not decay}
    assert {"bias", "gamma", "beta", "value"} <= undecayed and "weight" not in undecayed


def test_adapters_have_a_rate_of_their_own_where_they_are_trained():
    model = build_model(NAME, changes=MODEL)
    both = optimizer_of(model, ADAPTED, TRAINING.optimizer)
    adapters = {
        (decay, factor)
        for parameter, decay, factor in zip(both.parameters, both.decays, both.factors, strict=True)
        if "lora" in parameter.name
    }
    assert adapters == {(5e-3, 0.5)} and sum("lora" in parameter.name for parameter in both.parameters) == 8


def test_a_step_renames_no_parameter():
    model = made()
    step_of(model, 2, ADAPTED)
    assert all(parameter.name == name for name, parameter in model.parameters_and_names())


def test_dropout_is_applied_in_training_only():
    model = made(CHANGES)
    step = step_of(model, 2, ADAPTED)
    dropouts = [cell for _, cell in model.cells_and_names() if isinstance(cell, Dropout)]
    for training in (True, False, True):
        step.set_train(training)
        assert len(dropouts) == 4 and all(cell.training is training for cell in dropouts)
