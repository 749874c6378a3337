"""Tables as eye trackers write them: which columns are meant, in which units, and which rows are fixations.

A table is recognized by its column names. Tables that are not recognized are read by the general names of
`column_names`; those of Tobii, EyeLink and SMI are among these.
"""

import re
from collections import Counter
from typing import NamedTuple

from mindaam.data.imports.column_names import plain_name
from mindaam.data.imports.import_placing import BOTTOM_LEFT, TOP_LEFT

# Columns with the kind of movement of a row: of Tobii Pro Lab and Studio, of SMI, of others.
EVENTS = (
    "eye_movement_type", "gaze_event_type", "event_type", "category", "category_binocular", "category_right",
    "category_left",
)  # fmt: skip
FIXATION = re.compile(r"fixation(?!.*(saccade|blink))", re.IGNORECASE)
# Columns that mark rows whose gaze is usable: on the surface or image, or valid as a fixation.
VALID = ("on_surf", "fixation_detected_on_surface", "fixation_detected_in_reference_image", "fpogv")
TRUE = {"true", "1", "1.0", "yes"}
_SURFACE = re.compile(r"fixations_on_surface_(.+)", re.IGNORECASE)


class Tracker(NamedTuple):
    """A known table. name: for messages; columns: {role: plain name of its column}; fractions, origin: what x and y
    are; merged: whether a fixation has several rows, one per frame or sample, of which x and y are averaged; needs:
    plain names of which one must exist besides."""

    name: str
    columns: dict
    fractions: bool
    origin: str = TOP_LEFT
    merged: bool = False
    needs: tuple = ()


TRACKERS = (
    Tracker(
        "Pupil Core, fixations on a surface",
        {
            "x": "norm_pos_x", "y": "norm_pos_y", "t_s": "start_timestamp", "duration_ms": "duration",
            "order": "fixation_id",
        },
        fractions=True, origin=BOTTOM_LEFT, merged=True, needs=("on_surf", "image"),
    ),
    Tracker(
        "Pupil Cloud, Marker Mapper",
        {
            "x": "fixation_x_normalized", "y": "fixation_y_normalized", "t_ms": "start_timestamp_ns",
            "duration_ms": "duration_ms", "order": "fixation_id", "subject": "recording_id",
        },
        fractions=True, needs=("fixation_detected_on_surface",),
    ),
    Tracker(
        "Pupil Cloud, Reference Image Mapper",
        {
            "x": "fixation_x_px", "y": "fixation_y_px", "t_ms": "start_timestamp_ns", "duration_ms": "duration_ms",
            "order": "fixation_id", "subject": "recording_id",
        },
        fractions=False, needs=("fixation_detected_in_reference_image",),
    ),
    Tracker(
        "Gazepoint",
        {
            "image": "media_name", "x": "fpogx", "y": "fpogy", "t_s": "fpogs", "duration_s": "fpogd", "order": "fpogid",
            "subject": "user",
        },
        fractions=True, merged=True, needs=("fpogd",),
    ),
)  # fmt: skip


def recognized(names, named):
    """The Tracker of a table with these column names, or None. named: {role: column} as the user gave them: with
    another column for x or y the table is not of a Tracker."""
    plain = {plain_name(name) for name in names}
    for tracker in TRACKERS:
        own = all(plain_name(named.get(role, tracker.columns[role])) == tracker.columns[role] for role in ("x", "y"))
        if own and {tracker.columns["x"], tracker.columns["y"]} <= plain and plain & set(tracker.needs):
            return tracker
    return None


def columns_of(names, named):
    """{role: column} of a table, those of its Tracker that exist and are of no role that the user named."""
    tracker = recognized(names, named)
    if tracker is None:
        return dict(named)
    units = {"t_s": "t_ms", "t_ms": "t_s", "duration_s": "duration_ms", "duration_ms": "duration_s"}
    known = {plain_name(name): name for name in names}
    theirs = {
        role: known[name]
        for role, name in tracker.columns.items()
        if name in known and role not in named and units.get(role) not in named
    }
    return {**theirs, **named}


def surface_of(stem):
    """The name of the surface in that of a table of Pupil Core, "fixations_on_surface_NAME"; else ""."""
    found = _SURFACE.fullmatch(stem)
    return found[1] if found else ""


def fixation_lines(names, lines):
    """(lines of fixations, Counter of the kinds of the other rows): those that a column of EVENTS or VALID marks.

    lines: of (number, cells). A column of events counts only if it names fixations at all.
    """
    others = Counter()
    for number, name in enumerate(map(plain_name, names)):
        if name in EVENTS and any(_is_fixation(cells, number) for _, cells in lines):
            others.update(_cell(cells, number) or "no event" for _, cells in lines if not _is_fixation(cells, number))
            lines = [line for line in lines if _is_fixation(line[1], number)]
        elif name in VALID:
            kept = [line for line in lines if _cell(line[1], number).casefold() in TRUE]
            others.update({f"{names[number]} not true": len(lines) - len(kept)} if len(kept) < len(lines) else {})
            lines = kept
    return lines, others


def _is_fixation(cells, number):
    return FIXATION.match(_cell(cells, number)) is not None


def _cell(cells, number):
    return cells[number].strip() if number < len(cells) else ""
