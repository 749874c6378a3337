"""Scores a MapSource on datasets with gaze, image by image and video by video; the work of `mindaam evaluate`.

With a folder, the rows of each image or video are in rows.csv before the next one is predicted, so that an evaluation
that was killed at any moment continues. Memory does not grow with the length of a video.
"""

from contextlib import nullcontext
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

from mindaam.data.prompts.prompting import Prompting
from mindaam.errors import ConfigError
from mindaam.evaluation import released, results, roles
from mindaam.evaluation.images import rows_of_image
from mindaam.evaluation.people import People
from mindaam.evaluation.results import Evaluation, by_condition, by_role, paraphrase_spread
from mindaam.evaluation.train_gaze import TrainGaze
from mindaam.evaluation.truths import compared_at
from mindaam.evaluation.videos import rows_of_video
from mindaam.files import cannot_write, listed, prepare_folder
from mindaam.metrics.protocols import Protocol
from mindaam.training import checkpoints

INTERVAL = "95 % bootstrap interval of the mean; an image or video is resampled with all its conditions"
FREE = ("command", "started", "finished", "machine")  # settings that a resumed evaluation may change
RESULTS = ("scored", "skipped", "notes", "scores", "conditions", "paraphrases")  # of a dataset, added at its end
DIFFERENCES = 3  # shown in a message


class Plan(NamedTuple):
    """What is scored. protocol: with the metrics that are requested. prompting: that of the model. prompts,
    granularity: as in `roles.roles_of`. prompted: False for maps that no prompt changes. audio: "auto" or "off".
    command: the command line."""

    protocol: Protocol
    prompting: Prompting = Prompting()
    prompts: tuple = ()
    granularity: tuple = ()
    prompted: bool = True
    audio: str = "auto"
    command: str = ""

    def roles_of(self, reader, condition):
        """{role: prompts} of a condition of a reader."""
        if not self.prompted:
            return {"right": [""]}
        return roles.roles_of(reader, condition, self.prompting, self.prompts, self.granularity)


def evaluate(source, readers, plan, folder=None, resume=False, progress=None, left_out=None):
    """The Evaluation of a MapSource on the readers of images and videos, images first.

    folder: Path, where results are stored as `results` describes; it is created. resume: continues an interrupted
    evaluation in it, or begins one. progress: (total, name) -> context of an object with `step(name)` and `within`,
    such as `cli.terminal.progress`. left_out: called as left_out(name, exception) for an image or video that cannot be
    scored, and the others are; with None it is raised. Raises ConfigError for a folder that contains an evaluation,
    unless it is resumed with the same settings.
    """
    readers = sorted(readers, key=lambda reader: reader.is_video)
    settings = described(source, readers, plan)
    settings, rows = begin(settings, folder, resume)
    done, skipped = {(row["dataset"], row["name"]) for row in rows}, {}

    def failed(reader, name, error):
        if left_out is None:
            raise error
        left_out(name, error)
        skipped.setdefault(reader.name, []).append(name)

    for reader in readers:
        gaze, people = TrainGaze(reader), People(reader)
        every = _items(reader)
        items = [item for item in every if (reader.name, item[0]) not in done]
        with progress(len(items), f"evaluating {reader.name}") if progress else nullcontext(_QUIET) as shown:
            for name, indices, position in items:
                shown.step(name)
                try:
                    new = _rows(source, reader, indices, plan, gaze, people, position, shown)
                except Exception as error:  # it concerns one image or video of many
                    failed(reader, name, error)
                    continue
                rows += new
                append(new, folder)
        part = "" if len(items) == len(every) else ", of those scored after --resume"
        found = [*notes(reader, plan, gaze, people, rows), *(line + part for line in source.notes(reader.name))]
        before = settings["sets"][reader.name].get("notes", ())  # of an evaluation that is resumed
        settings["sets"][reader.name]["notes"] = list(dict.fromkeys([*before, *found]))
    evaluation = finished(Evaluation(settings, rows), skipped)
    if folder is not None:
        results.write_settings(evaluation.settings, folder)
    return evaluation


def described(source, readers, plan):
    """The settings of an evaluation that begins now, as `results` describes them."""
    made = checkpoints.environment()
    return {
        "format": results.FORMAT,
        "command": plan.command or made["command"],
        "revision": made["git"],
        "version": made["mindaam"],
        "started": _now(),
        "finished": None,
        "machine": {key: made[key] for key in ("python", "numpy", "mindspore", "platform")},
        "source": source.described(),
        "protocol": plan.protocol.described(),
        "protocol_sentence": plan.protocol.sentence(),
        "metrics": list(plan.protocol.metrics),
        "prompts": list(plan.prompts),
        "granularity": list(plan.granularity),
        "audio": plan.audio,
        "interval": INTERVAL,
        "sets": {reader.name: _described_set(reader, plan) for reader in readers},
    }


def _described_set(reader, plan):
    truth = getattr(reader, "truth", None)
    return {
        "kind": "videos" if reader.is_video else "images",
        "split": reader.split,
        "n": len(_items(reader)),
        "pairs": len(reader),
        "ground_truth": reader.ground_truth,
        "sigma": truth.sigma_degrees if truth is not None and reader.source == "fixations" else None,
        "size": compared_at(plan.protocol, is_video=reader.is_video),
        "notes": [],
    }


