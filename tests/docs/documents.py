"""The fenced blocks of the project's documents, and the commands in them."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    *(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "model_zoo").glob("*/README.md")),
]
SHELL, PYTHON = ("bash", "console", "sh", "shell"), ("python", "py")
KNOWN = (*SHELL, *PYTHON, "yaml", "json", "")  # "": a listing, or what a command prints
MARK = re.compile(r"<!-- not run: (\S.*\S) -->")
FENCE = re.compile(r"(`{3,}|~{3,})(.*)")


class Block(NamedTuple):
    """A fenced block. line: of its opening fence, from 1; reason: why it is not run, "" for one that is."""

    document: Path
    line: int
    language: str
    text: str
    reason: str

    @property
    def name(self):
        """Where it stands, as in README.md:12."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def is_shell(self):
        """Whether its language is a shell's."""
        return self.language in SHELL

    @property
    def is_python(self):
        """Whether its language is Python."""
        return self.language in PYTHON


def blocks(document):
    """The Blocks of a Markdown file in order. Raises ValueError for a fence that is not closed."""
    found, opened, lines = [], None, document.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if opened is None and fence:
            mark = MARK.fullmatch(lines[number - 2].strip()) if number > 1 else None
            opened = (number, fence[1], fence[2].strip(), mark[1] if mark else "")
        elif opened is not None and line.rstrip() == opened[1]:
            begun, _, language, reason = opened
            found.append(Block(document, begun, language, "\n".join(lines[begun : number - 1]) + "\n", reason))
            opened = None
    if opened is not None:
        raise ValueError(f"{document}:{opened[0]}: the block is not closed")
    return found


def inline_commands(document):
    """The `mindaam ...` commands that stand in a sentence: [(line, text)]."""
    inside, found = False, []
    for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), 1):
        if FENCE.match(line):
            inside = not inside
        elif not inside:
            found += [(number, text) for text in re.findall(r"`(mindaam [^`]+)`", line)]
    return found


def commands(text):
    """The simple commands of a shell's text as lists of words, pipelines and lists taken apart.

    Comments, redirections and here-documents are left out, assignments before a command too; variables that the text
    itself sets are filled in.
    """
    text = re.sub(r"<<-?\s*'?(\w+)'?(.*?)\n.*?^\1$", r"\2", text, flags=re.DOTALL | re.MULTILINE)
    found, values = [], {}
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;<>")
        lexer.whitespace_split = True
        words = []
        for word in [*lexer, ";"]:
            if set(word) <= set("&|;"):
                found += [words] if words else []
                words = []
            else:
                words.append(word)
    return [each for each in (_filled(_plain(words), values) for words in found) if each]


def _plain(words):
    """A command's words without redirections."""
    kept, skip = [], False
    for word in words:
        if set(word) <= set("<>&"):
            skip = True
            kept = kept[:-1] if kept and kept[-1].isdigit() else kept
        elif not skip:
            kept.append(word)
        else:
            skip = False
    return kept


def _filled(words, values):
    """The words with variables filled in; assignments go into `values` and are left out."""
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        name, _, value = words[0].partition("=")
        if len(words) == 1:
            values[name] = value
        words = words[1:]
    filled = []
    for word in words:
        name = word.removeprefix("$").strip("{}")
        filled += values[name].split() if word.startswith("$") and name in values else [word]
    return filled
