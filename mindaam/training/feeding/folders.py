"""All that a run reads: gaze folders, sentences' embeddings, and pictures or the frozen features in their place.

Nothing here imports MindSpore: the processes that decode pictures import this module.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mindaam.data.datasets.opening import open_set
from mindaam.data.loader import Loader
from mindaam.data.transforms import as_seen, normalize
from mindaam.errors import ConfigError, InputError
from mindaam.training.feeding.features import FeatureCache
from mindaam.zoo.index import record

WORKERS = 2  # processes that decode pictures when features cannot be cached


def data_root(config):
    """The folder that holds the gaze folders: the configuration's, else $MINDAAM_GAZE. ConfigError when neither is."""
    root = config.data_root or os.environ.get("MINDAAM_GAZE")
    if not root:
        raise ConfigError("where is the gaze data? give data_root=FOLDER, or set the environment variable MINDAAM_GAZE")
    return Path(root)


def open_folders(config, split, limit):
    """The run's gaze folders, or data sets of pictures, by name, each with at most `limit` pictures (None: all).

    Raises ConfigError when the configuration names no place, InputError for what is missing or damaged, or of films.
    """
    root, folders = data_root(config), {}
    for name in config.folders:
        folder = open_set(root, name, split)
        if folder.is_video:
            raise InputError(f"{folder.root} holds films; train on them with `mindaam train corpus`")
        if folder.is_pack:
            raise InputError(
                f"{folder.root} is a pack, which this recipe does not read; name the folder that it was made of, or "
                "train on the pack with `mindaam train corpus`"
            )
        folders[name] = folder.only(sorted({picture for picture, _ in folder.entries})[:limit]) if limit else folder
    return folders


def decode(folder, index, size, how):
    """One picture of a gaze folder as the model sees it, [H,W,3] in 0..255. A module's function, for processes."""
    return as_seen(folder.image(index), size, how)


def feature_cache(name, folder, settings, place, *, mirrored, compute, report=None):
    """The filled FeatureCache of one GazeFolder.

    settings: ModelConfig; place: the caches' folder; compute: as `FeatureCache.fill` takes it; report: called as
    report(stem, variant, pictures done, pictures in all, seconds a picture).
    """
    index_of = {}
    for index, (picture, _) in enumerate(folder.entries):
        index_of.setdefault(picture, index)
    pictures, size, encoder = sorted(index_of), tuple(settings.image_size), settings.encoder
    recipe = {
        "encoder_sha256": record(encoder.name).sha256,
        "image_size": size,
        "resize": settings.resize,
        "mean": settings.mean,
        "std": settings.std,
        "taps": encoder.taps,
    }
    tokens = encoder.prefix + (size[0] // encoder.patch) * (size[1] // encoder.patch)
    stem, shape = f"{name}.{folder.split}", (len(encoder.taps), tokens, encoder.width)
    cache = FeatureCache(place, stem, pictures, recipe, shape, mirrored)

    def picture(row):
        seen = decode(folder, index_of[pictures[row]], size, settings.resize)
        return normalize(seen, settings.mean, settings.std)

    cache.fill(
        compute,
        picture,
        report and (lambda *progress: report(stem, *progress)),
    )
    return cache


class Source:
    """Batches of one split as arrays: what the model takes in, the sentences' embeddings, the densities.

    folders: {name: GazeFolder}; settings: ModelConfig; encode: list of sentences -> [n,E]; taps: how many taps' raw
    outputs are read from `caches` {name: FeatureCache}, or 0 for normalised pictures decoded by worker processes.
    Close it after use.
    """

    def __init__(self, folders, settings, encode, taps, caches):
        self.folders, self.encode, self.taps, self.caches = folders, encode, taps, caches
        self.settings, self.size = settings, tuple(settings.image_size)
        self.loader = None if taps else Loader(folders, decode, workers=WORKERS)
        # all sentences now, and from then on out of the encoder's memory: `ahead` works in a thread, and MindSpore
        # cannot run one graph while another is being compiled
        sentences = [folder.prompts.of(condition) for folder in folders.values() for condition in folder.conditions]
        encode(sorted({text for each in sentences for text in each}))

    def inputs(self, batch):
        """What the model takes in: raw outputs of the frozen taps [B,taps,1+N,D], or pictures [B,3,H,W]; float32."""
        if self.taps:
            entries = self.folders[batch.folder].entries
            return self.caches[batch.folder].read([entries[i][0] for i in batch.entries], self.taps, batch.mirrored)
        decoded = self.loader([(batch.folder, i, self.size, self.settings.resize) for i in batch.entries])
        pictures = np.stack([normalize(picture, self.settings.mean, self.settings.std) for picture in decoded])
        return np.ascontiguousarray(pictures[..., ::-1]) if batch.mirrored else pictures

    def densities(self, batch):
        """Ground truth of a batch at the model's size, float32 [B,1,H,W], mirrored with its pictures."""
        folder = self.folders[batch.folder]
        stacked = np.stack([folder.density(i, self.size) for i in batch.entries])[:, None]
        return np.ascontiguousarray(stacked[..., ::-1]) if batch.mirrored else stacked

    def arrays(self, batch):
        """(inputs, sentences [B,E], truth [B,1,H,W]) of a batch, and its swapped sentences [S,E] if any; float32."""
        arrays = self.inputs(batch), self.encode(list(batch.sentences)), self.densities(batch)
        return (*arrays, self.encode(list(batch.swapped))) if batch.swapped else arrays

    def ahead(self, batches):
        """Yields (batch, arrays) in order, reading each next one while the last is computed with."""
        with ThreadPoolExecutor(1) as pool:
            coming = None
            for batch in batches:
                following = pool.submit(self.arrays, batch)
                if coming is not None:
                    yield coming[0], coming[1].result()
                coming = (batch, following)
            if coming is not None:
                yield coming[0], coming[1].result()

    def close(self):
        """Ends the worker processes, if there are any."""
        if self.loader:
            self.loader.close()
