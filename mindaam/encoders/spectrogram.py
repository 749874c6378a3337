"""From audio to the input of Wav2CLIP: resampling, power spectrogram, logarithm, standardization. NumPy throughout.

The steps and constants are those of Wav2CLIP (Wu et al. 2022) as the Attend to Anything Model uses it.
"""

from functools import lru_cache
from math import ceil, gcd

import numpy as np

RATE = 16_000  # samples per second that the encoder takes
WINDOW, HOP = 512, 353
_FLOOR = np.float32(1e-7)
_STD_FLOOR = np.float32(1e-9)
_CROSSINGS, _ROLLOFF = 6, 0.99  # the resampling filter: zero crossings on a side, its cutoff in parts of the band


def resample(waves, rate, new_rate):
    """Audio [..., samples] float32 at `rate` as [..., ceil(samples * new_rate / rate)] at `new_rate`, both integers.

    Band-limited: a sinc under a Hann window, six zero crossings wide on each side.
    """
    if rate == new_rate:
        return waves
    step = gcd(rate, new_rate)
    old, new = rate // step, new_rate // step
    filters, margin = _filters(old, new)
    taps = filters.shape[1]
    padded = np.pad(waves, [(0, 0)] * (waves.ndim - 1) + [(margin, taps)])
    stretches = np.lib.stride_tricks.sliding_window_view(padded, taps, axis=-1)
    out = np.empty((*waves.shape[:-1], ceil(waves.shape[-1] * new / old)), np.float32)
    for phase in range(min(new, out.shape[-1])):
        part = out[..., phase::new]
        part[...] = stretches[..., phase * old // new :: old, :][..., : part.shape[-1], :] @ filters[phase]
    return out


@lru_cache(maxsize=8)
def _filters(old, new):
    """Filters float32 [new, 2 margin + 1], one a phase, and the margin: the samples that a filter takes before its own.

    Only the taps that can be other than zero: rates without a common divisor have as many phases as the new rate.
    """
    cutoff = _ROLLOFF * min(old, new) / old  # in parts of the old rate's band
    margin = ceil(_CROSSINGS / cutoff)
    between = np.arange(new) * old % new / new  # where each phase's output lies after the sample before it
    t = (np.arange(-margin, margin + 1) - between[:, None]) * cutoff
    t = np.clip(t, -_CROSSINGS, _CROSSINGS)
    hann = np.cos(np.pi * t / _CROSSINGS / 2) ** 2
    return (np.sinc(t) * hann * cutoff).astype(np.float32), margin


def spectrogram(waves):
    """Power spectrogram of audio [B,samples] at 16 kHz: float32 [B,257,F], F = 1 + samples // 353.

    Frames of 512 samples under a periodic Hann window, centered, mirrored at the ends: needs more than 256 samples.
    """
    half = WINDOW // 2
    if waves.ndim != 2 or waves.shape[1] <= half:
        raise ValueError(f"audio must be [B,samples] with more than {half} samples, got {list(waves.shape)}")
    padded = np.pad(waves.astype(np.float64), [(0, 0), (half, half)], mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=1)[:, ::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    spectrum = np.fft.rfft(frames * hann, axis=-1)
    return np.ascontiguousarray((spectrum.real**2 + spectrum.imag**2).astype(np.float32).swapaxes(1, 2))


def standardize(log_power, over):
    """Log spectrograms [B,257,F] less their mean, by their standard deviation.

    over: "batch", one mean for all rows, as released: a frame's result then depends on the other frames' audio;
    "window", one a row.
    """
    if over not in ("batch", "window"):
        raise ValueError(f'standardize over "batch" or "window", not {over!r}')
    axes = (0, 1, 2) if over == "batch" else (1, 2)
    mean = log_power.mean(axes, np.float64, keepdims=True)
    std = log_power.std(axes, np.float64, ddof=1, keepdims=True)
    return ((log_power - mean.astype(np.float32)) / (std.astype(np.float32) + _STD_FLOOR)).astype(np.float32)


def features(waves, rate, over):
    """Audio float32 [B,samples] at `rate` -> standardized log spectrograms float32 [B,1,257,F]."""
    power = spectrogram(resample(np.asarray(waves, np.float32), rate, RATE))
    return standardize(np.log(power + _FLOOR), over)[:, None]
