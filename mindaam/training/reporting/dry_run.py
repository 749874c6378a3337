"""What a run would do, before it does it: configuration, parameters, memory, arithmetic. Nothing is trained or read.

Memory and time are estimates from formulas, and say so; parameters and arithmetic are counted.
"""

from typing import NamedTuple

import yaml

from mindaam.encoders.tables import stored_parameters
from mindaam.models.flops import PARTS, training_flops

FLOAT = 4  # bytes of a float32
GIGA = 1e9
# An Ascend 910B3 on paper: bfloat16 operations a second, the share of them that a training run may hope for, and bytes
# a second to and from its memory.
ASCEND_FLOPS, ASCEND_SHARE, ASCEND_BYTES = 313e12, 0.4, 1.6e12
DEVICES = (1, 8, 32)  # that seconds are told for: one, a machine, four machines
# Values that the way back needs, counted in the Cells' code: of a transformer block, in widths a token, beside one
# number a head and a pair of tokens (x, norm, q, k, v, mixed values, sum, norm, and 4 + 4 of the perceptron);
BLOCK_VALUES = 16
STAGE_VALUES = 20  # of a decoder stage, maps of its size and width
MAP_VALUES = 14  # of the output and the losses, maps of the picture's size
TEMPORAL_VALUES = 19  # of a temporal block, in widths a place and frame, beside twice the feed-forward's ratio
FUSION_VALUES = (2, 10)  # of the fusion, in the map's widths and in the attention's a place and frame


class Load(NamedTuple):
    """What one rank does in a step.

    pictures: that go through the model at once; calls: of so many make a step of pictures; clips: make a step of films,
    a call each. ema: whether an average of the weights is kept. recompute: the backbone's blocks are computed again on
    the way back. bytes: of a value in the backbone, 2 for float16 and bfloat16. sharers: of the optimizer's state.
    """

    pictures: int
    calls: int = 1
    clips: int = 1
    ema: bool = False
    recompute: bool = False
    bytes: int = FLOAT
    sharers: int = 1


def load_of(config, ranks=1):
    """The Load of each of so many ranks, by whose number a CorpusConfig's batches can be shared."""
    share = config.sampling.batch_size // ranks
    pictures = min(config.part or share, share)
    return Load(
        pictures,
        calls=share // pictures,
        clips=config.sampling.clips // ranks,
        ema=config.ema is not None,
        recompute=config.recompute,
        bytes=FLOAT if config.precision == "float32" else 2,
        sharers=ranks if config.shard_optimizer else 1,
    )


def describe(model, config):
    """The text that `mindaam train --dry-run` prints.

    model: AAM, whose parameters' `requires_grad` say what is trained, with weights or without. config: CorpusConfig.
    """
    return _text(
        model, config,
        {
            "Memory of one device that does it all (estimate)": _memory_text(model, config),
            "Arithmetic of a step": _arithmetic_text(model, config),
        },
    )  # fmt: skip


def outline(model, config, flops=None):
    """The same of a run of another kind: its batches are small, so no activations are estimated, nor seconds.

    model: a Cell; config: Schema; flops: {kind of step: {part: FLOP}}, about, None where nobody counts them.
    """
    *_, (_, _, trained, _, weights) = parameter_rows(model)
    kept = {"weights": weights, "gradients": FLOAT * trained, "AdamW's moments": 2 * FLOAT * trained}
    lines = [[what, f"{size / 1e6:,.1f} MB"] for what, size in kept.items()]
    sections = {"Memory, activations left out": _aligned(lines)}
    if flops:
        sections["Arithmetic of a step, about"] = _aligned(_flops_lines(flops, {kind: kind for kind in flops}))
    return _text(model, config, sections)


def _text(model, config, sections):
    dumped = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True).rstrip()
    sections = {"Configuration": dumped, "Parameters": _table(parameter_rows(model)), **sections}
    return "\n\n".join(f"{title}\n{'-' * len(title)}\n{body}" for title, body in sections.items()) + "\n"


# ---- parameters ----------------------------------------------------------------------------------------------------


