"""AdamW (Loshchilov and Hutter 2019) with the semantics of the reference's optimizer."""

import math

import mindspore as ms
import numpy as np
from mindspore import ParameterTuple, nn, ops


class AdamW(nn.Cell):
    """Decoupled weight decay, then Adam with bias correction.

    groups: a list of (parameters, weight decay, rate factor). owned: indices of the parameters that are moved here and
    whose state is kept, None for all (not `sharded`); the gradients given are of all the same. The bias corrections
    are folded into the step size and the epsilon that `settings` makes, in float64 on the host: in float32
    1 - 0.999^t has four digits.
    So MindSpore's fused Adam kernel, which adds epsilon before the correction, gives m_hat / (sqrt(v_hat) + eps)
    exactly.
    """

    def __init__(self, groups, betas=(0.9, 0.999), eps=1e-8, owned=None):
        super().__init__(auto_prefix=False)
        self.parameters = ParameterTuple([p for parameters, _, _ in groups for p in parameters])
        self.decays = [decay for parameters, decay, _ in groups for _ in parameters]
        self.factors = [factor for parameters, _, factor in groups for _ in parameters]
        self.sharded = owned is not None
        self.owned = tuple(range(len(self.parameters))) if owned is None else tuple(owned)
        moved = ParameterTuple([self.parameters[i] for i in self.owned])
        self.first = moved.clone(prefix="first_moment", init="zeros")
        self.second = moved.clone(prefix="second_moment", init="zeros")
        self.betas, self.eps = betas, eps
        self.adam = ops.Adam()

    def settings(self, step, rate):
        """What `construct` needs at `step` (from 0) with learning rate `rate`: [step size, epsilon, rate], float32."""
        first, second = (1.0 - beta ** (step + 1) for beta in self.betas)
        root = math.sqrt(second)
        return ms.Tensor(np.array([rate * root / first, self.eps * root, rate], np.float32))

    def construct(self, gradients, settings):
        """Moves every parameter that is owned once; returns True when all updates are part of the graph."""
        step_size, epsilon, rate = ops.unstack(settings)
        done = True
        for j in range(len(self.owned)):
            i = self.owned[j]
            parameter = self.parameters[i]
            if self.decays[i] > 0:
                kept = 1.0 - rate * (self.factors[i] * self.decays[i])
                done = ops.depend(done, ops.assign(parameter, parameter * kept))
            moved = self.adam(
                ops.depend(parameter, done), self.first[j], self.second[j], 0.0, 0.0, step_size * self.factors[i],
                self.betas[0], self.betas[1], epsilon, gradients[i]
            )  # fmt: skip
            done = ops.depend(done, moved)
        return done
