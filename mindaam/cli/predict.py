"""`mindaam predict`: overlays and maps of images and videos for a prompt."""

import os
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NamedTuple

from typer import Argument, Exit, Option

from mindaam.cli.batches import Batch
from mindaam.cli.terminal import progress
from mindaam.files import prepare_folder
from mindaam.streams import print_line, print_message

KINDS = "Any of: overlay (heat map on the image), map (8-bit gray), npy (density that sums to 1)."
CONDITION = "A built-in viewing condition, or a prompt name of the checkpoint, instead of --prompt."
MODEL = "Name of a model, a .safetensors checkpoint, or the folder of a run."
START, END = "Videos: start time in seconds.", "Videos: end time in seconds."
EVERY, FPS = "Videos: every Nth frame only.", "Videos: at most this many frames per second."
AUDIO = "Videos: auto (use the audio track if the model supports it), off, or an audio file to use instead."
TRACK, GATE = "Videos: index of the audio track, from 0.", "Videos: plot the audio gate over time."


def predict(
    inputs: Annotated[list[Path], Argument(metavar="INPUT", help="Images, videos, or folders of them.")],
    out: Annotated[Path, Option("-o", "--out", metavar="DIR", help="Output folder; created if it does not exist.")],
    model: Annotated[str | None, Option(metavar="NAME|PATH", help=MODEL)] = None,
    prompt: Annotated[str | None, Option(metavar="TEXT", help="Description of the viewer and the task.")] = None,
    condition: Annotated[str | None, Option(metavar="NAME", help=CONDITION)] = None,
    save: Annotated[str, Option(metavar="KINDS", help=KINDS)] = "overlay,map",
    start: Annotated[float, Option(metavar="SECONDS", help=START)] = 0.0,
    end: Annotated[float | None, Option(metavar="SECONDS", help=END)] = None,
    every: Annotated[int, Option(metavar="N", help=EVERY)] = 1,
    fps: Annotated[float | None, Option(metavar="RATE", help=FPS)] = None,
    audio: Annotated[str, Option(metavar="auto|off|FILE", help=AUDIO)] = "auto",
    audio_track: Annotated[int, Option(metavar="N", help=TRACK)] = 0,
    plot_gate: Annotated[bool, Option("--plot-gate", help=GATE)] = False,
):
    """Predict where people look in images and videos (default: free viewing)."""
    from mindaam.data.videos.reading import Pick, checked_pick
    from mindaam.inference import results

    kinds = results.parse_kinds(save)
    pick = checked_pick(Pick(start, end, every, fps))
    sources, problems = results.find_sources(inputs)
    jobs = results.plan(sources, out, kinds, plot_gate)
    asked = Asked(pick, *_sound_asked(audio, audio_track, jobs))
    for line in results.passed_over(inputs, sources):
        print_message(line)
    batch = Batch()
    for problem in problems:
        batch.problem(problem)
    done, sentence = _predict_all(jobs, out, model, prompt, condition, asked, batch) if jobs else ([], "")
    if done:
        _summary(done, sentence)
    raise Exit(batch.code)


class Asked(NamedTuple):
    """What the options want of videos: their frames; "auto", "off" or the Path of an audio file; the audio track."""

    pick: object
    audio: str | Path
    track: int


def _sound_asked(audio, track, jobs):
    """The options of sound, checked: "auto", "off" or a Path, and the track. Raises ConfigError, InputError."""
    from mindaam.data.media import require_file
    from mindaam.errors import ConfigError

    if track < 0:
        raise ConfigError(f"audio track {track} does not exist, tracks are counted from 0; change --audio-track")
    if audio in ("auto", "off"):
        return audio, track
    require_file(audio, "audio file")
    films = sum(job.is_video for job in jobs)
    if films != 1:
        raise ConfigError(f"--audio FILE applies to one video, and {films} were given; give one, or remove --audio")
    return Path(audio), track


def _predict_all(jobs, out, model, prompt, condition, asked, batch):
    """Does the jobs of the Batch; a bad image or video is reported and skipped, whatever is wrong with it.

    Returns pairs of a job with results and the use of its audio (a few words or None), and the sentence used.
    """
    from mindaam import runtime
    from mindaam.inference.predictor import DEFAULT_MODEL, Predictor, choose_prompt
    from mindaam.zoo.weights import model_prompts

    runtime.configure(mode="graph")  # before anything else imports MindSpore, which would then chatter
    model = DEFAULT_MODEL if model is None else model
    sentence = choose_prompt(prompt, condition, model_prompts(model))
    made, done = not os.path.exists(out), []
    prepare_folder(out)
    try:
        with progress(len(jobs), "loading the model") as shown:
            predictor = Predictor(model)
            for job in jobs:
                shown.step(job.source.name)
                with batch.item(job.source):
                    predict_one = _predict_video if job.is_video else _predict_image
                    problems, fate = predict_one(job, predictor, sentence, asked, shown)
                    done.append((job, fate))
                    for problem in problems:
                        batch.problem(problem)
    finally:
        if made:
            with suppress(OSError):  # only an empty folder goes: one that this call made and wrote nothing into
                out.rmdir()
    return done, sentence


