"""The Ascend form of a model: one graph from pixels to map, which computes what the several graphs of a CPU compute."""

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.environment import KERNELS
from mindaam.models import weights
from tests.models.tiny import images, prompts, tiny_model
from tests.models.tiny_video import AUDIO_WIDTH, SIZE, tiny_video_model

FRAMES = 3


@pytest.fixture
def ascend(monkeypatch):
    """Called: the Ascend form from now on."""
    yield lambda: monkeypatch.setenv(KERNELS, "ascend")
    runtime.configure(mode="pynative")


def audio_of(model):
    """Embeddings of the audio of FRAMES frames."""
    windows = () if model.config.sound.fusion == "released" else (model.config.sound.tokens,)
    return np.random.default_rng(2).standard_normal((FRAMES, *windows, AUDIO_WIDTH)).astype(np.float32)


def assert_same(found, wanted):
    assert (found.gate is None) == (wanted.gate is None)
    for name, a, b in zip(wanted._fields, found, wanted, strict=True):
        if b is not None:
            assert a.shape == b.shape, name
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.slow  # graphs to compile
@pytest.mark.parametrize("preset", ["paper", "released"])
def test_a_batch_of_images_is_one_graph(preset, ascend):
    model, batch, texts = tiny_model(preset), images(), prompts()
    wanted = model.infer(batch, texts)
    ascend()
    assert_same(model.infer(batch, texts), wanted)


@pytest.mark.slow  # graphs to compile
@pytest.mark.parametrize("preset", ["paper", "released"])
def test_a_window_with_audio_is_one_graph(preset, ascend):
    model, frames, text = tiny_video_model(preset), images(FRAMES, SIZE), prompts(1)
    wanted = model.infer(frames, text, audio_of(model), clip=True)
    ascend()
    found = model.infer(frames, text, audio_of(model), clip=True)
    assert_same(found, wanted)
    assert found.gate.shape == (FRAMES,)


@pytest.mark.parametrize("build", [tiny_model, tiny_video_model])
def test_an_image_size_is_set_without_reading_weights(build, monkeypatch):
    backbone = build("paper").backbone
    backbone.set_image_size(backbone.image_size)
    monkeypatch.setattr("mindaam.kernels.device.on_cpu", lambda: False)
    monkeypatch.setattr(ms.Parameter, "asnumpy", lambda *_: pytest.fail("a weight was read"))
    backbone.set_image_size(backbone.image_size)


def test_a_replaced_weight_changes_the_tables_on_every_device(monkeypatch):
    monkeypatch.setattr("mindaam.kernels.device.on_cpu", lambda: False)
    backbone = tiny_video_model("paper").backbone
    rope, size = backbone.rope_embed, backbone.image_size
    backbone.set_image_size(size)
    before, periods = rope.cos.asnumpy().copy(), rope.periods.asnumpy().copy()
    rope.periods.set_data(ms.Tensor(periods * 2))
    backbone.set_image_size(size)
    assert np.abs(rope.cos.asnumpy() - before).max() > 0.1
    rope.periods.set_data(ms.Tensor(periods))
    backbone.set_image_size(size)
    np.testing.assert_array_equal(rope.cos.asnumpy(), before)


def test_trained_weights_are_read_from_a_device_in_a_process_that_trains(monkeypatch):
    monkeypatch.setattr(weights, "on_cpu", lambda: False)
    monkeypatch.setattr(weights, "_training", False)
    weight = ms.Parameter(ms.Tensor(np.ones(3, np.float32)), name="w")
    watch = weights.WeightWatch([weight], [weight])
    assert watch.state()[1] == b""
    weights.begin_training()
    before = watch.state()
    weight.set_data(ms.Tensor(np.zeros(3, np.float32)))
    assert before[1] and watch.state() != before
