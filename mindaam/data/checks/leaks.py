"""Near-duplicates across the splits of all datasets together: what a model was trained on must not come in a test."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from mindaam.data.checks.checking import THREADS
from mindaam.data.checks.near_duplicates import fingerprint, fingerprint_file, near_duplicates
from mindaam.data.datasets.readers.video_frames import read_frames
from mindaam.data.datasets.readers.videos import VideoSet
from mindaam.data.datasets.tree import Tree


class Seen(NamedTuple):
    """An image, or one of the three frames of a video that are looked at. fingerprint: None for a flat one."""

    key: str
    split: str
    name: str
    fingerprint: object


def compared(sets, progress=None):
    """The report of `leaks` on all images and videos of some FoundSets, with {"unreadable": [[set, name]]}.

    progress: a function that is called with the set's title before each image or video.
    """
    seen, unreadable = [], []
    for found in sets:
        prints, refused = fingerprints(found, progress)
        seen += prints
        unreadable += [[found.record.key, name] for name in refused]
    return {**leaks(seen), "unreadable": unreadable}


def fingerprints(found, progress=None):
    """(Seen of all images or videos of a FoundSet that are in a split, names of those that cannot be read).

    Of a video the first, the middle and the last frame are taken. progress: called with the set's title before each.
    """
    chosen = [each for each in found.stimuli if each.split is not None]
    look = _of_film if found.is_video else _of_picture

    def attempt(stimulus):
        try:
            return look(found, stimulus)
        except Exception:  # what it says of this file is for `examine`; here it has nothing to be compared by
            return None

    seen, unreadable = [], []
    with ThreadPoolExecutor(THREADS) as pool:
        for stimulus, prints in zip(chosen, pool.map(attempt, chosen), strict=True):
            if progress is not None:
                progress(found.record.title)
            if prints is None:
                unreadable.append(stimulus.name)
            else:
                seen += [Seen(found.record.key, stimulus.split, stimulus.name, each) for each in prints]
    return seen, unreadable


def leaks(seen):
    """The report of near-duplicates among Seen images.

    Returns {"compared", "flat": those that show nothing and were skipped, "leaks": pairs in two splits, "doubles":
    pairs in one split}; a pair is {"first": [set, split, name], "second": [...], "mirrored": whether}. A video pairs
    with another once, never with itself. Splits of the same name are one in all datasets.
    """
    pairs = {}
    for pair in near_duplicates([each.fingerprint for each in seen]):
        first, second = seen[pair.first], seen[pair.second]
        if first[:3] != second[:3]:
            pairs.setdefault((first[:3], second[:3]), pair.mirrored)
    listed = [{"first": list(a), "second": list(b), "mirrored": mirrored} for (a, b), mirrored in pairs.items()]
    across = [pair for pair in listed if pair["first"][1] != pair["second"][1]]
    return {
        "compared": len(seen),
        "flat": sum(each.fingerprint is None for each in seen),
        "leaks": across,
        "doubles": [pair for pair in listed if pair not in across],
    }


def _of_picture(found, stimulus):
    return [fingerprint_file(found.tree.path(stimulus.path))]


def _of_film(found, film):
    count = len(film.numbers)
    places = sorted({0, count // 2, count - 1}) if count else []
    reader = VideoSet(Tree(found.tree.root), found.record, found.layout, [film], None)
    if found.layout.frames:
        fields = [{**film.fields, "frame": int(film.numbers[place])} for place in places]
        paths = [reader.tree.first([found.layout.frames], each) for each in fields]
        return [fingerprint_file(reader.tree.path(path)) for path in paths if path is not None]
    # one at a time: between two places everything would be decoded
    frames = (read_frames(reader.tree, reader.layout, film, [place], reader.shape(0)) for place in places)
    return [fingerprint(image) for read in frames for _, image, _ in read]
