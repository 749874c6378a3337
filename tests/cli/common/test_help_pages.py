"""The pages of --help, `python -m mindaam`, and what a shell completes."""

import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from functools import cache
from io import StringIO

import pytest
import typer

from mindaam.cli import main
from mindaam.cli.common import help_pages
from mindaam.data.prompts import conditions
from mindaam.places import recipes
from tests.conftest import ROOT
from tests.docs import checks


def tree(command=None, path=()):
    """(path, command) of the program and of all commands below it."""
    command = command or typer.main.get_command(main.app)
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from tree(below, (*path, name))


COMMANDS = {" ".join(path): command for path, command in tree()}


@cache
def page(command, columns=80):
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out:
        patch.setenv("COLUMNS", str(columns))
        assert main.run([*command.split(), "--help"]) == 0
    return out.getvalue()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_page_fits_80_columns_and_shows_no_type_of_python(command):
    text = page(command)
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"<(bool|str|path|list\[)", text) is None
    assert "╭─ Options " in text


@pytest.mark.parametrize("command", help_pages.PANELS)
def test_options_in_panels_exist_and_are_shown_there(command, monkeypatch, capsys):
    known = {name for param in COMMANDS[command].params for name in param.opts}
    text = page(command)
    for title, names in help_pages.PANELS[command].items():
        assert set(names) <= known
        panel = text.partition(f"╭─ {title} ─")[2].partition("╰")[0]
        assert all(name in panel for name in names)


@pytest.mark.parametrize(("command", "line"), [(key, line) for key, of in help_pages.EXAMPLES.items() for line in of])
def test_examples_can_be_run_as_printed(command, line):
    assert checks.mindaam(shlex.split(line)[1:]) is None and len(line) <= 76
    assert f"{line} ".startswith(f"mindaam {command}".rstrip() + " ")
    assert f"│ {line} " in page(command)


def test_predict_lists_the_conditions_and_their_prompts():
    panel = page("predict", 200).partition("╭─ Conditions ─")[2].partition("╰")[0]
    assert all(name in panel for name in conditions()) and "counting how many people" in panel


def test_python_m_mindaam_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "mindaam", "--version"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("mindaam ")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("mindaam pre", ["predict"]),
        ("mindaam zoo f", ["fetch"]),
        ("mindaam train fine", ["finetune"]),
        ("mindaam train --from aam_dinov2", ["aam_dinov2_vits14"]),
        ("mindaam evaluate --protocol m", ["mit"]),
        ("mindaam zoo path wav", ["wav2clip"]),
        ("mindaam train --skip", ["--skip-damaged"]),
    ],
)
def test_a_shell_completes_commands_options_and_names(typed, found, monkeypatch, capsys):
    monkeypatch.setenv("_MINDAAM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    with pytest.raises(SystemExit):
        main.run([])
    assert capsys.readouterr().out.split() == found


def test_conditions_and_recipes_are_completed_from_their_lists():
    from mindaam.cli.common import completion

    assert completion.conditions("") == conditions() and completion.recipes("") == list(recipes())
    assert completion.conditions("judge") == ["judge_emotion"]
