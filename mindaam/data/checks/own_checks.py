"""Gaze folders and packs under a folder: can all of each be read? As plain values, for the report of `data check`."""

import os
from pathlib import Path

from mindaam.data.checks.probing import damaged
from mindaam.data.datasets.corpus import PACK, gaze_folders, open_gaze
from mindaam.data.datasets.gaze_files import SPLITS, read_json
from mindaam.data.datasets.packed import open_packed
from mindaam.errors import InputError


def examine_own(root, *, deep=False):
    """A report on each gaze folder and pack at or right under a folder: {"name", "kind", "folder", "splits": {split:
    entries}, "ground_truth", "problems": [text], "notes": [text]}. Fixations and headers of all pictures are read, and
    two frames a film; deep: packs are compared with their hashes too."""
    root = Path(root)
    packs = [root] if os.path.isfile(root / PACK) else sorted(path.parent for path in root.glob(f"*/{PACK}"))
    return [_gaze_folder(place) for place in gaze_folders(root)] + [_pack(place, deep) for place in packs]


def _gaze_folder(place):
    report = {"name": place.name, "kind": "gaze folder", "folder": str(place), "splits": {}, "ground_truth": "",
              "problems": [], "notes": []}  # fmt: skip
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
        beside = getattr(reader, "outside", 0)
        report["notes"] += [f"{split}: {beside:,} fixations outside their pictures are left out"] * bool(beside)
    return report


def _pack(place, deep):
    report = {"name": place.name, "kind": "pack", "folder": str(place), "splits": {}, "ground_truth": "",
              "problems": [], "notes": []}  # fmt: skip
    try:
        reader = open_packed(place)
        report |= {"splits": {reader.split: len(reader)}, "ground_truth": reader.ground_truth}
        if deep:
            reader.pack.verify()
    except InputError as error:
        report["problems"].append(str(error))
    return report
