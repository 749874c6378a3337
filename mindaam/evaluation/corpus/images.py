"""One image per dataset: samples with the density as an overlay and a dot per fixation, for a visual check that gaze
and images match and that x and y are not swapped."""

import textwrap
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mindaam.data import transforms
from mindaam.data.checks.checking import sample_indices
from mindaam.data.datasets.readers.images import ImageSet
from mindaam.data.datasets.readers.sample import image_sample
from mindaam.data.datasets.readers.videos import VideoSet
from mindaam.errors import InputError
from mindaam.inference import render

SAMPLES = 3  # of a set
TRIES = 8  # images or videos of a split that are tried
WIDTH, HEIGHT = 560, 480  # largest size of a drawn image
DOTS = 300  # fixations drawn at most
MARGIN, TEXT = 12, 15
PAPER, INK = (255, 255, 255), (30, 30, 30)


def sheet(found):
    """Samples of a FoundSet, uint8 RGB [H,W,3]: left each image with its fixations, right under its density too.

    Samples come from its splits in turn. None when nothing of the set can be read.
    """
    rows = [drawn(*each) for each in samples(found)]
    if not rows:
        return None
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return np.concatenate(padded)


def samples(found, most=SAMPLES):
    """[(Sample of an image or frame, caption)] from the splits with gaze in turn, at most `most`."""
    splits = [split for split in found.splits() if found.labelled(split)]
    queues, chosen = [_readable(found, split) for split in splits], []
    while queues and len(chosen) < most:
        queue = queues.pop(0)
        sample = next(queue, None)
        if sample is not None:
            chosen.append(sample)
            queues.append(queue)
    return chosen


def drawn(sample, caption):
    """One sample as uint8 RGB [H,W,3]: image with fixations, image with density and fixations, caption below."""
    stored = sample.image.shape[:2]
    scale = min(WIDTH / stored[1], HEIGHT / stored[0])
    size = max(1, round(stored[0] * scale)), max(1, round(stored[1] * scale))
    image = transforms.resize_image(sample.image, size)
    heat = render.overlay(image, transforms.resize_density(sample.density, size))
    if sample.fixations is not None:
        points = transforms.scale_fixations(sample.fixations, stored, size)
        points = points[sample_indices(len(points), DOTS)]
        image, heat = _dotted(image, points, (0, 200, 255)), _dotted(heat, points, (0, 200, 255))
    lines = textwrap.wrap(caption, max(20, 2 * size[1] // 8))
    canvas = Image.new("RGB", (2 * size[1] + 3 * MARGIN, size[0] + 2 * MARGIN + (TEXT + 4) * len(lines)), PAPER)
    canvas.paste(Image.fromarray(image), (MARGIN, MARGIN))
    canvas.paste(Image.fromarray(heat), (size[1] + 2 * MARGIN, MARGIN))
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(TEXT - 1)
    for place, line in enumerate(lines):
        shown = line.encode("utf-8", "replace").decode()
        pen.text((MARGIN, size[0] + 2 * MARGIN + place * (TEXT + 4) - 4), shown, fill=INK, font=font)
    return np.asarray(canvas)


def _readable(found, split):
    """Yields (Sample, caption) of images or videos spread over a split, those that cannot be read skipped."""
    stimuli = found.labelled(split)
    reader = (VideoSet if found.is_video else ImageSet)(found.tree, found.record, found.layout, stimuli, split)
    for place in sample_indices(len(stimuli), TRIES):
        try:
            yield _frame(reader, place) if found.is_video else _picture(reader, place)
        except InputError:
            continue  # what is wrong with it is in the report


def _picture(reader, place):
    sample = image_sample(reader, place)
    return sample, _caption(reader, sample, "")


def _frame(reader, place):
    """The frame in the middle of those that have a truth of their own."""
    labelled = np.flatnonzero(reader.labelled(place))
    if not len(labelled):
        raise InputError(f"{reader.videos[place].name} has no frame with a truth")
    position = int(labelled[len(labelled) // 2])
    clip = reader.clip(place, [position])
    points = None if clip.fixations is None else clip.fixations[0]
    number = f", frame {int(reader.videos[place].numbers[position])}"
    sample = replace(clip, image=clip.image[0], density=clip.density[0], fixations=points)
    return sample, _caption(reader, sample, number)


def _caption(reader, sample, frame):
    count = "no fixations, only maps" if sample.fixations is None else f"{len(sample.fixations):,} fixations"
    height, width = sample.image.shape[:2]
    return f"{reader.record.title}, {reader.split}: {sample.name}{frame}, {width}x{height}, {count}; density: " + (
        reader.ground_truth
    )


def _dotted(image, points, color):
    """The image with a dot at each of the points [n,2] (x, y)."""
    dotted = image.copy()
    for x, y in np.floor(points).astype(int).tolist():
        cv2.circle(dotted, (x, y), 4, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(dotted, (x, y), 3, color, -1, cv2.LINE_AA)
    return dotted
