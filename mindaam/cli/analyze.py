"""`mindaam analyze`: what has been run, compared and reported."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from mindaam.streams import print_line, print_message

analyze_app = typer.Typer(no_args_is_help=True, help="Report on evaluations and training runs.")
FOLDERS = "Folders of evaluations and training runs, or folders above them."


@analyze_app.callback()
def root():
    """Report on evaluations and training runs."""


@analyze_app.command()
def report(
    folders: Annotated[list[Path], Argument(metavar="FOLDER...", help=FOLDERS)],
    out: Annotated[Path, Option("-o", "--out", metavar="FILE", help="The page to write.")] = Path("report.html"),
):
    """Write one printable HTML page on all evaluations and training runs in folders."""
    from mindaam.evaluation.pages import analysis

    for problem in analysis.write(folders, out):
        print_message(problem)
    print_line(f"report: {out}")
