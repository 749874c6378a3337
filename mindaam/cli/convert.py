"""`mindaam convert`: converts a published checkpoint to safetensors, and reports the use of every name."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.streams import print_line, print_lines

KINDS = "Type of IN: aam (the authors' model), dinov3, dinov2, sam2, clip (ViT-L/14) or wav2clip."
PROMPTS = "The prompts.py of the code of an aam: parsed as data, never executed, and stored in OUT for --condition."
ALLOW = "A name that may be missing or unexpected; repeatable."


def convert(
    source: Annotated[Path, Argument(metavar="IN", help="A .pth or .pt file of PyTorch, or a safetensors file.")],
    target: Annotated[Path, Argument(metavar="OUT.safetensors", help="The output file.")],
    kind: Annotated[str, Option(metavar="KIND", help=KINDS)],
    name: Annotated[str | None, Option(metavar="NAME", help="The model, if its sizes are ambiguous.")] = None,
    prompts: Annotated[Path | None, Option(metavar="FILE.py", help=PROMPTS)] = None,
    allow: Annotated[list[str] | None, Option(metavar="NAME", help=ALLOW)] = None,
    force: Annotated[bool, Option("--force", help="Replace OUT if it exists.")] = False,
    full: Annotated[bool, Option("--full", help="List every name instead of counts.")] = False,
):
    """Convert a published checkpoint. No code in it is executed, and every name must be known."""
    from mindaam import runtime
    from mindaam.zoo.convert import files, kinds, report

    kinds.kind_of(kind)
    files.check_target(source, target, force)
    read = _prompts(kind, prompts)
    runtime.configure()  # before MindSpore is imported, whose messages it suppresses
    converted = files.convert(source, kind, name=name, allow=allow or ())
    print_line(f"{source}: {converted.name}, SHA-256 {converted.sha256}")
    if converted.note:
        print_line(converted.note)
    print_lines(report.text(converted.report, full))
    report.insist(converted.report, source, converted.name)
    files.save(converted._replace(prompts=read), target)
    size = sum(array.nbytes for array in converted.state.values())
    print_line(f"written: {target}, {len(converted.state)} arrays, {size / 1e6:.1f} MB")
    if read:
        print_line(f"prompts: {', '.join(read)}")


def _prompts(kind, path):
    """{dataset: prompt} of the file, {} without one. Raises ConfigError for a kind of checkpoint without prompts."""
    from mindaam.errors import ConfigError
    from mindaam.zoo.convert.prompts import read_prompts

    if path is None:
        return {}
    if kind != "aam":
        raise ConfigError(f"--prompts is for a whole model, {kind} is an encoder; give --kind aam, or remove --prompts")
    return read_prompts(path)
