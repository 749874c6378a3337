"""The clips of the sounding-object experiment, the batch of each step, and the audio features of a clip's frames.

Nothing here imports MindSpore.
"""

import hashlib

import numpy as np

from mindaam.data.media import IMAGE_SUFFIXES, list_files, read_image
from mindaam.data.synthetic.sounding_objects import RATE, Clip, make, parts, plan, truth
from mindaam.training.feeding.negative_samples import attacked

SAMPLES, PIECES = 1024, 8  # of a piece of audio, 64 ms; pieces of a window, which is half a second long
BANDS, LOWEST = 16, 60.0  # of its spectrum, evenly spaced in the logarithm of frequency, from so many hertz on
FEATURES = PIECES + BANDS + 1  # of a window
POWER_FLOOR = 1e-6
MIDDLE = -2.0  # of the logarithm of power, roughly: the network's inputs are of order 1


def clips_of(config, split):
    """The clips of a split, "train" or "held": Specs, and a Clip whose arrays have all clips along their first axis.

    config: SoundingObjectConfig. Scenes and parts of images differ between the splits. Raises InputError when the
    folder has no images.
    """
    held = split == "held"
    images = parts([read_image(path) for path in _paths(config)], held)
    specs = plan(config.clips[split], 2 * config.seed + held)
    made = [make(spec, images, config.size, config.map_size, config.frames) for spec in specs]
    return specs, Clip(*(np.stack(each) for each in zip(*made, strict=True)))


def fingerprint(config):
    """A hash of what the clips are made from: the names and sizes of the images, beside what `config` has."""
    files = [(path.name, path.stat().st_size) for path in _paths(config)]
    return hashlib.sha256(repr(files).encode("utf-8", "replace")).hexdigest()


def _paths(config):
    return list_files(config.images, IMAGE_SUFFIXES, "images")


def batch(clips, config, number):
    """The arrays of step `number`, drawn from seed and step: frames [N,T,3,H,W], audio features [S,T,tokens,FEATURES]
    of the first S clips, truths [N,h,w], which of the S are attacked [S], and the weight of the mean gate there [].

    First scenes with one of their objects sounding, then the same with the other, then silent clips. Under noise, as in
    silence, the ground truth is on both objects alike.
    """
    specs, all_clips = clips
    draw, pairs, half = np.random.default_rng((config.seed, number)), config.with_audio // 2, len(specs) // 2
    scenes = draw.choice(half, pairs + config.silent, replace=False)
    chosen, audible = np.concatenate([scenes[:pairs], scenes[:pairs] + half, scenes[pairs:]]), slice(config.with_audio)
    waves, noisy = attacked(draw, all_clips.wave[chosen[audible]], config.attack.p.at(number))
    frames = all_clips.frames[chosen]
    sounding = [specs[index].sounding for index in chosen[audible]]
    known = [None if noise else source for source, noise in zip(sounding, noisy, strict=True)] + [None] * config.silent
    truths = np.stack([truth(all_clips.densities[i], source) for i, source in zip(chosen, known, strict=True)])
    for axis in (1, 2):  # frames are as good upside down, or mirrored
        if draw.random() < 0.5:
            frames, truths = np.flip(frames, axis + 1), np.flip(truths, axis)
    return (
        as_input(frames),
        audio_features(waves, all_clips.times[chosen[audible]], config.model.tokens, config.model.spacing),
        np.ascontiguousarray(truths),
        noisy,
        np.array(config.attack.weight.at(number), np.float32),
    )


def as_input(frames):
    """Frames uint8 [N,T,H,W,3] as the model takes them, about -2..2, float32 [N,T,3,H,W]."""
    return np.ascontiguousarray(((frames.astype(np.float32) - 127.5) / 64).transpose(0, 1, 4, 2, 3))


def audio_features(waves, times, tokens, spacing):
    """Features of `tokens` windows of audio about each frame, float32 [N,T,tokens,FEATURES], all logarithms of power:
    its course from piece to piece, its distribution over the bands, each less its mean, and its level.

    waves: [N,samples] at RATE. times: [N,T], when each frame is shown, in seconds: windows lie about times, `spacing`
    seconds apart, not about frame numbers. Beyond the ends there is silence.
    """
    places = times[:, :, None, None] + spacing * (np.arange(tokens)[:, None] - tokens // 2)
    first = np.rint(places * RATE).astype(int) + SAMPLES * (np.arange(PIECES) - PIECES // 2)
    margin = max(0, -first.min()), max(0, first.max() + SAMPLES - waves.shape[1])
    pieces = np.lib.stride_tricks.sliding_window_view(np.pad(waves, ((0, 0), margin)), SAMPLES, axis=1)
    rows = np.arange(len(waves))[:, None, None, None]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SAMPLES) / SAMPLES)).astype(np.float32)
    spectrum = np.fft.rfft(pieces[rows, first + margin[0]] * hann, axis=-1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) / SAMPLES
    course = np.log10(power.mean(-1) + POWER_FLOOR)
    spread = np.log10(power.mean(-2) @ _bands() + POWER_FLOOR)
    level = course.mean(-1, keepdims=True)
    return np.concatenate([course - level, spread - spread.mean(-1, keepdims=True), level - MIDDLE], -1)


def _bands():
    """Which bins of a spectrum make each band, as weights float32 [bins,BANDS] that sum to 1."""
    edges = np.geomspace(LOWEST, RATE / 2, BANDS + 1)
    low, high = edges[:-1], np.maximum(edges[1:], edges[:-1] + 2 * RATE / SAMPLES)  # never less than two bins
    bins = np.fft.rfftfreq(SAMPLES, 1 / RATE)[:, None]
    inside = ((bins >= low) & (bins <= high)).astype(np.float32)
    return inside / inside.sum(0)
