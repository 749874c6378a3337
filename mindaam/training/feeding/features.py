"""Frozen features, computed once: the outputs of the backbone's frozen blocks for each training image, kept on disk.

The blocks below the first adapted one never change during a run, so their outputs are computed before the first epoch
and read back as float16 afterwards. A cache is, for a gaze folder and split, two arrays (images as they are, and
mirrored) of the tapped blocks' raw outputs [n, taps, 1+N, D], and a note in JSON with what they were computed from and
how many are finished, so that an interrupted computation continues where it stopped. A cache that is damaged, or was
computed from something else, is computed again.
"""

import json
import math
import shutil
import time
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from mindaam.errors import OutputError
from mindaam.files import write_text

SAVE_EVERY = 32  # images between two notes of progress


class FeatureCache:
    """Features of one list of images under one backbone.

    folder: where the files live; stem: their common name, such as "osie.train"; names: the images, in order;
    recipe: a dict of everything that the numbers depend on (weights' sha256, image size, ...); shape: of one
    image's features, (taps, 1+N, D); mirrored: keep those of the mirrored images too.
    Raises OutputError when the place cannot be written to or is too full.
    """

    def __init__(self, folder, stem, names, recipe, shape, mirrored=True):
        self.folder, self.stem, self.names, self.shape = Path(folder), stem, list(names), tuple(shape)
        self.rows = {name: row for row, name in enumerate(self.names)}
        # through JSON and back, so that it compares equal to a note's content
        self.origin = json.loads(json.dumps({"recipe": recipe, "names": self.names, "shape": self.shape}))
        self.note = self.folder / f"{stem}.json"
        variants = ("plain", "mirrored") if mirrored else ("plain",)
        self.done = self._noted(variants)
        self.arrays = {variant: self._kept(variant) for variant in variants}
        try:
            self._make_missing()
        except OSError as error:
            raise OutputError(f"cannot write features to {self.folder}: {error.strerror or error}") from error

    def _path(self, variant):
        return self.folder / f"{self.stem}.{variant}.npy"

    def _noted(self, variants):
        """How many images of each variant are finished by the note; none when it is another's, damaged or absent."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
            ours = {key: note[key] for key in self.origin} == self.origin
            return {variant: int(note["done"].get(variant, 0)) if ours else 0 for variant in variants}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # computing again is the cure for them all
            return dict.fromkeys(variants, 0)

    def _kept(self, variant):
        """The array on disk when something in it is finished and it is whole, else None."""
        if not self.done[variant]:
            return None
        try:
            # mapped for reading first: for writing, NumPy fills a truncated file up with zeros
            np.load(self._path(variant), mmap_mode="r", allow_pickle=False)
            array = np.load(self._path(variant), mmap_mode="r+", allow_pickle=False)
        except (OSError, EOFError, ValueError):
            return None
        return array if array.dtype == np.float16 and array.shape == (len(self.names), *self.shape) else None

    def _make_missing(self):
        """Creates the arrays that are not there, the note first: no array may be older than its note."""
        missing = [variant for variant, array in self.arrays.items() if array is None]
        if not missing:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.done |= dict.fromkeys(missing, 0)
        for variant in missing:
            self._path(variant).unlink(missing_ok=True)
        self._write_note()
        needed = 2 * len(missing) * len(self.names) * math.prod(self.shape)
        free = shutil.disk_usage(self.folder).free
        if needed > free:  # asked beforehand, because a mapped file on a full disk kills the process
            raise OutputError(
                f"the features of {self.stem} take {needed / 1e9:.1f} GB in {self.folder}, where {free / 1e9:.1f} GB "
                "are free; free some space, or choose another folder"
            )
        for variant in missing:
            shape = (len(self.names), *self.shape)
            self.arrays[variant] = open_memmap(self._path(variant), mode="w+", dtype=np.float16, shape=shape)

    def _write_note(self):
        write_text(self.note, json.dumps({**self.origin, "done": self.done}))

    def fill(self, compute, image, report=None):
        """Computes what is missing.

        compute: images [1,3,H,W] float32 -> features [taps,1+N,D]; image: row -> normalized image [3,H,W];
        report: called as report(variant, images done, images in all, seconds per image) every SAVE_EVERY images.
        """
        total = len(self.names)
        for variant, array in self.arrays.items():
            started, first = time.monotonic(), self.done[variant]
            for row in range(first, total):
                pixels = image(row)
                if variant == "mirrored":
                    pixels = np.ascontiguousarray(pixels[..., ::-1])
                array[row] = compute(pixels[None])
                if row == first and total > first + 1:  # which compiles a graph, so its time is not that of the others
                    started, first = time.monotonic(), first + 1
                if (row + 1) % SAVE_EVERY == 0 or row + 1 == total:
                    array.flush()
                    self.done[variant] = row + 1
                    self._write_note()
                    if report:
                        report(variant, row + 1, total, (time.monotonic() - started) / max(1, row + 1 - first))

    def read(self, names, taps, mirrored):
        """The first `taps` taps of some images, float32 [len(names),taps,1+N,D]; `mirrored` applies to all of them."""
        array = self.arrays["mirrored" if mirrored else "plain"]
        return np.stack([array[self.rows[name], :taps] for name in names]).astype(np.float32)
