"""A video through a model: decoding, prediction and writing run side by side, in memory that does not grow with its
length."""

from collections import deque
from contextlib import ExitStack, closing
from functools import partial
from typing import NamedTuple

from mindaam.data.transforms import resize_image
from mindaam.data.videos.density_writer import DensityWriter
from mindaam.data.videos.map_writer import MapWriter
from mindaam.data.videos.reading import Pick, VideoBroken, checked_pick, picked_rate, read_frames, video_info
from mindaam.data.videos.writing import LONGEST_SIDE, VideoWriter
from mindaam.inference import render
from mindaam.inference.audio_choice import AudioChoice
from mindaam.inference.output.legend import Legend
from mindaam.inference.output.plots import GatePlot
from mindaam.inference.pipeline import Behind, ahead
from mindaam.inference.results import SUBMISSION, texts_of

DENSITY_SIDE = 160  # the longer side of the saved densities of a video, pixels
# Limits of the queue between two stages: items, and about so many bytes. The maps of a window come all at once; with a
# shorter queue the model would wait for the writer.
DEPTH, DEPTH_BYTES = 16, 64_000_000
FRAME_BYTES, MAP_BYTES = 3, 4  # per pixel
BACKBONE_SHARE = 0.75  # of the time for a frame, about: for the progress before a window has maps


class Done(NamedTuple):
    """frames: how many were written. problems: what went wrong without ending the work, InputErrors or sentences."""

    frames: int
    problems: list


def density_size(size):
    """(h, w) of the saved densities of a video of `size` (H, W)."""
    scale = min(1.0, DENSITY_SIDE / max(size))
    return tuple(max(1, round(side * scale)) for side in size)


