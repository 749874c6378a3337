"""An evaluation as text: the table of a terminal, Markdown, and the `.json` report."""

import math
import textwrap

from mindaam.evaluation.markdown_text import plain, section, table_row
from mindaam.evaluation.results import METRICS, SINGLE, without_nan

NARROWEST = 6  # characters of a number in the terminal
WIDTH = 100  # characters of a line in the terminal
RESAMPLED = "mean over n (image or video, condition) pairs, by bootstrap of the images or videos."
HALVES = f"± is half of the 95 % interval of the {RESAMPLED}"
INTERVALS = f"In brackets: the 95 % interval of the {RESAMPLED}"
UNDEFINED = "Undefined values are excluded from means."


def terminal(evaluation):
    """Text of at most 100 columns: a table for each dataset, one line per role and below it half of each interval."""
    parts = []
    summary, conditions = evaluation.summary(), evaluation.conditions()
    for name, entry in evaluation.settings["sets"].items():
        metrics = [each for each in METRICS if any(each in scores for scores in summary[name].values())]
        lines = [("role", "n", metrics), *_lines(summary[name], metrics, halves=True)]
        for condition, by_role in conditions[name].items() if len(conditions[name]) > 1 else ():
            lines += [(condition, "", []), *_lines(by_role, metrics, indent="  ")]
        notes = _wrapped([*_other_counts(summary[name]), *remarks(evaluation, name)])
        parts.append("\n".join([heading(name, entry), *_aligned(lines), *notes]))
    notes = _wrapped([f"{HALVES} {UNDEFINED}", *provenance(evaluation)])
    return "\n\n".join([*parts, "\n".join(notes)]) + "\n"


def markdown(evaluation, more=()):
    """A Markdown table: one row per dataset and role, and per condition where a dataset has several; then notes, and
    the Tables `more`."""
    metrics, rows = evaluation.settings["metrics"], []
    summary, conditions = evaluation.summary(), evaluation.conditions()
    for name in evaluation.settings["sets"]:
        rows += [_row(name, role, scores, metrics) for role, scores in summary[name].items()]
        if len(conditions[name]) > 1:
            for condition, by_role in conditions[name].items():
                rows += [_row(f"{name}: {condition}", role, scores, metrics) for role, scores in by_role.items()]
    lines = [table_row(["dataset", "role", "n", *metrics]), "|---" * (3 + len(metrics)) + "|", *rows]
    about = [f"{INTERVALS} {UNDEFINED}"]
    for name, entry in evaluation.settings["sets"].items():
        about += [heading(name, entry), *remarks(evaluation, name)]
    notes = [f"- {plain(each)}" for each in [*about, *provenance(evaluation)]]
    return "\n".join([*lines, "", *notes, *(f"\n{section(table)}" for table in more)]) + "\n"


def report(evaluation):
    """The evaluation as plain values for JSON: the keys of earlier versions, and beside them the settings.

    {"longest_side", "sets": {dataset: {"split", "ground_truth", "pictures", "pairs", "scores": {role: {metric: mean}},
    "conditions": {condition: the same}, "intervals": {role: {metric: {"low", "high", "n"}}}, ...}}, "rows":
    [{"dataset", "image", "condition", "role", metrics, "split", "maps"}], and the keys of `results` but for "sets"}.
    """
    settings, summary, conditions = evaluation.settings, evaluation.summary(), evaluation.conditions()
    sets = {}
    for name, entry in settings["sets"].items():
        sets[name] = {
            **{key: each for key, each in entry.items() if key not in ("scores", "conditions")},
            "pictures": entry.get("scored", 0),
            "pairs": entry["pairs"],
            "scores": _means(summary[name]),
            "conditions": {condition: _means(by_role) for condition, by_role in conditions[name].items()},
            "intervals": {
                role: {metric: {"low": each.low, "high": each.high, "n": each.n} for metric, each in scores.items()}
                for role, scores in summary[name].items()
            },
        }
    rows = [
        {"dataset": row["dataset"], "image": row["name"], "condition": row["condition"], "role": row["role"]}
        | {key: each for key, each in row.items() if key in METRICS}
        | {"split": row["split"], "maps": row["maps"]}
        for row in evaluation.rows
        if not row["role"].startswith(SINGLE)
    ]
    about = {key: each for key, each in settings.items() if key != "sets"}
    return without_nan({"longest_side": settings["protocol"]["longest_side"], **about, "sets": sets, "rows": rows})


