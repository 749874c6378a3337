"""A video's audio as a model takes it: windows of two seconds about each frame, encoded while the video goes by."""

import numpy as np

from mindaam.data.audio.audio_track import AudioTrack
from mindaam.data.audio.cutting import RATE, cut_of, cut_window, track_rate, window_places
from mindaam.errors import ConfigError


class AudioStream:
    """The audio of one video, encoded frame by frame while the video goes by.

    track: the AudioTrack, at `data.audio.cutting.track_rate` samples a second. encoder: anything with
    `encode(float32 [n,32000], 16000) -> float32 [n,A]`. sound: the model's SoundConfig. rate: frames a second of the
    video, for windows by frame number.
    A window is encoded once, however many frames and clips share it. Only where the spectrograms of a clip are
    normalized together, as in the released model, must each clip be encoded again.
    """

    def __init__(self, track, encoder, sound, rate):
        self.track, self._encoder, self._sound = track, encoder, sound
        self._cut, self._rate = cut_of(sound), rate
        self._waves = {}  # audio by its window's place, not encoded yet
        self._known = {}  # embeddings of the latest clip by their window's place

    def note(self, time):
        """Reads about the frame at `time` (seconds); returns the places of its K windows, which stand for it."""
        places = window_places(self._cut, time, self._rate)
        for place in places:
            if place not in self._waves:
                self._waves[place] = cut_window(self.track, self._cut, place, self._rate)
        return places

    def embeddings(self, notes):
        """The notes of a clip's T frames -> the audio as the model takes it, float32 [T,K,A], or [T,A] as released."""
        places = sorted({place for note in notes for place in note})
        # normalized together, a window's embedding is another one in each clip
        known = {} if self._sound.normalise == "batch" else self._known
        new = [place for place in places if place not in known]
        if new:
            encoded = self._encoder.encode(np.stack([self._waves[place] for place in new]), RATE)
            known = known | dict(zip(new, encoded, strict=True))
        # a later clip names no frame before this one's first
        self._known = {place: known[place] for place in places}
        self._waves = {place: wave for place, wave in self._waves.items() if place >= places[0]}
        together = np.stack([[known[place] for place in note] for note in notes])
        return together[:, 0] if self._sound.fusion == "released" else together

    def close(self):
        """Closes the file that the audio comes from."""
        self.track.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def unheard_because(config, tracks):
    """Why a model of this ModelConfig cannot hear a video with so many audio tracks, in a few words; None if it can."""
    from mindaam.zoo.factory import at_hand

    if config.audio is None:
        return f"the model {config.name} has no audio branch"
    if not tracks:
        return "the video has no audio"
    if not at_hand(config.audio.name):
        return f'the weights of {config.audio.name} are not installed ("mindaam zoo fetch {config.audio.name}")'
    return None


def open_audio_stream(config, path, rate, *, track=0, encoder=None):
    """The AudioStream of a model for the audio track of a video or an audio file.

    config: the ModelConfig; rate: frames a second of the video; track: which of its audio tracks, from 0; encoder: as
    the class takes it, None for the model's own, from the zoo. Raises ConfigError for a model without a branch for
    sound, CheckpointError if the weights of its encoder are not installed, InputError for a file without that sound.
    """
    if config.audio is None:
        raise ConfigError(f"the model {config.name} has no audio branch")
    if encoder is None:
        from mindaam import zoo

        encoder = zoo.audio_encoder(config.audio.name, config.sound.normalise)
    return AudioStream(AudioTrack(path, track_rate(cut_of(config.sound)), track=track), encoder, config.sound, rate)
