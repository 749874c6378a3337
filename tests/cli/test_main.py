"""The command as a whole: help at once, one way to fail, silence."""

import os
import subprocess
import sys
import warnings

import pytest

from mindaam.cli import main
from mindaam.cli.common import terminal
from mindaam.cli.data import pack
from mindaam.errors import ConfigError, Notice
from tests.conftest import ROOT


def test_help_is_light_and_names_the_commands():
    code = (
        "import sys; from mindaam.cli.main import run; code = run(['--help']); "
        "heavy = [m for m in ('mindspore', 'numpy', 'cv2', 'PIL', 'pydantic') if m in sys.modules]; "
        "print('HEAVY', heavy); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr == "" and "HEAVY []" in done.stdout
    assert all(command in done.stdout for command in ("predict", "train", "evaluate"))


def test_version(capsys):
    import mindaam

    assert main.run(["--version"]) == 0
    assert capsys.readouterr().out == f"mindaam {mindaam.__version__}\n"


@pytest.mark.parametrize("arguments", [["predic"], ["predict"], ["evaluate", "--data"], ["train", "x.yaml", "--teeny"]])
def test_misuse_is_one_sentence_and_code_2(arguments, capsys):
    assert main.run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("mindaam: ") and said.err.count("\n") == 1


def test_no_command_shows_the_help(capsys):
    assert main.run([]) == 2
    said = capsys.readouterr()
    assert "predict" in said.out + said.err and "mindaam: \n" not in said.err


def test_a_notice_of_the_library_is_one_sentence_said_once(monkeypatch, capsys):
    def command(*_, **__):
        for _ in range(2):
            warnings.warn("x.safetensors carries\nno checksum", Notice, stacklevel=1)
        return 0

    monkeypatch.setattr(main, "app", command)
    assert main.run(["predict"]) == 0
    assert capsys.readouterr() == ("", "mindaam: x.safetensors carries no checksum\n")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [(ConfigError("two\nlines"), 2, "mindaam: two lines\n"), (KeyboardInterrupt(), 130, "mindaam: stopped\n")],
)
def test_how_a_command_fails(monkeypatch, capsys, error, code, says):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("mindaam.inference.results.parse_kinds", fail)
    assert main.run(["predict", "x.jpg", "-o", "out"]) == code
    assert capsys.readouterr().err.endswith(says)


def test_a_bug_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr("mindaam.inference.results.parse_kinds", lambda text: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main.run(["predict", "x.jpg", "-o", "out"])


def test_progress_of_a_quick_video_is_not_shown_off_a_terminal(capsys):
    with terminal.progress(3, "start") as shown:
        shown.step("a.jpg")
        shown.within(3, None)
    said = capsys.readouterr()
    assert said.out == said.err == ""


class Clock:
    """Seconds that pass only when told."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(terminal, "perf_counter", lambda: self.now)
        monkeypatch.setattr(terminal, "LINE_SECONDS", 5.0)  # other tests have no lines


def test_progress_off_a_terminal_is_a_line_every_few_seconds(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    with terminal.progress(1, "start") as shown:
        shown.step("film\x1b.mp4")
        for frames in range(1, 41):
            clock.now += 0.5
            shown.within(frames, 1500)
        shown.step("camera.mp4")
        for frames in range(1, 13):
            clock.now += 0.5
            shown.within(frames, None)
    assert capsys.readouterr().err.splitlines() == [
        "mindaam: film\\x1b.mp4: 10/1,500 frames, 2.0 frames/s, 12 min 25 s left",
        "mindaam: film\\x1b.mp4: 20/1,500 frames, 2.0 frames/s, 12 min 20 s left",
        "mindaam: film\\x1b.mp4: 30/1,500 frames, 2.0 frames/s, 12 min 15 s left",
        "mindaam: film\\x1b.mp4: 40/1,500 frames, 2.0 frames/s, 12 min 10 s left",
        "mindaam: camera.mp4: 10 frames, 2.0 frames/s",
    ]


def test_progress_of_many_items_off_a_terminal_is_a_line_every_few_seconds(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    with terminal.progress(1000, "start") as shown:
        for number in range(21):
            shown.step(f"{number}\x1b.jpg")
            clock.now += 10.0 if number == 0 else 0.5  # the first one compiles, which does not count
    assert capsys.readouterr().err.splitlines() == [
        "mindaam: 1/1,000 done; now 1\\x1b.jpg",
        "mindaam: 11/1,000 done, 8 min 15 s left; now 11\\x1b.jpg",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.2, "1 s"), (59.5, "1 min 0 s"), (438, "7 min 18 s"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations_in_words(seconds, text):
    assert terminal.duration(seconds) == text


def test_progress_counts_on_a_terminal_and_tells_the_time_left_from_the_second_frame_on(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with terminal.progress(3, "loading") as shown:
        clock = Clock(monkeypatch)
        shown.step("a.jpg")
        shown.step("b.mp4")
        for frames in range(1, 3):
            clock.now += 0.5
            shown.within(frames, 9)
        shown._bars.refresh()
        shown.step("c.mp4")
        shown.within(1, None)
        shown._bars.refresh()
    said = capsys.readouterr()
    assert said.out == "" and "1/3" in said.err and "2/3" in said.err
    assert "2/9 frames, 2.0 frames/s, 4 s left" in said.err and " 1 frames" in said.err


@pytest.mark.parametrize("name", ["[red]a", "a[/]b", "a\x1b[7m", os.fsdecode(b"caf\xe9")])
def test_names_that_look_like_markup_are_shown_in_progress(monkeypatch, capsys, name):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with terminal.progress(1, "loading") as shown:
        shown.step(name)
        shown._bars.refresh()
    with terminal.transfer_line(name) as report:
        report(1, 2)
    said = capsys.readouterr().err
    assert "\x1b[7m" not in said and name[0] in said


def test_what_does_not_fit_into_memory_is_one_sentence(monkeypatch, capsys):
    def fail(text):
        raise MemoryError

    monkeypatch.setattr("mindaam.inference.results.parse_kinds", fail)
    assert main.run(["predict", "x.jpg", "-o", "out"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("mindaam: the command ran out of memory") and said.count("\n") == 1


def test_a_folder_that_is_gone_is_one_sentence(tmp_path):
    place = tmp_path / "gone"
    place.mkdir()
    done = subprocess.run(
        ["bash", "-c", f'rmdir "$PWD" && exec "{sys.executable}" -m mindaam.cli.main predict x.jpg -o out'],
        cwd=place, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.endswith("no longer exists; change to another one\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("size", ["9" * 40, "100000x100000", "12x", "x", "-1", "8"])
def test_sizes_that_cannot_be_packed(size):
    with pytest.raises(ConfigError, match="size"):
        pack._size(size)
