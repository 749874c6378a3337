"""Scores during training: CC, SIM and KLD on the val splits, and what the right task's sentence is worth."""

import mindspore as ms
import numpy as np

from mindaam import graphs, metrics
from mindaam.data.transforms import fit_within, resize_image
from mindaam.training.feeding.folder_batches import Batch

LONGEST_SIDE = 400  # maps are compared at this size, as in the published baselines


def map_scores(prediction, truth):
    """(CC, SIM, KLD) of a map [h,w] against a density [H,W], at the density's size."""
    resized = resize_image(prediction, truth.shape)
    settings = metrics.PAPER
    return (
        metrics.cc(resized, truth, **settings.cc),
        metrics.sim(resized, truth, **settings.sim),
        metrics.kld(resized, truth, **settings.kld),
    )


def validate(model, blocks, source):
    """Scores of every gaze folder: {folder: {"CC", "SIM", "KLD" and, with several conditions, "CC_others"}}.

    blocks: the AdaptedBlocks that turn the source's inputs into features; source: the val split's Source. CC_others is
    the mean CC under the sentences of the folder's other conditions.
    """
    return {name: _folder_scores(model, blocks, source, name, folder) for name, folder in source.folders.items()}


def _folder_scores(model, blocks, source, name, folder):
    right, others = [], []
    sentences = {condition: folder.prompts.of(condition)[0] for condition in folder.conditions}
    pictures = {}
    for index, (picture, condition) in enumerate(folder.entries):
        pictures.setdefault(picture, {})[condition] = index
    for indices in pictures.values():
        batch = Batch(name, "", (next(iter(indices.values())),), (), False)
        maps = _maps(model, graphs.run(blocks, ms.Tensor(source.inputs(batch))), source.encode, sentences)
        for condition, index in indices.items():
            truth = folder.density(index, fit_within(folder.size(index), LONGEST_SIDE))
            right.append(map_scores(maps[condition], truth))
            others += [map_scores(maps[each], truth)[0] for each in maps if each != condition]
    scores = dict(zip(("CC", "SIM", "KLD"), np.mean(right, 0).tolist(), strict=True))
    return scores | ({"CC_others": float(np.mean(others))} if others else {})


def _maps(model, features, encode, sentences):
    """The map [h,w] of one picture's features under the sentence of each condition."""
    size = tuple(model.config.image_size)
    features = ms.mutable(features)  # a plain tuple would be compiled in as a constant
    maps = {}
    for condition, sentence in sentences.items():
        outputs = graphs.run(model.head, features, ms.Tensor(encode([sentence])), model.grid(size), size)
        maps[condition] = outputs[0].asnumpy()[0, 0]
    return maps


def summary(scores):
    """The one number by which the best epoch is chosen: the mean CC over the folders."""
    return float(np.mean([each["CC"] for each in scores.values()]))


def line(scores):
    """Scores as text, 'osie CC 0.800 SIM 0.670 | ...'."""
    parts = []
    for name, each in scores.items():
        swapped = f" (others' sentences {each['CC_others']:.3f})" if "CC_others" in each else ""
        parts.append(f"{name} CC {each['CC']:.4f}{swapped} SIM {each['SIM']:.4f}")
    return " | ".join(parts)
