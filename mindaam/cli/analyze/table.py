"""`mindaam analyze table`: a table of the AAM paper, with measured values below the published ones."""

from pathlib import Path
from typing import Annotated

from typer import Argument

from mindaam.streams import print_lines

NUMBER = "1 to 4 or 13 to 22, with 18a, 18b and 18c."
RUNS = (
    "Output folders of mindaam evaluate -o. Tables 13 and 14 need the row that a folder belongs to: 'Single "
    "Training=DIR'."
)


def table(
    number: Annotated[str, Argument(metavar="NUMBER", help=NUMBER)],
    runs: Annotated[list[str] | None, Argument(metavar="[ROW=]DIR...", help=RUNS)] = None,
):
    """Print a table of the AAM paper as Markdown, with measured values or "not run" below the published ones."""
    from mindaam.evaluation import published, results
    from mindaam.evaluation.markdown_text import section

    named = [_row_and_folder(run) for run in runs or ()]
    evaluations = [results.load(folder) for _, folder in named]
    print_lines(section(published.table(number, evaluations, [row for row, _ in named])))


def _row_and_folder(text):
    """("Single Training", "DIR") of "Single Training=DIR"; "" without a row, and for a folder with "=" in its name."""
    row, equals, folder = text.partition("=")
    return (row, folder) if equals and not Path(text).is_dir() else ("", text)
