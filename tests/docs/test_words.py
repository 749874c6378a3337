"""The words of docs/words.md that are not used do not occur in documents, help texts, messages and docstrings.

A string of the package is checked if it is a docstring or contains a space: keys, names of files and options have none.
"""

import ast
import re

import pytest
import typer

from mindaam.cli.main import app
from tests.docs.documents import DOCUMENTS, ROOT

WORDS = ROOT / "docs" / "words.md"
STORED = "## Names that keep their spelling"
PACKAGE = ROOT / "mindaam"
CODE = re.compile(r"```.*?```|`[^`\n]*`|\]\([^)\s]*\)|<!--.*?-->", re.DOTALL)  # blocks, names, targets of links, marks
# Stored keys, names of options and parameters, and titles, which keep their spelling.
ALLOWED = re.compile(
    r"--sound|--truth|aam_dinov2_vits14_films|FiLM|animated movie|frames and films|\bmends\b|normalise: |\| film \||"
    r'"pictures"'
)
STORED_TEXT = ("data/imports/column_names.py",)  # names of columns


def words():
    """The words and phrases that are not used: those in backticks in the first columns of the tables."""
    table = WORDS.read_text(encoding="utf-8").partition(STORED)[0]
    rows = re.findall(r"^\| (?!not \|)(.+?) \|", table, re.MULTILINE)
    return sorted({word for row in rows for word in re.findall(r"`([^`]+)`", row)}, key=str.lower)


def pattern():
    """All of them as one pattern, whole words in any case, longest first."""
    found = sorted(words(), key=len, reverse=True)
    return re.compile("|".join(rf"(?<![\w-]){re.escape(word)}(?![\w-])" for word in found), re.IGNORECASE)


def found_in(text):
    """The words in a text outside of code, in order."""
    return pattern().findall(ALLOWED.sub(" ", CODE.sub(" ", text)))


def strings(path):
    """[(line, text)] of a module's docstrings, and of its strings and f-strings with a space in them."""
    tree, found, inner = ast.parse(path.read_text(encoding="utf-8")), [], set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(each) for each in node.values}
            pieces = (each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)
            found.append((node.lineno, "".join(pieces)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            found.append((node.lineno, node.value))
    return [(line, text) for line, text in found if " " in text.strip()]


def test_the_table_is_read():
    assert len(words()) > 100 and {"film", "to the bit", "Say the version."} <= set(words())
    assert found_in("A film, as `film` says; FiLM.") == ["film"]


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if each != WORDS], ids=lambda path: path.name)
def test_documents(document):
    assert found_in(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("template", sorted(PACKAGE.rglob("*.html.j2")), ids=lambda path: path.name)
def test_templates(template):
    shown = re.sub(
        r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", template.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    assert found_in(shown) == []


def test_help_texts():
    def texts(command):
        yield command.help or ""
        yield from (each.help or "" for each in command.params if hasattr(each, "help"))
        for each in getattr(command, "commands", {}).values():
            yield from texts(each)

    assert [(text, found_in(text)) for text in texts(typer.main.get_command(app)) if found_in(text)] == []


@pytest.mark.parametrize("package", sorted({path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py")}))
def test_messages_and_docstrings(package):
    folder, found = PACKAGE / package, []
    for path in [folder] if folder.is_file() else sorted(folder.rglob("*.py")):
        for line, text in strings(path) if path.relative_to(PACKAGE).as_posix() not in STORED_TEXT else ():
            found += [f"{path.relative_to(ROOT)}:{line}: {word}" for word in found_in(text)]
    assert not found, "\n".join(found)
