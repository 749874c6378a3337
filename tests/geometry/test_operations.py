"""Each Lorentz Cell, operator by operator and compiled, against plain formulas in float64 and their differences;
exp and log at any point against geometry; one composition through MindIR."""

import mindspore as ms
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from mindspore import Tensor, nn

from mindaam import runtime
from mindaam.geometry import cells, lorentz

CURVATURE = 0.7
ROWS, WIDTH = 24, 6


def time(x, c):
    return np.sqrt(1 / c + (x * x).sum(-1, keepdims=True))


def inner(x, y, c):
    return (x * y).sum(-1) - (time(x, c) * time(y, c))[..., 0]


def distance(x, y, c):
    return np.arccosh(-c * inner(x, y, c)) / np.sqrt(c)


def distance_to_origin(x, c):
    return np.arcsinh(np.sqrt(c) * np.linalg.norm(x, axis=-1)) / np.sqrt(c)


def sinhc(r):
    return np.where(r == 0, 1, np.sinh(r) / np.where(r == 0, 1, r))


def exp(x, v, c):
    square = (v * v).sum(-1, keepdims=True) - ((x * v).sum(-1, keepdims=True) / time(x, c)) ** 2
    r = np.sqrt(c * np.maximum(square, 0))
    return np.cosh(r) * x + sinhc(r) * v


def log(x, y, c):
    k = -c * inner(x, y, c)[..., None]
    return np.arccosh(k) / np.sqrt(k * k - 1) * (y - k * x)


def half_aperture(x, c):
    return np.arcsin(np.minimum(1, 0.2 / (np.sqrt(c) * np.linalg.norm(x, axis=-1))))


def exterior_angle(x, y, c):
    k = c * inner(x, y, c)
    cosine = (time(y, c)[..., 0] + time(x, c)[..., 0] * k) / (np.linalg.norm(x, axis=-1) * np.sqrt(k * k - 1))
    return np.arccos(cosine)


def entailment(x, y, c):
    return np.maximum(0, exterior_angle(x, y, c) - 0.8 * half_aperture(x, c))


# Cell, its formula, how many arrays it takes beside the curvature
OPERATIONS = {
    "inner": (cells.LorentzInner(), inner, 2),
    "time": (cells.LorentzTime(), time, 1),
    "distance": (cells.LorentzDistance(), distance, 2),
    "pairwise distance": (cells.LorentzPairwiseDistance(), lambda x, y, c: distance(x[:, None], y[None], c), 2),
    "distance to origin": (cells.LorentzDistanceToOrigin(), distance_to_origin, 1),
    "exp0": (cells.LorentzExp0(), lambda v, c: exp(np.zeros_like(v), v, c), 1),
    "log0": (cells.LorentzLog0(), lambda x, c: log(np.zeros_like(x), x, c), 1),
    "exp": (cells.LorentzExp(), exp, 2),
    "log": (cells.LorentzLog(), log, 2),
    "half-aperture": (cells.LorentzHalfAperture(), half_aperture, 1),
    "exterior angle": (cells.LorentzExteriorAngle(), exterior_angle, 2),
    "entailment": (cells.LorentzEntailment(0.8), entailment, 2),
}


@pytest.fixture(params=["pynative", "graph"])
def mode(request):
    runtime.configure(mode=request.param)
    yield request.param
    runtime.configure(mode="pynative")


