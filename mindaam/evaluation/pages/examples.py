"""The best, median and worst prediction of each dataset of an evaluation, as images in its folder.

examples/DATASET-best.jpg, -median.jpg, -worst.jpg: side by side the image, the overlay of the prediction and that of
the ground truth; of a video, the middle one of its frames with a ground truth. They are chosen by CC under the role
`right`, or the first role that is not a baseline, and predicted again. `example_images` describes examples.json, which
lists them. The license of a dataset may forbid publishing its images.
"""

import json
import math
import re
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from mindaam.data import transforms
from mindaam.errors import MindAAMError, OutputError, unforeseen
from mindaam.evaluation.pages.evaluation_view import first_role
from mindaam.evaluation.pages.example_images import FOLDER, LIST
from mindaam.evaluation.results import by_role
from mindaam.files import prepare_folder, replacing, write_text
from mindaam.inference import render

SIDE = 480  # longest side of each of the three images, in pixels
GAP = 8  # white pixels between them
LONGEST = 60  # characters of a dataset's name in the name of a file
NOTICE = "The license of the dataset may forbid publishing its images."


def write(source, readers, evaluation, folder, roles_of):
    """Writes the examples of all datasets into the folder of an Evaluation; returns a line for each that fails.

    source: MapSource; readers: those that were scored; roles_of: (reader, condition) -> {role: prompts}, as in the
    evaluation. Raises OutputError when the folder cannot be written.
    """
    place, chosen, problems = Path(folder, FOLDER), {}, []
    for number, reader in enumerate(readers):
        rows = evaluation.rows_of(reader.name)
        role = first_role(by_role(rows))
        for rank, row in ranked([row for row in rows if row["role"] == role]).items():
            prepare_folder(place)
            file = f"{_plain(reader.name, number, readers)}-{rank}.jpg"
            try:
                frame, content = _example(source, reader, row, roles_of)
                _save(content, place / file)
            except OutputError:
                raise
            except MindAAMError as error:
                problems.append(f"the example {file} is not written: {error}")
                continue
            except Exception as error:  # it concerns one image of many, which has been scored before
                problems.append(str(unforeseen(f"the example {file}", error)))
                continue
            entry = {"rank": rank, "file": file, "name": row["name"], "condition": row["condition"], "role": role}
            chosen.setdefault(reader.name, []).append({**entry, "CC": row["CC"], "frame": frame})
    if chosen:
        write_text(place / LIST, json.dumps(chosen, ensure_ascii=False, indent=1) + "\n")
    return problems


def ranked(rows):
    """{"best", "median", "worst": row} by CC, NaN excluded; of fewer than three rows those that differ."""
    scored = sorted((row for row in rows if math.isfinite(row.get("CC", math.nan))), key=lambda row: row["CC"])
    if not scored:
        return {}
    found = {"best": scored[-1]}
    if len(scored) > 2:
        found["median"] = scored[(len(scored) - 1) // 2]
    return found | ({"worst": scored[0]} if len(scored) > 1 else {})


def triptych(image, prediction, truth):
    """The three images side by side, uint8 RGB, each at most SIDE pixels long.

    image: uint8 RGB [H,W,3]; prediction: [h,w] of any size and scale; truth: [h,w] >= 0.
    """
    size = transforms.fit_within(image.shape[:2], SIDE)
    small = transforms.resize_image(image, size)
    panels = [small]
    for density in (prediction, truth):
        fitted = transforms.resize_image(np.ascontiguousarray(density, np.float32), size)
        panels.append(render.overlay(small, np.maximum(fitted, 0)))
    gap = np.full((size[0], GAP, 3), 255, np.uint8)
    return np.concatenate([panels[0], gap, panels[1], gap, panels[2]], 1)


def _example(source, reader, row, roles_of):
    """(number of a video's frame or None, triptych) of a row."""
    index = list(reader.entries).index((row["name"], row["condition"]))
    size = transforms.fit_within(reader.size(index), SIDE)
    prompts = roles_of(reader, row["condition"])[row["role"]][:1]
    if not reader.is_video:
        [prediction] = source.image_maps(reader, index, prompts)
        return None, triptych(reader.image(index), prediction, reader.density(index, size))
    labelled = np.flatnonzero(reader.labelled(index))
    position = int(labelled[len(labelled) // 2])
    with closing(source.video_maps(reader, index, prompts)) as maps:
        [prediction] = next(islice(maps, position, None))
    image = reader.clip(index, [position]).image[0]
    return position, triptych(transforms.as_levels(image), prediction, reader.density(index, position, size))


def _plain(name, number, readers):
    """The name of a dataset as a part of a file's name, with its number where two have the same."""
    plain = [re.sub(r"[^A-Za-z0-9_-]+", "_", reader.name)[:LONGEST] for reader in readers]
    return plain[number] if plain.count(plain[number]) == 1 else f"{plain[number]}-{number}"


def _save(content, path):
    with replacing(path) as stream:
        Image.fromarray(content).save(stream, format="JPEG", quality=85, comment=NOTICE)
