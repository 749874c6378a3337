"""The steps of a run: pictures, a silent clip, or one with its sound, each compiled as one graph.

All move the backbone's adapters and the head. The temporal blocks move in clips alone, the fusion in those with sound,
so each has an optimizer and a count of steps of its own: a step in which a parameter has no part must not decay it or
fade its moments. A step may come in several parts, whose gradients are added up; ranks add theirs.
"""

from functools import partial

import mindspore as ms
import numpy as np
from mindspore import nn, ops

from mindaam.encoders.vit import ExactGelu
from mindaam.geometry.cells import BoundedScalar
from mindaam.models.head import EPSILONS
from mindaam.objectives.sparsity import gate_sparsity
from mindaam.objectives.total import LossTerms, Weights, weighted
from mindaam.training.feeding.corpus_source import CLIPS, HEARD, PICTURES
from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.groups import for_adamw, groups
from mindaam.training.ranks.distributed import ALONE
from mindaam.training.ranks.sharding import owned_by

SHARED, TEMPORAL, SOUND = "shared", "temporal", "sound"  # the optimizers' names
PARTS = {SHARED: ("head", "lora", "router"), TEMPORAL: ("temporal",), SOUND: ("sound",)}  # of the model
TAKING_PART = {PICTURES: (SHARED,), CLIPS: (SHARED, TEMPORAL), HEARD: (SHARED, TEMPORAL, SOUND)}
TERMS = ("loss", "kld", "cc", "sim", "entailment", "distance", "gate")  # what a step tells
RESCALE = 13  # first word of the random generator, beyond those of `corpus_source`
PRECISIONS = {"float32": None, "bfloat16": ms.bfloat16, "float16": ms.float16}


# Loops over hundreds of parameters are unrolled call in call and exceed MindSpore's depth; these are not.
_times = ops.MultitypeFuncGraph("times")
_square_sum = ops.MultitypeFuncGraph("square_sum")
_add_to = ops.MultitypeFuncGraph("add_to")
_empty = ops.MultitypeFuncGraph("empty")


@_times.register("Tensor", "Tensor")
def _times_one(factor, gradient):
    return gradient * factor


@_square_sum.register("Tensor")
def _square_sum_one(gradient):
    return ops.square(gradient).sum()


@_add_to.register("Tensor", "Tensor", "Tensor")
def _add_to_one(share, total, gradient):
    return ops.assign_add(total, gradient * share)


@_empty.register("Tensor", "Tensor")
def _empty_one(done, total):
    return ops.assign(total, ops.depend(ops.zeros_like(total), done))


def prepare(model, precision="float32", recompute=False, rescale_positions=None):
    """Sets the backbone's precision, its norms, its GELU and everything behind it being float32, whether its blocks'
    values are computed again on the way back instead of kept, and how far positions are rescaled in training."""
    if rescale_positions is not None:
        model.backbone.set_rescale(rescale_positions)
    if PRECISIONS[precision] is not None:
        model.backbone.to_float(PRECISIONS[precision])
        for _, cell in model.backbone.cells_and_names():
            if isinstance(cell, (nn.LayerNorm, ExactGelu)):  # float16 has no number as small as these divide by
                cell.to_float(ms.float32)
    if recompute:
        for block in model.backbone.blocks:
            block.recompute()


def rescale_positions(model, config, number):
    """Draws the factors by which the encoder's blocks rescale coordinates in a step, from the seed and the step's
    number alone: a run that goes on draws what it would have drawn, and all parts and ranks see one batch alike.

    model: AAM after `prepare`; config: CorpusConfig; number: steps done. Nothing without `rescale_positions`.
    """
    if config.rescale_positions is not None:
        model.backbone.draw_rescale(np.random.default_rng((RESCALE, config.seed, number)))


class CorpusObjective(nn.Cell):
    """The total loss of pictures, or of some frames of a clip, times `scale`; and TERMS as [7]."""

    def __init__(self, model, weights, kind):
        """model: AAM; weights: LossConfig; kind: of PICTURES, CLIPS, HEARD."""
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.backbone, self.head, self.kind = model.backbone, model.head, kind
        self.size = tuple(model.config.image_size)
        self.grid = model.grid(self.size)
        self.weights, self.terms = Weights(**weights.model_dump()), LossTerms(EPSILONS[model.config.epsilons])

    def construct(self, scale, pictures, sentences, truth, answered=None, sound=None, attacked=None, sparsity=None):
        """pictures [B,3,H,W], of a clip [T,3,H,W]; sentences [B,E]; truth [B,1,H,W] densities; scale [] -> [], [7].

        answered: of a clip the K frames [K] that are decoded and compared, with K sentences and truths: the frames bear
        on one another in the temporal blocks, which are cheap, and only these go through the decoder, which is not.
        sound: embeddings as `AttentionHead.with_audio` takes them; attacked [T]: 1 where they are of noise; sparsity
        []: weight of the mean gate there.
        """
        features = ()
        for tokens in self.backbone(pictures):
            features = features + (ops.cast(tokens, ms.float32),)
        maps = self.head.neck(features, self.grid)
        gate = ops.zeros_like(scale)
        if self.kind != PICTURES:
            maps = self.head.along_video(maps)
        if self.kind == HEARD:
            maps, gates = self.head.with_audio(maps, sound)
            gate = gate_sparsity(gates, attacked)
        if self.kind != PICTURES:
            few = ()
            for each in maps:
                few = few + (ops.gather(each, answered, 0),)
            maps = few
        prediction, image, text, anchor, curvature = self.head.from_maps(maps, sentences, self.size)
        terms = self.terms(prediction, truth, image, text, anchor, curvature)
        loss = weighted(terms, self.weights)
        if self.kind == HEARD:
            loss = loss + sparsity * gate
        return loss * scale, ops.stack((loss, *terms, gate))


