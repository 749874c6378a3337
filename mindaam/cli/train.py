"""`mindaam train`: one training run from a YAML configuration."""

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.cli.common.completion import models, recipes
from mindaam.streams import print_line, print_lines, print_message

FINE_TUNING = "finetune"  # the bundled configuration used with --from
FROM = "Fine-tune this model, with finetune or CONFIG."
CONFIG = "A bundled configuration, such as corpus, or a YAML file; optional with --from."


def train(
    config: Annotated[str | None, Argument(metavar="CONFIG", autocompletion=recipes, help=CONFIG)] = None,
    overrides: Annotated[list[str] | None, Argument(metavar="KEY=VALUE", help="Values that override CONFIG.")] = None,
    out: Annotated[Path | None, Option("-o", "--out", metavar="DIR", help="Folder of the run (runs/NAME).")] = None,
    tiny: Annotated[bool, Option("--tiny", help="Reduce everything to a smoke test of two minutes.")] = False,
    resume: Annotated[bool, Option("--resume", help="Continue the run in DIR, bit for bit.")] = False,
    allow_changes: Annotated[bool, Option("--allow-changes", help="Resume with a changed configuration.")] = False,
    skip_damaged: Annotated[bool, Option("--skip-damaged", help="Skip and list damaged files of datasets.")] = False,
    start: Annotated[
        str | None, Option("--from", metavar="NAME|PATH", autocompletion=models, help=FROM)
    ] = None,
    data: Annotated[Path | None, Option("--data", metavar="DIR", help="Data folder, same as data_root=DIR.")] = None,
    mindformers: Annotated[
        bool, Option("--mindformers", help="Train with MindFormers; CONFIG is like configs/mindformers/*.yaml.")
    ] = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Print configuration, parameters, memory and operations, and exit.")
    ] = False,
):
    """Train a model on gaze folders or on all datasets together, or run an experiment."""
    from mindaam.errors import ConfigError
    from mindaam.schema import read_yaml
    from mindaam.training import run

    config, changes = _chosen(config, list(overrides or ()), start, data)
    if mindformers:
        if any((tiny, resume, allow_changes, skip_damaged, start, dry_run)):
            raise ConfigError("--mindformers takes CONFIG, KEY=VALUE, --data and --out only; remove the other options")
        from mindaam.training import mindformers as bridge

        bridge.launch(config, changes=changes, out=out)
        return
    if skip_damaged and "corpus" not in read_yaml(config):
        raise ConfigError("--skip-damaged applies to configurations with a corpus section, such as corpus; remove it")
    if dry_run:
        print_lines(run.dry_run(config, changes, tiny=tiny, say=print_message))
        return
    from mindaam.evaluation.validation import SCORER
    from mindaam.training.ranks import distributed

    trained = run.train(
        config, changes, tiny=tiny, out=out, resume=resume, skip_damaged=skip_damaged, allow_changes=allow_changes,
        scorer=SCORER,
    )  # fmt: skip
    if trained.finished and trained.world.is_first:
        _conclude(trained)
        if start is not None and trained.task.config.TASK == "corpus":
            _compare(trained)
    distributed.leave(trained.world)


def _chosen(config, changes, start, data):
    """Path of the configuration and the overrides; with --from, the recipe for fine-tuning."""
    from mindaam.errors import ConfigError
    from mindaam.places import recipe, recipes

    if start is not None and config is not None and "=" in config:  # without CONFIG this is a KEY=VALUE
        config, changes = None, [config, *changes]
    if config is None and start is None:
        raise ConfigError(f"no configuration given; give --from MODEL, a YAML file, or one of {', '.join(recipes())}")
    config = recipe(config or FINE_TUNING)
    if start is not None:
        changes = [f"start={_quoted(start)}", *changes]
    return config, [f"data_root={_quoted(data)}", *changes] if data is not None else changes


def _quoted(text):
    """Text as a quoted YAML value: the name of a folder may be 2024, or contain "#"."""
    return json.dumps(str(text), ensure_ascii=False)


def _conclude(trained):
    """What follows a whole run: the corpus's report.html with some held-out images, or scores on synthetic videos. A
    report that cannot be written does not undo a training."""
    from mindaam.errors import MindAAMError

    task = trained.task
    if task.config.TASK == "corpus":
        from mindaam.evaluation.pages.run_report import write_report
        from mindaam.training.tasks.corpus_scores import samples

        try:
            print_line(f"report: {write_report(trained.folder, samples(task))}")
        except MindAAMError as error:
            print_message(error)
    if task.config.TASK == "synthetic_videos":
        from mindaam.evaluation.synthetic_video_scores import report

        for line in report(trained.folder, task.model, task.held):
            print_line(line)


def _compare(trained):
    """Prints the scores of the model that the run started from beside those of its best one, and stores them. What
    fails here does not undo a training."""
    from mindaam.cli.common.terminal import progress
    from mindaam.errors import MindAAMError
    from mindaam.evaluation import fine_tuning

    task, start = trained.task, trained.task.config.start
    if start is None or not task.held_out:  # a smoke test starts from random weights
        return
    total = sum(len(fine_tuning.entries(task, reader)) for reader in task.held_out.values())
    try:
        with progress(total, "scoring the start and the result") as shown:
            found = fine_tuning.compare(trained, start, shown)
        for line in fine_tuning.lines(found):
            print_line(line)
        print_line(f"stored: {fine_tuning.write(found, trained, start)}")
    except MindAAMError as error:
        print_message(error)
