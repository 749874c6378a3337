"""The best, median and worst predictions of an evaluation's folder, as images that a page embeds.

examples/examples.json: {dataset: [{"rank": "best" | "median" | "worst", "file", "name", "condition", "role", "CC",
"frame": number or null}]}. The files are JPEG and beside it.
"""

import json
import math
from pathlib import Path

from mindaam.evaluation.pages.run_view import mapping
from mindaam.files import read_small

FOLDER, LIST = "examples", "examples.json"
RANKS = ("best", "median", "worst")
MOST = 20_000_000  # bytes of the images that one page embeds
LARGEST = 2_000_000  # bytes of one image, and of the list
JPEG = b"\xff\xd8\xff"


class Images:
    """The images of one folder of an evaluation (None: without images). budget: [bytes left for the page], shared by
    all folders that it shows and reduced in place."""

    def __init__(self, folder=None, budget=None):
        self.folder = None if folder is None else Path(folder, FOLDER)
        self.budget = [MOST] if budget is None else budget

    def listed(self):
        """The content of examples.json; empty without a folder, without the file, and for damage."""
        if self.folder is None:
            return {}
        try:
            return mapping(json.loads(read_small(self.folder / LIST, LARGEST)))
        except (OSError, ValueError, RecursionError):
            return {}

    def read(self, name):
        """(bytes of a JPEG, None), or (None, the reason why it is not shown)."""
        if not isinstance(name, str) or Path(name).name != name:
            return None, "its name is not the name of a file in examples"
        try:
            data = read_small(self.folder / name, LARGEST)
        except OSError as error:
            return None, f"it cannot be read: {error.strerror or error}"
        if not data.startswith(JPEG):
            return None, "it is not a JPEG file"
        if len(data) > self.budget[0]:
            return None, f"the images of this page would exceed {MOST / 1e6:g} MB; it is in {self.folder}"
        self.budget[0] -= len(data)
        return data, None


def triptychs(images, dataset):
    """[{"rank", "name", "condition", "frame", "cc", "jpeg", "problem"}] of a dataset, best first; [] without any."""
    entries = images.listed().get(dataset)
    entries = [mapping(entry) for entry in entries] if isinstance(entries, list) else []
    found = []
    for rank in RANKS:
        for entry in (each for each in entries if each.get("rank") == rank):
            jpeg, problem = images.read(entry.get("file"))
            score = entry.get("CC")
            known = isinstance(score, int | float) and math.isfinite(score)
            texts = {key: entry.get(key) for key in ("rank", "name", "condition", "frame")}
            found.append({**texts, "cc": score if known else None, "jpeg": jpeg, "problem": problem})
    return found
