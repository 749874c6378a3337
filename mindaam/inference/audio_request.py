"""Which audio is asked for; apart from `audio_choice`, whose decoders take longer to import."""

from pathlib import Path
from typing import NamedTuple

from mindaam.data import kinds
from mindaam.data.media import require_file
from mindaam.errors import ConfigError, InputError

AUTO, OFF = "auto", "off"


class AudioRequest(NamedTuple):
    """Requested audio. source: AUTO, the video's own where the model takes audio; OFF; or the Path of an audio file.
    track: number of the video's audio track, from 0."""

    source: str | Path = AUTO
    track: int = 0


def checked_request(source, track, videos):
    """The AudioRequest of a source, AUTO, OFF or a path, and a track, for so many videos.

    Raises ConfigError for a negative track, and for an audio file unless there is one video; InputError for a path
    without a file, and for an image.
    """
    if track < 0:
        raise ConfigError(f"--audio-track {track} does not exist; audio tracks are counted from 0")
    if source in (AUTO, OFF):
        return AudioRequest(source, track)
    require_file(source, "audio file")
    if kinds.is_image(kinds.file_start(source)):
        raise InputError(f"--audio {source} is an image; give an audio file, or a video with audio")
    if videos != 1:
        raise ConfigError(f"--audio FILE needs exactly one video, and the inputs have {videos}; give one video")
    return AudioRequest(Path(source), track)


def require_videos(track, plot_gate):
    """Raises ConfigError for options of audio where the inputs have no video: a track other than 0, and the plot."""
    for given, option in ((track, "--audio-track"), (plot_gate, "--plot-gate")):
        if given:
            raise ConfigError(f"{option} is for videos, and the inputs have none; remove it, or give a video")
