"""What films a data set holds: frame by frame as pictures or as film files, with their maps, fixations and sound."""

from typing import NamedTuple

import numpy as np

from mindaam.data.datasets.forms.video_forms import VIDEO_FORMS
from mindaam.data.datasets.splits import assign, names_in
from mindaam.data.datasets.tree import DAMAGED, FOLDER, NOTE, Problem, compiled, fill, is_plain, prefix
from mindaam.data.tables import number
from mindaam.errors import InputError

MAX_RATE = 1e6  # frames a second


class Film(NamedTuple):
    """A film of a data set.

    name: its path below the folder of all films. split: None where the split's rule leaves it out. path: its file, or
    the folder of its frames, under the set's folder. numbers: int [n], the frames' numbers as in their file names, of
    a film file 0..n-1; start: that of its very first frame, which may be left out. labels: int [n], the numbers that
    the frames' maps and fixation files have. mapped, gazed: bool [n], whether a frame has a map, a fixation file; of
    fixations for the whole film, all or none. gaze: paths of those. rate: frames a second. sound: path of the sound
    file, or None; a film file may have its own. fields: of its pattern. timeline: of a film file, its Timeline, None
    as long as nobody has decoded it and its header's count is all that is known. beyond: fixations known to lie before
    its first frame or after its last one, which are left out.
    """

    name: str
    split: str | None
    path: str
    numbers: np.ndarray
    start: int
    labels: np.ndarray
    mapped: np.ndarray
    gazed: np.ndarray
    gaze: tuple
    rate: float
    sound: str | None
    fields: dict
    timeline: object = None
    beyond: int = 0


def whole_video(layout):
    """Whether a layout's fixations are in files for whole films, rather than for frames."""
    return layout.fixations is not None and layout.fixations.form in VIDEO_FORMS


def index(tree, layout, source):
    """All films of a layout, of every split, as (Films sorted by name, Problems).

    source: "fixations" or "maps", what densities are made of. A film of a labelled split that lacks it is damaged, one
    that lacks the other is noted.
    """
    places = _folders(tree, layout) if layout.frames else _files(tree, layout)
    splits = assign(tree, layout.splits, [fields for _, fields in places])
    shared = min((prefix(pattern) for pattern in (layout.films or [layout.frames])), key=len)
    rates, films, refused = _rates(tree, layout), [], {}
    known = {} if layout.frames else _known(tree, [path for path, _ in places])
    for (path, fields), split in zip(places, splits, strict=True):
        name = path.removeprefix(shared)
        try:
            films.append(_film(tree, layout, name, split, path, fields, rates, known.get(path)))
        except InputError as error:
            films.append(_unreadable(layout, name, split, path, fields))
            refused[path] = str(error).removeprefix(str(tree.path(path))).lstrip(": ")
    doubtful = [film for film in films if film.path not in refused and _is_doubtful(tree, layout, film)]
    mended = {film.path: film for film in with_timelines(tree, layout, doubtful)}
    films, problems = [mended.get(film.path, film) for film in films], []
    for film in films:
        if film.path in refused:
            problems.append(Problem(film.path, refused[film.path], stimulus=film.name))
        else:
            problems += _problems(tree, layout, film, source)
    problems += _without_film(tree, layout, [fields for _, fields in places])
    return films, [*tree.problems, *problems]


def with_timelines(tree, layout, films):
    """The Films with the frames that can be decoded, rather than as many as headers say; as they are where none can be,
    and where they are folders of frames."""
    if layout.frames:
        return list(films)
    from mindaam.data.videos.timeline_cache import find_timelines

    found = find_timelines(tree.root, [film.path for film in films if film.timeline is None])
    return [
        _film(tree, layout, film.name, film.split, film.path, film.fields, {}, found[film.path])
        if film.path in found
        else film
        for film in films
    ]


def frame_files(tree, pattern, fields):
    """{frame number: size in bytes} of the files of one film that fit a pattern with `{frame}` in the file's name."""
    folder, _, name = pattern.rpartition("/")
    if not is_plain(folder, fields):
        return {}
    shape, found = compiled(name, fields), {}
    for file, size in tree.listing(fill(folder, fields)).items():
        match = shape.fullmatch(file) if size != FOLDER else None
        if match is not None:
            found[int(match.group("frame"))] = size
    return found


def _folders(tree, layout):
    """[(folder of frames, fields)] of films that are folders of pictures."""
    folder, _, name = layout.frames.rpartition("/")
    return [(path, fields) for path, fields in tree.folders(folder) if frame_files(tree, layout.frames, fields)]


def _files(tree, layout):
    found = {match.path: match.fields for pattern in layout.films for match in tree.find(pattern)}
    return [(path, found[path]) for path in sorted(found)]


def _film(tree, layout, name, split, path, fields, rates, timeline=None):
    if layout.frames:
        every = np.array(sorted(frame_files(tree, layout.frames, fields)), np.int64)
        start, numbers = int(every[0]), every[layout.skip_frames :]
        labels, rate = numbers, rates.get(fields.get("video", name), layout.rate)
    else:
        count, rate = (len(timeline.times), timeline.rate) if timeline else _length(tree.path(path))
        start, numbers = 0, np.arange(layout.skip_frames, count)
        labels = numbers + layout.first_frame
    mapped = sorted({number for pattern in layout.maps for number in frame_files(tree, pattern, fields)})
    gaze, gazed = (), np.zeros(len(numbers), bool)
    if whole_video(layout):
        gaze = tuple(match.path for match in tree.find(layout.fixations.path, fields))
        gazed[:] = bool(gaze)
    elif layout.fixations:
        gazed = np.isin(labels, list(frame_files(tree, layout.fixations.path, fields)))
    sound = tree.first([layout.sound], fields) if layout.sound else None
    mapped = np.isin(labels, mapped)
    return Film(name, split, path, numbers, start, labels, mapped, gazed, gaze, float(rate), sound, fields, timeline)


