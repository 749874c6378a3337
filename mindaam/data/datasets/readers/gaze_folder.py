"""A folder of images with gaze data.

Layout: `stimuli/*`; `meta.json` (conditions, size of each image, `px_per_degree_stored`, prompts of its own, if any);
`splits.json` (names by split); then either `fixations.csv.gz` (image, condition, x, y, ... in pixels of the stored
image) or `maps/<condition>/<stem of the image>.png` (8-bit density). `docs/your-own-data.md` documents it in full.
"""

import copy
import os
from pathlib import Path

from mindaam.data import media, transforms
from mindaam.data.datasets import ground_truth
from mindaam.data.datasets.readers import gaze_files
from mindaam.data.datasets.set_prompts import read_set_prompts
from mindaam.errors import InputError


class GazeFolder:
    """The images of one split of a gaze folder; `entries` lists them as (name, condition).

    Memory holds only lists and fixations; images and maps are read on demand, so that the object is cheap to send to a
    decoding process.
    """

    is_video, is_pack, layout_name = False, False, "gaze folder"

    def __init__(self, root, split="train", truth=None):
        """Reads the lists. truth: GroundTruth, of which only the blur is used: a folder has either fixations or maps.

        Raises InputError for a missing, damaged or incomplete folder, or an unknown split.
        """
        self.root, self.split = Path(root), split
        meta = gaze_files.read_meta(self.root, "images")
        self.name = meta.get("name", self.root.name)
        self.px_per_degree_stored = gaze_files.px_per_degree(self.root, meta)
        self.prompts = read_set_prompts(self.root, self.name, meta)
        names = gaze_files.split_names(self.root, split)
        self._sizes = {name: gaze_files.stored_size(self.root, meta["images"], name) for name in names}
        if os.path.lexists(self.root / gaze_files.FIXATIONS):
            self._recorded = gaze_files.read_fixations(self.root / gaze_files.FIXATIONS, set(names))
            self.entries = [(n, c) for c in meta["conditions"] for n in names if (n, c) in self._recorded]
        else:
            self._recorded = None
            gaze_files.require_folders(self.root, meta["conditions"])
            self.entries = [
                (n, c) for c in meta["conditions"] for n in names if os.path.isfile(_map_path(self.root, n, c))
            ]
        self.conditions = tuple(meta["conditions"])
        self.truth = truth or ground_truth.GroundTruth()
        self.source = "fixations" if self._recorded is not None else "maps"
        self.ground_truth = _described(self)
        gaze_files.require_gaze(self.root, split, names, self.entries)

    def __len__(self):
        """Number of (image, condition) pairs in the split."""
        return len(self.entries)

    def only(self, names):
        """The same reader with just the images of these names."""
        reduced, kept = copy.copy(self), set(names)
        reduced.entries = [entry for entry in self.entries if entry[0] in kept]
        return reduced

    def size(self, index):
        """(height, width) of the stored image, without reading it."""
        return self._sizes[self.entries[index][0]]

    @property
    def outside(self):
        """Number of fixations outside their image, which are skipped."""
        recorded = (self._recorded or {}).items()
        inside = (ground_truth.are_inside(rows[:, :2], self._sizes[name]) for (name, _), rows in recorded)
        return sum(int((~each).sum()) for each in inside)

    def recorded(self, index):
        """Fixations as the file has them, float32 [n,2] (x, y), also those outside the image; None where the folder has
        only maps."""
        return None if self._recorded is None else self._recorded[self.entries[index]][:, :2]

    def fixations(self, index):
        """float32 [n,2] (x, y) in pixels of the stored image, those inside it; None where the folder has only maps.
        InputError when most of them are outside, and so cannot belong to it."""
        recorded = self.recorded(index)
        if recorded is None:
            return None
        found = ground_truth.inside(recorded, self.size(index))
        if len(recorded) > 2 * len(found):
            height, width = self.size(index)
            raise InputError(
                f"{self.root / gaze_files.FIXATIONS}: {len(recorded) - len(found)} of {len(recorded)} fixations of "
                f"{self.entries[index][0]} are outside the image, which is {width}x{height}; are x and y swapped, or "
                "for another size?"
            )
        return found

    def viewers(self, index):
        """int64 [n], whose each of the `fixations` is, by the order of the names of all viewers; None for maps, and
        where the column `subject` does not exist or is empty somewhere."""
        rows = None if self._recorded is None else self._recorded[self.entries[index]]
        return None if rows is None else ground_truth.viewers_inside(rows, self.size(index))

    def image_path(self, index):
        """The file of the image."""
        return self.root / gaze_files.STIMULI / self.entries[index][0]

    def map_path(self, index):
        """The file of the published map."""
        return _map_path(self.root, *self.entries[index])

    def image(self, index):
        """The image, uint8 RGB [H,W,3]; InputError unless its size is that of the gaze data."""
        image = media.read_image(self.image_path(index))
        self._require_size(index, image.shape[:2])
        return image

    def check_image(self, index):
        """InputError, from the header alone, when the image is missing or its size is not that of the gaze data."""
        self._require_size(index, media.image_size(self.image_path(index)))

    def density(self, index, size=None):
        """The ground truth, float32 [H,W] that sums to 1, without reading the image.

        size: (height, width), None for that of the stored image. Fixations are blurred with a sigma of one degree of
        visual angle at that size; published maps are resampled by area.
        """
        stored = self.size(index)
        size = stored if size is None else tuple(size)
        fixations = self.fixations(index)
        if fixations is None:
            return transforms.resize_density(media.read_map(self.map_path(index)), size)
        return ground_truth.blurred(fixations, stored, size, self.sigma(index))

    def sigma(self, index):
        """The standard deviation of the blur of a fixation, in pixels of the stored image."""
        degree = self.px_per_degree_stored or self.size(index)[1] / ground_truth.ASSUMED_DEGREES_WIDE
        return degree * self.truth.sigma_degrees

    def _require_size(self, index, found):
        if tuple(found) != self.size(index):
            raise InputError(
                f"{self.image_path(index)}: the image is {found[1]}x{found[0]} but meta.json and its gaze data are for "
                f"{self.size(index)[1]}x{self.size(index)[0]}; restore the original image"
            )


def _map_path(root, name, condition):
    return root / "maps" / condition / (Path(name).stem + ".png")


def _described(reader):
    """What the densities of a GazeFolder are made of, for reports."""
    if reader.source == "maps":
        return "the published density maps"
    degree, sigma = reader.px_per_degree_stored, reader.truth.sigma_degrees
    width = f"{degree:g} pixels" if degree else f"a {ground_truth.ASSUMED_DEGREES_WIDE:g}th of the image's width"
    return f"fixations blurred with a Gaussian of sigma {sigma:g} degree, 1 degree = {width}"
