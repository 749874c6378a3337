"""Entailment cones: a general concept's cone should hold the concepts that specialize it (paper 3.2.2, eq. 5-8)."""

from mindspore import ops

from mindaam.geometry import lorentz


def entailment_loss(parent, child, c, aperture_factor, eps=lorentz.PAPER):
    """How far each child lies outside its parent's cone: max(0, angle - factor * half-aperture), equation 7.

    parent, child: points [B,n] (a single parent [1,n] serves all children); c: curvature, 0-d Tensor > 0.
    aperture_factor: eta, below 1 for a narrower cone, which asks for a clearer specialization.
    Returns [B], radians in [0, pi]; 0 inside the cone.
    """
    angle = lorentz.exterior_angle(parent, child, c, eps)
    return ops.relu(angle - aperture_factor * lorentz.half_aperture(parent, c, eps))
