"""`mindaam analyze`: what has been evaluated, beside the figures of the AAM paper."""

import typer

from mindaam.cli import analyze_table

analyze_app = typer.Typer(no_args_is_help=True, help="Fill tables of the AAM paper with what has been evaluated.")
analyze_app.command()(analyze_table.table)


@analyze_app.callback()
def group():
    """Fill tables of the AAM paper with what has been evaluated."""  # a group of one command needs a callback
