"""`mindaam data pack`: data sets decoded, resized and written into a few large files that training reads quickly."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.cli.terminal import progress
from mindaam.streams import print_line, print_message


def pack(
    root: Annotated[Path, Argument(metavar="ROOT", help="The folder of data sets, or one gaze folder.")],
    packs: Annotated[Path | None, Argument(metavar="PACKS", help="Where the packs go, as PACKS/SET.SPLIT.")] = None,
    out: Annotated[Path | None, Option("-o", "--out", metavar="PACKS", help="The same as the second argument.")] = None,
    sets: Annotated[list[str] | None, Option("--set", metavar="NAME", help="Only this set (again for more).")] = None,
    split: Annotated[list[str] | None, Option(metavar="NAME", help="Only this split (again for more).")] = None,
    size: Annotated[str, Option(metavar="PIXELS", help="Side of the packed pictures, or HEIGHTxWIDTH.")] = "448",
    resize: Annotated[str, Option(metavar="area|antialiased|bilinear", help="How, as the model's `resize`.")] = "area",
    quality: Annotated[int, Option(metavar="1..100", help="JPEG quality.")] = 92,
    every: Annotated[int, Option(metavar="N", help="Of films, only each Nth frame.")] = 1,
    sound: Annotated[bool, Option("--sound/--no-sound", help="Pack films' sound too.")] = True,
    source: Annotated[
        str | None, Option("--truth", metavar="fixations|maps", help="What densities are made of.")
    ] = None,
    sigma: Annotated[float, Option(metavar="DEGREES", help="Blur of a fixation.")] = 1.0,
    skip_damaged: Annotated[bool, Option("--skip-damaged", help="Leave out what is damaged, and list it.")] = False,
):
    """Pack data sets for training: every picture and frame decoded and resized once, with its density and fixations."""
    from mindaam.data.datasets.catalogue import catalogue
    from mindaam.data.datasets.ground_truth import GroundTruth
    from mindaam.data.datasets.opening import SOURCES, open_splits
    from mindaam.data.packs.packing import pack as write
    from mindaam.data.packs.packing import target_of
    from mindaam.schema import validate

    pixels = _size(size)
    truth = validate(GroundTruth, {"source": source, "sigma_degrees": sigma}, "--truth, --sigma")
    out = _place(packs, out)
    readers = open_splits(
        root, sets, split, truth, kinds=SOURCES, skip_damaged=skip_damaged,
        report=lambda line: print_message(f"left out {line}"),
    )  # fmt: skip
    for reader in readers:
        _require_outside(out, reader.root)
    targets = [target_of(reader, out) for reader in readers]  # all places are free before the long work begins
    _require_distinct(readers, targets)
    for reader, target in zip(readers, targets, strict=True):
        with progress(len(reader), f"packing {target.name}") as bars:
            packed = write(
                reader, target, pixels, resize=resize, quality=quality, every=every, sound=sound,
                skip_damaged=skip_damaged, report=lambda done, total, name, bars=bars: bars.step(name),
            )  # fmt: skip
        for name, why in packed.left_out:
            print_message(f"left out {name}: {why}")
        megabytes = sum(path.stat().st_size for path in target.iterdir()) / 1e6
        what = ("frame" if reader.is_video else "picture") + "s" * (packed.records != 1)
        truth_told = reader.ground_truth.partition(" (")[0]  # its source is in the pack, and in `data check`
        print_line(f"{target}: {packed.records:,} {what}, {megabytes:.1f} MB; {truth_told}")
    licences = {reader.name: catalogue()[reader.name].licence.name for reader in readers if reader.name in catalogue()}
    if licences:
        told = "; ".join(f"{name}: {licence}" for name, licence in licences.items())
        print_line(f"a pack is a copy of its set, and falls under its licence: {told}")


def _size(text):
    """(height, width) from "448" or "336x448"; ConfigError for anything else, or less than 16 pixels."""
    from mindaam.errors import ConfigError

    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise ConfigError(f"--size {text} is no size; give a side in pixels, or HEIGHTxWIDTH such as 336x448")
    if max(map(len, sides)) > 4:
        raise ConfigError(f"pictures of {text} pixels are too large to be packed; give --size 9999 or less")
    height, width = int(sides[0]), int(sides[-1])
    if min(height, width) < 16:
        raise ConfigError(f"pictures of {text} pixels are too small to be packed; give --size 16 or more")
    return height, width


def _place(packs, out):
    """Where the packs go, of PACKS and --out; ConfigError when neither or both of them say it."""
    from mindaam.errors import ConfigError

    if packs is None and out is None:
        raise ConfigError("where do the packs go? name a folder: mindaam data pack ROOT PACKS")
    if packs is not None and out is not None:
        raise ConfigError(f"the packs go to {packs} or to {out}; --out is the same as PACKS, so give one of them")
    return packs or out


def _require_distinct(readers, targets):
    """OutputError when two readers would write one pack."""
    from mindaam.errors import OutputError

    places = {}
    for reader, target in zip(readers, targets, strict=True):
        if target in places:
            raise OutputError(
                f"{places[target]} and {reader.root} would both be packed as {target.name}, after the name in their "
                "meta.json; change one of them, or pack them apart with --set and another folder"
            )
        places[target] = reader.root


def _require_outside(out, folder):
    """OutputError when packs were to be written into a data set, in which nothing is ever changed."""
    from mindaam.errors import OutputError
    from mindaam.files import lies_in

    if lies_in(out, folder):
        raise OutputError(f"{out} lies in {folder}, in which nothing is changed; name another place for the packs")
