"""The Lorentz operations against golden outputs and gradients of the released code, and against geometry itself."""

from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from mindspore import Tensor

from mindaam import runtime
from mindaam.geometry import lorentz
from mindaam.geometry.lorentz import PAPER, RELEASED
from tests import gold

GOLDEN = dict(np.load(Path(__file__).parent / "goldens" / "lorentz.npz", allow_pickle=False))
CURVATURES = ("0.1", "1", "10")
EPSILONS = pytest.mark.parametrize("eps", [PAPER, RELEASED], ids=["paper", "released"])
# The golden rows: 0-2, 4, 5 ordinary, 3 identical, 6 x = 0, 7 and 8 identical and tiny, 9 and 10 huge, 11 near 0.
IDENTICAL, ORIGIN, TINY, HUGE, NEAR = 3, 6, (7, 8), 10, 11


def row_distance(x, y, c, eps=PAPER):
    return lorentz.distance(x, y, c, eps)


def all_distances(x, y, c, eps=PAPER):
    return lorentz.pairwise_distance(x, y, c, eps)


def all_products(x, y, c, eps=PAPER):
    return lorentz.pairwise_inner(x, y, c)


def origin_distance(x, y, c, eps=PAPER):
    return lorentz.distance_to_origin(x, c, eps)


def exponential(x, y, c, eps=PAPER):
    return lorentz.exp0(x, c, eps)


def logarithm(x, y, c, eps=PAPER):
    return lorentz.log0(x, c, eps)


def aperture(x, y, c, eps=PAPER):
    return lorentz.half_aperture(x, c, eps)


def angle(x, y, c, eps=PAPER):
    return lorentz.exterior_angle(x, y, c, eps)


def guard(x, y, c, eps=PAPER):
    return lorentz.sanitize(x, c)


OPERATIONS = {
    "pairwise_inner": all_products,
    "pairwise_dist": all_distances,
    "diag_dist": row_distance,
    "dist_to_origin": origin_distance,
    "exp_map0": exponential,
    "log_map0": logarithm,
    "half_aperture": aperture,
    "oxy_angle": angle,
    "sanitize": guard,
}


def differentiate(operation, x, y, c, eps, cotangent=None):
    """Output and gradients with respect to x, y, c of sum(output * cotangent), as arrays."""

    def weighted(x, y, c):
        out = operation(x, y, c, eps)
        return (out if cotangent is None else out * cotangent.reshape(out.shape)).sum(), out

    (_, out), gradients = ms.value_and_grad(weighted, (0, 1, 2), has_aux=True)(x, y, c)
    return tuple(value.asnumpy() for value in (out, *gradients))


def golden_tolerance(name, kind, tag, reference):
    """Allowed error, rows first: strict on ordinary rows, 1e-3 where the reference itself is rounding noise."""
    atol = np.full(reference.shape, 1e-5)
    if reference.ndim == 0:
        return atol + 1e-4 * np.abs(reference)
    if tag == "0.1":  # arcosh near 1: two fifths of float32's digits remain in the reference
        atol[[*TINY, NEAR]] = 1e-3
    if name == "oxy_angle":
        atol[IDENTICAL] = 1e-3 if kind == "out" else np.inf
        atol[ORIGIN] = np.inf  # 0, pi/2 or pi there, by the last bit of the numerator
    return atol + 1e-4 * np.abs(reference)


def check_golden(name, tag):
    case = f"c{tag}"
    x, y, c = Tensor(GOLDEN[f"{case}/x"]), Tensor(GOLDEN[f"{case}/y"]), Tensor(float(tag), ms.float32)
    got = differentiate(OPERATIONS[name], x, y, c, RELEASED, Tensor(GOLDEN[f"{case}/{name}/cot"]))
    compared = 0
    for kind, value in zip(("out", "dx", "dy", "dcurv"), got, strict=True):
        reference = GOLDEN.get(f"{case}/{name}/{kind}")
        if reference is None:  # the released operation does not take y
            continue
        if value.ndim == 2 and value.shape[-1] == 128:
            value = value[:, ::8]
        value = value.reshape(reference.shape)
        defined = np.isfinite(reference)
        assert np.isfinite(value[defined]).all(), f"{name} {kind} at c = {tag}: not finite where the reference is"
        gold.compare(f"{case}/{name}/{kind}", value, reference, golden_tolerance(name, kind, tag, reference), 0)
        compared += int(defined.sum())
    assert compared > 12


