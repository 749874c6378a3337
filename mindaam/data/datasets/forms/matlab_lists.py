"""Lists of names in MATLAB files, as LEDOV has them: one file holds the names, another numbers that count into it."""

import numpy as np

from mindaam.data.datasets.forms.matlab import read_mat
from mindaam.errors import InputError


def names_in_mat(root, place, index):
    """The names, in order, that a list of numbers gives. root: the dataset's folder, a Path.

    place, index: "file:variable" of the numbers, which count from 1, and of the names. Raises InputError for a file
    that is missing or damaged and for numbers that no name has.
    """
    names, numbers = (_variable(root, each) for each in (index, place))
    names = [names] if isinstance(names, str) else list(names)
    if not all(isinstance(name, str) for name in names):
        raise InputError(f"{root / index.partition(':')[0]} is no list of names; copy the file again")
    numbers = np.ravel(np.asarray(numbers))
    if numbers.dtype.kind not in "fiu" or not np.isin(numbers, np.arange(1, len(names) + 1)).all():
        reason = f"is no list of numbers from 1 to {len(names)}"
        raise InputError(f"{root / place.partition(':')[0]} {reason}, as {index} asks for; copy both files again")
    return [names[int(number) - 1] for number in numbers]


def _variable(root, place):
    """The value of "file:variable"."""
    file, _, variable = place.partition(":")
    return read_mat(root / file, [variable])[variable]
