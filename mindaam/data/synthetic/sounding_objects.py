"""Clips of two pulsing things of which one is heard: a task with sound whose truth is known.

Two sources lie on a cluttered ground, each pulsing with a random envelope of its own, in brightness, in size or in
both. The sound is as loud as the envelope of one of them says. Which one cannot be told from the pictures:
they are made without knowing it, and `plan` shows every scene twice, once with each of its sources sounding. A clip is
made again from its `Spec` alone, to the bit.
"""

from typing import NamedTuple

import cv2
import numpy as np

from mindaam.data.transforms import resize_image
from mindaam.errors import InputError

RATE = 16_000  # samples of sound a second
FRAME_RATE, JITTER = 8.0, 0.02  # frames a second; how far from its beat a frame may be shown, in seconds
LEAD = 0.8  # seconds of sound before the first frame, at least, and after the last
START = 0.3  # the first frame is shown up to so many seconds later than that: a frame's number does not tell its time
SPEEDS, WAVES, SWING = (0.3, 3.0), 8, 2.0  # an envelope: cosines of these hertz, how many, how hard it is driven
# Correlation of the two envelopes over the frames, at most, either way: nobody could tell apart what pulses alike, nor,
# where a thing is darker than its ground and darkens what it grows over, opposites.
MOST_ALIKE = 0.3
DIMMEST, SMALLEST = 0.3, 0.6  # brightness and size of a source at its faintest
BRIGHT = 130.0  # mean grey level of a source at its brightest, at least about so: what is black cannot pulse
SIDES = (0.22, 0.32)  # a source's largest side, in shares of the picture's
CLUTTER = 7  # still things on the ground
GRAIN = (3.0, 8.0)  # sigma of the camera's noise in grey levels
LOUDNESS = (0.02, 0.3)  # root mean square of a clip's sound
PITCHES, VIBRATO = (90.0, 500.0), 0.03
QUIETEST, HISS = 0.03, 0.01  # amplitude at an envelope's bottom, and of the hiss below the voice, against its top
SPREAD = 0.4  # sigma of a source's density, in its largest sides

PULSES = ("brightness", "size", "both")


class Spec(NamedTuple):
    """What a clip is made of: the seed of its pictures and envelopes, and which source sounds, 0 or 1."""

    seed: int
    sounding: int


class Clip(NamedTuple):
    """frames: uint8 RGB [T,H,W,3], shown at times [T] (seconds). wave: mono float32 at RATE, sample i is heard at
    second i / RATE. envelopes: [2,T] in 0..1. masks: bool [2,H,W], where each source is at its largest. densities:
    float32 [2,h,w], where one looks who listens to it; each sums to 1."""

    frames: np.ndarray
    times: np.ndarray
    wave: np.ndarray
    envelopes: np.ndarray
    masks: np.ndarray
    densities: np.ndarray


def truth(densities, sounding):
    """The density [h,w] of one who hears source `sounding`, 0 or 1; None: noise or nothing, both sources alike."""
    return densities.mean(0) if sounding is None else densities[sounding]


