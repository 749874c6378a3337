"""`mindaam analyze cost`: parameters, arithmetic, pace, memory and compilation of a model on this device."""

import os
import shlex
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.streams import print_lines, print_message

MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run."
BATCH = "Images at once; repeatable. Default: 1 and 4."
CLIP = "Frames of a clip; repeatable. Default: the clip of the model, if it takes clips; 0: none."
SECONDS = "Time at least so many seconds of calls."
PRESET = "paper or released; default: the checkpoint's own."
OUT = "Folder for cost.json and cost.md; measurements that it contains are not repeated."
MOST = 1024  # images at once


def cost(
    model: Annotated[str, Argument(metavar="NAME|PATH", help=MODEL)],
    batch: Annotated[list[int] | None, Option(metavar="N", min=1, max=MOST, help=BATCH)] = None,
    clip: Annotated[list[int] | None, Option(metavar="T", min=0, max=MOST, help=CLIP)] = None,
    seconds: Annotated[float, Option(metavar="S", min=0, max=3600, help=SECONDS)] = 10.0,
    preset: Annotated[str | None, Option(metavar="NAME", help=PRESET)] = None,
    device: Annotated[str | None, Option(metavar="NAME", help="CPU or Ascend.")] = None,
    out: Annotated[Path | None, Option("-o", "--out", metavar="FOLDER", help=OUT)] = None,
):
    """Count and measure what a model costs on this device, beside Table 4 of the AAM paper."""
    from mindaam import runtime
    from mindaam.evaluation.markdown_text import section
    from mindaam.evaluation.studies import cost as study
    from mindaam.files import prepare_folder, write_text

    device = device or os.environ.get("DEVICE_TARGET", "CPU")
    runtime.configure(device, mode="graph", seed=0)
    built = study.built(model, preset)
    clips = _clips(built.config, clip)
    given = [model, *(f"--batch {n}" for n in batch or ()), *(f"--clip {n}" for n in clip or ())]
    given += [f"--preset {preset}"] if preset else []
    command = f"mindaam analyze cost {shlex.quote(given[0])} {' '.join(given[1:])} --seconds {seconds:g}"
    head = study.described(model, preset, device, seconds, " ".join(command.split()))
    head["parts"] = study.counted(built, clips)
    if out is not None:
        prepare_folder(out)
    wanted = [(False, count) for count in dict.fromkeys(batch or (1, 4))] + [(True, count) for count in clips]
    text = "\n\n".join(map(section, study.tables(head, study.measured(head, wanted, out, print_message))))
    if out is not None:
        write_text(out / "cost.md", text + "\n")
    print_lines(text)


def _clips(config, asked):
    """The lengths of clips to measure; ConfigError for a clip of a model without a temporal section."""
    from mindaam.errors import ConfigError

    asked = list(dict.fromkeys(n for n in asked if n)) if asked is not None else None
    if asked and config.temporal is None:
        raise ConfigError(f"the model {config.name} has no temporal section, so it takes no clips; remove --clip")
    if asked is None:
        return [config.temporal.clip] if config.temporal else []
    return asked
