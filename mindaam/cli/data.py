"""`mindaam data`: what lies in a folder of data sets, their sentences, packing them, and importing one's own."""

import typer

from mindaam.cli import data_check, data_import, data_pack, data_prompts

data_app = typer.Typer(no_args_is_help=True, help="Data sets: check, print their sentences, pack, import your own.")
for command in (data_check.check, data_prompts.prompts, data_pack.pack, data_import.import_gaze):
    data_app.command(name=command.__name__.removesuffix("_gaze"))(command)
