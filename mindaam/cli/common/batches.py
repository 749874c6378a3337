"""Many files in one command: an error of one is reported, and the others are processed."""

import errno
from contextlib import contextmanager

from mindaam.errors import MindAAMError, OutputError, unforeseen
from mindaam.streams import print_message

CORRECTABLE, INTERNAL = 2, 1
# A full or read-only disk affects all files; any other OutputError affects one file.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class Batch:
    """The exit code of a batch, and the error handling of its items.

    code: 0 without errors; 2 after an error that the user can correct; 1 after an unexpected exception, as in Python.
    """

    def __init__(self):
        self.code = 0

    @contextmanager
    def item(self, name):
        """A context for one item. An exception is one line on stderr; only Ctrl-C and a full disk propagate."""
        try:
            yield
        except MindAAMError as error:
            if isinstance(error, OutputError) and getattr(error.__cause__, "errno", None) in DISK_FULL:
                raise
            self.problem(error)
        except Exception as error:  # it concerns one file, and the following ones must not be lost
            self.problem(unforeseen(name, error), CORRECTABLE if isinstance(error, MemoryError) else INTERNAL)

    def problem(self, text, code=CORRECTABLE):
        """Reports a problem and updates the exit code; an unexpected exception takes precedence."""
        print_message(text)
        self.code = INTERNAL if INTERNAL in (self.code, code) else code
