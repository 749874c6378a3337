"""Gaze folders and packs under a folder: can all of each be read? As plain values, for the report of `data check`."""

from pathlib import Path

from mindaam.data.checks.probing import damaged
from mindaam.data.datasets.corpus import open_gaze
from mindaam.data.datasets.gaze_files import META, SPLITS, read_json
from mindaam.data.datasets.packed import open_packed
from mindaam.errors import InputError


def examine_own(root, *, deep=False):
    """A report on each gaze folder and pack at or right under a folder: {"name", "kind", "folder", "splits": {split:
    entries}, "ground_truth", "problems": [text]}. Fixations and headers of all pictures are read, and two frames a
    film; deep: packs are compared with their hashes too."""
    root = Path(root)
    gaze = [root] if (root / META).is_file() else sorted(path.parent for path in root.glob(f"*/{META}"))
    packs = [root] if (root / "pack.json").is_file() else sorted(path.parent for path in root.glob("*/pack.json"))
    return [_gaze_folder(place) for place in gaze] + [_pack(place, deep) for place in packs]


def _gaze_folder(place):
    report = {"name": place.name, "kind": "gaze folder", "folder": str(place), "splits": {}, "ground_truth": "",
              "problems": []}  # fmt: skip
    try:
        splits = list(read_json(place, SPLITS))
    except InputError as error:
        return report | {"problems": [str(error)]}
    for split in splits:
        try:
            reader = open_gaze(place, split)
        except InputError as error:
            report["problems"].append(str(error))
            continue
        report["splits"][split], report["ground_truth"] = len(reader), reader.ground_truth
        report["problems"] += damaged({"": reader}).get("", {}).values()
    return report


def _pack(place, deep):
    report = {"name": place.name, "kind": "pack", "folder": str(place), "splits": {}, "ground_truth": "",
              "problems": []}  # fmt: skip
    try:
        reader = open_packed(place)
        report |= {"splits": {reader.split: len(reader)}, "ground_truth": reader.ground_truth}
        if deep:
            reader.pack.verify()
    except InputError as error:
        report["problems"].append(str(error))
    return report
