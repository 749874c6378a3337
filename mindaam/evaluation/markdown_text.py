"""Lines of Markdown in which a name from the data is text: no cell's end, no new line, no element of HTML."""

import re


def plain(value):
    """Any value in one line, in which "<script>" stays what it is where Markdown is shown as HTML."""
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", " ".join(re.split(r"[\r\n\v\f\x85\u2028\u2029]+", str(value))))


def table_row(cells):
    """A row of a table."""
    return "| " + " | ".join(plain(cell).replace("|", "\\|") for cell in cells) + " |"
