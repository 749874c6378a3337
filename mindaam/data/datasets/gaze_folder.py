"""A folder of pictures with recorded gaze, read as samples.

Layout: `stimuli/*`; `meta.json` (conditions, size of each picture, `px_per_degree_stored`); `splits.json` (names by
split); then either `fixations.csv.gz` (image, condition, x, y, ... in pixels of the stored picture) or
`maps/<condition>/<picture's stem>.png` (8-bit density).
"""

import csv
import gzip
import json
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mindaam.data import media, prompts, transforms
from mindaam.errors import InputError, nearest

# Where a folder does not say how many pixels a degree has, its pictures are taken to be 30 degrees wide.
ASSUMED_DEGREES_WIDE = 30.0


@dataclass(frozen=True)
class Sample:
    """One picture under one condition: what was seen, by whom and why, and where they looked.

    image: uint8 RGB [H,W,3]. density: float32 [H,W], sums to 1. fixations: float32 [n,2] (x, y) in pixels, or None
    where the source publishes only maps. sentence: who is looking and why. name: the picture's file name.
    """

    image: np.ndarray
    density: np.ndarray
    fixations: np.ndarray | None
    sentence: str
    condition: str
    dataset: str
    name: str


class GazeFolder:
    """The samples of one split of a gaze folder; `entries` lists them as (picture's name, condition).

    Only the lists and fixations are held in memory; pictures and maps are read when asked for, so that the object is
    cheap to hand to a decoding process.
    """

    def __init__(self, root, split="train"):
        """Reads the lists; raises InputError for a missing, damaged or incomplete folder, or an unknown split."""
        self.root, self.split = Path(root), split
        meta = _read_json(self.root, "meta.json", ("images", "conditions"))
        self.name = meta.get("name", self.root.name)
        self.px_per_degree_stored = meta.get("px_per_degree_stored")
        names = self._names(_read_json(self.root, "splits.json", ()))
        self._sizes = {name: self._stored_size(meta, name) for name in names}
        if (self.root / "fixations.csv.gz").is_file():
            self._fixations = _read_fixations(self.root / "fixations.csv.gz", set(names))
            self.entries = [(n, c) for c in meta["conditions"] for n in names if (n, c) in self._fixations]
        else:
            self._fixations = None
            self.entries = [(n, c) for c in meta["conditions"] for n in names if self._map_path(n, c).is_file()]
        self.conditions = tuple(meta["conditions"])
        without = sorted(set(names) - {name for name, _ in self.entries})
        if without:
            raise InputError(f"{self.root}: no gaze for {_some(without)} of the split {split}; copy the folder again")

    def __len__(self):
        """Number of (picture, condition) pairs in the split."""
        return len(self.entries)

    def size(self, index):
        """The stored picture's (height, width), without reading it."""
        return self._sizes[self.entries[index][0]]

    def fixations(self, index):
        """float32 [n,2] (x, y) in pixels of the stored picture, or None where the folder holds only maps."""
        return None if self._fixations is None else self._fixations[self.entries[index]]

    def image(self, index):
        """The picture, uint8 RGB [H,W,3]; InputError when it is missing, damaged or not of the size in meta.json."""
        path = self.root / "stimuli" / self.entries[index][0]
        image = media.read_image(path)
        if image.shape[:2] != self.size(index):
            raise InputError(
                f"{path}: the picture is {image.shape[1]}x{image.shape[0]} but meta.json and its gaze are for "
                f"{self.size(index)[1]}x{self.size(index)[0]}; restore the original picture"
            )
        return image

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
        degree = self.px_per_degree_stored or stored[1] / ASSUMED_DEGREES_WIDE
        sigma = (degree * size[0] / stored[0], degree * size[1] / stored[1])
        return transforms.fixation_density(transforms.scale_fixations(fixations, stored, size), size, sigma)

    def sentence(self, index):
        """The sentence that this entry is scored with."""
        return prompts.scoring_sentence(self.name, self.entries[index][1])

    def load(self, index):
        """The whole sample at the stored size; raises InputError for a damaged picture or map."""
        name, condition = self.entries[index]
        return Sample(
            image=self.image(index),
            density=self.density(index),
            fixations=self.fixations(index),
            sentence=self.sentence(index),
            condition=condition,
            dataset=self.name,
            name=name,
        )

    def _names(self, splits):
        if self.split not in splits:
            hint = nearest(self.split, splits)
            raise InputError(f'{self.root}: no split "{self.split}"{hint}; splits.json has {", ".join(sorted(splits))}')
        names = splits[self.split]
        if not names or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(
                f"{self.root}: the split {self.split} in splits.json is no list of pictures; restore the file"
            )
        missing = [name for name in names if not (self.root / "stimuli" / name).is_file()]
        if missing:
            raise InputError(f"{self.root}: stimuli/ lacks {_some(missing)} of the split {self.split}; copy it again")
        return names

    def _stored_size(self, meta, name):
        try:
            width, height = map(int, meta["images"][name]["size"])
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{self.root}: meta.json gives no size for {name}; restore the original file") from None
        return height, width

    def _map_path(self, name, condition):
        return self.root / "maps" / condition / (Path(name).stem + ".png")

    def _map(self, index):
        path = self._map_path(*self.entries[index])
        density = media.read_image(path)[..., 0].astype(np.float32)
        if density.max() == 0:
            raise InputError(f"{path}: the density map is blank; restore the original file")
        return density


def _some(names):
    """'a.jpg', or 'a.jpg and 3 more'."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _read_json(root, name, keys):
    """The JSON object in root/name, which must hold `keys`."""
    path = root / name
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{root} is not a gaze folder: {name} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}); restore the original file") from error
    absent = [key for key in keys if not isinstance(content, dict) or key not in content]
    if absent or not isinstance(content, dict):
        raise InputError(f"{path} lacks {', '.join(absent) or 'its entries'}; restore the original file")
    return content


def _read_fixations(path, names):
    """{(name, condition): float32 [n,2]} for the pictures in `names`, in the order of the file."""
    points, line = {}, 1
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                line += 1
                point = float(row["x"]), float(row["y"])
                if not all(map(math.isfinite, point)):
                    raise ValueError(f"{point} is not a place")
                if row["image"] in names:
                    points.setdefault((row["image"], row["condition"]), []).append(point)
    except KeyError as error:
        raise InputError(f"{path} has no column {error}; it needs image, condition, x and y") from error
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise InputError(f"{path} is damaged ({error}); copy it again") from error
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}, line {line}: x and y must be numbers ({error})") from error
    return {key: np.array(values, np.float32) for key, values in points.items()}
