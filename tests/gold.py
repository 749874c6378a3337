"""Stand-in weights and inputs, made by name: the same arrays that the reference's golden outputs were computed from.

A tensor is one draw of a PCG64 generator seeded with crc32(name) + seed, scaled by a rule that depends on the name's
last part, so that parity tests need no weights file.
"""

import math
import zlib

import numpy as np

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_STD = np.array([0.229, 0.224, 0.225])
_PIXEL_WIDTH = {"decoder_stage1": 128, "decoder_stage2": 64, "decoder_stage3": 32, "decoder_out": 1}
# Rules by a name's last part: value = offset + factor * normal.
_AFFINE = {
    "running_mean": (0.0, 0.1),
    "fp_alpha_logit": (0.2, 0.05),
    "temporal_attention_scale": (0.3, 0.03),
    "temporal_ffn_scale": (0.3, 0.03),
    "gamma": (0.3, 0.05),
    "time_embedding": (0.0, 0.2),
    "cls_token": (0.0, 0.5),
    "storage_tokens": (0.0, 0.5),
    "mask_token": (0.0, 0.5),
    "none_anchor_tan": (0.0, 0.3),
    "positional_embedding": (0.0, 0.1),
    "class_embedding": (0.0, 0.1),
}


def _generator(name, seed):
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()) + int(seed)))


def _normal(name, shape, seed):
    return np.asarray(_generator(name, seed).standard_normal(tuple(shape)), dtype=np.float64)


def _log_scale(name, normal):
    width = 128
    if "ms_op.map.alpha" in name:
        width = next(value for key, value in _PIXEL_WIDTH.items() if key in name)
    return np.minimum(math.log(width**-0.5) + 0.05 * normal, -0.01)


def _constant(leaf, shape):
    """The parameters that take no random draw, or None."""
    if leaf == "bias_mask":
        mask = np.ones(shape, np.float32)
        mask[shape[0] // 3 : 2 * shape[0] // 3] = 0
        return mask
    if leaf == "periods":
        steps = np.float32(2) * np.arange(shape[0], dtype=np.float32) / np.float32(2 * shape[0])
        return np.power(np.float32(100), steps).astype(np.float32)
    if leaf == "window" and len(shape) == 1:
        return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(shape[0]) / shape[0])).astype(np.float32)
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if leaf == "logit_scale":
        return np.full(shape, math.log(1 / 0.07), np.float32)
    return None


def weight(name, shape, seed=0):
    """The stand-in for the official checkpoint's parameter `name`, float32 (counters int64)."""
    name, shape = name.removeprefix("module.").replace(".base.", "."), tuple(shape)
    leaf = name.rsplit(".", 1)[-1]
    constant = _constant(leaf, shape)
    if constant is not None:
        return constant
    normal = _normal(name, shape, seed)
    if leaf == "running_var":
        value = 1 + 0.1 * np.abs(normal)
    elif leaf == "curv":
        value = np.clip(0.1 + 0.05 * normal, -0.5, 0.5)
    elif leaf.endswith("alpha") and len(shape) == 0:
        value = _log_scale(name, normal)
    elif leaf in _AFFINE:
        offset, factor = _AFFINE[leaf]
        value = offset + factor * normal
    elif leaf.endswith("anchors_tan"):
        value = normal
    elif name.endswith("token_embedding.weight"):
        value = 0.5 * normal
    elif name.endswith("lora_B.weight"):
        value = 0.02 * normal
    elif name.endswith("up_conv.weight") or (leaf in ("text_projection", "proj") and len(shape) == 2):
        value = normal / math.sqrt(shape[0])
    elif len(shape) >= 2:
        value = normal / math.sqrt(np.prod(shape[1:]))
    elif len(shape) == 1 and leaf == "weight":
        value = 1 + 0.1 * normal
    else:
        value = 0.02 * normal
    return np.asarray(value, np.float32).reshape(shape)


def tensor(name, shape, seed=0, scale=1.0):
    """Normal numbers times `scale`, float32."""
    return (_normal(name, shape, seed) * scale).astype(np.float32)


