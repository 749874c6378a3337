"""`mindaam analyze`: reports on evaluations and training runs, and the tables of the AAM paper beside them."""

import typer

from mindaam.cli.analyze import ablation, cost, hierarchy, prompt_effect, report, steering, studies, table
from mindaam.cli.common.help_pages import Command, Group

HELP = "Report on evaluations and runs, beside the AAM paper's tables."

analyze_app = typer.Typer(cls=Group, no_args_is_help=True, help=HELP)
for command in (report.report, table.table, ablation.ablation, hierarchy.hierarchy, prompt_effect.prompt_effect):
    analyze_app.command(cls=Command)(command)
analyze_app.command(cls=Command)(cost.cost)
analyze_app.command(cls=Command)(steering.steering)
for command in (studies.condition_swap, studies.paraphrase, studies.granularity, studies.zero_shot):
    analyze_app.command(cls=Command)(command)
