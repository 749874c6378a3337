"""`mindaam data prompts`: what each data set of the corpus says about who is looking and why."""

import sys
from typing import Annotated

from typer import Argument, Option

from mindaam.streams import print_line, print_lines

SETS = "Data sets, such as salicon. All eighteen, if none."
GRANULARITY = "Only this granularity."
LEVEL = "Only the data sets whose attention is of this level."
ALL = "Show paraphrases and the held-out sentence as well."
MARK = "*"
LEGEND = f"{MARK} what the level is mostly about. wrong: another set's sentence, for the condition swap."
LABEL = 11  # columns for the name of a line
DASH = f"{'-':>{LABEL - 2}}"  # the label of a paraphrase
WIDEST = 110  # columns that are still pleasant to read
BEGINNINGS = ("G1", "G2", "G3", "G4", "wrong")  # labels that a terminal shows an empty line before
MEDIA = {"image": "pictures", "video": "films", "audio_video": "films with sound"}


def prompts(
    sets: Annotated[list[str] | None, Argument(metavar="SET", help=SETS)] = None,
    granularity: Annotated[str | None, Option(metavar="G1|G2|G3|G4", help=GRANULARITY)] = None,
    level: Annotated[str | None, Option(metavar="high|mid|low", help=LEVEL)] = None,
    everything: Annotated[bool, Option("--all", help=ALL)] = False,
    as_json: Annotated[bool, Option("--json", help="Print everything as JSON.")] = False,
):
    """Show the sentences that data sets are trained on and scored with."""
    keys = _chosen(sets, level)
    granularities = _granularities(granularity)
    if as_json:
        import json

        print_lines(json.dumps({key: _described(key, granularities) for key in keys}, indent=1, ensure_ascii=False))
        return
    lay_out = _on_terminal if sys.stdout.isatty() else _plain
    lay_out([(_title(key), _lines(key, granularities, everything)) for key in keys])


def _chosen(sets, level):
    """Keys of the data sets asked for, each once; ConfigError for an unknown one, or when none is left."""
    from mindaam.data.prompts import corpus
    from mindaam.errors import ConfigError, unknown

    if level is not None and level not in corpus.LEVELS:
        raise unknown("level", level, corpus.LEVELS)
    keys = [key for key in dict.fromkeys(sets or corpus.sets()) if corpus.level(key) == level or level is None]
    if not keys:
        raise ConfigError(f"none of {', '.join(sets)} is of level {level}; leave out the names or --level")
    return keys


def _granularities(name):
    """The one granularity asked for, or all; ConfigError for an unknown one."""
    from mindaam.data.prompts import corpus
    from mindaam.errors import unknown

    if name is None:
        return corpus.GRANULARITIES
    if name.upper() not in corpus.GRANULARITIES:
        raise unknown("granularity", name, corpus.GRANULARITIES)
    return (name.upper(),)


def _described(key, granularities):
    """All about a data set, for JSON."""
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
    """(name, what it is) of a data set."""
    from mindaam.data.prompts import corpus

    paradigm = corpus.paradigm(key).replace("_", " ").replace("task driven", "task-driven")
    return key, f"{corpus.level(key)} level, {MEDIA[corpus.modality(key)]}, {paradigm}"


def _lines(key, granularities, everything):
    """(label, text, style) of every line about a data set; style is for a terminal."""
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
    """Prints data sets one text a line, nothing cut or wrapped, for a pipe."""
    for (name, about), lines in blocks:
        print_line(f"{name}: {about}")
        for label, text, _ in lines:
            print_line(f"  {label:{LABEL}}{text}")
        print_line()
    print_line(LEGEND)


def _on_terminal(blocks):
    """Prints data sets with texts wrapped beside their labels."""
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
