"""Files that hold video and audio: opened as one of the FORMATS and as nothing else, and how long they are.

Playlists, scripts and network addresses, by which a file could make this machine read another, are not among them.
"""

import os

import av

from mindaam.data.media import require_file
from mindaam.errors import InputError

# FFmpeg's names of containers.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg,mxf,ivf,yuv4mpegpipe"
# Their headers say how long the film is, so that a cut shows.
DECLARING = ("mov", "matroska", "avi", "flv", "asf", "flac")
ABSOLUTE = ("matroska", "asf")  # what they say is counted from their clock's zero, not from their first frame
GUESSING = ("mpeg",)  # after a jump its times are guesses
SHORT = 1.0  # seconds that may be missing at the end
JUMP = 3600.0  # seconds between two frames that no film means


def open_film(path):
    """The film's container, to be closed. Raises InputError unless the file is a film in one of the FORMATS."""
    return open_container(path, FORMATS, "film", "an mp4, mov, webm, mkv or avi file")


def open_container(path, formats, what, instead):
    """The container in a file, to be closed. Raises InputError unless it is in one of the formats (FFmpeg's names).

    what: the file is expected to be. instead: what the user may give if it is not.
    """
    require_file(path, what)
    options = {"format_whitelist": formats, "protocol_whitelist": "file"}
    # "file:" keeps a name such as "concat:a|b" from being taken for a command
    name = f"file:{os.path.abspath(path)}"
    try:
        return av.open(name, container_options=options, metadata_errors="ignore")
    except PermissionError as error:
        raise InputError(f"{path} may not be read; check its permissions") from error
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory; it is damaged, or its frames are too large") from error
    except av.FFmpegError as error:
        raise InputError(f"{path} is not a {what}, or damaged from its start; give {instead}") from error


def reached_by(packet, origin, reached):
    """The second up to which a film is read with this packet too. origin: the container's time of the film's second 0.
    reached: the second before this packet; a leap that no film means does not count."""
    if packet.pts is None or not packet.time_base:
        return reached
    end = float((packet.pts + (packet.duration or 0)) * packet.time_base) - origin
    return end if reached < end < reached + JUMP else reached


def ends_early(container, reached):
    """Whether a film whose packets end at second `reached` ended well before its header says; of containers whose
    header does say."""
    duration = declared_length(container)
    return duration is not None and kind(container) in DECLARING and reached < duration - SHORT


def declared_length(container):
    """How long a film is in seconds, as its header says; None when it does not."""
    if not container.duration or container.duration < 0:
        return None
    before = max(0, container.start_time or 0) if kind(container) in ABSOLUTE else 0
    return max(0, container.duration - before) / av.time_base


def kind(container):
    """The first of FFmpeg's names of a container's format."""
    return container.format.name.split(",")[0]