def _unreadable(layout, name, split, path, fields):
    """A film that is there but damaged, without frames."""
    none, never = np.zeros(0, np.int64), np.zeros(0, bool)
    return Film(name, split, path, none, 0, none, never, never, (), layout.rate, None, fields)


def _known(tree, paths):
    """{path: Timeline} of the film files that somebody has decoded before."""
    from mindaam.data.videos.timeline_cache import known_timelines

    return known_timelines(tree.root, paths)


def _is_doubtful(tree, layout, film):
    """Whether the maps and fixation files of a film file's frames are not as many as its header tells."""
    if layout.frames or film.timeline is not None:
        return False
    patterns = [*layout.maps, *([layout.fixations.path] if layout.fixations else [])]
    for pattern in [each for each in patterns if "{frame" in each]:
        labelled = frame_files(tree, pattern, film.fields)
        if labelled and max(labelled) != layout.first_frame + layout.skip_frames + len(film.numbers) - 1:
            return True
    return False


def _length(path):
    """(frames, frames a second) of a film file, as its header says."""
    from mindaam.data.videos.reading import frame_count

    return frame_count(path)


def _rates(tree, layout):
    """{film's name: frames a second} as the layout's lists say: the last number of a row."""
    if layout.rates is None:
        return {}
    rates = {}
    for name, row in names_in(tree, layout.rates).items():
        try:
            rates[name] = number(row[-1])
        except ValueError:
            rates[name] = 0.0
        if rates[name] <= 0:
            raise InputError(f"{tree.root}: {layout.rates} gives no frame rate for {name}; restore the file")
    return rates


def _problems(tree, layout, film, source):
    """The Problems of one film."""
    if layout.frames:
        yield from _frame_problems(tree, layout, film)
    if film.sound is not None and tree.size(film.sound) == 0:
        yield Problem(film.sound, "the sound is empty (0 bytes)", stimulus=film.name)
    elif layout.sound and film.sound is None:
        yield Problem(film.path, f"the film has no sound ({fill(layout.sound, film.fields)})", NOTE, film.name)
    if not len(film.numbers):
        yield Problem(film.path, "the film has no frames", stimulus=film.name)
    elif film.split is not None and film.split not in layout.splits.unlabelled:
        yield from _truth_problems(tree, layout, film, source)


def _frame_problems(tree, layout, film):
    """Frames that are empty or missing."""
    sizes = frame_files(tree, layout.frames, film.fields)
    empty = [number for number in film.numbers.tolist() if sizes[number] == 0]
    if empty:
        reason = f"{_counted(empty, 'frame')} empty (0 bytes): {_some(empty)}"
        yield Problem(film.path, reason, stimulus=film.name)
    gaps = np.flatnonzero(np.diff(film.numbers) != 1)
    if len(gaps):
        missing = [int(film.numbers[gap]) + 1 for gap in gaps]
        yield Problem(film.path, f"frames are missing from number {_some(missing)} on", stimulus=film.name)


def _truth_problems(tree, layout, film, source):
    """Maps and fixations that are missing, empty, or of frames that are not there."""
    patterns = {"maps": layout.maps, "fixations": [layout.fixations.path] if layout.fixations else []}
    for kind, there in (("maps", film.mapped), ("fixations", film.gazed)):
        if patterns[kind] and not there.any():
            severity = DAMAGED if kind == source else NOTE
            yield Problem(film.path, f"the film has no {kind}", severity, film.name)
        elif patterns[kind] and not there.all():
            yield Problem(film.path, f"{int((~there).sum())} of {len(there)} frames have no {kind}", NOTE, film.name)
    known = {*film.labels.tolist(), *_skipped(tree, layout, film)}
    for what, pattern in [(what, each) for what, some in patterns.items() for each in some if "{frame" in each]:
        files = frame_files(tree, pattern, film.fields)
        empty = sorted(number for number, size in files.items() if size == 0)
        if empty:
            reason = f"the {what} of {_counted(empty, 'frame')} empty (0 bytes): {_some(empty)}"
            yield Problem(film.path, reason, stimulus=film.name)
        alone = sorted(set(files) - known)
        if alone:
            reason = f"the {what} of {_counted(alone, 'frame')} without the frame: {_some(alone)}"
            yield Problem(film.path, reason, stimulus=film.name)
    for path in film.gaze:
        if tree.size(path) == 0:
            yield Problem(path, "the file of fixations is empty (0 bytes)", stimulus=film.name)


def _skipped(tree, layout, film):
    """Labels of the frames at the film's beginning that the layout leaves out."""
    if layout.frames:
        return sorted(frame_files(tree, layout.frames, film.fields))[: layout.skip_frames]
    return range(layout.first_frame, layout.first_frame + layout.skip_frames)


def _without_film(tree, layout, known):
    """The Problems of folders of maps or fixations that no film has. known: the fields of all films."""
    for pattern in [*layout.maps, *([layout.fixations.path] if layout.fixations else [])]:
        if "{frame" not in pattern:
            continue
        folder = pattern.rpartition("/")[0]
        mine = {fill(folder, fields) for fields in known if is_plain(folder, fields)}
        for path, _ in tree.folders(folder):
            if path not in mine and any(size != FOLDER for size in tree.listing(path).values()):
                yield Problem(path, "a folder of maps or fixations that no film belongs to")


def _counted(numbers, what):
    return f"1 {what} is" if len(numbers) == 1 else f"{len(numbers)} {what}s are"


def _some(numbers):
    return ", ".join(map(str, numbers[:3])) + (", ..." if len(numbers) > 3 else "")
