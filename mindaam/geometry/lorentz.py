"""The Lorentz model of hyperbolic space as pure functions (paper 3.2.1, equations 1-8); a Cell for each is in `cells`.

A point of curvature -c is kept as its space part only, a vector x of R^n; its time part is x0 = sqrt(1/c + |x|^2), so
no operation can leave the hyperboloid. A tangent vector at the origin has no time part, and is a plain vector of R^n;
one at x is kept as its space part v too, its time part is x.v / x0.
Curvatures `c` are 0-d Tensors > 0; `axis` is the one that holds the n coordinates.

Everything is computed in float32, for inputs of any type (squares of float16 overflow at 256), and handed back in
the input's type. Formulas are chosen so that nothing is lost by cancellation near the origin or between close points;
what is left to protect is in `Epsilons`. Clamps are `ops.clamp`, whose gradient is 1 inside and on the limit and 0
outside, also where the incoming gradient is infinite; `ops.maximum` would halve it on the limit.
"""

import math

import mindspore as ms
from mindspore import ops

from mindaam.geometry.epsilons import PAPER
from mindaam.geometry.epsilons import RELEASED as RELEASED
from mindaam.geometry.epsilons import Epsilons as Epsilons
from mindaam.kernels.elementwise import asinh, sinh
from mindaam.kernels.reductions import sum_over

# exp and exp0 go no further than asinh(2^15) = 11.09 (times 1/sqrt(c)); from the origin |x| is 2^15 / sqrt(c) there.
MAX_RADIUS = math.asinh(2.0**15)
MIN_RADIUS = 0.1  # K of the cones' aperture

# Taylor coefficients, the last first. Of cosh(r) and sinh(r)/r in r^2, for r <= 1:
_COSH = tuple(1.0 / math.factorial(2 * k) for k in (5, 4, 3, 2, 1, 0))
_SINHC = tuple(1.0 / math.factorial(2 * k + 1) for k in (5, 4, 3, 2, 1, 0))
# and of asinh(h)/(h sqrt(1 + h^2)) in h^2, for h^2 <= _NEAR.
_ASINHC = (-256 / 693, 128 / 315, -16 / 35, 8 / 15, -2 / 3, 1.0)
_NEAR = 0.05
_FAR = 1.5  # sqrt(c) x0 from which on a point's direction is taken, 0.96 from the origin
_TINY = 1e-36  # float32 has smaller numbers, but not at full precision


def _float(x):
    return x.astype(ms.float32)


def dot(x, y, axis=-1):
    """x.y over `axis`, kept as length 1."""
    return sum_over(x * y, axis)


def norm(x, axis=-1):
    """Euclidean norm over `axis`, kept as length 1. Its gradient at 0 is 0, where a plain square root gives NaN."""
    square = dot(x, x, axis)
    return square / ops.sqrt(ops.clamp(square, min=_TINY))


def clip_norm(v, bound, axis=-1, eps=PAPER):
    """Shortens vectors longer than `bound` to that length; shape and type of `v`."""
    values = _float(v)
    length = ops.clamp(norm(values, axis), min=eps.norm)
    return (values * (ops.clamp(length, max=bound) / length)).astype(v.dtype)


def time(x, c, axis=-1):
    """Time part sqrt(1/c + |x|^2) of points (equation 1); `axis` is kept as length 1; range [1/sqrt(c), inf)."""
    values = _float(x)
    return ops.sqrt(1.0 / _float(c) + dot(values, values, axis)).astype(x.dtype)


def inner(x, y, c, axis=-1):
    """Lorentz product <x,y>_L = x.y - x0 y0 of points row by row (equation 2), `axis` dropped; range (-inf, -1/c]."""
    a, b = _float(x), _float(y)
    product = dot(a, b, axis) - time(a, c, axis) * time(b, c, axis)
    return product.squeeze(axis).astype(x.dtype)


def pairwise_inner(x, y, c):
    """Lorentz products (equation 2) of every point of x [B1,n] with every point of y [B2,n]: [B1,B2]."""
    a, b = _float(x), _float(y)
    times = ops.matmul(time(a, c), time(b, c).swapaxes(0, 1))
    return (ops.matmul(a, b.swapaxes(0, 1)) - times).astype(x.dtype)


def _gap(x, y, c, axis):
    """How two points differ: y - x, y0 - x0 without cancellation, and whether they are close enough to use them.

    Differences serve points closer than their time parts; products serve the others. Each loses all its digits in the
    other's domain: differences between a far and a near point, products between two that nearly coincide.
    """
    x0, y0 = time(x, c, axis), time(y, c, axis)
    step = y - x
    rise = dot(step, x + y, axis) / (x0 + y0)
    close = dot(step, step, axis) < x0 * y0
    return x0, y0, step, rise, close


def _excess(x, y, c, gap, axis):
    """-c<x,y>_L - 1 = cosh(sqrt(c) d) - 1, keepdims, float32; rounding may leave it slightly below 0."""
    x0, y0, step, rise, close = gap
    by_differences = 0.5 * c * (dot(step, step, axis) - rise * rise)
    by_products = c * (x0 * y0 - dot(x, y, axis)) - 1.0
    return ops.where(close, by_differences, by_products)


