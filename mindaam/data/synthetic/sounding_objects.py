"""Clips of two pulsing objects of which one sounds: an audio-visual task whose truth is known.

Two objects lie on a cluttered ground, each pulsing with a random envelope of its own, in brightness, in size or in
both. The audio is as loud as the envelope of one of them. The frames alone do not reveal which one: they do not depend
on it, and `plan` has every scene twice, once with each of its objects sounding. A clip follows from its `Spec` alone,
bit for bit.
"""

from typing import NamedTuple

import cv2
import numpy as np

from mindaam.data.transforms import resize_image
from mindaam.errors import InputError

RATE = 16_000  # audio samples per second
FRAME_RATE, JITTER = 8.0, 0.02  # frames per second; jitter of a frame's time, seconds
LEAD = 0.8  # least seconds of audio before the first frame, and after the last
START = 0.3  # greatest delay of the first frame, seconds: a frame's number does not determine its time
SPEEDS, WAVES, SWING = (0.3, 3.0), 8, 2.0  # of an envelope: hertz and number of its cosines, gain before a sigmoid
# Greatest absolute correlation of the two envelopes over the frames: objects that pulse alike cannot be told apart, nor
# can opposites where one is darker than its ground and darkens what it grows over.
MOST_ALIKE = 0.3
DIMMEST, SMALLEST = 0.3, 0.6  # least brightness and size of an object
BRIGHT = 130.0  # least mean gray level of an object at its brightest: a black one cannot pulse
SIDES = (0.22, 0.32)  # range of an object's largest side, as a share of the frame's
CLUTTER = 7  # still objects on the ground
GRAIN = (3.0, 8.0)  # sigma of the camera's noise in gray levels
LOUDNESS = (0.02, 0.3)  # range of a clip's root mean square
PITCHES, VIBRATO = (90.0, 500.0), 0.03
QUIETEST, HISS = 0.03, 0.01  # amplitude at an envelope's minimum, and of the noise, relative to its maximum
SPREAD = 0.4  # sigma of an object's density, in its largest sides

PULSES = ("brightness", "size", "both")


class Spec(NamedTuple):
    """What a clip is made of: the seed of its frames and envelopes, and which object sounds, 0 or 1."""

    seed: int
    sounding: int


class Clip(NamedTuple):
    """frames: uint8 RGB [T,H,W,3], shown at times [T], seconds. wave: mono float32 at RATE, sample i at i / RATE.

    envelopes: [2,T] in 0..1. masks: bool [2,H,W], each object at its largest. densities: float32 [2,h,w], attention on
    each object; each sums to 1.
    """

    frames: np.ndarray
    times: np.ndarray
    wave: np.ndarray
    envelopes: np.ndarray
    masks: np.ndarray
    densities: np.ndarray


def truth(densities, sounding):
    """The density [h,w] when object `sounding`, 0 or 1, sounds; None: noise or silence, both objects alike."""
    return densities.mean(0) if sounding is None else densities[sounding]


