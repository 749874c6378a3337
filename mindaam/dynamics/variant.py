"""The switches between the paper's temporal model and the released one: values, never second copies of a module."""

from typing import NamedTuple

ENDS = ("zero_flux", "untouched")
COUPLINGS = ("density", "contrast", "none")


class DynamicsVariant(NamedTuple):
    """How densities evolve along a clip, and how they act on its features.

    temperature: tau_F of the transition kernel (equation 18).
    dt, steps: the time step, and how many Lie-Trotter steps are taken with the same kernel and rates.
    detach_kernel: no gradient flows through the transition kernel, so the drift is not learned.
    cfl_bound: the diffusivity is kept to 1/(2 dt), under which no density becomes negative (equation 28).
    ends: "zero_flux" diffuses the first and last frame against mirror images of themselves, "untouched" not at all.
    batch_mass: densities are first divided by a frame's mass over the whole batch, then by their own (released quirk).
    coupling: what multiplies the features: "density" 1 + alpha u, "contrast" 1 + alpha (P u - 1) with P positions and
        the bracket kept in [-1, 4], or "none".
    alpha_max: upper limit of the learnable alpha.
    dynamics: off leaves ordinary temporal attention alone, without densities.
    diffusion, correction: the second and third operator of a step.
    feature_attention: temporal attention and feed-forward on the features, after the coupling.
    """

    temperature: float
    dt: float
    steps: int
    detach_kernel: bool
    cfl_bound: bool
    ends: str
    batch_mass: bool
    coupling: str
    alpha_max: float
    dynamics: bool = True
    diffusion: bool = True
    correction: bool = True
    feature_attention: bool = True


RELEASED = DynamicsVariant(
    temperature=2.0,
    dt=1.0,
    steps=1,
    detach_kernel=True,
    cfl_bound=False,
    ends="untouched",
    batch_mass=True,
    coupling="density",
    alpha_max=0.5,
)
PAPER = RELEASED._replace(detach_kernel=False, cfl_bound=True, ends="zero_flux", batch_mass=False, coupling="contrast")
# The ablation's plain temporal self-attention: the same block without densities.
ATTENTION = PAPER._replace(dynamics=False)
