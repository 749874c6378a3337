"""`mindaam data import`: converts a folder of images or videos and a table of fixations to a gaze folder."""

import json
import re
import shlex
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.streams import print_line

SHOWN = 5  # names of a list that are printed
DEFAULT_MODEL = "aam_dinov2_vits14"

FOLDER = "Folder of images, or of videos, with optional audio files NAME.wav next to them."
TABLE = "CSV in UTF-8: one row of column names, one row per fixation."
COLUMNS = "Column names, such as image=FILE,x=GazeX, or JSON; repeatable. Common names are detected."
CONDITION = "Viewing condition of all fixations (default: the column of the table, or free_viewing)."
PROMPT = "The prompt; repeat for paraphrases. For several conditions: NAME=TEXT."
DEGREE = "Pixels of the images per degree of visual angle."
VAL = "Share of the images in the split val."
FRACTIONS = "x and y are 0..1 of the width and height, not pixels."
ORIGIN = "Origin of x and y: top-left, or bottom-left with y pointing up (default: that of the tracker, or top-left)."
SAMPLES = "The rows are samples of the tracker, in which fixations are found; needs the extra [recordings]."
LINK = "Create links to the images or videos instead of copies."


def import_gaze(
    folder: Annotated[Path, Argument(metavar="FOLDER", help=FOLDER)],
    table: Annotated[Path, Argument(metavar="FIXATIONS.csv", help=TABLE)],
    out: Annotated[Path, Option("-o", "--out", metavar="NEWFOLDER", help="The gaze folder to create.")],
    columns: Annotated[list[str] | None, Option(metavar="ROLE=NAME,...", help=COLUMNS)] = None,
    condition: Annotated[str | None, Option(metavar="NAME", help=CONDITION)] = None,
    prompt: Annotated[list[str] | None, Option("--prompt", "--sentence", metavar="TEXT", help=PROMPT)] = None,
    px_per_degree: Annotated[float | None, Option(metavar="F", help=DEGREE)] = None,
    val: Annotated[float, Option(metavar="SHARE", help=VAL)] = 0.2,
    fractions: Annotated[bool, Option("--fractions", help=FRACTIONS)] = False,
    origin: Annotated[str | None, Option(metavar="CORNER", help=ORIGIN)] = None,
    samples: Annotated[bool, Option("--samples", help=SAMPLES)] = False,
    link: Annotated[bool, Option("--link/--copy", help=LINK)] = False,
):
    """Create a gaze folder from your own images or videos and a table of fixations."""
    from mindaam.data.imports.importing import Wanted, import_gaze

    named = columns_of(columns or ())
    wanted = Wanted(named, condition, tuple(prompt or ()), px_per_degree, val, fractions, link, origin, samples)
    done = import_gaze(folder, table, out, wanted)
    for line in (*_read(done, wanted), *_written(done, out), *_next(done, out)):
        print_line(line)


def columns_of(texts):
    """{role: column} from texts, each "role=column,role=column" or a JSON object; ConfigError for any other form.

    A comma is part of a column name unless another "role=" follows.
    """
    from mindaam.errors import ConfigError

    named = {}
    for text in texts:
        pairs = _of_json(text) if text.lstrip().startswith("{") else _of_pairs(text)
        for role, column in pairs:
            if named.setdefault(role, column) != column:
                raise ConfigError(f'--columns gives two columns for {role}, "{named[role]}" and "{column}"; give one')
    return named


def _of_json(text):
    from mindaam.errors import ConfigError

    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'--columns is not valid JSON ({error}); write --columns \'{{"x": "gaze x"}}\'') from error
    if not all(isinstance(column, str) and role.strip() and column.strip() for role, column in found.items()):
        raise ConfigError('--columns must give each role the name of a column; write --columns \'{"x": "gaze x"}\'')
    return [(role.strip(), column.strip()) for role, column in found.items()]


