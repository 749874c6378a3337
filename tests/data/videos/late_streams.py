"""Files in which a stream begins only after the part that is looked at when they are opened, made on the spot."""

import av
import numpy as np

from tests.clips import make_clip, pictures, sine

HEADER, TAG = 13, 11  # bytes of FLV before its first tag, and before a tag's data
AUDIO, VIDEO = 8, 9


def flv(path, first, later, after):
    """An FLV whose tags of one kind (AUDIO, VIDEO) come first, those of the other from second `after` on, by which its
    header knows nothing of them. 225 frames at 25 a second, or 9 seconds of audio; then 2 seconds of the other."""
    long = make_clip(path.with_suffix(".long.flv"), pictures(225), codec="flv", tone=9.0, tone_rate=44100)
    tags = [tag for tag in _tags(long.read_bytes()) if tag[0] == first]
    tags += [_moved(tag, after) for tag in _tags(long.read_bytes()) if tag[0] == later and _second(tag) < 2]
    bits = {AUDIO: 4, VIDEO: 1}[first]
    data = b"FLV\1" + bytes([bits, 0, 0, 0, 9, 0, 0, 0, 0])
    path.write_bytes(data + b"".join(tag + len(tag).to_bytes(4, "big") for tag in tags))
    return path


def _tags(data):
    place = HEADER
    while place < len(data):
        end = place + TAG + int.from_bytes(data[place + 1 : place + 4], "big")
        yield data[place:end]
        place = end + 4


def _second(tag):
    return int.from_bytes(tag[7:8] + tag[4:7], "big") / 1000


def _moved(tag, after):
    time = round(1000 * (_second(tag) + after)).to_bytes(4, "big")
    return tag[:4] + time[1:] + time[:1] + tag[8:]


def glued(path, form, first):
    """Two programme or transport streams in one file: `first` alone ("video" or "audio"), then 2 seconds of both."""
    beside = path.with_suffix(".both" + path.suffix)
    both = make_clip(beside, pictures(50), codec="mpeg2video", form=form, tone=2.0, tone_codec="mp2", tone_rate=44100)
    if first == "video":
        alone = make_clip(path.with_suffix(".one" + path.suffix), pictures(250), codec="mpeg2video", form=form)
    else:
        alone = _audio(path.with_suffix(".one" + path.suffix), form, 10.0)
    path.write_bytes(alone.read_bytes() + both.read_bytes())
    return path


def _audio(path, form, seconds):
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream("mp2", rate=44100, layout="mono")
        wave = sine(seconds, 44100)
        for first in range(0, wave.shape[1], 1152):
            piece = np.ascontiguousarray(wave[:, first : first + 1152])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