def heading(name, entry):
    """One line on a dataset: its split, how much of it is scored, at which size."""
    scored, count = entry.get("scored", entry["n"]), entry["n"]
    what = entry["kind"][:-1]
    kind = what if count == 1 else entry["kind"]
    amount = f"{count} {kind}" if scored == count else f"{scored} of {count} {kind}"
    pairs = f", {entry['pairs']} pairs of {what} and condition" if entry["pairs"] != count else ""
    return f"{name}, split {entry['split']}: {amount}{pairs}, {entry['size']}"


def remarks(evaluation, name):
    """Lines on a dataset: its ground truth, the CC of the right prompt against others, paraphrases, notes."""
    entry, scores = evaluation.settings["sets"][name], evaluation.summary()[name]
    lines = [f"{name}: ground truth is {entry['ground_truth']}."]
    cc = {role: of_role["CC"].mean for role, of_role in scores.items() if "CC" in of_role}
    against = [f"{cc['right'] - cc[role]:+.4f} against {role}" for role in ("others", "generic") if role in cc]
    if "right" in cc and "others" in cc:
        lines.append(f"{name}: CC of the right prompt {', '.join(against)}.")
    if spread := entry.get("paraphrases"):
        deviations = ", ".join(f"{metric} {number(each)}" for metric, each in spread["std"].items())
        lines.append(f"{name}: standard deviation over {spread['prompts']} paraphrases: {deviations}.")
    return lines + [f"{name}: {note}." for note in entry["notes"]]


def provenance(evaluation):
    """Lines on what was run: protocol, source of the maps, command and revision."""
    settings = evaluation.settings
    source = ", ".join(f"{key} {each}" for key, each in settings["source"].items() if each not in (None, ""))
    revision = f"revision {settings['revision']}" if settings["revision"] else "an installed package"
    return [
        f"{settings['protocol_sentence']}.",
        f"{source}.",
        f"mindaam {settings['version']}, {revision}: {settings['command']}",
    ]


def number(value):
    """A score with four digits after the point; "-" for an undefined one."""
    return "-" if value is None or math.isnan(value) else f"{value:.4f}"


def _half(mean):
    return "" if math.isnan(mean.low) else f"{(mean.high - mean.low) / 2:.4f}"


def _lines(by_role, metrics, *, indent="", halves=False):
    """[(role, n, cells)] of each role, and below it half of its intervals, if they are requested and defined."""
    lines = []
    for role, scores in by_role.items():
        cells = [number(scores[each].mean) if each in scores else "" for each in metrics]
        lines.append((indent + _shown(role), _count(scores), cells))
        half = [_half(scores[each]) if each in scores else "" for each in metrics]
        if halves and any(half):
            lines.append(("", "±", half))
    return lines


def _wrapped(texts):
    """Lines of text, no longer than WIDTH where words allow it."""
    return [
        line
        for text in texts
        for line in textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    ]


def _aligned(lines):
    """[(role, n, cells)] as lines of text; roles to the left, numbers to the right."""
    first = max(len(role) for role, _, _ in lines)
    second = max(len(count) for _, count, _ in lines)
    columns = zip(*(cells for _, _, cells in lines if cells), strict=True)
    widths = [max(NARROWEST, *map(len, column)) for column in columns]
    texts = []
    for role, count, cells in lines:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths, strict=False))
        texts.append("  ".join([role.ljust(first), count.rjust(second), *numbers]).rstrip())
    return texts


def _row(name, role, scores, metrics):
    cells = [_cell(scores[each], scores) if each in scores else "" for each in metrics]
    return table_row([name, _shown(role), _count(scores), *cells])


def _cell(mean, scores):
    """A mean with its interval, and with n where other values than those of the row are undefined."""
    text = number(mean.mean)
    text += "" if math.isnan(mean.low) else f" [{number(mean.low)}, {number(mean.high)}]"
    return text if str(mean.n) == _count(scores) else f"{text} (n = {mean.n})"


def _count(scores):
    return str(max((each.n for each in scores.values()), default=0))


def _other_counts(by_role):
    """A line on the metrics that are defined for fewer rows than the n of their role; or none."""
    fewer = [
        f"{_shown(role)} {metric} {mean.n}"
        for role, scores in by_role.items()
        for metric, mean in scores.items()
        if str(mean.n) != _count(scores)
    ]
    return [f"smaller n: {', '.join(fewer)}"] if fewer else []


def _means(by_role):
    return {role: {metric: each.mean for metric, each in scores.items()} for role, scores in by_role.items()}


def _shown(role):
    return role.replace("_", "-")
