"""The authors' released checkpoint: every official name to its place in `models.aam.AAM`, by tables.

The backbone's names are DINOv3's own below "backbone.", with one particularity: an adapted layer is in the
file twice, as "...attn.qkv.base.weight" and, by the wrapper's own name for the same tensor, as "...attn.qkv.weight".
"""

import re

import numpy as np

from mindaam.dynamics.temporal_block import OFFICIAL as TEMPORAL
from mindaam.encoders import dinov3_checkpoints
from mindaam.encoders.conversion import Conversion
from mindaam.fusion.audio_visual import OFFICIAL as FUSION

# --- The decoder. Scale modulation, which the three stages and the output head have in common.
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


def _prefixed(prefix, parts, ours):
    return {f"{prefix}.{theirs}": f"{ours}{name}" for theirs, name in parts.items()}


def _table():
    table = _prefixed("head.start_proj", _START, "") | _prefixed("head.decoder_out", _OUTPUT, "head.")
    for i in range(3):
        table |= _prefixed(f"head.decoder_stage{i + 1}", _STAGE, f"stages.{i}.")
        table |= _prefixed(f"head.fuse{i + 1}", _FUSION, f"fusions.{i}.")
        table |= _prefixed(f"head.se{i + 1}", _SQUEEZE, f"fusions.{i}.")
    return table


HEAD_DECODER = _table()  # official name -> ours; "fusions.N.kernel" stands for the two kernels that it is split into
UNREAD = ("head.decoder_out.gauss_anchors_tan",)  # in the checkpoint, but in no forward pass


def _decoder_parts(ours, array):
    """{name in the decoder: array} of one official array; a fusion's kernel becomes two."""
    if not ours.endswith(".kernel"):
        return {ours: array}
    prefix, own_width = ours.removesuffix("kernel"), array.shape[0]
    return {f"{prefix}from_decoder.weight": array[:, :own_width], f"{prefix}from_skip.weight": array[:, own_width:]}


# --- The rest of the head. Of the five temporal blocks that the file holds, two are ever run: those of our `temporal`.

_BLOCKS = {2: 0, 3: 1}  # number in motion_modules -> number in head.temporal
_UNREAD_BLOCKS = (0, 1, 4)
_HEAD = {
    "head.curv": "head.hierarchy.curvature.value",
    "head.visual_alpha": "head.hierarchy.visual_map.alpha.value",
    "head.textual_alpha": "head.hierarchy.textual_map.alpha.value",
    "head.none_anchor_tan": "head.hierarchy.anchor",
    "head.visual_proj.weight": "head.hierarchy.visual_proj.weight",
    "head.textual_proj.weight": "head.hierarchy.textual_proj.weight",
    **{f"head.projects.{i}.{leaf}": f"head.neck.projects.{i}.{leaf}" for i in range(4) for leaf in ("weight", "bias")},
    **_prefixed("head.av_fusion", FUSION, "head.fusion."),
}
for _theirs, _ours in _BLOCKS.items():
    _HEAD |= _prefixed(f"head.motion_modules.{_theirs}", TEMPORAL, f"head.temporal.{_ours}.")
_NEVER_READ = "no forward pass of the released code reads it"
_IGNORED = {
    **dict.fromkeys(UNREAD, _NEVER_READ),
    **{f"head.motion_modules.{i}.{name}": _NEVER_READ for i in _UNREAD_BLOCKS for name in TEMPORAL},
}


def _head_parts(name, array):
    """{our name: array} of one official array of the head, or None for a name that is not in the tables."""
    if name in HEAD_DECODER:
        return {f"head.decoder.{ours}": part for ours, part in _decoder_parts(HEAD_DECODER[name], array).items()}
    if name not in _HEAD:
        return None
    if name.startswith("head.projects.") and name.endswith(".weight"):
        array = np.squeeze(array, (2, 3))  # a 1x1 convolution, which is a matrix on tokens
    return {_HEAD[name]: array}


# --- The backbone and its adapters

PREFIX = "backbone."
_ADAPTED = re.compile(r"(blocks\.\d+\.attn\.(?:qkv|proj))\.(.+)")
_ADAPTERS = {"lora_A.weight": "lora_a", "lora_B.weight": "lora_b"}


def _backbone(official):
    """Conversion of the names below "backbone."."""
    plain, source, adapters, ignored, adapted = {}, {}, {}, {}, set()
    for name, array in official.items():
        rest = name.removeprefix(PREFIX)
        prefix, leaf = found.groups() if (found := _ADAPTED.fullmatch(rest)) else (None, None)
        if leaf in _ADAPTERS:
            adapters[f"{PREFIX}{prefix}.{_ADAPTERS[leaf]}"] = name
            adapted.add(prefix)
        elif prefix and leaf.startswith("base."):
            adapted.add(prefix)
            rest = f"{prefix}.{leaf.removeprefix('base.')}"
            plain[rest], source[rest] = array, name
        elif prefix and f"{PREFIX}{prefix}.base.{leaf}" in official:
            ignored[name] = _alias_reason(f"{PREFIX}{prefix}.base.{leaf}", array, official)
        else:
            plain[rest], source[rest] = array, name
    converted = dinov3_checkpoints.from_official(plain)

    def ours(name):
        found = _ADAPTED.fullmatch(name)
        return f"{PREFIX}{found[1]}.base.{found[2]}" if found and found[1] in adapted else f"{PREFIX}{name}"

    state = {ours(name): array for name, array in converted.state.items()}
    origin = {ours(name): tuple(source[part] for part in parts) for name, parts in converted.origin.items()}
    state |= {name: np.asarray(official[theirs], np.float32) for name, theirs in adapters.items()}
    origin |= {name: (theirs,) for name, theirs in adapters.items()}
    ignored |= {source[name]: reason for name, reason in converted.ignored.items()}
    return Conversion(state, origin, ignored, tuple(source[name] for name in converted.unexpected))


ALIAS_DIFFERS = "differs from"  # beginning of the reason when the two tensors of an alias differ


def _alias_reason(base, array, official):
    if np.array_equal(np.asarray(array), np.asarray(official[base]), equal_nan=True):
        return "the same tensor is under the name with .base."
    return f"{ALIAS_DIFFERS} {base}, which the released code reads last and so uses"


def from_official(official):
    """The authors' whole checkpoint {official name: array} to a Conversion for `AAM` with its adapters, float32.

    official: names without "module."; of an adapted layer either name or both. A 1x1 convolution of the neck becomes
    a matrix, a fusion's kernel is split in two, and the keys' part of an attention bias is masked.
    """
    backbone = _backbone({name: array for name, array in official.items() if name.startswith(PREFIX)})
    state, origin, ignored = dict(backbone.state), dict(backbone.origin), dict(backbone.ignored)
    unexpected = list(backbone.unexpected)
    for name, array in official.items():
        if name.startswith(PREFIX):
            continue
        if name in _IGNORED:
            ignored[name] = _IGNORED[name]
            continue
        parts = _head_parts(name, np.asarray(array, np.float32))
        if parts is None:
            unexpected.append(name)
            continue
        state |= parts
        origin |= dict.fromkeys(parts, (name,))
    return Conversion(state, origin, ignored, tuple(unexpected))
