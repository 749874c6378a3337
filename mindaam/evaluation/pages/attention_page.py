"""The page of predictions: image, maps side by side, their differences, shares of regions; one file, for print too."""

from string import ascii_uppercase

from mindaam.evaluation.pages import plotting
from mindaam.evaluation.pages.page import digits, page
from mindaam.files import replacing, start_of
from mindaam.inference.numbers import panels
from mindaam.inference.numbers.comparing import labels
from mindaam.inference.numbers.tables import percent
from mindaam.inference.render import heat

MARK = b'<meta name="generator" content="mindaam attention">'
HEAD = 20_000  # bytes of a page in which MARK is
STOPS = 6  # colors of the legend's scale
CURVES = 8  # regions in a plot of curves; of more, those with the most attention
COLORS = ("#0072b2", "#c2500a", "#3c7a3c", "#8a3f9e", "#4a5468", "#b58900", "#1b9aaa", "#a61b1b")


def write(path, sections, model, notes=(), title=None):
    """Writes the page of `numbers.collecting.Section`s, whole or not at all; OutputError when that is impossible.

    model: {"name", "file", "sha256"}; notes: sentences on the regions; title: of the page.
    """
    with replacing(path) as stream:
        stream.write(html(sections, model, notes, title))


def html(sections, model, notes=(), title=None):
    """The page as bytes."""
    names = [section.title for section in sections]
    by_input = any(section.by_input for section in sections)
    return page(
        "attention.html.j2",
        mark=MARK.decode(),
        title=title or (f"Predicted attention: {names[0]}" if len(names) == 1 else "Predicted attention"),
        by_input=by_input,
        sections=[_section(section) for section in sections],
        model=model,
        notes=list(notes),
        scale=_scale(),
        colors=["#{:02x}{:02x}{:02x}".format(*each) for each in (panels.FIRST, panels.SECOND)],
        several=any(len(section.records) > 1 for section in sections),
    )


def is_own(path):
    """Whether a file is a page of this module."""
    return MARK in start_of(path, HEAD)


def letter(number):
    """The letter of a prompt: A, B, ... Z, then its number."""
    return ascii_uppercase[number] if number < len(ascii_uppercase) else str(number + 1)


def _section(section):
    records = section.records
    columns = [_column(section, number) for number in range(len(records))]
    height, width = records[0].size
    frames = records[0].frames
    return {
        "title": section.title,
        "by_input": section.by_input,
        "prompt": records[0].prompt if section.by_input else None,
        "size": f"{width} × {height}" + (f", {frames:,} frames" if frames else ""),
        "is_video": frames is not None,
        "columns": columns,
        "panels": [_panel(kind, number, data, section, columns) for kind, number, data in section.images],
        "rows": _rows(records),
        "areas_differ": any(_areas(record) != _areas(records[0]) for record in records),
        "points": _points(records),
        "curves": _all_curves(section.numbers) if records[0].shares else [],
    }


def _column(section, number):
    """A column: its letter, its name (of a condition or file, or None), its prompt where that differs, numbers."""
    record = section.records[number]
    name = labels([each.source for each in section.records])[number] if section.by_input else record.condition
    moved = percent(section.moved[number - 1]) if number and section.moved else None
    return {
        "letter": letter(number), "name": name, "prompt": "" if section.by_input else record.prompt,
        "spread": percent(record.spread), "moved": moved,
    }  # fmt: skip


def _panel(kind, number, data, section, columns):
    records, column = section.records, columns[number]
    own = column["letter"]
    title = {
        "image": ("frame" if records[0].frames else "image") + (" with regions" if records[0].shares else ""),
        "map": "mean map" if records[0].frames else "map",
        "difference": f"difference of A and {own}",
    }[kind]
    if section.by_input and kind != "difference":
        title = f"{own}: {column['name']}" if kind == "image" else f"{own}: map of {column['name']}"
    elif kind == "map" and len(records) > 1:
        title = f"{own}: {column['name']}" if column["name"] else f"{own}: {title}"
    return {"kind": kind, "title": title, "jpeg": data}


def _areas(record):
    return [share.area for share in record.shares]


def _rows(records):
    """A row per region: its number, name, area, and for each record attention, ratio, rank and the difference from the
    first in percentage points."""
    rows = []
    for number, first in enumerate(records[0].shares):
        cells = []
        for record in records:
            share = record.shares[number]
            change = round(100 * (share.attention - first.attention), 1) + 0.0  # no -0.0
            cells.append({
                "attention": percent(share.attention), "bar": round(100 * share.attention, 1),
                "area": percent(share.area), "ratio": digits(share.ratio, 2), "rank": share.rank,
                "change": ("+" if change > 0 else "") + digits(change, 1),
            })  # fmt: skip
        rows.append({"number": number + 1, "name": first.name, "area": percent(first.area), "cells": cells})
    return rows


def _points(records):
    """A row per rank: for each record (x, y, attention) as texts."""
    most = max(len(record.points) for record in records)
    rows = []
    for rank in range(most):
        cells = []
        for record in records:
            point = record.points[rank] if rank < len(record.points) else None
            cells.append(point and {"at": f"{point.x:.0f}, {point.y:.0f}", "attention": percent(point.attention)})
        rows.append({"rank": rank + 1, "cells": cells})
    return rows


def _all_curves(several):
    """The `_curves` of each FrameNumbers, on one scale."""
    top = max((100 * held for numbers in several for of_frame in numbers.held for held in of_frame), default=1.0)
    return [_curves(numbers, 1.05 * top or 1.0) for numbers in several]


def _curves(numbers, top):
    """{"svg", "legend": [(color, name)]}: the shares of regions over time, on a scale up to `top` %."""
    figure, [place] = plotting.axes(1, 1, 2.8)
    means = [sum(held[number] for held in numbers.held) for number in range(len(numbers.areas))]
    chosen = sorted(range(len(means)), key=lambda number: -means[number])[:CURVES]
    legend = []
    for color, number in zip(COLORS, chosen, strict=False):
        values = [100 * held[number] for held in numbers.held]
        marker = "." if len(values) < 40 else None
        place.plot(numbers.times, values, color=color, linewidth=1.6, marker=marker)
        legend.append((color, numbers.areas[number].name))
    place.set_ylim(0, top)
    plotting.finish(place, "share of attention over time, %", (), "time in the video (s)")
    return {"svg": plotting.svg(figure), "legend": legend}


def _scale():
    """The colors of the heat map from low to high, as a gradient of CSS."""
    colors = (heat(step / (STOPS - 1)) for step in range(STOPS))
    return ", ".join("#{:02x}{:02x}{:02x}".format(*color) for color in colors)
