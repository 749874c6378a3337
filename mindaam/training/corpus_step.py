"""The steps of a run on pictures and films together: a batch of pictures, or one clip, each compiled as one graph.

Both move the backbone's adapters and the head. The temporal blocks move in clips alone, so they have an optimizer and
a count of steps of their own: a step in which a parameter has no part must not decay it or fade its moments.
"""

import mindspore as ms
from mindspore import nn, ops

from mindaam.encoders.lora import lora_parameters
from mindaam.geometry.cells import BoundedScalar
from mindaam.models.head import EPSILONS
from mindaam.objectives.total import Weights, loss_terms, weighted
from mindaam.training.optimizer import AdamW

PICTURES, CLIPS = "pictures", "clips"  # the optimizers' names


class CorpusObjective(nn.Cell):
    """The total loss of pictures, or of some frames of a clip, and its terms: [KLD, CC, SIM, entailment, distance]."""

    def __init__(self, model, weights, *, clip):
        """model: AAM; weights: LossConfig; clip: whether the pictures are the frames of one film."""
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.backbone, self.head, self.clip = model.backbone, model.head, clip
        self.size = tuple(model.config.image_size)
        self.grid = model.grid(self.size)
        self.weights, self.eps = Weights(**weights.model_dump()), EPSILONS[model.config.epsilons]

    def construct(self, pictures, sentences, truth, answered=None):
        """pictures [B,3,H,W], of a clip [T,3,H,W]; sentences [B,E]; truth [B,1,H,W] densities -> loss, [5].

        answered: of a clip the K frames [K] that are decoded and compared, with K sentences and truths: the frames bear
        on one another in the temporal blocks, which are cheap, and only these go through the decoder, which is not.
        """
        maps = self.head.neck(self.backbone(pictures), self.grid)
        if self.clip:
            few = ()
            for each in self.head.along_film(maps):
                few = few + (ops.gather(each, answered, 0),)
            maps = few
        prediction, image, text, anchor, curvature = self.head.from_maps(maps, sentences, self.size)
        terms = loss_terms(prediction, truth, image, text, anchor, curvature, self.eps)
        return weighted(terms, self.weights), ops.stack(terms)


def optimizers(model, config):
    """{name: AdamW}: "pictures" of what every step moves, "clips" of the temporal blocks, if the model has any.

    config: OptimizerConfig. Matrices are decayed; biases, norms, curvatures and scales are not.
    """
    temporal = {id(parameter) for parameter in model.head.temporal.get_parameters()}
    head = [p for p in model.head.get_parameters() if p.requires_grad and id(p) not in temporal]
    parts = {PICTURES: head + lora_parameters(model.backbone), CLIPS: list(model.head.temporal.trainable_params())}
    return {name: _adamw(parameters, config) for name, parameters in parts.items() if parameters}


def _adamw(parameters, config):
    groups = [
        ([p for p in parameters if p.ndim > 1], config.weight_decay, 1.0),
        ([p for p in parameters if p.ndim <= 1], 0.0, 1.0),
    ]
    return AdamW(groups, config.betas, config.eps)


class CorpusStep(nn.Cell):
    """loss, terms = step(settings, pictures, sentences, truth[, answered]): what takes part moves once.

    objective: CorpusObjective; optimizers: list of n AdamW, all of whose parameters take part. settings: theirs [n,3],
    in their order, as one tensor: a tuple would be compiled in as a constant, anew at every step. `project` afterwards
    returns bounded scalars to their ranges.
    """

    def __init__(self, model, objective, optimizers):
        super().__init__(auto_prefix=False)
        self.objective = objective
        self.optimizers = nn.CellList(optimizers, auto_prefix=False)  # the parameters keep their names
        self.counts = [len(optimizer.parameters) for optimizer in optimizers]
        self.bounded = [cell for _, cell in model.cells_and_names() if isinstance(cell, BoundedScalar)]
        together = ms.ParameterTuple([p for optimizer in optimizers for p in optimizer.parameters])
        self.gradient = ms.value_and_grad(objective, None, together, has_aux=True)

    def project(self):
        """Brings the bounded scalars back into their ranges, in place."""
        for cell in self.bounded:
            cell.project()

    def construct(self, settings, pictures, sentences, truth, answered=None):
        """settings [n,3]; the rest as in CorpusObjective -> loss, terms."""
        (loss, terms), gradients = self.gradient(pictures, sentences, truth, answered)
        first = 0
        for i in range(len(self.counts)):
            mine = gradients[first : first + self.counts[i]]
            loss = ops.depend(loss, self.optimizers[i](mine, settings[i]))
            first = first + self.counts[i]
        return loss, terms
