"""A film's sound as a model hears it: windows of two seconds about each frame, encoded while it goes by."""

import numpy as np

from mindaam.data.sound import RATE as RELEASED_RATE
from mindaam.data.sound import frame_window
from mindaam.data.sound_track import SoundTrack
from mindaam.errors import ConfigError

RATE = 16_000  # samples a second that the encoder takes
GRID = 16  # a second is cut into so many: windows lie on these marks, so that neighbouring frames share theirs


class Listener:
    """The sound of one film, heard frame by frame while the film goes by.

    track: the SoundTrack, at `track_rate(sound)` samples a second. encoder: anything with
    `encode(float32 [n,samples], rate) -> float32 [n,A]`. sound: the model's SoundConfig. rate: frames a second of the
    film, for windows by frame number.
    A window is encoded once, however many frames and clips share it. Only where the spectrograms of a clip are
    normalised together, as in the released model, must each clip be encoded anew.
    """

    def __init__(self, track, encoder, sound, rate):
        self.track, self._encoder, self._sound = track, encoder, sound
        # where windows lie, as whole numbers: frames of the film, or marks on the grid
        self._grid = rate if sound.slicing == "frames" else GRID
        self._waves = {}  # sound by its window's place, not encoded yet
        self._known = {}  # embeddings of the latest clip by their window's place

    def note(self, time):
        """Hears the frame at `time` (seconds); returns the places of its K windows, by which its clip will name it."""
        places = [round(each * self._grid) for each in window_times(time, self._sound.tokens, self._sound.spacing)]
        for place in places:
            if place not in self._waves:
                self._waves[place] = self._window(place)
        return places

    def embeddings(self, notes):
        """The notes of a clip's T frames -> the sound as the model takes it, float32 [T,K,A], or [T,A] as released."""
        places = sorted({place for note in notes for place in note})
        # normalised together, a window's embedding is another one in each clip
        known = {} if self._sound.normalise == "batch" else self._known
        new = [place for place in places if place not in known]
        if new:
            rate = RELEASED_RATE if self._sound.slicing == "frames" else self.track.rate
            encoded = self._encoder.encode(np.stack([self._waves[place] for place in new]), rate)
            known = known | dict(zip(new, encoded, strict=True))
        # a later clip names no frame before this one's first
        self._known = {place: known[place] for place in places}
        self._waves = {place: wave for place, wave in self._waves.items() if place >= places[0]}
        together = np.stack([[known[place] for place in note] for note in notes])
        return together[:, 0] if self._sound.fusion == "released" else together

    def close(self):
        """Closes the film that the sound comes from."""
        self.track.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _window(self, place):
        if self._sound.slicing == "frames":
            return frame_window(self.track, self._grid, place, self._sound.scale)
        return self.track.window(place / self._grid) * np.float32(self._sound.scale)


def window_times(time, tokens, spacing):
    """The seconds about which a frame's windows lie, `spacing` apart, the middle one at the frame: [tokens]."""
    return [time + (number - tokens // 2) * spacing for number in range(tokens)]


def unheard_because(config, tracks):
    """Why a model of this ModelConfig cannot hear a film with so many sound tracks, in a few words; None if it can."""
    from mindaam.zoo.factory import at_hand

    if config.audio is None:
        return f"the model {config.name} has no branch for sound"
    if not tracks:
        return "the film has none"
    if not at_hand(config.audio.name):
        return f'the weights of {config.audio.name} are not here ("mindaam zoo fetch {config.audio.name}")'
    return None


def open_listener(config, path, rate, *, track=0, encoder=None):
    """The Listener of a model for the sound of a film or of a sound file.

    config: the ModelConfig; rate: frames a second of the film; track: which of its sound tracks, from 0; encoder: as
    Listener takes it, None for the model's own, from the zoo. Raises ConfigError for a model without a branch for
    sound, CheckpointError when its encoder's weights are not here, InputError for a file without that sound.
    """
    if config.audio is None:
        raise ConfigError(f"the model {config.name} has no branch for sound")
    if encoder is None:
        from mindaam import zoo

        encoder = zoo.sound_encoder(config.audio.name, config.sound.normalise)
    return Listener(SoundTrack(path, track_rate(config.sound), track=track), encoder, config.sound, rate)


def track_rate(sound):
    """Samples a second at which a track is read: the encoder's, or None for its own, which is resampled later."""
    return RATE if sound.resampling == "polyphase" and sound.slicing == "times" else None