def module_of(name):
    """The row of the table that a parameter belongs to, from its name in the model."""
    if name.rsplit(".", 1)[-1] in ("lora_a", "lora_b"):
        return "backbone, adapters"
    parts = name.split(".")
    if parts[0] == "backbone":
        return "backbone, blocks" if parts[1] == "blocks" else "backbone, the rest"
    if parts[0] != "head":
        return parts[0]
    if parts[:2] == ["head", "decoder"] and parts[2] in ("stages", "fusions"):
        return f"head, decoder's {parts[2]}"
    return "head, decoder's start and end" if parts[1] == "decoder" else f"head, {parts[1]}"


def parameter_rows(model):
    """[(module, parameters, trainable, frozen, bytes)] of an AAM in the order of its Cells, the last row their sum."""
    rows = {}
    for name, parameter in stored_parameters(model):
        row = rows.setdefault(module_of(name), [0, 0, 0, 0])
        row[0] += parameter.size
        row[1 if parameter.requires_grad else 2] += parameter.size
        row[3] += parameter.size * parameter.itemsize
    rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    return [(module, *row) for module, row in rows.items()]


def _table(rows):
    lines = [["module", "parameters", "trainable", "frozen", "MB"]]
    lines += [[module, *(f"{count:,}" for count in counts), f"{size / 1e6:,.1f}"] for module, *counts, size in rows]
    return _aligned(lines)


# ---- memory --------------------------------------------------------------------------------------------------------


def memory(model, config, load):
    """{what: bytes} that a device needs for training; estimated, see the constants above for what is counted.

    Weights, gradients, AdamW's two moments, sums of accumulated gradients and the average are float32 and counted;
    "activations" are of the step, of pictures or a clip, that needs more. Not counted: what kernels need for the
    moment, code, communication, and the pictures that are read ahead.
    """
    *_, (_, _, trained, _, weights) = parameter_rows(model)
    return {
        "weights": weights,
        "gradients": FLOAT * trained,
        "AdamW's moments": 2 * FLOAT * trained // load.sharers,
        "accumulated gradients": FLOAT * trained if max(load.calls, load.clips) > 1 else 0,
        "average of the weights": FLOAT * trained if load.ema else 0,
        "activations": max(activations(model, *step[:3], load) for step in _steps(model.config, config, load).values()),
    }


