"""What a run would do, before it does it: configuration, parameters, memory, arithmetic. Nothing is trained or read.

Parameters and arithmetic are counted from the model; memory and time are estimates, and are marked as such.
"""

from typing import NamedTuple

import yaml

from mindaam import runtime
from mindaam.encoders.sam2 import STRIDE
from mindaam.models.flops import PARTS, training_flops
from mindaam.training.reporting.parameters import parameter_rows
from mindaam.training.reporting.precision import precision_text

FLOAT = 4  # bytes of a float32
GIGA = 1e9
# Nominal figures of an Ascend 910B3: bfloat16 operations per second, the share of them that a training run may reach,
# and bytes per second to and from its memory.
ASCEND_FLOPS, ASCEND_SHARE, ASCEND_BYTES = 313e12, 0.4, 1.6e12
DEVICES = (1, 8, 32)  # for which seconds are given: one, a machine, four machines
# Values that the backward pass needs, counted in the Cells' code: of a transformer block, in widths per token, beside
# one number per head and pair of tokens (x, norm, q, k, v, mixed values, sum, norm, and 4 + 4 of the perceptron);
BLOCK_VALUES = 16
SUMS = 2  # of them, float32 in half precision too
# float32 numbers per head and token instead, which the fused attention of Ascend keeps in half precision
FUSED_VALUES = 16
STAGE_VALUES = 20  # of a decoder stage, maps of its size and width
MAP_VALUES = 14  # of the output and the losses, maps of the image's size
TEMPORAL_VALUES = 19  # of a temporal block, in widths per place and frame, beside twice the feed-forward's ratio
FUSION_VALUES = (2, 10)  # of the fusion, in the map's widths and in the attention's per place and frame

ARITHMETIC_NOTE = (
    f"In brackets the images or frames of a step. The seconds are at {ASCEND_SHARE:.0%} of the nominal "
    f"{ASCEND_FLOPS / 1e12:.0f} TFLOP per second in bfloat16,\nor at the nominal {ASCEND_BYTES / 1e12:.1f} TB per "
    "second of its memory, whichever is longer: assumptions. Nothing has been run on that device,\nand waiting for "
    "data or other ranks is not included."
)
MEMORY_NOTE = (
    "Activations are the values that gradients need. On a CPU, MindSpore's graphs keep more: 0.6 GB per image were\n"
    "measured with the bundled small model, 0.23 GB by this estimate."
)


class Load(NamedTuple):
    """What one rank does in a step.

    images: how many go through the model at once; calls: of so many make a step of images; clips: make a step of
    videos, one call each. ema: whether an average of the weights is kept. recompute: the backbone's blocks are computed
    again in the backward pass. bytes: of a value in the backbone, 2 for float16 and bfloat16. sharers: of the
    optimizer's state.
    """

    images: int
    calls: int = 1
    clips: int = 1
    ema: bool = False
    recompute: bool = False
    bytes: int = FLOAT
    sharers: int = 1


class Call(NamedTuple):
    """One call of a step: how many images, or frames of one clip, of which `decoded` are decoded; calls: per step."""

    frames: int
    decoded: int
    clip: bool
    calls: int


def load_of(config, ranks=1):
    """The Load of each of so many ranks, a divisor of the batches of a CorpusConfig."""
    share = config.sampling.batch_size // ranks
    images = min(config.part or share, share)
    return Load(
        images,
        calls=share // images,
        clips=config.sampling.clips // ranks,
        ema=config.ema is not None,
        recompute=config.recompute,
        bytes=FLOAT if config.precision == "float32" else 2,
        sharers=ranks if config.shard_optimizer else 1,
    )


def describe(model, config):
    """The text that `mindaam train --dry-run` prints for a run on a corpus.

    model: AAM, whose parameters' `requires_grad` say what is trained, with weights or without. config: CorpusConfig.
    """
    kept = memory(model, config, load_of(config))
    lines = [[what, f"{size / GIGA:,.2f} GB"] for what, size in kept.items() if size]
    lines.append(["all", f"{sum(kept.values()) / GIGA:,.2f} GB"])
    return _text(
        model, config,
        {
            "Memory of one device that does it all (estimate)": f"{_aligned(lines)}\n{MEMORY_NOTE}",
            "Arithmetic of a step": f"{_aligned(_arithmetic(model, config))}\n{ARITHMETIC_NOTE}",
        },
    )  # fmt: skip


