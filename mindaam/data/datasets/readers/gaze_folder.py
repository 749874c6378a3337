"""A folder of pictures with recorded gaze, read as samples.

Layout: `stimuli/*`; `meta.json` (conditions, size of each picture, `px_per_degree_stored`, the folder's own sentences
if it has any); `splits.json` (names by split); then either `fixations.csv.gz` (image, condition, x, y, ... in pixels of
the stored picture) or `maps/<condition>/<picture's stem>.png` (8-bit density). `docs/your-own-data.md` has it in full.
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
    """The samples of one split of a gaze folder; `entries` lists them as (picture's name, condition).

    Only the lists and fixations are held in memory; pictures and maps are read when asked for, so that the object is
    cheap to hand to a decoding process.
    """

    is_video, is_pack, layout_name = False, False, "gaze folder"

    def __init__(self, root, split="train", truth=None):
        """Reads the lists. truth: GroundTruth, of which the blur alone matters: a folder has fixations or else maps.

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
            self.entries = [(n, c) for c in meta["conditions"] for n in names if os.path.isfile(self._map_path(n, c))]
        self.conditions = tuple(meta["conditions"])
        self.truth = truth or ground_truth.GroundTruth()
        self.source = "fixations" if self._recorded is not None else "maps"
        gaze_files.require_gaze(self.root, split, names, self.entries)

    def __len__(self):
        """Number of (picture, condition) pairs in the split."""
        return len(self.entries)

    def only(self, names):
        """The same folder with just the pictures of these names."""
        reduced, kept = copy.copy(self), set(names)
        reduced.entries = [entry for entry in self.entries if entry[0] in kept]
        return reduced

    @property
    def ground_truth(self):
        """One sentence that says what densities are made of."""
        if self._recorded is None:
            return "the published density maps"
        degree = self.px_per_degree_stored
        width = f"{degree:g} pixels" if degree else f"a {ground_truth.ASSUMED_DEGREES_WIDE:g}th of the picture's width"
        return f"fixations blurred with a Gaussian of sigma {self.truth.sigma_degrees:g} degree, 1 degree = {width}"

    def size(self, index):
        """The stored picture's (height, width), without reading it."""
        return self._sizes[self.entries[index][0]]

    @property
    def outside(self):
        """How many fixations lie outside their pictures and are left out."""
        recorded = (self._recorded or {}).items()
        return sum(len(points) - len(ground_truth.inside(points, self._sizes[key[0]])) for key, points in recorded)

    def recorded(self, index):
        """Fixations as the file has them, float32 [n,2] (x, y), also those beside the picture; None where the folder
        holds only maps."""
        return None if self._recorded is None else self._recorded[self.entries[index]]

    def fixations(self, index):
        """float32 [n,2] (x, y) in pixels of the stored picture, those inside it, or None where the folder holds only
        maps. InputError when most of them lie outside, and so cannot be meant for it."""
        recorded = self.recorded(index)
        if recorded is None:
            return None
        found = ground_truth.inside(recorded, self.size(index))
        if len(recorded) > 2 * len(found):
            height, width = self.size(index)
            raise InputError(
                f"{self.root / gaze_files.FIXATIONS}: {len(recorded) - len(found)} of {len(recorded)} fixations of "
                f"{self.entries[index][0]} lie outside it, which is {width}x{height}; are x and y swapped, or for "
                "another size?"
            )
        return found

    def picture_path(self, index):
        """The picture's file."""
        return self.root / gaze_files.STIMULI / self.entries[index][0]

    def map_path(self, index):
        """The file of the published map."""
        return self._map_path(*self.entries[index])

    def image(self, index):
        """The picture, uint8 RGB [H,W,3]; InputError when it is not the one that the gaze was recorded on."""
        image = media.read_image(self.picture_path(index))
        self._require_size(index, image.shape[:2])
        return image

    def check_image(self, index):
        """InputError, by the header alone, when the picture is missing or not the one that the gaze was recorded on."""
        self._require_size(index, media.image_size(self.picture_path(index)))

    def density(self, index, size=None):
        """Where people looked, float32 [H,W] that sums to 1, without reading the picture.

        size: (height, width), or None for the stored picture's. Fixations are blurred with a sigma of one degree of
        visual angle at that size; published maps are resampled by area.
        """
        stored = self.size(index)
        size = stored if size is None else tuple(size)
        fixations = self.fixations(index)
        if fixations is None:
            return transforms.resize_density(self._map(index), size)
        degree = self.px_per_degree_stored or stored[1] / ground_truth.ASSUMED_DEGREES_WIDE
        return ground_truth.blurred(fixations, stored, size, degree * self.truth.sigma_degrees)

    def _require_size(self, index, found):
        if tuple(found) != self.size(index):
            raise InputError(
                f"{self.picture_path(index)}: the picture is {found[1]}x{found[0]} but meta.json and its gaze are for "
                f"{self.size(index)[1]}x{self.size(index)[0]}; restore the original picture"
            )

    def _map_path(self, name, condition):
        return self.root / "maps" / condition / (Path(name).stem + ".png")

    def _map(self, index):
        return media.read_map(self._map_path(*self.entries[index]))
