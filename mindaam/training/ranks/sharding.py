"""The optimizer state distributed over the ranks: each keeps and updates that of its own parameters only.

Gradients are averaged as ever, each rank moves what it owns, then all get what the others moved. It saves each rank
2 (n - 1) / n of the trained parameters' bytes. The parameters travel in broadcasts through host memory, one rank after
the other: run on a CPU with two ranks, never on Ascend, where it costs time that the memory must be worth.
"""

import mindspore as ms
import numpy as np
from mindspore import ops

from mindaam.training.ranks.distributed import PACK, broadcast


def shard_plan(sizes, ranks):
    """The owner, a rank of `ranks`, of each parameter of `sizes` numbers, so that all own about as much.

    The largest go first, each to the rank that owns least so far, the lowest of several: every rank finds the same
    plan. No rank owns more than the even share and one largest parameter together.
    """
    owned, owners = [0] * ranks, [0] * len(sizes)
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
        owners[i] = owned.index(min(owned))
        owned[owners[i]] += sizes[i]
    return tuple(owners)


def owned_by(parameters, world):
    """Indices of those of `parameters`, a list of all ranks alike, that this rank owns."""
    owners = shard_plan([parameter.size for parameter in parameters], world.size)
    return tuple(i for i, owner in enumerate(owners) if owner == world.rank)


def gather_owned(parameters, world):
    """Sets each of `parameters` to its value on the rank that owns it."""
    owners = shard_plan([parameter.size for parameter in parameters], world.size)
    for rank in range(world.size):
        owned = [parameter for parameter, owner in zip(parameters, owners, strict=True) if owner == rank]
        if owned:
            broadcast(owned, world, root=rank)


def collect(parameters, mine, world):
    """What every rank has for its own of `parameters`: a list of float32 arrays of the parameters' shapes.

    mine: arrays of those that this rank owns, in order; every rank must call this. On ranks other than 0, what others
    have is None.
    """
    owners = shard_plan([parameter.size for parameter in parameters], world.size)
    mine = iter(mine)
    found = [next(mine) if owner == world.rank else None for owner in owners]
    for rank in range(1, world.size):
        for pack in _packs([i for i, owner in enumerate(owners) if owner == rank], parameters):
            sizes = [parameters[i].size for i in pack]
            ours = [found[i].ravel() for i in pack] if rank == world.rank else [np.zeros(sum(sizes))]
            packed = ms.Tensor(np.concatenate(ours).astype(np.float32))
            values = ops.Broadcast(rank)((packed,))[0].asnumpy()
            if world.is_first:
                for i, value in zip(pack, np.split(values, np.cumsum(sizes)[:-1]), strict=True):
                    found[i] = value.reshape(parameters[i].shape)
    return found


def _packs(indices, parameters):
    """Lists of indices, of PACK numbers together or of one parameter that has more."""
    packs, room = [], 0
    for i in indices:
        if parameters[i].size > room:
            packs.append([])
            room = PACK
        packs[-1].append(i)
        room -= parameters[i].size
    return packs
