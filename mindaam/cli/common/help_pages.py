"""The pages of `--help`: options in panels, examples below them, and the conditions for `predict`.

Only the pages depend on this module: what an option is named here or not changes no command.
"""

from typer.core import TyperCommand, TyperGroup

# {command: {title of a panel: its options}}; other options are in the panel "Options".
PANELS = {
    "predict": {
        "Overlays": ("--style", "--opacity", "--legend"),
        "Numbers": ("--regions", "--report"),
        "Views of images": ("--tiles", "--tta"),
        "Videos": ("--start", "--end", "--every", "--fps"),
        "Audio of videos": ("--audio", "--audio-track", "--plot-gate"),
    },
    "train": {
        "Fine-tuning": ("--from", "--data"),
        "Continuing a run": ("--resume", "--allow-changes"),
        "Before a long run": ("--dry-run", "--tiny", "--skip-damaged"),
    },
    "evaluate": {
        "Data": ("--data", "--split", "--set", "--skip-damaged"),
        "Prompts": ("--prompts", "--granularity"),
        "Results": ("--out", "--resume", "--save"),
    },
    "data import": {
        "Table": ("--columns", "--fractions", "--origin", "--samples", "--px-per-degree"),
        "Prompts": ("--condition", "--prompt"),
    },
    "zoo fetch": {
        "Trust": ("--sha256", "--accept"),
        "Network": ("--url", "--mirror", "--offline"),
    },
}

# {command: lines of at most 76 characters}; tests/cli/common/test_help_pages.py parses each of them.
EXAMPLES = {
    "": (
        "mindaam predict photo.jpg -o maps",
        "mindaam compare a.png b.png -o out",
        "mindaam data import images gaze.csv -o gaze/mine",
        "mindaam train --from aam_dinov2_vits14 --data gaze/mine",
        "mindaam evaluate --data gaze/mine --model runs/finetune",
    ),
    "predict": (
        "mindaam predict photo.jpg holiday/ -o maps",
        'mindaam predict page.png -o maps --prompt "Someone looks for a button."',
        "mindaam predict photo.jpg -o maps --condition count_people",
        "mindaam predict video.mp4 -o maps --start 60 --end 90 --fps 5",
        "mindaam predict page.png -o numbers --regions boxes.json --report",
        "mindaam predict pairs.csv -o maps",
    ),
    "compare": (
        "mindaam compare a.png b.png --regions boxes.json",
        "mindaam compare a.png b.png --regions a.json --regions b.json -o compared",
    ),
    "conditions": ("mindaam conditions", "mindaam conditions --model runs/mine"),
    "train": (
        "mindaam train --from aam_dinov2_vits14 --data gaze/mine",
        "mindaam train aam_dinov2_vits14 data_root=FOLDER --tiny",
        "mindaam train corpus data_root=PACKS -o runs/mine epochs=10",
        "mindaam train corpus data_root=PACKS -o runs/mine --resume",
    ),
    "evaluate": (
        "mindaam evaluate --data FOLDER -o out",
        "mindaam evaluate --data FOLDER --model runs/mine --prompts wrong -o out",
        "mindaam evaluate --data FOLDER --set osie --maps MAPS --protocol mit",
    ),
    "export": (
        "mindaam export aam_dinov2_vits14 -o aam.mindir",
        "mindaam export runs/mine -o aam.mindir --size 336x448 --batch 4",
    ),
    "convert": ("mindaam convert --kind dinov3 dinov3_vitl16.pth dinov3_vitl16.safetensors",),
    "data import": (
        "mindaam data import images fixations.csv -o gaze/mine",
        "mindaam data import images gaze.csv -o gaze/mine --columns x=GazeX,y=GazeY",
    ),
    "data check": ("mindaam data check ROOT", "mindaam data check gaze/mine --deep"),
    "data pack": ("mindaam data pack ROOT PACKS --size 336",),
    "zoo fetch": ("mindaam zoo fetch wav2clip --accept",),
}


class Command(TyperCommand):
    """A command whose help page has panels and examples."""

    def format_help(self, ctx, formatter):
        """Prints the page."""
        _arrange(self, ctx)
        super().format_help(ctx, formatter)
        _add(_path(ctx))


class Group(TyperGroup):
    """A group of commands, whose help page has examples."""

    def format_help(self, ctx, formatter):
        """Prints the page."""
        _arrange(self, ctx)
        super().format_help(ctx, formatter)
        _add(_path(ctx))


def _path(ctx):
    """The command of a context as in PANELS: "data import", "" for the program."""
    return " ".join(ctx.command_path.split()[1:])


def _arrange(command, ctx):
    """Gives each option its panel. Flags and arguments are shown without a type such as <bool> or <list[Path]>."""
    titles = {name: title for title, names in PANELS.get(_path(ctx), {}).items() for name in names}
    for param in command.get_params(ctx):
        if getattr(param, "is_bool_flag", False) and param.metavar is None:
            param.metavar = ""
        if param.param_type_name == "argument":
            param.display_type_rich = _no_type
        for name in {*param.opts} & titles.keys():
            param.rich_help_panel = titles[name]


def _no_type(ctx):
    return None


def _add(path):
    """Prints the panels below the options."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    if path == "predict":
        console.print(_panel("Conditions", _conditions()))
    if path in EXAMPLES:
        console.print(_panel("Examples", Text("\n".join(EXAMPLES[path]), overflow="fold")))


def _panel(title, content):
    from rich.panel import Panel

    return Panel(content, title=title, title_align="left", border_style="dim")


def _conditions():
    """A table of the built-in viewing conditions and their prompts."""
    from rich.table import Table

    from mindaam.data.prompts import conditions, default_prompt

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name in conditions():
        table.add_row(name, default_prompt(name))
    return table
