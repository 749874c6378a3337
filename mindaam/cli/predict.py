"""`mindaam predict`: photographs, films and a sentence in, overlays and maps out."""

import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option, echo

from mindaam.cli.terminal import progress, say

KINDS = "Any of: overlay (heat map on the picture), map (8-bit grey), npy (density that sums to 1)."
START, END = "Films: from this second on.", "Films: up to this second."
EVERY, FPS = "Films: only every Nth frame.", "Films: at most so many frames a second."


def predict(
    inputs: Annotated[list[Path], Argument(metavar="INPUT", help="Photographs, films, or folders of them.")],
    out: Annotated[Path, Option("-o", "--out", metavar="DIR", help="Folder for the results; made if need be.")],
    model: Annotated[str | None, Option(metavar="NAME|PATH", help="A model, or its .safetensors checkpoint.")] = None,
    prompt: Annotated[str | None, Option(metavar="TEXT", help="Who is looking and why, in your words.")] = None,
    condition: Annotated[str | None, Option(metavar="NAME", help="A known viewing condition, in its place.")] = None,
    save: Annotated[str, Option(metavar="KINDS", help=KINDS)] = "overlay,map",
    start: Annotated[float, Option(metavar="SECONDS", help=START)] = 0.0,
    end: Annotated[float | None, Option(metavar="SECONDS", help=END)] = None,
    every: Annotated[int, Option(metavar="N", help=EVERY)] = 1,
    fps: Annotated[float | None, Option(metavar="RATE", help=FPS)] = None,
):
    """Predict where people look in photographs and films; without a sentence, people who look freely."""
    from mindaam.data.film import Pick, checked_pick
    from mindaam.inference import results

    kinds = results.parse_kinds(save)
    pick = checked_pick(Pick(start, end, every, fps))
    sources, problems = results.find_sources(inputs)
    jobs = results.plan(sources, out, kinds)
    for problem in problems:
        say(problem)
    done, troubled, sentence = _predict_all(jobs, out, model, prompt, condition, pick) if jobs else ([], False, "")
    if done:
        _summary(done, sentence, kinds)
    raise Exit(2 if problems or troubled else 0)


def _predict_all(jobs, out, model, prompt, condition, pick):
    """Does the jobs; a bad photograph or film is reported and passed over.

    Returns the jobs with results, whether anything went wrong, and the sentence used.
    """
    from mindaam import runtime
    from mindaam.data import media
    from mindaam.errors import InputError
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor, choose_sentence

    runtime.configure(mode="graph")  # before anything else imports MindSpore, which would then chatter
    sentence = choose_sentence(prompt, condition)
    made, done, troubled = not os.path.exists(out), [], False
    media.prepare_folder(out)
    try:
        with progress(len(jobs), "loading the model") as shown:
            predictor = Predictor(DEFAULT_MODEL if model is None else model)
            for job in jobs:
                shown.step(job.source.name)
                try:
                    predict_one = _predict_film if job.is_film else _predict_photo
                    problems = predict_one(job, predictor, sentence, pick, shown)
                    done.append(job)
                except InputError as error:
                    problems = [error]
                for problem in problems:
                    troubled = True
                    say(problem)
    finally:
        if made:
            with suppress(OSError):  # only an empty folder goes: one that this call made and wrote nothing into
                out.rmdir()
    return done, troubled, sentence


def _predict_photo(job, predictor, sentence, pick, shown):
    """Writes a photograph's results; what makes it unusable is raised. Returns no problems."""
    from mindaam.data import media
    from mindaam.inference import results

    image = media.read_image(job.source)
    results.write(job, image, predictor.predict(image, sentence))
    return []


def _predict_film(job, predictor, sentence, pick, shown):
    """Writes a film's results; what makes it unusable is raised. Returns what went wrong along the way."""
    from mindaam.data.film import film_info
    from mindaam.inference.films import write_film

    length = film_info(job.source).duration
    length = min(pick.end or length, length) - pick.start if length else pick.end and pick.end - pick.start
    seen = deque(maxlen=1)

    def report(frames, second):
        seen.append(second)
        shown.within(frames, second - pick.start, length)

    try:
        done = write_film(job, predictor, sentence, pick, report)
    except KeyboardInterrupt:
        if seen:
            kept = ", ".join(str(target) for target in job.targets.values() if target.exists())
            say(f"stopped at second {seen[-1]:.1f} of {job.source}; what was done is in {kept}")
        raise
    problems = [done.problem] if done.problem else []
    if done.sound_lost is not None:
        problems.append(
            f"the sound of {job.source} could not be read on from second {done.sound_lost:.1f} of the result"
        )
    return problems


def _summary(jobs, sentence, kinds):
    """Says on stdout what was done and where it lies."""
    from mindaam.inference.results import SUFFIXES, SUFFIXES_OF_FILMS

    films = [job for job in jobs if job.is_film]
    photos = [job for job in jobs if not job.is_film]
    counts = [(len(photos), "photograph"), (len(films), "film")]
    echo(", ".join(f"{n} {what}{'s' if n > 1 else ''}" for n, what in counts if n) + f' seen as: "{sentence}"')
    places = []
    for group, suffixes in ((photos, SUFFIXES), (films, SUFFIXES_OF_FILMS)):
        if group:
            folder = next(iter(group[0].targets.values())).parent
            name = group[0].source.stem if len(group) == 1 else "<name>"
            places += [str(folder / (name + suffixes[kind])) for kind in kinds]
    echo("results: " + ", ".join(places))
