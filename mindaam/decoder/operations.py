"""The operations on points that the decoder uses, of hyperbolic or of Euclidean space as a DecoderVariant states."""

from mindaam.geometry import cells, euclidean


def distance(variant):
    """Cell: points x, y [...,n], curvature [] -> [...]."""
    return euclidean.EuclideanDistance() if variant.euclidean else cells.LorentzDistance(variant.eps)


def pairwise_distance(variant):
    """Cell: points x [B1,n], y [B2,n], curvature [] -> [B1,B2]."""
    return euclidean.EuclideanPairwiseDistance() if variant.euclidean else cells.LorentzPairwiseDistance(variant.eps)


def distance_to_origin(variant):
    """Cell: points [...,n], curvature [] -> their depths [...]."""
    return euclidean.EuclideanDistanceToOrigin() if variant.euclidean else cells.LorentzDistanceToOrigin(variant.eps)


def log0(variant, axis=-1):
    """Cell: points [...,n], their coordinates on `axis`, curvature [] -> tangent vectors at the origin."""
    return euclidean.EuclideanLog0() if variant.euclidean else cells.LorentzLog0(variant.eps, axis)


def half_aperture(variant):
    """Cell: points [...,n], curvature [] -> radians in (0, pi/2], [...]."""
    return euclidean.RightAngle() if variant.euclidean else cells.LorentzHalfAperture(variant.eps)
