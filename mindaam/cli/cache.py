"""`mindaam cache`: the contents of the user's cache, and the removal of those that can be computed again."""

import os
from pathlib import Path

from typer import Typer

from mindaam.cli.common.help_pages import Command, Group
from mindaam.errors import OutputError
from mindaam.places import user_cache
from mindaam.streams import print_line

DERIVED = ("graphs", "timelines")  # folders of the cache whose files are computed again when needed
OTHERS = "others"  # downloaded weights, the hashes that the user trusts

HELP = "List and clear the user's cache ($MINDAAM_CACHE)."

cache_app = Typer(name="cache", cls=Group, help=HELP, no_args_is_help=True)


@cache_app.command("list", cls=Command)
def list_files():
    """List the folders of the cache and their sizes: compiled graphs, timelines of videos, and others."""
    print_line(f"cache: {user_cache()}")
    for name, files in _contents().items():
        print_line(f"{name}: {_amount(files)}")


@cache_app.command(cls=Command)
def clear():
    """Remove compiled graphs and timelines of videos. Both are computed again when needed; downloaded weights stay."""
    found = _contents()
    for name in DERIVED:
        for path in found[name]:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(f"cannot remove {path}: {error.strerror or error}; change its permissions") from error
        print_line(f"{name}: {_amount(found[name])} removed")


def _contents():
    """{folder: {path: bytes} of its files}, those of DERIVED first; all other files are under OTHERS."""
    root, found = user_cache(), {name: {} for name in (*DERIVED, OTHERS)}
    for folder, _, names in os.walk(root):
        first = Path(folder).relative_to(root).parts[:1]
        files = found[first[0] if first and first[0] in DERIVED else OTHERS]
        for path in (Path(folder, name) for name in names):
            files[path] = path.lstat().st_size if os.path.lexists(path) else 0
    return found


def _amount(files):
    size = sum(files.values()) / 1e6
    return f"{len(files)} file{'' if len(files) == 1 else 's'}, {size:.1f} MB"
