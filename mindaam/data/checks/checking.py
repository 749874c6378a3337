"""Is a dataset that lies on this disk complete and usable, and what is in it: `examine` one, then `statistics` of all.

Reports are dicts of plain values, as JSON has them. Nothing in the data folders is changed; how many frames video files
have is found once, by decoding them, and kept in the user's cache.
"""

import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mindaam.data.checks.content_checks import look_at_image, look_at_video, reason_of, sample_indices, together
from mindaam.data.datasets.readers.image_index import in_tables, table_names
from mindaam.data.datasets.readers.images import ImageSet
from mindaam.data.datasets.readers.video_index import with_timelines
from mindaam.data.datasets.readers.videos import VideoSet
from mindaam.data.datasets.tree import DAMAGED, NOTE, Problem, Tree, fill
from mindaam.errors import InputError

PICTURES, FILMS = 200, 40  # of a set that are opened unless all are
THREADS = min(4, os.cpu_count() or 1)
ENOUGH = 10  # images or videos from which on it is judged whether fixations lie better on maps with x and y swapped
BETTER, ERRORS = 2.0, 3.0  # how many times better, and how many standard errors, they then must lie
MANY_OUTSIDE = 0.1  # share of a set's fixations outside their images that raises it too, if swapping helps


def examine(found, *, deep=False, progress=None):
    """The report of one dataset. found: FoundSet. deep: open every file completely, rather than a sample; progress: a
    function that is called with the set's title before each image or video that is opened."""
    record, layout = found.record, found.layout
    reader = (VideoSet if found.is_video else ImageSet)(found.tree, record, layout, found.stimuli, None)
    listed = [each._replace(reason=each.reason.removeprefix(f"{found.tree.root} ")) for each in found.problems]
    of_table, gaze = ([], True) if found.is_video else _of_table(reader, found)
    known = [*listed, *of_table]
    unusable = {problem.stimulus for problem in known if problem.severity == DAMAGED}
    chosen = [place for place, each in enumerate(found.stimuli) if each.name not in unusable]
    if not deep:
        chosen = [chosen[at] for at in sample_indices(len(chosen), FILMS if found.is_video else PICTURES)]
    look = _looked(found, reader, chosen, gaze, deep, progress)
    problems = [*known, *look.problems, *_swapped(look, reader.source)]
    nothing = not gaze and reader.source == "fixations"
    unusable = {problem.stimulus for problem in problems if problem.severity == DAMAGED}
    counts = counted(found, [each.name in unusable or nothing for each in found.stimuli])
    return {
        **described(record),
        "state": _state(counts, problems),
        "folder": str(found.tree.root),
        "layout": layout.name,
        "tried": layout.tried,
        "documented": layout.documented,
        "mends": list(layout.mends),
        "counts": counts,
        "splits": {"by": layout.splits.by, "official": layout.splits.official, "source": layout.splits.source},
        "ground_truth": {"source": reader.source, "sentence": reader.ground_truth, "viewing": record.viewing.source},
        "looked": _looked_at(found, chosen, look, deep),
        "problems": [problem._asdict() for problem in problems],
        "groups": grouped(problems),
    }


def to_open(found, deep=False):
    """How many images or videos `examine` opens at most."""
    return len(found.stimuli) if deep else min(len(found.stimuli), FILMS if found.is_video else PICTURES)


def absent(record, folders=()):
    """The report of a dataset that was not found; folders: those that bear its name but hold none of its layouts."""
    return {
        **described(record),
        "state": "unrecognized" if folders else "not here",
        "folders": [str(folder) for folder in folders],
        "expected": {layout.name: layout.stimuli or layout.films or [layout.frames] for layout in record.layouts},
    }


def described(record):
    """What a report says of a dataset whether it is here or not."""
    return {
        "key": record.key,
        "title": record.title,
        "paper": record.paper,
        "home": record.home,
        "names": list(record.folders),
        "modality": record.modality,
        "scene": record.scene,
        "level": record.level,
        "published": record.published.model_dump(),
        "licence": record.licence.model_dump(),
        "notes": list(record.notes),
    }


