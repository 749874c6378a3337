"""`mindaam data check`: the datasets in a folder, what is missing or damaged, and their licenses.

Exit code 0: everything found is complete and usable. 1: something is missing or damaged, or a requested dataset was not
found. 2: the command itself is invalid, for example because the folder does not exist.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option

from mindaam.cli.common.terminal import progress
from mindaam.files import prepare_folder, write_text
from mindaam.streams import plain, print_line, print_lines, print_message

UNSOUND = 1


def check(
    root: Annotated[Path, Argument(metavar="ROOT", help="The folder that contains the datasets.")],
    sets: Annotated[list[str] | None, Option("--set", metavar="NAME", help="Only this dataset; repeatable.")] = None,
    deep: Annotated[bool, Option("--deep", help="Open and decode every file, not a subset.")] = False,
    duplicates: Annotated[
        bool, Option("--duplicates", help="Find near-duplicate images across splits and datasets.")
    ] = False,
    save: Annotated[
        Path | None, Option(metavar="DIR", help="Save report.md, report.json and an image per dataset.")
    ] = None,
):
    """Report which datasets are complete, what is missing or damaged, and their licenses. Nothing is modified."""
    from mindaam.data.checks import leaks
    from mindaam.data.checks.checking import examine, to_open
    from mindaam.data.checks.own_checks import examine_own
    from mindaam.data.datasets.finding import GAZE, PACKED, PUBLISHED, find_data
    from mindaam.evaluation.corpus import report as corpus_report

    known = {each.name for kind in (GAZE, PACKED) for each in find_data(root, None, [kind])}
    records = _records(sets, known)
    published = find_data(root, sets or None, [PUBLISHED])
    found = [each.found for each in published]
    if save:
        prepare_folder(_outside(save, root))
    total = sum(to_open(each, deep) + duplicates * len(each.stimuli) for each in found)
    with progress(total, "checking") as bars:
        examined = {each.record.key: examine(each, deep=deep, progress=bars.step) for each in found}
        compared = leaks.compared(found, bars.step) if duplicates else None
    own = examine_own(root, sets or None, [each.name for each in published], deep=deep)
    report = corpus_report.gathered(root, _in_order(root, records, examined), compared, own, sets or ())
    _show(report)
    if corpus_report.is_empty(report):
        print_message(
            f"{root} contains no gaze folder, no pack and no published dataset; mindaam data import creates a gaze "
            "folder from images and a table of fixations"
        )
    if save:
        _keep(save, report, found)
    there = known | {each.name for each in published}
    if not corpus_report.is_complete(report) or set(sets or ()) - there:
        raise Exit(UNSOUND)


def _outside(save, root):
    """The folder to save in; ConfigError if it is inside the data folder, which is never modified."""
    from mindaam.errors import ConfigError
    from mindaam.files import lies_in

    if lies_in(save, root):
        raise ConfigError(f"{save} is inside {root}, which is never modified; save the report elsewhere")
    return save


def _records(sets, known):
    """The Records of the requested datasets (default: all) in the order of the catalogue; ConfigError for a name that
    is neither in the catalogue nor among the `known` gaze folders and packs."""
    from mindaam.data.datasets.catalogue import catalogue
    from mindaam.errors import unknown

    for name in sets or ():
        if name not in catalogue() and name not in known:
            raise unknown("dataset", name, [*known, *catalogue()])
    return [record for record in catalogue().values() if not sets or record.key in sets]


def _in_order(root, records, examined):
    """The reports of the datasets of these Records, including those that were not found."""
    from mindaam.data.checks.checking import absent
    from mindaam.data.datasets.published import named_folders

    folders = named_folders(root, records)
    return [examined.get(each.key) or absent(each, folders[each.key]) for each in records]


def _show(report):
    """Prints the report: formatted tables on a terminal, Markdown otherwise."""
    from mindaam.evaluation.corpus import report as corpus_report

    if not sys.stdout.isatty():
        print_lines(corpus_report.markdown(report))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    for table in corpus_report.tables(report):
        console.print(f"\n[bold]{escape(table.title)}[/bold]")
        if table.rows:
            grid = Table(*(escape(head) for head in table.head), show_lines=False)
            for row in table.rows:
                grid.add_row(*(_printable(cell) for cell in row))
            console.print(grid)
        for note in table.notes:
            console.print(f"  {_printable(note)}")


def _printable(text):
    from rich.markup import escape

    return escape(plain(text))


def _keep(save, report, found):
    """Writes report.json, report.md and one image per dataset."""
    from mindaam.data import media
    from mindaam.evaluation.corpus import images as corpus_images
    from mindaam.evaluation.corpus import report as corpus_report

    texts = {"report.json": json.dumps(report, indent=1) + "\n"}
    texts["report.md"] = corpus_report.markdown(report, whole=True)
    for name, text in texts.items():
        write_text(save / name, text)
    with progress(len(found), "rendering") as bars:
        for each in found:
            bars.step(each.record.title)
            sheet = corpus_images.sheet(each)
            if sheet is None:
                print_message(f"no image of {each.record.title} was saved: none of its gaze data could be read")
            else:
                media.write_jpeg(save / f"{each.record.key}.jpg", sheet)
    print_line(f"report: {save}")
