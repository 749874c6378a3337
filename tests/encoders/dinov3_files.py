"""What the DINOv3 tests share: official names and shapes, stand-in weights, and the whole model once more in NumPy."""

import mindspore as ms
import numpy as np
from scipy.special import ndtr

from mindaam.encoders.dinov3 import VARIANTS, DINOv3
from mindaam.encoders.tables import stored_parameters
from tests import gold

TINY = {"width": 24, "heads": 3, "depth": 3, "taps": (0, 2), "hidden": 40}


def official_shapes(width, depth, hidden, swiglu, heads, taps=(), storage_tokens=4, patch=16):
    """{official name: shape} of a published DINOv3 checkpoint, buffers included."""
    wide = {"w1": (hidden, width), "w2": (hidden, width), "w3": (width, hidden)}
    plain = {"fc1": (hidden, width), "fc2": (width, hidden)}
    shapes = {
        "cls_token": (1, 1, width),
        "storage_tokens": (1, storage_tokens, width),
        "mask_token": (1, width),
        "patch_embed.proj.weight": (width, 3, patch, patch),
        "patch_embed.proj.bias": (width,),
        "rope_embed.periods": (width // heads // 4,),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    for index in range(depth):
        block = {f"{part}.{leaf}": (width,) for part in ("norm1", "norm2") for leaf in ("weight", "bias")}
        block |= {"attn.qkv.weight": (3 * width, width), "attn.qkv.bias": (3 * width,)}
        block |= {"attn.qkv.bias_mask": (3 * width,)}
        block |= {"attn.proj.weight": (width, width), "attn.proj.bias": (width,)}
        block |= {"ls1.gamma": (width,), "ls2.gamma": (width,)}
        for name, shape in (wide if swiglu else plain).items():
            block |= {f"mlp.{name}.weight": shape, f"mlp.{name}.bias": shape[:1]}
        shapes |= {f"blocks.{index}.{name}": shape for name, shape in block.items()}
    return shapes


def official_state(settings, prefix=""):
    """Stand-in official arrays for the settings of a variant; `prefix` goes before each name for the draw alone."""
    return {name: gold.weight(prefix + name, shape) for name, shape in official_shapes(**settings).items()}


def fill(backbone, state):
    """Every parameter of the Cell from `state`, with nothing left over, and its tables made anew."""
    state = dict(state)
    for name, parameter in stored_parameters(backbone):
        assert state[name].shape == parameter.shape, name
        parameter.set_data(ms.Tensor(np.ascontiguousarray(state.pop(name), np.float32)))
    assert not state
    backbone.set_image_size(backbone.image_size)
    backbone.set_train(False)
    return backbone


def tiny_settings(**changes):
    """The settings of a DINOv3 of three narrow blocks."""
    return {**TINY, "swiglu": False, **changes}


def narrow(name, **changes):
    """A published variant's settings with two blocks only."""
    return {**VARIANTS[name], "depth": 2, "taps": (0, 1), **changes}


def build(settings, image_size, state, **changes):
    """A DINOv3 of these settings that holds the converted `state`."""
    return fill(DINOv3(image_size=image_size, **settings, **changes), state)


def pictures(height, width, batch=1, seed=7):
    return np.random.Generator(np.random.PCG64(seed)).standard_normal((batch, 3, height, width)).astype(np.float32)


def _norm(x, scale, shift):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + shift


def _perceptron(get, x):
    if get("mlp.w1.weight") is None:
        hidden = x @ get("mlp.fc1.weight").T + get("mlp.fc1.bias")
        return hidden * ndtr(hidden) @ get("mlp.fc2.weight").T + get("mlp.fc2.bias")
    gate = x @ get("mlp.w1.weight").T + get("mlp.w1.bias")
    hidden = gate / (1 + np.exp(-gate)) * (x @ get("mlp.w2.weight").T + get("mlp.w2.bias"))
    return hidden @ get("mlp.w3.weight").T + get("mlp.w3.bias")


def _turned(x, angles):
    """x [heads,N,d] as complex pairs (c, c + d/2), each turned by its angle [N,d/2]."""
    half = x.shape[-1] // 2
    pairs = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angles)
    return np.concatenate([pairs.real, pairs.imag], -1)


def dinov3_in_numpy(state, settings, picture, factors=None):
    """Tapped patch tokens of one picture [3,H,W] after the final norm, float64, from official arrays by the textbook.

    factors: the coordinate factor of each block, if any.
    """
    state = {name: array.astype(np.float64) for name, array in state.items()}
    width, heads, patch = settings["width"], settings["heads"], 16
    rows, columns = picture.shape[1] // patch, picture.shape[2] // patch
    patches = picture.astype(np.float64).reshape(3, rows, patch, columns, patch).transpose(1, 3, 0, 2, 4)
    kernel = state["patch_embed.proj.weight"].reshape(width, -1)
    tokens = patches.reshape(rows * columns, -1) @ kernel.T + state["patch_embed.proj.bias"]
    x = np.concatenate([state["cls_token"][0], state["storage_tokens"][0], tokens])
    prefix = len(x) - len(tokens)
    y = np.repeat((np.arange(rows) + 0.5) / rows * 2 - 1, columns)[:, None]
    across = np.tile((np.arange(columns) + 0.5) / columns * 2 - 1, rows)[:, None]
    angles = 2 * np.pi * np.concatenate([y / state["rope_embed.periods"], across / state["rope_embed.periods"]], 1)
    angles = np.concatenate([np.zeros((prefix, angles.shape[1])), angles])
    features = []
    for index in range(settings["depth"]):

        def get(name, index=index):
            return state.get(f"blocks.{index}.{name}")

        turn = angles * (1 if factors is None else factors[index])
        normed = _norm(x, get("norm1.weight"), get("norm1.bias"))
        qkv = normed @ get("attn.qkv.weight").T + get("attn.qkv.bias") * get("attn.qkv.bias_mask")
        q, k, v = qkv.reshape(len(x), 3, heads, width // heads).transpose(1, 2, 0, 3)
        scores = _turned(q, turn) @ _turned(k, turn).swapaxes(1, 2) / np.sqrt(width // heads)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (weights / weights.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(x), width)
        x = x + get("ls1.gamma") * (mixed @ get("attn.proj.weight").T + get("attn.proj.bias"))
        x = x + get("ls2.gamma") * _perceptron(get, _norm(x, get("norm2.weight"), get("norm2.bias")))
        if index in settings["taps"]:
            features.append(_norm(x, state["norm.weight"], state["norm.bias"])[prefix:])
    return features
