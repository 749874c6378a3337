"""Short audio files of many kinds, before anything is done to them: a tone of a third of a second."""

import io
import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import soundfile

SECONDS, RATE = 0.3, 16_000
# those of floats have the time in them
SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM")
# (suffix, libsndfile's format, its subtype)
BY_SNDFILE = {
    **{f"wav {kind}": (".wav", "WAV", kind) for kind in SUBTYPES},
    "extensible wav": (".wav", "WAVEX", "PCM_16"),
    "rf64": (".wav", "RF64", "PCM_16"),
    "w64": (".w64", "W64", "PCM_24"),
    "flac": (".flac", "FLAC", "PCM_16"),
    "aiff": (".aiff", "AIFF", "PCM_24"),
    "au": (".au", "AU", "PCM_16"),
    "caf": (".caf", "CAF", "FLOAT"),
}  # fmt: skip
# (suffix, FFmpeg's codec, rate, FFmpeg's container where the suffix does not say it)
BY_FFMPEG = {
    "wav of 64 bits": (".wav", "pcm_s64le", RATE, None),
    "w64 of 64 bits": (".w64", "pcm_s64le", RATE, None),
    "alac": (".m4a", "alac", RATE, "mp4"),
    "wav of 32-bit floats": (".wav", "pcm_f32le", RATE, None),
    "wav of 64-bit floats": (".wav", "pcm_f64le", RATE, None),
    "ogg": (".ogg", "vorbis", RATE, "ogg"),
    "opus": (".opus", "libopus", 48_000, "ogg"),
    "mp3": (".mp3", "libmp3lame", RATE, None),
    "m4a": (".m4a", "aac", RATE, "mp4"),
    "aac": (".aac", "aac", RATE, "adts"),
    "ac3": (".ac3", "ac3", 48_000, None),
    "amr": (".amr", "libopencore_amrnb", 8000, "amr"),
    "mka": (".mka", "flac", RATE, "matroska"),
}
NAMES = (*BY_SNDFILE, *BY_FFMPEG)


@cache
def audio(kind):
    """(suffix, bytes) of an audio file of that kind."""
    if kind in BY_SNDFILE:
        suffix, form, subtype = BY_SNDFILE[kind]
        stream = io.BytesIO()
        channels = 1 if "ADPCM" in subtype else 2
        soundfile.write(stream, np.repeat(_tone(RATE)[:, None], channels, 1), RATE, format=form, subtype=subtype)
        return suffix, stream.getvalue()
    suffix, codec, rate, form = BY_FFMPEG[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"audio{suffix}"
        _encode(path, codec, rate, form)
        return suffix, path.read_bytes()


def _tone(rate):
    return (0.4 * np.sin(2 * np.pi * 440 * np.arange(int(SECONDS * rate)) / rate)).astype(np.float32)


def _encode(path, codec, rate, form):
    wave = _tone(rate)
    layout = "stereo" if codec == "vorbis" else "mono"
    with av.open(str(path), "w", format=form, container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
        resampler = av.AudioResampler(stream.codec_context.format, layout, rate)
        size = 960 if codec == "libopus" else 160 if "amr" in codec else 1024
        for first in range(0, len(wave) - size + 1, size):  # whole packets, as encoders want them
            frame = av.AudioFrame.from_ndarray(wave[None, first : first + size].copy(), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
            for each in resampler.resample(frame):
                container.mux(stream.encode(each))
        container.mux(stream.encode(None))
