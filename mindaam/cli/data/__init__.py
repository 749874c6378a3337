"""`mindaam data`: checks datasets, prints their prompts, packs them, embeds their audio, and imports recordings."""

import typer

from mindaam.cli.common.help_pages import Command, Group
from mindaam.cli.data import check, embed, importing, pack, prompts

HELP = "Check, pack and import datasets, and print their prompts."

data_app = typer.Typer(cls=Group, no_args_is_help=True, help=HELP)
for command in (check.check, prompts.prompts, pack.pack, embed.embed, importing.import_gaze):
    data_app.command(name=command.__name__.removesuffix("_gaze"), cls=Command)(command)
