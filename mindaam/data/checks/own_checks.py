"""Gaze folders and packs under a folder: can all of each be read? As plain values, for the report of `data check`."""

import os

from mindaam.data.checks.probing import damaged
from mindaam.data.datasets.finding import base_name, gaze_folders, pack_folders, pack_name
from mindaam.data.datasets.opening import open_gaze, untimely
from mindaam.data.datasets.readers.gaze_files import STIMULI, split_lists
from mindaam.data.datasets.readers.gaze_videos import SOUNDS
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.listed import shown
from mindaam.errors import InputError
from mindaam.files import lies_in, real


def examine_own(root, names=None, published=(), *, deep=False):
    """A report on each gaze folder and pack at or right under a folder: {"name", "kind", "folder", "splits": {split:
    entries}, "ground_truth", "problems": [text], "notes": [text]}, and of gaze folders "conditions": {condition:
    {"entries", "prompts": their number, "prompt": the first}}. Fixations and headers of all images are read, and two
    frames a video; deep: packs are compared with their hashes too.

    names: of gaze folders and of what was packed, those wanted, None for all. published: names of the datasets that
    are there; where one name stands for several, a note says which is used."""
    gaze = {base_name(place): place for place in gaze_folders(root)}
    packs = {place: pack_name(place)[0] or "" for place in pack_folders(root)}
    reports = [_gaze_folder(name, place) for name, place in gaze.items() if names is None or name in names]
    for report in reports:
        if report["name"] in published:
            report["notes"].append("the dataset of that name here is not used: the gaze folder comes first")
    for place, name in packs.items():
        if names is None or name in names:
            report = _pack(place, deep)
            if name in gaze or name in published:
                report["notes"].append(_instead("gaze folder" if name in gaze else "dataset", name))
            reports.append(report)
    return reports


def _instead(kind, name):
    return f"training reads the pack, evaluation the {kind} {name} that is here too"


def _gaze_folder(name, place):
    report = {"name": name, "kind": "gaze folder", "folder": str(place), "splits": {}, "ground_truth": "",
              "conditions": {}, "problems": [], "notes": []}  # fmt: skip
    try:
        splits = list(split_lists(place))
    except InputError as error:
        return report | {"problems": [str(error)]}
    for split in splits:
        try:
            reader = open_gaze(place, split)
        except InputError as error:
            report["problems"].append(str(error))
            continue
        report["splits"][split], report["ground_truth"] = len(reader), reader.ground_truth
        _count_conditions(reader, report["conditions"])
        report["problems"] += damaged({"": reader}).get("", {}).values()
        beside = 0 if reader.is_video else reader.outside
        report["notes"] += [f"{split}: {beside:,} fixations outside their images are skipped"] * bool(beside)
        report["notes"] += untimely(split, reader)
    report["notes"] += _links_out(place)
    return report


def _count_conditions(reader, found):
    """Adds the entries of a reader to {condition: {"entries": number, "prompts": number, "prompt": that it is scored
    with}}."""
    for _, condition in reader.entries:
        if condition not in found:
            prompts = reader.prompts.of(condition)
            found[condition] = {"entries": 0, "prompts": len(prompts), "prompt": prompts[0]}
        found[condition]["entries"] += 1


def _links_out(place):
    """A line on links in a gaze folder to what lies outside it, as `data import --link` makes them; or none."""
    folders = [each for each in (place / STIMULI, place / SOUNDS) if os.path.isdir(each)]
    paths = [folder / name for folder in folders for name in sorted(os.listdir(folder))]
    out = [path for path in [*folders, *paths] if os.path.islink(path) and not lies_in(path, place)]
    if out:
        first = out[0].relative_to(place)
        yield f"{len(out):,} links lead out of the folder, and are followed; {first} leads to {shown(real(out[0]))}"


def _pack(place, deep):
    report = {"name": base_name(place), "kind": "pack", "folder": str(place), "splits": {}, "ground_truth": "",
              "problems": [], "notes": []}  # fmt: skip
    try:
        reader = open_packed(place)
        report |= {"splits": {reader.split: len(reader)}, "ground_truth": reader.ground_truth}
        if deep:
            reader.pack.verify()
    except InputError as error:
        report["problems"].append(str(error))
    return report
