"""`mindaam predict`: photographs and a sentence in, overlays and maps out."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option, echo

from mindaam.cli.terminal import progress, say

KINDS = "Any of: overlay (heat map on the photograph), map (8-bit grey), npy (density that sums to 1)."


def predict(
    inputs: Annotated[list[Path], Argument(metavar="INPUT", help="Photographs, or folders of them.")],
    out: Annotated[Path, Option("-o", "--out", metavar="DIR", help="Folder for the results; made if need be.")],
    model: Annotated[str | None, Option(metavar="NAME|PATH", help="A model, or its .safetensors checkpoint.")] = None,
    prompt: Annotated[str | None, Option(metavar="TEXT", help="Who is looking and why, in your words.")] = None,
    condition: Annotated[str | None, Option(metavar="NAME", help="A known viewing condition, in its place.")] = None,
    save: Annotated[str, Option(metavar="KINDS", help=KINDS)] = "overlay,map",
):
    """Predict where people look in photographs; without a sentence, people who look freely."""
    from mindaam.inference import results

    kinds = results.parse_kinds(save)
    photos, problems = results.find_photos(inputs)
    jobs = results.plan(photos, out, kinds)
    for problem in problems:
        say(problem)
    failures, sentence = _predict_all(jobs, out, model, prompt, condition) if jobs else (0, "")
    if len(jobs) > failures:
        _summary(jobs, failures, out, sentence, kinds)
    raise Exit(2 if problems or failures else 0)


def _predict_all(jobs, out, model, prompt, condition):
    """Does the jobs; a bad photograph is reported and passed over. Returns how many were, and the sentence used."""
    from mindaam import runtime
    from mindaam.data import media
    from mindaam.errors import InputError
    from mindaam.inference import results
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor, choose_sentence

    runtime.configure(mode="graph")  # before anything else imports MindSpore, which would then chatter
    sentence = choose_sentence(prompt, condition)
    made, failures = not os.path.exists(out), 0
    media.prepare_folder(out)
    try:
        with progress(len(jobs), "loading the model") as step:
            predictor = Predictor(DEFAULT_MODEL if model is None else model)
            for job in jobs:
                step(job.source.name)
                try:
                    image = media.read_image(job.source)
                    results.write(job, image, predictor.predict(image, sentence))
                except InputError as error:
                    failures += 1
                    say(error)
    finally:
        if made:
            with suppress(OSError):  # only an empty folder goes: one that this call made and wrote nothing into
                out.rmdir()
    return failures, sentence


def _summary(jobs, failures, out, sentence, kinds):
    """Says on stdout what was done and where it lies."""
    from mindaam.inference.results import SUFFIXES

    done = len(jobs) - failures
    name = jobs[0].source.stem if len(jobs) == 1 else "<name>"
    echo(f'{done} photograph{"s" if done > 1 else ""} seen as: "{sentence}"')
    echo("results: " + ", ".join(str(out / (name + SUFFIXES[kind])) for kind in kinds))
