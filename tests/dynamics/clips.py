"""What the dynamics tests share: golden values, the released block with its stand-in weights, random step inputs."""

import contextlib
import functools
from pathlib import Path

import numpy as np
from mindspore import Tensor

from mindaam import runtime
from mindaam.dynamics.temporal_block import OFFICIAL, FokkerPlanckBlock
from mindaam.dynamics.variant import RELEASED
from tests.gold import check, weight

GOLDEN = dict(np.load(Path(__file__).parent / "goldens" / "fokker_planck.npz", allow_pickle=False))
PLACES = {384: "head.motion_modules.2.", 768: "head.motion_modules.3."}  # in the released model, by width


@contextlib.contextmanager
def running_in(mode):
    """MindSpore in `mode`, and back to the tests' PyNative mode afterwards."""
    runtime.configure("CPU", mode=mode, seed=0)
    try:
        yield
    finally:
        runtime.configure("CPU", mode="pynative", seed=0)


@functools.cache
def official_arrays(channels):
    """{our name: stand-in weight} of the released block of one width."""
    shapes = {name: parameter.shape for name, parameter in FokkerPlanckBlock(channels, RELEASED).parameters_and_names()}
    return {ours: weight(PLACES[channels] + theirs, shapes[ours]) for theirs, ours in OFFICIAL.items()}


def released_block(channels, **changes):
    """The released FokkerPlanckBlock of one width, holding the stand-in weights; `changes` are switches."""
    block = FokkerPlanckBlock(channels, RELEASED._replace(**changes))
    for name, parameter in block.parameters_and_names():
        parameter.set_data(Tensor(official_arrays(channels)[name]))
    return block.set_train(False)


def time_first(official):
    """The released code's clips [B,C,T,h,w] as ours, [B,T,C,h,w], and back."""
    return np.ascontiguousarray(np.swapaxes(official, 1, 2))


def positions_first(maps):
    """Maps over time [B,T,h,w] -> [B,P,T]."""
    return np.ascontiguousarray(maps.reshape(*maps.shape[:2], -1).swapaxes(1, 2))


def check_density(tag, u, atol=1e-6):
    """A Tensor [B,P,T] against golden maps over time, within `atol`.

    tag: C<channels>/T<frames>_<height>x<width>/<stage>. Returns the largest difference.
    """
    height, width = tag.split("/")[1].split("_")[1].split("x")
    batch, _, frames = u.shape
    maps = u.asnumpy().swapaxes(1, 2).reshape(batch, frames, int(height), int(width))
    return check(GOLDEN, tag, maps, atol=atol, rtol=0)


def random_densities(seed, batch, positions, frames, sharpness=2.0):
    """Densities [B,P,T], float32: softmax over the positions of normal numbers times `sharpness`."""
    logits = sharpness * np.random.default_rng(seed).standard_normal((batch, positions, frames))
    rising = np.exp(logits - logits.max(1, keepdims=True))
    return (rising / rising.sum(1, keepdims=True)).astype(np.float32)


def random_kernel(seed, batch, positions, frames, sharpness=2.0):
    """Row-stochastic kernels [B,P,T,T], float32."""
    logits = sharpness * np.random.default_rng(seed).standard_normal((batch, positions, frames, frames))
    rising = np.exp(logits - logits.max(-1, keepdims=True))
    return (rising / rising.sum(-1, keepdims=True)).astype(np.float32)


def random_rates(seed, batch, positions, frames, greatest_nu):
    """Diffusivity in [0, greatest_nu] and relaxation rate in [0, 1], [B,P,T] each, float32."""
    draw = np.random.default_rng(seed)
    shape = (batch, positions, frames)
    return (greatest_nu * draw.random(shape)).astype(np.float32), draw.random(shape).astype(np.float32)
