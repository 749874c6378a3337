"""The `mindaam` command: its subcommands, and their common error handling.

An error that the user can correct is one sentence on stderr and exit code 2; a bug keeps its traceback. Commands import
the packages that they use when they run, so that `mindaam --help` is fast.
"""

import os
import signal
import sys
from typing import Annotated

import typer

from mindaam import graphs
from mindaam.cli import compare, conditions, convert, evaluate, export, predict, train
from mindaam.cli.analyze import analyze_app
from mindaam.cli.cache import cache_app
from mindaam.cli.common.help_pages import Command, Group
from mindaam.cli.common.terminal import print_notices
from mindaam.cli.data import data_app
from mindaam.cli.zoo import zoo_app
from mindaam.errors import ConfigError, MindAAMError
from mindaam.runtime import quieten
from mindaam.streams import guard, print_line, print_message, settle

MISUSE = 2  # exit code of errors that the user can correct
STOPPED = 130  # exit code after Ctrl-C, as in shells

app = typer.Typer(name="mindaam", cls=Group, no_args_is_help=True, pretty_exceptions_enable=False)
COMMANDS = (
    predict.predict, compare.compare, conditions.conditions, train.train, evaluate.evaluate, convert.convert,
    export.export,
)  # fmt: skip
for command in COMMANDS:
    app.command(cls=Command)(command)
app.add_typer(analyze_app, name="analyze")
app.add_typer(cache_app, name="cache")
app.add_typer(data_app, name="data")
app.add_typer(zoo_app, name="zoo")


def _version(asked: bool):
    if asked:
        from mindaam import __version__

        print_line(f"mindaam {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
):
    """Predict where people look in images and videos, given a prompt that describes the viewer and the task."""


def run(arguments=None):
    """Runs the command line `arguments` (None: sys.argv) and returns the exit code."""
    try:
        _require_folder()
        with print_notices():
            code = app(args=arguments, prog_name="mindaam", standalone_mode=False) or 0
    except MindAAMError as error:
        print_message(error)
        return MISUSE
    except MemoryError:
        print_message("the command ran out of memory; process less at once, or free some memory")
        return MISUSE
    except (KeyboardInterrupt, typer.Abort):  # older typer versions; newer ones return the code
        code = STOPPED
    except Exception as error:
        # Usage errors of typer, which includes its own copy of click or uses the installed one, depending on its
        # version.
        if not hasattr(error, "format_message"):
            raise
        print_message(error.format_message())  # empty if the help was printed instead
        return MISUSE
    if code == STOPPED:
        print_message("stopped")
    return code


def _require_folder():
    """ConfigError if the working directory no longer exists, where paths cannot be resolved and MindSpore aborts."""
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError("the working directory no longer exists; change to another one") from error


def _stop_as_by_ctrl_c():
    """Makes SIGTERM, and SIGHUP of a closed terminal, stop a command like Ctrl-C: with complete files of the work done
    and no temporary files. A SIGHUP that is ignored, as under nohup, stays ignored."""
    # MindSpore reacts to Ctrl-C with SIGTERM while it compiles: without this, the process would die immediately, with
    # the cursor of the terminal hidden and an empty output folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _hung_up)


def _hung_up(number, frame):
    signal.signal(number, signal.SIG_IGN)  # the shell and the system may both send one; the second is ignored
    signal.default_int_handler(number, frame)


def main():
    """The console script."""
    guard()
    for line in quieten():
        print_message(line)
    _stop_as_by_ctrl_c()
    code = settle(run())
    if code == STOPPED or "mindaam.training" not in sys.modules:
        # An interrupted import or compilation of MindSpore crashes when the interpreter exits, and a normal end takes
        # half a second. Training may have writers that finish at a normal one.
        graphs.clear()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
