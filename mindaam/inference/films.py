"""A film through a model: decoded, seen and written side by side, so that its length costs time and no memory."""

from collections import deque
from contextlib import ExitStack
from typing import NamedTuple

from mindaam.data.density_writer import DensityWriter
from mindaam.data.film import FilmBroken, Pick, checked_pick, film_info, read_frames
from mindaam.data.film_writer import FilmWriter
from mindaam.data.transforms import resize_image
from mindaam.inference import render
from mindaam.inference.pipeline import Behind, ahead

DENSITY_SIDE = 160  # the longer side of a film's saved densities, pixels
DEPTH = 8  # frames that wait between two stages


class Done(NamedTuple):
    """frames: how many were written. problem: what went wrong without ending it, an InputError, or None. sound_lost:
    the second of the result from which on it is silent, because the film's sound could not be read, or None."""

    frames: int
    problem: FilmBroken | None
    sound_lost: float | None


def density_size(size):
    """(h, w) of the saved densities of a film of `size` (H, W)."""
    scale = min(1.0, DENSITY_SIDE / max(size))
    return tuple(max(1, round(side * scale)) for side in size)


def follow(predictor, frames, sentence, windows=None):
    """Yields (Frame, Prediction) for an iterable of `data.film.Frame`, in order; windows as in `Predictor.stream`."""
    shown = deque()

    def images():
        for frame in frames:
            shown.append(frame)
            yield frame.image

    for prediction in predictor.stream(images(), sentence, windows=windows):
        yield shown.popleft(), prediction


def write_film(job, predictor, sentence, pick=Pick(), report=None):  # noqa: B008 - an immutable tuple
    """Predicts a film and writes the files of its Job, each whole or not at all; returns what was Done.

    overlay: an mp4 with the film's sound; map: one of grey maps, silent; npy: an .npz (see DensityWriter) of densities
    at `density_size`. Only the frames that `pick` names are in them; mp4s begin at pick.start, while the .npz's times
    are those of the film. report: called with (frames so far, time of the latest) as they are predicted.
    Ctrl-C leaves files that hold what was done. Raises InputError for a film of which nothing can be read, OutputError
    for files that cannot be written.
    """
    checked_pick(pick)
    info = film_info(job.source)
    size, count, broken = (info.height, info.width), 0, []
    rate = min(info.rate / pick.every, pick.fps or info.rate)
    with ExitStack() as stack:
        writers = {
            kind: stack.enter_context(
                DensityWriter(target, density_size(size))
                if kind == "npy"
                else FilmWriter(target, size, rate, sound=job.source if kind == "overlay" else None, start=pick.start)
            )
            for kind, target in job.targets.items()
        }
        written = stack.enter_context(Behind(lambda *item: _write(writers, pick.start, *item), DEPTH))
        frames = _whole(ahead(read_frames(job.source, pick), DEPTH), broken)
        for frame, prediction in follow(predictor, frames, sentence):
            written.put(frame, prediction)
            count += 1
            if report is not None:
                report(count, frame.time)
    overlay = writers.get("overlay")
    return Done(count, broken[0] if broken else None, overlay.sound_lost if overlay else None)


def _whole(frames, broken):
    """The frames of a film that may break off; how it did goes to the list `broken`, since its last frames count."""
    try:
        yield from frames
    except FilmBroken as error:
        broken.append(error)


def _write(writers, start, frame, prediction):
    """Gives one frame to each of the writers {kind: writer}."""
    for kind, writer in writers.items():
        if kind == "overlay":
            writer.write(render.overlay(frame.image, prediction.density), frame.time - start)
        elif kind == "map":
            writer.write(render.grey_map(prediction.map), frame.time - start)
        else:
            density = resize_image(prediction.density, writer.size)
            writer.write(density / density.sum(dtype="float64"), frame.time)