@pytest.mark.parametrize("tag", CURVATURES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_released_matches_golden(name, tag):
    check_golden(name, tag)


@pytest.mark.parametrize("name", OPERATIONS)
def test_golden_in_graph_mode(name):
    runtime.configure(mode="graph")
    try:
        check_golden(name, "1")
    finally:
        runtime.configure(mode="pynative")


def reference_distance(x, y, c):
    """Float64 distance by cosh d = cosh(a - b) + sinh a sinh b (1 - cos), which cancels nowhere."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    x_norm, y_norm = (np.maximum(np.linalg.norm(p, axis=-1, keepdims=True), 1e-300) for p in (x, y))
    turn = 0.5 * ((x / x_norm - y / y_norm) ** 2).sum(-1)
    radial = np.arcsinh(np.sqrt(c) * x_norm[..., 0]) - np.arcsinh(np.sqrt(c) * y_norm[..., 0])
    half = np.sinh(radial / 2) ** 2 + 0.5 * c * (x_norm * y_norm)[..., 0] * turn
    return 2 * np.arcsinh(np.sqrt(half)) / np.sqrt(c)


def points(rng, radius, c, rows=32, width=16):
    """Random points [rows,width] at most `radius`/sqrt(c) from the origin, at radii spread over four decades."""
    direction = rng.normal(size=(rows, width))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    distances = radius * 10.0 ** rng.uniform(-4, 0, size=(rows, 1))
    return (np.sinh(distances) * direction / np.sqrt(c)).astype(np.float32)


few = settings(deadline=None, max_examples=12, derandomize=True, phases=[Phase.generate])
seeds = st.integers(0, 2**31)
curvatures = st.floats(0.1, 10.0)


def scalar(c):
    return Tensor(c, ms.float32)


@few
@given(seeds, curvatures, st.floats(1e-3, 11.0))
def test_log0_inverts_exp0_both_ways(seed, c, radius):
    x = points(np.random.default_rng(seed), radius, c)
    tangent = lorentz.log0(Tensor(x), scalar(c))
    back = lorentz.exp0(tangent, scalar(c)).asnumpy()
    again = lorentz.log0(lorentz.exp0(tangent, scalar(c)), scalar(c)).asnumpy()
    scale = np.linalg.norm(x, axis=-1, keepdims=True)
    assert (np.abs(back - x) <= 1e-5 * scale).all()
    assert (np.abs(again - tangent.asnumpy()) <= 1e-5 * np.linalg.norm(again, axis=-1, keepdims=True)).all()


@few
@given(seeds, curvatures, st.floats(1e-3, 5.0))
def test_distance_is_a_metric(seed, c, radius):
    rng = np.random.default_rng(seed)
    x, y, z = (Tensor(points(rng, radius, c)) for _ in range(3))
    xy, yx, yz, xz = (lorentz.distance(p, q, scalar(c)).asnumpy() for p, q in ((x, y), (y, x), (y, z), (x, z)))
    np.testing.assert_allclose(xy, yx, rtol=1e-6)
    assert (xz <= (xy + yz) * (1 + 1e-4)).all() and (xy > 0).all()
    np.testing.assert_allclose(xy, reference_distance(x.asnumpy(), y.asnumpy(), c), rtol=1e-4, atol=2e-6 / np.sqrt(c))
    origin = lorentz.distance_to_origin(x, scalar(c)).asnumpy()
    resolution = 2e-6 / np.sqrt(c)  # PAPER's least distance
    from_zero = lorentz.distance(x, x * 0.0, scalar(c)).asnumpy()
    np.testing.assert_allclose(origin, from_zero, rtol=1e-4, atol=resolution)


@few
@given(seeds, curvatures, st.floats(1e-5, 1e-2))
def test_paper_distance_keeps_its_digits_between_close_points(seed, c, step):
    rng = np.random.default_rng(seed)
    x = points(rng, 1.0, c)
    y = (x + step * rng.normal(size=x.shape)).astype(np.float32)
    got = lorentz.distance(Tensor(x), Tensor(y), scalar(c)).asnumpy()
    np.testing.assert_allclose(got, reference_distance(x, y, c), rtol=1e-4)


@EPSILONS
@few
@given(seeds, curvatures)
def test_aperture_never_grows_with_the_radius(eps, seed, c):
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(1, 16))
    lengths = np.sort(10.0 ** rng.uniform(-6, 4, size=(64, 1)), axis=0)
    x = Tensor((lengths * direction / np.linalg.norm(direction)).astype(np.float32))
    omega = lorentz.half_aperture(x, scalar(c), eps).asnumpy()
    assert (np.diff(omega) <= 0).all() and omega[0] > 1.5 and 0 < omega[-1] < 0.01


@few
@given(seeds, curvatures)
def test_exterior_angle_of_points_on_one_ray_and_in_general(seed, c):
    rng = np.random.default_rng(seed)
    x = points(rng, 1.0, c) + np.float32(0.05)
    c_ = scalar(c)
    beyond = lorentz.exterior_angle(Tensor(x), Tensor(2 * x), c_).asnumpy()
    before = lorentz.exterior_angle(Tensor(x), Tensor(0.5 * x), c_).asnumpy()
    assert (beyond < 2e-3).all() and (before > np.pi - 2e-3).all()
    # The law of cosines in the triangle origin, x, y gives the interior angle at x.
    y = points(rng, 1.0, c)
    zero = np.zeros_like(x)
    a, b, d = (np.sqrt(c) * reference_distance(p, q, c) for p, q in ((x, zero), (y, zero), (x, y)))
    interior = (np.cosh(a) * np.cosh(d) - np.cosh(b)) / (np.sinh(a) * np.sinh(d))
    got = np.cos(lorentz.exterior_angle(Tensor(x), Tensor(y), c_).asnumpy())
    np.testing.assert_allclose(got, -interior, atol=1e-4)


HARD = np.random.default_rng(0).normal(size=(6, 128)).astype(np.float32) / np.float32(np.sqrt(128))
HARD_PAIRS = {
    "origin and a point": (0 * HARD, HARD),
    "a point and the origin": (HARD, 0 * HARD),
    "both at the origin": (0 * HARD, 0 * HARD),
    "identical": (HARD, HARD),
    "identical and tiny": (1e-20 * HARD, 1e-20 * HARD),
    "next float": (HARD, np.nextafter(HARD, np.float32(9))),
    "same ray": (HARD, 2 * HARD),
    "opposite": (HARD, -HARD),
    "large": (3e4 * HARD, -2e4 * HARD[::-1]),
    "large and identical": (3e4 * HARD, 3e4 * HARD),
    "huge": (1e12 * HARD, 1e12 * HARD[::-1]),
    "huge and the origin": (1e12 * HARD, 0 * HARD),
}


@pytest.mark.parametrize("c", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "sanitize"])
def test_paper_values_and_gradients_are_finite(name, c):
    x, y = (np.concatenate([pair[i] for pair in HARD_PAIRS.values()]) for i in (0, 1))
    results = differentiate(OPERATIONS[name], Tensor(x), Tensor(y), scalar(c), PAPER)
    for kind, value in zip(("value", "dx", "dy", "dc"), results, strict=True):
        rows = np.isfinite(value).reshape(len(x), -1).all(axis=1) if value.ndim else np.isfinite(value)
        assert rows.all(), f"{kind}: {[list(HARD_PAIRS)[i // len(HARD)] for i in np.flatnonzero(~rows)]}"


@EPSILONS
def test_norm_has_zero_gradient_at_zero(eps):
    def total(v):
        return lorentz.norm(v).sum() + lorentz.clip_norm(v, 8.0, eps=eps).sum()

    gradient = ms.grad(total)(Tensor(np.zeros((2, 3), np.float32)))
    np.testing.assert_array_equal(gradient.asnumpy(), np.ones((2, 3), np.float32))  # clip_norm's alone


def test_released_clamps_are_those_of_the_specification():
    x = Tensor(GOLDEN["c1/x"][:1])
    for c in (0.1, 10.0):
        identical = lorentz.distance(x, x, scalar(c), RELEASED).asnumpy()
        np.testing.assert_allclose(identical, 0.0141432 / np.sqrt(c), rtol=1e-4)
        short = lorentz.log0(x * 1e-3, scalar(c), RELEASED).asnumpy()
        np.testing.assert_allclose(np.linalg.norm(short), 0.0141432 / np.sqrt(c), rtol=1e-4)
    assert float(lorentz.half_aperture(x * 0.0, scalar(1.0), RELEASED)[0]) == pytest.approx(1.5566529, abs=1e-6)


def test_time_and_inner_lie_on_the_hyperboloid():
    x, c = Tensor(GOLDEN["c10/x"][:6]), scalar(10.0)
    np.testing.assert_allclose(lorentz.inner(x, x, c).asnumpy(), -0.1, atol=1e-6)
    assert (lorentz.time(x, c).asnumpy() > 0).all() and lorentz.time(x, c).shape == (6, 1)


def test_axis_chooses_the_coordinates():
    maps = np.random.default_rng(1).normal(size=(2, 8, 3, 4)).astype(np.float32)
    c, rows = scalar(2.0), Tensor(np.ascontiguousarray(np.moveaxis(maps, 1, -1)))
    for function in (lorentz.exp0, lorentz.log0):
        expected = np.moveaxis(function(rows, c, RELEASED).asnumpy(), -1, 1)
        np.testing.assert_allclose(function(Tensor(maps), c, RELEASED, axis=1).asnumpy(), expected, rtol=1e-6)
    expected = lorentz.distance_to_origin(rows, c).asnumpy()
    np.testing.assert_allclose(lorentz.distance_to_origin(Tensor(maps), c, axis=1).asnumpy(), expected, rtol=1e-6)
    clipped = lorentz.clip_norm(Tensor(maps), 1.0, axis=1).asnumpy()
    lengths = np.linalg.norm(maps, axis=1, keepdims=True)
    np.testing.assert_allclose(clipped, maps * np.minimum(1, 1 / lengths), rtol=1e-6)


def test_sanitize_repairs_and_raises_the_left_column():
    maps = np.array([[[[-3.0, np.nan, np.inf, -np.inf], [5.0, 2e6, -2e6, 0.5]]]], np.float32)
    expected = np.array([[[[0.5001, 0.0, 1e6, -1e6], [5.0, 1e6, -1e6, 0.5]]]], np.float32)
    np.testing.assert_allclose(lorentz.sanitize(Tensor(maps), scalar(4.0)).asnumpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in ("pairwise_inner", "sanitize")])
def test_float16_inputs_are_computed_in_float32(name):
    # |x| = 340: its square overflows float16, and so would every product of the two points.
    x, y = (np.full((2, 128), value, np.float16) for value in (30.0, -31.0))
    if name == "exp_map0":
        x = x / np.float16(100)
    got = OPERATIONS[name](Tensor(x), Tensor(y), scalar(1.0))
    exact = OPERATIONS[name](Tensor(x.astype(np.float32)), Tensor(y.astype(np.float32)), scalar(1.0))
    assert got.dtype == ms.float16 and exact.dtype == ms.float32
    np.testing.assert_array_equal(got.asnumpy(), exact.asnumpy().astype(np.float16))
    assert np.isfinite(got.asnumpy()).all()
