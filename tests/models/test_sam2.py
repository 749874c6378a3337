"""The model on SAM2's encoder: maps of images and clips, adapters, arithmetic, and what its configuration refuses."""

import mindspore as ms
import numpy as np
import pytest

from mindaam.encoders.lora import lora_parameters, merge_lora
from mindaam.errors import ConfigError, InputError
from mindaam.models.backbone_flops import FLOP, backbone_flops
from mindaam.models.registry import build_model, list_models, model_config
from mindaam.training.reporting.dry_run import Call, Load, activations
from tests.encoders.encoder_files import running_in
from tests.models import tiny_video
from tests.models.tiny import images, prompts
from tests.models.tiny_sam2 import CHANGES, NAME, SIZE, tiny_sam2_model


@pytest.fixture
def operator_by_operator():
    """Nothing is compiled: a model's graphs take half a minute."""
    model = tiny_sam2_model()
    model.compiles = False
    with running_in("pynative"):
        yield model
    model.compiles = True


@pytest.mark.slow  # compiles twelve graphs
def test_graphs_of_blocks_and_the_cell_give_the_same_maps():
    model, seen, wanted = tiny_sam2_model(), images(2, SIZE), prompts(2)
    with running_in("pynative"):
        cell = model(ms.Tensor(seen), ms.Tensor(wanted))
    found = model.infer(seen, wanted)
    np.testing.assert_allclose(found.map, cell[0].asnumpy(), atol=2e-6)
    assert found.map.shape == (2, 1, *SIZE) and np.ptp(found.map) > 1e-3


def test_blocks_as_functions_and_the_cell_give_the_same_maps(operator_by_operator):
    model, seen, wanted = operator_by_operator, images(2, SIZE), prompts(2)
    cell = model(ms.Tensor(seen), ms.Tensor(wanted))
    np.testing.assert_allclose(model.infer(seen, wanted).map, cell[0].asnumpy(), atol=2e-6)
    taps, _ = model.image_features(seen)
    assert [each.shape for each in taps] == [(2, 8, width) for width in (8, 16, 32, 64)]


def test_a_clip_and_another_size(operator_by_operator):
    model, clip = operator_by_operator, images(3, SIZE)
    assert model.infer(clip, prompts(1), clip=True).map.shape == (3, 1, *SIZE)
    assert model.infer(images(1, (64, 96)), prompts(1)).map.shape == (1, 1, 64, 96)
    with pytest.raises(InputError, match="multiples of 32"):
        model.infer(images(1, (48, 64)), prompts(1))


def test_adapters_count_and_merge():
    model = build_model(NAME, changes=CHANGES).set_train(False)
    model.compiles = False
    rng = np.random.default_rng(0)
    for each in lora_parameters(model.backbone):
        each.set_data(ms.Tensor(rng.standard_normal(each.shape).astype(np.float32) / 4))
    seen = images(1, SIZE)
    with running_in("pynative"):
        apart = model.image_features(seen)[0]
        assert merge_lora(model.backbone) == 12 and not lora_parameters(model.backbone)
        together = model.image_features(seen)[0]
    for one, other in zip(apart, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * np.ptp(one))


def test_gradients_reach_every_adapter():
    model = build_model(NAME, changes=CHANGES).set_train(True)
    for each in lora_parameters(model.backbone):
        each.set_data(ms.Tensor(np.full(each.shape, 0.1, np.float32) + np.random.default_rng(1).normal(size=each.shape)
                                .astype(np.float32)))  # fmt: skip
    seen, wanted = ms.Tensor(images(1, SIZE)), ms.Tensor(prompts(1))
    adapters = lora_parameters(model.backbone)
    with running_in("pynative"):
        gradients = ms.grad(lambda x: model(x, wanted)[0].sum(), None, ms.ParameterTuple(adapters))(seen)
    assert all(np.isfinite(each.asnumpy()).all() and np.abs(each.asnumpy()).max() > 0 for each in gradients)


def test_flops_of_a_stage_by_hand():
    embedding, blocks = backbone_flops(tiny_sam2_model())
    assert embedding == FLOP * 8 * 16 * 3 * 49 * 8
    first, pooling = blocks[0], blocks[1]
    assert first.weights == FLOP * 8 * 16 * (8 * 24 + 8 * 8 + 2 * 8 * 32)
    assert first.attention == FLOP * 2 * 8 * 16 * 64 * 8 and first.adapters == FLOP * 8 * 16 * 2 * (8 + 24 + 8 + 8)
    after = 4 * 8
    assert pooling.weights == FLOP * (8 * 16 * (8 * 48 + 8 * 16) + after * (16 * 16 + 2 * 16 * 64))
    assert pooling.attention == FLOP * 2 * after * 64 * 16
    # block 4 is global on a grid of 2 x 4; block 5 pools, in windows of 6 that are padded
    assert blocks[4].attention == FLOP * 2 * 8 * 8 * 32
    assert blocks[5].attention == FLOP * 2 * (6 * 6 // 4) * 36 * 64


def test_activations_are_estimated():
    model, call = tiny_sam2_model(), Call(1, 1, False, 1)
    assert activations(model, call, Load(1)) > activations(model, call, Load(1, recompute=True)) > 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"encoder": {"stages": {"strides": [2, 4, 8, 16]}}}, "strides"),
        ({"encoder": {"stages": {"widths": [112, 224, 448, 900]}}}, "must double"),
        ({"encoder": {"width": 56}}, "must be the width, 56"),
        ({"image_size": [448, 464]}, "multiples of the encoder's coarsest windows, 32"),
        ({"encoder": {"stages": {"windows": [7, 4, 14, 7]}}}, "must be even"),
    ],
)
def test_a_configuration_that_cannot_be_is_one_sentence(changes, reason):
    with pytest.raises(ConfigError, match=reason):
        model_config(NAME, changes=changes)


def test_stages_belong_to_sam2():
    with pytest.raises(ConfigError, match=r"encoder\.stages belongs to the encoders of SAM2"):
        build_model(NAME, changes=CHANGES | {"encoder": {**CHANGES["encoder"], "name": "dinov3_vits16"}})
    with pytest.raises(ConfigError, match="sam2_base_plus is one; add it"):
        build_model(
            tiny_video.NAME,
            changes={**tiny_video.CHANGES, "encoder": {**tiny_video.CHANGES["encoder"], "name": "sam2_base_plus"}},
        )


def test_both_sizes_are_listed_with_the_published_widths():
    assert {"aam_sam2_base_plus", "aam_sam2_large"} <= set(list_models())
    assert model_config("aam_sam2_base_plus").encoder.widths == (112, 224, 448, 896)
    assert model_config("aam_sam2_large").encoder.widths == (144, 288, 576, 1152)