def plan(count, seed):
    """`count` Specs, an even number: in the second half the scenes of the first, with the other source sounding.

    Raises InputError for an odd number.
    """
    if count < 2 or count % 2:
        raise InputError(f"clips come in pairs that share a scene: their number must be even, 2 or more, got {count}")
    draw = np.random.default_rng(seed)
    seeds, first = draw.integers(2**31, size=count // 2), draw.integers(2, size=count // 2)
    return [Spec(int(a), int(b)) for a, b in [*zip(seeds, first, strict=True), *zip(seeds, 1 - first, strict=True)]]


def parts(photographs, held):
    """The parts of photographs (uint8 [H,W,3]) that crops come from: the left 55 % to learn from, the right 40 % to be
    tested on."""
    return [
        each[:, -(each.shape[1] * 2 // 5) :] if held else each[:, : each.shape[1] * 11 // 20] for each in photographs
    ]


def make(spec, photographs, frame_size, map_size, frames):
    """The Clip of a Spec: `frames` pictures of frame_size (H, W), with densities of map_size (h, w).

    photographs: uint8 RGB [H,W,3] each, that some of the sources and of the clutter are cropped from.
    """
    draw = np.random.default_rng(spec.seed)
    times = LEAD + START * draw.random() + np.arange(frames) / FRAME_RATE + draw.uniform(-JITTER, JITTER, frames)
    loudness_of = envelopes(draw, times)
    shown = np.stack([each(times) for each in loudness_of])
    boxes = places(draw, frame_size)
    ground = _ground(draw, photographs, frame_size)
    sources = [(*_thing(draw, photographs, box[2]), box, str(draw.choice(PULSES))) for box in boxes]
    pictures = [_picture(ground, sources, levels) for levels in shown.T]
    pictures = _grainy(draw, np.stack(pictures))
    masks = np.stack([_laid(shape, box, 1.0, frame_size) > 0.5 for _, shape, box, _ in sources])
    densities = np.stack([_blob(box, frame_size, map_size) for box in boxes])
    # one voice, whichever source it belongs to: the two sounds of a scene differ in how they rise and fall, only
    heard = voice(draw, loudness_of[spec.sounding], seconds(frames))
    return Clip(pictures, times, heard, shown, masks, densities)


def seconds(frames):
    """How long the sound of a clip of so many frames is."""
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
    """`length` seconds of a tone or a synthetic voice, as loud as `envelope` (a function of seconds) says: float32.

    Pitch, timbre, vibrato and loudness are random: they tell nothing of the picture.
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
    """Two squares (centre x, centre y, side; pixels) within a picture of `size` (H, W) that do not touch each other."""
    height, width = size
    while True:
        sides = draw.uniform(*SIDES, 2) * min(size)
        x, y = (draw.uniform(sides / 2, side - sides / 2) for side in (width, height))
        if max(abs(x[0] - x[1]), abs(y[0] - y[1])) > sides.sum() / 2 + 2:
            return list(zip(x, y, sides, strict=True))


def _picture(ground, sources, levels):
    """One frame, float32 [H,W,3]: the sources on the ground, each as bright and as large as its level (0..1) says."""
    picture = ground
    for (colors, shape, box, pulse), level in zip(sources, levels, strict=True):
        light = 1.0 if pulse == "size" else DIMMEST + (1 - DIMMEST) * level
        size = 1.0 if pulse == "brightness" else SMALLEST + (1 - SMALLEST) * level
        cover = _laid(shape, box, size, ground.shape[:2])[..., None]
        picture = picture * (1 - cover) + light * _laid(colors, box, size, ground.shape[:2]) * cover
    return picture


def _laid(texture, box, size, picture_size):
    """A square texture [s,s] or [s,s,3] laid into an empty picture: in `box`, but `size` (0..1) as large."""
    x, y, side = box
    scale = side * size / len(texture)
    # the centre of the texture's pixel i lies at (i + 1/2) scale from its edge
    left, top = (centre - side * size / 2 + scale / 2 - 0.5 for centre in (x, y))
    matrix = np.float64([[scale, 0, left], [0, scale, top]])
    return cv2.warpAffine(texture, matrix, picture_size[::-1], flags=cv2.INTER_LINEAR)


def _thing(draw, photographs, side):
    """A crop of a photograph or one colour, float32 [s,s,3] with values in 0..255, and its shape, float32 [s,s]."""
    pixels = max(4, round(side))
    if draw.random() < 0.5:
        colors = np.full((pixels, pixels, 3), 1.0) * draw.uniform(0, 255, 3)
    else:
        photograph = photographs[draw.integers(len(photographs))]
        height, width = photograph.shape[:2]
        crop = int(draw.uniform(0.25, 0.6) * min(height, width))
        top, left = draw.integers(height - crop + 1), draw.integers(width - crop + 1)
        colors = resize_image(photograph[top : top + crop, left : left + crop], (pixels, pixels))
    across, down = (np.arange(pixels) + 0.5) / pixels * 2 - 1, (np.arange(pixels)[:, None] + 0.5) / pixels * 2 - 1
    outside = (np.hypot(across, down), np.maximum(abs(across), abs(down)), abs(across) + abs(down))[draw.integers(3)]
    colors = np.minimum(colors * max(1.0, BRIGHT / max(colors.mean(), 1.0)), 255.0)
    return np.float32(colors), np.float32(outside <= 1)


def _ground(draw, photographs, size):
    """A ground of soft colours with still things on it, float32 [H,W,3]."""
    ground = cv2.resize(draw.uniform(40, 215, (4, 4, 3)), size[::-1], interpolation=cv2.INTER_CUBIC)
    for _ in range(CLUTTER):
        side = draw.uniform(*SIDES) * min(size)
        box = (draw.uniform(0, size[1]), draw.uniform(0, size[0]), side)
        colors, shape = _thing(draw, photographs, side)
        cover = _laid(shape, box, 1.0, size)[..., None]
        ground = ground * (1 - cover) + draw.uniform(DIMMEST, 1) * _laid(colors, box, 1.0, size) * cover
    return ground


def _grainy(draw, pictures):
    """Pictures with a camera's noise, as uint8."""
    noise = draw.uniform(*GRAIN) * draw.standard_normal(pictures.shape, np.float32)
    return np.clip(np.rint(pictures + noise), 0, 255).astype(np.uint8)


def _blob(box, size, map_size):
    """A Gaussian about a source, [h,w], sum 1."""
    x, y, side = box
    down = ((np.arange(map_size[0]) + 0.5) * size[0] / map_size[0] - y) / (SPREAD * side)
    across = ((np.arange(map_size[1]) + 0.5) * size[1] / map_size[1] - x) / (SPREAD * side)
    blob = np.exp(-0.5 * (down[:, None] ** 2 + across[None] ** 2))
    return (blob / blob.sum()).astype(np.float32)
