"""The report of a conversion about every name, and the errors that follow from it."""

from typing import NamedTuple

from mindaam.errors import CheckpointError
from mindaam.files import listed

SHOWN = 3  # names listed a line before "and N more"
WIDTH = 100  # characters of a name; those of models are shorter


class Report(NamedTuple):
    """Every official name and every name of ours, once.

    matched: our names whose official name is the same. renamed: {ours: the official names it was made from}.
    made: ours that follow from the architecture, with no array in the file. ignored: {official: why it is not needed}.
    missing: ours that the file gives no array for. unexpected: official names that are in no table.
    misshapen: sentences, one for each array of a shape that this architecture does not have.
    excused: missing or unexpected names that were allowed; superfluous: names that were allowed without need.
    """

    matched: tuple
    renamed: dict
    made: tuple
    ignored: dict
    missing: tuple
    unexpected: tuple
    misshapen: tuple
    excused: tuple
    superfluous: tuple


def account(official, conversion, wanted, allow=()):
    """The Report on a `Conversion` of arrays {official name: array} into parameters `wanted`, {our name: shape}.

    allow: names that may be missing (ours) or unexpected (official). Unexpected is whatever does not end in a wanted
    parameter and is not ignored, the converter's own list of it being no more than a part.
    """
    state, origin, allow = conversion.state, conversion.origin, tuple(dict.fromkeys(allow))
    used = {part for name in wanted if name in state for part in origin[name]}
    stray = [name for name in official if name not in used and name not in conversion.ignored]
    missing = [name for name in wanted if name not in state]
    ours = [name for name in wanted if name in state]
    return Report(
        matched=tuple(name for name in ours if tuple(origin[name]) == (name,)),
        renamed={name: tuple(origin[name]) for name in ours if tuple(origin[name]) not in ((name,), ())},
        made=tuple(name for name in ours if not origin[name]),
        ignored=dict(conversion.ignored),
        missing=tuple(name for name in missing if name not in allow),
        unexpected=tuple(name for name in stray if name not in allow),
        misshapen=tuple(
            f"{' + '.join(origin[name]) or name} {list(state[name].shape)} instead of {list(wanted[name])}"
            for name in ours
            if state[name].shape != tuple(wanted[name])
        ),
        excused=tuple(name for name in allow if name in missing or name in stray),
        superfluous=tuple(name for name in allow if name not in (*missing, *stray, *conversion.ignored)),
    )


def insist(report, source, name):
    """Raises CheckpointError, in one sentence, when anything is missing, unexpected or misshapen.

    source: the file that was converted; name: the architecture that it was converted to.
    """
    problems = {"missing": report.missing, "unexpected": report.unexpected, "misshapen": report.misshapen}
    found = [f"{len(names)} {what} ({first_names(names)})" for what, names in problems.items() if names]
    if not found:
        return
    cure = "give the publisher's file"
    if not report.misshapen:
        cure += ", or list names to ignore with --allow NAME"
    raise CheckpointError(f"{source} does not make a whole {name}: {'; '.join(found)}; {cure}")


def text(report, full=False):
    """The Report in lines: counts, and why what was ignored is not needed; `full` gives every name a line."""
    by_reason = {}
    for name, reason in report.ignored.items():
        by_reason.setdefault(reason, []).append(name)
    lists = {
        "matched": (len(report.matched), report.matched),
        "renamed": (len(report.renamed), [f"{' + '.join(names)} -> {ours}" for ours, names in report.renamed.items()]),
        "made": (len(report.made), report.made),
        "ignored": (
            len(report.ignored),
            [f"{name}: {reason}" for name, reason in report.ignored.items()]
            if full
            else [f"{first_names(names)}: {reason}" for reason, names in by_reason.items()],
        ),
        "missing": (len(report.missing), report.missing),
        "unexpected": (len(report.unexpected), report.unexpected),
        "misshapen": (len(report.misshapen), report.misshapen),
        "allowed": (len(report.excused), report.excused),
        "allowed without need": (len(report.superfluous), report.superfluous),
    }
    lines = []
    for what, (count, details) in lists.items():
        if not count and what not in ("matched", "renamed", "ignored", "missing", "unexpected"):
            continue
        lines.append(f"{what + ':':12}{count:5}")
        if full or what == "ignored":
            lines += [f"    {detail}" for detail in details]
        elif what not in ("matched", "renamed") and count:
            lines.append(f"    {first_names(details)}")
    return "\n".join(lines)


def first_names(names):
    """The first few of the names, cut to WIDTH characters, and the number of the others."""
    return listed([name if len(name) <= WIDTH else f"{name[:WIDTH]}..." for name in names], SHOWN)
