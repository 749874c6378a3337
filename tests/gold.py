"""Stand-in weights and inputs, made by name: the same arrays that the reference's golden outputs were computed from.

A tensor is one draw of a PCG64 generator seeded with crc32(name) + seed, scaled by a rule that depends on the name's
last part, so that parity tests need no weights file. Only the rules that the tests here use are written down.
"""

import math
import zlib

import numpy as np

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_STD = np.array([0.229, 0.224, 0.225])
_PIXEL_WIDTH = {"decoder_stage1": 128, "decoder_stage2": 64, "decoder_stage3": 32, "decoder_out": 1}


def _generator(name, seed):
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()) + int(seed)))


def _normal(name, shape, seed):
    return np.asarray(_generator(name, seed).standard_normal(tuple(shape)), dtype=np.float64)


def _log_scale(name, normal):
    width = 128
    if "ms_op.map.alpha" in name:
        width = next(value for key, value in _PIXEL_WIDTH.items() if key in name)
    return np.minimum(math.log(width**-0.5) + 0.05 * normal, -0.01)


def weight(name, shape, seed=0):
    """The stand-in for the official checkpoint's parameter `name`, float32."""
    name = name.removeprefix("module.").replace(".base.", ".")
    leaf, normal = name.rsplit(".", 1)[-1], _normal(name, shape, seed)
    if leaf == "curv":
        value = np.clip(0.1 + 0.05 * normal, -0.5, 0.5)
    elif leaf.endswith("alpha") and len(shape) == 0:
        value = _log_scale(name, normal)
    elif leaf == "none_anchor_tan":
        value = 0.3 * normal
    elif leaf.endswith("anchors_tan"):
        value = normal
    elif name.endswith("lora_B.weight"):
        value = 0.02 * normal
    elif name.endswith("up_conv.weight"):
        value = normal / math.sqrt(shape[0])
    elif len(shape) >= 2:
        value = normal / math.sqrt(np.prod(shape[1:]))
    elif len(shape) == 1 and leaf == "weight":
        value = 1 + 0.1 * normal
    else:
        value = 0.02 * normal
    return np.asarray(value, np.float32).reshape(tuple(shape))


def tensor(name, shape, seed=0, scale=1.0):
    """Normal numbers times `scale`, float32."""
    return (_normal(name, shape, seed) * scale).astype(np.float32)


def text_emb(name, rows, seed=0):
    """Stand-ins for CLIP sentence embeddings [rows, 768]."""
    return tensor(name, (rows, 768), seed, 0.5)


def gt_map(name, shape, seed=0):
    """Truth-like maps [N,1,H,W] with peak 1: three Gaussian blobs each."""
    count, _, height, width = shape
    draw = _generator(name, seed)
    rows = (np.arange(height) + 0.5)[:, None] / height
    columns = (np.arange(width) + 0.5)[None, :] / width
    out = np.zeros(shape)
    for index in range(count):
        for _ in range(3):
            x, y = draw.uniform(0.15, 0.85), draw.uniform(0.15, 0.85)
            sigma, peak = draw.uniform(0.04, 0.15), draw.uniform(0.4, 1)
            out[index, 0] += peak * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma * sigma))
        out[index, 0] /= out[index, 0].max()
    return out.astype(np.float32)


def check(golden, key, got, atol=1e-5, rtol=1e-4):
    """Compares `got` with golden[key], or with its stored every-k-th sample; returns the largest absolute error."""
    got = np.asarray(got)
    want = golden[key] if key in golden else golden[f"{key}@sample"]
    if key not in golden:
        assert got.size == int(golden[f"{key}@size"]), f"{key}: {got.shape} has the wrong number of values"
        got = got.reshape(-1)[:: int(golden[f"{key}@k"])]
    assert got.shape == want.shape, f"{key}: shape {got.shape}, expected {want.shape}"
    known = np.isfinite(want)  # the reference leaves some gradients undefined
    error = np.abs(got[known].astype(np.float64) - want[known])
    limit = atol + rtol * np.abs(want[known])
    assert (error <= limit).all(), f"{key}: {int((error > limit).sum())} of {error.size} off, worst {error.max():.3e}"
    return float(error.max()) if error.size else 0.0
