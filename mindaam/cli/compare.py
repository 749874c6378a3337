"""`mindaam compare`: how attention differs between two designs under the same prompts."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from mindaam.cli.common.completion import conditions, models
from mindaam.cli.common.terminal import progress
from mindaam.cli.predict import CONDITION, MODEL
from mindaam.streams import print_line, print_message

PROMPT = "Description of the viewer and the task; repeatable: a comparison under each."
REGIONS = "JSON file of boxes and polygons, or a mask image, for both; twice: one for each design, with the same names."
OUT = "Folder for results.csv, results.json and report.html; created if it does not exist."


def compare(
    first: Annotated[Path, Argument(metavar="A", help="Image of a design.")],
    second: Annotated[Path, Argument(metavar="B", help="Image of another one.")],
    out: Annotated[Path | None, Option("-o", "--out", metavar="DIR", help=OUT)] = None,
    regions: Annotated[list[Path] | None, Option(metavar="FILE", help=REGIONS)] = None,
    model: Annotated[str | None, Option(metavar="NAME|PATH", autocompletion=models, help=MODEL)] = None,
    prompt: Annotated[list[str] | None, Option(metavar="TEXT", help=PROMPT)] = None,
    condition: Annotated[list[str] | None, Option(metavar="NAME", autocompletion=conditions, help=CONDITION)] = None,
):
    """Compare two designs: the shares of attention of their regions, and where attention differs."""
    from mindaam import runtime

    runtime.link_libraries()
    from mindaam.data import media
    from mindaam.errors import ConfigError
    from mindaam.files import prepare_folder
    from mindaam.inference.choosing import choices
    from mindaam.inference.numbers.comparing import designs, labels
    from mindaam.inference.numbers.region_files import read_regions

    sources, regions, pairs = [first, second], regions or [], choices(prompt or [], condition or [])
    if len(regions) > 2:
        raise ConfigError(f"--regions is given {len(regions)} times; give it once for both designs, or once for each")
    sizes = [media.image_size(source) for source in sources]
    pair, notes = designs(sources, sizes, [read_regions(path) for path in regions])
    if out is not None:
        from mindaam.cli.common import numbers

        numbers.require_own(out, True)
    for note in notes:
        print_message(note)
    predictor, found = _compared(pair, pairs, model, out is not None)
    _print(found, labels(sources))
    if out is not None:
        records = [record for section in found for record in section.records]
        title = "Predicted attention: " + " and ".join(labels(sources))
        prepare_folder(out)
        numbers.print_written(numbers.write(out, records, found, predictor, regions, notes, title))


def _compared(pair, pairs, model, with_images):
    """The Predictor, and the Sections of the two Designs under the prompts of `pairs`."""
    from mindaam.cli.common.starting import started
    from mindaam.data import media
    from mindaam.inference.choosing import choose_prompts
    from mindaam.inference.numbers.comparing import sections
    from mindaam.inference.predictor import Predictor
    from mindaam.inference.views import predicting

    model = started(model)
    from mindaam.zoo.weights import model_prompts

    texts = choose_prompts(pairs, model_prompts(model))
    images = [media.read_image(design.source) for design in pair]
    with progress(len(pair), "loading the model") as shown:
        predictor, predictions = Predictor(model), []
        for remark in predictor.remarks(texts):
            print_message(remark)
        for design, image in zip(pair, images, strict=True):
            shown.step(design.source.name)
            if (count := predicting.in_tiles(design.size, "auto")) > 1:
                print_message(f"{design.source} is predicted in {count} tiles")
            predictions.append([each.prediction for each in predicting.predict(predictor, image, texts)])
    named = [name for _, name in pairs]
    return predictor, sections(pair, images, predictions, named, with_images)


def _print(found, names):
    from mindaam.inference.numbers.tables import comparison_lines

    print_line(f"A: {names[0]}, B: {names[1]}")
    for section in found:
        for line in comparison_lines(section):
            print_line(line)
