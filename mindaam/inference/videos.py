"""A video through a model: decoded, seen and written side by side, so that its length costs time and no memory."""

from collections import deque
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from mindaam.data.transforms import resize_image
from mindaam.data.videos.density_writer import DensityWriter
from mindaam.data.videos.reading import Pick, VideoBroken, checked_pick, read_frames, video_info
from mindaam.data.videos.writing import VideoWriter
from mindaam.inference import render
from mindaam.inference.audio_stream import AudioStream
from mindaam.inference.pipeline import Behind, ahead
from mindaam.inference.plots import GatePlot

DENSITY_SIDE = 160  # the longer side of a video's saved densities, pixels
DEPTH, DEPTH_BYTES = 8, 64_000_000  # what waits between two stages: at most so many frames, and about so many bytes
PIXEL_BYTES = 11  # of a frame and its Prediction


class Done(NamedTuple):
    """frames: how many were written. problem: what went wrong without ending it, an InputError, or None. audio_lost:
    the second of the result from which on it is silent, because the video's sound could not be read, or None."""

    frames: int
    problem: VideoBroken | None
    audio_lost: float | None


class Heard(NamedTuple):
    """A video's sound. audio_stream: the AudioStream of the model, or None. kept: the file whose sound the
    overlay keeps, None for the video's own; track: which of that file's audio tracks, from 0."""

    audio_stream: AudioStream | None = None
    kept: Path | None = None
    track: int = 0


def density_size(size):
    """(h, w) of the saved densities of a video of `size` (H, W)."""
    scale = min(1.0, DENSITY_SIDE / max(size))
    return tuple(max(1, round(side * scale)) for side in size)


def follow(predictor, frames, sentence, windows=None, audio_stream=None):
    """Yields (Frame, Prediction) for an iterable of `data.videos` Frames, in order; else as in `Predictor.stream`."""
    shown = deque()

    def noted():
        for frame in frames:
            shown.append(frame)
            yield frame

    for prediction in predictor.stream(noted(), sentence, windows=windows, audio_stream=audio_stream):
        yield shown.popleft(), prediction


def write_video(job, predictor, sentence, pick=Pick(), report=None, heard=Heard()):  # noqa: B008 - immutable tuples
    """Predicts a video and writes the files of its Job, each whole or not at all; returns what was Done.

    overlay: an mp4 with the video's sound; map: one of gray maps, silent; npy: an .npz (see DensityWriter) of densities
    at `density_size`; gate: an image of the sound's gate, nothing without an audio stream. Only the frames that `pick`
    names are in them; mp4s begin at pick.start, while the times of the others are those of the video. report: called
    with (frames so far, time of the latest) as they are predicted. heard: its sound.
    Ctrl-C leaves files that hold what was done. Raises InputError for a video of which nothing can be read, OutputError
    for files that cannot be written.
    """
    checked_pick(pick)
    info = video_info(job.source)
    size, count, broken = (info.height, info.width), 0, []
    rate = min(info.rate / pick.every, pick.fps or info.rate)
    depth = max(1, min(DEPTH, DEPTH_BYTES // (PIXEL_BYTES * size[0] * size[1])))
    end = info.duration if pick.end is None else min(pick.end, info.duration or pick.end)
    end = end and max(0.0, end - pick.start)
    with ExitStack() as stack:
        writers = {}
        for kind, target in job.targets.items():
            if kind == "npy":
                writer = DensityWriter(target, density_size(size))
            elif kind == "gate":
                writer = GatePlot(target)
            elif kind == "map":
                writer = VideoWriter(target, size, rate, end=end)
            else:
                kept = heard.kept or job.source
                writer = VideoWriter(target, size, rate, sound=kept, start=pick.start, track=heard.track, end=end)
            writers[kind] = stack.enter_context(writer)
        written = stack.enter_context(Behind(lambda *item: _write(writers, pick.start, *item), depth))
        frames = stack.enter_context(closing(ahead(read_frames(job.source, pick, size), depth)))
        for frame, prediction in follow(predictor, _whole(frames, broken), sentence, audio_stream=heard.audio_stream):
            written.put(frame, prediction)
            count += 1
            if report is not None:
                report(count, frame.time)
        if broken:  # nobody knows how much longer its last frame was meant to be shown
            for kind in writers.keys() & {"overlay", "map"}:
                writers[kind].end = None
    overlay = writers.get("overlay")
    return Done(count, broken[0] if broken else None, overlay.audio_lost if overlay else None)


def _whole(frames, broken):
    """The frames of a video that may break off; how it did goes to the list `broken`, since its last frames count."""
    try:
        yield from frames
    except VideoBroken as error:
        broken.append(error)


def _write(writers, start, frame, prediction):
    """Gives one frame to each of the writers {kind: writer}."""
    for kind, writer in writers.items():
        if kind == "overlay":
            writer.write(render.overlay(frame.image, prediction.density), frame.time - start)
        elif kind == "map":
            writer.write(render.gray_map(prediction.map), frame.time - start)
        elif kind == "npy":
            density = resize_image(prediction.density, writer.size)
            writer.write(density / density.sum(dtype="float64"), frame.time, prediction.gate)
        elif prediction.gate is not None:
            writer.write(prediction.gate, frame.time)
