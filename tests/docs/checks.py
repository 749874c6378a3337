"""What can be known of a command without running it: whether the command line has its subcommand and options."""

import ast
import re
import subprocess

import typer

from mindaam.cli.main import app
from mindaam.errors import MindAAMError
from mindaam.places import recipe
from tests.docs.documents import ROOT

MODULES = re.compile(r"mindaam(\.\w+)+")


def syntax(block):
    """What is wrong with a block's syntax, or None."""
    if block.is_shell:
        done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
        return done.stderr.strip() or None
    if block.is_python:
        try:
            ast.parse(block.text)
        except SyntaxError as error:
            return str(error)
    return None


def command(words):
    """What is wrong with a command, words as `documents.commands` gives them, or None; unknown programs pass."""
    program, rest = words[0], words[1:]
    if program == "mindaam":
        return mindaam(rest)
    if program == "bash" and rest and rest[0].startswith("ascend_scripts/"):
        return _file_with_options(rest[0], rest[1:], also="ascend_scripts/common.sh")
    if program == "python" and rest[:1] == ["-m"]:
        return _module(rest[1], rest[2:])
    if program == "python" and rest and rest[0].endswith(".py"):
        return _file_with_options(rest[0], rest[1:])
    if program == "make":
        makefile = (ROOT / "Makefile").read_text()
        missing = [word for word in rest if "=" not in word and f"\n{word}:" not in makefile]
        return f"the Makefile has no {missing[0]}" if missing else None
    return None


def mindaam(words):
    """What is wrong with the arguments of a `mindaam` command, or None: they are parsed, and nothing is done."""
    found, context, words = typer.main.get_command(app), None, list(words)
    if any(word in ("...", "…") for word in words):  # a sentence speaks of the command as such
        words = [word for word in words if word not in ("...", "…")]
    if len(words) == 1 and words[0].startswith("-"):  # one of the program's own, which would be carried out if parsed
        known = {"--help", *(name for param in found.params for name in param.opts)}
        return None if words[0] in known else f"No such option: {words[0]}"
    try:
        while hasattr(found, "commands"):
            name = words.pop(0) if words else ""
            if name not in found.commands:
                return f'command "{name}" does not exist' if name else None
            found = found.commands[name]
        if words:
            context = found.make_context(found.name, words, parent=context)
    except Exception as error:  # click's usage errors, of which typer may bring a copy of its own
        if not hasattr(error, "format_message"):
            raise
        return error.format_message()
    return _training(context.params) if context and found.name == "train" else None


def _training(params):
    """What is wrong with the configuration of `mindaam train` and the changes to it, or None."""
    from mindaam.training.run import task_of

    name, changes = params["config"] or "finetune", list(params["overrides"] or ())
    if name.isupper():  # a stand-in, as CONFIG
        return None
    if params["mindformers"]:  # its file has the format of MindFormers
        return None if (ROOT / name).is_file() else f"there is no {name}"
    try:
        path = recipe(name)
        task_of(path).CONFIG.load(path, changes)
    except MindAAMError as error:
        return str(error)
    return None


def _file_with_options(name, words, also=None):
    path = ROOT / name
    if not path.is_file():
        return f"there is no {name}"
    text = path.read_text() + ((ROOT / also).read_text() if also else "")
    missing = [word for word in words if word.startswith("-") and word.partition("=")[0] not in text]
    return f"{name} has no option {missing[0]}" if missing else None


def _module(name, words):
    if not MODULES.fullmatch(name) and not name.startswith("tests."):
        return None
    path = f"{name.replace('.', '/')}.py"
    if not (ROOT / path).is_file():
        path = f"{name.replace('.', '/')}/__main__.py"
    return _file_with_options(path, [] if "--" in words else words)