def counted(found, unusable):
    """Counts of what is here against what is published. unusable: a bool for each of the stimuli.

    present, usable: in all and by split; frames: of all videos; expected: how many with gaze the publisher gives out;
    with_gaze: how many of these splits are here; missing, more: the difference, none where it is what the paper counts.
    What has no split by its fields counts there alone, for it is another set's: ETMD and SumMe come in one folder.
    """
    layout, published = found.layout, found.record.published
    blind = {split for each in found.record.layouts for split in each.splits.unlabelled}
    splits, damaged = {}, {}
    for each, bad in zip(found.stimuli, unusable, strict=True):
        unit = fill(layout.counted, each.fields) if layout.counted else each.name
        splits.setdefault(each.split, set()).add(unit)
        damaged.setdefault(each.split, set()).update([unit] * bad)
    hidden = sum(number for split, number in published.by_split.items() if split in blind)
    foreign = len(splits.get(None, ())) if layout.splits.by == "field" else 0
    with_gaze = sum(len(units) for split, units in splits.items() if split not in blind) - foreign
    expected = (published.distributed or published.total) - hidden
    # where the publisher gives out another number than the paper counts, either is complete
    exact = with_gaze in (expected, published.total)
    named = {*splits, *(published.by_split if layout.splits.official else ())}
    return {
        "present": sum(map(len, splits.values())) - foreign,
        "usable": sum(len(units) - len(damaged[split]) for split, units in splits.items() if split or not foreign),
        "by_split": {
            split or "": {
                "present": len(splits.get(split, ())),
                "usable": len(splits.get(split, ())) - len(damaged.get(split, ())),
                "published": published.by_split.get(split) if layout.splits.official else None,
                "gaze": split is not None and split not in blind,
            }
            for split in sorted(named, key=_place)
        },
        "with_gaze": with_gaze,
        "expected": expected,
        "missing": 0 if exact else max(0, expected - with_gaze),
        "more": 0 if exact else max(0, with_gaze - expected),
        "frames": sum(len(film.numbers) + layout.skip_frames for film in found.stimuli if film.split or not foreign)
        if found.is_video
        else None,
    }


def grouped(problems):
    """Problems of one kind together: [{"kind", "severity", "count"}], damaged ones first, then by count."""
    counts = Counter((problem.severity, _kind(problem.reason)) for problem in problems)
    ordered = sorted(counts.items(), key=lambda item: (item[0][0] != DAMAGED, -item[1], item[0][1]))
    return [{"kind": kind, "severity": severity, "count": count} for (severity, kind), count in ordered]


def statistics(reports, records):
    """What the corpus of the paper is made of, by modality, scene and level: of what is here, and of what is published.

    reports: of `examine` and `absent`; records: the Records of all sets. Returns {"here": shares, "published": shares,
    "fixations": those counted in what was opened, "beyond": titles of the datasets that the paper does not use, which
    are counted in neither}; shares are {axis: {value: {"stimuli", "instances", "stimuli_share",
    "instances_share"}}}, instances are images and frames, shares 0..1. Scenes of images and of videos are two axes,
    as in the paper's Table 10.
    """
    published = [
        (each.modality, each.scene, each.level, each.published.total, each.published.frames or each.published.total)
        for each in records
        if each.published.table
    ]
    here, beyond = [], [each.title for each in records if not each.published.table]
    for report in reports:
        if "counts" in report and report["published"]["table"]:
            present, frames = report["counts"]["present"], report["counts"]["frames"]
            instances = present if frames is None else frames
            here.append((report["modality"], report["scene"], report["level"], present, instances))
    fixations = sum(report["looked"]["fixations"] for report in reports if "looked" in report)
    return {"here": _shares(here), "published": _shares(published), "fixations": fixations, "beyond": beyond}


def _looked(found, reader, chosen, gaze, deep, progress):
    """The Look at all images or videos in the places `chosen`. gaze: whether fixations in tables can be read."""

    def labelled(place):
        return _has_gaze(found, found.stimuli[place])

    def look(place):
        if not found.is_video:
            return look_at_image(reader, place, labelled=labelled(place), gaze=gaze, deep=deep)
        tree = Tree(found.tree.root)  # of its own: listings are not shared between threads
        film = films.get(place, found.stimuli[place])
        seen = look_at_video(alone(tree, film), 0, labelled=labelled(place), deep=deep)
        if film.timeline is None and any(problem.severity == DAMAGED for problem in seen.problems):
            [film] = with_timelines(tree, found.layout, [film])  # its header may count what is not shown
            if film.timeline is not None:
                seen = look_at_video(alone(tree, film), 0, labelled=labelled(place), deep=deep)
        return seen

    def alone(tree, film):
        return VideoSet(tree, found.record, found.layout, [film], None)

    looks, films = [], {}
    if found.is_video and deep:  # what headers say is good enough otherwise
        decoded = with_timelines(found.tree, found.layout, [found.stimuli[place] for place in chosen])
        films = dict(zip(chosen, decoded, strict=True))
    with ThreadPoolExecutor(THREADS) as pool:
        for seen in pool.map(look, chosen):
            if progress is not None:
                progress(found.record.title)
            looks.append(seen)
    return together(looks)


