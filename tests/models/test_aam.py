"""The model as its users see it: NumPy in, NumPy out, at any size, under either preset."""

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.encoders.tables import stored_parameters
from mindaam.errors import ConfigError, InputError
from mindaam.models.registry import build_model
from tests.models.tiny import CHANGES, NAME, SIZE, TEXT_WIDTH, images, prompts, tiny_model

OTHER_SIZE = (42, 28)
E = TEXT_WIDTH


@pytest.fixture(scope="module", autouse=True)
def graph_mode():
    """Compiled, as a user's model runs: one graph a preset and size, then every answer is quick."""
    runtime.configure(mode="graph")
    yield
    runtime.configure(mode="pynative")


@pytest.fixture
def pynative_mode(graph_mode):
    """Operator by operator, for one test."""
    runtime.configure(mode="pynative")
    yield
    runtime.configure(mode="graph")


@pytest.fixture(params=["paper", "released"])
def model(request):
    return tiny_model(request.param)


@pytest.fixture
def paper():
    return tiny_model("paper")


def assert_same(got, expected):
    assert got.gate is None is expected.gate
    for name, a, b in list(zip(expected._fields, got, expected, strict=True))[:-1]:
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=name)


def test_shapes_types_and_ranges(model):
    answer = model.infer(images(), prompts())
    assert answer.map.shape == (2, 1, *SIZE) and answer.map.std() > 0
    assert (answer.map >= 0).all() and (answer.map <= 1).all()
    for point in (answer.image_point, answer.text_point, answer.anchor_point):
        assert point.shape == (2, 128) and np.isfinite(point).all()
    assert answer.curvature.shape == () and 0.1 <= answer.curvature <= 10
    assert all(isinstance(part, np.ndarray) and part.dtype == np.float32 for part in answer[:-1])
    assert not np.allclose(answer.text_point[0], answer.text_point[1])
    np.testing.assert_array_equal(answer.anchor_point[0], answer.anchor_point[1])


def test_features_serve_any_number_of_sentences(model):
    features = model.image_features(images())
    for seed in (1, 2):
        assert_same(model.infer_features(features, prompts(seed=seed)), model.infer(images(), prompts(seed=seed)))


def test_one_sentence_serves_all_pictures(paper):
    one = prompts(1)
    assert_same(paper.infer(images(), one), paper.infer(images(), np.repeat(one, 2, 0)))
    assert_same(paper.infer(images(), one.tolist()), paper.infer(images().astype(np.float64), one))


def test_a_prepared_image_serves_any_number_of_prompts(model):
    prepared = model.prepare(model.image_features(images()))
    for seed in (1, 2):
        assert_same(model.infer_prepared(prepared, prompts(seed=seed)), model.infer(images(), prompts(seed=seed)))


def test_images_of_a_batch_do_not_mix(model):
    batch, texts = images(), prompts()
    answer = model.infer(batch, texts)
    batch[0], texts[0] = -batch[0], -texts[0]
    changed = model.infer(batch, texts)
    for name in ("map", "image_point", "text_point"):
        before, after = getattr(answer, name), getattr(changed, name)
        np.testing.assert_allclose(after[1], before[1], rtol=1e-5, atol=1e-6)
        assert np.abs(after[0] - before[0]).max() > 1e-3


def test_image_and_prompt_both_matter(model):
    answer = model.infer(images(), prompts())
    other_prompt, other_image = model.infer(images(), -prompts()), model.infer(-images(), prompts())
    for other in (other_prompt, other_image):
        assert np.abs(other.map - answer.map).max() > 1e-3
    np.testing.assert_array_equal(other_image.text_point, answer.text_point)
    np.testing.assert_array_equal(other_prompt.image_point, answer.image_point)


@pytest.mark.slow  # another size to compile
def test_another_size_and_back(paper):
    usual = paper.infer(images(), prompts())
    other = paper.infer(images(size=OTHER_SIZE), prompts())
    assert other.map.shape == (2, 1, *OTHER_SIZE) and np.isfinite(other.map).all()
    features = paper.image_features(images())
    paper.image_features(images(size=OTHER_SIZE))  # features remember their own size
    assert_same(paper.infer_features(features, prompts()), usual)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((3, *SIZE)), np.zeros((1, 4, *SIZE)), np.zeros((1, *SIZE, 3)), np.zeros((1, 3, 28, 43)),
        np.zeros((1, 3, 0, 14)), np.zeros((1, 3, 7, 7)),
    ],
)  # fmt: skip
def test_images_of_a_wrong_shape_are_refused(paper, images):
    with pytest.raises(InputError, match=r"\[B,3,H,W\].*14") as error:
        paper.infer(images, prompts(1))
    assert str(list(images.shape)) in str(error.value)


