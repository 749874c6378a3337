"""Predictions as files: the images and videos of the inputs, and the names of their results, all different."""

import hashlib
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mindaam.data import kinds, media
from mindaam.data.images import pdf
from mindaam.data.videos.picks import Pick
from mindaam.errors import ConfigError, InputError, OutputError, unknown
from mindaam.files import fault_of, real, same, write_text
from mindaam.inference import render
from mindaam.inference.output.legend import Legend
from mindaam.inference.output.origin import KEY, identity, origin, require_own, sidecar
from mindaam.inference.views.predicting import Views

SUBMISSION = "submission"  # of videos: one video of maps each, in the form of the NTIRE 2026 challenge
UNCERTAINTY = "uncertainty"  # of images
SUFFIXES = {"overlay": ".overlay.jpg", "map": ".map.png", "npy": ".npy", UNCERTAINTY: ".uncertainty.png"}
SUFFIXES_OF_VIDEOS = {
    "overlay": ".overlay.mp4", "map": ".map.mp4", "npy": ".npz", "gate": ".gate.png", SUBMISSION: ".mp4",
}  # fmt: skip
KINDS = (*SUFFIXES, SUBMISSION)
DEFAULT_FPS = 5.0  # frames per second of a video; a laptop predicts 3 to 10
LOOK, VIEWS = render.Look(), Views()
JPEG_SIDE = 65500  # pixels, the limit of the JPEG format


PART = re.compile(r"[\w+-]{1,60}")  # a condition's name that a file's name may contain; others may be of strangers


class Job(NamedTuple):
    """One image or video (is_video) under one prompt, and the files that will hold its results: {kind of `KINDS`, or
    "gate": Path}. number: index of the prompt among those of the call. look: of the overlay. views: of an image.
    origin: text of the `output.origin.Origin` in the metadata of the files; "" for none."""

    source: Path
    targets: dict
    is_video: bool = False
    number: int = 0
    look: render.Look = LOOK
    views: Views = VIEWS
    origin: str = ""


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


def tags(choices):
    """The part of a file's name for each of several prompts: "" for a single one, a condition's name, or the first 8
    digits of the prompt's SHA-256.

    choices: pairs of a prompt and a condition's name, one of which is None.
    """
    if len(choices) == 1:
        return [""]
    return [
        condition if condition and PART.fullmatch(condition) else _short_hash(condition if prompt is None else prompt)
        for prompt, condition in choices
    ]


def find_sources(inputs, recursive=False):
    """Images and videos among `inputs` (files and folders; a folder stands for those right inside it, and with
    `recursive` for those in its subfolders too, hidden ones and links excluded), and the pages of PDF documents among
    them.

    Returns the Paths in the order given, and an InputError for each input without any: the rest can be done.
    """
    sources, problems = [], []
    for path in map(Path, inputs):
        try:
            if pdf.page_of(path):
                sources.append(path)
                continue
            if not os.path.exists(path):  # unlike Path.exists, it does not raise for a forbidden or overlong path
                fault = fault_of(path)
                raise InputError(f"{path} {fault}" if fault else f"{path} does not exist; check the path")
            known = media.IMAGE_SUFFIXES + media.VIDEO_SUFFIXES
            if not os.path.isdir(path) and pdf.is_document(path):
                found, count = pdf.pages(path)
                sources += found
                if count > len(found):
                    raise InputError(
                        f"{path} has {count} pages, of which the first {len(found)} are used; give another one as "
                        f"{path.name}#page={len(found) + 1}"
                    )
            elif not os.path.isdir(path):
                sources.append(path)
            elif recursive:
                sources += _files_below(path, known)
            else:
                sources += media.list_files(path, known, "images or videos")
        except InputError as error:
            problems.append(error)
    return sources, problems


def skipped(inputs, sources, recursive=False):
    """For each folder among `inputs`, with `recursive` also for each below it, with other files than `sources`: a line
    that counts them by kind."""
    folders = [path for path in dict.fromkeys(map(Path, inputs)) if os.path.isdir(path)]
    if recursive:
        folders = [Path(inside) for folder in folders for inside, _ in _walked(folder)]
    used = [*sources, *(folders if recursive else ())]
    lines = (media.skipped(folder, used) for folder in folders)
    return [line for line in lines if line]


def plan(sources, folder, kinds, plot_gate=False, tags=("",), roots=(), of=None, look=LOOK, views=VIEWS):
    """A Job for every image and video and each of the `tags`, source by source; nothing is written yet.

    folder: of the results. plot_gate: a video also gets a plot of its audio gate. An image gets every kind but a
    submission, a video every kind but an uncertainty. tags: as of the function `tags`. roots: input folders whose
    subfolders are repeated in `folder`. of: {source: indices of its prompts}; None is all of them. A result is named
    after its source without the suffix, or with it where two sources differ in nothing else. look, views: of the
    results. Raises OutputError when two of them would write the same file, or one would overwrite another, ConfigError
    for an image or a video that gets no kind.
    """
    drafts = [_draft(source, Path(folder) / _below(source, roots), kinds, plot_gate) for source in sources]
    names = defaultdict(set)  # of the sources whose results would be called alike
    for draft in drafts:
        for target in draft.targets(_stem(draft.source)):
            names[target].add(draft.source.name)
    jobs, owners, originals = [], {}, {real(source): source for source in sources}
    for draft in drafts:
        source = draft.source
        alike = any(len(names[target]) > 1 for target in draft.targets(_stem(source)))
        for number in range(len(tags)) if of is None else of[source]:
            tag = f".{tags[number]}" if tags[number] else ""
            named = draft.targets((source.name if alike else _stem(source)) + tag)
            for target in named:
                if target in owners:
                    raise OutputError(_collision(owners[target], source, target))
                if real(target) in originals:
                    raise OutputError(
                        f"the result of {source} would overwrite {originals[real(target)]}; "
                        "choose another output folder"
                    )
            owners.update(dict.fromkeys(named, source))
            jobs.append(Job(source, dict(zip(draft.ends, named, strict=True)), draft.is_video, number, look, views))
    return jobs


