"""A Predictor of a small model with random weights, which needs no files."""

from mindaam.inference.predictor import Predictor
from mindaam.models.registry import build_model
from tests.training.small import MODEL, NAME, FakeSentenceEncoder, fill_backbone


def small_model():
    """An AAM of few and narrow layers, operator by operator."""
    model = build_model(NAME, "paper", changes=MODEL)
    fill_backbone(model)
    model.compiles = False
    return model


def small_predictor():
    return Predictor(small_model(), sentence_encoder=FakeSentenceEncoder())
