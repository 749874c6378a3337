"""What a run in phases reads: gaze folders, prompt embeddings, and images or the frozen features in their place.

Nothing here imports MindSpore: the processes that decode images import this module.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mindaam.data.datasets.opening import open_set
from mindaam.data.loader import Loader
from mindaam.data.prompts import generic_prompt
from mindaam.data.search import wordings
from mindaam.data.transforms import as_seen, normalize
from mindaam.errors import ConfigError, InputError
from mindaam.training.feeding import search_batches
from mindaam.training.feeding.features import FeatureCache
from mindaam.zoo.index import record

WORKERS = 2  # processes that decode images when features cannot be cached


def data_root(config):
    """The folder that holds the gaze folders: the configuration's, else $MINDAAM_GAZE. ConfigError when neither is."""
    root = config.data_root or os.environ.get("MINDAAM_GAZE")
    if not root:
        raise ConfigError(
            "no data folder was given; give data_root=FOLDER, or set the environment variable MINDAAM_GAZE"
        )
    return Path(root)


def open_folders(config, split, limit, names=None):
    """Gaze folders, or datasets of images, by name, each with at most `limit` images (None: all).

    names: default: the run's.

    Raises ConfigError when the configuration names no place, InputError for what is missing or damaged, or for videos.
    """
    root, folders = data_root(config), {}
    for name in config.folders if names is None else names:
        folder = open_set(root, name, split)
        if folder.is_video:
            raise InputError(f"{folder.root} holds videos; train on them with `mindaam train corpus`")
        if folder.is_pack:
            raise InputError(
                f"{folder.root} is a pack, which this recipe does not read; give the folder that it was made from, or "
                "train on the pack with `mindaam train corpus`"
            )
        folders[name] = folder.only(sorted({image for image, _ in folder.entries})[:limit]) if limit else folder
    return folders


def decode(folder, index, size, how):
    """One image of a gaze folder as the model takes it, [H,W,3] in 0..255. A module's function, for processes."""
    return as_seen(folder.image(index), size, how)


def feature_cache(name, folder, settings, place, *, mirrored, compute, report=None):
    """The filled FeatureCache of one GazeFolder.

    settings: ModelConfig; place: the caches' folder; compute: as `FeatureCache.fill` takes it; report: called as
    report(stem, variant, images done, images in all, seconds per image).
    """
    index_of = {}
    for index, (image, _) in enumerate(folder.entries):
        index_of.setdefault(image, index)
    images, size, encoder = sorted(index_of), tuple(settings.image_size), settings.encoder
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
    cache = FeatureCache(place, stem, images, recipe, shape, mirrored)

    def image(row):
        decoded = decode(folder, index_of[images[row]], size, settings.resize)
        return normalize(decoded, settings.mean, settings.std)

    cache.fill(compute, image, report and (lambda *progress: report(stem, *progress)))
    return cache


class Source:
    """Batches of one split as arrays: what the model takes, the prompts' embeddings, the densities.

    folders: {name: GazeFolder}; settings: ModelConfig; encode: list of prompts -> [n,E]; caches: {name: FeatureCache},
    or None; decoded: whether normalized images are ever read, which worker processes decode; searches: {name:
    SearchFolder} of the folders with search conditions; further: prompts that are used beside theirs. Close it after
    use.
    """

    def __init__(self, folders, settings, encode, caches, *, decoded, searches=None, further=()):
        self.folders, self.encode, self.caches, self.searches = folders, encode, caches, searches or {}
        self.settings, self.size = settings, tuple(settings.image_size)
        self.loader = Loader(folders, decode, workers=WORKERS) if decoded else None
        # all prompts now, and from then on out of the encoder's memory: `ahead` works in a thread, and MindSpore
        # cannot run one graph while another is being compiled
        prompts = [folder.prompts.of(condition) for folder in folders.values() for condition in folder.conditions]
        prompts += [wordings.prompts(name) for folder in self.searches.values() for name in folder.frequency]
        encode(sorted({text for each in prompts for text in each} | set(further)))

    def inputs(self, batch, taps):
        """What the model takes: raw outputs of the first `taps` taps [B,taps,1+N,D], or, for 0, images [B,3,H,W]."""
        if taps:
            entries = self.folders[batch.folder].entries
            return self.caches[batch.folder].read([entries[i][0] for i in batch.entries], taps, batch.mirrored)
        decoded = self.loader([(batch.folder, i, self.size, self.settings.resize) for i in batch.entries])
        images = np.stack([normalize(image, self.settings.mean, self.settings.std) for image in decoded])
        return np.ascontiguousarray(images[..., ::-1]) if batch.mirrored else images

    def densities(self, batch):
        """Ground truth of a batch at the model's size, float32 [B,1,H,W], mirrored with its images."""
        folder = self.folders[batch.folder]
        if batch.things:
            search, pairs = self.searches[batch.folder], zip(self.images(batch), batch.things, strict=True)
            stacked = np.stack([search.density(image, name, self.size) for image, name in pairs])[:, None]
        else:
            stacked = np.stack([folder.density(i, self.size) for i in batch.entries])[:, None]
        return np.ascontiguousarray(stacked[..., ::-1]) if batch.mirrored else stacked

    def images(self, batch):
        """Names of a batch's images."""
        return [self.folders[batch.folder].entries[i][0] for i in batch.entries]

    def labels(self, batch):
        """`search_batches.labels` of a search batch, mirrored with its images."""
        height, width = (side // self.settings.encoder.patch for side in self.size)
        found = search_batches.labels(self.searches[batch.folder], self.images(batch), batch.things, (height, width))
        if batch.mirrored:
            found = found.reshape(*found.shape[:2], height, width)[..., ::-1].reshape(found.shape)
        return np.ascontiguousarray(found)

    def sentences(self, batch):
        """Embeddings of a batch's prompts, [B,E], or [B,2,E], for the prompts' points and for the rest of the model,
        where the phase replaces some."""
        embedded = self.encode(list(batch.prompts))
        if not batch.replaced:
            return embedded
        generic = self.encode([generic_prompt()])
        return np.stack([embedded, np.where(np.array(batch.replaced)[:, None], generic, embedded)], 1)

    def arrays(self, batch, taps):
        """(inputs, prompts [B,E] or [B,2,E], densities [B,1,H,W]) of a batch, its swapped prompts [S,E] if any, and the
        labels of a search batch; float32."""
        arrays = self.inputs(batch, taps), self.sentences(batch), self.densities(batch)
        if batch.swapped:
            arrays = (*arrays, self.encode(list(batch.swapped)))
        return (*arrays, self.labels(batch)) if batch.things else arrays

    def ahead(self, batches, taps):
        """Yields (batch, arrays) in order, reading the next one while the previous is in use."""
        with ThreadPoolExecutor(1) as pool:
            coming = None
            for batch in batches:
                following = pool.submit(self.arrays, batch, taps)
                if coming is not None:
                    yield coming[0], coming[1].result()
                coming = (batch, following)
            if coming is not None:
                yield coming[0], coming[1].result()

    def close(self):
        """Ends the worker processes, if any."""
        if self.loader:
            self.loader.close()
