"""The operators of the Fokker-Planck dynamics (paper 3.4), one function each.

A density u [B,P,T] is how much attention each of P positions has in each of T frames; its sum over the positions is 1.
Time is the last axis: drift, diffusion and correction act along time at one position, and only the projection acts
across positions. Each operator is one forward Euler step of length dt of its part of

    du/dt = drift(u) + diffusion(u) + lambda (u_obs - u).

Given a row-stochastic kernel, 0 <= dt <= 1, dt nu <= 1/2 and dt lambda <= 1, all of them keep u >= 0.
"""

from mindspore import ops

from mindaam.kernels.attention import times_transposed
from mindaam.kernels.elementwise import softplus

SMALLEST_MASS = 1e-6  # added to the mass that is divided by: a frame in which nothing is positive stays zero


def transition_kernel(queries, keys, temperature):
    """Equation 18: A[t,s] = softmax over s of <q_t, k_s> / (sqrt(d) temperature), how much flows from frame s to t.

    queries, keys [...,T,d] -> [...,T,T]; each row is positive and sums to 1.
    """
    sharpness = queries.shape[-1] ** -0.5 / temperature
    return ops.softmax(times_transposed(queries * sharpness, keys), -1)


def drift(u, kernel, dt):
    """Equations 19, 20: u + dt (A u - u), each position's attention carried between frames by its kernel.

    u [B,P,T], kernel [B,P,T,T], row-stochastic -> [B,P,T].
    """
    carried = ops.matmul(kernel, u.expand_dims(-1)).squeeze(-1)
    return u + dt * (carried - u)


def diffusivity(raw, dt, cfl_bound):
    """nu = softplus(raw) > 0, any shape; with `cfl_bound` at most 1/(2 dt) (equation 28)."""
    nu = softplus(raw)
    return ops.clamp(nu, max=0.5 / dt) if cfl_bound else nu


def second_difference(u, ends):
    """u[t-1] - 2 u[t] + u[t+1] along the last axis, shape of u.

    ends: "zero_flux" repeats the first and last frame beyond the clip, so that nothing leaves it; "untouched" gives 0
    in those frames.
    """
    frames = u.shape[-1]
    if frames == 1 or (ends == "untouched" and frames == 2):
        return ops.zeros_like(u)
    first, last = u[..., :1], u[..., -1:]
    if ends == "zero_flux":
        return ops.concat((first, u[..., :-1]), -1) - 2.0 * u + ops.concat((u[..., 1:], last), -1)
    inside = u[..., :-2] - 2.0 * u[..., 1:-1] + u[..., 2:]
    return ops.concat((ops.zeros_like(first), inside, ops.zeros_like(last)), -1)


def diffusion(u, nu, dt, ends):
    """Equation 21: u + dt nu (u[t-1] - 2 u[t] + u[t+1]), smoothing along time. u, nu [B,P,T] -> [B,P,T]."""
    return u + dt * nu * second_difference(u, ends)


def correction(u, u_obs, lam, dt):
    """Equation 22: u + dt lambda (u_obs - u), relaxation towards what is observed. All [B,P,T], lambda in (0, 1)."""
    return u + dt * lam * (u_obs - u)


def project(u, over_batch=False):
    """Equation 23: max(u, 0) / its sum over the positions, [B,P,T] -> densities [B,P,T].

    over_batch: the sum runs over the positions of all clips of the batch (released quirk).
    """
    positive = ops.clamp(u, min=0.0)
    mass = positive.sum((0, 1) if over_batch else 1, keepdims=True)
    return positive / (mass + SMALLEST_MASS)
