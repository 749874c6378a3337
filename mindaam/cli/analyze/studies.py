"""`mindaam analyze condition-swap|paraphrase|granularity|zero-shot`: the inductive studies of the AAM paper."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option

from mindaam.cli.common.batches import Batch
from mindaam.streams import print_line, print_lines, print_message

RUNS = "Output folders of mindaam evaluate -o whose prompts the study shows; without any, --data is evaluated."
DATA = "A gaze folder or pack, or a folder of those and of datasets, to evaluate first."
MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run."
SKIP = "Skip damaged files."
OUT = "Folder for the study as .md, .html, .csv and .json, and for evaluation/, which is resumed."
Runs = Annotated[list[Path] | None, Argument(metavar="[DIR]...", help=RUNS)]
Data = Annotated[Path | None, Option(metavar="ROOT", help=DATA)]
Model = Annotated[str | None, Option(metavar="NAME|PATH", help=MODEL)]
Split = Annotated[str, Option(metavar="NAME", help="Split to score.")]
Sets = Annotated[list[str] | None, Option("--set", metavar="NAME", help="Only this dataset; repeatable.")]
Skip = Annotated[bool, Option("--skip-damaged", help=SKIP)]
Out = Annotated[Path | None, Option("-o", "--out", metavar="DIR", help=OUT)]


def condition_swap(
    runs: Runs = None,
    data: Data = None,
    model: Model = None,
    split: Split = "val",
    sets: Sets = None,
    skip_damaged: Skip = False,
    out: Out = None,
):
    """Compare correct, generic and wrong prompts, and of datasets with several tasks each prompt on each task."""
    from mindaam.evaluation.studies import condition_swap as studied

    _study(studied, runs, data, model, split, sets, skip_damaged, out)


def paraphrase(
    runs: Runs = None,
    data: Data = None,
    model: Model = None,
    split: Split = "val",
    sets: Sets = None,
    skip_damaged: Skip = False,
    out: Out = None,
):
    """Measure the standard deviation of scores over prompts of the same meaning."""
    from mindaam.evaluation.studies import paraphrases as studied

    _study(studied, runs, data, model, split, sets, skip_damaged, out)


def granularity(
    runs: Runs = None,
    data: Data = None,
    model: Model = None,
    split: Split = "val",
    sets: Sets = None,
    skip_damaged: Skip = False,
    out: Out = None,
):
    """Compare prompts from general (G1) to detailed (G4)."""
    from mindaam.data.prompts.corpus import GRANULARITIES
    from mindaam.evaluation.studies import granularity as studied

    _study(studied, runs, data, model, split, sets, skip_damaged, out, GRANULARITIES)


def zero_shot(
    runs: Runs = None,
    data: Data = None,
    model: Model = None,
    split: Split = "val",
    sets: Sets = None,
    skip_damaged: Skip = False,
    out: Out = None,
):
    """Score a model on datasets that it was not trained on, which --set names, with and without their prompts."""
    from mindaam.errors import ConfigError
    from mindaam.evaluation.studies import zero_shot as studied

    if data is not None and not sets:
        raise ConfigError("zero-shot scores datasets that the model was not trained on; name them with --set")
    _study(studied, runs, data, model, split, sets, skip_damaged, out)


def _study(studied, runs, data, model, split, sets, skip_damaged, out, granularities=()):
    """Prints the study of a module of `evaluation.studies`, and writes it into a folder."""
    from mindaam.errors import ConfigError
    from mindaam.evaluation import results
    from mindaam.evaluation.studies import study

    if bool(runs) == (data is not None):
        raise ConfigError("a study needs either folders of mindaam evaluate or --data, one of the two")
    batch = Batch() if skip_damaged else None
    if runs:
        evaluations = [results.load(run) for run in runs]
        for run, evaluation in zip(runs, evaluations, strict=True):
            if not evaluation.settings.get("finished"):
                print_message(f"the evaluation in {run} is unfinished; the study shows the rows so far")
    else:
        evaluations = [_evaluated(studied.REQUESTS, data, model, split, sets, out, granularities, batch)]
    found = studied.study(evaluations)
    print_lines(found.markdown())
    for path in study.write(found, out) if out is not None else ():
        print_line(f"study: {path}")
    raise Exit(batch.code if batch else 0)


def _evaluated(requests, data, model, split, sets, out, granularities, batch):
    """The Evaluation of a model with the requested prompts; with a folder it is in evaluation/ and resumed."""
    from mindaam import runtime
    from mindaam.cli.evaluate import evaluated, plan_of, readers_of
    from mindaam.evaluation.studies.study import METRICS

    plan = plan_of("paper", ",".join(METRICS), requests, granularities, "auto", prompted=True)
    readers = readers_of(data, split, sets, batch is not None, "paper")
    runtime.configure(mode="graph")
    folder = None if out is None else out / "evaluation"
    return evaluated(readers, model, None, plan, folder, True, batch)[2]
