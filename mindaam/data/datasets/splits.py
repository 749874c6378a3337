"""Which split an image or video belongs to, by the rule of its layout (`catalogue.Splits`)."""

import csv
import hashlib
import re
from pathlib import PurePosixPath

from mindaam.data.datasets.forms.matlab_lists import names_in_mat
from mindaam.data.datasets.tree import fill
from mindaam.data.listed import read_object, shown
from mindaam.data.media import VIDEO_SUFFIXES
from mindaam.errors import InputError

HASHES = 2**32


def assign(tree, rule, stimuli):
    """The split of each stimulus, a list in their order; None where the rule leaves it out. By "json" it is the part,
    whose split is `Splits.whole`.

    tree: Tree; rule: Splits; stimuli: list of {field: value}. Raises InputError for a list that cannot be read.
    """
    lists, by = _lists(tree, rule), _BY[rule.by]
    return [by(rule, fields, lists) for fields in stimuli]


def names_in(tree, pattern, column=0):
    """The names that a list file, or several, give: a dict of the name as it stands to its row, in order.

    Rows are cut at commas, or else at spaces; empty ones are skipped. Raises InputError for a list that is not
    there or is no text.
    """
    matches, names = list(tree.find(pattern)), {}
    if not matches:
        raise InputError(f"{tree.root} lacks {pattern}, which lists a split; copy the dataset again")
    for match in matches:
        for row in rows(tree.path(match.path)):
            if len(row) > column:
                names[row[column]] = row
    return names


def rows(path):
    """The rows of a list file as lists of text, cut at commas, or else at tabs and spaces; without empty ones."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        cut = [next(csv.reader([line])) if "," in line else line.split() for line in lines]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a list ({error}); copy the file again") from error
    return [[part.strip() for part in row] for row in cut if any(row)]


def _lists(tree, rule):
    if rule.by == "json":
        return _parts(tree.path(rule.file), rule)
    if rule.by != "list":
        return {}
    if rule.index is not None:
        return {split: names_in_mat(tree.root, place, rule.index) for split, place in rule.lists.items()}
    return {split: names_in(tree, pattern, rule.column) for split, pattern in rule.lists.items()}


def _parts(path, rule):
    """{part: set of names without the suffix of a video} of a JSON object of lists, the parts in `rule.values` alone.
    InputError for a file that is missing or damaged, and for one that lacks a split."""
    try:
        content = read_object(path)
    except OSError as error:
        raise InputError(f"{path}, which lists the splits, cannot be read ({error.strerror}); restore it") from error
    parts = {}
    for split, names in rule.values.items():
        here = [name for name in names if name in content]
        if not here:
            keys = ", ".join(map(shown, list(content)[:5])) or "none"
            raise InputError(f"{path} lists no {' or '.join(names)} for the split {split}; its keys are {keys}")
        for name in here:
            listed = content[name]
            if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
                raise InputError(f"{path}: {name} is not a list of names; restore the file")
            parts[name] = {_plain(each) for each in listed}
    return parts


def _plain(name):
    """A name without the suffix of a video."""
    name = PurePosixPath(name).name
    return name[: -len(PurePosixPath(name).suffix)] if PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES else name


def _by_field(rule, fields, _):
    value = str(fields[rule.field])
    return next((split for split, values in rule.values.items() if value in values), None)


def _by_number(rule, fields, _):
    digits = re.search(r"\d+", str(fields[rule.field]))
    if digits is None:
        return None
    number = int(digits.group())
    return next((split for split, (first, last) in rule.ranges.items() if first <= number <= last), None)


def _by_list(rule, fields, lists):
    key = fill(rule.key, fields)
    return next((split for split, names in lists.items() if key in names), None)


def _by_names(rule, fields, _):
    key = fill(rule.key, fields)
    return next((split for split, names in rule.values.items() if key in names), "train")


def _by_share(rule, fields, _):
    """A split of this project: fixed for a name, independent of all other names."""
    key = fill(rule.key, fields)
    key = next((group[0] for group in rule.together if key in group), key)
    place = int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()[:4], "big") / HASHES
    return "val" if place < rule.val else "train"


def _all(rule, fields, _):
    return "train"


_BY = {
    "field": _by_field,
    "number": _by_number,
    "list": _by_list,
    "json": _by_list,
    "names": _by_names,
    "share": _by_share,
    "all": _all,
}
