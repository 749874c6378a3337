"""A table of the AAM paper, filled with the means of any number of evaluations.

Which evaluation belongs to which row follows from evaluation.json:

    1-3, 19-22   the role `right`
    15           the role `right`, by the name of the model
    16           the role `right`, by whether audio was used
    17           `right` with a prompt, `none` or `generic` without one
    18a          `right`, `none` or `generic`, `mismatched`
    18b          `paraphrases`, and their standard deviation
    18c          G1 to G4

The rows of Tables 13 and 14 differ in what a model was trained on, which evaluation.json does not state: their rows are
given by name.
"""

from typing import NamedTuple

from mindaam.errors import ConfigError, unknown
from mindaam.evaluation.markdown_text import Table
from mindaam.evaluation.published import comparing
from mindaam.evaluation.published.figures import TITLES, figures
from mindaam.evaluation.results import Evaluation

RIGHT, WITHOUT = ("right",), ("none", "generic")  # roles of a row: the first that was evaluated counts
ROLES = {  # of the paper's rows; rows that are not named have the role `right`
    "17": {"w/o Text": WITHOUT, "Zero-shot, w/o Text": WITHOUT},
    "18a": {"No Text Input (General)": WITHOUT, "Wrong Prompt (Cross-Task)": ("mismatched",)},
    "18c": {each: (each,) for each in ("G1", "G2", "G3", "G4")},
}
PARAPHRASED = ("dhf1k", "diem", "summe", "salicon", "osie", "ueyes")  # the datasets of Table 18b
MODELS = {
    "DINOv3_small": "aam_dinov3_vits16",
    "DINOv3_base": "aam_dinov3_vitb16",
    "DINOv3_large": "aam_dinov3_vitl16",
    "SAM2_base": "aam_sam2_base_plus",
    "SAM2_large": "aam_sam2_large",
}
TRAINED = ("13", "14")  # whose rows are given by name
NOTES = {
    "4": [
        "FPS and parameters do not come from evaluations: mindaam analyze cost measures and counts them",
        "the parameters of AAM are the trainable ones; the paper counts 324M in all",
    ],
    "13": ["give rows by name, such as 'Single Training=DIR'; evaluation.json does not state the training data"],
    "14": ["give rows by name, such as 'AV + Video=DIR'; evaluation.json does not state the training data"],
    "18a": ["without a prompt: the role none, else generic; wrong prompt: the role mismatched"],
    "18b": [
        "the published figures of Table 18b were not available; the paper's text gives a standard deviation of CC of "
        "about 0.01",
        "measured: the mean over paraphrases ± the standard deviation over paraphrases of the mean score",
    ],
    "18c": [
        "NSS of DHF1K, UCF Sports, DIEM, SumMe and CAT2000 is printed under NSS, but its size is that of CC (DHF1K has "
        "NSS 3.272 in Table 20)"
    ],
}


class _Run(NamedTuple):
    """An Evaluation in a table. label: of its rows and notes. summary: computed once, because its intervals take time.
    row: of the paper, "" to find it by the settings."""

    label: str
    evaluation: Evaluation
    summary: dict
    row: str


def table(number, evaluations, rows=None):
    """The Table of the paper with this number, with measured rows, or "not run", below the published ones.

    number: "1" to "22", as in `figures`, or "18b". evaluations: Evaluations. rows: for each of them the name of the
    paper's row that it belongs to, "" to find it by its settings (default: all). Raises ConfigError for an unknown
    table or row.
    """
    rows = [""] * len(evaluations) if rows is None else rows
    found = [] if number == "18b" else figures(table=number)
    _check_rows(number, rows, {each.variant for each in found} - {""})
    runs = [
        _Run(f"{comparing.OURS} [{place}]" if len(evaluations) > 1 else comparing.OURS, each, each.summary(), row)
        for place, (each, row) in enumerate(zip(evaluations, rows, strict=True), 1)
    ]
    if number == "18b":
        return _paraphrases(runs)
    if number == "4":
        return efficiency()
    metrics = list(dict.fromkeys(each.metric for each in found))
    shown, notes = [], []
    for dataset in dict.fromkeys(each.dataset for each in found):
        of_dataset = [each for each in found if each.dataset == dataset]
        part, more = _dataset(number, dataset, of_dataset, runs, metrics)
        cells, values = zip(*part, strict=True)
        shown += comparing.marked(cells, values, metrics) if _of_methods(number) else cells
        notes += more
    head = ["dataset", "method", "source", "n", *metrics]
    marks = [f"{comparing.BEST} and dataset"] if _of_methods(number) else []
    notes = [*marks, comparing.CAUTION, *NOTES.get(number, []), *dict.fromkeys(notes)]
    return Table(f"Table {number} of the AAM paper: {TITLES[number]}", head, shown, notes)


