"""Ranks that train together: who one is, gradients averaged, parameters shared, decisions that all of them take.

Only collectives that MindSpore has on a CPU as on Ascend are used: AllReduce as a sum of float32, and Broadcast. On a
CPU each costs 10-20 ms whatever its size, so whatever goes at the same moment should go in one call.
"""

import os
from typing import NamedTuple

import mindspore as ms
import numpy as np
from mindspore import communication, nn, ops
from mindspore.ops.auto_generate import SplitWithSize

from mindaam.errors import TrainingError
from mindaam.kernels.device import cpu_form
from mindaam.streams import print_line
from mindaam.training.ranks.supervision import DONE

ROLE = "MS_ROLE"  # msrun sets it to MS_WORKER for a rank, to MS_SCHED for the process that brings the ranks together
PACK = 1 << 24  # numbers that one broadcast carries: few calls, and little memory beside the parameters
BUCKET = 25 * (1 << 20) // 4  # float32 numbers of a bucket of gradients: 25 MB
# Tensors of a bucket. aclnnCat and aclnnSplitWithSize may take a few dozen at most under some versions of CANN; the
# page of CANN 8.0 on aclnnCat lists no limit (hiascend.com, aolapi/context/aclnnCat). Not run on a device.
TENSORS = 32
ADDRESS = ("MS_SCHED_HOST", "MS_SCHED_PORT")  # the address of that process, set by msrun


class World(NamedTuple):
    """This process's number, from 0, and how many there are."""

    rank: int
    size: int

    @property
    def is_first(self):
        """Whether this is rank 0, which writes files and messages."""
        return self.rank == 0


ALONE = World(0, 1)


def start():
    """Meets the other ranks when msrun started this process; returns its World, ALONE otherwise.

    Call it once, right after `runtime.configure` and before any tensor exists, as Ascend's communication requires. All
    ranks must call it: it waits for them, and connects them. In msrun's scheduler it does not return, but ends the
    process with the job.
    Raises TrainingError when the ranks cannot be brought together.
    """
    role = os.environ.get(ROLE)
    if role is None:
        return ALONE
    try:
        communication.init()
        if role == "MS_SCHED":
            raise SystemExit(0)
        world = World(communication.get_rank(), communication.get_group_size())
        # HCCL connects its links at the first collective, within HCCL_CONNECT_TIMEOUT (120 s by default): before the
        # ranks read their data, each at the pace of its storage
        barrier(world)
        return world
    except (RuntimeError, ValueError) as error:
        place = ":".join(os.environ.get(name, "?") for name in ADDRESS)
        raise TrainingError(
            f"the ranks of this job could not be brought together at {place} ({str(error).splitlines()[0]}); see "
            "scheduler.log beside the logs of the first machine's workers"
        ) from error


def gradient_reducer(parameters, world, uses=None):
    """A Cell that takes the gradients of `parameters`, a tuple, and returns their means over all ranks.

    On a CPU all gradients travel together, since a collective costs the same whatever its size; elsewhere in `buckets`,
    whose communication can overlap the rest of the backward pass. uses: where in the forward pass each parameter is
    used, None for the order given.
    """
    if world.size == 1:
        return nn.Identity()
    sizes = [parameter.size for parameter in parameters]
    ranges = [(0, len(sizes))] if cpu_form() else buckets(sizes, uses)
    return GradientMeans(sizes, world.size, ranges)


def buckets(sizes, uses=None, *, numbers=BUCKET, tensors=TENSORS):
    """Ranges (first, end) of gradients of `sizes` numbers, in the order in which the backward pass completes them.

    uses: where in the forward pass each parameter is used, which ascends within a range; None for the order given. A
    range has at most so many `numbers`, or one gradient that has more, and at most so many `tensors`.
    """
    uses = range(len(sizes)) if uses is None else uses
    found, end = [], len(sizes)
    for i in range(len(sizes) - 1, 0, -1):
        full = sum(sizes[i - 1 : end]) > numbers or end - i == tensors
        if full or uses[i - 1] > uses[i]:
            found.append((i, end))
            end = i
    return sorted([*found, (0, end)], key=lambda each: -uses[each[0]])


