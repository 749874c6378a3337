"""`mindaam evaluate`: scores a model, or saved maps, on recorded gaze, with the matching prompt and with others."""

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

from typer import Exit, Option

from mindaam.cli.common.batches import Batch
from mindaam.cli.common.completion import models, protocols
from mindaam.cli.common.terminal import progress
from mindaam.files import prepare_folder, real, write_text
from mindaam.streams import print_line, print_lines, print_message

MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run."
OUT = "Folder for all results: rows.csv, evaluation.json, report.md, report.html."
SAVE = "Save the rows as .csv, everything as .json, or the report as .md or .html; repeatable."
MAPS = "Score the maps in this folder instead of a model: [DATASET/]STEM.png, .npy or .mp4."
PROTOCOL = "paper, released, mit or ntire26."
PROMPTS = "Score paraphrases, generic, wrong, none, conditions or pools beside the matching prompt; repeatable."
GRANULARITY = "Score the prompt of this granularity beside the matching one, G1 to G4; repeatable."
AUDIO = "Videos: auto (use the audio track if the model supports it) or off."
REPORTS = (".csv", ".json", ".md", ".html")


def evaluate(
    data: Annotated[Path, Option(metavar="ROOT", help="A gaze folder or pack, or a folder of those and of datasets.")],
    model: Annotated[str | None, Option(metavar="NAME|PATH", autocompletion=models, help=MODEL)] = None,
    split: Annotated[str, Option(metavar="NAME", help="Split to score.")] = "val",
    sets: Annotated[list[str] | None, Option("--set", metavar="NAME", help="Only this dataset; repeatable.")] = None,
    protocol: Annotated[str, Option(metavar="NAME", autocompletion=protocols, help=PROTOCOL)] = "paper",
    metrics: Annotated[str | None, Option(metavar="CC,NSS,...", help="Only these metrics of the protocol.")] = None,
    prompts: Annotated[list[str] | None, Option(metavar="KIND", help=PROMPTS)] = None,
    granularity: Annotated[list[str] | None, Option(metavar="G1..G4", help=GRANULARITY)] = None,
    audio: Annotated[str, Option(metavar="auto|off", help=AUDIO)] = "auto",
    maps: Annotated[Path | None, Option(metavar="DIR", help=MAPS)] = None,
    skip_damaged: Annotated[bool, Option("--skip-damaged", help="Skip damaged files.")] = False,
    out: Annotated[Path | None, Option("-o", "--out", metavar="DIR", help=OUT)] = None,
    resume: Annotated[bool, Option("--resume", help="Continue the evaluation in -o DIR.")] = False,
    save: Annotated[list[Path] | None, Option(metavar="FILE", help=SAVE)] = None,
):
    """Score a model on images and videos with gaze data, for matching and other prompts, beside baselines."""
    from mindaam import compilation, runtime

    _check_options(model, audio, maps, prompts or granularity, out, resume, save or [])
    plan = plan_of(protocol, metrics, prompts or [], granularity or [], audio, prompted=maps is None)
    readers = readers_of(data, split, sets, skip_damaged, protocol)
    for file in save or []:
        prepare_folder(file.parent)
    if maps is None:
        runtime.configure(mode="graph")
    batch = Batch() if skip_damaged or maps else None
    source, plan, evaluation = evaluated(readers, model, maps, plan, out, resume, batch)
    if compilation.summary():
        print_message(compilation.summary())
    _write_examples(source, readers, evaluation, out, plan)
    _write(evaluation, out, save or [])
    raise Exit(batch.code if batch else 0)


def _check_options(model, audio, maps, prompted, out, resume, save):
    """ConfigError for options that do not fit each other."""
    from mindaam.errors import ConfigError
    from mindaam.evaluation.results import FILES

    if audio not in ("auto", "off"):
        raise ConfigError(f"--audio {audio}: the audio must be auto or off; change it")
    if maps and (model is not None or prompted):
        raise ConfigError("--maps scores saved maps, which no model or prompt changes; remove --model and the prompts")
    if resume and not out:
        raise ConfigError("--resume continues the evaluation in a folder; give it with -o DIR")
    for file in save:
        if file.suffix not in REPORTS:
            raise ConfigError(f"{file}: the suffix of a report must be {', '.join(REPORTS)}; change it")
        if out and real(file) in [real(out / name) for name in FILES]:
            raise ConfigError(f"--save {file} is a file of the folder of -o; choose another name")


