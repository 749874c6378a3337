"""The standard streams of a command: text that is safe to print, and writes that never abort the command.

File names and text from files may contain escape codes of a terminal, change the text direction, or be invalid text; a
terminal may lack some of their characters. A full disk, a closed pipe or a closed terminal must not lose results.
"""

import os
import re
import sys

LEFT = 141  # exit code if the reader of a pipe has closed it: that of a program terminated by SIGPIPE
FULL = 2
# Control characters, surrogates (including bytes of names that are not UTF-8), line separators, direction marks.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def plain(text):
    """The text on one line, with every character that a terminal interprets, or cannot show, escaped: "\\x1b"."""
    return _HIDDEN.sub(_escaped, str(text))


def plain_lines(text):
    """Like `plain`, but line breaks are kept."""
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


def _escaped(found):
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8
        code -= 0xDC00
    return _NAMED.get(found[0]) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def guard():
    """Replaces stdout and stderr of this process by streams whose writes never raise an error.

    Closed streams are redirected to the null device, so that they do not write into the next opened file; characters
    that a terminal lacks are escaped; after the first failed write all others are skipped. `settle` reports it at the
    end.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _redirect_to_null(number)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, _Guarded):
            continue
        if stream is None:
            stream = open(os.devnull, "w")  # noqa: SIM115 - open until the process ends
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, _Guarded(stream))


def settle(code):
    """Flushes the streams and returns the exit code: `code`, unless that is 0 and stdout could not be written: then 2,
    with a message on stderr, or 141 if the reader of a pipe has closed it."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    fault = getattr(sys.stdout, "fault", None)
    if fault is None:
        return code
    if isinstance(fault, BrokenPipeError):
        return code or LEFT
    print_message(
        f"standard output could not be written ({fault.strerror or fault}); its text is lost, but files that were "
        "written are complete"
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
        """Flushes the stream."""
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
            _redirect_to_null(self.stream.fileno())  # Python flushes remaining buffers at exit
        except (OSError, ValueError):
            return  # no underlying file, hence no buffer


def _redirect_to_null(number):
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
    else:
        os.set_inheritable(number, True)