def folders(jobs, out):
    """The output folder `out` and those below it that the results of the jobs need, each after its parent."""
    needed = {Path(out)}
    for place in {target.parent for job in jobs for target in job.targets.values()}:
        needed.update(each for each in (place, *place.parents) if each.is_relative_to(out))
    return sorted(needed)


def signed(jobs, prompts, model):
    """The jobs, each with its origin. prompts: of all jobs, by number. model: what names the model.

    Raises OutputError if a file exists where a result will be written, and is not the result of the same prompt, model
    and input.
    """
    name, weights = identity(model)
    origins = [origin(job.source, prompts[job.number], name, weights) for job in jobs]
    require_own({target: each for job, each in zip(jobs, origins, strict=True) for target in job.targets.values()})
    return [job._replace(origin=each.text()) for job, each in zip(jobs, origins, strict=True)]


def texts_of(job):
    """{keyword: text} of the metadata of a Job's PNGs."""
    return {KEY: job.origin} if job.origin else {}


def write(job, image, prediction, spread=None):
    """Writes the files of an image's Job, each whole or not at all.

    image: uint8 RGB [H, W, 3]; prediction: its Prediction; spread: of a `Seen`, for the uncertainty. Raises OutputError
    when a file cannot be written, InputError for an image with a side beyond the limit of JPEG.
    """
    if "overlay" in job.targets and max(image.shape[:2]) > JPEG_SIDE:
        raise InputError(
            f"{job.source} has a side of more than {JPEG_SIDE} pixels, which a JPEG overlay cannot hold; "
            "save its map and npy only"
        )
    for kind, target in job.targets.items():
        if kind == "overlay":
            legend = Legend(image.shape[:2], prediction.prompt, job.look, JPEG_SIDE)
            drawn = legend.under(render.overlay(image, prediction.density, look=job.look))
            media.write_jpeg(target, drawn, comment=job.origin)
        elif kind == "map":
            media.write_png(target, render.gray_map(prediction.map), texts_of(job))
        elif kind == UNCERTAINTY:
            media.write_png(target, np.rint(255 * np.clip(spread, 0, 1)).astype(np.uint8), texts_of(job))
        else:
            media.write_npy(target, prediction.density)
            if job.origin:
                write_text(sidecar(target), job.origin + "\n")


def _stem(source):
    return pdf.page_name(source) if pdf.page_of(source) else source.stem


class _Draft(NamedTuple):
    """A source, the folder of its results, and the end of each result's name: {kind: text}."""

    source: Path
    is_video: bool
    place: Path
    ends: dict

    def targets(self, start):
        """The paths of its results, whose names begin with `start`."""
        return [self.place / (start + end) for end in self.ends.values()]


def _draft(source, place, kinds, plot_gate):
    video = is_video(source)
    suffixes = SUFFIXES_OF_VIDEOS if video else SUFFIXES
    wanted = [each for each in kinds if each != (UNCERTAINTY if video else SUBMISSION)]
    if not wanted:
        alone, what = ("an uncertainty", "images") if video else ("a submission", "videos")
        raise ConfigError(
            f"{alone} has {what} only, and {source} is {'a video' if video else 'an image'}; "
            f"give {what}, or add another kind to --save"
        )
    wanted += ["gate"] if plot_gate and video else []
    return _Draft(source, video, place, {kind: suffixes[kind] for kind in wanted})


def _below(source, roots):
    """The folder of a source relative to the one of the `roots` that contains it; "." without any."""
    for root in roots:
        if source.is_relative_to(root):
            return source.parent.relative_to(root)
    return Path()


def _files_below(folder, suffixes):
    """The files with one of the suffixes in a folder and its subfolders, sorted; InputError if there are none."""
    faults = []
    paths = [Path(inside, name) for inside, names in _walked(folder, faults.append) for name in names]
    found = [path for path in paths if path.suffix.lower() in suffixes]
    if faults:
        raise InputError(
            f"the folder {faults[0].filename} cannot be read ({faults[0].strerror}); check its permissions"
        )
    if not found:
        raise InputError(f"the folder {folder} and its subfolders have no images or videos; check the path")
    return sorted(found)


def _walked(folder, onerror=None):
    """Yields (path, names of files) of a folder and its subfolders, without hidden ones and links to folders."""
    for inside, folders, names in os.walk(folder, onerror=onerror):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield inside, [name for name in names if not name.startswith(".")]


def _short_hash(text):
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]


def _collision(first, second, target):
    if same(first, second):
        return f"{second} is given twice; give it once"
    return (
        f"{first} and {second} would both be written to {target}; rename one of them, "
        "or predict them into different folders"
    )
