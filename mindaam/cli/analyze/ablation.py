"""`mindaam analyze ablation`: the ablations of the AAM paper, run on the data that exist."""

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option

from mindaam.streams import print_line, print_lines, print_message

LETTERS = "A (images), B (videos with audio), C (videos), D (backbones), E (temporal blocks), F (hyperbolic space)."
DATA = "Folder of the gaze folders and datasets ($MINDAAM_GAZE)."
STOPPED = 130  # exit code after a request to stop


def ablation(
    letters: Annotated[list[str], Argument(metavar="A|B|C|D|E|F...", help=LETTERS)],
    data: Annotated[Path | None, Option("--data", metavar="ROOT", help=DATA)] = None,
    out: Annotated[Path, Option("-o", "--out", metavar="DIR", help="Folder of runs, tables and caches.")] = Path(
        "runs/ablations"
    ),
    seeds: Annotated[int, Option("--seeds", min=1, max=100, metavar="N", help="Runs of each kind.")] = 3,
    tiny: Annotated[bool, Option("--tiny", help="Reduce every run to a smoke test.")] = False,
):
    """Train and score the rows of ablations, or continue; print what is missing for rows that cannot be run."""
    from mindaam.evaluation.ablations import report, rows, running
    from mindaam.evaluation.ablations.runs import Place
    from mindaam.evaluation.markdown_text import section

    chosen, known = rows.checked(letters), rows.ablations()
    root = data or os.environ.get("MINDAAM_GAZE")
    place = Place(Path(root) if root else None, out, tiny)
    command = shlex.join(["mindaam", *sys.argv[1:]])
    results, finished = running.run(known, chosen, place, seeds, command, print_message)
    for result in results:
        print_lines("\n\n".join(map(section, report.tables(result))))
        if any(kind == "official" for _, kind in result.not_run):
            lines = running.commands(known, result.letter, place, 1)
            training = [f"  {each}" for each in lines if each.startswith("mindaam train")]
            print_line("")
            print_line(f"with official datasets, scored by the commands in {out / result.letter}_official.sh:")
            print_lines("\n".join(training))
        print_line(f"report: {out / result.letter}.html, .md, .csv, .json")
    if not finished:
        print_message("stopped, as requested; the same command continues")
        raise Exit(STOPPED)
