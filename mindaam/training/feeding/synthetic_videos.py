"""Pseudo-films as training data: the neck's feature maps of every frame, computed once, and the truths beside them.

Only what stands after the neck is trained on films, so a frame is kept as its four maps, side by side along their
channels, float16. Truths are kept at a quarter of the map's sides: gaze has no finer detail.
"""

import os
from pathlib import Path

import mindspore as ms
import numpy as np
from mindspore import ops

from mindaam import graphs
from mindaam.data.media import write_npz
from mindaam.data.synthetic.synthetic_videos import make, plan
from mindaam.data.transforms import normalize
from mindaam.training.feeding.features import FeatureCache

COARSER = 4  # the map's sides over the truth's


class Films:
    """The films of one split: maps of their frames, truths, and the embedding of each one's sentence.

    model: the AAM that computes the maps; folders: {name: GazeFolder}; count: films; frames: of each; seed: of the
    plan; place: the folder that keeps what was computed; origin: the SHA-256 of the model's checkpoint; encode:
    sentences -> [n,E]; report: as FeatureCache.fill takes it.
    """

    def __init__(self, model, folders, split, count, frames, seed, place, origin, encode, report=None):
        self.folders, self.frames, self.size = folders, frames, tuple(model.config.image_size)
        self.specs = plan(folders, count, seed)
        self.truth_size = tuple(side // COARSER for side in self.size)
        config, grid = model.config, model.grid(self.size)
        self.resize = config.resize
        recipe = {"checkpoint_sha256": origin, "specs": [list(spec) for spec in self.specs], "size": self.size}
        if self.resize != "area":  # what earlier versions kept was resized by area, whatever the model asked for
            recipe["resize"] = self.resize
        names = [f"{film}.{frame}" for film in range(count) for frame in range(frames)]
        self.maps = FeatureCache(
            place, f"{split}.maps", names, recipe, (sum(config.head.neck_widths), *grid), mirrored=False
        )
        latest = {}

        def picture(row):
            film, frame = divmod(row, frames)
            if film not in latest:
                latest.clear()
                latest[film] = self.film(film)
            return normalize(latest[film].frames[frame], config.mean, config.std)

        self.maps.fill(neck_maps(model), picture, report)
        self.truths, sentences = self._truths(Path(place) / f"{split}.truths.npz", recipe)
        self.sentences = encode(sentences)

    def __len__(self):
        """Number of films."""
        return len(self.specs)

    def film(self, index):
        """The SyntheticVideo of that number."""
        return make(self.specs[index], self.folders, self.size, self.truth_size, self.frames, self.resize)

    def window(self, index, first, length):
        """The maps of some frames in a row, float32 [length,sum of C_i,h,w]."""
        rows = slice(index * self.frames + first, index * self.frames + first + length)
        return self.maps.arrays["plain"][rows].astype(np.float32)

    def _truths(self, path, recipe):
        """(densities [films,frames,h,w] float32, sentences), from the file if it was made from the same, else anew."""
        known = repr(recipe)
        if os.path.isfile(path):
            with np.load(path, allow_pickle=False) as kept:
                if str(kept["recipe"]) == known:
                    return kept["densities"], kept["sentences"].tolist()
        films = [self.film(index) for index in range(len(self.specs))]
        densities, sentences = np.stack([film.densities for film in films]), [film.sentence for film in films]
        write_npz(path, recipe=known, densities=densities, sentences=sentences)
        return densities, sentences


def neck_maps(model):
    """A function of one normalised picture [1,3,H,W] -> its maps side by side [sum of C_i,h,w], for FeatureCache."""

    def compute(picture):
        taps, size = model.image_features(picture)
        taps = ms.mutable(tuple(ms.Tensor(tap) for tap in taps))
        return ops.concat(graphs.run(model.head.neck, taps, model.grid(size)), 1).asnumpy()[0]

    return compute