def activations(model, frames, decoded, clip, load):
    """Bytes of the values that the way back needs. model: AAM; frames: pictures, or frames of one clip, of which
    `decoded` are decoded; clip: whether they are frames of one."""
    config = model.config
    encoder, head = config.encoder, config.head
    places = (config.image_size[0] // encoder.patch) * (config.image_size[1] // encoder.patch)
    tokens = encoder.prefix + places
    adapted = adapted_blocks(model)
    block = tokens * (BLOCK_VALUES * encoder.width + encoder.heads * tokens)
    kept = adapted * tokens * encoder.width + min(adapted, 1) * block if load.recompute else adapted * block
    taps = len(encoder.taps) * tokens * encoder.width
    maps = places * sum(head.neck_widths)
    stages = sum(STAGE_VALUES * places * 4 ** (i + 1) * width for i, width in enumerate(head.stage_widths))
    of_map = MAP_VALUES * config.image_size[0] * config.image_size[1]
    total = frames * ((kept + taps) * load.bytes + maps * FLOAT) + decoded * (stages + of_map) * FLOAT
    if clip:
        total += frames * places * FLOAT * _temporal_values(config, frames)
    return total


def _temporal_values(config, frames):
    """Values of the temporal blocks and the fusion, a place and frame."""
    temporal, audio = config.temporal, config.audio
    widths = [config.head.neck_widths[tap] for tap in temporal.taps]
    values = sum((TEMPORAL_VALUES + 2 * temporal.mlp_ratio) * width + 2 * temporal.heads * frames for width in widths)
    if audio is None:
        return values
    return values + FUSION_VALUES[0] * config.head.neck_widths[-1] + FUSION_VALUES[1] * audio.attention_width


def _memory_text(model, config):
    found = memory(model, config, load_of(config))
    lines = [[what, f"{size / GIGA:,.2f} GB"] for what, size in found.items() if size]
    lines.append(["all", f"{sum(found.values()) / GIGA:,.2f} GB"])
    note = (
        "Activations are the values that gradients need. On a CPU, MindSpore's graphs hold on to more: 0.6 GB a "
        "picture\nwere measured with the bundled small model, 0.23 GB by this estimate."
    )
    return f"{_aligned(lines)}\n{note}"


# ---- arithmetic ----------------------------------------------------------------------------------------------------


def _steps(settings, config, load):
    """{kind of step: (pictures or frames a call, of these decoded, whether they are a clip, calls)}."""
    steps = {"pictures": (load.pictures, load.pictures, False, load.calls)}
    if settings.temporal is not None:
        frames = config.sampling.clip
        steps["clips"] = (frames, min(config.answered, frames), True, load.clips)
    return steps


def adapted_blocks(model):
    """How many of the backbone's blocks, of the last, have adapters that are trained now."""
    return sum(any(each.requires_grad for each in block.get_parameters()) for block in model.backbone.blocks)


def step_flops(model, config, load):
    """{kind of step: {part: FLOP}} of one step of one rank. model: AAM; config: CorpusConfig; load: Load."""
    found, settings = {}, model.config
    again = {"adapted": adapted_blocks(model), "recompute": load.recompute}
    for kind, (frames, decoded, clip, calls) in _steps(settings, config, load).items():
        if clip:
            one, times = training_flops(settings, frames, decoded, **again), calls
        else:
            one, times = training_flops(settings, **again), frames * calls
        found[kind] = {part: times * flop for part, flop in one.items()}
    return found


def step_bytes(model, config, load):
    """{kind of step: bytes} that one step of one rank moves, at least: in each call the weights are read three times
    and what the way back needs is written and read; an update reads and writes what it keeps of each parameter."""
    *_, (_, parameters, trained, _, _) = parameter_rows(model)
    found = {}
    for kind, (*call, calls) in _steps(model.config, config, load).items():
        one = 3 * load.bytes * parameters + 2 * activations(model, *call, load)
        found[kind] = calls * one + 8 * FLOAT * trained
    return found


def seconds(model, config, load):
    """{kind of step: seconds} on an Ascend 910B3, the longer of arithmetic and memory: an estimate, of assumptions."""
    flops, moved = step_flops(model, config, load), step_bytes(model, config, load)
    pace = ASCEND_SHARE * ASCEND_FLOPS
    return {kind: max(sum(parts.values()) / pace, moved[kind] / ASCEND_BYTES) for kind, parts in flops.items()}


def _arithmetic_text(model, config):
    load = load_of(config)
    found, moved = step_flops(model, config, load), step_bytes(model, config, load)
    named = {kind: f"{kind} ({each[0] * each[3]})" for kind, each in _steps(model.config, config, load).items()}
    lines = _flops_lines(found, named)
    lines.append(["GB moved (estimate)", *(f"{moved[kind] / GIGA:,.1f}" for kind in found)])
    for devices in DEVICES:
        shared = config.problem_with_ranks(devices) is None
        each = seconds(model, config, load_of(config, devices)) if shared else {}
        label = f"seconds on {devices} Ascend 910B3 (estimate)"
        lines.append([label, *(f"{each[kind]:.3g}" if shared else "cannot be shared" for kind in found)])
    note = (
        f"In brackets the pictures or frames of a step. The seconds are at {ASCEND_SHARE:.0%} of the nominal "
        f"{ASCEND_FLOPS / 1e12:.0f} TFLOP a second in bfloat16,\nor at the nominal {ASCEND_BYTES / 1e12:.1f} TB "
        "a second of its memory, whichever is longer: assumptions. Nothing has been run on that device,\nand waiting "
        "for data or other ranks is not in them."
    )
    return f"{_aligned(lines)}\n{note}"


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
