"""The `released` decoder against golden outputs and gradients of the released code, step by step."""

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, ops

from mindaam.decoder.decoder import HyperbolicDecoder
from mindaam.decoder.lorentz_maps import depth
from mindaam.decoder.modulation import times
from mindaam.decoder.scale_modulation import least, row_shortening
from mindaam.decoder.variant import RELEASED
from mindaam.errors import CheckpointError
from mindaam.geometry import lorentz
from mindaam.kernels.reductions import image_mean
from mindaam.zoo.checkpoints import load_strict
from mindaam.zoo.convert.aam import HEAD_DECODER, from_official
from tests.decoder.official import decoder_state, official_arrays, released_decoder
from tests.gold import check, tensor

GOLDEN = dict(np.load(Path(__file__).parent / "goldens" / "decoder.npz", allow_pickle=False))
TEXT, POINT = Tensor(GOLDEN["text_emb"]), Tensor(GOLDEN["z_cond"])
INPUTS = {
    "stage1": ("D/x1", (2, 256, 7, 7), 1.0),
    "stage3": ("D/x3", (2, 64, 14, 10), 1.0),
    "bias_head": ("D/xo", (2, 32, 28, 28), 1.0),
    "spatial_op_big": ("D/xop", (2, 64, 14, 10), 60.0),
    "spatial_op_noz": ("D/xop2", (2, 64, 14, 10), 1.0),
    "se1": ("D/se1", (2, 128, 7, 7), 1.0),
    "se3": ("D/se3", (2, 32, 28, 28), 1.0),
    "fuse1": ("D/fuse1", (2, 512, 7, 7), 1.0),
    "start_proj": ("D/start", (2, 768, 7, 7), 1.0),
}
STAGES = {"stage1": 0, "stage3": 2}


def stage(index):
    return released_decoder().stages[index]


def spatial_operators(feature, point):
    """The three responses stacked as the released code keeps them, [B,3,C,H,W]."""
    return stacked(stage(1).modulation.operators(feature, point, None))


def stacked(responses):
    local, dilated, pooled = responses
    return ops.stack((local, dilated, ops.broadcast_to(pooled, local.shape)), 1)


def fuse1(x):
    feature, skip = ops.split(x, (128, 384), 1)
    return released_decoder().fusions[0].fuse(feature, skip)


def compare(key, value):
    """Float32 round-off: 1e-5 + 1e-4 |reference|, and for small tensors no more than 1e-4 of their largest value."""
    golden = GOLDEN[key] if key in GOLDEN else GOLDEN[f"{key}@sample"]
    check(GOLDEN, key, value.asnumpy(), atol=min(1e-5, 1e-4 * np.abs(golden).max()))


CASES = {  # tag: (function, its arguments' golden names)
    "stage1": (lambda x, text, z: stage(0)(x, text, z, None, None), ("x", "text", "z")),
    "stage3": (lambda x, text, z: stage(2)(x, text, z, None, None), ("x", "text", "z")),
    "stage1/z_none": (lambda x, text: stage(0)(x, text, None, None, None), ("x", "text")),
    "stage3/z_none": (lambda x, text: stage(2)(x, text, None, None, None), ("x", "text")),
    "bias_head": (lambda x, text, z: released_decoder().head(x, text, z, None), ("x", "text", "z")),
    "spatial_op_big": (spatial_operators, ("x", "z")),
    "spatial_op_noz": (lambda x: spatial_operators(x, None), ("x",)),
    "se1": (lambda x: released_decoder().fusions[0].squeeze(x), ("x",)),
    "se3": (lambda x: released_decoder().fusions[2].squeeze(x), ("x",)),
    "fuse1": (fuse1, ("x",)),
    "start_proj": (lambda x: released_decoder().begin(x), ("x",)),
}


def golden_input(tag):
    name, shape, scale = INPUTS[tag.split("/")[0]]
    return Tensor(tensor(name, shape, scale=scale))


@pytest.mark.parametrize("tag", CASES)
def test_outputs_and_gradients(tag):
    function, names = CASES[tag]
    arguments = [{"x": golden_input(tag), "text": TEXT, "z": POINT}[name] for name in names]

    def weighted(*arguments):
        out = function(*arguments)
        return (out * Tensor(tensor(f"D/{tag}/cot", out.shape))).sum(), out

    (_, out), gradients = ms.value_and_grad(weighted, tuple(range(len(names))), has_aux=True)(*arguments)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    compare(f"{tag}/out", out)
    for name, gradient in zip(names, gradients, strict=True):
        compare(f"{tag}/d_{name}", gradient)


