"""The audio of a video as a model takes it: windows of two seconds about each frame, encoded while frames pass by."""

import numpy as np

from mindaam.data.audio.audio_track import AudioTrack
from mindaam.data.audio.cutting import RATE, cut_of, cut_window, track_rate, window_positions
from mindaam.errors import ConfigError


class AudioStream:
    """The audio of one video, encoded frame by frame.

    track: the AudioTrack, at `data.audio.cutting.track_rate` samples per second. encoder: anything with
    `encode(float32 [n,32000], 16000) -> float32 [n,A]`. audio: the model's SoundConfig. rate: frames per second of the
    video, for windows by frame number.
    A window is encoded once, however many frames and clips share it. Only where the spectrograms of a clip are
    normalized together, as in the released model, each clip is encoded again.
    """

    def __init__(self, track, encoder, sound, rate):
        self.track, self._encoder, self._sound = track, encoder, sound
        self._cut, self._rate = cut_of(sound), rate
        self._waves = {}  # audio by the position of its window, not encoded yet
        self._known = {}  # embeddings of the latest clip by the positions of their windows

    def note(self, time):
        """Reads about the frame at `time` (seconds); returns the positions of its K windows, by which
        `embeddings` finds them."""
        positions = window_positions(self._cut, time, self._rate)
        for position in positions:
            if position not in self._waves:
                self._waves[position] = cut_window(self.track, self._cut, position, self._rate)
        return positions

    def embeddings(self, notes):
        """The notes of a clip's T frames -> its audio as the model takes it, float32 [T,K,A], or [T,A] as released."""
        positions = sorted({position for note in notes for position in note})
        # normalized together, a window has another embedding in each clip
        known = {} if self._sound.normalise == "batch" else self._known
        new = [position for position in positions if position not in known]
        if new:
            encoded = self._encoder.encode(np.stack([self._waves[position] for position in new]), RATE)
            known = known | dict(zip(new, encoded, strict=True))
        # later clips have no frame before the first of this one
        self._known = {position: known[position] for position in positions}
        self._waves = {position: wave for position, wave in self._waves.items() if position >= positions[0]}
        together = np.stack([[known[position] for position in note] for note in notes])
        return together[:, 0] if self._sound.fusion == "released" else together

    def close(self):
        """Closes the audio file."""
        self.track.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def open_audio_stream(config, path, rate, *, track=0, encoder=None):
    """The AudioStream of a model for the audio of a video or of an audio file.

    config: the ModelConfig; rate: frames per second of the video; track: number of its audio track, from 0; encoder: as
    AudioStream takes it, None for that of `encoder_of`. Raises ConfigError for a model without an audio branch,
    CheckpointError where the weights of its encoder are not installed, InputError for a file without that audio.
    """
    if config.audio is None:
        raise ConfigError(f"the model {config.name} has no audio branch")
    encoder = encoder or encoder_of(config)
    return AudioStream(AudioTrack(path, track_rate(cut_of(config.sound)), track=track), encoder, config.sound, rate)


def encoder_of(config):
    """The audio encoder of a model with an audio branch, from the zoo; CheckpointError where it is not installed."""
    from mindaam import zoo

    return zoo.audio_encoder(config.audio.name, config.sound.normalise)
