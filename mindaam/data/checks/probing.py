"""Can everything that a run is to read be read? Looked up before it starts, rather than found out hours later.

Headers of pictures are read, fixations in full, and of films two frames with their truth; only `mindaam data check
--deep`, and packing, decode everything.
"""

from mindaam.data import media
from mindaam.data.loader import Loader
from mindaam.errors import InputError

FEW = 64  # entries that are looked at in this process: to start others takes longer
TINY = (16, 16)  # at which frames are handed on


def damaged(readers, *, workers=2, report=None):
    """What cannot be read of {name: reader}, as {name: {entry's name: why}}; sets that are sound are left out.

    Packs, which were read when they were written, are not looked at. report: called as report(done, in all).
    """
    items = [(name, i) for name, each in readers.items() if not hasattr(each, "pack") for i in range(len(each))]
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
        if hasattr(reader, "clip"):
            reader.clip(index, sorted({0, reader.frames(index) - 1}), TINY)
        elif reader.source == "maps":
            reader.size(index)
            media.picture_size(reader.map_path(index))
        else:
            media.picture_size(reader.picture_path(index))
            reader.fixations(index)
    except InputError as error:
        return str(error)
    return None
