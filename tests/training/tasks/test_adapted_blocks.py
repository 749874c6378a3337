"""The backbone cut in two gives what it gives in one piece, and keeps its parameters' names."""

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.models.registry import build_model, model_config
from mindaam.training.tasks.adapted_blocks import AdaptedBlocks, cached_taps, frozen_outputs
from tests.training.small import MODEL, NAME, SIZE, fill_backbone


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
def pictures():
    return np.random.default_rng(1).standard_normal((2, 3, *SIZE)).astype(np.float32)


@pytest.fixture(scope="module")
def taps(model, pictures):
    """Raw outputs of all four taps [B,4,1+N,D]."""
    compute = frozen_outputs(model.backbone)
    return np.stack([compute(picture[None]) for picture in pictures])


@pytest.fixture(scope="module")
def whole(model, pictures):
    """What the backbone gives in one piece."""
    return [tap.asnumpy() for tap in model.backbone(ms.Tensor(pictures))]


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


def test_from_pictures_it_is_the_whole_backbone(model, pictures, whole):
    for got, expected in zip(AdaptedBlocks(model, 0)(ms.Tensor(pictures)), whole, strict=True):
        np.testing.assert_allclose(got.asnumpy(), expected, rtol=1e-5, atol=1e-5)


def test_the_adapters_matter_above_the_frozen_taps_only(model, pictures, taps):
    plain = build_model(NAME, changes={**MODEL, "lora": {"last_n_blocks": 0}})
    fill_backbone(plain)
    frozen = np.stack([frozen_outputs(plain.backbone)(picture[None]) for picture in pictures[:1]])
    np.testing.assert_allclose(frozen[:, :2], taps[:1, :2], rtol=1e-5, atol=1e-5)
    assert np.abs(frozen[:, 2:] - taps[:1, 2:]).max() > 1e-2


def test_names_stay_as_they_are(model):
    AdaptedBlocks(model, 2)
    frozen_outputs(model.backbone)
    assert all(parameter.name == name for name, parameter in model.parameters_and_names())