def _predict_image(job, predictor, sentence, asked, shown):
    """Writes an image's results; what makes it unusable is raised. Returns no problems, and nothing of sound."""
    from mindaam.data import media
    from mindaam.inference import results

    image = media.read_image(job.source)
    results.write(job, image, predictor.predict(image, sentence))
    for remark in media.image_remarks(job.source):
        print_message(remark)
    return [], None


def _predict_video(job, predictor, sentence, asked, shown):
    """Writes a video's results; what makes it unusable is raised.

    Returns the problems, and the use of its audio.
    """
    from mindaam.data.videos.reading import video_info
    from mindaam.inference.videos import write_video

    info, pick = video_info(job.source), asked.pick
    if info.dynamic_range:
        print_message(f"{job.source}: tone-mapped from {info.dynamic_range}")
    length = info.duration
    length = min(pick.end or length, length) - pick.start if length else pick.end and pick.end - pick.start
    seen = deque(maxlen=1)

    def report(frames, second):
        seen.append(second)
        shown.within(frames, second - pick.start, length)

    heard, fate, problems = _heard(job.source, info, predictor.model.config, asked)
    try:
        done = write_video(job, predictor, sentence, pick, report, heard)
    except KeyboardInterrupt:
        if seen:
            kept = ", ".join(str(target) for target in job.targets.values() if target.exists())
            print_message(
                f"stopped at second {seen[-1]:.1f} of {job.source}; the frames processed so far are in {kept}"
            )
        raise
    finally:
        if heard.audio_stream is not None:
            heard.audio_stream.close()
    problems += [done.problem] if done.problem else []
    if heard.audio_stream is not None and heard.audio_stream.track.problem:
        problems.append(heard.audio_stream.track.problem)
    elif done.audio_lost is not None:
        problems.append(f"the audio of {job.source} could not be read after second {done.audio_lost:.1f} of the result")
    if "gate" in job.targets and heard.audio_stream is None:
        problems.append(f"no gate of {job.source} was plotted: its audio was {fate}")
    return problems, fate


def _heard(film, info, config, asked):
    """The video's sound as the options want it: Heard, its use in a few words, what went wrong."""
    from mindaam.errors import InputError
    from mindaam.inference.audio_stream import open_audio_stream, unheard_because
    from mindaam.inference.videos import Heard

    own = asked.audio in ("auto", "off")
    if own and info.has_audio and asked.track >= info.audio_tracks:
        there = f"{info.audio_tracks} audio track{'s' if info.audio_tracks > 1 else ''}, counted from 0"
        return Heard(), "not used", [f"{film} has {there}, and no track {asked.track}; change --audio-track"]
    kept = Heard(track=asked.track)
    if asked.audio == "off":
        return kept, "not used, as requested", []
    reason = unheard_because(config, info.audio_tracks) if own else None
    if reason:
        return kept, f"not used: {reason}", []
    try:
        audio_stream = open_audio_stream(config, film if own else asked.audio, info.rate, track=asked.track)
    except InputError as error:
        return Heard(), "not used", [error]
    fate = f"used by {config.audio.name}" + ("" if own else f", from {asked.audio}")
    return Heard(audio_stream, None if own else asked.audio, asked.track), fate, []


def _summary(done, sentence):
    """Says on stdout what was done, pairs of a job and the use of its audio, and where it lies."""
    films, photos = ([job for job, _ in done if job.is_video == which] for which in (True, False))
    counts = [(len(photos), "image"), (len(films), "video")]
    counted = ", ".join(f"{n} {what}{'s' if n > 1 else ''}" for n, what in counts if n)
    print_line(f'{counted} with the prompt "{sentence}"')
    for fate in dict.fromkeys(fate for job, fate in done if job.is_video):
        names = [job.source.name for job, each in done if job.is_video and each == fate]
        print_line(f"audio of {names[0] if len(names) == 1 else f'{len(names)} videos'}: {fate}")
    places = []
    for group in (photos, films):
        if group:
            stem = group[0].source.stem
            targets = [target for target in group[0].targets.values() if target.exists()]
            places += [target if len(group) == 1 else target.with_name(target.name.replace(stem, "<name>", 1))
                       for target in targets]  # fmt: skip
    print_line("results: " + ", ".join(map(str, places)))
