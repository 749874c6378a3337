"""Errors with a message that states the problem, its location and the remedy.

The command line prints these as one sentence with exit code 2; any other exception is a bug and keeps its traceback.
"""

import difflib
import os
import re
import traceback

WIDEST, LONGEST = 300, 600  # characters of a word in a message, and of a message; paths can have 250 and more
_WIDE = re.compile(rf"\S{{{WIDEST + 1},}}")


class MindAAMError(Exception):
    """Base of every error that MindAAM raises deliberately; `str(error)` is one sentence for the user.

    Quoted file names and content may have any length: they are shortened in the middle, which keeps location and
    remedy.
    """

    def __init__(self, message=""):
        super().__init__(shortened(str(message)))


class InputError(MindAAMError):
    """An image, video, audio file, folder or prompt that cannot be used."""


class ConfigError(MindAAMError):
    """An unknown or invalid name, option or configuration value."""


class CheckpointError(MindAAMError):
    """A weights file that is missing, damaged, hostile or does not fit the model."""


class OutputError(MindAAMError):
    """A path that cannot be written to, or two results that would be written to one file."""


class TrainingError(MindAAMError):
    """A run that cannot continue, for example because the loss is not finite."""


class Notice(UserWarning):
    """A warning that requires no action; one sentence on the command line."""


def shortened(message):
    """A message with words of more than WIDEST characters, and itself beyond LONGEST, shortened in the middle."""
    message = _WIDE.sub(lambda word: _cut(word[0], 60, 40), message)
    return message if len(message) <= LONGEST else _cut(message, 220, 150)


def _cut(text, before, after):
    return f"{text[:before]}...({len(text):,} characters)...{text[-after:]}"


def unforeseen(name, error):
    """The InputError for an unexpected exception on one item (its name or path) of a batch whose other items continue.

    Its message contains the exception and its origin, for a bug report."""
    if isinstance(error, MemoryError):
        return InputError(f"{name} does not fit into memory; make it smaller, or free some memory")
    line = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {os.path.basename(line[0].filename)}, line {line[0].lineno}" if line else ""
    text = " ".join(str(error).split())[:200]
    detail = f": {text}" if text else ""
    return InputError(
        f"{name} could not be processed because of an internal error ({type(error).__name__}{where}{detail}); "
        "please report it, with the file if possible"
    )


def nearest(name, known):
    """A hint such as ' (did you mean "paper"?)', or '' if nothing in `known` is similar to `name`."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.4)
    return f' (did you mean "{close[0]}"?)' if close else ""


def unknown(kind, name, known):
    """ConfigError for a `name` that is not one of `known`; it suggests the closest and lists all."""
    known = [str(k) for k in known]
    return ConfigError(f'unknown {kind} "{name}"{nearest(name, known)}; known: {", ".join(sorted(known))}')
