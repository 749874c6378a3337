"""The released AAM checkpoint's decoder: official names to those of `decoder.HyperbolicDecoder`, in one table."""

import numpy as np

from mindaam.errors import CheckpointError

# Scale modulation, which the three stages and the output head have in common.
_MODULATION = {
    "scale_gate.scale_anchors_tan": "modulation.scale_gate.anchors",
    "scale_gate.map.curv": "modulation.scale_gate.map.curv.value",
    "scale_gate.map.alpha": "modulation.scale_gate.map.alpha.value",
    "scale_gate.scale_mlp.0.weight": "modulation.scale_gate.norm.gamma",
    "scale_gate.scale_mlp.0.bias": "modulation.scale_gate.norm.beta",
    "scale_gate.scale_mlp.1.weight": "modulation.scale_gate.hide.weight",
    "scale_gate.scale_mlp.1.bias": "modulation.scale_gate.hide.bias",
    "scale_gate.scale_mlp.3.weight": "modulation.scale_gate.predict.weight",
    "scale_gate.scale_mlp.3.bias": "modulation.scale_gate.predict.bias",
    "ms_op.map.curv": "modulation.operators.pixel_gate.map.curv.value",
    "ms_op.map.alpha": "modulation.operators.pixel_gate.map.alpha.value",
    "ms_op.cond_gate.mlp.0.weight": "modulation.operators.pixel_gate.gate.rise.weight",
    "ms_op.cond_gate.mlp.0.bias": "modulation.operators.pixel_gate.gate.rise.bias",
    "ms_op.cond_gate.mlp.2.weight": "modulation.operators.pixel_gate.gate.spread.weight",
    "ms_op.cond_gate.mlp.2.bias": "modulation.operators.pixel_gate.gate.spread.bias",
    "ms_op.op0.0.weight": "modulation.operators.local_depthwise.weight",
    "ms_op.op0.1.weight": "modulation.operators.local_mix.weight",
    "ms_op.op0.1.bias": "modulation.operators.local_mix.bias",
    "ms_op.op1.0.weight": "modulation.operators.dilated_depthwise.weight",
    "ms_op.op1.1.weight": "modulation.operators.dilated_mix.weight",
    "ms_op.op1.1.bias": "modulation.operators.dilated_mix.bias",
    "ms_op.op2_proj.1.weight": "modulation.operators.global_mix.weight",
    "ms_op.op2_proj.1.bias": "modulation.operators.global_mix.bias",
    "ms_op.mix.weight": "modulation.mix.weight",
    "ms_op.mix.bias": "modulation.mix.bias",
}
_STAGE = _MODULATION | {
    "up_conv.weight": "up.weight",
    "up_conv.bias": "up.bias",
    "norm.weight": "norm.gamma",
    "norm.bias": "norm.beta",
    "style_mlp.1.weight": "film.to_modulation.weight",
    "style_mlp.1.bias": "film.to_modulation.bias",
}
_OUTPUT = _MODULATION | {
    "final_conv.weight": "structure.weight",
    "final_conv.bias": "structure.bias",
    "shape_predictor.0.weight": "shape_hidden.weight",
    "shape_predictor.0.bias": "shape_hidden.bias",
    "shape_predictor.2.weight": "shape_out.weight",
    "shape_predictor.2.bias": "shape_out.bias",
    "img_to_hyp_tan.weight": "to_tangent.weight",
    "global_map.curv": "map.curv.value",
    "global_map.alpha": "map.alpha.value",
    "amp_mlp.0.weight": "amplitude_norm.gamma",
    "amp_mlp.0.bias": "amplitude_norm.beta",
    "amp_mlp.1.weight": "amplitude_hidden.weight",
    "amp_mlp.1.bias": "amplitude_hidden.bias",
    "amp_mlp.3.weight": "amplitude_out.weight",
    "amp_mlp.3.bias": "amplitude_out.bias",
}
_START = {"0.weight": "start.weight", "1.weight": "start_norm.gamma", "1.bias": "start_norm.beta"}
_FUSION = {"0.weight": "kernel", "1.weight": "norm.gamma", "1.bias": "norm.beta"}
_SQUEEZE = {"fc.0.weight": "squeeze.reduce.weight", "fc.2.weight": "squeeze.expand.weight"}


def _placed(place, parts, ours):
    return {f"{place}.{theirs}": f"{ours}{name}" for theirs, name in parts.items()}


def _table():
    table = _placed("head.start_proj", _START, "") | _placed("head.decoder_out", _OUTPUT, "head.")
    for i in range(3):
        table |= _placed(f"head.decoder_stage{i + 1}", _STAGE, f"stages.{i}.")
        table |= _placed(f"head.fuse{i + 1}", _FUSION, f"fusions.{i}.")
        table |= _placed(f"head.se{i + 1}", _SQUEEZE, f"fusions.{i}.")
    return table


HEAD_DECODER = _table()  # official name -> ours; "fusions.N.kernel" stands for the two kernels that it is split into
UNREAD = ("head.decoder_out.gauss_anchors_tan",)  # in the checkpoint, but in no forward pass
PLACES = ("head.decoder_", "head.start_proj.", "head.fuse", "head.se")


def decoder_state(official):
    """The arrays of `HyperbolicDecoder` (three stages, released behaviour) from a released checkpoint's.

    official: {official name: array}; names outside the decoder are passed over, and so are those that the released
    code never reads. Returns {our name: float32 array}; a fusion's 1x1 kernel [C, C + S, 1, 1] becomes its columns for
    the decoder's feature and those for the skip. What is missing shows when the result is loaded strictly.
    Raises CheckpointError for a decoder's name that the table does not know.
    """
    state = {}
    for name, array in official.items():
        if name in UNREAD or not name.startswith(PLACES):
            continue
        if name not in HEAD_DECODER:
            raise CheckpointError(f'the checkpoint has "{name}", which is no part of the released decoder')
        ours, array = HEAD_DECODER[name], np.asarray(array, np.float32)
        if ours.endswith(".kernel"):
            place, own_width = ours.removesuffix("kernel"), array.shape[0]
            state[f"{place}from_decoder.weight"] = array[:, :own_width]
            state[f"{place}from_skip.weight"] = array[:, own_width:]
        else:
            state[ours] = array
    return state
