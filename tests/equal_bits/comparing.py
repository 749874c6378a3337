"""Two Results compared: how many values of each kind, and the first that differs."""

import re
from typing import NamedTuple

from tests.equal_bits.reading import LOSSES

ABSENT, NOTHING = "absent", "nothing to compare"
# columns of epochs.csv that later trees compute from other frames of a video (docs/training.md, Validation)
RESCORED = re.compile(r"(diem|dhf1k)_(CC|SIM|KLD)|mean_CC")


class Verdict(NamedTuple):
    """what: the kind of values; compared: how many; difference: the first one as text, None where all are equal; note:
    what was not compared."""

    what: str
    compared: int
    difference: str | None = None
    note: str = ""


def compare(before, after):
    """The Verdicts on two Results, one a kind of values that `before` has; losses and weights it must have."""
    found = [_tables(before.tables, after.tables)]
    for name in sorted(set(before.tables) - {LOSSES}):
        found.append(_tables({name: before.tables[name]}, after.tables, name))
    found.append(_checkpoints("weights", before.weights, after.weights))
    found.append(_checkpoints("optimizer state", before.moments, after.moments))
    for name, model in before.models.items():
        theirs = after.models.get(name)
        found.append(_same(name, model.hashes, theirs.hashes if theirs else {}))
        found.append(_same(f"{name}: metadata", model.metadata, theirs.metadata if theirs else {}))
    found += [_same(name, values, after.scores.get(name, {})) for name, values in before.scores.items()]
    return [each if each.compared or each.difference else each._replace(difference=NOTHING) for each in found]


def same_start(half, whole, step):
    """The Verdict on a run that continued `half`, whose durations {step: text} up to `step` it must have: a run that
    began again computes the same values in another time."""
    ours, theirs = ({each: text for each, text in some.items() if each <= step} for some in (half, whole))
    return _same(
        "continued, not repeated",
        {f"step {each}, seconds": text for each, text in ours.items()},
        {f"step {each}, seconds": text for each, text in theirs.items()},
    )


def _tables(before, after, name=LOSSES):
    """The columns of a table of `before`, each searched in the table of that name of `after`, then in the others."""
    rows, tables = before.get(name, {}), [after.get(name, {}), *after.values()]
    columns = list(next(iter(rows.values()), {}))
    ours, theirs = {}, {}
    missing = [column for column in columns if name == "epochs" and RESCORED.fullmatch(column)]
    for column in filter(lambda column: column not in missing, columns):
        held = next((each for each in tables if any(column in row for row in each.values())), None)
        if held is None and not any(_is_number(row[column]) for row in rows.values()):
            missing.append(column)  # a text, as the name of what a step saw
            continue
        ours |= {f"step {step}, {column}": row[column] for step, row in rows.items()}
        steps = held if held is tables[0] else rows.keys() & (held or {})  # another table has steps of its own
        theirs |= {f"step {step}, {column}": held[step][column] for step in steps if held[step].get(column)}
    ours = {key: text for key, text in ours.items() if text}  # an empty cell is no value
    return _same(name, ours, theirs)._replace(note=f"without {', '.join(missing)}" if missing else "")


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _checkpoints(what, before, after):
    """The tensors of the checkpoints that both have, the last of `before` among them; `after` may have more."""
    shared = sorted(set(before) & set(after))
    if before and max(before) not in after:
        return Verdict(what, 0, f"no checkpoint of step {max(before)}")
    ours = {f"step {step}, {name}": each for step in shared for name, each in before[step].items()}
    theirs = {f"step {step}, {name}": after[step].get(name, ABSENT) for step in shared for name in before[step]}
    return _same(what, ours, theirs)._replace(note=f"at steps {', '.join(map(str, shared))}")


def _same(what, before, after):
    """The Verdict on two dictionaries of values."""
    for key in [*before, *(key for key in after if key not in before)]:
        one, other = before.get(key, ABSENT), after.get(key, ABSENT)
        if one != other:
            return Verdict(what, len(before), f"{key}: {_shown(one)} -> {_shown(other)}")
    return Verdict(what, len(before))


def _shown(value):
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}...{text[-8:]}"