def plan(count, seed):
    """`count` Specs, an even number: in the second half the scenes of the first, with the other object sounding.

    Raises InputError for an odd number.
    """
    if count < 2 or count % 2:
        raise InputError(f"clips come in pairs that share a scene: their number must be even, 2 or more, got {count}")
    draw = np.random.default_rng(seed)
    seeds, first = draw.integers(2**31, size=count // 2), draw.integers(2, size=count // 2)
    return [Spec(int(a), int(b)) for a, b in [*zip(seeds, first, strict=True), *zip(seeds, 1 - first, strict=True)]]


def parts(images, held):
    """The parts of images (uint8 [H,W,3]) that crops come from: the left 55 % for training, the right 40 % held out."""
    return [each[:, -(each.shape[1] * 2 // 5) :] if held else each[:, : each.shape[1] * 11 // 20] for each in images]


def make(spec, images, frame_size, map_size, frames):
    """The Clip of a Spec: `frames` frames of frame_size (H, W), with densities of map_size (h, w).

    images: uint8 RGB [H,W,3] each; some of the objects and of the clutter are crops of them.
    """
    draw = np.random.default_rng(spec.seed)
    times = LEAD + START * draw.random() + np.arange(frames) / FRAME_RATE + draw.uniform(-JITTER, JITTER, frames)
    loudness_of = envelopes(draw, times)
    shown = np.stack([each(times) for each in loudness_of])
    boxes = places(draw, frame_size)
    ground = _ground(draw, images, frame_size)
    objects = [(*_object(draw, images, box[2]), box, str(draw.choice(PULSES))) for box in boxes]
    seen = _grainy(draw, np.stack([_frame(ground, objects, levels) for levels in shown.T]))
    masks = np.stack([_laid(shape, box, 1.0, frame_size) > 0.5 for _, shape, box, _ in objects])
    densities = np.stack([_blob(box, frame_size, map_size) for box in boxes])
    # one voice, whichever object sounds: the two waves of a scene differ in their envelopes only
    wave = voice(draw, loudness_of[spec.sounding], seconds(frames))
    return Clip(seen, times, wave, shown, masks, densities)


def seconds(frames):
    """Length in seconds of the audio of a clip of `frames` frames."""
    return 2 * LEAD + START + frames / FRAME_RATE


def envelopes(draw, times):
    """Two random smooth functions of time (seconds) with values in 0..1, hardly correlated over `times`."""
    first = _envelope(draw)
    while True:
        second = _envelope(draw)
        if abs(np.corrcoef(first(times), second(times))[0, 1]) <= MOST_ALIKE:
            return first, second


def _envelope(draw):
    speeds, phases = 2 * np.pi * draw.uniform(*SPEEDS, WAVES), draw.uniform(0, 2 * np.pi, WAVES)

    def level(times):
        swell = sum(np.cos(speed * times + phase) for speed, phase in zip(speeds, phases, strict=True))
        return 1.0 / (1.0 + np.exp(-SWING * swell / np.sqrt(WAVES / 2)))  # a swell's variance is WAVES / 2

    return level


def voice(draw, envelope, length):
    """`length` seconds of a tone or a synthetic voice, as loud as `envelope`, a function of seconds: float32.

    Pitch, timbre, vibrato and loudness are random and independent of the frames.
    """
    times = np.arange(round(length * RATE)) / RATE
    pitch = np.exp(draw.uniform(*np.log(PITCHES)))
    wander = 1 + VIBRATO * draw.random() * np.sin(2 * np.pi * draw.uniform(3, 7) * times + draw.uniform(0, 2 * np.pi))
    phase = 2 * np.pi * np.cumsum(pitch * wander) / RATE
    count, tilt = int(draw.integers(1, 9)), draw.uniform(0.3, 1.5)
    tone = sum(k**-tilt * np.sin(k * phase + draw.uniform(0, 2 * np.pi)) for k in range(1, count + 1))
    wave = tone / tone.std() * (QUIETEST + (1 - QUIETEST) * envelope(times)) + HISS * draw.standard_normal(len(times))
    return (wave * (np.exp(draw.uniform(*np.log(LOUDNESS))) / wave.std())).astype(np.float32)


def places(draw, size):
    """Two squares (center x, center y, side; pixels) within a frame of `size` (H, W) that do not touch each other."""
    height, width = size
    while True:
        sides = draw.uniform(*SIDES, 2) * min(size)
        x, y = (draw.uniform(sides / 2, side - sides / 2) for side in (width, height))
        if max(abs(x[0] - x[1]), abs(y[0] - y[1])) > sides.sum() / 2 + 2:
            return list(zip(x, y, sides, strict=True))


def _frame(ground, objects, levels):
    """One frame, float32 [H,W,3]: the objects on the ground, brightness and size of each by its level (0..1)."""
    frame = ground
    for (colors, shape, box, pulse), level in zip(objects, levels, strict=True):
        light = 1.0 if pulse == "size" else DIMMEST + (1 - DIMMEST) * level
        size = 1.0 if pulse == "brightness" else SMALLEST + (1 - SMALLEST) * level
        cover = _laid(shape, box, size, ground.shape[:2])[..., None]
        frame = frame * (1 - cover) + light * _laid(colors, box, size, ground.shape[:2]) * cover
    return frame


def _laid(texture, box, size, frame_size):
    """A square texture [s,s] or [s,s,3] laid into an empty frame: in `box`, scaled by `size` (0..1)."""
    x, y, side = box
    scale = side * size / len(texture)
    # the center of the texture's pixel i lies at (i + 1/2) scale from its edge
    left, top = (center - side * size / 2 + scale / 2 - 0.5 for center in (x, y))
    matrix = np.float64([[scale, 0, left], [0, scale, top]])
    return cv2.warpAffine(texture, matrix, frame_size[::-1], flags=cv2.INTER_LINEAR)


def _object(draw, images, side):
    """A crop of an image or one color, float32 [s,s,3] with values in 0..255, and its shape, float32 [s,s]."""
    pixels = max(4, round(side))
    if draw.random() < 0.5:
        colors = np.full((pixels, pixels, 3), 1.0) * draw.uniform(0, 255, 3)
    else:
        image = images[draw.integers(len(images))]
        height, width = image.shape[:2]
        crop = int(draw.uniform(0.25, 0.6) * min(height, width))
        top, left = draw.integers(height - crop + 1), draw.integers(width - crop + 1)
        colors = resize_image(image[top : top + crop, left : left + crop], (pixels, pixels))
    across, down = (np.arange(pixels) + 0.5) / pixels * 2 - 1, (np.arange(pixels)[:, None] + 0.5) / pixels * 2 - 1
    outside = (np.hypot(across, down), np.maximum(abs(across), abs(down)), abs(across) + abs(down))[draw.integers(3)]
    colors = np.minimum(colors * max(1.0, BRIGHT / max(colors.mean(), 1.0)), 255.0)
    return np.float32(colors), np.float32(outside <= 1)


def _ground(draw, images, size):
    """A ground of smooth colors with still objects on it, float32 [H,W,3]."""
    ground = cv2.resize(draw.uniform(40, 215, (4, 4, 3)), size[::-1], interpolation=cv2.INTER_CUBIC)
    for _ in range(CLUTTER):
        side = draw.uniform(*SIDES) * min(size)
        box = (draw.uniform(0, size[1]), draw.uniform(0, size[0]), side)
        colors, shape = _object(draw, images, side)
        cover = _laid(shape, box, 1.0, size)[..., None]
        ground = ground * (1 - cover) + draw.uniform(DIMMEST, 1) * _laid(colors, box, 1.0, size) * cover
    return ground


def _grainy(draw, frames):
    """Frames with a camera's noise, as uint8."""
    noise = draw.uniform(*GRAIN) * draw.standard_normal(frames.shape, np.float32)
    return np.clip(np.rint(frames + noise), 0, 255).astype(np.uint8)


def _blob(box, size, map_size):
    """A Gaussian about an object, [h,w], sum 1."""
    x, y, side = box
    down = ((np.arange(map_size[0]) + 0.5) * size[0] / map_size[0] - y) / (SPREAD * side)
    across = ((np.arange(map_size[1]) + 0.5) * size[1] / map_size[1] - x) / (SPREAD * side)
    blob = np.exp(-0.5 * (down[:, None] ** 2 + across[None] ** 2))
    return (blob / blob.sum()).astype(np.float32)
