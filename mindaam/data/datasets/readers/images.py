"""Data sets of pictures: a file a picture, density maps and fixations beside it or in tables for all of them.

What differs from set to set is in its record (`catalogue.Record`): where files lie and in which form fixations are.
"""

from typing import NamedTuple

import numpy as np

from mindaam.data import media, transforms
from mindaam.data.datasets import ground_truth
from mindaam.data.datasets.forms.image_forms import IMAGE_FORMS, TABLE_FORMS, from_screen
from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.data.datasets.splits import assign
from mindaam.data.datasets.tree import DAMAGED, NOTE, Problem, fields_of, fill, is_plain, prefix
from mindaam.data.media import IMAGE_SUFFIXES
from mindaam.errors import InputError


class Stimulus(NamedTuple):
    """A picture of a data set. name: its path below the folder of all pictures, or where it is of several, its path.
    split: or None where the split's rule leaves it out. path, map, gaze: paths under the set's folder; map and gaze are
    None where there are none, and gaze where the fixations of all pictures are in tables. fields: of its pattern."""

    name: str
    split: str | None
    path: str
    map: str | None
    gaze: str | None
    fields: dict


def index(tree, layout, source):
    """All pictures of a layout, of every split, as (Stimuli sorted by name, Problems).

    source: "fixations" or "maps", what densities are made of. A picture of a labelled split that lacks it is damaged,
    and so is an empty file, and a map or a file of fixations without its picture; one that lacks the other is noted.
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
            problems.append(Problem(match.path, "the picture is empty (0 bytes)", stimulus=stimulus.name))
        if labelled:
            problems += _lacking(tree, layout, stimulus, source)
    problems += [*_doubles(stimuli), *_orphans(tree, layout, [match.fields for match in matches])]
    if stimuli and table_is_missing(tree, layout):
        severity = DAMAGED if source == "fixations" else NOTE
        problems.append(Problem(fixations.path, "the file with the fixations of all pictures is missing", severity))
    return stimuli, [*tree.problems, *problems]


def in_tables(layout):
    """Whether a layout's fixations are in tables, for all pictures together."""
    return layout.fixations is not None and layout.fixations.form in TABLE_FORMS


def table_is_missing(tree, layout):
    """Whether a layout's fixations should be in tables, and there are none."""
    return in_tables(layout) and next(tree.find(layout.fixations.path), None) is None


def _lacking(tree, layout, stimulus, source):
    """The Problems of one labelled picture's map and fixation file."""
    wanted = [("maps", "map", stimulus.map, layout.maps)] if layout.maps else []
    if layout.fixations and not in_tables(layout):
        wanted.append(("fixations", "file of fixations", stimulus.gaze, [layout.fixations.path]))
    for kind, what, path, patterns in wanted:
        if path is None:
            expected = " or ".join(fill(p, stimulus.fields) if is_plain(p, stimulus.fields) else p for p in patterns)
            severity = DAMAGED if kind == source else NOTE
            yield Problem(stimulus.path, f"the picture has no {what} ({expected})", severity, stimulus.name)
        elif tree.size(path) == 0:
            yield Problem(path, f"the {what} is empty (0 bytes)", stimulus=stimulus.name)


def _doubles(stimuli):
    """The Problems of pictures that have another's truth, as when one was saved again with another suffix."""
    first = {}
    for each in stimuli:
        truth = each.map or each.gaze
        other = first.setdefault(truth, each.path) if truth else each.path
        if other != each.path:
            reason = f"has the same map or fixations ({truth}) as {other}; keep one of the two pictures"
            yield Problem(each.path, reason, NOTE, each.name)


def _orphans(tree, layout, known):
    """The Problems of maps and fixation files that no picture has. known: the fields of all pictures, of any split."""
    kinds = [("map", layout.maps)]
    if layout.fixations and not in_tables(layout):
        kinds.append(("file of fixations", [layout.fixations.path]))
    for what, patterns in kinds:
        for pattern in patterns:
            names = fields_of(pattern)
            pictures = {tuple(str(fields.get(name)) for name in names) for fields in known}
            for match in tree.find(pattern):
                # where any suffix will do, a list or a note among the maps is none
                of_kind = not pattern.endswith(".*") or match.path.lower().endswith(IMAGE_SUFFIXES)
                if of_kind and tuple(str(match.fields[name]) for name in names) not in pictures:
                    yield Problem(match.path, f"the {what} has no picture")