def optimizers(model, config, world=ALONE):
    """{name: AdamW} of those of SHARED, TEMPORAL and SOUND that the model has; config: CorpusConfig.

    With `shard_optimizer` each moves what this rank of the World owns.
    """
    found = groups(model, config.groups)
    mine = {name: for_adamw(found, parts) for name, parts in PARTS.items()}
    made = {}
    for name, each in mine.items():
        parameters = [parameter for group, _, _ in each for parameter in group]
        owned = owned_by(parameters, world) if config.shard_optimizer else None
        if parameters:
            made[name] = AdamW(each, config.betas, config.eps, owned)
    return made


class CorpusStep(nn.Cell):
    """terms, norm = step(settings, scale, last, *arrays): with the last of its parts, what takes part moves once.

    objective: CorpusObjective; optimizers: list of n AdamW, all of whose parameters take part; parts: how many calls
    make a step; reduce: a Cell that averages gradients over ranks, or None; clip_norm: longest that all gradients
    together may be, or None; guarded: leave everything as it is when a gradient is not finite, as a loss scale needs.
    `project` afterwards returns bounded scalars to their ranges.
    """

    def __init__(self, model, objective, optimizers, *, parts=1, reduce=None, clip_norm=None, guarded=False):
        super().__init__(auto_prefix=False)
        self.objective = objective
        self.optimizers = nn.CellList(optimizers, auto_prefix=False)  # the parameters keep their names
        self.counts = [len(optimizer.parameters) for optimizer in optimizers]
        self.bounded = [cell for _, cell in model.cells_and_names() if isinstance(cell, BoundedScalar)]
        together = ms.ParameterTuple([p for optimizer in optimizers for p in optimizer.parameters])
        self.parts, self.clip_norm, self.guarded = parts, clip_norm, guarded
        self.reduce = reduce
        self.sums = together.clone(prefix="sum", init="zeros") if parts > 1 else ()
        self.map = ops.HyperMap()
        self.gradient = ms.value_and_grad(objective, None, together, has_aux=True)

    def project(self):
        """Brings the bounded scalars back into their ranges, in place."""
        for cell in self.bounded:
            cell.project()

    def construct(self, settings, scale, last, *arrays):
        """settings [n,3]: the optimizers', in their order, as one tensor: a tuple would be compiled in as a constant,
        anew at every step. scale [] on the loss; last: whether this part is the step's last; arrays: as CorpusObjective
        takes them. Returns TERMS of this part [7], and the length [] of all gradients together, 0 before the last."""
        (loss, terms), gradients = self.gradient(scale, *arrays)
        share, norm = 1.0 / (scale * self.parts), ops.zeros_like(loss)
        if self.parts == 1:
            return terms, self._update(self.map(partial(_times, share), gradients), settings)
        summed = self.map(partial(_add_to, share), self.sums, gradients)
        terms = ops.depend(terms, summed)
        if last:
            norm = self._update(summed, settings)
            norm = ops.depend(norm, self.map(partial(_empty, norm), self.sums))
        return terms, norm

    def _update(self, gradients, settings):
        if self.reduce is not None:
            gradients = self.reduce(gradients)
        norm = ops.sqrt(ops.addn(self.map(_square_sum, gradients)))
        if self.clip_norm is not None:
            factor = ops.minimum(self.clip_norm / (norm + 1e-6), ops.ones_like(norm))
            gradients = self.map(partial(_times, factor), gradients)
        if not self.guarded:
            return self._move(gradients, settings, norm)
        if ops.isfinite(norm):
            norm = self._move(gradients, settings, norm)
        return norm

    def _move(self, gradients, settings, norm):
        first = 0
        for i in range(len(self.counts)):
            mine = gradients[first : first + self.counts[i]]
            norm = ops.depend(norm, self.optimizers[i](mine, settings[i]))
            first = first + self.counts[i]
        return norm
