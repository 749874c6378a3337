"""Which audio a video is predicted with and which its overlay keeps, and why a model does not use any."""

from pathlib import Path
from typing import NamedTuple

from mindaam.data.audio.cutting import cut_of, track_rate
from mindaam.data.datasets.catalogue import catalogue
from mindaam.errors import InputError
from mindaam.inference.audio_request import AUTO, OFF, AudioRequest
from mindaam.inference.audio_stream import AudioStream, open_audio_stream


class AudioChoice(NamedTuple):
    """The audio of one video.

    stream: the AudioStream for the model, None where the model uses no audio. file: the file whose audio the overlay
    keeps, None for the video itself. track: number of its audio track. note: what is done with the audio, in a few
    words. problem: an InputError, or None.
    """

    stream: AudioStream | None = None
    file: Path | None = None
    track: int = 0
    note: str = "not used"
    problem: InputError | None = None


def choose_audio(video, info, config, request=AudioRequest()):  # noqa: B008 - an immutable tuple
    """The AudioChoice for a video, whose stream the caller closes.

    video: its path; info: its VideoInfo; config: the model's ModelConfig. Audio that cannot be opened is a problem of
    the choice. Raises ConfigError for an audio file and a model without an audio branch, CheckpointError where the
    weights of its audio encoder are missing.
    """
    own = request.source in (AUTO, OFF)
    if own and info.has_audio and request.track >= info.audio_tracks:
        tracks = f"{info.audio_tracks} audio track{'s' if info.audio_tracks > 1 else ''}, counted from 0"
        fault = f"{video} has {tracks}; track {request.track} does not exist, change --audio-track"
        return AudioChoice(problem=InputError(fault))
    if request.source == OFF:
        return AudioChoice(track=request.track, note="not used, as requested")
    reason = unused_because(config, info.audio_tracks) if own else None
    if reason:
        return AudioChoice(track=request.track, note=f"not used: {reason}")
    try:
        stream = open_audio_stream(config, video if own else request.source, info.rate, track=request.track)
    except InputError as error:
        return AudioChoice(problem=error)
    note = f"used, encoded by {config.audio.name}" + ("" if own else f", from {request.source}")
    return AudioChoice(stream, None if own else request.source, request.track, note)


def choose_reader_audio(reader, index, config, source, encoder):
    """The AudioChoice for a video of a reader, by the rules of `choose_audio`; the caller closes its stream.

    source: AUTO or OFF. encoder: called for the audio encoder where one is needed. The published datasets whose record
    is "video" are used without audio, in training too. Audio that cannot be opened is a problem of the choice.
    """
    if source == OFF:
        return AudioChoice(note="not used, as requested")
    record = catalogue().get(reader.name)
    if record is not None and record.modality == "video":
        return AudioChoice(note=f"not used: {record.title} is a dataset of videos without audio")
    reason = unused_because(config, int(reader.has_audio(index)))
    if reason:
        return AudioChoice(note=f"not used: {reason}")
    try:
        track = reader.audio_track(index, track_rate(cut_of(config.sound)))
    except InputError as error:
        return AudioChoice(problem=error)
    stream = AudioStream(track, encoder(), config.sound, reader.file_rate(index))
    return AudioChoice(stream, note=f"used, encoded by {config.audio.name}")


def unused_because(config, tracks):
    """Why a model of this ModelConfig does not use the audio of a video with so many audio tracks; None if it does."""
    from mindaam.zoo.factory import is_installed

    if config.audio is None:
        return f"the model {config.name} has no audio branch"
    if not tracks:
        return "the video has no audio"
    if not is_installed(config.audio.name):
        return f'the weights of {config.audio.name} are not installed (run "mindaam zoo fetch {config.audio.name}")'
    return None
