"""Each Fokker-Planck operator by what it must do to simple densities."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from mindaam.dynamics.operators import (
    correction,
    diffusion,
    diffusivity,
    drift,
    project,
    second_difference,
    transition_kernel,
)
from tests.dynamics.clips import random_densities, random_kernel, random_rates

ENDS = ["zero_flux", "untouched"]


def test_the_kernel_is_the_softmax_over_source_frames():
    draw = np.random.default_rng(0)
    queries, keys = draw.standard_normal((2, 3, 4, 6)), draw.standard_normal((2, 3, 4, 6))
    kernel = transition_kernel(*(Tensor(array.astype(np.float32)) for array in (queries, keys)), 2.0).asnumpy()
    scores = np.einsum("bhtd,bhsd->bhts", queries, keys) / np.sqrt(6) / 2.0
    np.testing.assert_allclose(kernel, np.exp(scores) / np.exp(scores).sum(-1, keepdims=True), rtol=1e-5)
    colder = transition_kernel(*(Tensor(array.astype(np.float32)) for array in (queries, keys)), 1.0).asnumpy()
    assert (colder.max(-1) > kernel.max(-1)).all()


def test_drift_carries_attention_from_the_source_frame():
    u = random_densities(0, 1, 4, 3)
    from_last = np.zeros((1, 4, 3, 3), np.float32)
    from_last[..., 2] = 1  # every frame takes all from the last
    moved = drift(Tensor(u), Tensor(from_last), dt=1.0).asnumpy()
    np.testing.assert_allclose(moved, np.repeat(u[..., 2:], 3, -1), atol=1e-7)
    half = drift(Tensor(u), Tensor(from_last), dt=0.5).asnumpy()
    np.testing.assert_allclose(half, (u + moved) / 2, atol=1e-7)


def test_drift_that_stays_put_changes_nothing():
    u = random_densities(1, 2, 4, 5)
    stay = np.broadcast_to(np.eye(5, dtype=np.float32), (2, 4, 5, 5)).copy()
    np.testing.assert_allclose(drift(Tensor(u), Tensor(stay), dt=0.7).asnumpy(), u, atol=1e-7)


@pytest.mark.parametrize("frames", [1, 2, 3, 8])
def test_zero_flux_ends_lose_nothing_and_untouched_ends_stay(frames):
    u = random_densities(2, 2, 5, frames)
    nu = np.full(u.shape, 0.4, np.float32)
    kept = diffusion(Tensor(u), Tensor(nu), 1.0, "zero_flux").asnumpy()
    np.testing.assert_allclose(kept.sum(-1), u.sum(-1), rtol=1e-5)
    ends_kept = diffusion(Tensor(u), Tensor(nu), 1.0, "untouched").asnumpy()
    np.testing.assert_array_equal(ends_kept[..., [0, -1]], u[..., [0, -1]])
    np.testing.assert_allclose(ends_kept[..., 1:-1], kept[..., 1:-1], atol=1e-7)


def test_second_difference_of_a_parabola_is_two():
    parabola = Tensor((np.arange(6.0) ** 2).reshape(1, 1, 6).astype(np.float32))
    np.testing.assert_array_equal(second_difference(parabola, "untouched").asnumpy()[0, 0], [0, 2, 2, 2, 2, 0])
    np.testing.assert_array_equal(second_difference(parabola, "zero_flux").asnumpy()[0, 0], [1, 2, 2, 2, 2, -9])


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("graph", [False, True], ids=["pynative", "graph"])
def test_a_single_frame_has_nothing_to_diffuse_to(ends, graph):
    u = random_densities(3, 1, 5, 1)

    def weighted(u):
        return (diffusion(u, u, 1.0, ends) * 3.0).sum()

    gradient = ms.grad(weighted)
    slope = (ms.jit(gradient) if graph else gradient)(Tensor(u))
    np.testing.assert_array_equal(slope.asnumpy(), np.full(u.shape, 3, np.float32))


@pytest.mark.parametrize("ends", ENDS)
def test_diffusion_smooths(ends):
    u = random_densities(3, 1, 5, 9)
    nu = np.full(u.shape, 0.5, np.float32)
    rough = np.abs(np.diff(u, axis=-1)).sum()
    smooth = np.abs(np.diff(diffusion(Tensor(u), Tensor(nu), 1.0, ends).asnumpy(), axis=-1)).sum()
    assert smooth < 0.8 * rough


def test_diffusivity_is_positive_and_bounded_on_request():
    raw = Tensor(np.array([-30.0, -1.0, 0.0, 2.0, 50.0], np.float32))
    free = diffusivity(raw, 1.0, cfl_bound=False).asnumpy()
    np.testing.assert_allclose(free, np.logaddexp(0, raw.asnumpy()), rtol=1e-5, atol=1e-9)
    for dt in (1.0, 0.25):
        bound = diffusivity(raw, dt, cfl_bound=True).asnumpy()
        np.testing.assert_allclose(bound, np.minimum(free, 0.5 / dt), rtol=1e-6)


def test_correction_goes_the_stated_part_of_the_way():
    u, u_obs = random_densities(4, 1, 4, 3), random_densities(5, 1, 4, 3)
    for lam, dt in ((1.0, 1.0), (0.5, 0.5), (0.0, 1.0)):
        rate = Tensor(np.full(u.shape, lam, np.float32))
        got = correction(Tensor(u), Tensor(u_obs), rate, dt).asnumpy()
        np.testing.assert_allclose(got, u + lam * dt * (u_obs - u), atol=1e-7)


def test_projection_clips_and_gives_each_frame_mass_one():
    u = np.random.default_rng(6).standard_normal((3, 20, 4)).astype(np.float32)
    density = project(Tensor(u)).asnumpy()
    assert (density[u <= 0] == 0).all() and (density >= 0).all()
    np.testing.assert_allclose(density.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(project(Tensor(density)).asnumpy(), density, atol=2e-6)
    assert (project(Tensor(-np.ones((1, 4, 2), np.float32))).asnumpy() == 0).all()


def test_projection_over_the_batch_leaves_the_clips_their_shares():
    u = random_densities(7, 2, 5, 3)
    u[1] *= 3
    mixed = project(Tensor(u), over_batch=True).asnumpy()
    np.testing.assert_allclose(mixed.sum((0, 1)), 1, atol=1e-5)
    np.testing.assert_allclose(mixed.sum(1), [[0.25] * 3, [0.75] * 3], atol=1e-5)
    np.testing.assert_allclose(project(Tensor(mixed)).asnumpy(), project(Tensor(u)).asnumpy(), atol=1e-5)


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("graph", [False, True], ids=["pynative", "graph"])
def test_gradients_agree_with_finite_differences(ends, graph):
    frames, dt = 4, 0.5
    u_obs = random_densities(8, 1, 3, frames)
    kernel, (nu, lam) = random_kernel(9, 1, 3, frames), random_rates(10, 1, 3, frames, 0.5)
    weights = np.random.default_rng(11).standard_normal(u_obs.shape).astype(np.float32)

    def loss(u, kernel, nu, lam):
        moved = diffusion(drift(u, kernel, dt), nu, dt, ends)
        return (project(correction(moved, u, lam, dt)) * Tensor(weights)).sum()

    gradient = ms.grad(loss, (0, 1, 2, 3))
    arrays = (u_obs, kernel, nu, lam)
    slopes = (ms.jit(gradient) if graph else gradient)(*(Tensor(array) for array in arrays))
    for i, slope in enumerate(slopes):
        direction = np.random.default_rng(12 + i).standard_normal(arrays[i].shape).astype(np.float32)
        step = 1e-2 * direction * arrays[i]  # stays positive
        up, down = (loss(*(Tensor(a + s * step if i == j else a) for j, a in enumerate(arrays))) for s in (1, -1))
        expected = (float(up) - float(down)) / 2
        assert abs((slope.asnumpy() * step).sum() - expected) < 2e-5 + 2e-3 * abs(expected)
