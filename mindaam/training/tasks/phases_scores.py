"""Scores of a run in phases: CC, SIM and KLD on the val splits, and CC under the prompts of the other conditions."""

import mindspore as ms
import numpy as np

from mindaam import graphs
from mindaam.metrics.protocols import PROTOCOLS, comparison_size
from mindaam.metrics.scoring import Truth, score
from mindaam.training.feeding.folder_batches import Batch

METRICS = ("CC", "SIM", "KLD", "CC_others")
PROTOCOL = PROTOCOLS["paper"]


def validate(model, blocks, source, taps):
    """Scores of every gaze folder: {folder: {"CC", "SIM", "KLD" and, with several conditions, "CC_others"}}.

    blocks: the AdaptedBlocks that turn the source's inputs of `taps` into features; source: the val split's Source.
    CC_others is the mean CC under the prompts of the folder's other conditions.
    """
    return {name: _folder_scores(model, blocks, source, taps, name, folder) for name, folder in source.folders.items()}


def _folder_scores(model, blocks, source, taps, name, folder):
    right, others = [], []
    prompts = {condition: folder.prompts.of(condition)[0] for condition in folder.conditions}
    images = {}
    for index, (image, condition) in enumerate(folder.entries):
        images.setdefault(image, {})[condition] = index
    for indices in images.values():
        batch = Batch(name, "", (next(iter(indices.values())),), (), False)
        features = graphs.run(blocks, ms.Tensor(source.inputs(batch, taps)))
        maps = _maps(model, features, source.encode, prompts)
        for condition, index in indices.items():
            truth = Truth(folder.density(index, comparison_size(PROTOCOL, folder.size(index))))
            right.append(list(score(maps[condition], truth, PROTOCOL, METRICS[:3]).values()))
            others += [score(maps[each], truth, PROTOCOL, ["CC"])["CC"] for each in maps if each != condition]
    scores = dict(zip(METRICS, np.mean(right, 0).tolist(), strict=False))
    return scores | ({"CC_others": float(np.mean(others))} if others else {})


def _maps(model, features, encode, prompts):
    """The map [h,w] of one image's features under the prompt of each condition."""
    size = tuple(model.config.image_size)
    features = ms.mutable(features)  # a plain tuple would be compiled in as a constant
    maps = {}
    for condition, prompt in prompts.items():
        outputs = graphs.run(model.head, features, ms.Tensor(encode([prompt])), model.grid(size), size)
        maps[condition] = outputs[0].asnumpy()[0, 0]
    return maps


def summary(scores):
    """The one number by which the best epoch is chosen: the mean CC over the folders."""
    return float(np.mean([each["CC"] for each in scores.values()]))


def line(scores):
    """Scores as text, 'osie CC 0.800 SIM 0.670 | ...'."""
    parts = []
    for name, each in scores.items():
        swapped = f" (mismatched prompts {each['CC_others']:.3f})" if "CC_others" in each else ""
        parts.append(f"{name} CC {each['CC']:.4f}{swapped} SIM {each['SIM']:.4f}")
    return " | ".join(parts)
