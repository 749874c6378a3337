"""The standard streams of a command: text that is safe to show there, and writing that never ends the work.

Names of files and texts from files may hold a terminal's escape codes, turn the direction of what follows, or be no
text at all; a terminal may know fewer letters than a name has. A full disk, a reader that has left or a terminal that
is closed must not cost what was computed.
"""

import os
import re
import sys

LEFT = 141  # exit code where the reader of a pipe has left: that of a program which SIGPIPE ends
FULL = 2
# Controls, halves of characters (bytes of names that are no UTF-8 among them), line separators, turns of direction.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def plain(text):
    """The text on one line, with every character that a terminal would act on, or cannot show, spelt out: "\\x1b"."""
    return _HIDDEN.sub(_spelt, str(text))


def plain_lines(text):
    """As `plain`, but the text's own lines stay lines."""
    return "\n".join(plain(line) for line in str(text).split("\n"))


def print_message(text):
    """Prints a problem or a remark as one line on stderr, after "mindaam: "; nothing for an empty one."""
    text = " ".join(str(text).split())
    if text:
        print(f"mindaam: {plain(text)}", file=sys.stderr)


def print_line(text=""):
    """Prints a result as one line on stdout; see `plain` for the characters of file names."""
    print(plain(text))


def print_lines(text):
    """Prints a result of several lines on stdout."""
    print(plain_lines(text))


def _spelt(found):
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name that is no UTF-8
        code -= 0xDC00
    return _NAMED.get(found[0]) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def guard():
    """Makes this process's stdout and stderr such that nothing written to them ends a command.

    Closed ones lead nowhere, rather than into the next file that is opened; letters that a terminal does not have are
    spelt out; after the first write that fails, all others are skipped. `settle` says so at the end.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _lead_nowhere(number)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, _Guarded):
            continue
        if stream is None:
            stream = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, _Guarded(stream))


def settle(code):
    """Writes out what is still to be written; gives the command's exit code, `code` unless that was 0 and stdout could
    not be written: 2, with a sentence on stderr, or 141 where only the reader of a pipe has left."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    fault = getattr(sys.stdout, "fault", None)
    if fault is None:
        return code
    if isinstance(fault, BrokenPipeError):
        return code or LEFT
    print_message(
        f"the standard output cannot be written ({fault.strerror or fault}); what it should have shown is lost, files "
        "that were written are whole"
    )
    sys.stderr.flush()
    return code or FULL


class _Guarded:
    """A text stream whose writes never raise OSError. fault: the first one, or None."""

    def __init__(self, stream):
        self.stream, self.fault = stream, None

    def write(self, text):
        """Writes text, or does nothing after a fault; returns its length."""
        if self.fault is None:
            try:
                self.stream.write(text)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def writelines(self, lines):
        """Writes each of the lines."""
        for line in lines:
            self.write(line)

    def flush(self):
        """Passes on what was written."""
        if self.fault is None:
            try:
                self.stream.flush()
            except OSError as error:
                self._give_up(error)

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def _give_up(self, error):
        self.fault = error
        try:
            _lead_nowhere(self.stream.fileno())  # for what waits in buffers: Python writes it out when it ends
        except (OSError, ValueError):
            return  # no file beneath, so nothing waits either


def _lead_nowhere(number):
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
    else:
        os.set_inheritable(number, True)
