"""Scores during a run on the corpus: CC, SIM and KLD on some images, or on a clip of some videos, of each held-out
split, compared at a longest side of 400 pixels as the published baselines are."""

import numpy as np

from mindaam.data.prompts.prompting import prompts_for
from mindaam.data.transforms import as_seen, fit_within, normalize, resize_image
from mindaam.metrics.comparison import LONGEST_SIDE, map_scores
from mindaam.training.feeding.corpus import modality

METRICS = ("CC", "SIM", "KLD")


def held_out_scores(model, encode, name, reader, config, world, audio_encoding=None):
    """[sum of CC, of SIM, of KLD, number of maps] over this rank's part of a reader's split.

    model: AAM in evaluation mode; config: CorpusConfig; world: World; audio_encoding: the run's AudioEncoding, so that
    the best model is chosen with the audio branch that it is trained with; None to score without audio.
    """
    count = config.validation["videos" if reader.is_video else "images"]
    sums = np.zeros(4)
    for entry in spread(len(reader), count)[world.rank :: world.size]:
        prompt = prompts_for(config.prompting, name, reader, reader.entries[entry][1])[0]
        if reader.is_video:
            images, truths, audio = clip_of(reader, entry, model.config, audio_encoding)
        else:
            (images, truths), audio = image_of(reader, entry, model.config), None
        maps = model.infer(images, encode([prompt]), audio, clip=reader.is_video).map
        for each, truth in zip(maps, truths, strict=True):
            sums += [*map_scores(each[0], truth), 1.0]
    return sums


def spread(length, count):
    """At most `count` numbers of 0..length-1, evenly spread, rising."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int)).tolist()


def image_of(reader, entry, settings):
    """An image as the model takes it [1,3,H,W], and its density in a list."""
    image = as_seen(reader.image(entry), tuple(settings.image_size), settings.resize)
    truth = reader.density(entry, fit_within(reader.size(entry), LONGEST_SIDE))
    return normalize(image, settings.mean, settings.std)[None], [truth]


def audio_sets(corpus, audio_encoding):
    """The names of a Corpus's held-out datasets that are scored with their audio: those that are trained with it; a
    dataset that is only scored, by its own modality. None of them without an AudioEncoding."""
    if audio_encoding is None:
        return []
    readers = {name: corpus.train.get(name, reader) for name, reader in corpus.val.items()}
    return sorted(name for name, reader in readers.items() if modality(name, reader) == "audio_video")


def clip_of(reader, entry, settings, audio_encoding=None):
    """The clip in a video's middle as the model takes it [T,3,H,W], the densities of its frames, and the embeddings of
    its audio, [T,K,A], or [T,A] as released; None for a video without audio, or without an AudioEncoding."""
    length, frames = settings.temporal.clip, reader.frames(entry)
    positions = np.minimum(max(0, (frames - length) // 2) + np.arange(length), frames - 1).tolist()
    cut = None if audio_encoding is None else audio_encoding.cut
    sample = reader.clip(entry, positions, tuple(settings.image_size), resize=settings.resize, audio=cut)
    audio = None if sample.audio is None else audio_encoding.by_frame(sample.audio)
    size = fit_within(reader.size(entry), LONGEST_SIDE)
    images = np.stack([normalize(each, settings.mean, settings.std) for each in sample.image])
    return images, [reader.density(entry, position, size) for position in positions], audio


def samples(task, most=6):
    """[(caption, image uint8, map, truth)] of some held-out images under a CorpusTask's model, for its report."""
    task.model.set_train(False)
    found, readers = [], {name: each for name, each in task.corpus.val.items() if not each.is_video}
    for name, reader in list(readers.items())[:most]:
        for entry in spread(len(reader), max(1, most // len(readers))):
            prompt = prompts_for(task.config.prompting, name, reader, reader.entries[entry][1])[0]
            images, truths = image_of(reader, entry, task.model.config)
            predicted = task.model.infer(images, task.encode([prompt])).map[0, 0]
            shown = (resize_image(each, truths[0].shape) for each in (reader.image(entry), predicted))
            found.append((f"{name}: {reader.entries[entry][0]}", *shown, truths[0]))
    return found
