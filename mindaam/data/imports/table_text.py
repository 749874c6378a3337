"""The text of somebody's table: its encoding, the lines before its header, where its cells are cut, its rows."""

import codecs
import csv
import io
import re
from pathlib import Path

from mindaam.data.media import require_file
from mindaam.data.tables import misfit
from mindaam.errors import InputError

SEPARATORS = ",;\t"
DECLARED = SEPARATORS + "|"  # those that a line "sep=;" before the header may name
LEAST = 3  # names that a header must have: the image, x and y
BEFORE = 1000  # lines that are searched for a header
MARKS = (  # at the beginning of a file; the longer one of two that begin alike comes first
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARATION = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
_WITHIN = re.compile(r'"[^"]*("|$)|\[[^\[\]]*\]|\([^()]*\)')  # quotations, and units in brackets


def read_cells(path, fits):
    """(names, separator, rows) of a table: the header's cells, without blanks around them, and a list of (line, cells).

    UTF-8, or UTF-16 or UTF-32 with a byte order mark; cut at commas, semicolons or tabs, or where a line "sep=;" says.
    Empty lines are skipped, and before the header lines that begin with "#" and lines of fewer than three cells.
    fits: whether a list of names has what a header must have; a comment that has it is the header where the first line
    that is none lacks it. Raises InputError for what is no such text, and for a row that is not as long as its header.
    """
    path = Path(path)
    lines = list(io.StringIO(_text(path), newline=""))
    start, separator = _header(path, lines, fits)
    reader = csv.reader(lines[start:], delimiter=separator, strict=True)
    names, rows = None, []
    try:
        for cells in reader:
            line = start + reader.line_num
            if names is None:
                names = [cell.strip() for cell in cells]
            elif any(cell.strip() for cell in cells):
                wrong = misfit(cells, names)
                if wrong:
                    raise InputError(f"{path}, line {line}: {wrong}; {_advice(cells, names, separator)}")
                rows.append((line, cells))
    except csv.Error as error:
        line = start + reader.line_num
        raise InputError(f"{path}, line {line}: the row is no CSV ({error}); save the table again") from error
    return names, separator, rows


def _header(path, lines, fits):
    """(index of the header's line, separator)."""
    comments, short, declared = [], None, None
    for number, line in enumerate(lines[:BEFORE]):
        said = _DECLARATION.fullmatch(line)
        if not line.strip():
            continue
        if said and declared is None:
            declared = _declared(path, number + 1, said[1])
        elif line.lstrip('" \t').startswith("#"):
            comments.append(number)
        elif len(_names(lines, number, declared)) >= LEAST:
            break
        elif short is None:
            short = number
    else:
        number = short
    described = [each for each in reversed(comments) if fits(_names(lines, each, declared))]
    if described and (number is None or not fits(_names(lines, number, declared))):
        number = described[0]
    if number is None and comments:
        number = comments[-1]
    if number is None:
        raise InputError(f"{path} is empty; it must have a line of column names and a line for each fixation")
    return number, declared or _separator(lines[number])


def _declared(path, line, separator):
    if separator not in DECLARED:
        raise InputError(f'{path}, line {line}: cells cut at "{separator}" cannot be read; cut them at semicolons')
    return separator


def _separator(line):
    """The sign of SEPARATORS that a line has most of, but for those within quotations and brackets."""
    return max(SEPARATORS, key=_WITHIN.sub("", line).count)


def _names(lines, number, declared):
    """The cells that are not empty of the row that begins with a line."""
    try:
        cells = next(csv.reader(lines[number : number + BEFORE], delimiter=declared or _separator(lines[number])))
    except csv.Error:  # named when the rows are read
        return []
    return [cell.strip() for cell in cells if cell.strip()]


def _advice(cells, names, separator):
    if separator == "," and len(cells) > len(names):
        return "where numbers have a decimal comma, cut the cells at semicolons or write a decimal point"
    return "correct or remove the row"


def _text(path):
    require_file(path, "table of fixations")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise InputError(f"{path} is a workbook or an archive and no text; save the table as CSV in UTF-8")
    encoding = next((name for mark, name in MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
        place = text.find("\0")
        line = text.count("\n", 0, max(place, 0)) + 1
    except UnicodeDecodeError as error:
        place, line = error.start, data[: error.start].count(b"\n") + 1
    if place >= 0:
        raise InputError(f"{path}, line {line}: the table is not UTF-8 text; save it as CSV in UTF-8")
    return text
