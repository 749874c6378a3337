"""One training step as one Cell: forward, loss, gradients of the trained parameters, update."""

import mindspore as ms
from mindspore import nn, ops

from mindaam.encoders.lora import lora_parameters
from mindaam.geometry.cells import BoundedScalar
from mindaam.models.head import EPSILONS
from mindaam.objectives.condition import condition_margin
from mindaam.objectives.total import LossTerms, Weights, weighted
from mindaam.training.optim.adamw import AdamW
from mindaam.training.tasks.adapted_blocks import AdaptedBlocks


class Objective(nn.Cell):
    """The total loss, and its terms for the log: [KLD, CC, SIM, entailment, distance, condition]."""

    def __init__(self, model, taps, config, condition_weight=0.0):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.blocks, self.head = AdaptedBlocks(model, taps), model.head
        self.size = model.config.image_size
        self.grid = model.grid(self.size)
        self.weights = Weights(**config.loss.model_dump())
        self.terms, self.condition_weight = LossTerms(EPSILONS[model.config.epsilons]), condition_weight

    def construct(self, inputs, sentences, truth, swapped=None):
        """inputs as in AdaptedBlocks; sentences [B,E]; truth [B,1,H,W] densities; swapped [S,E] -> scalar, [6].

        swapped: sentences of other conditions about the first S pictures, for the condition term, or None.
        """
        features = self.blocks(inputs)
        prediction, image, text, anchor, curvature = self.head(features, sentences, self.grid, self.size)
        terms = self.terms(prediction, truth, image, text, anchor, curvature)
        loss = weighted(terms, self.weights)
        if swapped is None:
            return loss, ops.stack(terms + (ops.zeros_like(loss),))
        count = swapped.shape[0]
        first = tuple(each[:count] for each in features)
        other = self.head(first, swapped, self.grid, self.size)[0]
        condition = condition_margin(prediction[:count], other, truth[:count])
        return loss + self.condition_weight * condition, ops.stack(terms + (condition,))


def parameter_groups(model, phase, weight_decay):
    """AdamW's groups: the head's matrices with decay, its vectors and scalars without, and the adapters if trained."""
    head = [p for p in model.head.get_parameters() if p.requires_grad]
    groups = [
        ([p for p in head if p.ndim > 1], weight_decay, 1.0),
        ([p for p in head if p.ndim <= 1], 0.0, 1.0),
    ]
    if phase.adapt:
        groups.append((lora_parameters(model.backbone), weight_decay, phase.rate_factor_lora))
    return groups


class TrainStep(nn.Cell):
    """loss, terms = step(settings, inputs, sentences, truth): the trained parameters move once.

    model: AAM; taps: how many taps' outputs are handed in, as in AdaptedBlocks; phase: PhaseConfig; config:
    TrainConfig. `settings` are the optimizer's of that step; `project()` afterwards returns bounded scalars to their
    ranges.
    """

    def __init__(self, model, taps, phase, config):
        super().__init__(auto_prefix=False)
        # a child, so that `set_train` reaches it
        self.objective = Objective(model, taps, config, phase.condition_weight)
        groups = parameter_groups(model, phase, config.optimizer.weight_decay)
        self.optimizer = AdamW(groups, config.optimizer.betas, config.optimizer.eps)
        self.bounded = [cell for _, cell in model.cells_and_names() if isinstance(cell, BoundedScalar)]
        self.gradient = ms.value_and_grad(self.objective, None, self.optimizer.parameters, has_aux=True)

    def project(self):
        """Brings the bounded scalars back into their ranges, in place."""
        for cell in self.bounded:
            cell.project()

    def construct(self, settings, inputs, sentences, truth, swapped=None):
        """settings [3] from the optimizer; inputs, sentences, truth, swapped as in Objective -> loss, terms."""
        (loss, terms), gradients = self.gradient(inputs, sentences, truth, swapped)
        return ops.depend(loss, self.optimizer(gradients, settings)), terms
