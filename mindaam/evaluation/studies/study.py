"""A study: tables for readers and records for programs, made of evaluations, and the files that it is stored in."""

import csv
import io
import json
import math
from pathlib import Path
from typing import NamedTuple

from mindaam.data.tables import guarded
from mindaam.errors import InputError
from mindaam.evaluation import published
from mindaam.evaluation.markdown_text import Table, section
from mindaam.evaluation.pages.page import page
from mindaam.evaluation.published import comparing
from mindaam.evaluation.results import Evaluation, without_nan
from mindaam.files import prepare_folder, replacing, write_text

METRICS = ("CC", "SIM", "KLD", "NSS", "AUC_Judd")  # of a study
COLUMNS = ("dataset", "condition", "value", "metric", "mean", "low", "high", "n")
INTERVALS = (
    "in brackets: the 95 % interval by 2,000 bootstrap resamples (seed 0) of the images or videos, each with all its "
    "conditions"
)
SEEDS = "halves of viewers are drawn with the position of the image in its split as seed"


class Study(NamedTuple):
    """name: of the command and the files. title: for readers. tables: Tables. records: dicts of COLUMNS, one per number
    with its interval. sources: settings of the evaluations."""

    name: str
    title: str
    tables: list
    records: list
    sources: list

    def markdown(self):
        """The tables as Markdown, and below them what they were made of."""
        return "\n\n".join([f"# {self.title}", *map(section, self.tables), section(self.provenance())]) + "\n"

    def provenance(self):
        """A Table without rows, whose notes name data, model, its hash, seeds and command."""
        notes = [INTERVALS, SEEDS]
        for settings in self.sources:
            evaluation = Evaluation(settings, [])
            for dataset in settings["sets"]:
                notes += comparing.provenance(evaluation, dataset, comparing.model(evaluation))
        return Table("Data, model and command", [], [], list(dict.fromkeys(notes)))

    def header(self):
        """What the files of numbers begin with, plain values."""
        kept = ("command", "revision", "version", "started", "finished", "machine", "source", "protocol_sentence")
        return {
            "study": self.name,
            "title": self.title,
            "intervals": INTERVALS,
            "seeds": SEEDS,
            "evaluations": [
                {key: settings.get(key) for key in kept} | {"sets": {name: _set(each) for name, each in sets.items()}}
                for settings, sets in ((each, each["sets"]) for each in self.sources)
            ],
        }


def _set(entry):
    return {key: entry.get(key) for key in ("kind", "split", "n", "pairs", "ground_truth", "sigma", "size", "notes")}


def write(study, folder):
    """Writes NAME.md, .html, .csv and .json into a folder, which is created; returns the paths. Each is written
    completely or not at all; OutputError if that fails."""
    prepare_folder(folder)
    paths = [Path(folder, f"{study.name}.{suffix}") for suffix in ("md", "html", "csv", "json")]
    write_text(paths[0], study.markdown())
    with replacing(paths[1]) as stream:
        stream.write(page("study.html.j2", title=study.title, tables=[*study.tables, study.provenance()]))
    write_text(paths[2], _csv(study))
    content = without_nan({**study.header(), "records": study.records})
    write_text(paths[3], json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    return paths


def _csv(study):
    """The records as CSV, after lines that begin with "# " and contain the header."""
    text = io.StringIO(newline="")
    for line in json.dumps(without_nan(study.header()), ensure_ascii=False, indent=1).splitlines():
        text.write(f"# {line}\n")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in study.records:
        writer.writerow({key: guarded(each) if isinstance(each, str) else each for key, each in record.items()})
    return text.getvalue()


def record(dataset, value, metric, mean, condition=""):
    """A record of a Mean; condition: "" for all."""
    return dict(zip(COLUMNS, (dataset, condition, value, metric, *mean), strict=True))


def cell(mean, *, signed=False, digits=3):
    """A Mean as text: "0.500 [0.400, 0.600]", with a sign where it is a difference; "-" for an undefined one."""
    if mean is None or math.isnan(mean.mean):
        return "-"
    form = f"{'+' if signed else ''}.{digits}f"
    interval = "" if math.isnan(mean.low) else f" [{mean.low:{form}}, {mean.high:{form}}]"
    return f"{mean.mean:{form}}{interval}"


def datasets(evaluations):
    """[(dataset, its rows)] of Evaluations, in order. Raises InputError for a dataset that two of them have."""
    found = {}
    for evaluation in evaluations:
        for name in evaluation.settings["sets"]:
            if name in found:
                raise InputError(f"two of the folders contain the dataset {name}; give one of them")
            found[name] = evaluation.rows_of(name)
    return list(found.items())


def require(evaluations, roles, options):
    """InputError unless each dataset of the Evaluations has rows and one of them has one of the roles.

    roles: names or beginnings of roles. options: those of `mindaam evaluate` that score them.
    """
    rows = [row for _, of_dataset in datasets(evaluations) for row in of_dataset]
    if not any(row["role"].startswith(roles) for row in rows):
        raise InputError(f"the folders contain no scores of the requested prompts; evaluate with {options} -o DIR")


def published_figures(table, dataset):
    """{variant: {metric: printed digits}} of AAM on a dataset in a table of the paper."""
    found = {}
    for each in published.figures(dataset, table):
        if each.method == "AAM":
            found.setdefault(each.variant, {})[each.metric] = each.value
    return found


def names(rows):
    """The conditions of rows, in order."""
    return list(dict.fromkeys(row["condition"] for row in rows))


def decided(mean, above=0.0):
    """ "higher" for an interval above a value, "lower" for one below it, else "undecided"."""
    if math.isnan(mean.low) or mean.low <= above <= mean.high:
        return "undecided"
    return "higher" if mean.low > above else "lower"
