"""`mindaam analyze report`: one page on all evaluations and training runs below some folders."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.streams import print_line, print_message

FOLDERS = "Output folders of mindaam evaluate and mindaam train, or folders above them."


def report(
    folders: Annotated[list[Path], Argument(metavar="FOLDER...", help=FOLDERS)],
    out: Annotated[Path, Option("-o", "--out", metavar="FILE", help="The page to write.")] = Path("report.html"),
):
    """Write one printable HTML page on all evaluations and training runs below folders."""
    from mindaam.evaluation.pages import analysis

    for problem in analysis.write(folders, out):
        print_message(problem)
    print_line(f"report: {out}")