@pytest.mark.parametrize("shape", [(E,), (3, E), (2, E + 1), (0, E), (1, 1, E)])
def test_sentences_of_a_wrong_shape_are_refused(paper, shape):
    with pytest.raises(InputError, match="sentence embeddings") as error:
        paper.infer(images(), np.zeros(shape, np.float32))
    assert str(list(shape)) in str(error.value)


def test_branches_that_the_model_does_not_have_are_refused(paper):
    with pytest.raises(InputError, match="audio"):
        paper.infer(images(), prompts(), np.zeros((2, 8), np.float32))
    with pytest.raises(InputError, match="videos"):
        paper.infer(images(), prompts(), clip=True)


def test_presets_differ_only_in_values():
    built = {preset: tiny_model(preset) for preset in ("paper", "released")}
    shapes = {p: {n: tuple(w.shape) for n, w in stored_parameters(m)} for p, m in built.items()}
    paper, released = shapes["paper"], shapes["released"]
    common = paper.keys() & released.keys()
    assert len(common) > 100 and all(paper[name] == released[name] for name in common)
    assert all(".focus." in name for name in paper.keys() - common)
    assert all(name.endswith("curv.value") or ".mix." in name for name in released.keys() - common)


def test_parameters_are_named_by_their_place_and_only_head_and_adapters_are_trained(paper):
    for name, parameter in paper.parameters_and_names():
        assert parameter.name == name
    trained = {parameter.name for parameter in paper.trained_parameters()}
    fixed = trained - {parameter.name for parameter in paper.trainable_params()}
    assert {parameter.name for parameter in paper.trainable_params()} <= trained
    # a scale that is divided out again has nothing to learn
    assert len(fixed) == 4 and all(name.endswith("pixel_gate.map.alpha.value") for name in fixed)
    adapters = {name for name in trained if not name.startswith("head.")}
    assert len(adapters) == 8 and {name.split(".")[2] for name in adapters} == {"2", "3"}


def test_the_anchor_starts_as_the_preset_says():
    anchors = {
        preset: build_model(NAME, preset, changes=CHANGES).head.hierarchy.anchor.asnumpy()
        for preset in ("paper", "released")
    }
    assert not anchors["released"].any()
    assert anchors["paper"].shape == (1, 128) and 0.25 < anchors["paper"].std() < 0.35


def test_a_model_without_adapters_and_an_unknown_encoder():
    model = build_model(NAME, changes={**CHANGES, "lora": {"last_n_blocks": 0}})
    assert all(parameter.name.startswith("head.") for parameter in model.trained_parameters())
    with pytest.raises(ConfigError, match='unknown encoder "dinov2_vits15".*did you mean "dinov2_vits14"'):
        build_model(NAME, changes={**CHANGES, "encoder": {**CHANGES["encoder"], "name": "dinov2_vits15"}})


def test_operator_by_operator_equals_compiled(paper, pynative_mode, monkeypatch):
    compiled = paper.infer(images(), prompts())
    monkeypatch.setattr(paper, "compiles", False)
    assert_same(paper.infer(images(), prompts()), compiled)


def test_the_mode_of_mindspore_does_not_matter_and_stays(paper, pynative_mode):
    features, _ = paper.image_features(images())
    assert ms.get_context("mode") == ms.PYNATIVE_MODE
    runtime.configure(mode="graph")
    again, _ = paper.image_features(images())
    assert ms.get_context("mode") == ms.GRAPH_MODE
    for mine, theirs in zip(features, again, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.slow  # a backward pass; the released gradients are among the quick ones
def test_gradients_of_a_training_step_are_finite(paper, pynative_mode):
    batch, texts = ms.Tensor(images()), ms.Tensor(prompts())
    factors = ms.Tensor(images(seed=5)[:, :1])
    paper.backbone.set_image_size(SIZE)

    def total(batch, texts):
        saliency, image, text, anchor, curvature = paper(batch, texts)
        return (saliency * factors).sum() + image.sum() + text.sum() + anchor.sum() + curvature

    parameters = paper.trained_parameters()
    for parameter, gradient in zip(parameters, ms.grad(total, None, parameters)(batch, texts), strict=True):
        values, name = gradient.asnumpy(), parameter.name
        assert np.isfinite(values).all(), name
        # lora_a waits for lora_b, which starts at 0; the undone scale of a round trip matters at its norm bound only.
        assert name.endswith(("lora_a", "pixel_gate.map.alpha.value")) or np.abs(values).max() > 0, name


def test_replaced_weights_count_at_once():
    paper = tiny_model.__wrapped__("paper")  # one of its own

    def prepared():  # the part of the head that compiles in a second
        return [part.asnumpy() for part in paper.prepare(features)[0]]

    features = paper.image_features(images())
    before = prepared()
    for parameter in paper.trained_parameters():
        parameter.set_data(ms.Tensor(parameter.asnumpy() * 1.1))
    after = prepared()
    paper.compiles = False
    for ours, former, plain in zip(after, before, prepared(), strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-5)
        assert not np.allclose(ours, former, atol=1e-3)
