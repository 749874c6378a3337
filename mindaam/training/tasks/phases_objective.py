"""What the steps of a run in phases compute: the blocks of the backbone that training may change, and the loss."""

import mindspore as ms
from mindspore import nn, ops

from mindaam import graphs
from mindaam.geometry.cells import LorentzDistanceToOrigin
from mindaam.geometry.lorentz import MIN_RADIUS
from mindaam.models.head import EPSILONS
from mindaam.objectives.condition import condition_margin
from mindaam.objectives.cones import DepthOrder, contrast
from mindaam.objectives.total import Weights, terms_of, weighted

TERMS = ("loss", "kld", "cc", "sim", "entailment", "distance", "swap", "cones", "order")


def cached_taps(config, adapted):
    """How many of the four taps never change in a run, so that their outputs can be cached.

    config: ModelConfig; adapted: whether the adapters have been or are being trained. Without that all four are
    frozen; with it, those below the first adapted block.
    """
    first_adapted = config.encoder.depth - (config.lora.last_n_blocks if adapted else 0)
    return sum(tap < first_adapted for tap in config.encoder.taps)


class FrozenTaps(nn.Cell):
    """A backbone's tapped outputs before their norm, as one compiled graph."""

    def __init__(self, backbone):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.backbone, self.depth = backbone, backbone.depth

    def construct(self, images):
        """[B,3,H,W] -> [B,taps,1+N,D]."""
        tapped, _ = self.backbone.run_blocks(self.backbone.embed(images), 0, self.depth)
        return ops.stack(tapped, 1)


def frozen_outputs(backbone):
    """A function of one image, [1,3,H,W] -> [taps,1+N,D] arrays, for `FeatureCache.fill`."""
    taps = FrozenTaps(backbone).set_train(False)
    return lambda image: graphs.run(taps, ms.Tensor(image)).asnumpy()[0]


class AdaptedBlocks(nn.Cell):
    """The part of the backbone that a run may change: from the outputs of its frozen taps to the head's features.

    model: AAM; count: how many taps are given, 0 for images.
    """

    def __init__(self, model, count):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.backbone, self.count = model.backbone, count
        self.taps, self.depth = model.config.encoder.taps, model.config.encoder.depth

    def construct(self, inputs):
        """inputs: raw outputs of the first `count` taps [B,count,1+N,D], or images [B,3,H,W] when `count` is 0.

        Returns four [B,N,D].
        """
        if self.count == 0:
            tapped, _ = self.backbone.run_blocks(self.backbone.embed(inputs), 0, self.depth)
        else:
            frozen = ops.unstack(inputs, axis=1)
            rest, _ = self.backbone.run_blocks(frozen[-1], self.taps[self.count - 1] + 1, self.depth)
            tapped = frozen + rest
        features = ()
        for tokens in tapped:
            features = features + (self.backbone.finish(tokens),)
        return features


class PhaseObjective(nn.Cell):
    """The total loss of images under their prompts, times `scale`; and TERMS as [9].

    model: AAM; taps: how many taps' outputs are given, as in AdaptedBlocks; weights: LossConfig; the other weights: as
    of a PhaseConfig; levels: embeddings [conditions, levels, E] of prompts from general to detailed, for order_weight.
    """

    def __init__(self, model, taps, weights, condition_weight=0.0, *, cone_weight=0.0, order_weight=0.0, levels=None):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.blocks, self.head = AdaptedBlocks(model, taps), model.head
        self.size = model.config.image_size
        self.grid = model.grid(self.size)
        self.weights = Weights(**weights.model_dump())
        self.terms, self.condition_weight = terms_of(model.config), condition_weight
        self.cone_weight, self.order_weight, self.ordered = cone_weight, order_weight, order_weight > 0
        if self.ordered:
            to_origin = LorentzDistanceToOrigin(EPSILONS[model.config.epsilons])
            self.order = DepthOrder(model.head.hierarchy, levels, to_origin, 2 * MIN_RADIUS)

    def conditioned(self, sentences):
        """Embeddings [B,E], or [B,2,E] for the points and for the rest -> what `AttentionHead.condition` returns."""
        if sentences.ndim == 2:
            return self.head.condition(sentences, self.grid)
        return self.head.recombined(sentences[:, 1], self.head.hierarchy(sentences[:, 0]), self.grid)

    def construct(self, scale, inputs, sentences, truth, swapped=None, labels=None):
        """scale []; inputs as in AdaptedBlocks; sentences as in `conditioned`; truth [B,1,H,W] densities -> [], [9].

        swapped: embeddings [S,E] of prompts of other conditions for the first S images, for the condition term; labels:
        `search_batches.labels` of a search batch.
        """
        maps = self.head.neck(self.blocks(inputs), self.grid)
        prepared, conditions = self.head.prepare(maps), self.conditioned(sentences)
        prediction, image, text, anchor, curvature = self.head.answer(prepared, conditions, self.size)
        terms = self.terms(prediction, truth, image, text, anchor, curvature)
        loss = weighted(terms, self.weights)
        swap, cones, order = ops.zeros_like(loss), ops.zeros_like(loss), ops.zeros_like(loss)
        if swapped is not None:
            count = swapped.shape[0]
            first = tuple(each[:count] for each in prepared)
            other = self.head.answer(first, self.head.condition(swapped, self.grid), self.size)[0]
            swap = condition_margin(prediction[:count], other, truth[:count])
            loss = loss + self.condition_weight * swap
        if labels is not None and self.cone_weight > 0:
            batch = labels.shape[0]
            every = ops.broadcast_to(text.expand_dims(0), (batch, batch, text.shape[1]))
            cones = contrast(self.head.decoder.cone.logits(prepared[-1], every, curvature), labels)
            loss = loss + self.cone_weight * cones
        if self.ordered:
            order = self.order(text, anchor, curvature)
            loss = loss + self.order_weight * order
        return loss * scale, ops.stack((loss, *terms, swap, cones, order))