def queue_depth(size, pixel_bytes=FRAME_BYTES):
    """How many items of `size` (H, W) and so many bytes per pixel a queue between two stages holds at most."""
    return max(1, min(DEPTH, DEPTH_BYTES // (pixel_bytes * size[0] * size[1])))


def follow(predictor, frames, prompts, windows=None, audio_stream=None):
    """Yields (Frame, list of FrameMaps, one per prompt) for an iterable of `data.videos` Frames, in order; else as in
    `Predictor.stream_many`."""
    shown = deque()

    def noted():
        for frame in frames:
            shown.append(frame)
            yield frame

    for found in predictor.frame_maps(noted(), prompts, windows=windows, audio_stream=audio_stream):
        yield shown.popleft(), found


def write_video(job, predictor, prompt, pick=Pick(), report=None, audio=AudioChoice(), seen=None):  # noqa: B008
    """`write_videos` for one prompt."""
    return write_videos([job], predictor, [prompt], pick, report, audio, seen)


def write_videos(
    jobs, predictor, prompts, pick=Pick(), report=None, audio=AudioChoice(), seen=None, watch=None  # noqa: B008
):
    """Predicts a video under each of some prompts and writes the files of its Jobs, one Job per prompt, each file whole
    or not at all; returns the Done. Each frame passes the backbone once.

    overlay: an mp4 with the audio of the video; map: one of gray maps, silent; npy: an .npz (see DensityWriter) of
    densities at `density_size`; submission: an mp4 of the maps of all frames (see MapWriter); gate: a plot of the audio
    gate, nothing without an AudioStream. They have the frames of `pick` only; mp4s begin at pick.start, while the times
    of the others are those of the video. report: called with (frames so far, time of the latest) during prediction.
    seen: called with the number of frames so far that passed the backbone; their maps follow, a window at a time.
    audio: the AudioChoice of the video, which stays open. watch: called, in another thread, with each Frame and its
    Predictions, one per prompt. Ctrl-C leaves files with the frames so far. Raises InputError
    for a video of which nothing can be read, OutputError for files that cannot be written."""
    checked_pick(pick)
    source = jobs[0].source
    info = video_info(source)
    size, count, broken = (info.height, info.width), 0, []
    depth = queue_depth(size)
    legends = [Legend(size, text, job.look, LONGEST_SIDE) for job, text in zip(jobs, prompts, strict=True)]
    with ExitStack() as stack:
        writers = []
        for job, legend in zip(jobs, legends, strict=True):
            writers.append({})
            for kind, target in job.targets.items():
                writers[-1][kind] = stack.enter_context(_writer(kind, target, job, info, pick, audio, legend))
        drawn = [partial(_overlay, legend, job.look) for job, legend in zip(jobs, legends, strict=True)]
        written = stack.enter_context(Behind(lambda *item: _write_all(writers, drawn, pick.start, watch, *item), depth))
        frames = stack.enter_context(closing(ahead(read_frames(source, pick, size), depth)))
        counted = _counted(_whole(frames, broken), seen)
        for frame, found in follow(predictor, counted, prompts, audio_stream=audio.stream):
            written.put(frame, found)
            count += 1
            if report is not None:
                report(count, frame.time)
        if broken:  # the duration of its last frame is unknown
            for each in writers:
                for kind in each.keys() & {"overlay", "map"}:
                    each[kind].end = None
    if broken:
        for job in jobs:
            if SUBMISSION in job.targets:
                few = f"{job.targets[SUBMISSION]} has {count:,} maps, one per decoded frame, fewer than the video"
                broken.append(few)
    overlay = writers[0].get("overlay")
    return Done(count, broken + _audio_problems(jobs[0], audio, overlay.audio_lost if overlay else None))


def _writer(kind, target, job, info, pick, audio, legend):
    """The writer of one kind of result of a Job; info: VideoInfo of its source. legend: of the overlay."""
    size, rate = (info.height, info.width), picked_rate(info, pick)
    end = info.duration if pick.end is None else min(pick.end, info.duration or pick.end)
    end = end and max(0.0, end - pick.start)
    if kind == "npy":
        return DensityWriter(target, density_size(size), job.origin)
    if kind == "gate":
        return GatePlot(target, texts_of(job))
    if kind == SUBMISSION:
        return MapWriter(target, size, info.rate, job.origin)
    if kind == "map":
        return VideoWriter(target, size, rate, end=end, comment=job.origin)
    used = {"audio": audio.file or job.source, "start": pick.start, "track": audio.track}
    return VideoWriter(target, legend.size, rate, **used, end=end, comment=job.origin)


def _audio_problems(job, audio, lost):
    """Sentences about the audio. lost: second of the overlay from which on it is silent, or None."""
    found = []
    if audio.stream is not None and audio.stream.track.problem:
        found.append(audio.stream.track.problem)
    elif lost is not None:
        found.append(f"the audio of {job.source} cannot be read from second {lost:.1f} of the result on")
    if "gate" in job.targets and audio.stream is None:
        found.append(f"{job.source} has no audio gate to plot; its audio is {audio.note}")
    return found


def _whole(frames, broken):
    """The frames of a video that may end in a VideoBroken, which is appended to `broken`: its last frames count."""
    try:
        yield from frames
    except VideoBroken as error:
        broken.append(error)


def _counted(frames, seen):
    """The frames; seen, where it is not None, is called with their number so far whenever the next one is needed."""
    for number, frame in enumerate(frames, 1):
        yield frame
        if seen is not None:
            seen(number)


def _overlay(legend, look, image, density):
    return legend.under(render.overlay(image, density, look=look))


def _write_all(writers, drawn, start, watch, frame, found):
    """Passes one frame and its FrameMaps to the writers of each prompt, a list of {kind: writer}, and to `watch`.
    drawn: of each prompt, what makes the overlay of an image and a density."""
    predictions = [each.prediction() for each in found]
    for of_prompt, overlay, prediction in zip(writers, drawn, predictions, strict=True):
        _write(of_prompt, overlay, start, frame, prediction)
    if watch is not None:
        watch(frame, predictions)


def _write(writers, drawn, start, frame, prediction):
    """Passes one frame and its Prediction to each of the writers {kind: writer}."""
    for kind, writer in writers.items():
        if kind == "overlay":
            writer.write(drawn(frame.image, prediction.density), frame.time - start)
        elif kind == "map":
            writer.write(render.gray_map(prediction.map), frame.time - start)
        elif kind == SUBMISSION:
            writer.write(prediction.map)
        elif kind == "npy":
            density = resize_image(prediction.density, writer.size)
            writer.write(density / density.sum(dtype="float64"), frame.time, prediction.gate)
        elif prediction.gate is not None:
            writer.write(prediction.gate, frame.time)