def plan_of(name, metrics, prompts, granularity, audio, prompted):
    """The Plan of the options; ConfigError for an unknown value."""
    from mindaam.errors import unknown
    from mindaam.evaluation import roles
    from mindaam.evaluation.evaluating import Plan
    from mindaam.metrics.protocols import protocol

    chosen = protocol(name)
    if metrics is not None:
        wanted = [each.strip() for each in metrics.split(",")]
        for each in wanted:
            if each not in chosen.metrics:
                raise unknown(f"metric of the protocol {name}", each, chosen.metrics)
        chosen = chosen._replace(metrics=tuple(each for each in chosen.metrics if each in wanted))
    requests, granularities = roles.checked(prompts, granularity)
    command = shlex.join(["mindaam", *sys.argv[1:]])
    return Plan(chosen, prompts=requests, granularity=granularities, prompted=prompted, audio=audio, command=command)


def readers_of(root, split, sets, skip_damaged, protocol):
    """The readers of images and videos of a split in `root`; InputError if there are none."""
    from mindaam.data.datasets.ground_truth import GroundTruth
    from mindaam.data.datasets.opening import open_named
    from mindaam.errors import InputError

    truth = GroundTruth(source="maps") if protocol == "released" else None
    found = {}  # by their name in the report
    for name, reader in open_named(root, sets, [split], truth, skip_damaged=skip_damaged, report=print_message):
        if reader.name in found:
            raise InputError(
                f"{found[reader.name].root} and {reader.root} have the same name {reader.name} in their meta.json; "
                f"score them one by one with --set {name}"
            )
        found[reader.name] = reader
    return list(found.values())


def evaluated(readers, model, maps, plan, out, resume, batch):
    """(MapSource, Plan with the prompts of the model, Evaluation) of a model or of saved maps.

    batch: the Batch that skips items that cannot be scored, or None to stop at the first.
    """
    from mindaam import graphs
    from mindaam.evaluation import evaluating

    graphs.announce(print_message)
    graphs.compile_aside()
    if maps is None:
        source, prompting = _model_source(model, readers, plan.audio)
        plan = plan._replace(prompting=prompting)
    else:
        from mindaam.evaluation.saved_maps import SavedMaps

        source = SavedMaps(maps)
        source.require(readers)

    def left_out(name, error):
        with batch.item(name):
            raise error

    try:
        evaluation = evaluating.evaluate(source, readers, plan, out, resume, progress, left_out if batch else None)
    except KeyboardInterrupt:
        if out is not None:
            how = "" if resume else " with --resume"
            print_message(f"the rows so far are in {out}; the same command{how} continues")
        raise
    return source, plan, evaluation


def _write_examples(source, readers, evaluation, out, plan):
    """Writes examples/ into the folder of an evaluation, if there is one."""
    from mindaam.evaluation.pages import examples

    for line in examples.write(source, readers, evaluation, out, plan.roles_of) if out is not None else ():
        print_message(line)


def _model_source(model, readers, audio):
    """(ModelMaps, the Prompting that the model was trained with); bundled models use the prompts of the readers."""
    from mindaam.data.packs.fitting import require_fit
    from mindaam.data.prompts.prompting import Prompting
    from mindaam.evaluation.maps import ModelMaps
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor
    from mindaam.training.prompting import checkpoint_prompting
    from mindaam.zoo.model_files import checkpoint_of

    path = None if model is None else checkpoint_of(model) or model
    predictor = Predictor(DEFAULT_MODEL if path is None else path)
    for reader in readers:
        require_fit(reader, predictor.model.config.image_size, predictor.model.config.resize)
    prompting = checkpoint_prompting(path) if path is not None and os.path.isfile(path) else Prompting()
    return ModelMaps(predictor, audio), prompting


def _write(evaluation, out, save):
    """Prints the table and writes the requested reports, each completely or not at all; OutputError if that fails."""
    from mindaam.evaluation import tables
    from mindaam.evaluation.pages import evaluation_page
    from mindaam.evaluation.published import beside
    from mindaam.evaluation.results import rows_text

    print_lines(tables.terminal(evaluation))
    for file in [*([out / "report.md", out / "report.html"] if out else []), *save]:
        if file.suffix == ".html":
            evaluation_page.write(evaluation, file, out)
        elif file.suffix == ".md":
            write_text(file, tables.markdown(evaluation, beside(evaluation)))
        elif file.suffix == ".csv":
            write_text(file, rows_text(evaluation.rows, header=True))
        else:
            write_text(file, json.dumps(tables.report(evaluation), indent=1, allow_nan=False) + "\n")
        print_line(f"report: {file}")