def text_emb(name, rows, seed=0):
    """Stand-ins for CLIP sentence embeddings [rows, 768]."""
    return tensor(name, (rows, 768), seed, 0.5)


def audio_emb(name, rows, seed=0):
    """Stand-ins for Wav2CLIP embeddings [rows, 512]."""
    return tensor(name, (rows, 512), seed)


def _picture(name, shape, seed):
    """Pictures [N,C,H,W] in 0..1, float64: coarse noise on a 9x11 grid, drawn up bilinearly, and fine noise."""
    count, channels, height, width = shape
    coarse = _normal(f"{name}/coarse", (count, channels, 9, 11), seed)
    y, x = np.linspace(0, 8, height), np.linspace(0, 10, width)
    top, left = np.minimum(y.astype(int), 7), np.minimum(x.astype(int), 9)
    down, right = (y - top)[:, None], (x - left)[None, :]
    upper, lower = coarse[:, :, top], coarse[:, :, top + 1]
    smooth = (
        upper[..., left] * (1 - down) * (1 - right)
        + upper[..., left + 1] * (1 - down) * right
        + lower[..., left] * down * (1 - right)
        + lower[..., left + 1] * down * right
    )
    return np.clip(0.5 + 0.22 * smooth + 0.06 * _normal(f"{name}/fine", shape, seed), 0, 1)


def _normalized(pictures):
    return ((pictures - IMAGENET_MEAN[:, None, None]) / IMAGENET_STD[:, None, None]).astype(np.float32)


def image(name, shape, seed=0):
    """Normalised pictures [N,3,H,W], float32."""
    return _normalized(_picture(name, shape, seed))


def video(name, frames, height, width, seed=0):
    """A normalised film [T,3,H,W]: one picture rolled two rows and three columns a frame, with a little noise."""
    first = _picture(name, (1, 3, height, width), seed)[0]
    rolled = [
        np.clip(np.roll(first, (2 * t, 3 * t), axis=(1, 2)) + 0.03 * _normal(f"{name}/t{t}", first.shape, seed), 0, 1)
        for t in range(frames)
    ]
    return _normalized(np.stack(rolled))


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


def waveform(name, rows, samples, rate, seed=0):
    """Sound [rows, samples] within about 0.5: two chirps and noise, of another pitch and phase a row."""
    draw, seconds, made = _generator(name, seed), np.arange(samples) / rate, []
    for _ in range(rows):
        low, high, phase = draw.uniform(150, 600), draw.uniform(1000, 4000), draw.uniform(0, 6.28)
        rising = 0.25 * np.sin(2 * np.pi * (low + 80 * seconds) * seconds + phase)
        burst = np.exp(-(((seconds - draw.uniform(0, seconds[-1])) / 0.2) ** 2))
        noise = 0.02 * draw.standard_normal(samples)
        made.append(rising + 0.1 * np.sin(2 * np.pi * high * seconds) * burst + noise)
    return np.stack(made).astype(np.float32)


def check(golden, key, got, atol=1e-5, rtol=1e-4):
    """Compares `got` with golden[key], or with its stored every-k-th sample; returns the largest absolute error."""
    got = np.asarray(got)
    if key in golden:
        return compare(key, got, golden[key], atol, rtol)
    assert got.size == int(golden[f"{key}@size"]), f"{key}: {got.shape} has the wrong number of values"
    return compare(key, got.reshape(-1)[:: int(golden[f"{key}@k"])], golden[f"{key}@sample"], atol, rtol)


def compare(key, got, want, atol=1e-5, rtol=1e-4):
    """Compares with the reference's values wherever these are finite; returns the largest absolute error.

    atol: a number, or an array like `want`. Every comparison with a golden goes through here, so that
    benchmarks/parity.py can tell them all.
    """
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{key}: shape {got.shape}, expected {want.shape}"
    known = np.isfinite(want)  # the reference leaves some gradients undefined
    error = np.abs(got[known].astype(np.float64) - want[known])
    limit = np.broadcast_to(atol, want.shape)[known] + rtol * np.abs(want[known])
    assert (error <= limit).all(), f"{key}: {int((error > limit).sum())} of {error.size} off, worst {error.max():.3e}"
    return float(error.max()) if error.size else 0.0
