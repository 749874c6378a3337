"""Audio files of many kinds: as they are, damaged, and with headers that lie."""

import struct
from itertools import product

from mindaam.data.audio.audio_track import AudioTrack, NoAudio
from mindaam.errors import InputError
from tests.reliability.mutations import mutated
from tests.reliability.originals.audio import NAMES, audio
from tests.reliability.row import Fallen, Row, all_of, require
from tests.reliability.rows.videos import RATE, read_audio

NUMBERS = (0, 1, 2, 8, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
# fields of a WAV header, by their place, and how they are packed: size of all, of the header, kind, channels, rate,
# bytes a second, bytes a sample of all channels, bits, size of the samples
FIELDS = ((4, "<I"), (16, "<I"), (20, "<H"), (22, "<H"), (24, "<I"), (28, "<I"), (32, "<H"), (34, "<H"), (40, "<I"))
LIES = tuple(product(FIELDS, NUMBERS))


def make(dice, number, folder):
    """Writes audio file `number`: each kind as it is first, then lies of WAV headers, then damage."""
    suffix, content = audio(NAMES[number % len(NAMES)])
    lie = number - len(NAMES)
    if lie >= len(LIES):
        content = mutated(content, dice, audio(dice.choice(NAMES))[1])
    elif lie >= 0:
        (place, form), value = LIES[lie]
        suffix, content = ".wav", bytearray(audio("wav PCM_16")[1])
        content[place : place + struct.calcsize(form)] = struct.pack(form, value & (256 ** struct.calcsize(form) - 1))
    path = folder / f"{'whole' if number < len(NAMES) else 'audio'}{suffix}"
    path.write_bytes(content)
    return path


def attempt(path):
    """Reads an audio file at a rate of our own and at its own, and packets of it as for an overlay."""
    all_of(path, (_read, read_own_rate))


def _read(path):
    if path.stem != "whole":
        return read_audio(path)
    try:
        with AudioTrack(path, RATE) as track:
            loudest = abs(track.samples(0, RATE // 5)).max()
            require(0.1 < loudest < 1, f"a tone of 0.4 is read as {loudest}")
            require(track.problem is None, track.problem)
    except InputError as error:
        raise Fallen(f"a good file is refused: {error}") from error


def read_own_rate(path):
    """The first second at the file's own rate."""
    try:
        with AudioTrack(path, None) as track:
            require(1000 <= track.rate <= 384_000, f"a rate of {track.rate}")
            require(len(track.samples(0, track.rate)) == track.rate, "too few samples")
    except NoAudio:
        return


ROW = Row(
    "audio",
    "audio files, damaged or with wrong headers",
    "Audio of every supported format is read at its loudness; damaged audio is read as far as possible, or refused.",
    "29 kinds of wav, w64, flac, ogg, opus, mp3, m4a, aac, ac3, aiff, au, caf, amr and mka: intact, each field of a "
    "wav header with nine values, and damaged.",
    770,
    make,
    attempt,
    megabytes=1000,
)
