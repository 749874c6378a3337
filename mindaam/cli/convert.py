"""`mindaam convert`: a foreign checkpoint in, a safetensors file under our names out, and an account of every name."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.streams import print_line, print_lines

KINDS = "What IN is: aam (the authors' model), dinov3, dinov2, clip (ViT-L/14) or wav2clip."
PROMPTS = "The prompts.py beside an aam's code: it is read as data, never run, and kept in OUT for --condition."
ALLOW = "A name that may be missing or unexpected; may be repeated."


def convert(
    source: Annotated[Path, Argument(metavar="IN", help="PyTorch's .pth or .pt, or a safetensors file.")],
    target: Annotated[Path, Argument(metavar="OUT.safetensors", help="The file to write.")],
    kind: Annotated[str, Option(metavar="KIND", help=KINDS)],
    name: Annotated[str | None, Option(metavar="NAME", help="The model, where its sizes alone do not tell.")] = None,
    prompts: Annotated[Path | None, Option(metavar="FILE.py", help=PROMPTS)] = None,
    allow: Annotated[list[str] | None, Option(metavar="NAME", help=ALLOW)] = None,
    force: Annotated[bool, Option("--force", help="Replace OUT if it is there.")] = False,
    full: Annotated[bool, Option("--full", help="Report every name, not counts.")] = False,
):
    """Convert a published checkpoint; no code in it is run, and every name must be known."""
    from mindaam import runtime
    from mindaam.zoo.convert import files, kinds, report

    kinds.kind_of(kind)
    files.check_target(source, target, force)
    told = _prompts(kind, prompts)
    runtime.configure()  # before anything else imports MindSpore, which would then chatter
    converted = files.convert(source, kind, name=name, allow=allow or ())
    print_line(f"{source}: {converted.name}, SHA-256 {converted.sha256}")
    if converted.note:
        print_line(converted.note)
    print_lines(report.text(converted.report, full))
    report.insist(converted.report, source, converted.name)
    files.save(converted._replace(prompts=told), target)
    size = sum(array.nbytes for array in converted.state.values())
    print_line(f"written: {target}, {len(converted.state)} arrays, {size / 1e6:.1f} MB")
    if told:
        print_line(f"prompts: {', '.join(told)}")


def _prompts(kind, path):
    """{data set: prompt} of the file, {} without one. Raises ConfigError for a kind of checkpoint that has none."""
    from mindaam.errors import ConfigError
    from mindaam.zoo.convert.prompts import read_prompts

    if path is None:
        return {}
    if kind != "aam":
        raise ConfigError(f"--prompts is for a whole model, and {kind} is an encoder; give --kind aam, or leave it out")
    return read_prompts(path)
