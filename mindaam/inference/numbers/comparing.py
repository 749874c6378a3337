"""Two designs under the same prompts: the shares of their regions side by side, and their difference."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mindaam.errors import ConfigError, InputError
from mindaam.files import same
from mindaam.inference.numbers import panels
from mindaam.inference.numbers.collecting import Section
from mindaam.inference.numbers.records import of_image
from mindaam.inference.numbers.regions import areas, overlaps


class Design(NamedTuple):
    """One of two designs. source: path of its image; size: (H, W); areas: the Areas of its regions."""

    source: Path
    size: tuple
    areas: list


def designs(sources, sizes, regions):
    """The two Designs of two images and the sentences on their regions.

    sources: two Paths; sizes: their (H, W). regions: a list of one list of Regions for both, of one for each, or of
    none. Raises ConfigError for one image given twice, InputError for regions that do not fit, and for two lists whose
    names differ.
    """
    if same(*sources):
        raise ConfigError(f"{sources[0]} and {sources[1]} are the same file; give two designs")
    first, second = regions if len(regions) == 2 else [*regions, *regions] or [[], []]
    if {each.name for each in first} != {each.name for each in second}:
        odd = sorted({each.name for each in first} ^ {each.name for each in second})
        raise InputError(f'the region "{odd[0]}" is in one of the two files only; name the regions alike in both')
    second = sorted(second, key=_order(first))
    found = [
        Design(source, tuple(size), areas(each, size, str(source)))
        for source, size, each in zip(sources, sizes, (first, second), strict=True)
    ]
    notes = dict.fromkeys(note for design in found if (note := overlaps(design.areas)))
    return found, list(notes)


def labels(sources):
    """What two designs are called: the names of their files, or their paths where these are alike."""
    names = [source.name for source in sources]
    return names if len(set(names)) == len(names) else [str(source) for source in sources]


def sections(pair, images, predictions, conditions=(None,), with_images=True):
    """A Section for each prompt, which compares two Designs.

    images: uint8 RGB [H, W, 3] of both; predictions: of both, a list of Predictions, one per prompt. conditions: the
    name of each prompt's condition or None.
    """
    found = []
    for number, condition in enumerate(conditions):
        both = [of_prompt[number] for of_prompt in predictions]
        records = [
            of_image(design.source, prediction, design.areas, condition)
            for design, prediction in zip(pair, both, strict=True)
        ]
        densities = [prediction.density for prediction in both]
        alike = densities[0].shape == densities[1].shape
        moved = [panels.moved(*densities)] if alike else []
        shown = _images(pair, images, densities, records) if with_images else []
        found.append(Section(condition or both[0].prompt, records, shown, moved, [], True))
    return found


def _images(pair, images, densities, records):
    made = []
    for number, (design, image) in enumerate(zip(pair, images, strict=True)):
        made.append(("image", number, panels.outlined(image, design.areas, design.size)))
    for number, (image, density, record) in enumerate(zip(images, densities, records, strict=True)):
        made.append(("map", number, panels.mapped(image, density, record.points, record.size)))
    if densities[0].shape == densities[1].shape:
        ground = np.rint(images[0] / 2.0 + images[1] / 2.0).astype(np.uint8)
        made.append(("difference", 1, panels.difference(ground, *densities)))
    return [(kind, number, panels.jpeg(each)) for kind, number, each in made]


def _order(regions):
    places = {each.name: place for place, each in enumerate(regions)}
    return lambda region: places[region.name]
