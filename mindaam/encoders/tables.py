"""Tables: what a compiled graph reads beside weights. They follow from weights or are drawn again, and are not stored.

A table is a Parameter that its Cell owns, never a tensor hung on the Cell past its bookkeeping: a graph takes a Tensor
for a constant, and one from MindSpore's compile cache finds what it reads by name among the Cell's parameters. So that
it is no part of a checkpoint, of what is counted or of what is trained, its name marks it, and code that
lists weights uses `stored_parameters`.
"""

import numpy as np

MARK = "table_"  # how the last part of a table's name begins


def add_table(cell, name, array, beside):
    """Gives `cell` a table and returns it, a Parameter without gradient.

    name: unique within the Cell. array: its float32 values. beside: a parameter that the Cell itself owns; the table
    is named after the same place, at any time, or None in a Cell's `__init__`.
    """
    import mindspore as ms

    place = beside.name.rpartition(".")[0] if beside is not None else ""
    full = f"{place}.{MARK}{name}" if place else MARK + name
    table = ms.Parameter(ms.Tensor(array), name=full, requires_grad=False)
    cell.insert_param_to_cell(MARK + name, table)
    return table


def is_table(name):
    """Whether a parameter's name, or its path in a Cell, is that of a table."""
    return name.rpartition(".")[2].startswith(MARK)


def stored_parameters(cell):
    """[(path, Parameter)] of a Cell without its tables: what a checkpoint of it holds."""
    return [(path, parameter) for path, parameter in cell.parameters_and_names() if not is_table(path)]


class Source:
    """A frozen parameter that tables are made from. values: a copy of its values at the last `changed`."""

    def __init__(self, parameter):
        self._parameter, self._place, self.values = parameter, None, None

    def changed(self):
        """Whether the values differ from those at the last call. They are compared on a CPU, where an array shares the
        memory of its parameter; from another device they are read only when the parameter has been replaced."""
        from mindaam.kernels.device import on_cpu  # with MindSpore, which processes that decode images do not import

        place = self._parameter.data_ptr()
        if place == self._place and not on_cpu():
            return False
        self._place, found = place, self._parameter.asnumpy()
        if self.values is not None and np.array_equal(found, self.values):
            return False
        self.values = found.copy()
        return True
