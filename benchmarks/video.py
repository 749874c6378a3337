"""The cost of a video: memory that must not grow with its length, frames per second, and the real-time factor.

    python benchmarks/video.py [--minutes 10] [--fps 2] [--model NAME|PATH] [--only media|predict|released]
    python benchmarks/video.py --before TREE [--fps 5] [--model NAME|PATH]

The video is the clip of examples/, 1280 x 720 with audio, repeated; the short one of 30 seconds is the baseline of the
memory ratios. Each figure comes from a fresh process:
media: decoder and writer alone, every frame. predict: `mindaam predict` with an overlay, at --fps, against the same
frames decoded, predicted and written one after the other. released: the authors' network, preset `released` of
aam_dinov3_vits16 at 448 x 448 with random weights, windows of 16, against its frames as single images.
--before: the whole command `mindaam predict`, overlay with audio, in turn with another checkout's on the same frames.
The difference of a long and a short video gives the frames per second without start and compiling.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from common import CLIP, ROOT, ConstantEmbedding, command_seconds, in_fresh_process, machine, peak_mb

SHORT = 30.0  # seconds
BRIEF, WHOLE = 4.0, 12.0  # seconds of the videos of --before
GROWTH, PEAK_MB = 1.10, 3000.0  # limits of a long video's memory: against the short one's, and absolute


def main():
    """Makes the videos, runs the measurements one after another and prints a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=10.0, help="length of the long video")
    options.add_argument("--fps", type=float, default=2.0, help="predicted frames per second")
    options.add_argument("--model", default=None, help="a model's name, a checkpoint or a run's folder")
    options.add_argument("--only", choices=("media", "predict", "released"), help="only one part")
    options.add_argument("--before", type=Path, metavar="TREE", help="only the command, against another checkout")
    options.add_argument("--worker", nargs=3, metavar=("TASK", "IN", "OUT"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.worker:
        task, source, out = asked.worker
        print(json.dumps(TASKS[task](Path(source), Path(out), asked)))
        return
    print(machine(), flush=True)
    if asked.before:
        print(against(asked.before.resolve(), asked.fps, asked.model))
        return
    with tempfile.TemporaryDirectory() as folder:
        short, long = (
            repeated(CLIP, Path(folder) / f"{name}.mp4", s)
            for name, s in (("short", SHORT), ("long", 60 * asked.minutes))
        )
        if asked.only in (None, "media"):
            compare("decoder and writer, every frame", "media", short, long)
        if asked.only in (None, "predict"):
            compare(f"predict --fps {asked.fps:g}", "predict", short, long)
            one_by_one, piped = measured("sequential", short), measured("predict", short)
            print(f"  the same one after the other: {one_by_one['pace']:.2f} frames/s; side by side is "
                  f"{piped['pace'] / one_by_one['pace']:.2f} x as quick", flush=True)  # fmt: skip
        if asked.only in (None, "released"):
            single, video = measured("images", short), measured("released", short)
            cost = video["seconds"] / single["seconds"]
            print("released S at 448, windows of 16:", end=" ")
            print(f"{video['seconds']:.2f} s per frame, peak {video['peak_mb']:.0f} MB; as images", end=" ")
            print(f"{single['seconds']:.2f} s, {single['peak_mb']:.0f} MB: {cost:.2f} x the time")


def against(tree, fps, model):
    """The table of `mindaam predict` of this checkout and of `tree` on two videos, in turn, after graphs are stored."""
    with tempfile.TemporaryDirectory() as folder:
        videos = [repeated(CLIP, Path(folder) / f"{seconds:g}.mp4", seconds) for seconds in (BRIEF, WHOLE)]
        for each in (ROOT, tree):  # each stores its graphs
            commands(each, Path(folder), videos[0], fps, model)
        rows = [[commands(each, Path(folder), video, fps, model) for each in (ROOT, tree)] for video in videos]
    lines = [f"| `mindaam predict`, overlay with audio | MindAAM | {tree.name} | ratio |", "|---|---|---|---|"]
    for seconds, ((now, frames), (before, others)) in zip((BRIEF, WHOLE), rows, strict=True):
        if frames != others:
            sys.exit(f"{frames} frames are not the {others} of {tree}")
        lines.append(f"| {seconds:g} s, {frames} frames, s | {now:.1f} | {before:.1f} | {before / now:.2f} |")
    now, before = ((rows[1][side][1] - rows[0][side][1]) / (rows[1][side][0] - rows[0][side][0]) for side in range(2))
    return "\n".join([*lines, f"| frames/s after the start | {now:.2f} | {before:.2f} | {now / before:.2f} |"])


def commands(tree, folder, video, fps, model):
    """Wall seconds of `mindaam predict` of a checkout on a video, and the frames of its overlay."""
    from mindaam.data.videos.reading import read_frames

    with tempfile.TemporaryDirectory(dir=folder) as out:
        asked = ["predict", video, "-o", out, "--fps", fps, *(["--model", model] if model else [])]
        seconds = command_seconds(tree, folder / f"cache of {tree.name}", *asked)
        [overlay] = Path(out).glob("*.overlay.mp4")
        return seconds, sum(1 for _ in read_frames(overlay))


def compare(title, task, short, long):
    """Prints the figures of one task on both videos, and the ratio of their memories."""
    few, many = measured(task, short), measured(task, long)
    growth = many["peak_mb"] / few["peak_mb"]
    print(f"{title}: {many['frames']} frames of {many['length']:.0f} s, {many['pace']:.2f} frames/s, "
          f"real-time factor {many['seconds'] / many['length']:.2f}")  # fmt: skip
    met = "met" if growth <= GROWTH and many["peak_mb"] <= PEAK_MB else "NOT MET"
    print(f"  peak memory {many['peak_mb']:.0f} MB against {few['peak_mb']:.0f} MB of {few['length']:.0f} s: "
          f"{growth:.3f} x (at most {GROWTH}, and {PEAK_MB:.0f} MB): {met}", flush=True)  # fmt: skip


def repeated(clip, path, seconds):
    """The packets of the clip again and again, for that many seconds; nothing is encoded again."""
    import av

    with av.open(str(clip)) as source, av.open(str(path), "w") as video:
        kinds = (source.streams.video[0], source.streams.audio[0])
        streams = {stream.index: video.add_stream_from_template(stream) for stream in kinds}
        length, shift = min(float(stream.duration * stream.time_base) for stream in kinds), 0.0
        while shift < seconds:
            source.seek(0)
            for packet in source.demux(*kinds):
                index, end = packet.stream.index, length
                if packet.dts is None or packet.pts * packet.time_base >= min(end, seconds - shift):
                    continue
                off = round(shift / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + off, packet.dts + off, streams[index]
                video.mux(packet)
            shift += length
    return path


def media(source, out, asked):
    """Every frame decoded and written again, audio kept."""
    from mindaam.data.videos.reading import read_frames, video_info
    from mindaam.data.videos.writing import VideoWriter

    info, count, started = video_info(source), 0, time.perf_counter()
    with VideoWriter(out / "out.mp4", (info.height, info.width), info.rate, audio=source) as writer:
        for frame in read_frames(source):
            writer.write(frame.image, frame.time)
            count += 1
    return figures(info.duration, count, time.perf_counter() - started)


def predict(source, out, asked):
    """`mindaam predict`, as the command does it; compilation is not timed."""
    from mindaam.data.videos.reading import Pick, video_info
    from mindaam.inference.results import Job
    from mindaam.inference.videos import write_video

    predictor, prompt = warm(asked.model)
    pick, started = Pick(fps=asked.fps), time.perf_counter()
    done = write_video(Job(source, {"overlay": out / "out.mp4"}), predictor, prompt, pick)
    return figures(video_info(source).duration, done.frames, time.perf_counter() - started)


def sequential(source, out, asked):
    """The same work without threads: a frame decoded, predicted, written, then the next."""
    from mindaam.data.videos.reading import Pick, read_frames, video_info
    from mindaam.data.videos.writing import VideoWriter
    from mindaam.inference import render
    from mindaam.inference.videos import follow

    predictor, prompt = warm(asked.model)
    info, count, started = video_info(source), 0, time.perf_counter()
    with VideoWriter(out / "out.mp4", (info.height, info.width), asked.fps, audio=source) as writer:
        for frame, [found] in follow(predictor, read_frames(source, Pick(fps=asked.fps)), [prompt]):
            writer.write(render.overlay(frame.image, found.prediction().density), frame.time)
            count += 1
    return figures(info.duration, count, time.perf_counter() - started)


def released(source, out, asked):
    """Seconds per frame of the authors' network on two windows of 16 frames, after a first one."""
    return released_seconds(source, 32)


def images(source, out, asked):
    """The same frames, each as an image."""
    return released_seconds(source, 8, single=True)


def released_seconds(source, count, single=False):
    """Mean seconds per frame, and peak memory, of aam_dinov3_vits16 under `released` on the first frames."""
    from itertools import islice

    from mindaam import runtime
    from mindaam.data.videos.reading import read_frames
    from mindaam.data.videos.windows import Windows
    from mindaam.inference.predictor import Predictor
    from mindaam.zoo import create_model

    runtime.configure(mode="graph", seed=0)
    predictor = Predictor(create_model("aam_dinov3_vits16", preset="released"), sentence_encoder=ConstantEmbedding())
    frames = [frame.image for frame in islice(read_frames(source), count)]
    if single:
        predictor.predict(frames[0])
        started = time.perf_counter()
        for image in frames[1:]:
            predictor.predict(image)
        return figures(0, len(frames) - 1, (time.perf_counter() - started) / (len(frames) - 1))
    windows = Windows(16, 0)
    list(predictor.stream(frames[:16], windows=windows))
    started = time.perf_counter()
    list(predictor.stream(frames, windows=windows))
    return figures(0, count, (time.perf_counter() - started) / count)


def warm(model):
    """A Predictor whose graphs are compiled, and the prompt of free viewing."""
    import numpy as np

    from mindaam import runtime
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor, choose_prompt

    runtime.configure(mode="graph")
    predictor, prompt = Predictor(model or DEFAULT_MODEL), choose_prompt()
    list(predictor.stream([np.zeros((72, 128, 3), np.uint8)] * 2, prompt))
    return predictor, prompt


def figures(length, frames, seconds):
    """The report of a worker; peak resident memory in MB."""
    return {"length": length, "frames": frames, "seconds": seconds, "pace": frames / seconds, "peak_mb": peak_mb()}


TASKS = {f.__name__: f for f in (media, predict, sequential, released, images)}


def measured(task, source):
    """The figures of a task, from a process of its own."""
    with tempfile.TemporaryDirectory() as out:
        return in_fresh_process(__file__, *sys.argv[1:], "--worker", task, source, out)


if __name__ == "__main__":
    main()
