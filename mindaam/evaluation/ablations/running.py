"""An ablation from its rows to its tables: what can be run is run, what cannot is named with what is missing."""

from pathlib import Path

from mindaam.data.datasets.finding import find_data
from mindaam.evaluation.ablations import official, report, runs, statistics
from mindaam.files import write_text
from mindaam.training import checkpoints
from mindaam.zoo.index import record

ENCODER = "dinov2_vits14"  # of the small model
NO_DATA = "no data folder was given"


def run(ablations, letters, place, seeds, command, say):
    """Trains and scores all runs of some ablations for which the data exist, seed by seed, and writes their tables
    after each; returns ([Result], whether all runs are finished).

    place: runs.Place, its data None where none was given; seeds: their number; command: the command line; say: called
    with lines. A request to stop ends the run in progress with a checkpoint, and then the command. Raises as
    `training.run.train`, and TrainingError for a command on official datasets that fails.
    """
    available = _available(place.data)
    todo = [
        (name, seed)
        for seed in range(seeds)
        for name in ablations.runs_of(letters)
        if not lacking(ablations, name, available)
    ]
    for number, (name, seed) in enumerate(todo, 1):
        if runs.scores_of(place.run(name, seed)) is not None:
            continue
        say(f"run {number} of {len(todo)}: {name}, seed {seed}, in {place.run(name, seed)}")
        if not runs.run(ablations, name, seed, place):
            return write(ablations, letters, place, seeds, command, available), False
        write(ablations, letters, place, seeds, command, available)
    for each in _official(ablations, letters, place, seeds, available):
        say(f"official run {each.name}")
        official.complete(each)
    return write(ablations, letters, place, seeds, command, available), True


def lacking(ablations, name, available):
    """Datasets of a run of the small model, trained or scored, that are not available."""
    run_of = ablations.runs[name]
    return [each for each in ablations.sets_of(run_of.recipe) if each not in available]


def write(ablations, letters, place, seeds, command, available):
    """Writes the tables of what is finished; returns [Result]."""
    results = [
        report.Result(
            letter,
            ablations.ablations[letter],
            _rows(ablations, letter, place, seeds),
            _not_run(ablations, letter, place, seeds, available),
            _header(place, seeds, command),
        )
        for letter in letters
    ]
    for each in results:
        report.write(each, place.work)
        lines = commands(ablations, each.letter, place, seeds)
        write_text(place.work / f"{each.letter}_official.sh", "\n".join(["set -e", *lines]) + "\n")
    return results


def commands(ablations, letter, place, seeds):
    """The command lines of all runs on official datasets of an ablation, each once."""
    rows = ablations.ablations[letter].rows.items()
    return list(
        dict.fromkeys(
            line
            for seed in range(seeds)
            for name, row in rows
            if row.official
            for each in official.runs_of(ablations, row, name, place.data, place.work, seed)
            for line in each.commands()
        )
    )


def _available(root):
    return set() if root is None else {each.name for each in find_data(root)}


def _rows(ablations, letter, place, seeds):
    """Rows of all finished runs of an ablation, as `statistics` describes them."""
    found = []
    for name, row in ablations.ablations[letter].rows.items():
        head = {"ablation": letter, "row": name}
        for seed in range(seeds):
            for each in row.runs:
                scores = runs.scores_of(place.run(each, seed))
                if scores is not None:
                    run_head = {**head, "data": "small", "run": each, "seed": seed}
                    found += statistics.rows_of_run(run_head, scores, row.scores, ablations.runs[each].sets)
            for each in official.runs_of(ablations, row, name, place.data, place.work, seed) if row.official else ():
                scores = official.scores_of(each)
                if scores is not None:
                    run_head = {**head, "data": "official", "run": each.name, "seed": seed}
                    found += statistics.rows_of_run(run_head, scores, row.official.scores, _counted(each, row))
    return found


def _counted(each, row):
    """The datasets that an official row regards as its own: all that were scored, or the one of the run."""
    return each.sets if row.official.each else each.scored


def _not_run(ablations, letter, place, seeds, available):
    """{(row, "small" or "official"): reason} of the rows without all of their runs."""
    found = {}
    for name, row in ablations.ablations[letter].rows.items():
        reason = _small_reason(ablations, row, place, seeds, available)
        if reason:
            found[name, "small"] = reason
        if row.official:
            every = official.runs_of(ablations, row, name, place.data, place.work, 0)
            gaps = official.missing(ablations, row, every, available)
            if gaps:
                found[name, "official"] = f"missing: {', '.join(gaps)}"
        elif row.runs:
            found[name, "official"] = "a model without temporal blocks does not train on videos"
    return found


def _small_reason(ablations, row, place, seeds, available):
    if not row.runs:
        return f"missing: {row.missing or 'a small model and its data'}"
    if place.data is None:
        return NO_DATA
    gaps = dict.fromkeys(gap for each in row.runs for gap in lacking(ablations, each, available))
    if gaps:
        return f"missing: {', '.join(gaps)}"
    waiting = sum(
        runs.scores_of(place.run(each, seed)) is None for each in row.runs for seed in range(seeds)
    )  # fmt: skip
    return f"{waiting} of {len(row.runs) * seeds} runs are not finished" if waiting else None


def _official(ablations, letters, place, seeds, available):
    """The OfficialRuns whose data, model and weights exist, each once."""
    found = {}
    for seed in range(seeds):
        for name, row in ablations.rows(letters).items():
            every = official.runs_of(ablations, row, name, place.data, place.work, seed) if row.official else []
            if every and not official.missing(ablations, row, every, available):
                found |= {each.name: each for each in every}
    return list(found.values())


def _header(place, seeds, command):
    made = checkpoints.environment()
    return {
        "command": command,
        "seeds": ", ".join(map(str, range(seeds))),
        "model": f"aam_dinov2_vits14, its encoder SHA-256 {record(ENCODER).sha256[:12]}",
        "revision": made["git"] or "unknown",
        "machine": made["platform"],
        "data": "none" if place.data is None else Path(place.data).name,
    }
