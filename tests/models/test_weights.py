"""Weights that were replaced or trained are noticed, and what was kept of them is not used."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import ops

from mindaam.models.registry import build_model
from tests.decoder.small import stirred
from tests.models.tiny import CHANGES, NAME, images, prompts


@pytest.fixture
def model():
    built = build_model(NAME, changes=CHANGES).set_train(False)
    stirred(built.head)
    built.compiles = False  # operator by operator: what is kept is the same, and nothing waits for a compiler
    return built


def replaced(weight):
    weight.set_data(ms.Tensor(1.5 * weight.asnumpy() + 0.1))


def assigned(weight):
    ops.assign(weight, 1.5 * weight + 0.1)


@pytest.mark.parametrize("change", [replaced, assigned])
def test_a_change_is_noticed_and_nothing_else(model, change):
    model.infer(images(), prompts())
    before = model.weights.state()
    model.infer(images(), -prompts())
    assert model.weights.state() == before
    change(model.head.decoder.stages[0].film.to_modulation.weight)
    assert model.weights.state() != before


def test_a_frozen_weight_that_was_replaced_is_noticed(model):
    before = model.weights.state()
    replaced(model.backbone.blocks[0].attn.proj.bias)
    assert model.weights.state() != before


@pytest.mark.parametrize("change", [replaced, assigned])
def test_what_was_kept_of_a_prompt_is_not_used_with_other_weights(model, change):
    before = model.infer(images(), prompts()).map
    change(model.head.decoder.stages[0].film.to_modulation.weight)
    after = model.infer(images(), prompts()).map
    fresh = build_model(NAME, changes=CHANGES).set_train(False)
    fresh.compiles = False
    for weight, changed in zip(fresh.get_parameters(), model.get_parameters(), strict=True):
        weight.set_data(ms.Tensor(changed.asnumpy()))
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_array_equal(after, fresh.infer(images(), prompts()).map)


def test_a_prompt_is_kept(model):
    prompt = np.asarray(prompts(), np.float32)[:1]
    kept = model.video.condition(prompt, (28, 28))
    assert model.video.condition(prompt.copy(), (28, 28)) is kept
    assert model.video.condition(-prompt, (28, 28)) is not kept
    assert model.video.condition(prompt, (28, 42)) is not kept
