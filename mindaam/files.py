"""Files that a user or a stranger named: where they lead, what stands in their place, and reading that never waits.

Links may lead in circles or nowhere, names be too long or hold a NUL, and a pipe or a device may lie where a file is
expected: `Path.resolve` and `Path.is_file` raise for some of these, and `open` waits for ever at a pipe. Here none do.
"""

import errno
import os
import stat
from pathlib import Path

NUL = "the name holds a NUL, which no file's name can"
HALF = "the name holds half of a character, which no file's name can"
_KINDS = {
    stat.S_IFDIR: "is a folder",
    stat.S_IFIFO: "is a pipe and not a file",
    stat.S_IFSOCK: "is a socket and not a file",
    stat.S_IFCHR: "is a device and not a file",
    stat.S_IFBLK: "is a device and not a file",
}
_TROUBLE = {
    errno.ELOOP: "is a link that leads in a circle",
    errno.ENAMETOOLONG: "has a name that is too long",
    errno.EACCES: "may not be reached",
    errno.EPERM: "may not be reached",
}


def real(path):
    """The absolute Path that `path` leads to, as far as its links can be followed; it need not be there.

    Unlike `Path.resolve` it never raises: a link in a circle, and a name that no file can have, lead to themselves.
    """
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):  # a NUL or half a surrogate pair in the name; a working folder that is gone
        return Path(path)


def same(first, second):
    """Whether two paths lead to one place, be anything there or not."""
    return real(first) == real(second)


def lies_in(path, folder):
    """Whether `path` leads to `folder` or to something in it, whatever is there."""
    return real(path).is_relative_to(real(folder))


def fault_of(path):
    """Why there is no file to read at `path`, as the end of a sentence such as "is a folder"; None where one is.

    None, too, where nothing at all is there: see `os.path.lexists`.
    """
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except ValueError:
        return "has a name that no file can have"
    except OSError as error:
        if error.errno in _TROUBLE:
            return _TROUBLE[error.errno]
        return "is a link that leads nowhere" if os.path.islink(path) else None
    return None if kind == stat.S_IFREG else _KINDS.get(kind, "is not a file")


def opened(path):
    """A binary stream to read a regular file; the caller closes it.

    Raises OSError, with a reason in `strerror`, for what is not there or may not be read, for a folder, a pipe, a
    socket or a device, which is not waited for, and for a name that no file can have.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:
        reason = HALF if isinstance(error, UnicodeError) else NUL
        raise OSError(errno.EINVAL, reason, os.fspath(path)) from error
    try:
        kind = stat.S_IFMT(os.fstat(number).st_mode)
        if kind != stat.S_IFREG:
            raise OSError(errno.EINVAL, f"it {_KINDS.get(kind, 'is not a file')}", os.fspath(path))
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def start_of(path, length):
    """The first `length` bytes of a file, all of a shorter one; b"" for one that cannot be read, about which its reader
    has more to say."""
    try:
        with opened(path) as stream:
            return stream.read(length)
    except OSError:
        return b""


def read_small(path, most):
    """The bytes of a regular file of at most `most` bytes. Raises OSError as `opened`, and for a file with more."""
    with opened(path) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most / 1e6:g} MB", os.fspath(path))
    return content