def _check_rows(number, rows, variants):
    """ConfigError for a row that the table does not have."""
    for row in filter(None, rows):
        if number == "4" or not variants:
            raise ConfigError(f"Table {number} has no rows to choose from; give the folder without {row}=")
        if row not in variants:
            raise unknown(f"row of Table {number}", row, variants)


def _of_methods(number):
    """Whether the rows of a table are methods, among which the best value is marked."""
    return number in comparing.METHOD_TABLES


def _dataset(number, dataset, found, runs, metrics):
    """([(row, {metric: float})], notes) of one dataset: published rows, each variant of AAM followed by the measured
    ones; in tables of methods the measured ones are last."""
    rows, notes = [], []
    for variant in dict.fromkeys(each.variant for each in found):
        for name, cells, of in comparing.published_rows([each for each in found if each.variant == variant], metrics):
            rows.append(([comparing.title(dataset), name, "published", "", *cells], of))
        if variant or all(not each.variant for each in found):
            own, more = _measured(number, dataset, variant, runs, metrics)
            rows, notes = rows + own, notes + more
    return rows, notes


def _measured(number, dataset, variant, runs, metrics):
    """The measured rows of a row of the paper, or one "not run"; and their notes."""
    rows, notes, named = [], [], f", {variant}" if variant else ""
    for label, evaluation, summary, row in runs:
        by_role = summary.get(dataset, {})
        role = next((each for each in ROLES.get(number, {}).get(variant, RIGHT) if each in by_role), None)
        if role and (row == variant if row else _matches(number, variant, evaluation, dataset)):
            means = by_role[role]
            name = f"{label}: {comparing.model(evaluation)}{named}"
            cells = [comparing.title(dataset), name, f"{comparing.measured(evaluation)}, role {role}"]
            cells += comparing.measured_cells(means, metrics)
            rows.append((cells, {key: value[0] for key, value in means.items()}))
            notes += comparing.provenance(evaluation, dataset, label)
    if not rows:
        empty = ["", *["-"] * len(metrics)]
        rows = [([comparing.title(dataset), f"{comparing.OURS}{named}", comparing.NOT_RUN, *empty], {})]
    return rows, notes


def _matches(number, variant, evaluation, dataset):
    """Whether an evaluation of a dataset belongs to a row of the paper, by its settings."""
    source = evaluation.settings.get("source", {})
    if number in TRAINED:
        return False
    if number == "15":
        return MODELS.get(variant) is not None and source.get("model") == MODELS[variant]
    if number == "16":
        # "auto" uses no audio where the model, its weights or the video have none; the notes state what was done.
        notes = evaluation.settings["sets"][dataset].get("notes", ())
        return any(each.startswith("audio used") for each in notes) == (variant == "w/ Audio")
    return True


def efficiency(measured=None):
    """Table 4, which no evaluation fills. measured: rows (model, what was measured, FPS, parameters)."""
    rows = {}
    for each in figures(table="4"):
        name = f"{each.method} ({each.reference})"
        rows.setdefault((name, each.variant), {})[each.metric] = f"{each.value} {each.unit}"
    shown = [[*key, "published", of["FPS"], of["parameters"]] for key, of in rows.items()]
    if measured:
        shown += [[f"{comparing.OURS}: {model}", what, "measured", *values] for model, what, *values in measured]
    else:
        shown.append([comparing.OURS, "", comparing.NOT_RUN, "-", "-"])
    head = ["method", "backbone, input", "source", "FPS", "parameters"]
    return Table(f"Table 4 of the AAM paper: {TITLES['4']}", head, shown, NOTES["4"])


def _paraphrases(runs):
    """Table 18b, whose published figures are not known."""
    metrics, rows, notes = ("CC", "SIM", "NSS", "KLD"), [], []
    for dataset in PARAPHRASED:
        name, own = comparing.title(dataset), []
        for label, evaluation, summary, _ in runs:
            found = evaluation.settings["sets"].get(dataset, {}).get("paraphrases")
            means = summary.get(dataset, {}).get("paraphrases")
            if found and means:
                both = [(means.get(each), found["std"].get(each)) for each in metrics]
                cells = ["-" if None in pair else f"{pair[0][0]:.3f} ± {pair[1]:.4f}" for pair in both]
                own.append([name, f"{label}: {comparing.model(evaluation)}", f"{found['prompts']}", *cells])
                notes += comparing.provenance(evaluation, dataset, label)
        rows += own or [[name, f"{comparing.OURS}: {comparing.NOT_RUN}", "", *["-"] * len(metrics)]]
    head = ["dataset", "method", "paraphrases", *metrics]
    title = "Table 18b of the AAM paper: Invariance to paraphrases"
    return Table(title, head, rows, [*NOTES["18b"], *dict.fromkeys(notes)])
