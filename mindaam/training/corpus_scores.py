"""Scores during a run on the corpus: CC, SIM and KLD on some pictures, or on a clip of some films, of each held-out
split, compared at a longest side of 400 pixels as the published baselines are."""

import numpy as np

from mindaam.data.transforms import as_seen, fit_within, normalise
from mindaam.training.corpus_data import sentences
from mindaam.training.validation import LONGEST_SIDE, map_scores


def held_out_scores(model, encode, name, reader, config):
    """Mean (CC, SIM, KLD) of a reader's split. model: AAM in evaluation mode; config: CorpusConfig."""
    films = hasattr(reader, "clip")
    count = config.validation["films" if films else "pictures"]
    rows = []
    for entry in spread(len(reader), count):
        sentence = sentences(name, reader, reader.entries[entry][1], config.granularity)[0]
        images, truths = _clip(reader, entry, model.config) if films else _picture(reader, entry, model.config)
        maps = model.infer(images, encode([sentence]), clip=films).map
        rows += [map_scores(each[0], truth) for each, truth in zip(maps, truths, strict=True)]
    return tuple(np.mean(rows, 0).tolist())


def spread(length, count):
    """At most `count` numbers of 0..length-1, evenly spread, rising."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int)).tolist()


def _picture(reader, entry, settings):
    """A picture as the model takes it [1,3,H,W], and its truth in a list."""
    seen = as_seen(reader.image(entry), tuple(settings.image_size), settings.resize)
    truth = reader.density(entry, fit_within(reader.size(entry), LONGEST_SIDE))
    return normalise(seen, settings.mean, settings.std)[None], [truth]


def _clip(reader, entry, settings):
    """The clip in a film's middle as the model takes it [T,3,H,W], and the truths of its frames."""
    length, frames = settings.temporal.clip, reader.frames(entry)
    positions = np.minimum(max(0, (frames - length) // 2) + np.arange(length), frames - 1).tolist()
    sample = reader.clip(entry, positions, tuple(settings.image_size))
    size = fit_within(reader.size(entry), LONGEST_SIDE)
    images = np.stack([normalise(each, settings.mean, settings.std) for each in sample.image])
    return images, [reader.density(entry, position, size) for position in positions]
