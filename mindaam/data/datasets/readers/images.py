"""Datasets of images: a file per image, density maps and fixations beside it or in tables for all of them.

What differs between datasets is in their records (`catalogue.Record`); `image_index` lists the images.
"""

import numpy as np

from mindaam.data import media, transforms
from mindaam.data.datasets import ground_truth
from mindaam.data.datasets.forms.image_forms import IMAGE_FORMS, TABLE_FORMS, from_screen
from mindaam.data.datasets.readers.image_index import in_tables, table_is_missing, table_names
from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.errors import InputError


class ImageSet:
    """The images of one split of a dataset; `entries` lists them as (name, condition).

    Memory holds only names and tables of fixations; images, maps and fixation files are read on demand, so that the
    object is cheap to send to a decoding process. Images are read as stored, without the rotation of their EXIF data:
    published maps and fixations are in stored rows and columns, as MATLAB reads them.
    """

    is_video, is_pack = False, False

    def __init__(self, tree, record, layout, stimuli, split, truth=None):
        """tree: Tree; record, layout: of the catalogue; stimuli: Stimuli of `split` with gaze data; truth: GroundTruth,
        None for the default."""
        self.tree, self.record, self.layout, self.split = tree, record, layout, split
        self.root, self.name, self.stimuli, self.layout_name = tree.root, record.key, list(stimuli), layout.name
        self.truth = truth or ground_truth.GroundTruth()
        self.source = ground_truth.chosen_source(self.truth, record, layout)
        self.ground_truth = ground_truth.describe(self.truth, self.source, record.viewing)
        self.prompts, self.conditions = SetPrompts(record.key), (record.condition,)
        self.entries = [(stimulus.name, record.condition) for stimulus in self.stimuli]
        self._table, self._last = None, (None, None)

    def __len__(self):
        """Number of images."""
        return len(self.stimuli)

    def only(self, names):
        """The same reader with just the images of these names."""
        names = set(names)
        kept = [stimulus for stimulus in self.stimuli if stimulus.name in names]
        reduced = ImageSet(self.tree, self.record, self.layout, kept, self.split, self.truth)
        reduced._table = self._table
        return reduced

    def image_path(self, index):
        """The file of the image."""
        return self.tree.path(self.stimuli[index].path)

    def map_path(self, index):
        """The file of the published map; InputError when the image has none."""
        stimulus = self.stimuli[index]
        if stimulus.map is None:
            raise InputError(f"{self.image_path(index)} has no published map; restore it or use the fixations")
        return self.tree.path(stimulus.map)

    def size(self, index):
        """(height, width) of the stored image, from its header."""
        return media.image_size(self.image_path(index), upright=False)

    def check_image(self, index):
        """InputError, from the header alone, when the image is missing or damaged."""
        self.size(index)

    def image(self, index):
        """The image, uint8 RGB [H,W,3]; InputError when it is missing or damaged."""
        return media.read_image(self.image_path(index), upright=False)

    def table(self):
        """{name of an image in the source: float32 [n,2 or 3]}, as of `rows`; read once. Raises InputError for a table
        that is missing or damaged."""
        if self._table is None:
            fixations = self.layout.fixations
            paths = [self.tree.path(match.path) for match in self.tree.find(fixations.path)]
            if not paths:
                raise InputError(f"{self.root} lacks {fixations.path}, the fixations of all images; copy it again")
            self._table = TABLE_FORMS[fixations.form](paths, **fixations.options)
        return self._table

    def rows(self, index):
        """Fixations as the source has them, float32 [n,2] (x, y), also those outside the image, or [n,3] (x, y, viewer)
        in the forms that keep viewers apart; those of the last image are kept.

        None where the layout has only maps, and where densities are made of maps and the fixations of the image are
        missing. Raises InputError for a file that is damaged, and for missing fixations otherwise.
        """
        if self._last[0] != index:
            self._last = index, self._read(index)
        return self._last[1]

    def _read(self, index):
        form, stimulus = self.layout.fixations, self.stimuli[index]
        if form is None:
            return None
        points = None
        if in_tables(self.layout):
            points = _of_table(self, stimulus)
        elif stimulus.gaze is not None:
            points = IMAGE_FORMS[form.form](self.tree.path(stimulus.gaze), self.size(index), **form.options)
        if points is None and self.source == "maps":
            return None
        if points is None:
            raise InputError(
                f"{self.root}: the fixations in {form.path} lack the image {stimulus.name}; restore the file"
            )
        if form.of_screen:
            points[:, :2] = from_screen(points[:, :2], self.size(index), self.record.viewing.screen)
        return points

    def recorded(self, index):
        """Fixations as the source has them, float32 [n,2] (x, y), also those outside the image; None and errors as of
        `rows`."""
        rows = self.rows(index)
        return None if rows is None else rows[:, :2]

    def viewers(self, index):
        """int64 [n], whose each of the `fixations` is; None where the form does not keep viewers apart."""
        rows = self.rows(index)
        return None if rows is None else ground_truth.viewers_inside(rows, self.size(index))

    def fixations(self, index):
        """float32 [n,2] (x, y) in pixels of the stored image, those inside it, n >= 1; None as of `recorded`, and where
        densities are made of maps and no fixation is inside. InputError when none is otherwise."""
        recorded = self.recorded(index)
        if recorded is None:
            return None
        fixations = ground_truth.inside(recorded, self.size(index))
        if len(fixations):
            return fixations
        if self.source == "maps":
            return None
        where = self.stimuli[index].gaze or self.layout.fixations.path
        raise InputError(
            f"{self.tree.path(where)}: no fixation is in the image {self.stimuli[index].name}; restore the file"
        )

    def density(self, index, size=None):
        """The ground truth, float32 [H,W] that sums to 1. size: (height, width), None for that of the stored image."""
        if self.source == "maps":
            found = media.read_map(self.map_path(index))
            return transforms.resize_density(found, tuple(size or self.size(index)))
        stored = self.size(index)
        return ground_truth.blurred(self.fixations(index), stored, tuple(size or stored), self.sigma(index))

    def sigma(self, index):
        """The standard deviation of the blur of a fixation, in pixels of the stored image."""
        return ground_truth.pixels_per_degree(self.record.viewing, self.size(index)) * self.truth.sigma_degrees


def _of_table(reader, stimulus):
    """The fixations of an image in the tables; None when they lack it, and for maps without any table."""
    if reader.source == "maps" and table_is_missing(reader.tree, reader.layout):
        return None
    for name in table_names(stimulus.path):
        if name in reader.table():
            return np.array(reader.table()[name], np.float32)
    return None
