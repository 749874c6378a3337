"""Functions of one number whose results depend on nothing else."""

from mindspore import ops

LINEAR = 15.0  # from here on softplus(x) is x, as float32 has it


def softplus(x):
    """log(1 + e^x), the shape of x, float32.

    MindSpore's own kernel for a CPU computes the numbers at the end of each thread's stretch with another exponential
    than those before, and tries out at run time how many stretches are fastest: the same x gives, now and then, another
    last digit, and a resumed run another path. This one does not, and is as exact.
    """
    # asked this way round, so that what is no number stays none: a kernel may clamp it to the limit
    return ops.select(x <= LINEAR, ops.log1p(ops.exp(ops.clamp(x, max=LINEAR))), x)
