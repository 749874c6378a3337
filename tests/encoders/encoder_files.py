"""What the encoder tests share: the bundled weights, the golden values, graph mode for a while."""

import contextlib
import pathlib

import numpy as np
from safetensors.numpy import load_file

from mindaam import runtime
from mindaam.places import model_zoo_dir

GOLDENS = pathlib.Path(__file__).parent / "goldens"


def bundled(name):
    """Path of a bundled encoder file."""
    return model_zoo_dir() / "encoders" / name


def official(name):
    """Arrays of bundled encoder weights by their official names."""
    return load_file(bundled(name))


def golden(name):
    """Golden arrays by name."""
    return dict(np.load(GOLDENS / name, allow_pickle=False))


@contextlib.contextmanager
def running_in(mode):
    """MindSpore in `mode`, and back to the tests' PyNative mode afterwards."""
    runtime.configure("CPU", mode=mode, seed=0)
    try:
        yield
    finally:
        runtime.configure("CPU", mode="pynative", seed=0)


def randomise(cell, scale=0.3, seed=0):
    """Fills every parameter with normal numbers, so that no branch of the Cell hides behind a zero."""
    import mindspore as ms

    rng = np.random.default_rng(seed)
    for _, parameter in sorted(cell.parameters_and_names()):
        centre = 1.0 if parameter.name.endswith("gamma") else 0.0
        width = parameter.shape[-1] ** -0.5 if parameter.ndim == 2 else scale
        value = centre + width * rng.standard_normal(parameter.shape)
        parameter.set_data(ms.Tensor(value.astype(np.float32)))
