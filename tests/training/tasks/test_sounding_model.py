"""The small model: clips without audio skip the fusion."""

import mindspore as ms
import numpy as np

from mindaam.training.feeding.sounding_objects import FEATURES
from mindaam.training.tasks.sounding_model import SoundingModel


def test_silent_clips_skip_the_fusion():
    ms.set_seed(1)
    model = SoundingModel(16, 8, 4, 3, 1).set_train(False)
    draw = np.random.default_rng(0)
    model.fusion.film.predict.weight.set_data(ms.Tensor(draw.standard_normal((32, 16)), ms.float32))
    frames = ms.Tensor(draw.standard_normal((3, 2, 3, 32, 32)), ms.float32)
    audio = ms.Tensor(draw.standard_normal((3, 2, 3, FEATURES)), ms.float32)
    maps, gates = model(frames, audio)
    few, few_gates = model(frames, audio[:1])
    silent, none = model(frames, None)
    assert maps.shape == (3, 2, 16, 16) and gates.shape == (3, 2) and few_gates.shape == (1, 2) and none is None
    np.testing.assert_allclose(maps.asnumpy().sum((2, 3)), 1, atol=1e-5)
    np.testing.assert_allclose(few.asnumpy()[:1], maps.asnumpy()[:1], atol=1e-6)
    np.testing.assert_allclose(few.asnumpy()[1:], silent.asnumpy()[1:], atol=1e-6)
    assert np.abs(maps.asnumpy() - silent.asnumpy()).max() > 1e-4
