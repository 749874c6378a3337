"""Regions from a file: JSON, or a mask as an image.

{"unit": "pixels", "regions": [
    {"name": "headline", "box": [x, y, width, height]},
    {"name": "button", "polygon": [[x, y], [x, y], [x, y]]},
    {"name": "hero", "box": [0, 0, 1, 0.4], "unit": "fraction"},
    {"name": "logo", "mask": "logo.png"}]}

x and y are from the left and top edge of the image. `unit` is "pixels" (by default) or "fraction" of width and height;
a region may have its own. A mask is an image of the same size in the folder of the file, bright where the region is. A
list of regions alone is accepted too. An image in place of JSON is the mask of one region, which has the file's name.
"""

import json
import math
import os
from pathlib import Path

import numpy as np

from mindaam.data import kinds, media
from mindaam.data.listed import fault_of_name, fault_of_text, shown
from mindaam.errors import InputError, nearest
from mindaam.files import fault_of, read_small
from mindaam.inference.numbers.regions import FRACTION, PIXELS, Region, box

MOST_BYTES = 4 << 20  # of a JSON file
MOST, CORNERS, NAME = 200, 1000, 100  # regions, corners of a polygon, characters of a name
SHAPES = ("box", "polygon", "mask")
KEYS = ("name", "unit", *SHAPES)


def read_regions(path):
    """The Regions in a file, JSON or an image. Raises InputError with one sentence for every fault."""
    path = Path(path)
    if fault := fault_of(path):
        raise InputError(f"{path} {fault}; give a file with regions")
    if kinds.is_image(kinds.file_start(path)):
        return [Region(shown(path.stem) or "mask", _mask(path), source=str(path))]
    try:
        content = json.loads(read_small(path, MOST_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, numbers of 5,000 digits, endless brackets
        raise InputError(f"{path} is not JSON ({_short(error)}); correct it") from error
    return checked_regions(content, str(path), path.parent)


def as_regions(regions):
    """The Regions of a path, of the content of a file, or of a list of Regions."""
    if isinstance(regions, str | os.PathLike):
        return read_regions(regions)
    if isinstance(regions, list | tuple) and regions and all(isinstance(each, Region) for each in regions):
        return list(regions)
    return checked_regions(list(regions) if isinstance(regions, tuple) else regions)


def checked_regions(content, source="regions", folder=None):
    """The Regions in the content of a JSON file, as above: a dict, or the list of its regions.

    source: its name in messages; folder: of its masks, None if it has none. Raises InputError.
    """
    content = {"regions": content} if isinstance(content, list) else content
    if not isinstance(content, dict) or not isinstance(content.get("regions"), list):
        raise InputError(f'{source} has no list of "regions"; write {{"regions": [{{"name": ..., "box": ...}}]}}')
    _require_keys(content, ("unit", "regions"), source)
    entries, unit = content["regions"], _unit(content, PIXELS, source)
    if not entries:
        raise InputError(f"{source} has no region; add one")
    if len(entries) > MOST:
        raise InputError(f"{source} has {len(entries):,} regions, more than {MOST}; split it into several files")
    found, names = [], {}
    for number, entry in enumerate(entries, 1):
        where = f"{source}, region {number}"
        name = _name(entry, where)
        if name in names:
            raise InputError(f'{where} has the name "{name}", as region {names[name]} has; rename one of them')
        names[name] = number
        shape = _shape(entry, f'{source}: the region "{name}"', folder)
        found.append(Region(name, shape, _unit(entry, unit, where), source))
    return found


def _name(entry, where):
    if not isinstance(entry, dict):
        raise InputError(f'{where} is not an object; write {{"name": ..., "box": [x, y, width, height]}}')
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise InputError(f'{where} has no name; add "name"')
    name = name.strip()
    if len(name) > NAME:
        raise InputError(f"{where} has a name of {len(name):,} characters, more than {NAME}; shorten it")
    if fault := fault_of_text(name):
        raise InputError(f'{where}: the name "{shown(name)}" {fault}; rename the region')
    _require_keys(entry, KEYS, where)
    return name


def _require_keys(entry, known, where):
    for key in entry:
        if key not in known:
            raise InputError(f'{where}: unknown key "{shown(key)}"{nearest(key, known)}; known: {", ".join(known)}')


def _unit(entry, default, where):
    unit = entry.get("unit", default)
    if unit not in (PIXELS, FRACTION):
        raise InputError(f'{where}: the unit must be "{PIXELS}" or "{FRACTION}", not "{shown(unit)}"')
    return unit


def _shape(entry, where, folder):
    kinds_given = [key for key in SHAPES if key in entry]
    if len(kinds_given) != 1:
        some = "no shape" if not kinds_given else f"{len(kinds_given)} shapes"
        raise InputError(f"{where} has {some}; give one of {', '.join(SHAPES)}")
    [kind] = kinds_given
    value = entry[kind]
    if kind == "mask":
        return _named_mask(value, where, folder)
    if kind == "box":
        x, y, width, height = _numbers(value, 4, f"{where}: a box is [x, y, width, height], four numbers")
        if width <= 0 or height <= 0:
            raise InputError(f"{where} has a box of {width:g} x {height:g}, which is empty; enlarge it")
        return box(x, y, width, height)
    wanted = f"{where}: a polygon is a list of 3 to {CORNERS} corners [x, y]"
    if not isinstance(value, list) or not 3 <= len(value) <= CORNERS:
        raise InputError(wanted)
    return np.array([_numbers(corner, 2, wanted) for corner in value], np.float64)


def _numbers(value, count, wanted):
    if not isinstance(value, list) or len(value) != count:
        raise InputError(wanted)
    for each in value:
        number = isinstance(each, int | float) and not isinstance(each, bool)
        if not number or not math.isfinite(each) or abs(each) > 1e9:
            raise InputError(wanted)
    return [float(each) for each in value]


def _named_mask(name, where, folder):
    fault = fault_of_name(name) if isinstance(name, str) else "is not a text"
    if fault or folder is None:
        raise InputError(f'{where}: the mask {fault or "has no folder"}; name an image in the folder of the file')
    return _mask(Path(folder, name))


def _mask(path):
    """bool [H, W]: where an image is brighter than half of its maximum."""
    values = media.read_gray(path)
    found = values > 0.5 * values.max()
    if not found.any():
        raise InputError(f"{path}: the mask is black everywhere; paint the region white")
    return found


def _short(error):
    return " ".join(str(error).split())[:120]
