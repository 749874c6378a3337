"""Is it still the Fokker-Planck step? The released code's numbers, the equations spelled out, and its promises."""

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindspore import Tensor

from mindaam.dynamics.operators import SMALLEST_MASS, correction, diffusion, drift, project
from mindaam.dynamics.splitting import evolve, lie_trotter_step
from mindaam.dynamics.variant import PAPER, RELEASED
from tests.dynamics.clips import GOLDEN, check_density, positions_first, random_densities, random_kernel, random_rates

GOLDEN_CLIPS = ["C384/T2_14x14", "C384/T3_14x14", "C768/T2_7x7", "C768/T3_7x7"]
SIZES = st.tuples(st.integers(1, 2), st.integers(1, 7), st.integers(1, 6))  # clips, positions, frames
SEEDS = st.integers(0, 2**32 - 1)


def golden_inputs(clip):
    """Observed density, kernel, nu, lambda of the released code as the arguments of a step."""
    u_obs, nu, lam = (Tensor(positions_first(GOLDEN[f"{clip}/{name}"])) for name in ("u_obs", "nu", "lam"))
    return u_obs, Tensor(GOLDEN[f"{clip}/A"][None]), nu, lam


@pytest.mark.parametrize("clip", GOLDEN_CLIPS)
def test_each_operator_gives_the_released_density(clip):
    u_obs, kernel, nu, lam = golden_inputs(clip)

    u = u_obs
    u = drift(u, kernel, dt=1.0)
    check_density(f"{clip}/after_drift", u)
    u = diffusion(u, nu, dt=1.0, ends="untouched")
    check_density(f"{clip}/after_diffusion", u)
    u = correction(u, u_obs, lam, dt=1.0)
    check_density(f"{clip}/after_assimilation", u)
    u = project(u, over_batch=True)
    check_density(f"{clip}/after_token_norm", u)
    u = project(u)
    check_density(f"{clip}/after_frame_norm", u)


@pytest.mark.parametrize("clip", GOLDEN_CLIPS)
@pytest.mark.parametrize("graph", [False, True], ids=["pynative", "graph"])
def test_the_step_gives_the_released_density(clip, graph):
    u_obs, kernel, nu, lam = golden_inputs(clip)

    def step(u, kernel, nu, lam):
        return lie_trotter_step(u, u, kernel, nu, lam, RELEASED)

    u = (ms.jit(step) if graph else step)(u_obs, kernel, nu, lam)
    check_density(f"{clip}/after_frame_norm", u)


def spelled_out(u, u_obs, kernel, nu, lam, dt, ends):
    """Equations 19-22 in float64, position by position and frame by frame: the density before projection."""
    batch, positions, frames = u.shape
    result = np.zeros(u.shape)
    for b in range(batch):
        for x in range(positions):
            carried = [sum(kernel[b, x, t, s] * u[b, x, s] for s in range(frames)) for t in range(frames)]
            u1 = [u[b, x, t] + dt * (carried[t] - u[b, x, t]) for t in range(frames)]
            u2 = list(u1)
            for t in range(frames):
                if ends == "untouched" and t in (0, frames - 1):
                    continue
                before, after = u1[max(t - 1, 0)], u1[min(t + 1, frames - 1)]
                u2[t] = u1[t] + dt * nu[b, x, t] * (after - 2 * u1[t] + before)
            for t in range(frames):
                result[b, x, t] = u2[t] + dt * lam[b, x, t] * (u_obs[b, x, t] - u2[t])
    return result


def inputs(sizes, seed, greatest_nu):
    u, u_obs = random_densities(seed, *sizes), random_densities(seed + 1, *sizes)
    return u, u_obs, random_kernel(seed + 2, *sizes), *random_rates(seed + 3, *sizes, greatest_nu)


@settings(deadline=None, max_examples=12)
@given(SIZES, SEEDS, st.sampled_from([0.25, 0.5, 1.0]), st.sampled_from([PAPER, RELEASED]))
def test_the_step_is_the_equations(sizes, seed, dt, variant):
    arrays = inputs(sizes, seed, greatest_nu=0.5 / dt if variant.cfl_bound else 3.0)
    u = lie_trotter_step(*(Tensor(array) for array in arrays), variant._replace(dt=dt)).asnumpy()
    positive = np.maximum(spelled_out(*(array.astype(np.float64) for array in arrays), dt, variant.ends), 0)
    if variant.batch_mass:
        positive /= positive.sum((0, 1), keepdims=True) + SMALLEST_MASS
    wanted = positive / (positive.sum(1, keepdims=True) + SMALLEST_MASS)
    np.testing.assert_allclose(u, wanted, atol=1e-6, rtol=0)


