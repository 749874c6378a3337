"""Predictions as files: the images and videos of the inputs, and the names of their results, all different."""

import os
from pathlib import Path
from typing import NamedTuple

from mindaam.data import kinds, media
from mindaam.data.videos.picks import Pick
from mindaam.errors import ConfigError, InputError, OutputError, unknown
from mindaam.files import fault_of, real, same
from mindaam.inference import render

SUBMISSION = "submission"  # of videos: one video of maps each, in the form of the NTIRE 2026 challenge
SUFFIXES = {"overlay": ".overlay.jpg", "map": ".map.png", "npy": ".npy"}
SUFFIXES_OF_VIDEOS = {
    "overlay": ".overlay.mp4", "map": ".map.mp4", "npy": ".npz", "gate": ".gate.png", SUBMISSION: ".mp4",
}  # fmt: skip
KINDS = (*SUFFIXES, SUBMISSION)
DEFAULT_FPS = 5.0  # frames per second of a video; a laptop predicts 3 to 10
JPEG_SIDE = 65500  # pixels, the limit of the JPEG format


class Job(NamedTuple):
    """One image or video (is_video) and the files that will hold its results: {kind of `KINDS`, or "gate": Path}."""

    source: Path
    targets: dict
    is_video: bool = False


def is_video(path):
    """Whether a file is a video by its first bytes; by its suffix when they are neither a video's nor an image's."""
    start = kinds.file_start(path)
    if kinds.is_image(start):
        return False
    return kinds.kind_of_content(start) is kinds.VIDEO or Path(path).suffix.lower() in media.VIDEO_SUFFIXES


def parse_kinds(text):
    """The kinds in a comma-separated `text`, in the order given. Raises ConfigError for none or an unknown one."""
    kinds = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for kind in kinds:
        if kind not in KINDS:
            raise unknown("kind of result", kind, KINDS)
    if not kinds:
        raise ConfigError(f"no kind of result is given; choose from {', '.join(KINDS)}")
    return kinds


def frames_per_second(text, kinds, every=None):
    """The limit of `Pick.fps` in the text of --fps, a number or "all"; None, no limit, for "all".

    Without a text it is DEFAULT_FPS, but None where frames are chosen otherwise: by --every, or because a submission is
    among the kinds. Raises ConfigError for another text.
    """
    if text is None:
        return DEFAULT_FPS if every is None and SUBMISSION not in kinds else None
    if text.strip().lower() == "all":
        return None
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f'--fps must be a number of frames per second or "all", not "{text}"') from None


def checked_pick_of(kinds, pick):
    """The Pick of frames; ConfigError unless it takes every frame where a submission is among the kinds."""
    if SUBMISSION in kinds and pick != Pick():
        raise ConfigError("a submission has every frame of a video; remove --start, --end, --every and --fps")
    return pick


def find_sources(inputs):
    """Images and videos among `inputs` (files and folders; a folder stands for those right inside it).

    Returns the Paths in the order given, and an InputError for each input without any: the rest can be done.
    """
    sources, problems = [], []
    for path in map(Path, inputs):
        try:
            if not os.path.exists(path):  # unlike Path.exists, it does not raise for a forbidden or overlong path
                fault = fault_of(path)
                raise InputError(f"{path} {fault}" if fault else f"{path} does not exist; check the path")
            known = media.IMAGE_SUFFIXES + media.VIDEO_SUFFIXES
            sources += media.list_files(path, known, "images or videos") if os.path.isdir(path) else [path]
        except InputError as error:
            problems.append(error)
    return sources, problems


def skipped(inputs, sources):
    """For each folder among `inputs` with other files than `sources`: a line that counts them by kind."""
    lines = (media.skipped(path, sources) for path in dict.fromkeys(map(Path, inputs)) if os.path.isdir(path))
    return [line for line in lines if line]


def plan(sources, folder, kinds, plot_gate=False):
    """A Job for every image and video, its results in `folder`; nothing is written yet.

    plot_gate: a video also gets a plot of its audio gate. An image gets every kind but a submission.
    Raises OutputError when two of them would write the same file, or one would overwrite another, ConfigError for an
    image if a submission is the only kind.
    """
    jobs, owners = [], {}
    originals = {real(source): source for source in sources}
    for source in sources:
        video = is_video(source)
        suffixes = SUFFIXES_OF_VIDEOS if video else SUFFIXES
        all_kinds = [*kinds, "gate"] if plot_gate and video else [each for each in kinds if video or each != SUBMISSION]
        if not all_kinds:
            raise ConfigError(
                f"a submission has videos only, and {source} is an image; give videos, or add another kind to --save"
            )
        targets = {kind: Path(folder) / (source.stem + suffixes[kind]) for kind in all_kinds}
        for target in targets.values():
            if target in owners:
                raise OutputError(_collision(owners[target], source, target))
            if real(target) in originals:
                raise OutputError(
                    f"the result of {source} would overwrite {originals[real(target)]}; choose another output folder"
                )
            owners[target] = source
        jobs.append(Job(source, targets, video))
    return jobs


def write(job, image, prediction):
    """Writes the files of an image's Job, each whole or not at all.

    image: uint8 RGB [H, W, 3]; prediction: its Prediction. Raises OutputError when a file cannot be written, InputError
    for an image with a side beyond the limit of JPEG.
    """
    if "overlay" in job.targets and max(image.shape[:2]) > JPEG_SIDE:
        raise InputError(
            f"{job.source} has a side of more than {JPEG_SIDE} pixels, which a JPEG overlay cannot hold; "
            "save its map and npy only"
        )
    for kind, target in job.targets.items():
        if kind == "overlay":
            media.write_jpeg(target, render.overlay(image, prediction.density))
        elif kind == "map":
            media.write_png(target, render.gray_map(prediction.map))
        else:
            media.write_npy(target, prediction.density)


def _collision(first, second, target):
    if same(first, second):
        return f"{second} is given twice; give it once"
    return (
        f"{first} and {second} would both be written to {target}; rename one of them, "
        "or predict them into different folders"
    )
