"""The parameters of a model, counted by module."""

from typing import NamedTuple

from mindaam.encoders.tables import stored_parameters
from mindaam.models.backbone_flops import ADAPTERS


class Row(NamedTuple):
    """The parameters of one module: how many, how many of them are trainable and frozen, and their bytes."""

    module: str
    count: int
    trainable: int
    frozen: int
    bytes: int


def module_of(name):
    """The row of the table that a parameter belongs to, from its name in the model."""
    parts = name.split(".")
    if parts[-1] in ADAPTERS:
        return "backbone, adapters"
    if parts[0] == "backbone":
        return "backbone, blocks" if parts[1] == "blocks" else "backbone, the rest"
    if parts[0] != "head":
        return parts[0]
    if parts[1] != "decoder":
        return f"head, {parts[1]}"
    return f"head, decoder's {parts[2] if parts[2] in ('stages', 'fusions') else 'start and end'}"


def parameter_rows(model):
    """[Row] of a model in the order of its Cells, the last row their sum."""
    rows = {}
    for name, each in stored_parameters(model):
        counts = (each.size, each.size * each.requires_grad, each.size * (not each.requires_grad))
        new = (*counts, each.size * each.itemsize)
        module = module_of(name)
        rows[module] = [a + b for a, b in zip(rows.get(module, (0, 0, 0, 0)), new, strict=True)]
    rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    return [Row(module, *row) for module, row in rows.items()]
