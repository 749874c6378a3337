"""Errors that a user can act on: each message says what is wrong, where, and what to do.

Only these reach the command line as one sentence with exit code 2; anything else is a bug and keeps its traceback.
"""

import difflib
import os
import re
import traceback

WIDEST, LONGEST = 300, 600  # characters of a word in a message, and of a message; paths can have 250 and more
_WIDE = re.compile(rf"\S{{{WIDEST + 1},}}")


class MindAAMError(Exception):
    """Base of every error that MindAAM raises on purpose; `str(error)` is one sentence for the user.

    What a message repeats of a file or a name may be of any length: it is cut in the middle, so that where and what to
    do stay.
    """

    def __init__(self, message=""):
        super().__init__(shortened(str(message)))


class InputError(MindAAMError):
    """An image, video, audio, folder or sentence that cannot be used."""


class ConfigError(MindAAMError):
    """An unknown or invalid name, option or configuration value."""


class CheckpointError(MindAAMError):
    """A weights file that is missing, damaged, hostile or does not fit the model."""


class OutputError(MindAAMError):
    """A place that cannot be written to, or two results that would share one file."""


class TrainingError(MindAAMError):
    """A run that cannot continue, such as a loss that is no longer finite."""


class Notice(UserWarning):
    """What a caller should know of and need not mend: a warning of the library, one sentence on the command line."""


def shortened(message):
    """A message without the middles of its words of more than WIDEST characters, and of itself beyond LONGEST."""
    message = _WIDE.sub(lambda word: _cut(word[0], 60, 40), message)
    return message if len(message) <= LONGEST else _cut(message, 220, 150)


def _cut(text, before, after):
    return f"{text[:before]}...({len(text):,} characters)...{text[-after:]}"


def unforeseen(name, error):
    """The InputError for an item of a batch, by its name or path, on which an exception came that nobody foresaw: for
    where the other items must not be lost by it. It says which exception and where it came from, for a report."""
    if isinstance(error, MemoryError):
        return InputError(f"{name} does not fit into memory; make it smaller, or free some memory")
    line = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {os.path.basename(line[0].filename)}, line {line[0].lineno}" if line else ""
    text = " ".join(str(error).split())[:200]
    detail = f": {text}" if text else ""
    return InputError(
        f"{name} could not be done, by a fault that MindAAM did not foresee ({type(error).__name__}{where}{detail}); "
        "please report it, with the file if possible"
    )


def nearest(name, known):
    """A hint such as ' (did you mean "paper"?)', or '' when nothing in `known` resembles `name`."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.4)
    return f' (did you mean "{close[0]}"?)' if close else ""


def unknown(kind, name, known):
    """ConfigError for a `name` that is not one of `known`, naming the nearest and listing them all."""
    known = [str(k) for k in known]
    return ConfigError(f'unknown {kind} "{name}"{nearest(name, known)}; known: {", ".join(sorted(known))}')
