"""What is shown can do nothing to a terminal, and what cannot be written ends no work."""

import errno
import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindaam import streams

TURNS = "".join(map(chr, (0x202E, 0x2066, 0x200F, 0x061C)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("photo é 写真 👩\u200d🔬.jpg", "photo é 写真 👩\u200d🔬.jpg"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("gpj.\u202efdp", "gpj.\\u202efdp"),
        ("\x9b31m\x00\u2028", "\\x9b31m\\x00\\u2028"),
        (os.fsdecode(b"caf\xe9"), "caf\\xe9"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_a_terminal_would_act_on_is_spelt_out(text, shown):
    assert streams.plain(text) == shown


@given(st.text(alphabet=st.characters() | st.sampled_from("\x1b\n\x07\ud812\udc80" + TURNS)))
def test_any_text_is_shown_on_one_line(text):
    shown = streams.plain(text)
    assert len(shown.splitlines()) <= 1 and not set(shown) & {"\x1b", "\x07", *TURNS}
    shown.encode("utf-8")
    assert streams.plain_lines(text).count("\n") == text.count("\n")


class Broken(io.StringIO):
    """A stream that takes so many characters and no more."""

    def __init__(self, takes, number):
        super().__init__()
        self.takes, self.number = takes, number

    def write(self, text):
        if len(self.getvalue()) + len(text) > self.takes:
            raise OSError(self.number, os.strerror(self.number))
        return super().write(text)


@pytest.mark.parametrize(
    ("number", "code", "ended", "told"),
    [
        (errno.ENOSPC, 0, 2, "No space left"),
        (errno.EIO, 0, 2, "error"),
        (errno.ENOSPC, 130, 130, "No space"),
        (errno.EPIPE, 0, 141, ""),
        (errno.EPIPE, 2, 2, ""),
    ],
)
def test_what_cannot_be_written_is_said_at_the_end(monkeypatch, number, code, ended, told):
    out, err = Broken(10, number), io.StringIO()
    monkeypatch.setattr(sys, "stdout", streams._Guarded(out))
    monkeypatch.setattr(sys, "stderr", streams._Guarded(err))
    for line in ("first", "second", "third"):
        print(line)  # none of them raises
    assert streams.settle(code) == ended
    assert out.getvalue() == "first\n" and told in err.getvalue() and err.getvalue().count("\n") == bool(told)


def test_nobody_reads_stderr_and_the_work_goes_on(monkeypatch):
    monkeypatch.setattr(sys, "stderr", streams._Guarded(Broken(0, errno.EIO)))
    print("mindaam: stopped", file=sys.stderr)
    assert streams.settle(0) == 0


HELP = [sys.executable, "-m", "mindaam.cli.main", "--help"]


@pytest.mark.parametrize(
    ("shell", "code", "told"),
    [
        ("{} > /dev/full", 2, "mindaam: standard output could not be written (No space left on device)"),
        ("{} >&- 2>&- <&-", 0, ""),
    ],
)
def test_a_full_or_closed_stream_is_no_traceback(shell, code, told):
    done = subprocess.run(["bash", "-c", shell.format(" ".join(HELP))], capture_output=True, text=True, timeout=60)
    assert done.returncode == code and done.stderr.startswith(told) and done.stderr.count("\n") == bool(told)


def test_a_reader_that_leaves_is_no_traceback():
    process = subprocess.Popen(HELP, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait(60) == 141
    process.stderr.close()


def test_letters_that_a_terminal_does_not_have_are_spelt_out(monkeypatch):
    beneath = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(beneath, "ascii"))
    monkeypatch.setattr(sys, "stderr", None)  # closed
    streams.guard()
    print("café 写", "\udce9")
    print("to nobody", file=sys.stderr)
    assert streams.settle(0) == 0 and beneath.getvalue() == b"caf\\xe9 \\u5199 \\udce9\n"


def test_results_are_printed_on_stdout_and_messages_as_one_line_on_stderr(capsys):
    streams.print_line(os.fsdecode(b"results: caf\xe9.png"))
    streams.print_lines("a\nb\x1b")
    streams.print_message(ValueError("one\n  sentence\x1b"))
    streams.print_message("")
    assert capsys.readouterr() == ("results: caf\\xe9.png\na\nb\\x1b\n", "mindaam: one sentence\\x1b\n")
