"""The members of a JSON object one after another, so that a list of a gigabyte is never a tree of Python objects."""

import json
import re
from pathlib import Path

from mindaam.data.listed import MAX_JSON
from mindaam.data.media import require_file
from mindaam.errors import InputError
from mindaam.files import read_small

_SPACE = re.compile(r"[ \t\r\n]*")


def members(path, long):
    """Yields (key, value) for each member of the object in a file; of the list `long`, each element as a value.

    Raises InputError for a file that is missing, empty, truncated or damaged, or that holds no object.
    """
    path = Path(path)
    require_file(path, "JSON file")
    try:
        text = path.read_text(encoding="utf-8")
        yield from _members(text, long)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    except (ValueError, IndexError, RecursionError) as error:
        raise InputError(f"{path} is damaged or truncated ({error}); copy the file again") from error


def elements(path, most=MAX_JSON):
    """Yields each element of the list in a file of at most `most` bytes.

    Raises InputError for a file that is missing, too long, truncated or damaged, or that holds no list.
    """
    require_file(Path(path), "JSON file")
    try:
        yield from _elements(read_small(path, most).decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); restore the original file") from error
    except (ValueError, IndexError, RecursionError) as error:
        raise InputError(f"{path} is damaged or truncated ({error}); copy the file again") from error


def _elements(text):
    decode, place = json.JSONDecoder().raw_decode, _expect(text, 0, "[")
    while text[place] != "]":
        value, place = decode(text, place)
        yield value
        place = _next(text, place, "]")
    if _skip(text, place + 1) != len(text):
        raise ValueError(f"more text after character {place}")


def _members(text, long):
    decode, place = json.JSONDecoder().raw_decode, _expect(text, 0, "{")
    while text[place] != "}":
        key, place = decode(text, place)
        place = _expect(text, place, ":")
        if key == long:
            place = _expect(text, place, "[")
            while text[place] != "]":
                value, place = decode(text, place)
                yield key, value
                place = _next(text, place, "]")
            place = _skip(text, place + 1)
        else:
            value, place = decode(text, place)
            yield key, value
        place = _next(text, place, "}")


def _next(text, place, end):
    """The place of the next member after a comma, or of the `end`."""
    place = _skip(text, place)
    return place if text[place] == end else _expect(text, place, ",")


def _expect(text, place, sign):
    """The place after a sign that has to come next."""
    place = _skip(text, place)
    if text[place : place + 1] != sign:
        raise ValueError(f'"{sign}" is missing at character {place}')
    return _skip(text, place + 1)


def _skip(text, place):
    return _SPACE.match(text, place).end()
