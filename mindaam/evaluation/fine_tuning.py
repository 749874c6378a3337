"""What fine-tuning has changed: the model that a run started from and its best one, on the same held-out data.

Images, videos, prompts, audio and scores are those that the run chooses its best model by (`validation`); beside them
are the baselines that use no pixel.
"""

import json
import math
from typing import NamedTuple

from mindaam.data.prompts.prompting import prompts_for
from mindaam.evaluation.images import mean_scores
from mindaam.evaluation.results import without_nan
from mindaam.evaluation.studies.paired import difference, mean_of, scores
from mindaam.evaluation.train_gaze import TrainGaze, baseline_maps
from mindaam.evaluation.truths import frames_scored, truth_of_frame, truth_of_image
from mindaam.evaluation.validation import PROTOCOL, scores_of_entry, stretch
from mindaam.files import lies_in, write_text
from mindaam.inference.predictor import Predictor
from mindaam.metrics.scoring import score
from mindaam.training.feeding.folders import data_root
from mindaam.training.tasks.corpus_scores import METRICS, spread

FILE = "before_after.json"  # in a run's folder
BEFORE, AFTER = "before", "after"
BASELINES = ("center_bias", "uniform")


class Comparison(NamedTuple):
    """One dataset. own: whether it is of the run's own data, not of old ones that were added; kind: "images" or
    "videos"; n: its pairs of an image or video and a condition. scores: {role: {metric: results.Mean}} of BEFORE, AFTER
    and those of BASELINES that exist; change: {metric: Mean} of after - before, by pairs."""

    name: str
    own: bool
    kind: str
    n: int
    scores: dict
    change: dict


def compare(run, start, shown):
    """The Comparisons of a finished run on a corpus, those of own data first.

    run: training.run.Trained; start: name or path of the model that it started from; shown: object with `step(name)`,
    called before each entry. Raises InputError for damaged data, CheckpointError for a start that no longer exists.
    """
    task = run.task
    models = {BEFORE: Predictor(start).model, AFTER: Predictor(run.folder / "best.safetensors").model}
    found = []
    for name, reader in task.held_out.items():
        rows = _rows(models, task, name, reader, shown)
        own = lies_in(reader.root, data_root(task.config))
        found.append(compared(name, rows, own, "videos" if reader.is_video else "images"))
    return sorted(found, key=lambda each: not each.own)


def entries(task, reader):
    """The numbers of the entries of a reader that are scored."""
    return spread(len(reader), task.config.validation["videos" if reader.is_video else "images"])


def compared(name, rows, own, kind):
    """The Comparison of rows: dicts of "name", "condition", "role" and the METRICS."""
    roles = [role for role in (BEFORE, AFTER, *BASELINES) if any(row["role"] == role for row in rows)]
    values = {role: {metric: scores(rows, role, metric) for metric in METRICS} for role in roles}
    change = {metric: difference(values[AFTER][metric], values[BEFORE][metric]) for metric in METRICS} if rows else {}
    means = {role: {metric: mean_of(each) for metric, each in of.items()} for role, of in values.items()}
    return Comparison(name, own, kind, max((each.n for each in change.values()), default=0), means, change)


def lines(comparisons):
    """The Comparisons as lines of text of at most 80 characters."""
    yield "before and after, on held-out data; in brackets the 95 % interval of the change"
    for each in comparisons:
        kind = each.kind.removesuffix("s") if each.n == 1 else each.kind
        yield f"{each.name}: {'own data' if each.own else 'old data'}, {each.n} {kind}"
        if not each.change:
            yield "  no frame with gaze data is in the part that is scored"
            continue
        baselines = [role for role in BASELINES if role in each.scores]
        heads = "".join(f"{role.replace('_', ' '):>13}" for role in baselines)
        yield f"  {'':4}{'before':>8}{'after':>8}   {'change':27}{heads}".rstrip()
        for metric in METRICS:
            before, after = (each.scores[role][metric].mean for role in (BEFORE, AFTER))
            change = each.change[metric]
            interval = "" if math.isnan(change.low) else f" [{change.low:+.3f}, {change.high:+.3f}]"
            text = f"{change.mean:+.3f}{interval}"
            beside = "".join(f"{each.scores[role][metric].mean:13.3f}" for role in baselines)
            yield f"  {metric:4}{before:8.3f}{after:8.3f}   {text:27}{beside}".rstrip()


def write(comparisons, run, start):
    """Writes the Comparisons into the folder of a run; returns the path of the file. OutputError if that fails."""
    datasets = {each.name: each._asdict() for each in comparisons}
    content = {"format": 1, "start": str(start), "protocol": PROTOCOL.described(), "datasets": datasets}
    path = run.folder / FILE
    write_text(path, json.dumps(without_nan(content), indent=1) + "\n")
    return path


def _rows(models, task, name, reader, shown):
    """The rows of a reader's entries that are scored."""
    gaze, rows, encoding = TrainGaze(reader), [], task.audio_encoding if name in task.heard else None
    for entry in entries(task, reader):
        item, condition = reader.entries[entry]
        shown.step(f"{name}: {item}")
        prompt = prompts_for(task.config.prompting, name, reader, condition)[0]
        found = {
            role: mean_scores(scores_of_entry(model, task.encode, reader, entry, prompt, encoding))
            for role, model in models.items()
        }
        found |= _baselines(reader, entry, gaze, Predictor(models[AFTER]).video_windows())
        start = {"name": item, "condition": condition}
        rows += [start | {"role": role} | scores for role, scores in found.items() if scores]
    return rows


def _baselines(reader, entry, gaze, windows):
    """{role: scores} of the baselines on what is scored of an entry."""
    if reader.is_video:
        positions = stretch(reader.frames(entry), windows)
        scored = frames_scored(reader, entry, PROTOCOL)
        truths = [truth_of_frame(reader, entry, position, PROTOCOL) for position in positions if scored[position]]
    else:
        truths = [truth_of_image(reader, entry, PROTOCOL)]
    found, condition = {}, reader.entries[entry][1]
    for truth in truths:
        for role, values in baseline_maps(condition, truth.density.shape, gaze).items():
            found.setdefault(role, []).append(score(values, truth, PROTOCOL))
    return {role: mean_scores(each) for role, each in found.items()}
