"""Predictions as files: which photographs are meant, what their results are called, and that no two share a name."""

import os
from pathlib import Path
from typing import NamedTuple

from mindaam.data import media
from mindaam.errors import ConfigError, InputError, OutputError, unknown
from mindaam.inference import render

SUFFIXES = {"overlay": ".overlay.jpg", "map": ".map.png", "npy": ".npy"}
JPEG_SIDE = 65500  # pixels; the JPEG format knows no longer sides


class Job(NamedTuple):
    """One photograph and the files that will hold its results: {kind of `SUFFIXES`: Path}."""

    source: Path
    targets: dict


def parse_kinds(text):
    """The kinds in a comma-separated `text`, in the order given. Raises ConfigError for none or an unknown one."""
    kinds = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for kind in kinds:
        if kind not in SUFFIXES:
            raise unknown("kind of result", kind, SUFFIXES)
    if not kinds:
        raise ConfigError(f"no kind of result was named; choose from {', '.join(SUFFIXES)}")
    return kinds


def find_photos(inputs):
    """Photographs among `inputs` (files and folders; a folder stands for the pictures right inside it).

    Returns the Paths in the order given, and an InputError for each input that offers none: the rest can be done.
    """
    photos, problems = [], []
    for place in map(Path, inputs):
        try:
            if not os.path.exists(place):  # unlike Path.exists, it answers for a forbidden or overlong path too
                raise InputError(f"there is no file or folder {place}; check the path")
            photos += media.list_images(place) if os.path.isdir(place) else [place]
        except InputError as error:
            problems.append(error)
    return photos, problems


def plan(photos, folder, kinds):
    """A Job for every photograph, its results in `folder`; nothing is written yet.

    Raises OutputError when two photographs would write the same file, or one would overwrite a photograph.
    """
    jobs, owners = [], {}
    sources = {photo.resolve(): photo for photo in photos}
    for photo in photos:
        targets = {kind: Path(folder) / (photo.stem + SUFFIXES[kind]) for kind in kinds}
        for target in targets.values():
            if target in owners:
                raise OutputError(_collision(owners[target], photo, target))
            if target.resolve() in sources:
                raise OutputError(
                    f"the result of {photo} would overwrite the photograph {sources[target.resolve()]}; "
                    "choose another output folder"
                )
            owners[target] = photo
        jobs.append(Job(photo, targets))
    return jobs


def write(job, image, prediction):
    """Writes a Job's files, each whole or not at all.

    image: uint8 RGB [H, W, 3]; prediction: its Prediction. Raises OutputError when a file cannot be written, InputError
    for a photograph whose side no JPEG can hold.
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
            media.write_png(target, render.grey_map(prediction.map))
        else:
            media.write_npy(target, prediction.density)


def _collision(first, second, target):
    if first.resolve() == second.resolve():
        return f"{second} is named twice; name it once"
    return (
        f"{first} and {second} would both be written to {target}; rename one of them, "
        "or predict them into different folders"
    )