def _of_pairs(text):
    from mindaam.errors import ConfigError

    for part in filter(None, (part.strip(" ,") for part in re.split(r",(?=\s*\w+\s*=)", text))):
        role, equals, column = (piece.strip() for piece in part.partition("="))
        if not (role and equals and column):
            raise ConfigError(f'"{part}" is not of the form ROLE=NAME; write --columns image=NAME,x=NAME')
        yield role, column


def _read(done, wanted):
    """Lines on the interpretation of the table."""
    from mindaam.data.imports.movements import DISPERSION, DURATION, GAP

    yield "columns: " + ", ".join(f"{role} from {column}" for role, column in done.columns.items())
    if done.tracker:
        where = "from the bottom left" if done.origin == "bottom-left" else "from the top left"
        yield f"tracker: {done.tracker}; x and y count {where}"
    if "image" not in done.columns:
        yield f"no column of images: all fixations are on {next(iter(done.stimuli))}"
    if done.samples:
        yield (
            f"fixations: {_count(len(done.fixations), 'fixation')} in {done.samples:,} samples, by dispersion (I-DT of "
            f"pymovements): within {DISPERSION:g} degree for {DURATION:g} ms or longer, a gap of {GAP:g} ms ends one"
        )
    if wanted.condition and "condition" in done.columns:
        yield f"the column {done.columns['condition']} was not used: --condition {wanted.condition} applies to all rows"
    if done.kind == "films" and not {"duration_ms", "duration_s"} & set(done.columns):
        yield "no column of durations: each fixation belongs to the frame shown at its start"
    if wanted.px_per_degree is None:
        yield "no --px-per-degree: images are assumed to be 30 degrees wide"
    yield from done.remarks


def _written(done, out):
    """Lines on what was written and what was skipped."""
    what = {"images": "image", "films": "video"}[done.kind]
    viewers = {each.row.subject for each in done.fixations} - {""}
    counts = [_count(len(done.stimuli), what), _count(len(done.fixations), "fixation")]
    counts += [_count(len(viewers), "viewer")] if viewers else []
    counts += [_count(len(done.sounds), "audio file")] if done.sounds else []
    yield f"{out}: {', '.join(counts)}"
    for condition, sentence in done.conditions.items():
        yield f'{condition}: "{sentence}"'
    for kind, count in done.others.items():
        yield f"skipped: {_count(count, 'row')} that {'is no fixation' if count == 1 else 'are no fixations'}: {kind}"
    if done.missing:
        yield f"skipped: {_count(done.missing, 'row')} without gaze, where x or y is missing"
    if done.unnamed:
        yield f"skipped: {_count(done.unnamed, 'fixation')} without the name of a {what}"
    if done.again:
        yield f"skipped: {_count(done.again, 'further sample')} of the fixation of the previous row"
    if done.untimed:
        yield f"skipped: {_count(done.untimed, 'fixation')} without a start"
    if done.outside:
        yield f"skipped: {_count(done.outside, 'fixation')} outside {_its(done.outside, what)}"
    if done.beyond:
        video = _its(done.beyond, "video")
        yield f"skipped: {_count(done.beyond, 'fixation')} before the first frame of {video} or after the last"
    if done.without:
        names = ", ".join(done.without[:SHOWN]) + (", ..." if len(done.without) > SHOWN else "")
        yield f"skipped: {_count(len(done.without), what)} without a fixation: {names}"
    if done.passed_over:
        yield done.passed_over
    yield "splits: " + ", ".join(f"{split} {len(names)}" for split, names in done.splits.items())


def _its(count, what):
    """The image or video of so many fixations."""
    return f"its {what}" if count == 1 else f"their {what}s"


def _next(done, out):
    """Lines on the next commands for the folder."""
    place = shlex.quote(str(out))
    commands = [f"mindaam data check {place}"]
    if "val" in done.splits and done.kind == "images":
        commands.append(f"mindaam evaluate --data {place}")
    if len(done.splits) == 2:
        commands.append(f"mindaam train --from {DEFAULT_MODEL} --data {place}")
    for number, command in enumerate(commands):
        yield ("next: " if number == 0 else "      ") + command


def _count(number, what):
    return f"{number} {what}{'' if number == 1 else 's'}"
