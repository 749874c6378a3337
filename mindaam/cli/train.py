"""`mindaam train`: one training run from a YAML configuration."""

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.streams import print_line, print_lines, print_message

FINE_TUNING = "finetune"  # the bundled configuration used with --from
CONFIG = "A bundled configuration, such as corpus, or a YAML file; optional with --from."


def train(
    config: Annotated[str | None, Argument(metavar="CONFIG", help=CONFIG)] = None,
    overrides: Annotated[list[str] | None, Argument(metavar="KEY=VALUE", help="Values that override CONFIG.")] = None,
    out: Annotated[Path | None, Option("-o", "--out", metavar="DIR", help="Folder of the run (runs/NAME).")] = None,
    tiny: Annotated[bool, Option("--tiny", help="Reduce everything to a smoke test of two minutes.")] = False,
    resume: Annotated[bool, Option("--resume", help="Continue the run in DIR, bit for bit.")] = False,
    allow_changes: Annotated[bool, Option("--allow-changes", help="Resume with a changed configuration.")] = False,
    skip_damaged: Annotated[bool, Option("--skip-damaged", help="Skip and list damaged files of datasets.")] = False,
    start: Annotated[
        str | None, Option("--from", metavar="NAME|PATH", help="Fine-tune this model, with finetune or CONFIG.")
    ] = None,
    data: Annotated[Path | None, Option("--data", metavar="DIR", help="Data folder, same as data_root=DIR.")] = None,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Print configuration, parameters, memory and operations, and exit.")
    ] = False,
):
    """Train a model on gaze folders or on all datasets together, or run an experiment."""
    from mindaam.errors import ConfigError
    from mindaam.schema import read_yaml

    config, changes = _chosen(config, list(overrides or ()), start, data)
    keys, options = read_yaml(config), {"tiny": tiny, "out": out, "resume": resume}
    if "corpus" in keys:
        _on_corpus(config, changes, options, dry_run, skip_damaged=skip_damaged, allow_changes=allow_changes)
        return
    for asked, flag in ((skip_damaged, "--skip-damaged"), (allow_changes, "--allow-changes")):
        if asked:
            raise ConfigError(f"{flag} applies to configurations with a corpus section, such as corpus; remove it")
    run = _kind(keys)
    if dry_run:
        print_lines(run.dry_run(config, changes, tiny=tiny))
        return
    trained = run.train(config, changes, **options)
    if "films" in keys:
        from mindaam.evaluation.synthetic_video_scores import report

        for line in report(trained):
            print_line(line)


def _kind(keys):
    """The task module of a configuration without a corpus section."""
    if "films" in keys:
        from mindaam.training.tasks import synthetic_videos as run
    elif "clips" in keys:
        from mindaam.training.tasks import sounding_object as run
    else:
        from mindaam.training.tasks import phases as run
    return run


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


def _on_corpus(config, changes, options, dry_run, **more):
    """A run on images and videos, with a report at the end; with `dry_run`, its description."""
    from mindaam.training import run

    if dry_run:
        print_lines(run.dry_run(config, changes, tiny=options["tiny"], say=print_message))
        return
    trained = run.train(config, changes, **options, **more)
    if trained.finished and trained.run.world.is_first:
        _report(trained)


def _report(trained):
    """Writes report.html with some held-out images; if that fails, the training is still complete."""
    from mindaam.errors import MindAAMError
    from mindaam.evaluation.run_report import write_report
    from mindaam.training.tasks.corpus_scores import samples

    try:
        print_line(f"report: {write_report(trained.folder, samples(trained.run))}")
    except MindAAMError as error:
        print_message(error)
