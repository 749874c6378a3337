"""A Gaussian blur of attention maps: gaze is recorded, and truth is made, with a spread of about a degree."""

from mindspore import ops


def blur_matrix(length, sigma, dtype):
    """[length, length] whose row i is a Gaussian around i, each row summing to 1, so that borders lose nothing."""
    position = ops.arange(length).astype(dtype)
    offset = (position.expand_dims(0) - position.expand_dims(1)) / sigma
    weights = ops.exp(-0.5 * offset * offset)
    return weights / weights.sum(-1, keepdims=True)


def smooth(maps, share):
    """Maps [B,1,H,W] blurred with a standard deviation of `share` of their height and width; share 0 changes nothing.

    Values stay within their range. The blur is separable: two matrix products.
    """
    if share == 0:
        return maps
    height, width = maps.shape[2:]
    rows, columns = blur_matrix(height, share * height, maps.dtype), blur_matrix(width, share * width, maps.dtype)
    return ops.matmul(ops.matmul(rows, maps), columns.swapaxes(0, 1))
