"""The backbone on one image, as three small graphs: the embedding, a few blocks, and the end of a tap.

Their weights are inputs, so that the graph of a block is compiled once and called for each block of each model of its
size, three blocks of a small model at once. One graph of the whole backbone takes longer to compile, and keeps the
values of every block: three times the memory.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

import mindspore as ms
from mindspore import nn

from mindaam import graphs
from mindaam.compilation import jit
from mindaam.encoders.lora import lora_parameters
from mindaam.encoders.vit import block, folded, with_prefix, without_prefix
from mindaam.kernels.convolutions import patches
from mindaam.kernels.device import on_cpu
from mindaam.kernels.normalization import layer_norm
from mindaam.kernels.products import dense
from mindaam.models.weights import WeightWatch


class Embedding(nn.Cell):
    """Pixels to tokens. positions: whether a table of positions is added to them."""

    def __init__(self, patch, positions):
        super().__init__()
        self.patch, self.positions = patch, positions

    def construct(self, image, weight, bias, *rest):
        """image [1,3,H,W]; the projection's weights; the table, if any; the tokens before the patches -> [n+N,D]."""
        tokens = dense(patches(image, self.patch), weight, bias)
        tokens = with_prefix(tokens, rest[1:]) + rest[0] if self.positions else with_prefix(tokens, rest)
        return tokens.reshape(tokens.shape[1:])


class Blocks(nn.Cell):
    """`encoders.vit.block`, `count` times. tables, channels: how many of them a block takes."""

    def __init__(self, count, heads, eps, tables, channels):
        super().__init__()
        self.count, self.heads, self.eps, self.tables, self.channels = count, heads, eps, tables, channels

    def construct(self, tokens, *rest):
        """tokens [n+N,D]; the tables; of each block the channels and the weights -> [n+N,D]."""
        tables, arrays = rest[: self.tables], rest[self.tables :]
        size = len(arrays) // self.count
        for i in range(self.count):
            own = arrays[i * size : (i + 1) * size]
            tokens = block(tokens, tables, own[: self.channels], own[self.channels :], self.heads, self.eps)
        return tokens


class Ending(nn.Cell):
    """The last norm; then the first `prefix` tokens are dropped."""

    def __init__(self, prefix, eps):
        super().__init__()
        self.prefix, self.eps = prefix, eps

    def construct(self, tokens, gamma, beta):
        """tokens [n+N,D] -> [1,N,D]."""
        return without_prefix(layer_norm(tokens, gamma, beta, self.eps).expand_dims(0), self.prefix)


# Blocks of one graph. Its threads look for their cores again at each graph: single blocks take a quarter longer. With
# weights that are not folded, as of a large backbone, it is one: a graph keeps the values of all its blocks.
TOGETHER = 3
FOLDED = 1 << 27  # most numbers of a backbone that is copied: half a gigabyte
_folded = WeakKeyDictionary()  # backbone: its WeightWatch, the state that it was folded in, and `_blocks`


class Arrays(NamedTuple):
    """A block's arrays; no channels where they are folded into the weights."""

    channels: tuple
    weights: tuple


@cache
def graph_of(kind, *settings):
    """A Cell of that kind, and its compiled function; one for all models."""
    cell = kind(*settings).set_train(False)
    return cell, jit(cell.construct)


def run_graph(kind, settings, inputs, compiled):
    """A Cell `kind(*settings)` on tensors, some of which may be weights; compiled: as in `tapped_features`."""
    cell, by = graph_of(kind, *settings)
    plain = [each.data if isinstance(each, ms.Parameter) else each for each in inputs]
    return graphs.run(cell, *plain, by=by if compiled else None)


def _blocks(backbone):
    """The Arrays of each block up to the last tap, as `encoders.vit.block` takes them: folded on a CPU, where
    copies are kept as long as the weights are the same; a large backbone is not copied, and gains little."""
    if backbone not in _folded:
        weights = tuple(backbone.get_parameters())
        few = on_cpu() and sum(weight.size for weight in weights) <= FOLDED
        _folded[backbone] = few and WeightWatch(weights, lora_parameters(backbone)), None, []
    blocks = [backbone.blocks[i] for i in range(max(backbone.taps) + 1)]  # a slice would rename the weights
    watch, state, kept = _folded[backbone]
    if not watch:
        return [Arrays(each.channels(), each.weights()) for each in blocks]
    if watch.state() != state:
        arrays = [
            [[array.asnumpy() for array in part] for part in (each.channels(), each.weights())] for each in blocks
        ]
        with ThreadPoolExecutor(2) as threads:
            found = list(threads.map(lambda each: folded(*each), arrays))
        kept = [Arrays((), tuple(ms.Tensor(array) for array in weights)) for weights in found]
        _folded[backbone] = watch, watch.state(), kept
    return kept


def tapped_features(backbone, image, compiled=True):
    """One normalized image [1,3,H,W], NumPy, of the size that `backbone` is set to -> one [1,N,D] array per tap.

    compiled: as graphs whatever MindSpore's mode is; otherwise in that mode.
    """

    def run(kind, settings, *inputs):
        return run_graph(kind, settings, inputs, compiled)

    positions = getattr(backbone, "positions", None)
    added = () if positions is None else (positions,)
    projection, tables, norm = backbone.patch_embed.proj, backbone.rotary_tables(), backbone.norm
    weights = (projection.weight, projection.bias, *added, *backbone.prefix_tokens())
    tokens = run(Embedding, (backbone.patch, bool(added)), ms.Tensor(image), *weights)
    taps, waiting, first = [], [], backbone.blocks[0]
    for index, arrays in enumerate(_blocks(backbone)):
        waiting.append(arrays)
        if index in backbone.taps or len(waiting) == (1 if arrays.channels else TOGETHER):
            settings = len(waiting), first.attn.heads, first.norm1.eps, len(tables), len(arrays.channels)
            flat = [array for each in waiting for part in each for array in part]
            tokens, waiting = run(Blocks, settings, tokens, *tables, *flat), []
        if index in backbone.taps:
            taps.append(run(Ending, (backbone.prefix, norm.eps), tokens, norm.gamma, norm.beta).asnumpy())
    return taps
