"""The kinds of foreign checkpoint: how each is identified, renamed, distinguished, and what it must fill.

A variant follows from a few sizes by a table. An unknown combination is refused, and an ambiguous one needs
--name; nothing is chosen because it is close.
"""

from contextlib import nullcontext
from typing import NamedTuple

from mindaam.encoders.tables import stored_parameters
from mindaam.errors import CheckpointError, unknown


class Kind(NamedTuple):
    """One kind of checkpoint.

    marks: official names, one tuple per naming; a file with all names of a tuple is of this kind. convert: official
    arrays -> Conversion. variants: () -> {name: {what: size}}. sizes: converted arrays -> {what: size}, None without
    such an array. cell: name -> the Cell that the converted arrays must fill, no more and no less.
    """

    marks: tuple
    convert: object
    variants: object
    sizes: object
    cell: object


def kind_of(name):
    """The Kind of that name. Raises ConfigError for an unknown one."""
    if name not in KINDS:
        raise unknown("kind of checkpoint", name, KINDS)
    return KINDS[name]


def variant_of(kind, state, source, name=None):
    """The name of the variant that converted arrays {our name: array} are of; a given `name` must be that of one.

    Raises ConfigError for a name that is none of this kind's, CheckpointError when the sizes are not those of `name`,
    of no variant, or of several.
    """
    variants, sizes = kind_of(kind).variants(), kind_of(kind).sizes(state)
    if name is not None and name not in variants:
        raise unknown(f"{kind} model", name, variants)
    fitting = [each for each, wanted in variants.items() if wanted == sizes]
    if name in fitting:
        return name
    if not fitting:
        rows = "; ".join(f"{each}: {_spoken(wanted)}" for each, wanted in variants.items())
        raise CheckpointError(f"{source} has {_spoken(sizes)}, which no known {kind} model has ({rows})")
    if name is not None:
        raise CheckpointError(f"{source} has {_spoken(sizes)}: that is {' or '.join(fitting)}, not {name}")
    if len(fitting) > 1:
        raise CheckpointError(
            f"{source} has {_spoken(sizes)}, as {' and '.join(fitting)} both have; choose one with --name"
        )
    return fitting[0]


def disputed(conversion):
    """{official name: why} of the ignored arrays that ought to be the same as their alias and are not."""
    from mindaam.zoo.convert.aam import ALIAS_DIFFERS

    return {name: reason for name, reason in conversion.ignored.items() if reason.startswith(ALIAS_DIFFERS)}


def parameters_of(kind, name):
    """{our name: shape} of everything that a converted file of this variant must hold."""
    try:
        from mindspore.nn.utils import no_init_parameters  # deprecated; without it this only takes longer
    except ImportError:
        no_init_parameters = nullcontext
    with no_init_parameters():
        cell = kind_of(kind).cell(name)
    return {path: tuple(parameter.shape) for path, parameter in stored_parameters(cell)}


def _spoken(sizes):
    return ", ".join(f"{what} {'unknown' if size is None else size}" for what, size in sizes.items()) or "those sizes"


def _side(state, name, axis):
    """One side of an array, or None where there is no such array or side."""
    shape = state[name].shape if name in state else ()
    return shape[axis] if -len(shape) <= axis < len(shape) else None


def _depth(state, prefix):
    """The number of blocks, by the highest block's number, so that a gap shows as missing; None without any."""
    numbers = [name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)]
    return max((int(number) + 1 for number in numbers if number.isdecimal()), default=None)


# --- dinov3, in Meta's naming and in Hugging Face's


def _dinov3(official):
    from mindaam.encoders import dinov3_checkpoints

    foreign = any(name.startswith(("embeddings.", "layer.")) for name in official)
    return dinov3_checkpoints.from_huggingface(official) if foreign else dinov3_checkpoints.from_official(official)


def _dinov3_sizes(state):
    gated = "blocks.0.mlp.w1.weight" in state
    return {
        "width": _side(state, "cls_token", -1),
        "depth": _depth(state, "blocks."),
        "hidden width": _side(state, f"blocks.0.mlp.{'w1' if gated else 'fc1'}.weight", 0),
        "gates": "yes" if gated else "no",
    }


