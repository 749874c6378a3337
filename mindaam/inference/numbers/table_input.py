"""A table of images or videos and their prompts: CSV with the columns image and prompt (or condition), one row per
pair."""

import csv
import io
import os
from pathlib import Path
from typing import NamedTuple

from mindaam.data.listed import shown
from mindaam.errors import InputError
from mindaam.files import read_small
from mindaam.inference import results

SUFFIX = ".csv"
MOST_BYTES, MOST_ROWS, LONGEST = 16 << 20, 100_000, 10_000  # of the table; characters of a cell


class Pairs(NamedTuple):
    """sources: Paths, each once; choices: pairs (prompt, condition), one of which is None, each once; of: {source:
    indices of its choices}; problems: an InputError for each row that cannot be used."""

    sources: list
    choices: list
    of: dict
    problems: list


def is_table(path):
    """Whether an input is a table, by its suffix."""
    return Path(path).suffix.lower() == SUFFIX and not os.path.isdir(path)


def read_pairs(path):
    """The Pairs in a table. Paths of images are relative to its folder. Raises InputError for a file that is not a
    table with these columns, or has no row."""
    path = Path(path)
    try:
        text = read_small(path, MOST_BYTES).decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV table in UTF-8 ({error}); save it as one") from error
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    if "image" not in head or not {"prompt", "condition"} & set(head):
        raise InputError(f'{path} has no columns "image" and "prompt"; name them in its first row')
    if not any(map(any, rows[1:])):
        raise InputError(f"{path} has no row below its header; add one per image and prompt")
    if len(rows) > MOST_ROWS:
        raise InputError(f"{path} has more than {MOST_ROWS:,} rows; split it")
    return _pairs(path, head, rows[1:])


def _pairs(path, head, rows):
    found, places, first = Pairs([], [], {}, []), {}, {}
    for number, cells in enumerate(rows, 2):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            source, choice = _pair(path, head, cells)
            if (source, choice) in first:
                raise InputError(f"it repeats row {first[source, choice]}; remove it")
            if source not in found.of:
                sources, problems = results.find_sources([source])
                if problems:
                    raise problems[0]
                if sources != [source]:
                    raise InputError(f"{shown(source.name)} has several pages; name one, as in {sources[0].name}")
        except InputError as error:
            found.problems.append(InputError(f"{path}, row {number}: {error}"))
            continue
        first[source, choice] = number
        if choice not in places:
            places[choice] = len(places)
            found.choices.append(choice)
        if source not in found.of:
            found.sources.append(source)
        found.of.setdefault(source, []).append(places[choice])
    return found


def _pair(path, head, cells):
    """(source, (prompt, condition)) of a row; InputError for one that has not exactly one of both."""
    if len(cells) != len(head):
        raise InputError(f"the row has {len(cells)} cells, the header {len(head)}; quote texts with a comma")
    row = {name: cell.strip() for name, cell in zip(head, cells, strict=True)}
    image, prompt, condition = (row.get(name, "") for name in ("image", "prompt", "condition"))
    if not image:
        raise InputError("the image is empty; name a file")
    if max(map(len, (image, prompt, condition))) > LONGEST:
        raise InputError(f"a cell has more than {LONGEST:,} characters; shorten it")
    if bool(prompt) == bool(condition):
        raise InputError("it needs a prompt or a condition" + (", not both" if prompt else "; add one"))
    source = Path(os.path.normpath(path.parent / image))
    if os.path.isdir(source):
        raise InputError(f"{shown(image)} is a folder; name an image or video")
    return source, (prompt or None, condition or None)