def distance(x, y, c, eps=PAPER, axis=-1):
    """Geodesic distance arcosh(-c<x,y>_L)/sqrt(c) row by row (equation 3), `axis` dropped; x, y broadcast.

    Range [sqrt(2 eps.distance / c), inf) nearly. arcosh(1 + t) = 2 arsinh(sqrt(t/2)) keeps the digits of a small t.
    """
    a, b, c = _float(x), _float(y), _float(c)
    excess = _excess(a, b, c, _gap(a, b, c, axis), axis)
    half = ops.sqrt(0.5 * ops.clamp(excess, min=eps.distance))
    return (2.0 * ops.asinh(half) / ops.sqrt(c)).squeeze(axis).astype(x.dtype)


def pairwise_distance(x, y, c, eps=PAPER):
    """Geodesic distances (equation 3) of every point of x [B1,n] to every point of y [B2,n]: [B1,B2]."""
    return distance(x.expand_dims(1), y.expand_dims(0), c, eps)


def distance_to_origin(x, c, eps=PAPER, axis=-1):
    """Distance arsinh(sqrt(c)|x|)/sqrt(c) of points to the origin (equation 3), `axis` dropped; range [0, inf)."""
    root = ops.sqrt(_float(c))
    radius = root * norm(_float(x), axis)
    radius = ops.where(radius > eps.origin, radius, ops.zeros_like(radius))
    return (ops.asinh(radius) / root).squeeze(axis).astype(x.dtype)


def exp0(v, c, eps=PAPER, axis=-1):
    """Point that a tangent vector at the origin leads to: sinh(r)/r v with r = sqrt(c)|v| (equation 4); shape of `v`.

    r is limited to MAX_RADIUS, so that the point's norm stays within 2^15/sqrt(c).
    """
    values = _float(v)
    radius = ops.sqrt(_float(c)) * norm(values, axis)
    stretch = sinh(ops.clamp(radius, eps.exp_radius, MAX_RADIUS)) / ops.clamp(radius, min=eps.exp_radius)
    return (stretch * values).astype(v.dtype)


def log0(x, c, eps=PAPER, axis=-1):
    """Tangent vector at the origin that leads to a point: arsinh(r)/r x with r = sqrt(c)|x| (equation 4); shape of `x`.

    The inverse of exp0, except that with r < eps.log_radius the result's length is that of eps.log_radius.
    """
    values = _float(x)
    radius = ops.sqrt(_float(c)) * norm(values, axis)
    shrink = asinh(ops.clamp(radius, min=eps.log_radius)) / ops.clamp(radius, min=eps.log_divisor)
    return (shrink * values).astype(x.dtype)


def _series(x, coefficients):
    total = coefficients[0]
    for each in coefficients[1:]:
        total = total * x + each
    return total


def _tangent_square(x, v, c, axis):
    """c|v|_L^2 of tangent vectors v at x, keepdims.

    |v|^2 - v0^2 would lose (sqrt(c) x0)^2 of the digits. Near the origin it is the square of v carried there in
    parallel, v - v0/(x0 + 1/sqrt(c)) x; far out that of the part across x, and of the part along it by sqrt(c) x0.
    """
    x0, unit = time(x, c, axis), 1.0 / ops.sqrt(c)
    carried = v - dot(x, v, axis) / (x0 * (x0 + unit)) * x
    near = c * dot(carried, carried, axis)
    ray = x / ops.clamp(norm(x, axis), min=unit)
    along = dot(ray, v, axis)
    across = v - along * ray
    far = c * dot(across, across, axis) + (along / x0) * (along / x0)
    return ops.where(x0 < _FAR * unit, near, far)


def exp(x, v, c, axis=-1):
    """Point that the tangent vector v at x leads to: cosh(r) x + sinh(r)/r v, r = sqrt(c)|v|_L (equation 4).

    x, v: space parts of one shape, or of shapes that broadcast. Returns space parts, shape of x + v, type of `v`;
    r is limited to MAX_RADIUS. Both factors are power series in r^2 up to r = 1: values and gradients are smooth at
    v = 0, where x is returned, and need no clamp.
    """
    point, tangent, c = _float(x), _float(v), _float(c)
    square = _tangent_square(point, tangent, c, axis)
    inside = square < 1
    small, radius = ops.clamp(square, max=1.0), ops.sqrt(ops.clamp(square, min=1.0))
    length = ops.clamp(radius, max=MAX_RADIUS)
    rise = ops.where(inside, _series(small, _COSH), ops.cosh(length))
    stretch = ops.where(inside, _series(small, _SINHC), ops.sinh(length) / radius)
    return (rise * point + stretch * tangent).astype(v.dtype)


