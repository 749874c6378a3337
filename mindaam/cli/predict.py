"""`mindaam predict`: overlays and maps of images and videos for a prompt."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option

from mindaam.cli.common.batches import Batch
from mindaam.cli.common.completion import conditions, models
from mindaam.cli.common.terminal import progress
from mindaam.files import prepare_folder
from mindaam.streams import print_line, print_message

KINDS = (
    "Any of: overlay (heat map on the image), map (8-bit gray), npy (density that sums to 1), uncertainty (gray: how "
    "far four views of an image differ), submission (NTIRE 2026: one video of maps per video)."
)
INPUT = "Images, videos, folders of them, or one CSV table with the columns image and prompt."
PROMPT = "Description of the viewer and the task; repeatable: results for each."
CONDITION = "A built-in viewing condition, or a prompt name of the checkpoint, in place of its prompt; repeatable."
MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run."
START, END = "Videos: start time in seconds.", "Videos: end time in seconds."
EVERY = "Videos: every Nth frame only; 1 is every frame."
FPS = 'Videos: at most this many frames per second, or "all" (default: 5; all for --every and a submission).'
AUDIO = "Videos: auto (use the audio track if the model supports it), off, or an audio file to use instead."
TRACK, GATE = "Videos: index of the audio track, from 0.", "Videos: plot the audio gate over time."
STYLE = "Overlay: heat (colors where people look), fog (hides where nobody does) or contour (lines only)."
OPACITY = "Overlay: opacity of the heat, the fog or the lines (default: 0.72; 1 for lines)."
TILES = "Images: predict long ones in overlapping tiles; auto does so for tall pages."
TTA = "Images: mirror averages the map with that of the mirror image, in twice the time."
LEGEND = "Overlay: a strip with the prompt and the scale under the image."
REGIONS = "JSON file of boxes and polygons, or a mask image: shares of attention, results.csv, results.json."
REPORT = "Write report.html: image, maps side by side, their differences, numbers."
PROMPTS = 20  # printed
RECURSIVE = "Include subfolders; the output folder repeats their structure."


def predict(
    inputs: Annotated[list[Path], Argument(metavar="INPUT", help=INPUT)],
    out: Annotated[Path, Option("-o", "--out", metavar="DIR", help="Output folder; created if it does not exist.")],
    model: Annotated[str | None, Option(metavar="NAME|PATH", autocompletion=models, help=MODEL)] = None,
    prompt: Annotated[list[str] | None, Option(metavar="TEXT", help=PROMPT)] = None,
    condition: Annotated[
        list[str] | None, Option(metavar="NAME", autocompletion=conditions, help=CONDITION)
    ] = None,
    save: Annotated[str, Option(metavar="KINDS", help=KINDS)] = "overlay,map",
    start: Annotated[float, Option(metavar="SECONDS", help=START)] = 0.0,
    end: Annotated[float | None, Option(metavar="SECONDS", help=END)] = None,
    every: Annotated[int | None, Option(metavar="N", help=EVERY)] = None,
    fps: Annotated[str | None, Option(metavar="RATE|all", help=FPS)] = None,
    audio: Annotated[str, Option(metavar="auto|off|FILE", help=AUDIO)] = "auto",
    audio_track: Annotated[int, Option(metavar="N", help=TRACK)] = 0,
    plot_gate: Annotated[bool, Option("--plot-gate", help=GATE)] = False,
    regions: Annotated[Path | None, Option(metavar="FILE", help=REGIONS)] = None,
    report: Annotated[bool, Option("--report", help=REPORT)] = False,
    recursive: Annotated[bool, Option("--recursive", help=RECURSIVE)] = False,
    style: Annotated[str, Option(metavar="heat|fog|contour", help=STYLE)] = "heat",
    opacity: Annotated[float | None, Option(metavar="0..1", help=OPACITY)] = None,
    legend: Annotated[bool, Option("--legend/--no-legend", help=LEGEND)] = True,
    tiles: Annotated[str, Option(metavar="auto|on|off", help=TILES)] = "auto",
    tta: Annotated[str, Option(metavar="none|mirror", help=TTA)] = "none",
):
    """Predict where people look in images and videos (default: free viewing)."""
    from mindaam import compilation, runtime

    runtime.link_libraries()
    from mindaam.data.videos.picks import Pick, checked_pick
    from mindaam.inference import render, results
    from mindaam.inference.audio_request import checked_request, require_videos
    from mindaam.inference.views.predicting import Views, checked_views

    look = render.checked_look(render.Look(style, opacity, legend))
    kinds = results.parse_kinds(save)
    views = checked_views(Views(tiles, tta, results.UNCERTAINTY in kinds))
    limit = results.frames_per_second(fps, kinds, every)
    pick = results.checked_pick_of(kinds, checked_pick(Pick(start, end, 1 if every is None else every, limit)))
    asked = _asked(inputs, prompt or [], condition or [], recursive)
    sources, pairs, problems = asked.sources, asked.choices, asked.problems
    tags = results.tags(pairs)
    jobs = results.plan(sources, out, kinds, plot_gate, tags, inputs if recursive else (), asked.of, look, views)
    numbers = _numbers(out, regions, report, pairs) if regions or report else None
    videos = len({job.source for job in jobs if job.is_video})
    request = checked_request(audio, audio_track, videos)
    if jobs and not videos and not problems:
        require_videos(audio_track, plot_gate)
    for line in results.skipped(inputs, sources, recursive):
        print_message(line)
    batch = Batch()
    for problem in problems:
        batch.problem(problem)
    if numbers:
        jobs = numbers.fitting(jobs, batch)
    if videos and (tiles == "on" or tta != "none"):
        print_message("videos are predicted without tiles and mirror images")
    if fps is None and limit and videos:
        print_message(f"videos are predicted at up to {limit:g} frames per second; --fps all predicts every frame")
    if jobs:
        begun = compilation.compiled()
        done, texts = _predict_all(jobs, out, model, pairs, asked.of is not None, pick, request, numbers, batch)
        if compilation.compiled_since(begun):
            print_message(compilation.compiled_since(begun))
        _print_summary(done, texts, tags)
        if numbers:
            numbers.print()
    raise Exit(batch.code)


def _numbers(out, regions, report, pairs):
    from mindaam.cli.common.numbers import Numbers

    return Numbers(out, regions, report, [condition for _, condition in pairs])


def _asked(inputs, prompt, condition, recursive):
    """The Pairs of a table, or of all inputs with all prompts, whose `of` is None."""
    from mindaam.errors import ConfigError
    from mindaam.inference import results
    from mindaam.inference.choosing import choices
    from mindaam.inference.numbers.table_input import Pairs, is_table, read_pairs

    if not any(map(is_table, inputs)):
        sources, problems = results.find_sources(inputs, recursive)
        return Pairs(sources, choices(prompt, condition), None, problems)
    if len(inputs) > 1 or prompt or condition:
        raise ConfigError("a table contains its images and prompts; give it alone, without --prompt and --condition")
    return read_pairs(inputs[0])


def _predict_all(jobs, out, model, pairs, is_table, pick, request, numbers, batch):
    """Does the jobs of the Batch; a bad image or video is reported, and the others are done. is_table: a bad prompt is
    reported, too.

    Returns pairs of a job with results and what is done with its audio (a few words or None), and the prompts.
    """
    from mindaam.cli.common.starting import started
    from mindaam.inference import results
    from mindaam.inference.choosing import choose_prompts, usable_prompts
    from mindaam.inference.predictor import Predictor

    model = started(model)
    from mindaam.zoo.weights import model_prompts

    own = model_prompts(model)
    texts, problems = usable_prompts(pairs, own) if is_table else (choose_prompts(pairs, own), [])
    for problem in problems:
        batch.problem(problem)
    jobs = [job for job in jobs if texts[job.number] is not None]
    if not jobs:
        return [], texts
    jobs = results.signed(jobs, texts, model)
    sources = _by_source(jobs)
    made, done = [folder for folder in results.folders(jobs, out) if not os.path.exists(folder)], []
    for folder in results.folders(jobs, out):
        prepare_folder(folder)
    try:
        with progress(len(sources), "loading the model") as shown:
            predictor = Predictor(model)
            for remark in predictor.remarks(list(dict.fromkeys(texts[job.number] for job in jobs))):
                print_message(remark)
            for source, group in sources.items():
                shown.step(source.name)
                with batch.item(source):
                    if group[0].is_video:
                        problems, audio = _predict_video(group, predictor, texts, pick, request, numbers, shown)
                        done += [(job, audio) for job in group]
                        for problem in problems:
                            batch.problem(problem)
                    else:
                        done += [(job, None) for job in _predict_image(group, predictor, texts, numbers, batch)]
    finally:
        if numbers and numbers.collected.records:
            numbers.write(predictor)
        for folder in reversed(made):
            with suppress(OSError):  # only an empty folder is removed: one that this call made and wrote nothing into
                folder.rmdir()
    return done, texts


def _by_source(jobs):
    """{source: its jobs, one per prompt}, in order."""
    found = {}
    for job in jobs:
        found.setdefault(job.source, []).append(job)
    return found


def _predict_image(jobs, predictor, prompts, numbers, batch):
    """Writes the results of an image under its prompts; raises what makes it unusable. Returns the jobs done."""
    from mindaam.data import media
    from mindaam.inference import results
    from mindaam.inference.views import predicting

    source, done = jobs[0].source, []
    image = media.read_image(source)
    if (count := predicting.in_tiles(image.shape[:2], jobs[0].views.tiles)) > 1:
        print_message(f"{source} is predicted in {count} tiles; --tiles off predicts it as a whole")
    seen = predicting.predict(predictor, image, [prompts[job.number] for job in jobs], jobs[0].views)
    predictions = [each.prediction for each in seen]
    for job, each in zip(jobs, seen, strict=True):
        with batch.item(source):
            results.write(job, image, each.prediction, each.spread)
            done.append(job)
    if numbers:
        numbers.collected.add_image(jobs, image, predictions)
    for remark in media.image_remarks(source):
        print_message(remark)
    return done


def _predict_video(jobs, predictor, prompts, pick, request, numbers, shown):
    """Writes the results of a video under its prompts; raises what makes it unusable.

    Returns the problems that did not end it, and what is done with its audio.
    """
    from mindaam.data.videos.reading import frames_of, video_info
    from mindaam.inference import results
    from mindaam.inference.audio_choice import choose_audio
    from mindaam.inference.videos import BACKBONE_SHARE, write_videos

    source = jobs[0].source
    info = video_info(source)
    if info.dynamic_range:
        print_message(f"{source}: tone-mapped from {info.dynamic_range}")
    total, seen, count, latest = frames_of(info, pick), 0, 0, None

    def see(frames):
        nonlocal seen
        seen = frames
        shown.within(BACKBONE_SHARE * seen + (1 - BACKBONE_SHARE) * count, total)

    def report(frames, second):
        nonlocal count, latest
        count, latest = frames, second
        shown.within(BACKBONE_SHARE * seen + (1 - BACKBONE_SHARE) * count, total)

    texts = [prompts[job.number] for job in jobs]
    frames = numbers and numbers.collected.frames(jobs, (info.height, info.width))
    watch = frames and frames.add
    audio = choose_audio(source, info, predictor.model.config, request)
    try:
        done = write_videos(jobs, predictor, texts, pick, report, audio, see, watch)
    except KeyboardInterrupt:
        if latest is not None:
            targets = [each for job in jobs for kind, each in job.targets.items() if kind != results.SUBMISSION]
            kept = ", ".join(str(target) for target in targets if target.exists())
            where = f"the results so far are in {kept}" if kept else "nothing of it was written"
            print_message(f"stopped at second {latest:.1f} of {source}; {where}")
        raise
    finally:
        if audio.stream is not None:
            audio.stream.close()
        if frames and frames.frame is not None:
            numbers.collected.add_video(frames, texts)
    return ([audio.problem] if audio.problem else []) + done.problems, audio.note


def _print_summary(done, prompts, tags):
    """Prints on stdout what was done, pairs of a job and what is done with its audio, and where the results are.

    tags: the part of the names of results that stands for each of the prompts.
    """
    if not done:
        return
    groups = [_by_source([job for job, _ in done if job.is_video == which]) for which in (False, True)]
    counts = [(len(group), what) for group, what in zip(groups, ("image", "video"), strict=True)]
    made = ", ".join(f"{n} {what}{'s' if n > 1 else ''}" for n, what in counts if n)
    if len(prompts) == 1:
        print_line(f'{made}, prompt: "{prompts[0]}"')
    else:
        used = sorted({job.number for job, _ in done})
        print_line(f"{made}, {len(used)} prompts:")
        for number in used[:PROMPTS]:
            print_line(f'  {tags[number]}: "{prompts[number]}"')
        if len(used) > PROMPTS:
            print_line(f"  and {len(used) - PROMPTS} more")
    noted = {job.source: audio for job, audio in done if job.is_video}
    for audio in dict.fromkeys(noted.values()):
        names = [source.name for source, each in noted.items() if each == audio]
        print_line(f"audio of {names[0] if len(names) == 1 else f'{len(names)} videos'}: {audio}")
    results = []
    for group in groups:
        for source, jobs in list(group.items())[:1]:
            targets = [target for job in jobs for target in job.targets.values() if target.exists()]
            results += [target if len(group) == 1 else target.with_name(target.name.replace(source.stem, "<name>", 1))
                        for target in targets]  # fmt: skip
    print_line("results: " + ", ".join(map(str, results)))