def outline(model, config, flops=None):
    """The same for a run of another kind: its batches are small, so neither activations nor seconds are estimated.

    model: a Cell; config: Schema; flops: {kind of step: {part: FLOP}}, about; None where they are not counted.
    """
    lines = [[what, f"{size / 1e6:,.1f} MB"] for what, size in _kept(model).items()]
    sections = {"Memory, without activations": _aligned(lines)}
    if flops:
        sections["Arithmetic of a step, about"] = _aligned(_flops_lines(flops, {kind: kind for kind in flops}))
    return _text(model, config, sections)


def _text(model, config, sections):
    dumped = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True).rstrip()
    lines = [["module", "parameters", "trainable", "frozen", "MB"]]
    lines += [
        [row.module, *(f"{count:,}" for count in row[1:4]), f"{row.bytes / 1e6:,.1f}"] for row in parameter_rows(model)
    ]
    types = precision_text(model)
    sections = {"Configuration": dumped, "Parameters": _aligned(lines), "Precision": types, **sections}
    sections["Computing"] = _computing()
    return "\n\n".join(f"{title}\n{'-' * len(title)}\n{body}" for title, body in sections.items()) + "\n"


def _computing():
    """How the run would compute in this environment (`runtime.settings`), as text; none of it is tried."""
    found = runtime.settings()
    variables = found.pop("variables")
    lines = [f"{name}: {str(value).lower() if isinstance(value, bool) else value}" for name, value in found.items()]
    return "\n".join(lines + [f"{name}={value}" for name, value in variables.items()])


