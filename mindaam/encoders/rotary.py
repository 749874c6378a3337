"""Rotary positions (Su et al. 2021): queries and keys are turned by angles that follow from the places of patches."""

import math

import mindspore as ms
import numpy as np
from mindspore import nn, ops

from mindaam.encoders.tables import Source, add_table


def rope_periods(head_width, base=100.0):
    """Periods of the rotary angles, geometric steps from 1 towards `base`: [head_width/4] float32, for each axis.

    Official checkpoints carry theirs, some of them rounded; these are for a model without one.
    """
    steps = np.arange(head_width // 4, dtype=np.float32) / np.float32(head_width // 4)
    return np.power(np.float32(base), steps)


def rope_angles(periods, grid, prefix=0):
    """Rotary angles of a grid of patches, in radians: [prefix + rows*columns, 4*len(periods)] float32.

    Channels: those of y, then those of x, then both again with the opposite sign first, as `rotate` takes its sine:
    the table's first half is negative, which leaves the cosine as it is. The first `prefix` rows, for the tokens that
    are not patches, are zero. Coordinates are of patch centers, -1 to 1 along each side.
    """
    two, one, tau = np.float32(2), np.float32(1), np.float32(2 * math.pi)
    axes = [two * ((np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side)) - one for side in grid]
    coordinates = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2, 1)
    angles = (tau * coordinates / np.asarray(periods, np.float32)).reshape(grid[0] * grid[1], -1)
    return np.concatenate([np.zeros((prefix, 2 * angles.shape[1]), np.float32), np.concatenate([-angles, angles], 1)])


class RopeEmbed(nn.Cell):
    """The rotary tables of one image size at a time, from the parameter `periods`.

    head_width: channels of an attention head, a multiple of 4. prefix: tokens before the patches.
    """

    def __init__(self, head_width, prefix):
        super().__init__()
        if head_width % 4:
            raise ValueError(f"a head of {head_width} channels cannot hold rotary positions: not a multiple of 4")
        self.prefix = prefix
        self.periods = ms.Parameter(ms.Tensor(rope_periods(head_width)), name="periods", requires_grad=False)
        self._source = Source(self.periods)
        self._tables, self._made_from, self._columns, self._count = {}, {}, {}, 0

    def set_grid(self, grid):
        """Prepares the tables of a grid (rows, columns); nothing happens when neither grid nor periods changed."""
        count = self.prefix + grid[0] * grid[1]
        if self._source.changed():
            self._made_from.clear()
        if self._made_from.get(count) != tuple(grid):
            angles = rope_angles(self._source.values, grid, self.prefix)
            arrays = {"angles": angles, "cos": np.cos(angles), "sin": np.sin(angles)}
            # One set of Parameters for all grids of as many patches, because a graph of tokens that was compiled for
            # 14 x 20 patches serves 20 x 14 as well, and keeps the Parameters that it found.
            held = self._tables.setdefault(count, {})
            for name, array in arrays.items():
                if name in held:
                    held[name].set_data(ms.Tensor(array))
                else:
                    held[name] = add_table(self, f"{name}_{count}", array, beside=self.periods)
            self._columns.pop(count, None)
            self._made_from[count] = tuple(grid)
        self._count = count
        for name, table in self._tables[count].items():
            object.__setattr__(self, name, table)  # a second name: the table is owned already

    def construct(self):
        """(cos, sin) for `rotate`, each [prefix + patches, head_width]."""
        return self.cos, self.sin

    def columns(self, heads):
        """What `vit.mixed_columns` takes: (cos, sin) for queries and keys of all heads, tokens as columns, each
        [1, 2 heads, head_width, prefix + patches], times head_width^-1/4: so is the product of the two scaled.

        Plain tensors, inputs of a graph; made once a grid, because repeating them costs as much as turning.
        """
        made = self._columns.get(self._count)
        if made is None or made[0].shape[1] != 2 * heads:
            tables = [each.asnumpy().T * np.float32(each.shape[1] ** -0.25) for each in self.construct()]
            shape = (1, 2 * heads, *tables[0].shape)
            made = tuple(ms.Tensor(np.ascontiguousarray(np.broadcast_to(table, shape))) for table in tables)
            self._columns[self._count] = made
        return made

    def rescaled(self, factor):
        """(cos, sin) with all coordinates times `factor`, a float32 tensor of one number."""
        angles = self.angles * factor
        return ops.cos(angles), ops.sin(angles)
