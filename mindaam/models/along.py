"""A video's feature maps mixed along time, in graphs that hold some positions or frames at a time.

All operators of a temporal block but two act at each position by itself, so that a graph over some positions suffices:
over all of them, the hidden values of the feed-forward network alone take a gigabyte. The projection of the density
acts across positions, on a few numbers each; the spatial mixer acts across positions, in each frame by itself.
"""

import mindspore as ms
import numpy as np
from mindspore import nn

NUMBERS = 6_000_000  # of the largest array of one call: more take memory and no less time, fewer take more calls


def _tokens(block, clip):
    """Features [T,C,p] -> tokens [1,p,T,C] with the time embedding."""
    return block.add_time(clip.transpose((2, 0, 1)).expand_dims(0))


class _AlongTime(nn.Cell):
    def __init__(self, block):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.block = block

    def construct(self, clip):
        """Features [T,C,p] of some positions -> what `FokkerPlanckBlock.along_time` returns."""
        return self.block.along_time(_tokens(self.block, clip))


class _Gate(nn.Cell):
    def __init__(self, block):
        super().__init__(auto_prefix=False)
        self.block = block

    def construct(self, *parts):
        """Kernel, logits and rates of all positions -> `FokkerPlanckBlock.gate` [1,P,T]."""
        return self.block.gate(self.block.density(*parts))


class _Transformed(nn.Cell):
    def __init__(self, block):
        super().__init__(auto_prefix=False)
        self.block = block

    def construct(self, clip, mixed, *gate):
        """Features [T,C,p], mixed tokens [1,p,T,C], gate [1,p,T] -> features [T,C,p] before the spatial mixer."""
        return self.block.transformed(_tokens(self.block, clip), mixed, *gate).squeeze(0).transpose((1, 2, 0))


class _Space(nn.Cell):
    def __init__(self, block):
        super().__init__(auto_prefix=False)
        self.block = block

    def construct(self, frames):
        """Features [f,C,h,w] of some frames -> after the spatial mixer."""
        return self.block.spatial_mixer(frames.expand_dims(0)).squeeze(0)


def cells(block):
    """The Cells of a FokkerPlanckBlock, by name."""
    return {
        "time": _AlongTime(block),
        "gate": _Gate(block),
        "transformed": _Transformed(block),
        "space": _Space(block),
    }


def slices(count, size):
    """Slices of at most `size`, at least 1, that cover `count`; the last is moved back: all have one shape."""
    size = max(1, min(size, count))
    return [slice(first, first + size) for first in (min(each, count - size) for each in range(0, count, size))]


def _joined(arrays, parts):
    """[1,p,...] per slice -> [1,P,...]."""
    whole = np.empty((1, parts[-1].stop, *arrays[0].shape[2:]), np.float32)
    for part, each in zip(parts, arrays, strict=True):
        whole[:, part] = each.asnumpy()
    return whole


def through(block, run, clip):
    """Features [T,C,h,w] of a video's frames -> the same after a FokkerPlanckBlock, NumPy.

    run(name, *tensors): the results of one of its `cells`.
    """
    frames, channels, height, width = clip.shape
    flat = clip.reshape((frames, channels, height * width))
    parts = slices(height * width, NUMBERS // (frames * block.feed_forward.fc1.out_channels))
    features = [ms.Tensor(np.ascontiguousarray(flat[:, :, part])) for part in parts]
    mixed, *dynamics = zip(*(run("time", each) for each in features), strict=True)
    gates = [()] * len(parts)
    if block.gated:
        gate = run("gate", *(ms.Tensor(_joined(each, parts)) for each in dynamics)).asnumpy()
        gates = [(ms.Tensor(np.ascontiguousarray(gate[:, part])),) for part in parts]
    gated = np.empty_like(flat)
    for part, *each in zip(parts, features, mixed, strict=True):
        gated[:, :, part] = run("transformed", *each, *gates.pop(0)).asnumpy()
    gated, result = gated.reshape(clip.shape), np.empty_like(clip)
    for part in slices(frames, NUMBERS // clip[0].size):
        result[part] = run("space", ms.Tensor(gated[part])).asnumpy()
    return result
