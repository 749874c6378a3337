"""What the files of a data set say of its other files, as data from strangers: JSON objects, and names.

A name in a list (meta.json, splits.json, a table) leads to a file of the folder and nowhere else. Links are another
matter: somebody made them on this disk, or unpacked them onto it, and they are followed to regular files wherever these
lie, for `mindaam data import --link` and whoever keeps videos on another disk make such folders.
`docs/your-own-data.md` has the rule.
"""

import json
import os
import re

from mindaam.errors import InputError

MAX_JSON = 256 << 20  # bytes; a million images take a quarter of it
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
DRIVE = re.compile(r"[A-Za-z]:/")
SHOWN = 80  # characters of a name that a message repeats


def read_object(path):
    """The JSON object in a file, as a dict.

    Raises InputError for what is no regular file, is larger than MAX_JSON, or holds no object; a file that is not
    there, or may not be read, is an OSError, of which the caller knows what it means.
    """
    state = os.stat(path)
    if not os.path.isfile(path) or state.st_size > MAX_JSON:  # a pipe or a device would never end
        what = "no regular file" if not os.path.isfile(path) else f"larger than {MAX_JSON >> 20} MB"
        raise InputError(f"{path} is {what}; restore the original file")
    try:
        with open(path, encoding="utf-8-sig") as stream:
            content = json.load(stream)
    except (ValueError, RecursionError) as error:  # damaged, no UTF-8, numbers of 5,000 digits, endless brackets
        raise InputError(f"{path} is damaged ({error}); restore the original file") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} lacks its entries; restore the original file")
    return content


def shown(name):
    """A name from a file as a message may repeat it: without control characters, and not too long."""
    text = str(name)
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def fault_of_text(text):
    """What is wrong with a text from a file that people are to read, as the end of a sentence; None when it is sound."""
    if CONTROL.search(text):
        return "has control characters in it"
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return "is no text"
    return None


def fault_of_name(name):
    """Why a name may not stand for a file somewhere under a folder, as the end of a sentence; None when it may."""
    if not name:
        return "is empty"
    if name.startswith("/") or "\\" in name or DRIVE.match(name) or ".." in name.split("/"):
        return "is no path under the folder, of plain names with / between them"
    return fault_of_text(name)


def fault_of_label(name):
    """Why a name may not stand for one file or folder, such as that of a split; None when it may."""
    return "is no plain name, as of a folder" if "/" in name or name.startswith(".") else fault_of_name(name)
