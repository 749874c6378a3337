"""What the paper's model may reach on one Ascend 910B3, from its graphs: arithmetic, memory, launches. Nothing is run.

    python benchmarks/roofline.py [--model aam_dinov3_vitl16] [--clip 16] [--primitives IMAGE WINDOW]

FLOPs are counted from the model's Cells with merged adapters (`mindaam.models.flops`); bytes from the list of kernels
of a block in their Ascend form, below; each assumption on the device is a named constant. The bound is the longer of
arithmetic and memory at nominal figures; the expectation adds both at the assumed shares, and is at least the launches.
"""

import argparse
import sys

# ---- the device: nominal figures of an Ascend 910B3, and what a graph may reach of them (assumptions) ----------------
HALF = 313e12  # bfloat16 operations per second
FLOAT = HALF / 4  # float32 without HF32 in the matrix unit: a quarter, assumed
BYTES = 1.6e12  # per second, to and from memory
SHARE = 0.45  # of the matrix unit's nominal figure in long products: 0.40 to 0.50 is usual
MEMORY_SHARE = 0.7  # of the nominal bandwidth in kernels that read and write whole tensors
LAUNCH = 6e-6  # seconds of the host per primitive at jit level O0, one kernel launch each

# ---- bytes: of a block per token and unit of width, from its kernels in sequence, each reading and writing memory ----
HALF_BLOCK = sum((
    2 * (4 + 4 + 4 + 2),  # two norms in float32, each with a cast to bfloat16
    2 + 6,  # queries, keys and values
    2 * (2 + 4 + 4 + 4 + 4 + 2),  # rotation of queries and keys in float32, cast before and after it
    6 + 2,  # flash attention, which stores no matrix
    2 + 2,  # projection, layer scale folded into it
    2 * (2 + 4 + 4 + 4 + 4),  # two residual sums in float32, each after a cast
    2 + 8 + 8 + 8 + 8 + 2,  # the perceptron with GELU in bfloat16
))  # fmt: skip
# All in float32, as prediction computes today: no casts, and attention stores its matrix, heads * tokens / width units
FLOAT_BLOCK = 16 + 16 + 16 + 16 + 8 + 24 + 72  # norms, qkv, rotation, attention, projection, sums, perceptron
FLOAT_MATRIX = 4 * 4  # written, read and written by softmax, read
STAGE_VALUES = 40  # of a decoder stage, maps of its size and width read or written, float32
MAP_VALUES = 12  # of the output at the image's size, float32
TEMPORAL_VALUES = 60  # of a temporal block, in widths per place and frame, read or written, float32
# Of the image graph under `paper`, counted by the operator audit (docs/ascend_operators.md); of a window, derived from
# its count under `released`, 1,463, less what the head has more there, 159
PRIMITIVES = (1068, 1304)


def main():
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="aam_dinov3_vitl16", help="a model's name (aam_dinov3_vitl16)")
    parser.add_argument("--clip", type=int, default=16, help="frames of a window (16)")
    parser.add_argument("--primitives", type=int, nargs=2, default=PRIMITIVES, help="of an image and a window's graph")
    options = parser.parse_args()
    from mindaam import runtime

    runtime.configure("CPU")
    from mindaam.models.registry import build_model

    model = build_model(options.model, "paper", changes={"temporal": {"clip": options.clip}})
    image, window = options.primitives
    print(
        "| backbone, call | GFLOP, bfloat16 + float32 | GB moved | primitives | bound per s | expected | limited by |"
    )
    print("|---" * 7 + "|")
    for in_half in (False, True):
        for what, frames, batch, count in (
            ("1 image", None, 1, image), ("8 images", None, 8, image), ("32 images", None, 32, image),
            (f"a window of {options.clip} frames", options.clip, 1, window),
        ):  # fmt: skip
            what = f"{'bfloat16' if in_half else 'float32'}, {what}"
            print(row(what, *work(model, frames, batch, in_half), count, (frames or 1) * batch))
    return 0


def work(model, frames, batch, in_half=True):
    """(operations in bfloat16, operations in float32, bytes) of a call: a batch of images, or a clip of so many
    frames; in_half: whether the backbone's products are in bfloat16."""
    from mindaam.models.flops import forward_flops
    from mindaam.training.reporting.parameters import parameter_rows

    flops = forward_flops(model, frames)
    backbone, single = flops["backbone"], sum(flops[part] for part in flops if part not in ("backbone", "adapters"))
    config, rows = model.config, parameter_rows(model)
    encoder, head = config.encoder, config.head
    places = (config.image_size[0] // encoder.patch) * (config.image_size[1] // encoder.patch)
    tokens, count = encoder.prefix + places, (frames or 1) * batch
    stages = sum(STAGE_VALUES * places * 4 ** (i + 1) * width for i, width in enumerate(head.stage_widths))
    block = HALF_BLOCK if in_half else FLOAT_BLOCK + FLOAT_MATRIX * encoder.heads * tokens / encoder.width
    moved = encoder.depth * tokens * encoder.width * block + 4 * (
        stages + MAP_VALUES * config.image_size[0] * config.image_size[1]
    )
    if frames:
        moved += 4 * places * TEMPORAL_VALUES * sum(head.neck_widths[tap] for tap in config.temporal.taps)
    size = 2 if in_half else 4
    weights = sum((size if each.module.startswith("backbone") else 4) * each.count for each in rows[:-1])
    half, single = (backbone, single) if in_half else (0, backbone + single)
    return batch * half, batch * single, weights + count * moved


def row(what, half, single, moved, primitives, count):
    """A line of the table; count: images or frames of the call."""
    arithmetic = half / (SHARE * HALF) + single / (SHARE * FLOAT)
    memory, launches = moved / (MEMORY_SHARE * BYTES), primitives * LAUNCH
    bound = max(half / HALF + single / FLOAT, moved / BYTES)
    expected = max(arithmetic + memory, launches)
    limits = {"launches": launches, "arithmetic": arithmetic, "memory": memory}
    limit = "launches" if launches > arithmetic + memory else max(("arithmetic", "memory"), key=limits.get)
    cells = f"{half / 1e9:,.0f} + {single / 1e9:,.0f}", f"{moved / 1e9:.1f}", f"{primitives:,}"
    return f"| {what} | {' | '.join(cells)} | {count / bound:,.0f} | {count / expected:,.0f} | {limit} |"


if __name__ == "__main__":
    sys.exit(main())
