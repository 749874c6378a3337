"""`mindaam data import`: a folder of pictures or films and a table of fixations become a gaze folder."""

import json
import re
import shlex
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.streams import print_line

SHOWN = 5  # names of a list that are said
RECIPE = "corpus"

FOLDER = "Folder of pictures, or of films with any audio files as NAME.wav beside them."
TABLE = "CSV in UTF-8: a line of column names, a line a fixation."
COLUMNS = "Which column is which, as image=FILE,x=GazeX, repeated, or as JSON; those with usual names are found."
CONDITION = "Viewing condition of all fixations (the table's column, or free_viewing)."
SENTENCE = "Who looks and why; repeat for paraphrases. Of several conditions: NAME=TEXT."
DEGREE = "Pixels of the pictures that a degree of visual angle has."
VAL = "Share of the pictures held out as the split val."
FRACTIONS = "x and y are 0..1 of the width and height, not pixels."
ORIGIN = "The corner that x and y count from: top-left, or bottom-left, from which y counts up."
LINK = "Copy the pictures or films, or make links to them."


def import_gaze(
    folder: Annotated[Path, Argument(metavar="FOLDER", help=FOLDER)],
    table: Annotated[Path, Argument(metavar="FIXATIONS.csv", help=TABLE)],
    out: Annotated[Path, Option("-o", "--out", metavar="NEWFOLDER", help="The gaze folder that is made.")],
    columns: Annotated[list[str] | None, Option(metavar="ROLE=NAME,...", help=COLUMNS)] = None,
    condition: Annotated[str | None, Option(metavar="NAME", help=CONDITION)] = None,
    sentence: Annotated[list[str] | None, Option(metavar="TEXT", help=SENTENCE)] = None,
    px_per_degree: Annotated[float | None, Option(metavar="F", help=DEGREE)] = None,
    val: Annotated[float, Option(metavar="SHARE", help=VAL)] = 0.2,
    fractions: Annotated[bool, Option("--fractions", help=FRACTIONS)] = False,
    origin: Annotated[str, Option(metavar="CORNER", help=ORIGIN)] = "top-left",
    link: Annotated[bool, Option("--link/--copy", help=LINK)] = False,
):
    """Make a gaze folder of your own pictures or films and a table of fixations."""
    from mindaam.data.imports.importing import Wanted, import_gaze

    named = columns_of(columns or ())
    wanted = Wanted(named, condition, tuple(sentence or ()), px_per_degree, val, fractions, link, origin)
    done = import_gaze(folder, table, out, wanted)
    for line in (*_read(done, wanted), *_written(done, out), *_next(done, out)):
        print_line(line)


def columns_of(texts):
    """{role: column} of texts, each "role=column,role=column" or a JSON object; ConfigError for another form.

    A comma belongs to a column's name unless another "role=" follows it.
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
        raise ConfigError(f'--columns is no JSON ({error}); write --columns \'{{"x": "gaze x"}}\'') from error
    if not all(isinstance(column, str) and role.strip() and column.strip() for role, column in found.items()):
        raise ConfigError('--columns must give each role the name of a column; write --columns \'{"x": "gaze x"}\'')
    return [(role.strip(), column.strip()) for role, column in found.items()]


def _of_pairs(text):
    from mindaam.errors import ConfigError

    for part in filter(None, (part.strip(" ,") for part in re.split(r",(?=\s*\w+\s*=)", text))):
        role, equals, column = (piece.strip() for piece in part.partition("="))
        if not (role and equals and column):
            raise ConfigError(f'"{part}" does not say which column is which; write --columns image=NAME,x=NAME')
        yield role, column


def _read(done, wanted):
    """Lines that say how the table was understood."""
    yield "columns: " + ", ".join(f"{role} from {column}" for role, column in done.columns.items())
    if wanted.condition and "condition" in done.columns:
        yield f"the column {done.columns['condition']} was not used: all are {wanted.condition}, as asked"
    if done.kind == "films" and not {"duration_ms", "duration_s"} & set(done.columns):
        yield "no column of durations: each fixation counts for the one frame that is shown at its start"
    if wanted.px_per_degree is None:
        yield "no --px-per-degree: pictures are taken to be 30 degrees wide"
    yield from done.remarks


def _written(done, out):
    """Lines that say what was written and what was left out."""
    what = {"images": "picture", "films": "film"}[done.kind]
    viewers = {each.row.subject for each in done.fixations} - {""}
    counts = [_count(len(done.stimuli), what), _count(len(done.fixations), "fixation")]
    counts += [_count(len(viewers), "viewer")] if viewers else []
    counts += [_count(len(done.sounds), "sound file")] if done.sounds else []
    yield f"{out}: {', '.join(counts)}"
    for condition, sentence in done.conditions.items():
        yield f'{condition}: "{sentence}"'
    if done.missing:
        yield f"left out: {_count(done.missing, 'row')} without gaze, where x or y is missing"
    if done.unnamed:
        yield f"left out: {_count(done.unnamed, 'fixation')} without the name of a {what}"
    if done.again:
        yield f"left out: {_count(done.again, 'further sample')} of fixations that the row before has already"
    if done.untimed:
        yield f"left out: {_count(done.untimed, 'fixation')} without a start"
    if done.outside:
        yield f"left out: {_count(done.outside, 'fixation')} outside {_its(done.outside, what)}"
    if done.beyond:
        film = _its(done.beyond, "film")
        yield f"left out: {_count(done.beyond, 'fixation')} before the first frame of {film} or after the last"
    if done.without:
        names = ", ".join(done.without[:SHOWN]) + (", ..." if len(done.without) > SHOWN else "")
        yield f"left out: {_count(len(done.without), what)} without a fixation: {names}"
    if done.passed_over:
        yield done.passed_over
    yield "splits: " + ", ".join(f"{split} {len(names)}" for split, names in done.splits.items())


def _its(count, what):
    """The picture or film of so many fixations."""
    return f"its {what}" if count == 1 else f"their {what}s"


def _next(done, out):
    """Lines that say what may be done with the folder."""
    commands = []
    if "val" in done.splits and done.kind == "images":
        commands.append(f"mindaam evaluate --data {shlex.quote(str(out))}")
    if len(done.splits) == 2:
        root, sets = shlex.quote(f"data_root={out.parent}"), shlex.quote(f"corpus={{{out.name}: 1}}")
        commands.append(f"mindaam train {RECIPE} {root} {sets}")
    for number, command in enumerate(commands):
        yield ("next: " if number == 0 else "      ") + command


def _count(number, what):
    return f"{number} {what}{'' if number == 1 else 's'}"
