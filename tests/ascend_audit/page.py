"""docs/ascend_operators.md, made from operators.yaml: `python -m tests.ascend_audit --page`."""

from pathlib import Path

from mindaam.yaml_files import read
from tests.ascend_audit.operators import DATA, operators

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ascend_operators.md"
HEAD = """# Operators on Ascend

Made by `python -m tests.ascend_audit --page` from `tests/ascend_audit/operators.yaml`; a test compares both.
**Nothing here has been run on a device.** The graphs are compiled on a CPU in their Ascend form, up to the graph that
MindSpore hands to the device, and their primitives are listed: an image batch and a window of a video with audio, as
they are exported, and a step of training on images and on a clip with audio, backward pass included, with the backbone
in bfloat16; each under `paper` and `released`; and the means of gradients over two ranks, in buckets. The models S and
L differ in width, depth and heads alone (a test checks this), and so have the same primitives. A primitive or a type
that the table lacks fails the test (`tests/ascend_audit`).

The columns say what the wheel of MindSpore {version} states about Ascend; a test looks each of them up there.

| column | meaning |
|---|---|
| kernel | a graph's kernel is compiled into `lib/plugin/libmindspore_ops_ascend.so`: it calls CANN's `aclnn` |
| eager | the kernel of the operator outside a graph is compiled into that file |
| adapter | `lib/plugin/ascend/libmindspore_ascend_res_manager.so` adapts the primitive to this operator of CANN |
| documented | the "Supported Platforms" of this part of MindSpore's documentation name Ascend |
| types | of the primitive's results in our graphs, in the terms of MindIR |

That a kernel exists does not prove that it takes our shapes, nor that it is fast. Where only an adapter or the
documentation vouches for a primitive, jit level O0 or O1 may fall back to an older kernel of CANN.

## Primitives of the L image graph

{what}

| preset | before, {commit} | now, one graph | now / before |
|---|---|---|---|
{counts}

## Primitives

| primitive | kernel | eager | adapter | documented | types | limits |
|---|---|---|---|---|---|---|
"""


def text():
    """The page."""
    data = read(DATA)["counts"]
    rows = [
        f"| `{preset}` | {each['before']:,} | {each['now']:,} | {each['now'] / each['before']:.0%} |"
        for preset, each in data["presets"].items()
    ]
    head = HEAD.format(version="2.9.0", what=data["what"].strip(), commit=data["commit"], counts="\n".join(rows))
    return head + "".join(f"{_row(name, entry)}\n" for name, entry in operators().items())


def _row(name, entry):
    marks = ["yes" if entry.get(source) else "" for source in ("kernel", "eager")]
    documented = f"`{entry['documented']}`" if "documented" in entry else ""
    cells = [name, *marks, entry.get("adapter", ""), documented, ", ".join(entry["types"]), entry.get("limits", "")]
    return f"| {' | '.join(cells)} |"
