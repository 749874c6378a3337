"""`mindaam zoo`: lists, verifies, downloads and locates weights."""

import textwrap
from typing import Annotated

from typer import Argument, Exit, Option, Typer

from mindaam.cli.common.batches import Batch
from mindaam.cli.common.completion import entries
from mindaam.cli.common.help_pages import Command, Group
from mindaam.cli.common.terminal import print_table, transfer_line
from mindaam.streams import print_line, print_lines, print_message

NAME = "A name from mindaam zoo list."
NAMES = NAME + " Default: all installed files."
ENTRY = "Show all details of this entry."
HASH = "Expected SHA-256; recorded for later."
ACCEPT = "Trust the file without a known hash, and record its hash."
URL = "An https address, if the zoo has none."
MIRROR = "An https address to try first; repeatable ($MINDAAM_MIRRORS)."
OFFLINE = "Do not use the network ($MINDAAM_OFFLINE)."
WIDTH = 80

zoo_app = Typer(name="zoo", cls=Group, help="List, verify and download weights.", no_args_is_help=True)


@zoo_app.command("list", cls=Command)
def list_files(name: Annotated[str | None, Argument(metavar="NAME", autocompletion=entries, help=ENTRY)] = None):
    """List all entries, or show the details of one."""
    from mindaam.zoo import listing

    if name is None:
        print_table([listing.Row._fields, *listing.rows()])
        return
    for label, text in [("name", name), *listing.card(name)]:
        first = f"{label + ':':10}" if label else " " * 10
        # addresses, paths and hashes are not broken, for copying
        lines = textwrap.wrap(text, WIDTH - 10, break_long_words=False, break_on_hyphens=False) or [""]
        print_lines(("\n" + " " * 10).join([first + lines[0], *lines[1:]]))


@zoo_app.command(cls=Command)
def verify(
    names: Annotated[list[str] | None, Argument(metavar="NAME", autocompletion=entries, help=NAMES)] = None,
    sha256: Annotated[str | None, Option(metavar="HASH", help=HASH)] = None,
    accept: Annotated[bool, Option("--accept", help=ACCEPT)] = False,
):
    """Verify files against their hashes, or record the hash to trust."""
    from mindaam.errors import ConfigError
    from mindaam.zoo import index

    if sha256 or accept:
        if not names or len(names) != 1:
            raise ConfigError("--sha256 and --accept are for one file; give its NAME")
        for path, found in index.trust(names[0], sha256).items():
            print_line(f"{path}: pinned, SHA-256 {found}")
        return
    good, whole, batch = 0, 0, Batch()
    wanted = names or list(index.records())
    for name in wanted:
        with batch.item(name):
            paths = [index.verified(name)] if names else index.verified_if_here(name)
            for path in paths:
                print_line(f"{name}: verified, {path}")
            good += len(paths)
            whole += 1
    if not names:
        bad = len(wanted) - whole
        print_line(f"{good} file{'s' if good != 1 else ''} verified" + (f", {bad} failed" if bad else ""))
    raise Exit(batch.code)


@zoo_app.command(cls=Command)
def fetch(
    name: Annotated[str, Argument(metavar="NAME", autocompletion=entries, help=NAME)],
    url: Annotated[str | None, Option(metavar="ADDRESS", help=URL)] = None,
    sha256: Annotated[str | None, Option(metavar="HASH", help=HASH)] = None,
    accept: Annotated[bool, Option("--accept", help=ACCEPT)] = False,
    mirror: Annotated[list[str] | None, Option(metavar="ADDRESS", help=MIRROR)] = None,
    offline: Annotated[bool, Option("--offline", help=OFFLINE)] = False,
):
    """Download a file over https; an interrupted download is resumed."""
    from mindaam.zoo.fetching import fetch as fetching

    with transfer_line(name) as report:
        done = fetching.fetch(
            name,
            url=url,
            sha256=sha256,
            accept=accept,
            mirrors=mirror or None,
            offline=offline or None,
            report=report,
            notice=print_message,
        )
    print_line(f"{done.path}: verified, SHA-256 {done.sha256}")
    if done.convert:
        print_line(f"next: {done.convert}")
        print_line(f"then: mindaam zoo verify {name} --accept")


@zoo_app.command(cls=Command)
def path(name: Annotated[str, Argument(metavar="NAME", autocompletion=entries, help=NAME)]):
    """Print the path of a file after verification."""
    from mindaam.zoo import index

    print_line(index.verified(name))
