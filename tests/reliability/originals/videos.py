"""Small videos of many containers and codecs, before anything is done to them: 12 frames, half with a tone."""

import tempfile
from functools import cache
from pathlib import Path

from tests.clips import make_clip, pictures

FRAMES = 12
# kind: (suffix, codec, codec of the tone or None, further arguments of `make_clip`)
KINDS = {
    "mp4 h264": (".mp4", "libx264", "aac", {"options": {"bf": "2", "g": "6"}}),
    "mp4 h265": (".mp4", "libx265", None, {"options": {"x265-params": "log-level=none"}}),
    "fragmented mp4": (".mp4", "libx264", "aac", {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
    "turned mov": (".mov", "mjpeg", "pcm_s16le", {"pix_fmt": "yuvj420p", "rotation": 90}),
    "mov prores": (".mov", "prores", None, {"pix_fmt": "yuv422p10le"}),
    "3gp": (".3gp", "mpeg4", None, {}),
    "mkv h264": (".mkv", "libx264", "libopus", {"tone_rate": 48000}),
    "mkv ffv1": (".mkv", "ffv1", "flac", {}),
    "webm vp8": (".webm", "libvpx", None, {}),
    "webm vp9": (".webm", "libvpx-vp9", "libopus", {"tone_rate": 48000}),
    "avi mpeg4": (".avi", "mpeg4", "libmp3lame", {"options": {"bf": "2"}}),
    "avi mjpeg": (".avi", "mjpeg", "pcm_s16le", {"pix_fmt": "yuvj420p"}),
    "avi h264": (".avi", "libx264", None, {}),
    "flv": (".flv", "flv", "libmp3lame", {"tone_rate": 22050}),
    "flv h264": (".flv", "libx264", "aac", {}),
    "ts h264": (".ts", "libx264", "aac", {}),
    "ts mpeg2": (".ts", "mpeg2video", None, {}),
    "mpg": (".mpg", "mpeg2video", "mp2", {"tone_rate": 48000}),
    "vob": (".vob", "mpeg2video", "ac3", {"tone_rate": 48000}),
    "ogv": (".ogv", "libvpx", None, {"form": "ogg"}),
    "y4m": (".y4m", "wrapped_avframe", None, {"form": "yuv4mpegpipe"}),
    "ivf": (".ivf", "libvpx", None, {}),
    "asf": (".asf", "wmv2", "libmp3lame", {"tone_rate": 44100}),
    "mxf": (".mxf", "mpeg2video", None, {}),
}
NAMES = tuple(KINDS)


@cache
def video(kind):
    """(suffix, bytes) of a video of that kind, the same at every call on any day."""
    suffix, codec, tone_codec, rest = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"video{suffix}"
        tone = None if tone_codec is None else 0.48
        rest = {**rest, "container_options": {"fflags": "+bitexact", **rest.get("container_options", {})}}
        make_clip(path, pictures(FRAMES, (48, 64)), codec=codec, tone=tone, tone_codec=tone_codec or "aac", **rest)
        return suffix, path.read_bytes()
