"""Files that hold video and audio: opened as one of the FORMATS only, and their lengths.

Playlists, scripts and network addresses, by which a file could make this machine read another, are not among them.
"""

import os

import av

from mindaam.data.kinds import file_start, is_image
from mindaam.data.media import require_file
from mindaam.data.videos.decoding.truncation import is_cut
from mindaam.errors import InputError

# FFmpeg's names of containers.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg,mxf,ivf,yuv4mpegpipe"
# Their headers have the length of the video, so that truncation shows.
DECLARING = ("mov", "matroska", "avi", "flv", "asf", "flac")
ABSOLUTE = ("matroska", "asf")  # their length counts from their clock's zero, not from their first frame
LATE = ("flv", "mpegts", "mpeg")  # their streams may begin anywhere
PROBED = {"probesize": str(32 << 20), "analyzeduration": str(3600 * 10**6), "scan_all_pmts": "1"}  # bytes, microseconds
# Errors of PyAV for damaged files, beside those of FFmpeg: a damaged number, name or size may be anything.
FAULTS = (av.FFmpegError, ValueError, ArithmeticError, LookupError, MemoryError, RuntimeError)
GUESSING = ("mpeg",)  # after a seek its times are guesses
SHORT = 1.0  # seconds that may be missing at the end
JUMP = 3600.0  # seconds between two frames that are an error of the file


def open_video(path):
    """The video's container, to be closed. Raises InputError unless the file is a video in one of the FORMATS."""
    if is_image(file_start(path)):  # FFmpeg would open AVIF and HEIC as an mp4 of one frame
        raise InputError(f"{path} is an image by its content; give it an image's suffix, such as .jpg or .png")
    return open_container(path, FORMATS, "video", "an mp4, mov, webm, mkv or avi file")


def open_container(path, formats, what, instead):
    """The container in a file, to be closed. Raises InputError unless it is in one of the formats (FFmpeg's names).

    what: the expected kind of file. instead: kinds of files to give, for the message.
    """
    require_file(path, what)
    try:
        container = _opened(path, formats, {})
        return _with_late_streams(container, path, formats) if kind(container) in LATE else container
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory; it is damaged, or its frames are too large") from error
    except FAULTS as error:
        if isinstance(error, PermissionError) and not os.access(path, os.R_OK):  # FFmpeg raises it for damage too
            raise InputError(f"{path} cannot be read; check its permissions") from error
        raise InputError(f"{path} is not a {what}, or damaged from its start; give {instead}") from error


def _opened(path, formats, options):
    options = {"format_whitelist": formats, "protocol_whitelist": "file", **options}
    # "file:" keeps FFmpeg from interpreting a name such as "concat:a|b" as a command
    return av.open(f"file:{os.path.abspath(path)}", container_options=options, metadata_errors="ignore")


def _with_late_streams(container, path, formats):
    """The container, opened again with a longer probe where that finds video or audio that begins late."""
    known = _known(container)
    if len(known) == 2:
        return container
    try:
        longer = _opened(path, formats, PROBED)
    except FAULTS:
        return container  # as it could be opened
    if _known(longer) > known:
        container, longer = longer, container
    longer.close()
    return container


def _known(container):
    """The found kinds of streams of a container, of "video" and "audio"; video without a size is only declared."""
    streams = container.streams
    sized = any(each.codec_context is not None and each.codec_context.width for each in streams.video)
    return {name for name, found in (("video", sized), ("audio", bool(streams.audio))) if found}


def packets(container, *streams):
    """Yields the packets of some of a container's streams (none named: all), and at the end for each an empty one, by
    which its decoder returns its last frames. Raises one of FAULTS where the file cannot be read further.

    Streams that begin after the container was opened are skipped. Every reading of packets uses it.
    """
    reading = container.demux(*streams)
    while True:
        try:
            packet = next(reading, None)
        except IndexError:  # of PyAV, which also counts late streams; the others are complete
            return
        if packet is None:
            return
        if packet.size or packet.dts is None:  # an empty one with a time would end the decoding
            yield packet


def last_packet(stream):
    """The empty packet by which a stream's decoder returns its last frames, after `packets` raised."""
    packet = av.Packet()
    packet.stream, packet.time_base = stream, stream.time_base
    return packet


def reached_by(packet, origin, reached):
    """The second up to which a video is read with this packet too. origin: the container's time of the video's
    second 0. reached: the second before this packet; a leap of more than JUMP does not count."""
    if packet.pts is None or not packet.time_base:
        return reached
    end = float((packet.pts + (packet.duration or 0)) * packet.time_base) - origin
    return end if reached < end < reached + JUMP else reached


def ends_early(container, reached):
    """Whether a video whose packets end at second `reached` is truncated: well before the end in its header, of
    containers that declare it, or without the end of the file, of those that declare that."""
    duration = declared_length(container)
    if duration is None or kind(container) not in DECLARING or reached >= duration - SHORT:
        return False
    return is_cut(container.name.removeprefix("file:"), kind(container)) is not False


def declared_length(container):
    """The length of a video in seconds by its header; None when that has none. Where edit lists leave video and audio
    well shorter than the declared whole, it is their length."""
    if not container.duration or container.duration < 0:
        return None
    before = max(0, container.start_time or 0) if kind(container) in ABSOLUTE else 0
    length = max(0, container.duration - before) / av.time_base
    if kind(container) == "mov":
        ends = [_declared_end(stream) for stream in (*container.streams.video, *container.streams.audio)]
        if ends and None not in ends and max(ends) < length - SHORT:
            return max(ends)
    return length


def _declared_end(stream):
    if not stream.duration or stream.duration < 0 or not stream.time_base:
        return None
    return float((max(0, stream.start_time or 0) + stream.duration) * stream.time_base)


def kind(container):
    """The first of FFmpeg's names of a container's format."""
    return container.format.name.split(",")[0]
