"""A stand-in for the real model and sentence encoder: quick, deterministic, and it counts how often it is asked."""

from types import SimpleNamespace

import numpy as np


class FakeModel:
    """Attends to bright places, the more sharply the longer the sentence; has the methods that a Predictor calls."""

    def __init__(self, image_size=(28, 42), clip=None, sound=None):
        self.config = SimpleNamespace(
            image_size=image_size,
            mean=(0.5, 0.5, 0.5),
            std=(0.25, 0.25, 0.25),
            resize="area",
            name="fake",
            text=SimpleNamespace(name="fake"),
            temporal=clip and SimpleNamespace(clip=clip),
            audio=sound and SimpleNamespace(name="wav2clip", width=FakeAudioEncoder.width),
            sound=sound,
        )
        self.backbone_passes = self.head_passes = self.trained = 0

    @property
    def weights(self):
        return SimpleNamespace(state=lambda: self.trained)

    def image_features(self, images):
        self.backbone_passes += 1
        assert images.dtype == np.float32 and images.shape == (1, 3, *self.config.image_size)
        return (images.mean(axis=1, keepdims=True),), images.shape[2:]

    @property
    def video(self):
        """What a film's frames are kept as: their brightness."""
        return SimpleNamespace(maps=lambda features: features[0][0])

    def prepare(self, features):
        return features

    def infer_prepared(self, prepared, sentence_embeddings):
        self.head_passes += 1
        assert sentence_embeddings.shape == (1, 4)
        (brightness,), size = prepared
        assert brightness.shape[2:] == size
        return self._said(brightness, sentence_embeddings)

    def infer_frames(self, maps, sentence_embedding, size, audio_embeddings=None, *, first, clip):
        """A film's frames all have the map of their mean; the louder their sound, the wider the gate."""
        self.head_passes += 1
        assert sentence_embedding.shape == (1, 4) and maps.shape[2:] == size == tuple(self.config.image_size)
        assert not clip or self.config.temporal is not None
        if clip:
            maps = np.broadcast_to(maps.mean(0, keepdims=True), maps.shape)
        gate = None
        if audio_embeddings is not None:
            middle = () if self.config.sound.fusion == "released" else (self.config.sound.tokens // 2,)
            assert audio_embeddings.shape[0] == len(maps) and audio_embeddings.shape[-1] == FakeAudioEncoder.width
            gate = np.tanh(audio_embeddings[(slice(first, None), *middle, 0)])
        return self._said(maps[first:], sentence_embedding, gate)

    def infer(self, images, sentence_embeddings, audio_embeddings=None, *, clip=False):
        """From pixels to maps at once."""
        maps = np.concatenate([self.video.maps(self.image_features(each[None])) for each in images])
        size = tuple(self.config.image_size)
        return self.infer_frames(maps, sentence_embeddings, size, audio_embeddings, first=0, clip=clip)

    @staticmethod
    def _said(brightness, sentence_embeddings, gate=None):
        return SimpleNamespace(map=1.0 / (1.0 + np.exp(-brightness * sentence_embeddings[0, 0])), gate=gate)


class FakeAudioEncoder:
    """A window's embedding is its loudness, middle sample and length in seconds; notes how many it was given."""

    width = 3

    def __init__(self):
        self.given = []

    def encode(self, waves, rate):
        self.given.append(len(waves))
        assert waves.dtype == np.float32
        length = np.full(len(waves), waves.shape[1] / rate)
        return np.stack([waves.std(1), waves[:, waves.shape[1] // 2], length], 1).astype(np.float32)


class FakeEncoder:
    """A sentence's embedding is its length."""

    def encode(self, sentences):
        return np.array([[len(text) / 100.0, 0, 0, 1] for text in sentences], np.float32)
