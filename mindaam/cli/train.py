"""`mindaam train`: one training run from a YAML configuration."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.cli.terminal import tell


def train(
    config: Annotated[Path, Argument(metavar="CONFIG", help="YAML, as configs/train/aam_dinov2_vits14.yaml.")],
    overrides: Annotated[list[str] | None, Argument(metavar="KEY=VALUE", help="Changes to CONFIG.")] = None,
    out: Annotated[Path | None, Option("-o", "--out", metavar="DIR", help="The run's folder (runs/NAME).")] = None,
    tiny: Annotated[bool, Option("--tiny", help="Shrink everything to a smoke run of two minutes.")] = False,
    resume: Annotated[bool, Option("--resume", help="Go on exactly where the run in DIR stopped.")] = False,
    skip_damaged: Annotated[
        bool, Option("--skip-damaged", help="Of data sets, leave out damaged files, and list them.")
    ] = False,
):
    """Train a model on gaze folders or on all data sets together, or run an experiment of configs/experiments."""
    from mindaam.schema import read_yaml

    changes, keys = list(overrides or ()), read_yaml(config)
    options = {"tiny": tiny, "out": out, "resume": resume}
    if "films" in keys:
        from mindaam.evaluation.film_scores import report
        from mindaam.training import film_run

        for line in report(film_run.train(config, changes, **options)):
            tell(line)
        return
    if "corpus" in keys:
        from mindaam.training import corpus_run

        corpus_run.train(config, changes, **options, skip_damaged=skip_damaged)
        return
    if "clips" in keys:
        from mindaam.training import sounding_object as run
    else:
        from mindaam.training import run
    run.train(config, changes, **options)