def begin(settings, folder, resume):
    """(settings, rows that are done) after both are written into the folder, if there is one.

    The last image or video of an interrupted evaluation may lack rows, so it is scored again. Of an evaluation that is
    resumed, the settings have the time of its first start and its notes, as the same data give the same notes.
    """
    if folder is None:
        return settings, []
    prepare_folder(folder)
    if not Path(folder, results.SETTINGS).exists():
        if other := next((name for name in results.FILES if Path(folder, name).exists()), None):
            raise ConfigError(f"{folder} contains a {other} that is not of an evaluation; choose another folder")
        results.save(Evaluation(settings, []), folder)
        return settings, []
    if not resume:
        raise ConfigError(f"{folder} contains an evaluation; continue it with --resume, or choose another folder")
    before = results.load(folder)
    changed = checkpoints.differences(_compared(before.settings), _compared(results.without_nan(settings)))
    if changed:
        raise ConfigError(
            f"{folder} contains an evaluation with other settings ({listed(changed, DIFFERENCES, '; ')}); use the "
            "same, or choose another folder"
        )
    rows = before.rows
    if rows and not before.settings.get("finished"):
        last = (rows[-1]["dataset"], rows[-1]["name"])
        rows = [row for row in rows if (row["dataset"], row["name"]) != last]
    settings = {**settings, "started": before.settings.get("started")}
    for name, entry in before.settings["sets"].items():
        settings["sets"][name]["notes"] = entry.get("notes", [])
    results.save(Evaluation(settings, rows), folder)
    return settings, rows


def _compared(settings):
    """The settings that the rows depend on."""
    sets = {
        name: {key: each for key, each in entry.items() if key not in RESULTS}
        for name, entry in settings["sets"].items()
    }
    source = settings.get("source")
    if isinstance(source, dict):
        source = {key: each for key, each in source.items() if key != "file"}  # its hash identifies it
    return {key: each for key, each in settings.items() if key not in FREE} | {"source": source, "sets": sets}


def append(rows, folder):
    """Appends rows to rows.csv of a folder, if there is one; they are in the file when this returns. OutputError."""
    if folder is None or not rows:
        return
    path = Path(folder, results.ROWS)
    try:
        with open(path, "ab") as file:
            file.write(results.rows_text(rows).encode("utf-8", "replace"))
    except OSError as error:
        raise cannot_write(path, error) from error


def notes(reader, plan, gaze, people, rows):
    """One line for each thing that a dataset does not allow to be scored. rows: those of the evaluation so far."""
    lacking = roles.missing(reader, plan.prompting, plan.prompts, plan.granularity) if plan.prompted else []
    found = [f"it has no prompts for {', '.join(lacking)}"] if lacking else []
    found += [f"no center bias, sAUC and IG: {gaze.reason}"] if not gaze.found or gaze.reason else []
    own = reader.split == "train"
    found += ["center bias and IG come from the train split, the scored data themselves"] if own else []
    roles_there = {row["role"] for row in rows if row["dataset"] == reader.name}
    if people.reason or (roles_there and "people" not in roles_there):
        found.append(f"no baseline people: {people.reason or _without_people(plan.protocol)}")
    return found


def _without_people(protocol):
    """Why no row has the role people though viewers are kept apart."""
    if protocol.name == released.NAME:
        return "published maps, which the protocol released compares with, are those of all viewers"
    return "nothing was viewed by two people"


def finished(evaluation, skipped):
    """The Evaluation with what follows from its rows in its settings. skipped: {dataset: names}."""
    sets = {}
    for name, entry in evaluation.settings["sets"].items():
        rows = evaluation.rows_of(name)
        scores, spread = by_role(rows), paraphrase_spread(rows)
        conditions = list(dict.fromkeys(row["condition"] for row in rows))
        sets[name] = {
            **entry,
            "scored": len({row["name"] for row in rows}),
            "skipped": skipped.get(name, []),
            "scores": scores,
            "conditions": by_condition(rows) if len(conditions) > 1 else {each: scores for each in conditions},
            **({"paraphrases": spread} if spread else {}),
        }
    return evaluation._replace(settings={**evaluation.settings, "finished": _now(), "sets": sets})


def _rows(source, reader, indices, plan, gaze, people, position, shown):
    """The rows of one image or video."""
    rows = []
    if not reader.is_video:
        roles_of = partial(plan.roles_of, reader)
        # saved maps may differ by condition, those of a model by prompt
        for group in [indices] if plan.prompted else [[index] for index in indices]:
            rows += rows_of_image(source, reader, group, roles_of, plan.protocol, gaze, position, people)
        return rows
    for index in indices:
        wanted = plan.roles_of(reader, reader.entries[index][1])
        rows += rows_of_video(source, reader, index, wanted, plan.protocol, gaze, people=people, progress=shown.within)
    return rows


def _items(reader):
    """[(name of an image or video, indices of its entries, position)], in the order of the reader."""
    found = {}
    for index, (name, _) in enumerate(reader.entries):
        found.setdefault(name, []).append(index)
    return [(name, indices, position) for position, (name, indices) in enumerate(found.items())]


def _now():
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


_QUIET = SimpleNamespace(step=lambda name: None, within=lambda *_: None)
