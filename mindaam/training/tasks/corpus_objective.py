"""What the task `corpus` minimizes: images, silent clips and clips with audio, each as one compiled objective.

All move the backbone's adapters and the head. The temporal blocks move in clips alone, the fusion in those with audio,
so each has an optimizer of its own.
"""

import mindspore as ms
import numpy as np
from mindspore import nn, ops

from mindaam.encoders.precision import compute_in
from mindaam.objectives.sparsity import gate_sparsity
from mindaam.objectives.total import Weights, terms_of, weighted
from mindaam.training.feeding.corpus_source import CLIPS, CLIPS_WITH_AUDIO, IMAGES
from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.groups import for_adamw, groups
from mindaam.training.ranks.distributed import ALONE
from mindaam.training.ranks.sharding import owned_by

SHARED, TEMPORAL, SOUND = "shared", "temporal", "sound"  # the optimizers' names
PARTS = {SHARED: ("head", "lora", "router"), TEMPORAL: ("temporal",), SOUND: ("sound",)}  # of the model
TAKING_PART = {IMAGES: (SHARED,), CLIPS: (SHARED, TEMPORAL), CLIPS_WITH_AUDIO: (SHARED, TEMPORAL, SOUND)}
TERMS = ("loss", "kld", "cc", "sim", "entailment", "distance", "gate")  # what a step returns
RESCALE = 13  # first word of the random generator, beyond those of `corpus_source`
PRECISIONS = {"float32": None, "bfloat16": ms.bfloat16, "float16": ms.float16}


def prepare(model, precision="float32", recompute=False, rescale_positions=None):
    """Sets the type of the backbone's products, whether its blocks' values are recomputed in the backward pass instead
    of kept, and how far positions are rescaled in training."""
    if rescale_positions is not None:
        model.backbone.set_rescale(rescale_positions)
    if PRECISIONS[precision] is not None:
        compute_in(model.backbone, PRECISIONS[precision])
    if recompute:
        for block in model.backbone.blocks:
            block.recompute()


def rescale_positions(model, config, number):
    """Draws the factors by which the encoder's blocks rescale coordinates in a step, from the seed and the step's
    number alone: a resumed run draws the same numbers, and all parts and ranks see one batch alike.

    model: AAM after `prepare`; config: CorpusConfig; number: steps done. Nothing without `rescale_positions`.
    """
    if config.rescale_positions is not None:
        model.backbone.draw_rescale(np.random.default_rng((RESCALE, config.seed, number)))


class CorpusObjective(nn.Cell):
    """The total loss of images, or of some frames of a clip, times `scale`; and TERMS as [7]."""

    def __init__(self, model, weights, kind):
        """model: AAM; weights: LossConfig; kind: of IMAGES, CLIPS, CLIPS_WITH_AUDIO."""
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.backbone, self.head, self.kind = model.backbone, model.head, kind
        self.size = tuple(model.config.image_size)
        self.grid = model.grid(self.size)
        self.weights, self.terms = Weights(**weights.model_dump()), terms_of(model.config)

    def construct(self, scale, images, prompts, truth, answered=None, audio=None, attacked=None, sparsity=None):
        """images [B,3,H,W], of a clip [T,3,H,W]; prompts [B,E]; truth [B,1,H,W] densities; scale [] -> [], [7].

        answered: of a clip the K frames [K] that are decoded and compared, with K prompts and truths: the frames bear
        on one another in the temporal blocks, which are cheap, and only these go through the decoder, which is not.
        audio: embeddings as `AttentionHead.with_audio` takes them; attacked [T]: 1 where they are of noise; sparsity
        []: weight of the mean gate there.
        """
        features = ()
        for tokens in self.backbone(images):
            features = features + (ops.cast(tokens, ms.float32),)
        maps = self.head.neck(features, self.grid)
        gate = ops.zeros_like(scale)
        if self.kind != IMAGES:
            maps = self.head.along_video(maps)
        if self.kind == CLIPS_WITH_AUDIO:
            maps, gates = self.head.with_audio(maps, audio)
            gate = gate_sparsity(gates, attacked)
        if self.kind != IMAGES:
            few = ()
            for each in maps:
                few = few + (ops.gather(each, answered, 0),)
            maps = few
        prediction, image, text, anchor, curvature = self.head.from_maps(maps, prompts, self.size)
        terms = self.terms(prediction, truth, image, text, anchor, curvature)
        loss = weighted(terms, self.weights)
        if self.kind == CLIPS_WITH_AUDIO:
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