def _kept(model, sharers=1):
    """{what: bytes} that training keeps of every model: its weights, and of the trained ones gradients and state."""
    total = parameter_rows(model)[-1]
    size = FLOAT * total.trainable
    return {"weights": total.bytes, "gradients": size, "optimizer state (AdamW)": 2 * size // sharers}


def memory(model, config, load):
    """{what: bytes} that a device needs for training; estimated, see the constants above for what is counted.

    Weights, gradients, optimizer state, sums of accumulated gradients and the average are float32 and counted;
    "activations" are of the step, of images or a clip, that needs more. Not counted: temporary memory of kernels, code,
    communication, and the images that are read ahead.
    """
    kept = _kept(model, load.sharers)
    return {
        **kept,
        "accumulated gradients": kept["gradients"] if max(load.calls, load.clips) > 1 else 0,
        "average of the weights": kept["gradients"] if load.ema else 0,
        "activations": max(activations(model, call, load) for call in calls(model, config, load).values()),
    }


def activations(model, call, load):
    """Bytes of the values that the backward pass of a Call needs. model: AAM."""
    config = model.config
    encoder, head, (height, width) = config.encoder, config.head, config.image_size
    places = (height // encoder.patch) * (width // encoder.patch)
    tokens, adapted = encoder.prefix + places, adapted_blocks(model)
    if encoder.stages:
        blocks, taps = _staged_values(model, load.recompute), places * sum(encoder.widths)
    else:
        wide = FLOAT // load.bytes  # values of the backbone in a float32
        weights = tokens if wide == 1 else min(tokens, FUSED_VALUES * wide)
        block = tokens * ((BLOCK_VALUES + SUMS * (wide - 1)) * encoder.width + encoder.heads * weights)
        inputs = wide * adapted * tokens * encoder.width
        blocks = inputs + min(adapted, 1) * block if load.recompute else adapted * block
        taps = wide * len(encoder.taps) * tokens * encoder.width
    stages = sum(STAGE_VALUES * places * 4 ** (i + 1) * width for i, width in enumerate(head.stage_widths))
    each_frame = (blocks + taps) * load.bytes + places * sum(head.neck_widths) * FLOAT
    if call.clip:
        each_frame += places * FLOAT * _temporal_values(config, call.frames)
    return call.frames * each_frame + call.decoded * (stages + MAP_VALUES * height * width) * FLOAT


def _staged_values(model, recompute):
    """Values of the adapted blocks of a SAM2 on one image: all, or their inputs and those of the largest block."""
    backbone, (height, width) = model.backbone, model.config.image_size
    first, found, stage = backbone.depth - adapted_blocks(model), [], 0
    for index in range(backbone.depth):
        stage += backbone.blocks[index].pools
        tokens, attention = (height // STRIDE >> stage) * (width // STRIDE >> stage), backbone.blocks[index].attn
        values = BLOCK_VALUES * (backbone.width << stage) + attention.heads * (attention.window**2 or tokens)
        if index >= first:
            found.append((tokens * (backbone.width << stage), tokens * values))
    if not recompute:
        return sum(values for _, values in found)
    return sum(inputs for inputs, _ in found) + max((values for _, values in found), default=0)


def _temporal_values(config, frames):
    """Values of the temporal blocks and the fusion per place and frame."""
    temporal, audio, neck_widths = config.temporal, config.audio, config.head.neck_widths
    ratio = TEMPORAL_VALUES + 2 * temporal.mlp_ratio
    values = sum(ratio * neck_widths[tap] + 2 * temporal.heads * frames for tap in temporal.taps)
    if audio is not None:
        values += FUSION_VALUES[0] * neck_widths[-1] + FUSION_VALUES[1] * audio.attention_width
    return values


def calls(model, config, load):
    """{kind of step: its Call}. model: AAM; config: CorpusConfig."""
    found = {"images": Call(load.images, load.images, False, load.calls)}
    if model.config.temporal is not None:
        frames = config.sampling.clip
        found["clips"] = Call(frames, min(config.answered, frames), True, load.clips)
    return found


def adapted_blocks(model):
    """How many of the backbone's blocks, of the last, have adapters that are trained now."""
    return sum(any(each.requires_grad for each in block.get_parameters()) for block in model.backbone.blocks)


def step_flops(model, config, load):
    """{kind of step: {part: FLOP}} of one step of one rank. model: AAM; config: CorpusConfig; load: Load."""
    found, again = {}, {"adapted": adapted_blocks(model), "recompute": load.recompute}
    for kind, call in calls(model, config, load).items():
        clip = (call.frames, call.decoded) if call.clip else ()
        times = call.calls if call.clip else call.calls * call.frames
        found[kind] = {part: times * flop for part, flop in training_flops(model, *clip, **again).items()}
    return found


def step_bytes(model, config, load):
    """{kind of step: bytes} that one step of one rank moves, at least: in each call the weights are read three times
    and what the backward pass needs is written and read; an update reads and writes its state of each parameter."""
    total = parameter_rows(model)[-1]
    return {
        kind: call.calls * (3 * load.bytes * total.count + 2 * activations(model, call, load))
        + 8 * FLOAT * total.trainable
        for kind, call in calls(model, config, load).items()
    }


def seconds(model, config, load):
    """{kind of step: seconds} on an Ascend 910B3, the longer of arithmetic and memory: an estimate, of assumptions."""
    flops, moved = step_flops(model, config, load), step_bytes(model, config, load)
    pace = ASCEND_SHARE * ASCEND_FLOPS
    return {kind: max(sum(parts.values()) / pace, moved[kind] / ASCEND_BYTES) for kind, parts in flops.items()}


def _arithmetic(model, config):
    """Rows of text: FLOP, bytes and seconds of each kind of step of a CorpusConfig."""
    load = load_of(config)
    found, moved = step_flops(model, config, load), step_bytes(model, config, load)
    named = {kind: f"{kind} ({call.frames * call.calls})" for kind, call in calls(model, config, load).items()}
    lines = _flops_lines(found, named)
    lines.append(["GB moved (estimate)", *(f"{moved[kind] / GIGA:,.1f}" for kind in found)])
    for devices in DEVICES:
        each = {kind: "cannot be shared" for kind in found}
        if config.problem_with_ranks(devices) is None:
            each = {kind: f"{time:.3g}" for kind, time in seconds(model, config, load_of(config, devices)).items()}
        lines.append([f"seconds on {devices} Ascend 910B3 (estimate)", *each.values()])
    return lines


def _flops_lines(found, named):
    """Rows of text of {kind of step: {part: FLOP}}, the kinds as `named`."""
    lines = [["GFLOP, forward and backward", *named.values()]]
    lines += [[part, *(f"{each.get(part, 0) / GIGA:,.1f}" for each in found.values())] for part in PARTS]
    return [*lines, ["all", *(f"{sum(each.values()) / GIGA:,.1f}" for each in found.values())]]


def _aligned(lines):
    """Rows of text as a table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in lines]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *rest]) for row, (_, *rest) in zip(lines, rows, strict=True))
