"""The types that each module of a model computes in."""

from mindaam.encoders.precision import type_of
from mindaam.training.reporting.parameters import module_of

FLOAT32, NONE = "float32", "-"
NOTE = (
    "Listed are the Cells that hold parameters; parameters, gradients and the optimizer's state are float32.\n"
    "Attention has the type of the layer before it; so has GELU on Ascend, and is float32 on a CPU. Rotary\n"
    "positions, residual sums and losses are float32. HF32 is off on Ascend."
)


def precision_rows(model):
    """Rows of text: module, and by type the kinds of Cells that compute in it; the first row has the titles."""
    kinds = {}
    for path, cell in model.cells_and_names():
        for name, _ in cell.parameters_and_names(expand=False):
            by_type = kinds.setdefault(module_of(f"{path}.{name}"), {})
            by_type.setdefault(str(type_of(cell)).lower(), set()).add(type(cell).__name__)
    types = sorted({FLOAT32, *(each for by_type in kinds.values() for each in by_type)})
    rows = [
        [module, *(", ".join(sorted(by_type.get(each, (NONE,)))) for each in types)]
        for module, by_type in kinds.items()
    ]
    return [["module", *types], *rows]


def precision_text(model):
    """`precision_rows` as a table, and NOTE."""
    rows = precision_rows(model)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, NOTE])
