"""Small films made on the spot: grey frames whose brightness tells their number, with a tone beside them if asked."""

from fractions import Fraction

import av
import numpy as np

from mindaam.data.audio.audio_track import AudioTrack, NoAudio

TICKS = 1000
STEP = 8  # grey levels from one frame to the next


def level(number):
    """The grey level of the frame of that number."""
    return 16 + STEP * number % 224


def pictures(count, size=(48, 64)):
    """`count` frames uint8 RGB [H,W,3], each of one grey."""
    return [np.full((*size, 3), level(number), np.uint8) for number in range(count)]


def number_of(image):
    """The number (modulo 28) of the frame that an image, perhaps compressed, shows."""
    return round((float(np.median(image)) - 16) / STEP)


def make_clip(
    path,
    frames,
    *,
    times=None,
    rate=25,
    codec="libx264",
    pix_fmt="yuv420p",
    rotation=0,
    options=None,
    tone=None,
    tone_codec="aac",
    tone_rate=16000,
    tone_from=0.0,
    tone_layout="mono",
    form=None,
    container_options=None,
    prepare=None,
):
    """Writes frames (uint8 RGB [H,W,3]) shown at `times` (seconds, None: `rate` a second); returns the path.

    rotation: degrees by which a player turns it. tone: seconds of a sine of 440 Hz, or the sound itself as float32
    [channels, samples], or None for no sound; it begins at second tone_from. form: the container, by the suffix when
    None. prepare: called with the video stream before frames.
    """
    times = [number / rate for number in range(len(frames))] if times is None else times
    with av.open(str(path), "w", format=form, container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = frames[0].shape[:2] if frames else (48, 64)
        stream.pix_fmt, stream.codec_context.time_base = pix_fmt, Fraction(1, rate if codec == "mpeg2video" else TICKS)
        if rotation:
            stream.set_display_rotation(rotation)
        if prepare:
            prepare(stream)
        sound = container.add_stream(tone_codec, rate=tone_rate, layout=tone_layout) if tone is not None else None
        for image, time in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = round(time * TICKS), Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        if frames:
            container.mux(stream.encode(None))
        if sound is not None:
            container.mux(_packets(sound, sine(tone, tone_rate) if np.isscalar(tone) else tone, tone_rate, tone_from))
    return path


def sine(seconds, rate):
    """A sine of 440 Hz as float32 [1, samples]."""
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)[None]


def _packets(stream, wave, rate, start):
    packets = []
    for first in range(0, wave.shape[1], 1024):
        piece = np.ascontiguousarray(wave[:, first : first + 1024])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=stream.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = rate, first + round(start * rate), Fraction(1, rate)
        packets += stream.encode(frame)
    return packets + list(stream.encode(None))


def trimmed(source, target, seconds):
    """Copies a video without its first seconds and without encoding it anew: an edit list hides what comes before, and
    the header counts it all the same; returns the new path."""
    with av.open(str(source)) as container, av.open(str(target), "w") as copy:
        stream = container.streams.video[0]
        twin = copy.add_stream_from_template(stream)
        shift = round(seconds / stream.time_base)
        for packet in container.demux(stream):
            if packet.size:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, twin
                copy.mux(packet)
    return target


def read_audio(path, rate, start=0.0, end=None):
    """The audio of a video from `start` to `end` (seconds, None: its end), float32 [samples]; None without audio."""
    try:
        track = AudioTrack(path, rate)
    except NoAudio:
        return None
    with track:
        first = round(start * rate)
        return track.rest(first) if end is None else track.samples(first, round((end - start) * rate))