_flat = ops.MultitypeFuncGraph("flat")
_shaped = ops.MultitypeFuncGraph("shaped")


@_flat.register("Tensor")
def _flat_one(gradient):
    return gradient.reshape((-1,))


@_shaped.register("Tensor", "Tensor")
def _shaped_one(part, gradient):
    return part.reshape(gradient.shape)


class GradientMeans(nn.Cell):
    """Means over ranks of gradients of `sizes` numbers, in one AllReduce for each of the `ranges` (first, end), which
    together have each gradient once.

    Each AllReduce depends on the one before. Ranks whose graphs differ, as those that distribute the optimizer state,
    would otherwise come to them in different orders, and wait for each other or fail.
    """

    def __init__(self, sizes, ranks, ranges):
        super().__init__()
        self.ranges, self.share = tuple(ranges), 1.0 / ranks
        self.sizes = tuple(tuple(sizes[first:end]) for first, end in ranges)
        self.sorted = tuple(sorted(range(len(ranges)), key=lambda i: ranges[i]))
        self.sum, self.together, self.map = ops.AllReduce(), ops.Concat(0), ops.HyperMap()
        self.apart = SplitWithSize()  # ops.split unrolls its check of the sizes, past MindSpore's depth of calls

    def construct(self, gradients):
        """A tuple of float32 tensors to one of the same shapes."""
        parts, before = (), None
        for i in range(len(self.ranges)):
            first, end = self.ranges[i]
            mine = gradients[first:end]
            joined = self.together(self.map(_flat, mine))
            if before is not None:
                joined = ops.depend(joined, before)
            before = self.sum(joined)
            parts = parts + (self.map(_shaped, self.apart(before * self.share, self.sizes[i], 0), mine),)
        means = ()
        for i in self.sorted:
            means = means + parts[i]
        return means


def broadcast(parameters, world, root=0):
    """Sets `parameters`, in the same order and of the same shapes on every rank, to their values on rank `root`."""
    if world.size == 1:
        return
    for pack in _packs(parameters):
        packed = np.concatenate([parameter.asnumpy().ravel() for parameter in pack])
        values = ops.Broadcast(root)((ms.Tensor(packed, pack[0].dtype),))[0].asnumpy()
        if world.rank == root:
            continue
        ends = np.cumsum([parameter.size for parameter in pack])
        for parameter, value in zip(pack, np.split(values, ends[:-1]), strict=True):
            parameter.set_data(ms.Tensor(value.reshape(parameter.shape), parameter.dtype))


def _packs(parameters):
    """Lists of parameters of one type each, of PACK numbers together or of one that is larger."""
    packs = []
    for parameter in sorted(parameters, key=lambda parameter: str(parameter.dtype)):
        last = packs[-1] if packs else []
        if last and last[0].dtype == parameter.dtype and sum(p.size for p in (*last, parameter)) <= PACK:
            last.append(parameter)
        else:
            packs.append([parameter])
    return packs


def average(values, world):
    """Means over all ranks of a number, or of an array of them, computed in float32; returns a float or an array.

    Flags may travel with numbers: one that a rank raised (1 rather than 0) comes back above 0. A value that is not
    finite on one rank is not finite on all.
    """
    array = np.asarray(values, np.float32)
    if world.size > 1:
        array = _sum(array.reshape(-1)).reshape(array.shape) / np.float32(world.size)
    return float(array) if array.ndim == 0 else array


def barrier(world):
    """Returns when all ranks have come here. On a CPU, none may be later than MS_NODE_TIMEOUT seconds."""
    average(0.0, world)


def leave(world):
    """Meets the other ranks a last time, as the last thing that a rank does: none leaves while rank 0 still writes.

    What a process dies of afterwards is MindSpore's own ending, and `supervision` does not count it.
    """
    if world.size > 1:
        print_line(f"rank {world.rank}: {DONE}")
        barrier(world)


def _sum(array):
    """The sum over all ranks of a float32 array [N]."""
    return ops.AllReduce()(ms.Tensor(array)).asnumpy()