class ImageSet:
    """Pictures of one split of a data set; `entries` lists them as (picture's name, condition).

    Only names and tables of fixations are held in memory; pictures, maps and fixation files are read when asked for, so
    that the object is cheap to hand to a decoding process. Pictures are taken as they are stored, without the turn that
    a camera's EXIF note asks for: published maps and fixations are in stored rows and columns, as MATLAB reads them.
    """

    is_video, is_pack = False, False

    def __init__(self, tree, record, layout, stimuli, split, truth=None):
        """tree: Tree; record, layout: of the catalogue; stimuli: Stimuli of `split` that have gaze; truth: GroundTruth,
        None for the default."""
        self.tree, self.record, self.layout, self.split = tree, record, layout, split
        self.layout_name = layout.name
        self.root, self.name, self.stimuli = tree.root, record.key, list(stimuli)
        self.truth = truth or ground_truth.GroundTruth()
        self.source = ground_truth.chosen_source(self.truth, record, layout)
        self.prompts, self.conditions = SetPrompts(record.key), (record.condition,)
        self.entries = [(stimulus.name, record.condition) for stimulus in self.stimuli]
        self._table = None

    def __len__(self):
        """Number of pictures."""
        return len(self.stimuli)

    @property
    def ground_truth(self):
        """One sentence that says what densities are made of."""
        return ground_truth.describe(self.truth, self.source, self.record.viewing)

    def only(self, names):
        """The same set with just the pictures of these names."""
        names = set(names)
        kept = [stimulus for stimulus in self.stimuli if stimulus.name in names]
        reduced = ImageSet(self.tree, self.record, self.layout, kept, self.split, self.truth)
        reduced._table = self._table
        return reduced

    def size(self, index):
        """The stored picture's (height, width), from its header."""
        return media.image_size(self.picture_path(index), upright=False)

    def image(self, index):
        """The picture, uint8 RGB [H,W,3]; InputError when it is missing or damaged."""
        return media.read_image(self.picture_path(index), upright=False)

    def check_image(self, index):
        """InputError, by the header alone, when the image is missing or damaged."""
        self.size(index)

    def recorded(self, index):
        """Fixations as the source has them, float32 [n,2] (x, y), also those beside the picture; None where the layout
        has only maps, and where densities are made of maps and the picture's fixations are missing. Raises InputError
        for a file that is damaged, and for missing fixations otherwise."""
        fixations, stimulus = self.layout.fixations, self.stimuli[index]
        if fixations is None:
            return None
        if in_tables(self.layout):
            points = self._of_table(stimulus)
        elif stimulus.gaze is not None:
            read = IMAGE_FORMS[fixations.form]
            points = read(self.tree.path(stimulus.gaze), self.size(index), **fixations.options)
        else:
            points = None
        if points is None:
            return self._without_fixations(stimulus)
        return from_screen(points, self.size(index), self.record.viewing.screen) if fixations.of_screen else points

    def fixations(self, index):
        """float32 [n,2] (x, y) in pixels of the stored picture, those inside it, n >= 1; None as `recorded`, and where
        densities are made of maps and none is inside. InputError when none is otherwise."""
        recorded = self.recorded(index)
        if recorded is None:
            return None
        fixations = ground_truth.inside(recorded, self.size(index))
        if not len(fixations) and self.source == "maps":
            return None
        if not len(fixations):
            where = self.stimuli[index].gaze or self.layout.fixations.path
            raise InputError(
                f"{self.tree.path(where)}: no fixation lies in the picture {self.stimuli[index].name}; restore the file"
            )
        return fixations

    def density(self, index, size=None):
        """Where people looked, float32 [H,W] that sums to 1. size: (height, width), None for the stored picture's."""
        if self.source == "maps":
            published = self.published_map(index)
            return transforms.resize_density(published, tuple(size or self.size(index)))
        stored = self.size(index)
        degree = ground_truth.pixels_per_degree(self.record.viewing, stored) * self.truth.sigma_degrees
        return ground_truth.blurred(self.fixations(index), stored, tuple(size or stored), degree)

    def published_map(self, index):
        """The published density map, float32 [h,w] as stored; InputError when it is missing, damaged or blank."""
        return media.read_map(self.map_path(index))

    def picture_path(self, index):
        """The picture's file."""
        return self.tree.path(self.stimuli[index].path)

    def map_path(self, index):
        """The file of the published map; InputError when the picture has none."""
        stimulus = self.stimuli[index]
        if stimulus.map is None:
            raise InputError(f"{self.picture_path(index)} has no published map; restore it or use the fixations")
        return self.tree.path(stimulus.map)

    def table(self):
        """{picture as the source names it: float32 [n,2]}; read once. Raises InputError for a table that is missing or
        damaged."""
        if self._table is None:
            pattern = self.layout.fixations.path
            paths = [self.tree.path(match.path) for match in self.tree.find(pattern)]
            if not paths:
                raise InputError(f"{self.root} lacks {pattern}, the fixations of all pictures; copy the data set again")
            self._table = TABLE_FORMS[self.layout.fixations.form](paths, **self.layout.fixations.options)
        return self._table

    def _of_table(self, stimulus):
        """What the tables say of a picture; None when they lack it, and when maps do without any table."""
        if self.source == "maps" and table_is_missing(self.tree, self.layout):
            return None
        for name in table_names(stimulus.path):
            if name in self.table():
                return np.asarray(self.table()[name], np.float32).reshape(-1, 2)
        return None

    def _without_fixations(self, stimulus):
        """None where maps are what counts; InputError otherwise."""
        if self.source == "maps":
            return None
        raise InputError(
            f"{self.root}: the fixations in {self.layout.fixations.path} lack the picture {stimulus.name}; restore the "
            "file"
        )


def table_names(path):
    """What a table may call the picture at a path: its path, less and less of it, and then without the suffix."""
    parts = path.split("/")
    tails = ["/".join(parts[first:]) for first in range(len(parts))]
    return [*tails, *(tail.rpartition(".")[0] for tail in tails)]