@settings(deadline=None, max_examples=12)
@given(SIZES, SEEDS, st.sampled_from([0.25, 0.5, 1.0]), st.floats(0.1, 20.0))
def test_below_the_cfl_bound_no_density_turns_negative_and_mass_is_one(sizes, seed, dt, sharpness):
    u_obs, kernel = random_densities(seed, *sizes, sharpness), random_kernel(seed + 1, *sizes, sharpness)
    nu, lam = random_rates(seed + 2, *sizes, greatest_nu=0.5 / dt)
    nu[:, ::2] = 0.5 / dt  # also on the bound itself
    u_obs, kernel, nu, lam = (Tensor(array) for array in (u_obs, kernel, nu, lam))
    u = u_obs
    for operator in (
        lambda u: drift(u, kernel, dt),
        lambda u: diffusion(u, nu, dt, PAPER.ends),
        lambda u: correction(u, u_obs, lam, dt),
    ):
        u = operator(u)
        assert u.asnumpy().min() >= -1e-7
    u = lie_trotter_step(u_obs, u_obs, kernel, nu, lam, PAPER._replace(dt=dt)).asnumpy()
    assert u.min() >= 0
    np.testing.assert_allclose(u.sum(1), 1, atol=1e-5)


def test_above_the_cfl_bound_a_density_does_turn_negative():
    spike = np.zeros((1, 2, 5), np.float32)
    spike[0, 1], spike[0, :, 2] = 1, (1, 0)
    nu = np.full_like(spike, 0.6)
    assert diffusion(Tensor(spike), Tensor(nu), 1.0, "zero_flux").asnumpy().min() < -0.1


@pytest.mark.parametrize("variant", [PAPER, RELEASED], ids=["paper", "released"])
def test_a_density_that_never_changes_stays(variant):
    u = Tensor(np.repeat(random_densities(0, 1, 6, 1), 5, axis=2))
    nu, lam = (Tensor(array) for array in random_rates(1, 1, 6, 5, 0.5))
    kept = evolve(u, Tensor(random_kernel(2, 1, 6, 5)), nu, lam, variant._replace(steps=3))
    np.testing.assert_allclose(kept.asnumpy(), u.asnumpy(), atol=1e-5)


def test_more_steps_are_the_same_step_again():
    u_obs, kernel = Tensor(random_densities(0, 2, 6, 5)), Tensor(random_kernel(1, 2, 6, 5))
    nu, lam = (Tensor(array) for array in random_rates(2, 2, 6, 5, 0.5))
    variant = PAPER._replace(dt=0.5, steps=2)
    once = lie_trotter_step(u_obs, u_obs, kernel, nu, lam, variant)
    twice = lie_trotter_step(once, u_obs, kernel, nu, lam, variant)
    np.testing.assert_array_equal(evolve(u_obs, kernel, nu, lam, variant).asnumpy(), twice.asnumpy())
    assert np.abs(once.asnumpy() - twice.asnumpy()).max() > 1e-3


@pytest.mark.parametrize("off", ["diffusion", "correction"])
def test_an_operator_that_is_switched_off_is_the_identity(off):
    u_obs, kernel = Tensor(random_densities(0, 1, 6, 5)), Tensor(random_kernel(1, 1, 6, 5))
    nu, lam = (Tensor(array) for array in random_rates(2, 1, 6, 5, 0.5))
    without = evolve(u_obs, kernel, nu, lam, PAPER._replace(**{off: False}))
    zero = {"diffusion": (nu * 0, lam), "correction": (nu, lam * 0)}[off]
    np.testing.assert_allclose(without.asnumpy(), evolve(u_obs, kernel, *zero, PAPER).asnumpy(), atol=1e-7)
    assert np.abs(without.asnumpy() - evolve(u_obs, kernel, nu, lam, PAPER).asnumpy()).max() > 1e-3