def _dinov3_variants():
    from mindaam.encoders.dinov3 import VARIANTS

    return {
        name: {
            "width": each["width"],
            "depth": each["depth"],
            "hidden width": each["hidden"],
            "gates": "yes" if each["swiglu"] else "no",
        }
        for name, each in VARIANTS.items()
    }


def _dinov3_cell(name):
    from mindaam.encoders.dinov3 import VARIANTS, DINOv3

    return DINOv3(**VARIANTS[name])


# --- dinov2


def _dinov2(official):
    from mindaam.encoders import dinov2

    return dinov2.from_official(official)


def _dinov2_sizes(state):
    return {"width": _side(state, "cls_token", -1), "depth": _depth(state, "blocks.")}


def _dinov2_variants():
    from mindaam.encoders.dinov2 import VARIANTS

    return {name: {"width": each["width"], "depth": each["depth"]} for name, each in VARIANTS.items()}


def _dinov2_cell(name):
    from mindaam.encoders.dinov2 import VARIANTS, DINOv2

    return DINOv2(**VARIANTS[name])


# --- sam2: its image encoder, of SAM 2 and SAM 2.1


def _sam2(official):
    from mindaam.encoders import sam2

    return sam2.from_official(official)


def _sam2_sizes(state):
    return {"width": _side(state, "pos_embed", 1), "depth": _depth(state, "blocks.")}


def _sam2_variants():
    from mindaam.encoders.sam2 import VARIANTS

    return {name: {"width": each["width"], "depth": each["depth"]} for name, each in VARIANTS.items()}


def _sam2_cell(name):
    from mindaam.encoders.sam2 import SAM2, VARIANTS

    return SAM2(image_size=(448, 448), **VARIANTS[name])


# --- clip: the text tower of ViT-L/14


def _clip(official):
    from mindaam.encoders import clip_text

    return clip_text.from_official(official)


def _clip_cell(name):
    from mindaam.encoders.clip_text import ClipText

    return ClipText()


# --- wav2clip


def _wav2clip(official):
    from mindaam.encoders import wav2clip

    return wav2clip.from_official(official)


def _wav2clip_cell(name):
    from mindaam.encoders.wav2clip import Wav2CLIP

    return Wav2CLIP()


# --- aam: the authors' whole model


def _aam(official):
    from mindaam.zoo.convert import aam

    return aam.from_official(official)


def _aam_variants():
    from mindaam.models.registry import list_models

    return {
        f"aam_{name}": {"width": sizes["width"], "depth": sizes["depth"]}
        for name, sizes in _dinov3_variants().items()
        if f"aam_{name}" in list_models()
    }


def _aam_sizes(state):
    return {"width": _side(state, "backbone.cls_token", -1), "depth": _depth(state, "backbone.blocks.")}


def _aam_cell(name):
    from mindaam.models.registry import build_model

    return build_model(name, "released")


KINDS = {
    "aam": Kind((("backbone.cls_token", "head.curv"),), _aam, _aam_variants, _aam_sizes, _aam_cell),
    "dinov3": Kind(
        (("cls_token", "storage_tokens"), ("embeddings.cls_token", "embeddings.register_tokens")),
        _dinov3,
        _dinov3_variants,
        _dinov3_sizes,
        _dinov3_cell,
    ),
    "dinov2": Kind((("cls_token", "pos_embed"),), _dinov2, _dinov2_variants, _dinov2_sizes, _dinov2_cell),
    "sam2": Kind((("pos_embed_window", "pos_embed"),), _sam2, _sam2_variants, _sam2_sizes, _sam2_cell),
    "clip": Kind(
        (("token_embedding.weight", "text_projection"),),
        _clip,
        lambda: {"clip_vitl14": {}},
        lambda state: {},
        _clip_cell,
    ),
    "wav2clip": Kind(
        (("audio_encoder.conv1.weight",), ("encoder.conv1.weight",)),
        _wav2clip,
        lambda: {"wav2clip": {}},
        lambda state: {},
        _wav2clip_cell,
    ),
}
