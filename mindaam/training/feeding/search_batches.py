"""Batches of search conditions: images, each with a class to look for, and which positions its prompts should hold.

A class without a box on an image is never an example against it: boxes are missing where things are present. What a
class is contrasted with is another class's box, on the same image or on another one of the batch.
"""

import numpy as np

from mindaam.data.search import wordings

CONDITION = "search"
COVERED, CLEAR = 0.5, 0.1  # of a position: from which share on a box holds it, and up to which share it does not
HOLDS, REFUSES, UNKNOWN = 1.0, 0.0, -1.0


def search_batches(rng, key, folder, make, count, size):
    """The epoch's batches of one SearchFolder, shuffled, of `size` images each.

    key: the folder's name; make: function of (key, condition, entries, prompts, mirrored, swapped, things) -> Batch;
    count: the most images per epoch. Images with two classes come first: these carry the contrast. Each has the prompt
    of one class, and those of the first half also that of another, or else of none: None stands for free viewing.
    """
    several = rng.permutation([image for image, names in folder.classes.items() if len(names) > 1])
    single = rng.permutation([image for image, names in folder.classes.items() if len(names) == 1])
    chosen = [*several, *single][:count]
    chosen = [chosen[i] for i in rng.permutation(len(chosen))]
    batches = []
    for start in range(0, len(chosen) - size + 1, size):
        images = chosen[start : start + size]
        images.sort(key=lambda image: len(folder.classes[image]) == 1)  # the first half is contrasted
        drawn = [rare_first(rng, folder, image) for image in images]
        things = tuple(names[0] for names in drawn)
        others = tuple(names[1] if len(names) > 1 else None for names in drawn[: (size + 1) // 2])
        prompts, swapped = (tuple(each and draw(rng, each) for each in names) for names in (things, others))
        entries = tuple(folder.free[image] for image in images)
        batches.append(make(key, CONDITION, entries, prompts, bool(rng.random() < 0.5), swapped, things))
    return batches


def rare_first(rng, folder, image):
    """The classes of an image in a random order, in which rare ones tend to be first: people are on most images."""
    names = folder.classes[image]
    weights = 1 / np.sqrt([folder.frequency[name] for name in names])
    return [str(name) for name in rng.choice(names, len(names), replace=False, p=weights / weights.sum())]


def draw(rng, name):
    """A prompt of a class that training may use."""
    pool = wordings.prompts(name)
    return pool[rng.integers(len(pool))]


def labels(folder, images, things, grid):
    """What each of a batch's prompts should do at each position of each of its images: float32 [B images, B prompts,
    h w], HOLDS within a box of its class, REFUSES within another class's box alone, UNKNOWN elsewhere.

    folder: SearchFolder; images: names [B]; things: the class of each prompt [B]; grid: (h, w) of the positions.
    """
    rows = []
    for image in images:
        masks = {name: folder.mask(image, name, grid).reshape(-1) for name in folder.boxes[image]}
        boxed = np.max([mask for mask in masks.values()], 0) >= COVERED
        row = np.full((len(things), boxed.size), UNKNOWN, np.float32)
        for number, name in enumerate(things):
            own = masks.get(name, np.zeros_like(boxed, np.float32))
            row[number, boxed & (own < CLEAR)] = REFUSES
            row[number, own >= min(COVERED, own.max() or 1)] = HOLDS  # the most covered one of a tiny box
        rows.append(row)
    return np.stack(rows)
