"""Synthetic videos as training data: the neck's feature maps of every frame, computed once, and the ground truth.

Only parts behind the neck are trained on these videos, so a frame is kept as its four maps, side by side along their
channels, float16. The ground truth is kept at a quarter of the map's sides: gaze has no finer detail.
Nothing here imports MindSpore.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from mindaam.data.media import write_npz
from mindaam.data.synthetic.synthetic_videos import make, plan
from mindaam.data.transforms import normalize
from mindaam.training.feeding.features import FeatureCache

COARSER = 4  # the map's sides over the ground truth's


class SyntheticVideoSet:
    """The synthetic videos of one split: feature maps of their frames, ground truth, and the embedding of each prompt.

    settings: ModelConfig; folders: {name: GazeFolder}; count: videos; frames: of each; seed: of the plan; place: the
    folder that keeps what was computed; origin: the SHA-256 of the model's checkpoint; neck_maps: normalized image
    [1,3,H,W] -> its maps side by side [sum of C_i,h,w]; encode: prompts -> [n,E]; report: see FeatureCache.fill.
    """

    def __init__(
        self, settings, folders, split, count, frames, seed, place, origin, neck_maps, encode, report=None
    ):  # fmt: skip
        self.settings, self.folders, self.frames = settings, folders, frames
        self.size = tuple(settings.image_size)
        self.truth_size = tuple(side // COARSER for side in self.size)
        self.specs = plan(folders, count, seed)
        self.fingerprint = hashlib.sha256(repr(self.specs).encode()).hexdigest()
        recipe = {"checkpoint_sha256": origin, "specs": [list(spec) for spec in self.specs], "size": self.size}
        if settings.resize != "area":  # earlier versions resized by area for all models
            recipe["resize"] = settings.resize
        names = [f"{video}.{frame}" for video in range(count) for frame in range(frames)]
        grid = (side // settings.encoder.patch for side in self.size)
        shape = (sum(settings.head.neck_widths), *grid)
        self.maps = FeatureCache(place, f"{split}.maps", names, recipe, shape, mirrored=False)
        self.maps.fill(neck_maps, self._frames_in_turn(), report)
        self.truths, prompts = self._truths(Path(place) / f"{split}.truths.npz", recipe)
        self.embeddings = encode(prompts)

    def __len__(self):
        """Number of videos."""
        return len(self.specs)

    def video(self, index):
        """The SyntheticVideo of that number."""
        return make(self.specs[index], self.folders, self.size, self.truth_size, self.frames, self.settings.resize)

    def window(self, index, first, length):
        """The feature maps of consecutive frames, float32 [length,sum of C_i,h,w]."""
        rows = slice(index * self.frames + first, index * self.frames + first + length)
        return self.maps.arrays["plain"][rows].astype(np.float32)

    def _frames_in_turn(self):
        """A function of a frame's row -> the normalized frame [3,H,W]; it keeps the latest video."""
        latest = {}

        def frame(row):
            video, number = divmod(row, self.frames)
            if video not in latest:
                latest.clear()
                latest[video] = self.video(video)
            return normalize(latest[video].frames[number], self.settings.mean, self.settings.std)

        return frame

    def _truths(self, path, recipe):
        """(densities [videos,frames,h,w] float32, prompts), from the file if it has the same recipe, else computed."""
        known = repr(recipe)
        if os.path.isfile(path):
            with np.load(path, allow_pickle=False) as kept:
                if str(kept["recipe"]) == known:
                    return kept["densities"], kept["sentences"].tolist()
        videos = [self.video(index) for index in range(len(self))]
        densities, prompts = np.stack([video.densities for video in videos]), [video.prompt for video in videos]
        write_npz(path, recipe=known, densities=densities, sentences=prompts)
        return densities, prompts


def batch(videos, config, clip, number):
    """The arrays of step `number`: a video, a window of `clip` frames and the frames to be decoded, all drawn from seed
    and step. config: SyntheticVideosConfig.

    Returns maps [T,sum of C_i,h,w], embeddings [K,E], truth [K,1,h,w], chosen [K]; and the video's index.
    """
    draw = np.random.default_rng((config.seed, number))
    shares = np.array([config.shares.get(spec.kind, 1.0) for spec in videos.specs])
    index, first = int(draw.choice(len(videos), p=shares / shares.sum())), int(draw.integers(config.frames - clip + 1))
    offset = int(draw.integers(2))
    starts = offset + 2 * np.sort(draw.choice((clip - offset) // 2, config.pairs, replace=False))
    chosen = np.stack([starts, starts + 1], 1).ravel().astype(np.int32)
    embeddings = np.repeat(videos.embeddings[index][None], len(chosen), 0)
    truth = np.ascontiguousarray(videos.truths[index, first + chosen][:, None])
    return (videos.window(index, first, clip), embeddings, truth, chosen), index
