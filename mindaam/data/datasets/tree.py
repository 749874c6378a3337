"""A dataset's folder as patterns see it. Folders are listed only as deep as a pattern goes, so that links that lead in
circles do no harm; nothing is ever written.

A pattern is a path under the folder: `{field}` stands for part of one name, `{frame:05}` for a number, `{ext}` for the
suffix of an image or video, `*` for any part of a name. A field that comes twice is the same text both times. The
letters of a suffix may be large or small.
"""

import os
import re
import stat
from bisect import bisect_left
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from mindaam.data.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from mindaam.files import fault_of, lies_in

SUFFIX = "|".join(re.escape(suffix[1:]) for suffix in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES))
LISTINGS = 512  # folders whose names are kept; a video's frames, maps and fixations are three
DIGITS = 15  # of a frame's number, at most
FOLDER = -1  # in place of a file's size
LAST = chr(0x10FFFF)  # comes after all letters
# What systems leave behind in folders that somebody looked into or unpacked; hidden names are skipped anyway.
LITTER = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin")

DAMAGED, NOTE = "damaged", "note"


class Problem(NamedTuple):
    """What is wrong with a file of a dataset: its path under the set's folder, the reason, and the stimulus concerned.

    severity: "damaged" where something cannot be used, "note" where it can. stimulus: its name, or None where the
    whole set is meant or nothing in particular.
    """

    path: str
    reason: str
    severity: str = DAMAGED
    stimulus: str | None = None


class Match(NamedTuple):
    """A file that fits a pattern: its path under the folder, the fields' values, its size in bytes."""

    path: str
    fields: dict
    size: int


class Tree:
    """The files under a folder. root: Path; problems: what could not be listed, as Problems.

    It can be pickled; a copy lists again what it is asked for.
    """

    def __init__(self, root):
        self.root = Path(root)
        self._listings = OrderedDict()
        self._problems = {}

    def __getstate__(self):
        return {"root": self.root, "_listings": OrderedDict(), "_problems": {}}

    @property
    def problems(self):
        """The Problems met while listing, each once."""
        return list(self._problems.values())

    def listing(self, folder):
        """{name: size in bytes, FOLDER for a folder} of what is right in a folder, sorted; empty for no folder."""
        return self._listed(folder)[0]

    def _listed(self, folder):
        """The listing of a folder, and its names as a list."""
        if folder not in self._listings:
            names = dict(sorted(self._list(folder).items()))
            self._listings[folder] = names, list(names)
            if len(self._listings) > LISTINGS:
                self._listings.popitem(last=False)
        else:
            self._listings.move_to_end(folder)
        return self._listings[folder]

    def size(self, path):
        """Bytes of the file at a path under the folder; None when it does not exist."""
        folder, _, name = path.rpartition("/")
        size = self.listing(folder).get(name)
        return None if size == FOLDER else size

    def path(self, path):
        """The whole path of a path under the folder."""
        return self.root / path

    def find(self, pattern, known=None):
        """Yields a Match for each file that fits a pattern, sorted by path. known: values that fields must have."""
        yield from self._descend("", pattern.split("/"), dict(known or {}))

    def folders(self, pattern):
        """Yields (path, fields) for each folder that fits a pattern, sorted by path."""
        yield from self._inner("", pattern.split("/") if pattern else [], {})

    def first(self, patterns, fields):
        """The first of the patterns, filled in with `fields`, that is a file: its path, or None. `*` and a field that
        is not given, as a suffix, are looked for."""
        for pattern in patterns:
            plain = is_plain(pattern, fields)
            if plain and self.size(fill(pattern, fields)) is not None:
                return fill(pattern, fields)
            match = next(self.find(pattern, fields), None)  # a frame's zeros may be more or fewer, or a suffix large
            if match is not None:
                return match.path
        return None

    def _descend(self, folder, segments, fields):
        segment, rest = segments[0], segments[1:]
        if rest and is_plain(segment, fields):
            yield from self._descend(_join(folder, fill(segment, fields)), rest, fields)
            return
        shape, sizes = compiled(segment, fields), self.listing(folder)
        for name in self._starting(folder, beginning(segment, fields)):
            size = sizes[name]
            if (size == FOLDER) != bool(rest):
                continue
            found = shape.fullmatch(name)
            if found is None:
                continue
            filled = {**fields, **{key: _value(key, value) for key, value in found.groupdict().items()}}
            if rest:
                yield from self._descend(_join(folder, name), rest, filled)
            else:
                yield Match(_join(folder, name), filled, size)

    def _inner(self, folder, segments, fields):
        if not segments:
            yield folder, fields
            return
        segment, rest = segments[0], segments[1:]
        shape = compiled(segment, fields)
        for name, size in self.listing(folder).items():
            found = shape.fullmatch(name) if size == FOLDER else None
            if found is not None:
                yield from self._inner(_join(folder, name), rest, {**fields, **found.groupdict()})

    def _starting(self, folder, text):
        """The names in a folder that begin with a text. Bisected, as thousands of images look for theirs."""
        names = self._listed(folder)[1]
        return names[bisect_left(names, text) : bisect_left(names, text + LAST)]

    def _list(self, folder):
        place, names = self.root / folder, {}
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if not entry.name.startswith(".") and entry.name.casefold() not in LITTER:
                        self._note(folder, entry, names)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            self._problem(folder or ".", f"the folder cannot be read ({error.strerror}); check its permissions")
        return names

    def _note(self, folder, entry, names):
        path = _join(folder, entry.name)
        try:
            if not entry.is_dir():
                found = entry.stat()
                if stat.S_ISREG(found.st_mode):
                    names[entry.name] = found.st_size
                else:  # to open a pipe would be to wait for ever
                    self._problem(path, f"{fault_of(entry.path)}; copy the file again")
            elif entry.is_symlink() and lies_in(self.root / folder, entry.path):
                self._problem(path, "is a link to a folder that contains it; it was not followed")
            else:
                names[entry.name] = FOLDER
        except OSError as error:
            reason = (entry.is_symlink() and fault_of(entry.path)) or f"cannot be read ({error.strerror})"
            self._problem(path, f"{reason}; copy the file again")

    def _problem(self, path, reason):
        self._problems[path] = Problem(path, reason)


