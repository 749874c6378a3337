"""The page on all that has been run: every evaluation and every training run below some folders.

A folder with evaluation.json or rows.csv holds an evaluation; one with metrics.csv, steps.csv, epochs.csv, or both
config.yaml and environment.json a training run. One that is damaged or from another program is named in its place, and
the others are shown. The images of one page have at most `example_images.MOST` bytes.
"""

import os
from pathlib import Path

from mindaam.errors import InputError, MindAAMError, unforeseen
from mindaam.evaluation import results
from mindaam.evaluation.pages.evaluation_plots import dots
from mindaam.evaluation.pages.evaluation_view import (
    cell,
    evaluation_view,
    first_role,
    head_of,
    label_of,
    metrics_of,
    scores_of,
)
from mindaam.evaluation.pages.example_images import MOST, Images
from mindaam.evaluation.pages.page import UNKNOWN, page
from mindaam.evaluation.pages.run_files import OLDER_STEPS, STEPS
from mindaam.evaluation.pages.run_view import mapping, run_view
from mindaam.files import lies_in, listed, prepare_folder, real, replacing

EVALUATED = (results.SETTINGS, results.ROWS)
TRAINED = ((STEPS,), (OLDER_STEPS,), ("epochs.csv",), ("config.yaml", "environment.json"))
NAMED = 3  # folders in a message


def write(folders, path):
    """Writes the page on the evaluations and runs below folders to `path`; returns a line for each that is damaged,
    and for each folder without any.

    Raises InputError for a folder that does not exist and where nothing is found, OutputError when the page cannot be
    written.
    """
    for folder in folders:
        if not os.path.isdir(folder):
            raise InputError(f"the folder {folder} does not exist; check the path")
    found = find(folders)
    if not found:
        names = listed([str(folder) for folder in folders], NAMED)
        raise InputError(
            f"no evaluation and no training run was found in {names}; give the output folder of mindaam evaluate or "
            "mindaam train, or a folder above it"
        )
    prepare_folder(Path(path).parent)
    parts = described(found)
    with replacing(path) as stream:
        stream.write(html(parts))
    empty = [folder for folder in folders if not any(lies_in(place, folder) for place, _, _ in found)]
    problems = [f"{part['name']}: {part['problem']}" for part in parts if part["problem"]]
    return problems + [f"no evaluation and no training run was found in {folder}" for folder in empty]


def find(folders):
    """[(Path, name for the page, whether it is an evaluation)] below folders, each once, ordered by their paths."""
    found, tops = {}, [real(folder) for folder in folders]
    alone = len({top.name for top in tops}) == len(set(tops))
    for top in folders:
        for place, below, files in os.walk(top):
            below[:] = sorted(name for name in below if not name.startswith("."))
            kinds = [True] * any(name in files for name in EVALUATED)
            kinds += [False] * any(set(names) <= set(files) for names in TRAINED)
            for is_evaluation in kinds:
                found.setdefault(
                    (real(place), is_evaluation), (Path(place), _name(place, top if alone else None), is_evaluation)
                )
    return list(found.values())


def described(found):
    """The values of what `find` found: {"name", "anchor", "is_evaluation", "problem", "view", "overview"} each."""
    budget, parts = [MOST], []
    for number, (folder, name, is_evaluation) in enumerate(found, 1):
        part = {"name": name, "anchor": f"part-{number}", "is_evaluation": is_evaluation}
        part |= {"problem": None, "view": None, "overview": []}
        try:
            part |= _evaluation(folder, budget) if is_evaluation else _run(folder)
        except MindAAMError as error:
            part["problem"] = str(error)
        except Exception as error:  # it concerns one folder of many, and its files may hold anything
            part["problem"] = str(unforeseen(str(folder), error))
        parts.append(part)
    return parts


def html(parts):
    """The page as bytes."""
    evaluations = [part for part in parts if part["is_evaluation"]]
    runs = [part for part in parts if not part["is_evaluation"]]
    lines = [line for part in evaluations for line in part["overview"]]
    metrics = metrics_of({number: line["scores"] for number, line in enumerate(lines)})
    for line in lines:
        line["cells"] = [cell(line["scores"].get(metric), line["n"]) for metric in metrics]
        for each in line["cells"][1:]:  # of CC alone: nine intervals would make the table too wide for a page
            each["interval"] = ""
    head = [("evaluation", ""), ("dataset", ""), ("role", ""), ("n", "n"), *head_of(metrics)]
    return page(
        "analysis.html.j2",
        title="Evaluations and training runs",
        evaluations=evaluations,
        runs=runs,
        head=head,
        comparisons=list(_comparisons(evaluations)),
        most=f"{MOST / 1e6:g} MB",
    )


def _evaluation(folder, budget):
    evaluation = results.load(folder)
    settings, overview = evaluation.settings, []
    view = evaluation_view(evaluation, Images(folder, budget))
    for name, entry in settings["sets"].items():
        scores = scores_of(evaluation, name)
        role = first_role(scores)
        of_role = scores.get(role, {})
        line = {"dataset": name, "split": mapping(entry).get("split") or UNKNOWN, "scores": of_role, "all": scores}
        line["role"] = label_of(role) if role else UNKNOWN
        line["n"] = max((mean.n for mean in of_role.values()), default=0)
        line["protocol"] = mapping(settings.get("protocol")).get("name") or UNKNOWN
        overview.append(line)
    return {"view": view, "overview": overview}


def _run(folder):
    view = run_view(folder)
    if not (view["curves"]["plots"] or view["validation"]["rows"] or view["tiles"]):
        problem = view["curves"]["problem"] or view["validation"]["problem"] or "its tables have no column of a run"
        return {"problem": f"no steps and no scores of a training run ({problem})"}
    return {"view": view}


def _comparisons(evaluations):
    """CC of several evaluations on one dataset, split and protocol: {"dataset", "split", "protocol", "dots"} each; the
    baselines of the first evaluation that has them are below."""
    groups = {}
    for part in evaluations:
        for line in part["overview"]:
            key = (line["dataset"], line["split"], line["protocol"])
            groups.setdefault(key, []).append((f"{part['name']} ({part['view']['title']})", line["all"]))
    for (dataset, split, protocol), members in groups.items():
        if len(members) < 2:
            continue
        entries = [(name, _cc(scores, first_role(scores)), "model") for name, scores in members]
        for role in ("center_bias", "uniform", "people"):
            mean = next((scores[role].get("CC") for _, scores in members if role in scores), None)
            entries.append((label_of(role), mean, "baseline"))
        shown = dots(entries)
        if shown:
            yield {"dataset": dataset, "split": split, "protocol": protocol, "dots": shown}


def _cc(scores, role):
    return scores.get(role, {}).get("CC")


def _name(place, top):
    """The name of a folder on the page: from the folder that was given on, or its whole path (None)."""
    return str(real(place)) if top is None else os.path.relpath(real(place), real(top).parent)
