"""Scores during a run on the corpus: CC, SIM and KLD on some images or videos of each held-out split, by the Scorer
that the run is given."""

import numpy as np

from mindaam.data.prompts.prompting import prompts_for
from mindaam.data.transforms import as_seen, normalize, resize_image
from mindaam.metrics.protocols import PROTOCOLS, comparison_size
from mindaam.training.feeding.corpus import modality

METRICS = ("CC", "SIM", "KLD")


def held_out_scores(scorer, model, encode, name, reader, config, world, audio_encoding=None):
    """[sum of CC, of SIM, of KLD, number of maps] over this rank's part of a reader's split.

    scorer: Scorer; model: AAM in evaluation mode; config: CorpusConfig; world: World; audio_encoding: the run's
    AudioEncoding, so that the best model is chosen with the audio branch that it is trained with; None to score without
    audio.
    """
    count = config.validation["videos" if reader.is_video else "images"]
    sums = np.zeros(4)
    for entry in spread(len(reader), count)[world.rank :: world.size]:
        prompt = prompts_for(config.prompting, name, reader, reader.entries[entry][1])[0]
        for scores in scorer.scores(model, encode, reader, entry, prompt, audio_encoding):
            sums += [*(scores[metric] for metric in METRICS), 1.0]
    return sums


def spread(length, count):
    """At most `count` numbers of 0..length-1, evenly spread, rising."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int)).tolist()


def audio_sets(corpus, held_out, audio_encoding):
    """The names of those of the readers `held_out` that are scored with their audio: those that a Corpus trains with
    it; a dataset that is only scored, by its own modality. None of them without an AudioEncoding."""
    if audio_encoding is None:
        return []
    readers = {name: corpus.train.get(name, reader) for name, reader in held_out.items()}
    return sorted(name for name, reader in readers.items() if modality(name, reader) == "audio_video")


def samples(task, most=6):
    """[(caption, image uint8, map, truth)] of some held-out images under a CorpusTask's model, for its report."""
    task.model.set_train(False)
    found, readers = [], {name: each for name, each in task.corpus.val.items() if not each.is_video}
    for name, reader in list(readers.items())[:most]:
        for entry in spread(len(reader), max(1, most // len(readers))):
            prompt = prompts_for(task.config.prompting, name, reader, reader.entries[entry][1])[0]
            image, settings = reader.image(entry), task.model.config
            seen = normalize(as_seen(image, tuple(settings.image_size), settings.resize), settings.mean, settings.std)
            predicted = task.model.infer(seen[None], task.encode([prompt])).map[0, 0]
            truth = reader.density(entry, comparison_size(PROTOCOLS["paper"], reader.size(entry)))
            shown = (resize_image(each, truth.shape) for each in (image, predicted))
            found.append((f"{name}: {reader.entries[entry][0]}", *shown, truth))
    return found
