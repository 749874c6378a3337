"""The Predictor on a real, small and untrained AAM and the real sentence encoder: do the rooms fit together?"""

import mindspore as ms
import numpy as np
import pytest
from mindspore import ops

from mindaam.inference.predictor import Predictor
from mindaam.models.registry import build_model

SMALL = {
    "image_size": [56, 70],
    "encoder": {"width": 32, "depth": 4, "heads": 2, "taps": [0, 1, 2, 3]},
    "head": {"neck_widths": [8, 8, 16, 16], "start_width": 16, "stage_widths": [16, 8, 8]},
    "lora": {"last_n_blocks": 0},
}


@pytest.fixture(scope="module")
def predictor():
    model = build_model("aam_dinov2_vits14", changes=SMALL)
    model.set_train(False)
    return Predictor(model)


def test_photographs_of_any_shape(predictor):
    for size in [(1, 1), (40, 900), (300, 200)]:
        image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        said = predictor.predict(image, condition="count_people")
        assert said.map.shape == said.density.shape == size
        assert np.isfinite(said.map).all() and said.map.min() >= 0 and said.map.max() <= 1
        assert said.density.sum(dtype=np.float64) == pytest.approx(1.0, abs=1e-5)


def test_kept_features_change_nothing(predictor):
    image = np.random.default_rng(1).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    config, sentence = predictor.model.config, "Someone counts the people."
    first = predictor.predict(image, sentence)
    again = predictor.predict(image, sentence)
    assert np.array_equal(first.map, again.map)
    other = predictor.predict(image, "A cook looks for the salt.")
    assert np.abs(other.map - first.map).max() > 0
    # the same by the model's own one-call face, at its own size
    from mindaam.data import transforms

    seen = transforms.normalize(transforms.resize_image(image, config.image_size), config.mean, config.std)
    own = predictor.model.infer(seen[None], predictor.embed([sentence])).map[0, 0]
    assert np.abs(transforms.resize_image(own, (80, 90)) - first.map).max() < 1e-5


def test_infer_gives_the_bits_of_a_predictor_and_leaves_mindspores_mode_alone(predictor):
    from mindaam.data import transforms

    assert ms.get_context("mode") == ms.PYNATIVE_MODE
    config = predictor.model.config
    image = np.random.default_rng(2).integers(0, 256, (*config.image_size, 3), dtype=np.uint8)
    seen = transforms.normalize(image, config.mean, config.std)[None]
    own = predictor.model.infer(seen, predictor.embed(["Someone counts the people."])).map[0, 0]
    np.testing.assert_array_equal(own, predictor.predict(image, "Someone counts the people.").map)
    assert ms.get_context("mode") == ms.PYNATIVE_MODE


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("head.neck.projects.0.weight", ops.assign),
        ("head.neck.projects.0.weight", ms.Parameter.set_data),
        ("backbone.norm.gamma", ms.Parameter.set_data),
    ],
)
def test_the_map_follows_weights_that_change_between_two_predictions(predictor, monkeypatch, name, change):
    image = np.random.default_rng(3).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    monkeypatch.setattr(predictor.model, "compiles", False)  # quicker
    weight = predictor.model.parameters_dict()[name]
    kept, before = weight.asnumpy().copy(), predictor.predict(image).map
    change(weight, ms.Tensor(kept * 3))
    after = predictor.predict(image).map
    np.testing.assert_array_equal(after, Predictor(predictor.model).predict(image).map)
    assert np.abs(after - before).max() > 0
    change(weight, ms.Tensor(kept))
    np.testing.assert_array_equal(predictor.predict(image).map, before)
