"""Whether the hierarchy holds: general attention entails conditions, these entail their images, and detail is deep."""

from itertools import combinations
from typing import NamedTuple

import mindspore as ms
import numpy as np

from mindaam.data.prompts import granularities
from mindaam.data.prompts.corpus import GRANULARITIES
from mindaam.evaluation.hyperbolic.quantities import saturation_norm
from mindaam.geometry import lorentz
from mindaam.models.head import EPSILONS
from mindaam.turns import turn


class Share(NamedTuple):
    """Of how many of `n` pairs something holds, as a share of them; None of none."""

    share: float | None
    n: int


@turn()
def entailment(predictor, points, own):
    """{"holds": Share, "reversed": Share} over pairs of a prompt t and an image v that was viewed under its condition.

    holds: phi(a, t) <= omega(a) and phi(t, v) <= omega(t), with a the anchor. reversed, the control: phi(t, a) <=
    omega(t) and phi(v, t) <= omega(v). Pairs count only where both parents are outside the ball in which every
    half-aperture is at its greatest: within it a cone of almost 90 degrees contains most points whatever they mean.
    own: bool [P,I], whether image i was viewed under the condition of prompt p.
    """
    eps = EPSILONS[predictor.model.config.epsilons]
    curvature, least = ms.Tensor(points.curvature, ms.float32), saturation_norm(points)

    def inside(parents, children):
        """Whether each child is in the cone of each parent: [P,n], [C,n] -> bool [P,C]."""
        apertures = lorentz.half_aperture(ms.Tensor(parents), curvature, eps).asnumpy()
        angles = [
            lorentz.exterior_angle(ms.Tensor(parents[row : row + 1]), ms.Tensor(children), curvature, eps).asnumpy()
            for row in range(len(parents))
        ]
        return np.array(angles).reshape(len(parents), len(children)) <= apertures[:, None]

    def outside(rows):
        return np.linalg.norm(rows, axis=-1) > least

    anchor, prompts, images = points.anchor[None], points.prompts, points.images
    holds = inside(anchor, prompts)[0][:, None] & inside(prompts, images)
    counted = own & outside(anchor)[0] & outside(prompts)[:, None]
    back = inside(prompts, anchor) & inside(images, prompts).T
    counted_back = own & outside(prompts)[:, None] & outside(images)[None]
    return {"holds": _share(holds, counted)._asdict(), "reversed": _share(back, counted_back)._asdict()}


def _share(holds, counted):
    number = int(counted.sum())
    return Share(float(holds[counted].mean()) if number else None, number)


@turn()
def detail(predictor):
    """Whether prompts of growing detail lie deeper: {"share", "n", "depths": {condition: {G1: depth, ...}}}.

    Of each bundled condition the held-out paraphrases at the four granularities, which no training sees; a pair of
    granularities counts as right where the more detailed one is deeper.
    """
    depths = {}
    for name in granularities.conditions():
        texts = [granularities.held_out(name, each) for each in GRANULARITIES]
        text, _, curvature = predictor.model.head.hierarchy(ms.Tensor(predictor.embed(texts)))
        eps = EPSILONS[predictor.model.config.epsilons]
        found = lorentz.distance_to_origin(text, curvature, eps).asnumpy()
        depths[name] = dict(zip(GRANULARITIES, map(float, found), strict=True))
    right = [each[b] > each[a] for each in depths.values() for a, b in combinations(GRANULARITIES, 2)]
    return {"share": float(np.mean(right)), "n": len(right), "depths": depths}
