"""HTML pages from the templates beside this module. A page stands alone: no script, no network, one file.

Templates are Jinja2's with autoescaping: every value is text, whatever it holds. A value that a template needs and
does not get is an error, not an empty place.
"""

import base64
import math
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"
# Nothing is fetched and nothing runs, even if a name from the data found a way past the escaping.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
UNKNOWN = "–"
NUMBER = re.compile(r"[-−–+.]?\d|[-–]?$|not run$")  # the beginning of a cell of numbers, such as "0.71 [0.68, 0.74]"


def page(template, **values):
    """The page of a template as bytes, with "?" for half a character of a file's name."""
    return environment().get_template(template).render(**values).encode("utf-8", "replace")


def environment():
    """The Environment of the templates, with the filters `columns`, `digits` and `embedded`."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(columns=columns, digits=digits, embedded=embedded)
    made.globals.update(policy=POLICY)
    return made


def digits(value, places=4):
    """A number with a fixed number of decimals and a true minus sign; a dash for None and for what is not finite."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return UNKNOWN
    return f"{value:.{places}f}".replace("-", "−")


def columns(rows):
    """The class of each column of rows of texts: "name" for the first, "n" where all cells are numbers, "" for text."""
    numbers = [all(NUMBER.match(str(cell)) for cell in cells) for cells in zip(*rows, strict=False)]
    return ["name", *("n" if each else "" for each in numbers[1:])]


def embedded(data, kind):
    """Bytes as the address of an image that carries them; kind: "svg+xml", "png" or "jpeg".

    As an image a drawing can run no script, and its names clash with none of the page.
    """
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def sparkline(values, marked=None, width=150, height=30):
    """A small curve of numbers or None, as SVG in the page; the one numbered `marked` gets a dot."""
    known = [(i, value) for i, value in enumerate(values) if value is not None]
    if not known:
        return ""
    low, high = min(value for _, value in known), max(value for _, value in known)
    step, span = (width - 8) / max(len(values) - 1, 1), (high - low) or 1.0
    place = {i: (4 + i * step, height - 4 - (height - 8) * (value - low) / span) for i, value in known}
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in place.values())
    line = f'<polyline points="{points}" fill="none" stroke="#667085" stroke-width="1.5"/>'
    dot = ""
    if marked in place:
        x, y = place[marked]
        dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#c2500a"/>'
    return Markup(f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}">{line}{dot}</svg>')  # noqa: S704 - numbers only
