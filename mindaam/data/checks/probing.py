"""Can everything that a run is to read be read? Looked up before it starts, rather than found out hours later.

Headers of images are read, fixations in full, and of videos two frames with their truth; only `mindaam data check
--deep`, and packing, decode everything.
"""

from mindaam.data import media
from mindaam.data.checks.content_checks import disagreeing, judged, straying
from mindaam.data.datasets.tree import DAMAGED
from mindaam.data.loader import Loader
from mindaam.errors import InputError, unforeseen

FEW = 64  # entries that are looked at in this process: to start others takes longer
TINY = (16, 16)  # at which frames are handed on


def damaged(readers, *, workers=2, report=None):
    """What cannot be read of {name: reader}, as {name: {entry's name: why}}; sets that are sound are skipped.

    Packs, which were read when they were written, are not looked at. report: called as report(done, in all).
    """
    items = [(name, i) for name, each in readers.items() if not each.is_pack for i in range(len(each))]
    found = {}
    with Loader(readers, probe, workers=workers if len(items) > FEW else 0, ahead=64) as load:
        for done, ((name, index), why) in enumerate(zip(items, load(items), strict=True), 1):
            if why:
                found.setdefault(name, {})[readers[name].entries[index][0]] = why
            if report:
                report(done, len(items))
    return found


def probe(reader, index):
    """Why an entry of a reader cannot be used, or None. A module's function, for processes."""
    try:
        if reader.is_video:
            reader.clip(index, sorted({0, reader.frames(index) - 1}), TINY)
            return None
        reader.check_image(index)
        return _misshapen(reader, index) if reader.source == "maps" else _astray(reader, index)
    except InputError as error:
        return str(error)
    except Exception as error:  # whatever it is, it is about one entry of many, which are all looked at
        return str(unforeseen(reader.entries[index][0], error))
    return None


def _misshapen(reader, index):
    """Why a map is not one of its image: another shape. None when it is."""
    path = reader.map_path(index)
    found, size = media.image_size(path, upright=False), reader.size(index)
    wrong = [each for each in disagreeing("", None, found, size) if each.severity == DAMAGED]
    return f"{path}: {wrong[0].reason}" if wrong else None


def _astray(reader, index):
    """Why fixations are not those of their image: most lie outside. None when they are."""
    fixations = reader.fixations(index)  # InputError when none is inside
    recorded, size = reader.recorded(index), reader.size(index)
    if len(recorded) <= 2 * len(fixations):
        return None
    wrong = straying("", None, judged(recorded, size), size)
    return f"{reader.image_path(index)}: {wrong[0].reason}"
