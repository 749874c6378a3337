"""What the hyperbolic space of a model holds, as numbers: where anchor, prompts and images lie, and what follows.

Depths are geodesic distances to the origin, norms |x| those of space parts, angles radians. All quantities come from
the functions of `geometry` and the Cells of the decoder that prediction itself uses.
"""

from typing import NamedTuple

import mindspore as ms
import numpy as np

from mindaam.decoder.lorentz_maps import curvature_of
from mindaam.errors import ConfigError
from mindaam.geometry import lorentz
from mindaam.geometry.cells import HierarchicalEntailment
from mindaam.geometry.entailment import entailment_loss
from mindaam.models.head import EPSILONS
from mindaam.turns import turn

SCALES = ("local", "dilated", "global")  # of the scale weights, in order


class Points(NamedTuple):
    """Points of one model, space parts in float32 NumPy: anchor [n], prompts [P,n], images [I,n]; curvature: float."""

    anchor: np.ndarray
    prompts: np.ndarray
    images: np.ndarray
    curvature: float

    def together(self):
        """All points at curvature -1, float64 [1+P+I,n]: the anchor, the prompts, the images."""
        rows = np.concatenate([self.anchor[None], self.prompts, self.images]).astype(np.float64)
        return rows * np.sqrt(self.curvature)


@turn()
def points_of(predictor, texts, images):
    """The Points of prompts, texts, and of images, an iterable of paths or uint8 RGB [H,W,3].

    Raises ConfigError for a model with a Euclidean decoder, InputError for an unusable prompt or image.
    """
    if predictor.model.config.hyperbolic != "all":
        raise ConfigError(
            f"the decoder of {predictor.model.config.name} is Euclidean (hyperbolic: "
            f"{predictor.model.config.hyperbolic}), so its points have no depths or cones; choose another model"
        )
    text, anchor, curvature = predictor.model.head.hierarchy(ms.Tensor(predictor.embed(texts)))
    rows = [predictor.prepared(image)[0][0].asnumpy()[0] for image in images]
    width = text.shape[1]
    found = np.stack(rows) if rows else np.zeros((0, width), np.float32)
    return Points(anchor.asnumpy()[0], text.asnumpy(), found, float(curvature.asnumpy()))


def smallest_cone(points):
    """The depth below which the aperture of a cone is at its greatest: that of points of norm 2K/sqrt(c)."""
    return float(np.arcsinh(2 * lorentz.MIN_RADIUS) / np.sqrt(points.curvature))


def saturation_norm(points):
    """The norm 2K/sqrt(c) up to which the aperture of a cone is at its greatest."""
    return float(2 * lorentz.MIN_RADIUS / np.sqrt(points.curvature))


@turn()
def prompt_rows(predictor, texts, points):
    """One dict per prompt of `points`: depth, norm, saturated, aperture (half of the cone's angle), temperature of the
    spatial focus (None where it is off), and for each stage of the decoder and its head lambda and the scale weights.

    Keys of the stages: lambda_1 .. lambda_3, lambda_head, local_1, dilated_1, global_1, ...
    """
    decoder, eps = predictor.model.head.decoder, EPSILONS[predictor.model.config.epsilons]
    prompts, curvature = ms.Tensor(predictor.embed(texts)), ms.Tensor(points.curvature, ms.float32)
    text = ms.Tensor(points.prompts)
    columns = {
        "depth": lorentz.distance_to_origin(text, curvature, eps).asnumpy(),
        "norm": np.linalg.norm(points.prompts, axis=-1),
        "aperture": lorentz.half_aperture(text, curvature, eps).asnumpy(),
        "temperature": _temperatures(decoder, text, curvature),
    }
    columns["saturated"] = columns["norm"] <= saturation_norm(points)
    parts = {str(number): (stage.modulation, None) for number, stage in enumerate(decoder.stages, 1)}
    parts["head"] = decoder.head.modulation, curvature_of(decoder.head.map, curvature)
    for name, (part, depth_curvature) in parts.items():
        columns[f"lambda_{name}"] = part.strength(text, curvature, depth_curvature).asnumpy().ravel()
        weights = part.scale_gate(prompts, text, curvature).asnumpy()
        columns |= {f"{scale}_{name}": weights[:, number] for number, scale in enumerate(SCALES)}
    return [{key: _plain(values[row]) for key, values in columns.items()} for row in range(len(texts))]


def _temperatures(decoder, text, curvature):
    """Of the spatial focus, [P]; Nones where the model has none."""
    first = decoder.stages[0]
    if not first.focused:
        return [None] * text.shape[0]
    return first.focus.terms(text, curvature)[1].asnumpy().ravel()


def _plain(value):
    return value.item() if hasattr(value, "item") else value


class Cones(NamedTuple):
    """Whether cones contain what they should. factors: eta of the loss for anchor and text cones. anchor: bool [P], the
    prompts in the anchor's cone. angles: exterior angles [P,I] of images at prompts. inside: bool [P,I], the images in
    the prompts' cones."""

    factors: tuple
    anchor: np.ndarray
    angles: np.ndarray
    inside: np.ndarray


@turn()
def cones(predictor, points):
    """The Cones of Points, with the clamps and the eta that the entailment loss of training has by default."""
    eps, curvature = EPSILONS[predictor.model.config.epsilons], ms.Tensor(points.curvature, ms.float32)
    order = HierarchicalEntailment(eps)
    for_anchor, for_text = order.anchor_text.aperture_factor, order.text_image.aperture_factor
    anchor, prompts, images = ms.Tensor(points.anchor[None]), ms.Tensor(points.prompts), ms.Tensor(points.images)
    of_anchor = entailment_loss(anchor, prompts, curvature, for_anchor, eps).asnumpy() <= 0
    angles, inside = [], []
    for row in range(len(points.prompts)) if len(points.images) else ():
        parent = prompts[row : row + 1]
        angles.append(lorentz.exterior_angle(parent, images, curvature, eps).asnumpy())
        inside.append(entailment_loss(parent, images, curvature, for_text, eps).asnumpy() <= 0)
    empty = np.zeros((len(points.prompts), 0))
    return Cones(
        (for_anchor, for_text),
        of_anchor,
        np.stack(angles) if angles else empty,
        np.stack(inside) if inside else empty.astype(bool),
    )


def spread(values):
    """{"n", "min", "median", "mean", "max"} of numbers, None for the statistics of none."""
    values = np.asarray(values, np.float64)
    if not len(values):
        return {"n": 0, "min": None, "median": None, "mean": None, "max": None}
    found = {"min": values.min(), "median": np.median(values), "mean": values.mean(), "max": values.max()}
    return {"n": len(values)} | {name: float(each) for name, each in found.items()}