def check_pixel_gate(gate, feature, place):
    """The per-pixel round trip of `feature`, each step against GOLDEN[place/step]."""
    curvature = gate.map.curvature()
    edges = least(curvature, feature.shape[3])

    def expect(step, value):
        compare(f"{place}/{step}", value)

    expect("to_hyp1", gate.map(feature, curvature))
    expect("sanitize1", gate.lift(feature, curvature, edges))
    tangent = gate.round_trip(feature, curvature)
    expect("to_tan1", tangent)
    tangent = times(tangent, row_shortening(tangent))
    expect("row_clip", tangent)
    strength = gate.gate(lorentz.distance_to_origin(POINT, curvature, RELEASED.eps).expand_dims(-1))
    wanted = 0.5 * np.tanh(GOLDEN[f"{place}/gate_mlp"])  # the golden is the gate before this squashing
    check({"gate": wanted}, "gate", strength.asnumpy())
    gated = tangent * (1 + strength)
    expect("to_hyp2", gate.map(gated, curvature))
    expect("sanitize2", gate.lift(gated, curvature, edges))
    expect("to_tan2", gate(feature, POINT, None))


@pytest.mark.parametrize("tag", STAGES)
def test_steps_of_a_stage(tag):
    cell = stage(STAGES[tag])
    modulation, scale_gate = cell.modulation, cell.modulation.scale_gate
    curvature = scale_gate.map.curvature()

    def expect(step, value):
        compare(f"{tag}/{step}", value)

    feature = cell.norm(cell.up(golden_input(tag)))
    expect("upconv_norm", feature)
    feature = cell.film(feature, TEXT)
    expect("film", feature)
    check_pixel_gate(modulation.operators.pixel_gate, feature, f"{tag}/ms_op")
    responses = modulation.operators(feature, POINT, None)
    expect("ms_op/Y", stacked(responses))
    expect("w_hyp", scale_gate.anchor_weights(POINT, None))
    expect("scale_weights_noz", scale_gate(TEXT, None, None))
    weights = scale_gate(TEXT, POINT, None)
    expect("scale_weights", weights)
    expect("fused", modulation.mix(modulation.weigh(ops.split(weights.reshape(2, 3, 1, 1), 1, 1), *responses)))
    to_origin = lorentz.distance_to_origin(POINT, curvature, RELEASED.eps)
    expect("r", to_origin.expand_dims(-1))
    expect("lam", modulation.strength(POINT, None).reshape(2, 1))
    assert modulation.strength(None, None) == 0.25
    np.testing.assert_allclose(depth(to_origin).asnumpy(), np.clip(GOLDEN[f"{tag}/r"], 0, 1), 1e-4)


def test_steps_of_the_pixel_gate_on_large_values():
    check_pixel_gate(stage(1).modulation.operators.pixel_gate, golden_input("spatial_op_big"), "spatial_op_big")


def test_parts_of_the_output_head():
    head, feature = released_decoder().head, golden_input("bias_head")

    def expect(part, value):
        compare(f"bias_head/{part}", value)

    structure = head.structure(feature)
    expect("final_conv", structure)
    for part, value in zip(("cx", "cy", "sx", "sy"), head.shapes(TEXT), strict=True):
        expect(part, value)
    expect("z_img", head.map(head.to_tangent(feature.mean((2, 3)))))
    joint = head.joint(image_mean(feature), POINT, head.text_part(POINT, None), None)
    expect("joint", joint)
    amplitudes = head.amplitudes(joint)
    expect("amp", amplitudes.reshape(2, 6, 1, 1))
    expect("bias_map", head.gaussian_bias(*head.gaussians_of(TEXT, (28, 28)), amplitudes))
    expect("struct_bias", head.modulation(structure, TEXT, POINT, None) / head.modulation.strength(POINT, None))


def test_every_official_name_fills_one_parameter():
    assert decoder_state({"head.decoder_out.gauss_anchors_tan": np.ones((6, 128))}) == {}  # never read
    state = decoder_state(official_arrays())
    assert len(HEAD_DECODER) == 151 and len(state) == 151 + 3  # three kernels are split in two
    assert set(state) == {name for name, _ in released_decoder().parameters_and_names()}


def test_a_fusion_kernel_is_split_between_decoder_and_skip():
    kernel = official_arrays()["head.fuse2.0.weight"]
    state = decoder_state({"head.fuse2.0.weight": kernel})
    np.testing.assert_array_equal(state["fusions.1.from_decoder.weight"], kernel[:, :64])
    np.testing.assert_array_equal(state["fusions.1.from_skip.weight"], kernel[:, 64:])


def test_names_that_do_not_fit_are_errors():
    name = "head.decoder_stage4.norm.weight"
    assert from_official({name: np.ones(3)}).unexpected == (name,)
    incomplete = decoder_state(official_arrays())
    del incomplete["stages.1.modulation.mix.bias"]
    with pytest.raises(CheckpointError, match="stages.1.modulation.mix.bias"):
        load_strict(HyperbolicDecoder(variant=RELEASED), incomplete)
