"""`mindaam data pack`: datasets decoded, resized and written into a few large files for fast training."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.cli.common.terminal import progress
from mindaam.streams import print_line, print_message


def pack(
    root: Annotated[Path, Argument(metavar="ROOT", help="A folder of datasets, or one gaze folder.")],
    packs: Annotated[Path | None, Argument(metavar="PACKS", help="Output folder, for PACKS/SET.SPLIT.")] = None,
    out: Annotated[Path | None, Option("-o", "--out", metavar="PACKS", help="Same as the second argument.")] = None,
    sets: Annotated[list[str] | None, Option("--set", metavar="NAME", help="Only this dataset; repeatable.")] = None,
    split: Annotated[list[str] | None, Option(metavar="NAME", help="Only this split; repeatable.")] = None,
    size: Annotated[str, Option(metavar="PIXELS", help="Side of the packed images, or HEIGHTxWIDTH.")] = "448",
    resize: Annotated[str, Option(metavar="area|antialiased|bilinear", help="The `resize` of the model.")] = "area",
    quality: Annotated[int, Option(metavar="1..100", help="JPEG quality.")] = 92,
    every: Annotated[int, Option(metavar="N", help="For videos: every Nth frame.")] = 1,
    sound: Annotated[bool, Option("--sound/--no-sound", help="Include the audio of videos.")] = True,
    source: Annotated[str | None, Option("--truth", metavar="fixations|maps", help="Source of the densities.")] = None,
    sigma: Annotated[float, Option(metavar="DEGREES", help="Sigma of the blur of fixations.")] = 1.0,
    skip_damaged: Annotated[bool, Option("--skip-damaged", help="Skip and list damaged files.")] = False,
):
    """Pack datasets for training: all images and frames decoded and resized once, with densities and fixations."""
    from mindaam.data.datasets.catalogue import catalogue
    from mindaam.data.datasets.finding import SOURCES
    from mindaam.data.datasets.ground_truth import GroundTruth
    from mindaam.data.datasets.opening import open_splits
    from mindaam.data.packs.packing import pack as write
    from mindaam.data.packs.packing import target_of
    from mindaam.schema import validate

    pixels = _size(size)
    truth = validate(GroundTruth, {"source": source, "sigma_degrees": sigma}, "--truth, --sigma")
    out = _output_folder(packs, out)
    readers = open_splits(
        root, sets, split, truth, kinds=SOURCES, skip_damaged=skip_damaged,
        report=lambda line: print_message(f"skipped {line}"),
    )  # fmt: skip
    for reader in readers:
        _require_outside(out, reader.root)
    targets = [target_of(reader, out) for reader in readers]  # all paths are checked before the long work starts
    _require_distinct(readers, targets)
    for reader, target in zip(readers, targets, strict=True):
        with progress(len(reader), f"packing {target.name}") as bars:
            packed = write(
                reader, target, pixels, resize=resize, quality=quality, every=every, sound=sound,
                skip_damaged=skip_damaged, report=lambda done, total, name, bars=bars: bars.step(name),
            )  # fmt: skip
        for name, why in packed.left_out:
            print_message(f"skipped {name}: {why}")
        megabytes = sum(path.stat().st_size for path in target.iterdir()) / 1e6
        what = ("frame" if reader.is_video else "image") + "s" * (packed.records != 1)
        density = reader.ground_truth.partition(" (")[0]  # its source is in the pack, and in `data check`
        print_line(f"{target}: {packed.records:,} {what}, {megabytes:.1f} MB; {density}")
    licenses = {reader.name: catalogue()[reader.name].licence.name for reader in readers if reader.name in catalogue()}
    if licenses:
        listed = "; ".join(f"{name}: {license}" for name, license in licenses.items())
        print_line(f"a pack is a copy of its dataset and is subject to its license: {listed}")


def _size(text):
    """(height, width) from "448" or "336x448"; ConfigError for anything else, or less than 16 pixels."""
    from mindaam.errors import ConfigError

    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise ConfigError(f"--size {text} is not a size; give a side in pixels, or HEIGHTxWIDTH such as 336x448")
    if max(map(len, sides)) > 4:
        raise ConfigError(f"images of {text} pixels are too large for a pack; give --size 9999 or less")
    height, width = int(sides[0]), int(sides[-1])
    if min(height, width) < 16:
        raise ConfigError(f"images of {text} pixels are too small for a pack; give --size 16 or more")
    return height, width


def _output_folder(packs, out):
    """The output folder from PACKS or --out; ConfigError if neither or both are given."""
    from mindaam.errors import ConfigError

    if packs is None and out is None:
        raise ConfigError("no output folder was given; give one: mindaam data pack ROOT PACKS")
    if packs is not None and out is not None:
        raise ConfigError(f"two output folders were given, {packs} and {out}; give either PACKS or --out")
    return packs or out


def _require_distinct(readers, targets):
    """OutputError if two readers would write the same pack."""
    from mindaam.errors import OutputError

    written = {}
    for reader, target in zip(readers, targets, strict=True):
        if target in written:
            raise OutputError(
                f"{written[target]} and {reader.root} would both be written to {target.name}, the name in their "
                "meta.json; change one of them, or pack them separately with --set into another folder"
            )
        written[target] = reader.root


def _require_outside(out, folder):
    """OutputError if packs would be written into a dataset, which is never modified."""
    from mindaam.errors import OutputError
    from mindaam.files import lies_in

    if lies_in(out, folder):
        raise OutputError(f"{out} is inside {folder}, which is never modified; choose another folder for the packs")
