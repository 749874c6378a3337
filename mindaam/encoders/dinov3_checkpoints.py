"""Published DINOv3 checkpoints by the parameter names of `DINOv3`.

Each table is name here -> (the official names that it is made of, how): one table for what occurs once, one for what
each block has. Norms are called gamma and beta in MindSpore.
"""

import numpy as np

from mindaam.encoders.conversion import Conversion
from mindaam.encoders.rotary import rope_periods


def _same(array):
    return array


def _matrix(kernel):
    """The patch convolution [D,3,p,p] as the matrix [D,3pp] that `PatchEmbed` multiplies with."""
    return kernel.reshape(kernel.shape[0], -1)


def _masked(bias, mask):
    """bias * mask, 0 where the mask is zero: official files may contain anything there, NaN included."""
    return np.where(mask == 0, np.float32(0), bias * mask)


def _joined(*arrays):
    return np.concatenate(arrays)


def _keyless(query, value):
    """Bias of query, key and value; DINOv3's keys have none."""
    return np.concatenate([query, np.zeros_like(query), value])


def _renamed(pairs):
    """{name here: ((official,), as it is)} of {official module: module here}, weight and bias each."""
    table = {}
    for official, ours in pairs.items():
        names = ("gamma", "beta") if ours.startswith("norm") else ("weight", "bias")
        table[f"{ours}.{names[0]}"] = ((f"{official}.weight",), _same)
        table[f"{ours}.{names[1]}"] = ((f"{official}.bias",), _same)
    return table


_IGNORED = {
    "mask_token": "stands for hidden patches, in pre-training only",
    "local_cls_norm.weight": "norm of small crops, in pre-training only",
    "local_cls_norm.bias": "norm of small crops, in pre-training only",
    "embeddings.mask_token": "stands for hidden patches, in pre-training only",
}
_OFFICIAL = {
    "cls_token": (("cls_token",), _same),
    "storage_tokens": (("storage_tokens",), _same),
    "patch_embed.proj.weight": (("patch_embed.proj.weight",), _matrix),
    "patch_embed.proj.bias": (("patch_embed.proj.bias",), _same),
    "rope_embed.periods": (("rope_embed.periods",), _same),
    **_renamed({"norm": "norm"}),
}
_OFFICIAL_BLOCK = {
    **_renamed({part: part for part in ("norm1", "attn.proj", "norm2")}),
    "attn.qkv.weight": (("attn.qkv.weight",), _same),
    "attn.qkv.bias": (("attn.qkv.bias", "attn.qkv.bias_mask"), _masked),
    "ls1.gamma": (("ls1.gamma",), _same),
    "ls2.gamma": (("ls2.gamma",), _same),
    **_renamed({part: part for part in ("mlp.fc1", "mlp.fc2", "mlp.w1", "mlp.w2", "mlp.w3")}),
}
_HUGGINGFACE = {
    "cls_token": (("embeddings.cls_token",), _same),
    "storage_tokens": (("embeddings.register_tokens",), _same),
    "patch_embed.proj.weight": (("embeddings.patch_embeddings.weight",), _matrix),
    "patch_embed.proj.bias": (("embeddings.patch_embeddings.bias",), _same),
    **_renamed({"norm": "norm"}),
}
_HUGGINGFACE_BLOCK = {
    **_renamed({"norm1": "norm1", "norm2": "norm2", "attention.o_proj": "attn.proj"}),
    "attn.qkv.weight": (tuple(f"attention.{part}_proj.weight" for part in "qkv"), _joined),
    "attn.qkv.bias": (tuple(f"attention.{part}_proj.bias" for part in "qv"), _keyless),
    "ls1.gamma": (("layer_scale1.lambda1",), _same),
    "ls2.gamma": (("layer_scale2.lambda1",), _same),
}
_HUGGINGFACE_MLP = _renamed({"mlp.up_proj": "mlp.fc1", "mlp.down_proj": "mlp.fc2"})
_HUGGINGFACE_GATED = _renamed({"mlp.gate_proj": "mlp.w1", "mlp.up_proj": "mlp.w2", "mlp.down_proj": "mlp.w3"})


def _convert(state, top, block, list_name):
    """Conversion by two tables; `list_name` is what the checkpoint calls the list of blocks.

    A parameter is made when all its parts are there; the parts of an incomplete one count as unexpected.
    """
    numbers = {name.split(".")[1] for name in state if name.startswith(f"{list_name}.")}
    rows = dict(top)
    for number in sorted((n for n in numbers if n.isdecimal()), key=int):
        for ours, (parts, make) in block.items():
            rows[f"blocks.{number}.{ours}"] = (tuple(f"{list_name}.{number}.{part}" for part in parts), make)
    converted, origin = {}, {}
    for ours, (parts, make) in rows.items():
        if all(part in state for part in parts):
            converted[ours] = make(*(np.asarray(state[part], np.float32) for part in parts))
            origin[ours] = parts
    used = {part for parts in origin.values() for part in parts}
    ignored = {name: _IGNORED[name] for name in state if name in _IGNORED}
    unexpected = tuple(name for name in state if name not in used and name not in ignored)
    return Conversion(converted, origin, ignored, unexpected)


def from_official(state):
    """Official DINOv3 arrays by Meta's names, e.g. "blocks.0.attn.qkv.weight", to a Conversion, float32.

    The bias of the keys is masked in these models: bias and mask become one bias whose keys' third is zero.
    """
    return _convert(state, _OFFICIAL, _OFFICIAL_BLOCK, "blocks")


def from_huggingface(state, head_width=64):
    """DINOv3 arrays by the names of Hugging Face's `model.safetensors`, e.g. "layer.0.attention.q_proj.weight".

    Returns a Conversion, float32. Query, key and value become one matrix. These files hold no rotary periods:
    they are computed for heads of `head_width` channels, 64 in every published model, with no official name as origin.
    """
    gated = any(name.endswith("mlp.gate_proj.weight") for name in state)
    block = {**_HUGGINGFACE_BLOCK, **(_HUGGINGFACE_GATED if gated else _HUGGINGFACE_MLP)}
    conversion = _convert(state, _HUGGINGFACE, block, "layer")
    conversion.state["rope_embed.periods"] = rope_periods(head_width)
    conversion.origin["rope_embed.periods"] = ()
    return conversion
