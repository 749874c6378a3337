"""A stand-in for the real model and sentence encoder: quick, deterministic, and it counts how often it is asked."""

from types import SimpleNamespace

import numpy as np


class FakeModel:
    """Attends to bright places, the more sharply the longer the sentence; has the methods that a Predictor calls."""

    def __init__(self, image_size=(28, 42)):
        self.config = SimpleNamespace(
            image_size=image_size,
            mean=(0.5, 0.5, 0.5),
            std=(0.25, 0.25, 0.25),
            resize="area",
            text=SimpleNamespace(name="fake"),
        )
        self.backbone_passes = self.head_passes = 0

    def image_features(self, images):
        self.backbone_passes += 1
        assert images.dtype == np.float32 and images.shape == (1, 3, *self.config.image_size)
        return images.mean(axis=1, keepdims=True)

    def infer_features(self, features, sentence_embeddings):
        self.head_passes += 1
        assert sentence_embeddings.shape == (1, 4)
        return SimpleNamespace(map=1.0 / (1.0 + np.exp(-features * sentence_embeddings[0, 0])))


class FakeEncoder:
    """A sentence's embedding is its length."""

    def encode(self, sentences):
        return np.array([[len(text) / 100.0, 0, 0, 1] for text in sentences], np.float32)
