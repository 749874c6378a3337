"""Lists in the files of a dataset, as untrusted data: JSON objects, and names of other files.

A name in a list (meta.json, splits.json, a table) is a file of the folder and nothing else. Links are different:
the user made them on this disk, or unpacked them onto it, and they are followed to regular files anywhere, because
`mindaam data import --link` and users with videos on another disk make such folders.
`docs/your-own-data.md` has the rule.
"""

import gzip
import io
import json
import os
import re
from contextlib import contextmanager

from mindaam.errors import InputError
from mindaam.files import opened, read_small
from mindaam.streams import plain

MAX_JSON = 256 << 20  # bytes; a million images take a quarter of it
MAX_LINE = 1 << 20  # characters of a table's line
FREE, MAX_RATIO = 256 << 20, 200  # characters of an unpacked table, always allowed; times its packed size
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
HALVES = re.compile("[\ud800-\udfff]")  # of characters, which no text has by themselves
DRIVE = re.compile(r"[A-Za-z]:/")
SHOWN = 80  # characters of a name that a message repeats


def read_object(path):
    """The JSON object in a file, as a dict.

    Raises InputError for a file without an object, and OSError for one that does not exist, cannot be read, is not
    regular or is larger than MAX_JSON; the caller handles that.
    """
    try:
        content = json.loads(read_small(path, MAX_JSON).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # damaged, no UTF-8, numbers of 5,000 digits, endless brackets
        raise InputError(f"{path} is damaged ({error}); restore the original file") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} lacks its entries; restore the original file")
    return content


@contextmanager
def gzip_lines(path):
    """An iterator over the lines of a gzip file of text in UTF-8, closed at the end.

    A file that is not regular, a line of more than MAX_LINE characters, and a file that grows too much (a
    "decompression bomb") are OSErrors, like those of a damaged file.
    """
    with opened(path) as file, gzip.GzipFile(fileobj=file) as packed:
        stream = io.TextIOWrapper(packed, encoding="utf-8-sig", newline="")
        yield _bounded(stream, max(FREE, MAX_RATIO * os.path.getsize(path)))


def _bounded(stream, most):
    grown = 0  # characters, because the position in a packed stream is slow to compute
    while line := stream.readline(MAX_LINE):
        grown += len(line)
        if len(line) == MAX_LINE:
            raise OSError(f"a line has more than {MAX_LINE:,} characters")
        if grown > most:
            raise OSError(f"it grows to more than {MAX_RATIO} times its size, more than a table can")
        yield line


def shown(name):
    """A name from a file as a message may repeat it: without control characters, and not too long."""
    text = plain(name)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def fault_of_text(text):
    """The fault of a text from a file, as the end of a sentence; None if it has none."""
    if CONTROL.search(text):
        return "has control characters in it"
    if HALVES.search(text):
        return "is not a text"
    return None


def fault_of_name(name):
    """Why a name may not stand for a file somewhere under a folder, as the end of a sentence; None if it may."""
    if not name:
        return "is empty"
    if name.startswith("/") or "\\" in name or DRIVE.match(name) or ".." in name.split("/"):
        return "is not a path under the folder, of plain names with / between them"
    return fault_of_text(name)


def fault_of_label(name):
    """Why a name may not stand for one file or folder, such as that of a split; None when it may."""
    return "is not a plain name, as of a folder" if "/" in name or name.startswith(".") else fault_of_name(name)