_FIELD = re.compile(r"\{(\w+)(?::0?(\d*))?\}")


def fields_of(pattern):
    """The names of a pattern's fields, in order, each once."""
    return list(dict.fromkeys(match.group(1) for match in _FIELD.finditer(pattern)))


def is_plain(pattern, fields):
    """Whether a pattern is one path once `fields` are filled in."""
    return "*" not in pattern and all(name in fields for name in fields_of(pattern))


def fill(pattern, fields):
    """The pattern with the fields' values in their places; `{frame:05}` pads the number with zeros."""
    return _FIELD.sub(lambda match: str(fields[match.group(1)]).zfill(int(match.group(2) or 0)), pattern)


def prefix(pattern):
    """The folders at a pattern's beginning that are the same for all its files: "a/b/" of "a/b/{c}/d.jpg"."""
    plain = []
    for segment in pattern.split("/")[:-1]:
        if not is_plain(segment, {}):
            break
        plain.append(segment + "/")
    return "".join(plain)


def beginning(segment, fields):
    """The text with which all names begin that fit a segment, as far as it is known."""
    for match in _FIELD.finditer(segment):
        if match.group(1) == "frame" or match.group(1) not in fields:
            segment = segment[: match.start()]
            break
    text = fill(segment.partition("*")[0], fields)
    return text.removesuffix(_suffix(segment))  # its letters may be large or small


def compiled(segment, fields):
    """The regular expression for one name; fields that are known already stand for their values."""
    parts, seen, end = [], set(), 0
    for match in _FIELD.finditer(segment):
        parts.append(_literal(segment[end : match.start()]))
        name, end = match.group(1), match.end()
        if name == "frame" and name in fields:
            parts.append("0*" + str(fields[name]))
        elif name in fields:
            parts.append(re.escape(fill(match.group(), fields)))
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            parts.append(f"(?P<{name}>{_shape(name)})")
        seen.add(name)
    suffix = _suffix(segment[end:])
    rest = _literal(segment[end:].removesuffix(suffix))
    return re.compile("".join([*parts, rest, f"(?i:{re.escape(suffix)})"]), re.DOTALL)


def _shape(name):
    if name == "frame":
        return rf"\d{{1,{DIGITS}}}"
    return f"(?i:{SUFFIX})" if name == "ext" else ".+"


def _suffix(segment):
    """The suffix at a pattern's end, ".png", where it is spelt out; or nothing."""
    found = re.search(r"\.[A-Za-z]\w*$", segment)
    return found.group() if found else ""


def _literal(text):
    return re.escape(text).replace(r"\*", ".*")


def _value(name, text):
    return int(text) if name == "frame" else text


def _join(folder, name):
    return f"{folder}/{name}" if folder else name
