"""`mindaam analyze report`: one page on all evaluations and training runs below some folders."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option

from mindaam.cli.common.batches import Batch
from mindaam.streams import print_line

FOLDERS = "Output folders of mindaam evaluate and mindaam train, or folders above them."


def report(
    folders: Annotated[list[Path], Argument(metavar="FOLDER...", help=FOLDERS)],
    out: Annotated[Path, Option("-o", "--out", metavar="FILE", help="The page to write.")] = Path("report.html"),
):
    """Write one printable HTML page on all evaluations and training runs below folders."""
    from mindaam.evaluation.pages import analysis

    batch = Batch()
    for problem in analysis.write(folders, out):
        batch.problem(problem)
    print_line(f"report: {out}")
    raise Exit(batch.code)
