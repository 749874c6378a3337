"""Many files in one command: what goes wrong with one is said, and the others are done."""

import errno
from contextlib import contextmanager

from mindaam.errors import MindAAMError, OutputError, unforeseen
from mindaam.streams import print_message

MENDABLE, FAULT = 2, 1
# A disk that takes no more takes nothing of the next file either; any other OutputError is about one file.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class Batch:
    """The exit code of a batch, and the one way in which its items fail.

    code: 0 as long as nothing went wrong; 2 after something that a user can mend; 1 after an exception that nobody
    foresaw, as Python itself ends on one.
    """

    def __init__(self):
        self.code = 0

    @contextmanager
    def item(self, name):
        """Inside it one item is done. What is raised is one line on stderr; only Ctrl-C and a full disk go on up."""
        try:
            yield
        except MindAAMError as error:
            if isinstance(error, OutputError) and getattr(error.__cause__, "errno", None) in NO_ROOM:
                raise
            self.problem(error)
        except Exception as error:  # whatever it is: it is about one file, and those after it must not be lost
            self.problem(unforeseen(name, error), MENDABLE if isinstance(error, MemoryError) else FAULT)

    def problem(self, text, code=MENDABLE):
        """Says what went wrong, and counts it; an exception that nobody foresaw outweighs the rest."""
        print_message(text)
        self.code = FAULT if FAULT in (self.code, code) else code
