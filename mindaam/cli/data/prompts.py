"""`mindaam data prompts`: prints the prompts of each dataset of the corpus."""

import sys
from typing import Annotated

from typer import Argument, Option

from mindaam.streams import print_line, print_lines

SETS = "Datasets, such as salicon (default: all)."
GRANULARITY = "Only this granularity."
LEVEL = "Only datasets of this level of attention."
ALL = "Show paraphrases and the held-out prompt as well."
MARK = "*"
LEGEND = f"{MARK} main aspects of the level. wrong: the prompt of another dataset, for the condition swap."
LABEL = 11  # columns for the name of a line
DASH = f"{'-':>{LABEL - 2}}"  # the label of a paraphrase
WIDEST = 110  # columns of text
BEGINNINGS = ("G1", "G2", "G3", "G4", "wrong")  # labels after an empty line on a terminal
MEDIA = {"image": "images", "video": "videos", "audio_video": "videos with audio"}


def prompts(
    sets: Annotated[list[str] | None, Argument(metavar="SET", help=SETS)] = None,
    granularity: Annotated[str | None, Option(metavar="G1|G2|G3|G4", help=GRANULARITY)] = None,
    level: Annotated[str | None, Option(metavar="high|mid|low", help=LEVEL)] = None,
    everything: Annotated[bool, Option("--all", help=ALL)] = False,
    as_json: Annotated[bool, Option("--json", help="Print everything as JSON.")] = False,
):
    """Print the prompts for training on and evaluating datasets."""
    keys = _chosen(sets, level)
    granularities = _granularities(granularity)
    if as_json:
        import json

        print_lines(json.dumps({key: _described(key, granularities) for key in keys}, indent=1, ensure_ascii=False))
        return
    lay_out = _on_terminal if sys.stdout.isatty() else _plain
    lay_out([(_title(key), _lines(key, granularities, everything)) for key in keys])


def _chosen(sets, level):
    """Keys of the requested datasets, without repetition; ConfigError for an unknown one, or if none remains."""
    from mindaam.data.prompts import corpus
    from mindaam.errors import ConfigError, unknown

    if level is not None and level not in corpus.LEVELS:
        raise unknown("level", level, corpus.LEVELS)
    keys = [key for key in dict.fromkeys(sets or corpus.sets()) if corpus.level(key) == level or level is None]
    if not keys:
        raise ConfigError(f"none of {', '.join(sets)} has the level {level}; remove the names or --level")
    return keys


def _granularities(name):
    """The requested granularity, or all; ConfigError for an unknown one."""
    from mindaam.data.prompts import corpus
    from mindaam.errors import unknown

    if name is None:
        return corpus.GRANULARITIES
    if name.upper() not in corpus.GRANULARITIES:
        raise unknown("granularity", name, corpus.GRANULARITIES)
    return (name.upper(),)


def _described(key, granularities):
    """All details of a dataset, for JSON."""
    from mindaam.data.prompts import corpus

    other, reason = corpus.mismatched_set(key)
    swaps = [each for each in granularities if each not in corpus.WITHOUT_TASK]
    return {
        "modality": corpus.modality(key),
        "level": corpus.level(key),
        "paradigm": corpus.paradigm(key),
        "parts": corpus.parts(key),
        "emphasis": list(corpus.emphasis(key)),
        "prompts": {
            each: {
                "scored": corpus.prompt(key, each),
                "paraphrases": corpus.pool(key, each)[1:],
                "held_out": corpus.held_out(key, each),
            }
            for each in granularities
        },
        "mismatched": {"set": other, "reason": reason} | {each: corpus.mismatched(key, each) for each in swaps},
        "generic": corpus.generic(key),
    }


def _title(key):
    """(name, description) of a dataset."""
    from mindaam.data.prompts import corpus

    paradigm = corpus.paradigm(key).replace("_", " ").replace("task driven", "task-driven")
    return key, f"{corpus.level(key)} level, {MEDIA[corpus.modality(key)]}, {paradigm}"


def _lines(key, granularities, everything):
    """(label, text, style) of every line on a dataset; style is for a terminal."""
    from mindaam.data.prompts import corpus

    strong = corpus.emphasis(key)
    parts = corpus.parts(key)
    lines = [(part + MARK, parts[part], "green") if part in strong else (part, parts[part], "") for part in parts]
    for each in granularities:
        scored, *paraphrases = corpus.pool(key, each)
        lines.append((each, scored, "bold" if everything else ""))
        if everything:
            lines += [(DASH, sentence, "") for sentence in paraphrases]
            lines.append(("held out", corpus.held_out(key, each), "italic"))
    other, reason = corpus.mismatched_set(key)
    swaps = [each for each in granularities if each not in corpus.WITHOUT_TASK]
    if swaps:
        lines.append(("wrong", f"{other} ({reason}): {corpus.mismatched(key, swaps[-1])}", "dim"))
    lines.append(("generic", corpus.generic(key), "dim"))
    return lines


def _plain(blocks):
    """Prints datasets with one text per line, neither truncated nor wrapped, for a pipe."""
    for (name, about), lines in blocks:
        print_line(f"{name}: {about}")
        for label, text, _ in lines:
            print_line(f"  {label:{LABEL}}{text}")
        print_line()
    print_line(LEGEND)


def _on_terminal(blocks):
    """Prints datasets with texts wrapped next to their labels."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    width = min(console.width, WIDEST)
    for (name, about), lines in blocks:
        console.print(Text.assemble((name, "bold cyan"), "  ", (about, "dim")))
        table = Table.grid()
        table.add_column(width=LABEL, style="dim", no_wrap=True)
        table.add_column()
        for label, text, style in lines:
            if label in BEGINNINGS:
                table.add_row()
            table.add_row(label, Text(text, style))
        console.print(Padding(table, (0, 0, 1, 2)), width=width)
    console.print(Text(LEGEND, "dim"))
