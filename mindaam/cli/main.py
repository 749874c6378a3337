"""The `mindaam` command: its subcommands, and the one way in which all of them fail.

Whatever a user can mend is one sentence on stderr and exit code 2; a bug keeps its traceback. The commands import the
rooms that they use when they run, so that `mindaam --help` answers at once.
"""

import os
import signal
import sys
from typing import Annotated

import typer

from mindaam import graphs
from mindaam.cli import convert, evaluate, export, predict, train
from mindaam.cli.data import data_app
from mindaam.cli.terminal import print_notices
from mindaam.cli.zoo import zoo_app
from mindaam.errors import ConfigError, MindAAMError
from mindaam.runtime import quieten
from mindaam.streams import guard, print_line, print_message, settle

MISUSE = 2  # exit code of everything that a user can mend
STOPPED = 130  # exit code after Ctrl-C, as shells expect it

app = typer.Typer(name="mindaam", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
for command in (predict.predict, train.train, evaluate.evaluate, convert.convert, export.export):
    app.command()(command)
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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
):
    """Where people look in a photograph, given a sentence that says who is looking and why."""


def run(arguments=None):
    """Runs the command line `arguments` (None: those of the process) and returns the exit code."""
    try:
        _require_folder()
        with print_notices():
            code = app(args=arguments, prog_name="mindaam", standalone_mode=False) or 0
    except MindAAMError as error:
        print_message(error)
        return MISUSE
    except MemoryError:
        print_message("what was asked for does not fit into memory; ask for less at once, or free some memory")
        return MISUSE
    except (KeyboardInterrupt, typer.Abort):  # older releases of typer; newer ones return the code
        code = STOPPED
    except Exception as error:
        # Typer's usage errors; it brings its own copy of click or uses the installed one, depending on its version.
        if not hasattr(error, "format_message"):
            raise
        print_message(error.format_message())  # empty where the help was shown instead
        return MISUSE
    if code == STOPPED:
        print_message("stopped")
    return code


def _require_folder():
    """ConfigError where the folder in which the command runs is gone: names lead nowhere then, and MindSpore aborts."""
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError("the folder in which this runs is gone; change into one that is there") from error


def _stop_as_by_ctrl_c():
    """Has SIGTERM, and SIGHUP of a terminal that is closed, stop a command as Ctrl-C does: whole files of what was
    done, and nothing beside them. A SIGHUP that is ignored, as under nohup, stays ignored."""
    # MindSpore answers Ctrl-C with SIGTERM while it compiles: without this, the process would die on the spot, the
    # terminal's cursor hidden and an empty output folder left.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _hung_up)


def _hung_up(number, frame):
    signal.signal(number, signal.SIG_IGN)  # the shell and the system may both send one; the second breaks nothing off
    signal.default_int_handler(number, frame)


def main():
    """The console script."""
    guard()
    for line in quieten():
        print_message(line)
    _stop_as_by_ctrl_c()
    code = settle(run())
    if code == STOPPED:
        # An import or a compilation of MindSpore that was broken off crashes when the interpreter is taken down.
        graphs.clear()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