def _has_gaze(found, stimulus):
    return stimulus.split is not None and stimulus.split not in found.layout.splits.unlabelled


def _of_table(reader, found):
    """(Problems of fixations in tables, whether fixations can be read): the tables may be damaged, lack images, or
    contain some that do not exist. They are read now, before threads use them."""
    if not in_tables(found.layout):
        return [], True
    pattern, severity = found.layout.fixations.path, DAMAGED if reader.source == "fixations" else NOTE
    if any(problem.path == pattern and problem.stimulus is None for problem in found.problems):
        return [], False  # they are missing, which is said already
    try:
        table = reader.table()
    except InputError as error:
        return [Problem(pattern, reason_of(error, found.tree, pattern), severity)], False
    problems, known = [], set()
    for stimulus in found.stimuli:
        names = [name for name in table_names(stimulus.path) if name in table]
        known.update(names)
        if not names and _has_gaze(found, stimulus):
            problems.append(Problem(stimulus.path, f"{pattern} has no fixations of it", severity, stimulus.name))
    alone = sorted(str(name) for name in table if name not in known)
    if alone:
        some = ", ".join(alone[:3]) + (", ..." if len(alone) > 3 else "")
        count = "1 image that is" if len(alone) == 1 else f"{len(alone)} images that are"
        problems.append(Problem(pattern, f"has fixations of {count} not here ({some})", NOTE))
    return problems, True


def _swapped(look, source):
    """A Problem of the whole set when its fixations suggest that x and y were swapped."""
    severity = DAMAGED if source == "fixations" else NOTE
    fits = np.array(look.fits).reshape(-1, 2)
    straight, turned = fits.mean(0) if len(fits) else (0.0, 0.0)
    if len(fits) >= ENOUGH and turned > BETTER * max(straight, 0.0):
        gain = fits[:, 1] - fits[:, 0]
        if gain.mean() > ERRORS * gain.std() / len(gain) ** 0.5:
            reason = (
                f"x and y seem to be swapped: the published maps, standardized, are {straight:.2f} at fixations as "
                f"they are and {turned:.2f} with x and y swapped"
            )
            return [Problem(".", reason, severity)]
    if look.outside > MANY_OUTSIDE * look.fixations and look.outside_swapped < look.outside / 2:
        reason = (
            f"x and y seem to be swapped: {look.outside} of {look.fixations} fixations lie outside their images, "
            f"{look.outside_swapped} would with x and y swapped"
        )
        return [Problem(".", reason, severity)]
    return []


def _looked_at(found, chosen, look, deep):
    fits = [sum(column) / len(look.fits) for column in zip(*look.fits, strict=True)] or [None, None]
    return {
        "deep": deep,
        "stimuli": len(chosen),
        "of": len(found.stimuli),
        "pictures": look.images,
        "fixations": look.fixations,
        "outside": look.outside,
        "outside_swapped": look.outside_swapped,
        "on_maps": fits[0],
        "on_maps_swapped": fits[1],
    }


def _state(counts, problems):
    """ "complete", "incomplete" (fewer than published), "damaged" (something cannot be used), or the last two."""
    damaged = any(problem.severity == DAMAGED for problem in problems)
    words = ["damaged"] * damaged + ["incomplete"] * (counts["missing"] > 0)
    return ", ".join(words) or "complete"


def _place(split):
    """Where a split stands in a list: train, val, test, others by name, none."""
    known = ("train", "val", "test")
    return (known.index(split) if split in known else 3 + (not split)), split or ""


def _kind(reason):
    """A reason without what differs from file to file: numbers, and what is in parentheses."""
    short = re.sub(r"\s*\([^()]*\)", "", reason)
    return re.sub(r"\d+(\.\d+)?", "N", short)


def _shares(rows):
    """rows: (modality, scene, level, stimuli, instances) a set."""
    axes = {"modality": {}, "scene of images": {}, "scene of videos": {}, "level": {}}
    for modality, scene, level, stimuli, instances in rows:
        scenes = "scene of images" if modality == "image" else "scene of videos"
        for axis, value in (("modality", modality), (scenes, scene), ("level", level)):
            cell = axes[axis].setdefault(value, {"stimuli": 0, "instances": 0})
            cell["stimuli"] += stimuli
            cell["instances"] += instances
    for cells in axes.values():
        for what in ("stimuli", "instances"):
            total = sum(cell[what] for cell in cells.values())
            for cell in cells.values():
                cell[f"{what}_share"] = cell[what] / total if total else 0.0
    return axes