def _far_excess(x, y, c, gap, axis):
    """-c<x,y>_L - 1 of two points that are both beyond sqrt(c)|x| = 1, keepdims: a sum of what lies along and across.

    It is cosh(a - b) - 1 + c|x||y||x/|x| - y/|y||^2 / 2, a and b the distances to the origin, both terms written in
    differences: `_excess` loses (sqrt(c) x0)^2 of the digits where the points lie one behind the other.
    """
    x0, y0, step, _, _ = gap
    unit = 1.0 / ops.sqrt(c)
    x_norm, y_norm = ops.clamp(norm(x, axis), min=unit), ops.clamp(norm(y, axis), min=unit)
    rise = dot(step, x + y, axis) / (x_norm + y_norm)  # |y| - |x|
    x_reach, y_reach = x0 + x_norm, y0 + y_norm
    along = rise * (x_reach + y_reach) / (x0 + y0)
    nearer = x_norm < y_norm
    ray = ops.where(nearer, x / x_norm, y / y_norm)
    across = step - rise * ray
    square = ops.where(nearer, x_norm / y_norm, y_norm / x_norm) * dot(across, across, axis)
    return 0.5 * (along * along / (x_reach * y_reach) + c * square)


def log(x, y, c, axis=-1):
    """Tangent vector at x that leads to y: arcosh(k)/sqrt(k^2 - 1) (y - k x), k = -c<x,y>_L; the inverse of exp.

    x, y: space parts of one shape, or of shapes that broadcast. Returns the vector's space part, shape of x + y, type
    of `x`; its Lorentz length is the points' distance. The factor is a power series in k - 1 between close points:
    values and gradients are smooth at y = x, where the result is 0, and need no clamp.
    """
    a, b, c = _float(x), _float(y), _float(c)
    gap = _gap(a, b, c, axis)
    x0, y0, step, _, _ = gap
    near_origin = ops.minimum(x0, y0) * ops.sqrt(c) < _FAR
    excess = ops.where(near_origin, _excess(a, b, c, gap, axis), _far_excess(a, b, c, gap, axis))
    half = 0.5 * excess  # h^2 with k = 1 + 2 h^2
    large = ops.clamp(half, min=_NEAR)
    root = ops.sqrt(large)
    by_root = ops.asinh(root) / (root * ops.sqrt(1.0 + large))
    shrink = ops.where(half < _NEAR, _series(ops.clamp(half, max=_NEAR), _ASINHC), by_root)
    # multiplied in this order, for excess * a overflows before the result does
    return (shrink * step - shrink * excess * a).astype(x.dtype)


def half_aperture(x, c, eps=PAPER, min_radius=MIN_RADIUS, axis=-1):
    """Half-aperture arcsin(2K/(sqrt(c)|x|)) of the cone at each point, K = min_radius, `axis` dropped (before eq. 7).

    Range (0, pi/2): it falls with the radius, and within 2K/sqrt(c) of the origin it stays at its greatest.
    """
    radius = ops.sqrt(_float(c)) * norm(_float(x), axis)
    limit = 1.0 - eps.aperture_margin
    sine = ops.clamp(2.0 * min_radius / (radius + eps.aperture), -limit, limit)
    return ops.asin(sine).squeeze(axis).astype(x.dtype)


def exterior_angle(x, y, c, eps=PAPER, axis=-1):
    """Angle at the parent x between the ray from the origin through x and the geodesic x -> y (equation 8), [B].

    Range [0, pi]: 0 when the child y lies straight beyond its parent, pi when it lies towards the origin; pi/2 where it
    is undefined (y = x, and under PAPER x = 0). Equation 8's numerator y0 + x0 c<x,y>_L is c (x0 x.y - |x|^2 y0), which
    the parent's norm divides before any product, so that neither a near nor a far parent costs digits.
    """
    a, b, c = _float(x), _float(y), _float(c)
    gap = _gap(a, b, c, axis)
    x0, y0, step, rise, close = gap
    parent = ops.clamp(norm(a, axis), min=eps.angle_parent)
    ray = a / parent
    along = dot(ray, a, axis)
    by_differences = x0 * dot(ray, step, axis) - along * rise
    by_products = x0 * dot(ray, b, axis) - along * y0
    excess = ops.clamp(_excess(a, b, c, gap, axis), min=eps.angle_excess)
    sinh = ops.sqrt(excess) * ops.sqrt(excess + 2.0)
    cosine = c * ops.where(close, by_differences, by_products) / (sinh + eps.angle / parent)
    limit = 1.0 - eps.angle_margin
    return ops.acos(ops.clamp(cosine, -limit, limit)).squeeze(axis).astype(x.dtype)


def sanitize(z, c):
    """The released decoder's guard: NaN -> 0, all to [-1e6, 1e6], and index 0 of the LAST axis to >= 1/sqrt(c) + 1e-4.

    It was meant for a time part; on maps [B,C,H,W] it raises the image's left column. Kept for released checkpoints.
    """
    values = _float(z)
    values = ops.where(ops.isnan(values), ops.zeros_like(values), values)
    first = ops.arange(z.shape[-1]) == 0
    floor = ops.where(first, 1.0 / ops.sqrt(_float(c)) + 1e-4, -1e6)
    return ops.clamp(ops.clamp(values, min=floor), max=1e6).astype(z.dtype)