def vectors(seed, least, most, rows=ROWS, width=WIDTH):
    """Random float32 vectors [rows,width] whose lengths are spread evenly, on a logarithmic scale."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(rows, width))
    return (np.geomspace(least, most, rows)[:, None] * found / np.linalg.norm(found, axis=-1, keepdims=True)).astype(
        np.float32
    )


def differences(formula, arrays, weights):
    """Gradients of sum(formula * weights) by central differences in float64: those of the arrays, then the curvature's.

    Rows bear on one another in the pairwise distance only, which is why each coordinate is moved on its own.
    """
    arrays = [array.astype(np.float64) for array in (*arrays, np.array(CURVATURE))]
    found = []
    for i, array in enumerate(arrays):
        gradient = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            step = 1e-6 * max(1e-2, abs(array[place]))
            ends = []
            for sign in (1, -1):
                moved = array.copy()
                moved[place] += sign * step
                ends.append((formula(*arrays[:i], moved, *arrays[i + 1 :]) * weights).sum())
            gradient[place] = (ends[0] - ends[1]) / (2 * step)
        found.append(gradient)
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_values_and_gradients(mode, name):
    cell, formula, count = OPERATIONS[name]
    # up to sqrt(c) d = 3 from the origin; both orders of near and far
    arrays = [vectors(1, 0.3, 10.0), np.ascontiguousarray(vectors(2, 0.3, 10.0)[::-1])]
    if name in ("exp0", "exp"):
        arrays[count - 1] = vectors(2, 1e-3, 3.0)  # tangent vectors
    arrays = arrays[:count]
    if name in ("inner", "time", "exp", "log"):  # the others have no gradient at the origin
        arrays[0][3] = 0
    want = formula(*(array.astype(np.float64) for array in arrays), CURVATURE)
    weights = np.random.default_rng(3).normal(size=want.shape).astype(np.float32)
    cotangent = Tensor(weights)

    def total(*inputs):
        out = cell(*inputs)
        return (out * cotangent).sum(), out

    inputs = (*(Tensor(array) for array in arrays), Tensor(CURVATURE, ms.float32))
    (_, out), gradients = ms.value_and_grad(total, tuple(range(count + 1)), has_aux=True)(*inputs)
    np.testing.assert_allclose(out.asnumpy(), want, rtol=1e-4, atol=1e-5)
    for got, reference in zip(gradients, differences(formula, arrays, weights), strict=True):
        scale = np.abs(reference).max(-1, keepdims=True) if reference.ndim else abs(reference)
        assert (np.abs(got.asnumpy() - reference) <= 1e-4 * scale + 1e-5).all(), np.abs(got.asnumpy() - reference).max()


def backward(function, x, other, weights, c=CURVATURE):
    """Value and gradients by x, by the other array and by the curvature of sum(function * weights), as arrays."""

    def total(x, other, c):
        out = function(x, other, c)
        return (out * Tensor(weights)).sum(), out

    inputs = (Tensor(x), Tensor(other), Tensor(c, ms.float32))
    (_, out), gradients = ms.value_and_grad(total, (0, 1, 2), has_aux=True)(*inputs)
    return [each.asnumpy() for each in (out, *gradients)]


def test_limits_are_the_identity():
    x = np.concatenate([0 * vectors(4, 1, 1, 2), vectors(5, 1e-20, 1e3)])
    weights = np.random.default_rng(6).normal(size=x.shape).astype(np.float32)
    point, by_x, by_v, by_c = backward(lorentz.exp, x, 0 * x, weights)
    np.testing.assert_array_equal(point, x)
    np.testing.assert_array_equal(by_x, weights)
    np.testing.assert_array_equal(by_v, weights)
    assert by_c == 0
    tangent, by_x, by_y, by_c = backward(lorentz.log, x, x, weights)
    np.testing.assert_array_equal(tangent, 0 * x)
    np.testing.assert_allclose(by_x, -weights, rtol=1e-6)
    np.testing.assert_allclose(by_y, weights, rtol=1e-6)
    assert by_c == 0


def test_at_the_origin_they_are_exp0_and_log0():
    values = np.concatenate([vectors(7, 1e-6, 11 / np.sqrt(CURVATURE)), 0 * vectors(8, 1, 1, 2)])
    weights = np.random.default_rng(9).normal(size=values.shape).astype(np.float32)
    for general, special in ((lorentz.exp, lorentz.exp0), (lorentz.log, lorentz.log0)):
        anywhere = backward(general, 0 * values, values, weights)
        origin = backward(lambda x, other, c, special=special: special(other, c) + x, 0 * values, values, weights)
        for got, wanted in zip((anywhere[0], *anywhere[2:]), (origin[0], *origin[2:]), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("function", [lorentz.exp, lorentz.log])
@pytest.mark.parametrize("c", [0.1, 10.0])
def test_values_and_gradients_are_finite_wherever_the_points_are(function, c):
    rows = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    pairs = [(a * rows, b * rows[::-1]) for a in (0, 1e-20, 1, 3e4, 1e12) for b in (0, 1e-20, 1, 3e4, 1e12)]
    pairs += [(a * rows, b * a * rows) for a in (1e-20, 1, 3e4, 1e12) for b in (-1, 1, 2)]
    pairs += [(a * rows, np.nextafter(a * rows, np.float32(9))) for a in (1, 3e4)]
    x, other = (np.concatenate([pair[i] for pair in pairs]).astype(np.float32) for i in (0, 1))
    for value in backward(function, x, other, np.full_like(x, 1e-9), c):
        assert np.isfinite(value).all()


few = settings(deadline=None, max_examples=5, derandomize=True, phases=[Phase.generate])


@st.composite
def points(draw, radius):
    """Two sets of float32 points at most `radius`/sqrt(c) from the origin, some equal, close or 0; and c."""
    c = np.float32(draw(st.floats(0.1, 10.0)))
    most = draw(st.floats(0.5, radius))
    seed = draw(st.integers(0, 2**31))

    def point(seed):
        v = vectors(seed, most * 1e-4, most, 32, 16).astype(np.float64)
        return (np.sinh(np.linalg.norm(v, axis=-1, keepdims=True)) / np.linalg.norm(v, axis=-1, keepdims=True)) * v

    rng = np.random.default_rng(seed)
    x, y = (rng.permutation(point(seed + i)) / np.sqrt(c) for i in (0, 1))
    y[:4] = x[:4] * rng.uniform(0.5, 1.5, size=(4, 1))  # one behind the other
    y[4:8] = x[4:8] * (1 + 1e-3 * rng.normal(size=(4, 16)))
    y[8], x[9], y[10] = x[8], 0, 0
    return x.astype(np.float32), y.astype(np.float32), float(c)


def length(x):
    return np.linalg.norm(x.astype(np.float64), axis=-1, keepdims=True)


def exact_distance(x, y, c):
    """Float64 distance [B,1] by cosh d = cosh(a - b) + c|x||y|(1 - cos), which cancels nowhere."""
    x_norm, y_norm = np.maximum(length(x), 1e-300), np.maximum(length(y), 1e-300)
    turn = 0.5 * ((x / x_norm - y / y_norm) ** 2).sum(-1, keepdims=True)
    radial = np.arcsinh(np.sqrt(c) * x_norm) - np.arcsinh(np.sqrt(c) * y_norm)
    return 2 * np.arcsinh(np.sqrt(np.sinh(radial / 2) ** 2 + 0.5 * c * x_norm * y_norm * turn)) / np.sqrt(c)


def exact_length(x, v, c):
    """Lorentz length [B,1] of tangent vectors, in float64, by their parts along and across x."""
    x, v = x.astype(np.float64), v.astype(np.float64)
    ray = x / np.maximum(length(x), 1e-300)
    along = (ray * v).sum(-1, keepdims=True)
    return np.sqrt(length(v - along * ray) ** 2 + along**2 / (1 + c * length(x) ** 2))


@few
@given(points(9.0))
def test_exp_inverts_log_and_the_logarithm_is_as_long_as_the_way(drawn):
    x, y, c = drawn
    v = lorentz.log(Tensor(x), Tensor(y), Tensor(c, ms.float32)).asnumpy()
    way = exact_distance(x, y, c)
    np.testing.assert_allclose(exact_length(x, v, c), way, rtol=1e-5, atol=1e-9)
    back = lorentz.exp(Tensor(x), Tensor(v), Tensor(c, ms.float32)).asnumpy()
    # v is known to float32's digits, and exp stretches what is left over: far out no formula does better
    r = np.sqrt(c) * way
    digits = length(y) + np.cosh(r) * length(x) + sinhc(r) * length(v)
    assert (length(back - y) <= 1e-5 * digits).all()
    near = (length(x) < 1 / np.sqrt(c)) & (length(y) < 1 / np.sqrt(c))
    assert near.any() and (length(back - y) <= 1e-5 * (length(x) + length(y)))[near[:, 0]].all()


@few
@given(points(3.0))
def test_log_inverts_exp_on_the_sheet(drawn):
    x, y, c = drawn
    curvature = Tensor(c, ms.float32)
    v = lorentz.log(Tensor(x), Tensor(y), curvature).asnumpy()
    point = lorentz.exp(Tensor(x), Tensor(v), curvature)
    again = lorentz.log(Tensor(x), point, curvature).asnumpy()
    assert (length(again - v) <= 1e-4 * (length(v) + 1e-3 * length(x))).all()
    # equation 4 in all n + 1 coordinates: the time part of the way's end is that of a point of the sheet
    x64, v64 = x.astype(np.float64), v.astype(np.float64)
    r = np.sqrt(c) * exact_length(x, v, c)
    ahead = np.cosh(r) * time(x64, c) + sinhc(r) * (x64 * v64).sum(-1, keepdims=True) / time(x64, c)
    np.testing.assert_allclose(lorentz.time(point, curvature).asnumpy(), ahead, rtol=1e-4)
    apart = lorentz.distance(Tensor(x), point, curvature).asnumpy()[:, None]
    np.testing.assert_allclose(apart, exact_length(x, v, c), rtol=1e-3, atol=3e-6 / np.sqrt(c))


def test_far_vectors_lead_no_further_than_the_limit():
    x = vectors(10, 1e-3, 1e3)
    v = 1e3 * np.linalg.norm(x, axis=-1, keepdims=True) * vectors(11, 1, 1) + vectors(11, 1, 1) * 1e3
    point = lorentz.exp(Tensor(x), Tensor(v.astype(np.float32)), Tensor(CURVATURE, ms.float32)).asnumpy()
    assert (np.sqrt(CURVATURE) * exact_distance(x, point, CURVATURE) <= lorentz.MAX_RADIUS * (1 + 1e-4)).all()


def test_the_coordinates_may_lie_on_any_axis():
    x, v, c = vectors(12, 0.1, 5), vectors(13, 0.1, 2), Tensor(CURVATURE, ms.float32)
    for kind in (cells.LorentzExp, cells.LorentzLog):
        rows = kind()(Tensor(x), Tensor(v), c).asnumpy()
        columns = kind(axis=0)(Tensor(np.ascontiguousarray(x.T)), Tensor(np.ascontiguousarray(v.T)), c).asnumpy()
        np.testing.assert_allclose(columns.T, rows, rtol=1e-5, atol=1e-6)


def test_float16_is_computed_in_float32():
    x, v = np.full((2, 64), 30.0, np.float16), np.full((2, 64), 20.0, np.float16)
    c = Tensor(1.0, ms.float32)
    for function in (lorentz.exp, lorentz.log):
        got = function(Tensor(x), Tensor(v), c)
        exact = function(Tensor(x.astype(np.float32)), Tensor(v.astype(np.float32)), c).asnumpy()
        assert got.dtype == ms.float16
        np.testing.assert_array_equal(got.asnumpy(), exact.astype(np.float16))


class Halfway(nn.Cell):
    """How far the middle of the way from one point to another lies outside the first one's cone."""

    def __init__(self):
        super().__init__()
        self.log, self.exp, self.entailment = cells.LorentzLog(), cells.LorentzExp(), cells.LorentzEntailment()

    def construct(self, x, y, c):
        middle = self.exp(x, 0.5 * self.log(x, y, c), c)
        return middle, self.entailment(x, middle, c)


def test_a_composition_goes_through_mindir(tmp_path):
    cell, c = Halfway(), Tensor(CURVATURE, ms.float32)
    x, y = Tensor(vectors(14, 0.3, 3)), Tensor(vectors(15, 0.1, 5))
    ms.export(cell, x, y, c, file_name=str(tmp_path / "halfway"), file_format="MINDIR")
    graph = nn.GraphCell(ms.load(str(tmp_path / "halfway.mindir")))
    runtime.configure(mode="graph")
    try:
        loaded = [out.asnumpy() for out in graph(x, y, c)]
    finally:
        runtime.configure(mode="pynative")
    for got, wanted in zip(loaded, cell(x, y, c), strict=True):
        np.testing.assert_allclose(got, wanted.asnumpy(), rtol=1e-5, atol=1e-6)
    half, whole = (exact_distance(x.asnumpy(), z, CURVATURE) for z in (loaded[0], y.asnumpy()))
    np.testing.assert_allclose(half, whole / 2, rtol=1e-4)
