"""Files: where a path leads, reading that never waits, writing that leaves nothing half-written, hashes.

Reading: links may lead in circles or nowhere, names be too long or hold a NUL, and a pipe or a device may lie where a
file is expected. `Path.resolve` and `Path.is_file` raise for some of these, and `open` waits forever at a pipe. The
functions here do neither.

Writing: a file is written beside its path, hidden, and renamed when it is whole. A process that is killed leaves at
most the hidden file, which `prepare_folder` removes a day later.
"""

import errno
import hashlib
import io
import os
import shutil
import stat
import tempfile
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path

from mindaam.errors import InputError, OutputError

BESIDE = ".mindaam-{}.tmp"  # the name of a file that is being written
LEFT_OVER = 86400.0  # seconds after which no process still writes to it
ELSEWHERE = "choose another place or free some space"

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
    except (OSError, ValueError):  # a NUL or half a surrogate pair in the name; a working folder that no longer exists
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
        return "is a broken link" if os.path.islink(path) else None
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
    """The first `length` bytes of a file, all of a shorter one; b"" for one that cannot be read: its reader raises the
    error."""
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


def prepare_folder(folder):
    """Makes an output folder with its parents and proves that files can be written there; returns it as a Path.

    Hidden files that a killed process left there half-written are removed a day later.
    Raises OutputError when files cannot be written, so that a long job fails before it starts.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write to the folder {folder} ({_reason(error)}); choose another") from error
    remove_leftovers(folder, LEFT_OVER)
    return folder


def remove_leftovers(folder, age=0.0):
    """Removes what killed processes left half-written in a folder, if it is older than `age` seconds."""
    for left in Path(folder).glob(BESIDE.format("*")):
        with suppress(OSError):  # another process may have removed it
            if time.time() - left.stat().st_mtime >= age:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def beside_name(path):
    """Where a file is written before it takes the place of `path`: the same folder, a name of its own, hidden."""
    return Path(path).with_name(BESIDE.format(uuid.uuid4().hex))


@contextmanager
def replacing(path, *, durable=False, aside=None):
    """A binary stream to a file beside `path`, which is renamed to `path` at the end, or removed on any exception.

    durable: as in `take_place`. aside: another folder of the same disk for the unfinished file. Raises OutputError when
    the file cannot be written; a file that was there before is then still whole.
    """
    beside = beside_name(path if aside is None else Path(aside, "unfinished"))
    try:
        with _Stream(open(beside, "wb", buffering=0)) as stream:
            yield stream
        take_place(beside, path, durable=durable)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):  # it no longer exists once renamed
            beside.unlink()


def write_text(path, text, *, durable=False, aside=None):
    """Writes a text in UTF-8, with its line ends as they are and "?" for half a character; else as `replacing`."""
    with replacing(path, durable=durable, aside=aside) as stream:
        stream.write(text.encode("utf-8", "replace"))


def take_place(beside, path, *, durable=False, cure=ELSEWHERE):
    """Renames a finished file to `path`, on the same disk.

    durable: its content is on the disk first, and the rename outlasts a power cut. cure: the end of the message.
    Raises OutputError; the file that was at `path` is then still whole.
    """
    try:
        if durable:
            _sync(beside)
        os.replace(beside, path)
        if durable:
            _sync(Path(path).parent)
    except OSError as error:
        raise cannot_write(path, error, cure) from error


def cannot_write(path, error, cure=ELSEWHERE):
    """The OutputError for an OSError while `path` was written."""
    return OutputError(f"cannot write {path} ({_reason(error)}); {cure}")


def sha256(stream):
    """SHA-256 of the rest of a binary stream, in hexadecimal; read in pieces of 1 MiB."""
    total = hashlib.sha256()
    while piece := stream.read(1 << 20):
        total.update(piece)
    return total.hexdigest()


def file_sha256(path):
    """SHA-256 of a file's bytes in hexadecimal; InputError when it cannot be read."""
    try:
        with opened(path) as stream:
            return sha256(stream)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({_reason(error)}); copy it again") from error


def listed(texts, most, joint=", "):
    """The first `most` of a list of texts on one line, and the number of the others: "a, b and 3 more"."""
    left = len(texts) - most
    return joint.join(texts[:most]) + (f" and {left} more" if left > 0 else "")


def first_of(sentences, where=""):
    """The first of several sentences, and the number of the others in brackets, with the place `where` they are."""
    left = len(sentences) - 1
    return f"{sentences[0]} ({left} more{where})" if left else sentences[0]


class _Stream(io.BufferedWriter):
    """A file that is written through Python alone. Pillow would write to its descriptor directly, and ignore that a
    disk that is nearly full takes only a part of it."""

    def fileno(self):
        """There is none."""
        raise io.UnsupportedOperation("fileno")


def _sync(path):
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error):
    return getattr(error, "strerror", None) or str(error)
