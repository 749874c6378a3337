"""`mindaam predict`: overlays and maps of images and videos for a prompt."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option

from mindaam.cli.batches import Batch
from mindaam.cli.terminal import progress
from mindaam.files import prepare_folder
from mindaam.streams import print_line, print_message

KINDS = (
    "Any of: overlay (heat map on the image), map (8-bit gray), npy (density that sums to 1), submission (NTIRE 2026: "
    "one video of maps per video)."
)
CONDITION = "A built-in viewing condition, or a prompt name of the checkpoint, instead of --prompt."
MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run."
START, END = "Videos: start time in seconds.", "Videos: end time in seconds."
EVERY = "Videos: every Nth frame only; 1 is every frame."
FPS = 'Videos: at most this many frames per second, or "all" (default: 5; all for --every and a submission).'
AUDIO = "Videos: auto (use the audio track if the model supports it), off, or an audio file to use instead."
TRACK, GATE = "Videos: index of the audio track, from 0.", "Videos: plot the audio gate over time."
STYLE = "Overlay: heat (colors where people look), fog (hides where nobody does) or contour (lines only)."
OPACITY = "Overlay: opacity of the heat, the fog or the lines (default: 0.72; 1 for lines)."
LEGEND = "Overlay: a strip with the prompt and the scale under the image."
RECURSIVE = "Include subfolders; the output folder repeats their structure."


def predict(
    inputs: Annotated[list[Path], Argument(metavar="INPUT", help="Images, videos, or folders of them.")],
    out: Annotated[Path, Option("-o", "--out", metavar="DIR", help="Output folder; created if it does not exist.")],
    model: Annotated[str | None, Option(metavar="NAME|PATH", help=MODEL)] = None,
    prompt: Annotated[str | None, Option(metavar="TEXT", help="Description of the viewer and the task.")] = None,
    condition: Annotated[str | None, Option(metavar="NAME", help=CONDITION)] = None,
    save: Annotated[str, Option(metavar="KINDS", help=KINDS)] = "overlay,map",
    start: Annotated[float, Option(metavar="SECONDS", help=START)] = 0.0,
    end: Annotated[float | None, Option(metavar="SECONDS", help=END)] = None,
    every: Annotated[int | None, Option(metavar="N", help=EVERY)] = None,
    fps: Annotated[str | None, Option(metavar="RATE|all", help=FPS)] = None,
    audio: Annotated[str, Option(metavar="auto|off|FILE", help=AUDIO)] = "auto",
    audio_track: Annotated[int, Option(metavar="N", help=TRACK)] = 0,
    plot_gate: Annotated[bool, Option("--plot-gate", help=GATE)] = False,
    recursive: Annotated[bool, Option("--recursive", help=RECURSIVE)] = False,
    style: Annotated[str, Option(metavar="heat|fog|contour", help=STYLE)] = "heat",
    opacity: Annotated[float | None, Option(metavar="0..1", help=OPACITY)] = None,
    legend: Annotated[bool, Option("--legend/--no-legend", help=LEGEND)] = True,
):
    """Predict where people look in images and videos (default: free viewing)."""
    from mindaam import runtime

    runtime.link_libraries()
    from mindaam.data.videos.picks import Pick, checked_pick
    from mindaam.inference import render, results
    from mindaam.inference.audio_request import checked_request

    look = render.checked_look(render.Look(style, opacity, legend))
    kinds = results.parse_kinds(save)
    limit = results.frames_per_second(fps, kinds, every)
    pick = results.checked_pick_of(kinds, checked_pick(Pick(start, end, 1 if every is None else every, limit)))
    sources, problems = results.find_sources(inputs, recursive)
    jobs = results.plan(sources, out, kinds, plot_gate, roots=inputs if recursive else (), look=look)
    request = checked_request(audio, audio_track, sum(job.is_video for job in jobs))
    for line in results.skipped(inputs, sources, recursive):
        print_message(line)
    batch = Batch()
    for problem in problems:
        batch.problem(problem)
    if fps is None and limit and any(job.is_video for job in jobs):
        print_message(f"videos are predicted at up to {limit:g} frames per second; --fps all predicts every frame")
    if jobs:
        done, text = _predict_all(jobs, out, model, prompt, condition, pick, request, batch)
        _print_summary(done, text)
    raise Exit(batch.code)


def _predict_all(jobs, out, model, prompt, condition, pick, request, batch):
    """Does the jobs of the Batch; a bad image or video is reported, and the others are done.

    Returns pairs of a job with results and what is done with its audio (a few words or None), and the prompt.
    """
    from mindaam import graphs, runtime
    from mindaam.inference import results
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor, choose_prompt
    from mindaam.zoo import ahead

    graphs.announce(print_message)
    graphs.compile_aside()
    model = DEFAULT_MODEL if model is None else model
    ahead.begin(model)
    runtime.configure(mode="graph")  # before any other import of MindSpore, which prints lines otherwise
    from mindaam.zoo.weights import model_prompts

    text = choose_prompt(prompt, condition, model_prompts(model))
    made, done = [folder for folder in results.folders(jobs, out) if not os.path.exists(folder)], []
    for folder in results.folders(jobs, out):
        prepare_folder(folder)
    try:
        with progress(len(jobs), "loading the model") as shown:
            predictor = Predictor(model)
            for job in jobs:
                shown.step(job.source.name)
                with batch.item(job.source):
                    if job.is_video:
                        problems, audio = _predict_video(job, predictor, text, pick, request, shown)
                    else:
                        problems, audio = _predict_image(job, predictor, text), None
                    done.append((job, audio))
                    for problem in problems:
                        batch.problem(problem)
    finally:
        for folder in reversed(made):
            with suppress(OSError):  # only an empty folder is removed: one that this call made and wrote nothing into
                folder.rmdir()
    return done, text


def _predict_image(job, predictor, prompt):
    """Writes the results of an image; raises what makes it unusable. Returns no problems."""
    from mindaam.data import media
    from mindaam.inference import results

    image = media.read_image(job.source)
    results.write(job, image, predictor.predict(image, prompt))
    for remark in media.image_remarks(job.source):
        print_message(remark)
    return []


def _predict_video(job, predictor, prompt, pick, request, shown):
    """Writes the results of a video; raises what makes it unusable.

    Returns the problems that did not end it, and what is done with its audio.
    """
    from mindaam.data.videos.reading import frames_of, video_info
    from mindaam.inference import results
    from mindaam.inference.audio_choice import choose_audio
    from mindaam.inference.videos import BACKBONE_SHARE, write_video

    info = video_info(job.source)
    if info.dynamic_range:
        print_message(f"{job.source}: tone-mapped from {info.dynamic_range}")
    total, seen, count, latest = frames_of(info, pick), 0, 0, None

    def see(frames):
        nonlocal seen
        seen = frames
        shown.within(BACKBONE_SHARE * seen + (1 - BACKBONE_SHARE) * count, total)

    def report(frames, second):
        nonlocal count, latest
        count, latest = frames, second
        shown.within(BACKBONE_SHARE * seen + (1 - BACKBONE_SHARE) * count, total)

    audio = choose_audio(job.source, info, predictor.model.config, request)
    try:
        done = write_video(job, predictor, prompt, pick, report, audio, see)
    except KeyboardInterrupt:
        if latest is not None:
            targets = [target for kind, target in job.targets.items() if kind != results.SUBMISSION]
            kept = ", ".join(str(target) for target in targets if target.exists())
            where = f"the results so far are in {kept}" if kept else "nothing of it was written"
            print_message(f"stopped at second {latest:.1f} of {job.source}; {where}")
        raise
    finally:
        if audio.stream is not None:
            audio.stream.close()
    return ([audio.problem] if audio.problem else []) + done.problems, audio.note


def _print_summary(done, prompt):
    """Prints on stdout what was done, pairs of a job and what is done with its audio, and where the results are."""
    if not done:
        return
    videos, images = ([job for job, _ in done if job.is_video == which] for which in (True, False))
    counts = [(len(images), "image"), (len(videos), "video")]
    print_line(", ".join(f"{n} {what}{'s' if n > 1 else ''}" for n, what in counts if n) + f', prompt: "{prompt}"')
    for audio in dict.fromkeys(audio for job, audio in done if job.is_video):
        names = [job.source.name for job, each in done if job.is_video and each == audio]
        print_line(f"audio of {names[0] if len(names) == 1 else f'{len(names)} videos'}: {audio}")
    results = []
    for group in (images, videos):
        if group:
            stem = group[0].source.stem
            targets = [target for target in group[0].targets.values() if target.exists()]
            results += [target if len(group) == 1 else target.with_name(target.name.replace(stem, "<name>", 1))
                        for target in targets]  # fmt: skip
    print_line("results: " + ", ".join(map(str, results)))
