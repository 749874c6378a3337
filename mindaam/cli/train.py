"""`mindaam train`: one training run from a YAML configuration."""

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.streams import print_line, print_lines, print_message

FINE_TUNING = "finetune"  # the bundled configuration for --from
CONFIG = "The name of a bundled configuration, as corpus, or a YAML file; not needed with --from."


def train(
    config: Annotated[str | None, Argument(metavar="CONFIG", help=CONFIG)] = None,
    overrides: Annotated[list[str] | None, Argument(metavar="KEY=VALUE", help="Changes to CONFIG.")] = None,
    out: Annotated[Path | None, Option("-o", "--out", metavar="DIR", help="The run's folder (runs/NAME).")] = None,
    tiny: Annotated[bool, Option("--tiny", help="Shrink everything to a smoke run of two minutes.")] = False,
    resume: Annotated[bool, Option("--resume", help="Go on exactly where the run in DIR stopped.")] = False,
    allow_changes: Annotated[bool, Option("--allow-changes", help="Resume under a changed configuration.")] = False,
    skip_damaged: Annotated[
        bool, Option("--skip-damaged", help="Of data sets, leave out damaged files, and list them.")
    ] = False,
    start: Annotated[
        str | None, Option("--from", metavar="NAME|PATH", help="Fine-tune this model, by finetune or CONFIG.")
    ] = None,
    data: Annotated[Path | None, Option("--data", metavar="DIR", help="The folder of data, as data_root=DIR.")] = None,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Show configuration, parameters, memory and operations, and stop.")
    ] = False,
):
    """Train a model on gaze folders or on all data sets together, or run an experiment."""
    from mindaam.errors import ConfigError
    from mindaam.schema import read_yaml

    config, changes = _chosen(config, list(overrides or ()), start, data)
    keys, options = read_yaml(config), {"tiny": tiny, "out": out, "resume": resume}
    if "corpus" in keys:
        _on_corpus(config, changes, options, dry_run, skip_damaged=skip_damaged, allow_changes=allow_changes)
        return
    for asked, flag in ((skip_damaged, "--skip-damaged"), (allow_changes, "--allow-changes")):
        if asked:
            raise ConfigError(f"{flag} is for configurations with a corpus section, as corpus; leave it out")
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
    """The module of the run that a configuration without a corpus section describes."""
    if "films" in keys:
        from mindaam.training.tasks import synthetic_videos as run
    elif "clips" in keys:
        from mindaam.training.tasks import sounding_object as run
    else:
        from mindaam.training.tasks import phases as run
    return run


def _chosen(config, changes, start, data):
    """The configuration's path and the changes to it: with --from, the recipe of fine-tuning."""
    from mindaam.errors import ConfigError
    from mindaam.places import recipe, recipes

    if start is not None and config is not None and "=" in config:  # there is no CONFIG: this is a KEY=VALUE
        config, changes = None, [config, *changes]
    if config is None and start is None:
        raise ConfigError(f"which training? give --from MODEL, a YAML file, or one of {', '.join(recipes())}")
    config = recipe(config or FINE_TUNING)
    if start is not None:
        changes = [f"start={_quoted(start)}", *changes]
    return config, [f"data_root={_quoted(data)}", *changes] if data is not None else changes


def _quoted(text):
    """Text as a YAML value, whatever is in it: a folder may be called 2024, or have a "#" in its name."""
    return json.dumps(str(text), ensure_ascii=False)


def _on_corpus(config, changes, options, dry_run, **more):
    """A run on pictures and films, with its report at the end; or what it would be, with `dry_run`."""
    from mindaam.training import run

    if dry_run:
        print_lines(run.dry_run(config, changes, tiny=options["tiny"], say=print_message))
        return
    trained = run.train(config, changes, **options, **more)
    if trained.finished and trained.run.world.is_first:
        _report(trained)


def _report(trained):
    """Draws report.html, with some held-out pictures; a report that cannot be drawn does not undo a training."""
    from mindaam.errors import MindAAMError
    from mindaam.evaluation.run_report import write_report
    from mindaam.training.tasks.corpus_scores import samples

    try:
        print_line(f"report: {write_report(trained.folder, samples(trained.run))}")
    except MindAAMError as error:
        print_message(error)
