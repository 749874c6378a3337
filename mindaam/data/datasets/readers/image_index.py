"""The images of a dataset, with their maps and fixations: a file per image, or tables for all of them."""

from typing import NamedTuple

from mindaam.data.datasets.forms.image_forms import TABLE_FORMS
from mindaam.data.datasets.splits import assign
from mindaam.data.datasets.tree import DAMAGED, NOTE, Problem, fields_of, fill, is_plain, prefix
from mindaam.data.media import IMAGE_SUFFIXES


class Stimulus(NamedTuple):
    """An image of a dataset.

    name: its path below the folder of all images, or its whole path where these are in several folders. split: None
    where the rule of the split excludes it. path, map, gaze: paths under the dataset's folder; map and gaze are None
    where they do not exist, and gaze where the fixations of all images are in tables. fields: those of its pattern.
    """

    name: str
    split: str | None
    path: str
    map: str | None
    gaze: str | None
    fields: dict


def index(tree, layout, source):
    """All images of a layout, of every split, as (Stimuli sorted by name, Problems).

    tree: Tree; layout: Layout; source: "fixations" or "maps", what densities are made of. An image of a labeled split
    without it is damaged, and so are an empty file and a map or file of fixations without an image; an image without
    the other one is a note.
    """
    found = {match.path: match for pattern in layout.stimuli for match in tree.find(pattern)}
    matches = [found[path] for path in sorted(found)]
    splits = assign(tree, layout.splits, [match.fields for match in matches])
    shared = min((prefix(pattern) for pattern in layout.stimuli), key=len)
    shared = shared if all(path.startswith(shared) for path in found) else ""
    fixations, tables = layout.fixations, in_tables(layout)
    stimuli, problems = [], []
    for match, split in zip(matches, splits, strict=True):
        labelled = split is not None and split not in layout.splits.unlabelled
        map_path = tree.first(layout.maps, match.fields) if labelled and layout.maps else None
        gaze = tree.first([fixations.path], match.fields) if labelled and fixations and not tables else None
        stimulus = Stimulus(match.path.removeprefix(shared), split, match.path, map_path, gaze, match.fields)
        stimuli.append(stimulus)
        if match.size == 0:
            problems.append(Problem(match.path, "the image is empty (0 bytes)", stimulus=stimulus.name))
        if labelled:
            problems += _lacking(tree, layout, stimulus, source)
    problems += [*_doubles(stimuli), *_orphans(tree, layout, [match.fields for match in matches])]
    if stimuli and table_is_missing(tree, layout):
        severity = DAMAGED if source == "fixations" else NOTE
        problems.append(Problem(fixations.path, "the file with the fixations of all images is missing", severity))
    return stimuli, [*tree.problems, *problems]


def in_tables(layout):
    """Whether a layout's fixations are in tables, for all images together."""
    return layout.fixations is not None and layout.fixations.form in TABLE_FORMS


def table_is_missing(tree, layout):
    """Whether a layout has fixations in tables that do not exist."""
    return in_tables(layout) and next(tree.find(layout.fixations.path), None) is None


def _lacking(tree, layout, stimulus, source):
    """The Problems of one labeled image's map and fixation file."""
    wanted = [("maps", "map", stimulus.map, layout.maps)] if layout.maps else []
    if layout.fixations and not in_tables(layout):
        wanted.append(("fixations", "file of fixations", stimulus.gaze, [layout.fixations.path]))
    for kind, what, path, patterns in wanted:
        if path is None:
            expected = " or ".join(fill(p, stimulus.fields) if is_plain(p, stimulus.fields) else p for p in patterns)
            severity = DAMAGED if kind == source else NOTE
            yield Problem(stimulus.path, f"the image has no {what} ({expected})", severity, stimulus.name)
        elif tree.size(path) == 0:
            yield Problem(path, f"the {what} is empty (0 bytes)", stimulus=stimulus.name)


def _doubles(stimuli):
    """The Problems of images with the ground truth of another, as when one was saved again with another suffix."""
    first = {}
    for each in stimuli:
        truth = each.map or each.gaze
        other = first.setdefault(truth, each.path) if truth else each.path
        if other != each.path:
            reason = f"has the same map or fixations ({truth}) as {other}; keep one of the two images"
            yield Problem(each.path, reason, NOTE, each.name)


def _orphans(tree, layout, known):
    """The Problems of maps and fixation files without an image. known: the fields of all images, of any split."""
    kinds = [("map", layout.maps)]
    if layout.fixations and not in_tables(layout):
        kinds.append(("file of fixations", [layout.fixations.path]))
    for what, patterns in kinds:
        for pattern in patterns:
            names = fields_of(pattern)
            images = {tuple(str(fields.get(name)) for name in names) for fields in known}
            for match in tree.find(pattern):
                # where every suffix is allowed, a list or a note among the maps is not a map
                of_kind = not pattern.endswith(".*") or match.path.lower().endswith(IMAGE_SUFFIXES)
                if of_kind and tuple(str(match.fields[name]) for name in names) not in images:
                    yield Problem(match.path, f"the {what} has no image")


def table_names(path):
    """The names that a table may use for the image at a path: the ends of the path, the longest first, then the same
    without the suffix."""
    parts = path.split("/")
    tails = ["/".join(parts[first:]) for first in range(len(parts))]
    return [*tails, *(tail.rpartition(".")[0] for tail in tails)]
