"""`mindaam data`: checks datasets, prints their prompts, packs them, and imports recordings."""

import typer

from mindaam.cli import data_check, data_import, data_pack, data_prompts

data_app = typer.Typer(no_args_is_help=True, help="Check, pack and import datasets, and print their prompts.")
for command in (data_check.check, data_prompts.prompts, data_pack.pack, data_import.import_gaze):
    data_app.command(name=command.__name__.removesuffix("_gaze"))(command)
