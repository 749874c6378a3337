"""Tables as plain values, and lines of Markdown in which a name from the data is text: no cell's end, no new line, no
element of HTML."""

import re
from typing import NamedTuple


class Table(NamedTuple):
    """A table: its title, the columns' heads, the rows as lists of text, and one-line notes below it."""

    title: str
    head: list
    rows: list
    notes: list = []  # noqa: RUF012 - never changed


def plain(value):
    """Any value in one line, in which "<script>" stays what it is where Markdown is shown as HTML."""
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", " ".join(re.split(r"[\r\n\v\f\x85\u2028\u2029]+", str(value))))


def table_row(cells):
    """A row of a table."""
    return "| " + " | ".join(plain(cell).replace("|", "\\|") for cell in cells) + " |"


def section(table):
    """A Table with its title as heading and its notes as a list; without rows only title and notes."""
    parts = [f"## {plain(table.title)}"]
    if table.rows:
        parts.append("\n".join(table_row(cells) for cells in (table.head, ["---"] * len(table.head), *table.rows)))
    parts += ["\n".join(f"- {plain(note)}" for note in table.notes)] if table.notes else []
    return "\n\n".join(parts)
