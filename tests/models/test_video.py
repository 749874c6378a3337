"""Films and sound through the model: frames bear on one another, sound is heard, and what makes no sense is refused."""

import functools

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.errors import ConfigError, InputError
from mindaam.models.registry import build_model, model_config
from mindaam.schema import merge
from tests.models.tiny import images, prompts, tiny_model
from tests.models.tiny_video import AUDIO_WIDTH, CHANGES, NAME, SIZE, tiny_video_model

FRAMES = 5


def film(frames=FRAMES, seed=0):
    return images(frames, SIZE, seed)


def sound(frames=FRAMES, seed=3, preset="released"):
    """Sound embeddings as a preset takes them: five windows a frame, or one."""
    windows = (5,) if preset == "paper" else ()
    return np.random.default_rng(seed).standard_normal((frames, *windows, AUDIO_WIDTH)).astype(np.float32)


@functools.cache
def answer(preset="released", *, clip=True, heard=False):
    """The plain film's answer, which many tests compare with."""
    return tiny_video_model(preset).infer(film(), prompts(1), sound(preset=preset) if heard else None, clip=clip)


@pytest.fixture
def released():
    return tiny_video_model("released")


def assert_same(got, expected):
    for a, b in zip(got, expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.slow  # graphs to compile
@pytest.mark.parametrize("preset", ["paper", "released"])
def test_a_film_has_a_map_and_a_point_a_frame(preset):
    found = answer(preset, heard=True)
    assert found.map.shape == (FRAMES, 1, *SIZE) and (found.map >= 0).all() and (found.map <= 1).all()
    assert found.image_point.shape == found.text_point.shape == (FRAMES, 128)
    assert all(np.isfinite(part).all() for part in found)
    assert found.gate.shape == (FRAMES,) and 0 < found.gate.min() <= found.gate.max() < 1
    assert answer("released").gate is None


@pytest.mark.slow  # several sizes to compile
def test_frames_bear_on_one_another_only_in_a_film(released):
    changed = film()
    changed[-1] = -changed[-1]
    apart, other = answer(clip=False).map, released.infer(changed, prompts(1)).map
    np.testing.assert_allclose(other[:-1], apart[:-1], rtol=0, atol=1e-5)
    together, other = answer().map, released.infer(changed, prompts(1), clip=True).map
    assert np.abs(other[0] - together[0]).max() > 1e-4
    assert np.abs(together - apart).max() > 1e-3


def along_video(preset, maps, audio=None):
    """The two deepest maps of a film [T,C,h,w] after time and sound."""
    head = tiny_video_model(preset).head
    mixed = head.along_video(tuple(ms.Tensor(each) for each in maps))
    if audio is not None:
        mixed, _ = head.with_audio(mixed, ms.Tensor(audio))
    return [each.asnumpy() for each in mixed[2:]]


def neck_maps(frames=FRAMES):
    rng = np.random.default_rng(8)
    return [rng.standard_normal((frames, width, 2, 3)).astype(np.float32) for width in (8, 8, 16, 16)]


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_the_two_deepest_maps_go_along_time(preset):
    maps = neck_maps()
    forwards = along_video(preset, maps)
    backwards = along_video(preset, [each[::-1] for each in maps])
    for tap in (0, 1):
        assert np.abs(forwards[tap] - maps[2 + tap]).max() > 0.1
        assert np.abs(backwards[tap][::-1] - forwards[tap]).max() > 1e-3  # the order of frames matters
    maps[3][-1] = -maps[3][-1]
    changed = along_video(preset, maps)
    np.testing.assert_array_equal(changed[0], forwards[0])
    assert np.abs(changed[1][0] - forwards[1][0]).max() > 1e-4


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_sound_is_heard_in_its_own_frame_and_on_the_deepest_map(preset):
    own = sound(preset=preset)
    other, rest = own.copy(), [0, 1, 3, 4]
    other[2] = -other[2]
    silent, first, second = (along_video(preset, neck_maps(), each) for each in (None, own, other))
    np.testing.assert_array_equal(first[0], silent[0])
    assert np.abs(first[1] - silent[1]).max() > 1e-3 and np.abs(second[1][2] - first[1][2]).max() > 1e-3
    np.testing.assert_allclose(second[1][rest], first[1][rest], rtol=0, atol=1e-5)


def variant(**changes):
    """The tiny model under `paper` with other switches, at its initial values, the same for all variants."""
    ms.set_seed(0)
    return build_model(NAME, "paper", changes=merge(CHANGES, changes)).set_train(False)


def test_a_step_may_be_taken_in_parts_or_left_out():
    whole, halves, attention = (
        variant(**changes) for changes in ({}, {"temporal": {"steps": 2}}, {"dynamics": "attention"})
    )
    assert [block.variant.dt for block in halves.head.temporal] == [0.5, 0.5]
    clip = ms.Tensor(np.random.default_rng(2).standard_normal((1, FRAMES, 16, 2, 3)).astype(np.float32))
    densities = [model.head.temporal[1](clip)[1] for model in (whole, halves, attention)]
    assert densities[2] is None
    assert np.abs(densities[0].asnumpy() - densities[1].asnumpy()).max() > 1e-6
    for each in densities[:2]:
        np.testing.assert_allclose(each.asnumpy().sum((2, 3)), 1, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 9])
def test_films_of_any_length(frames):
    for mixed in along_video("released", neck_maps(frames), sound(frames)):
        assert mixed.shape == (frames, 16, 2, 3) and np.isfinite(mixed).all()


@pytest.mark.slow  # another graph to compile
def test_each_frame_may_have_its_own_sentence(released):
    texts = np.repeat(prompts(1), FRAMES, 0)
    texts[2] = -texts[2]
    changed, rest = released.infer(film(), texts, clip=True), [0, 1, 3, 4]
    np.testing.assert_allclose(changed.map[rest], answer().map[rest], rtol=0, atol=1e-5)
    assert np.abs(changed.map[2] - answer().map[2]).max() > 1e-3


@pytest.mark.parametrize(
    ("clip", "heard"),
    [
        pytest.param(True, True, marks=pytest.mark.slow),  # three graphs each
        pytest.param(True, False, marks=pytest.mark.slow),
        pytest.param(False, False, marks=pytest.mark.slow),
    ],
)
def test_pynative_equals_graph_mode_and_features_serve_films_too(released, clip, heard):
    direct, audio = answer(clip=clip, heard=heard), sound() if heard else None
    runtime.configure(mode="graph")
    try:
        compiled = released.infer(film(), prompts(1), audio, clip=clip)
        apart = released.infer_features(released.image_features(film()), prompts(1), audio, clip=clip)
    finally:
        runtime.configure(mode="pynative")
    assert_same(compiled, direct)
    assert_same(apart, compiled)


@pytest.mark.parametrize(
    ("audio", "clip", "message"),
    [
        (sound(), False, "audio belongs to the frames of one video; set clip=True"),
        (sound(FRAMES - 1), True, rf"audio embeddings must be \[{FRAMES},{AUDIO_WIDTH}\].*got \[{FRAMES - 1},"),
        (sound()[:, :-1], True, rf"must be \[{FRAMES},{AUDIO_WIDTH}\]"),
        (sound()[0], True, rf"must be \[{FRAMES},{AUDIO_WIDTH}\]"),
        (sound(preset="paper"), True, rf"must be \[{FRAMES},{AUDIO_WIDTH}\]"),
    ],
)
def test_sound_that_does_not_fit_is_refused(released, audio, clip, message):
    with pytest.raises(InputError, match=message):
        released.infer(film(), prompts(1), audio, clip=clip)


def test_under_paper_each_frame_has_several_sounds():
    with pytest.raises(InputError, match=rf"must be \[{FRAMES},5,{AUDIO_WIDTH}\]"):
        tiny_video_model("paper").infer(film(), prompts(1), sound(), clip=True)


def test_branches_are_what_the_configuration_says():
    deaf = build_model(NAME, "released", changes={**CHANGES, "audio": None})
    with pytest.raises(InputError, match="no branch for audio"):
        deaf.infer(film(), prompts(1), sound(), clip=True)
    assert deaf.head.fusion is None and len(deaf.head.temporal) == 2
    assert not [name for name, _ in tiny_model().parameters_and_names() if ".temporal." in name or ".fusion." in name]


def test_one_depth_may_go_along_time():
    changes = {**CHANGES, "temporal": {**CHANGES["temporal"], "taps": [1]}, "audio": None}
    model = build_model(NAME, "released", changes=changes).set_train(False)
    assert model.head.temporal[0].time_embedding.shape == (1, 6, 8)
    mixed = model.head.along_video(tuple(ms.Tensor(each) for each in neck_maps()))
    assert mixed[1].shape == (FRAMES, 8, 2, 3) and np.array_equal(mixed[2].asnumpy(), neck_maps()[2])


@pytest.mark.parametrize("preset", ["released", pytest.param("paper", marks=pytest.mark.slow)])
def test_gradients_reach_every_parameter(preset):
    model, heard = tiny_video_model(preset), sound(preset=preset)
    arguments = ms.Tensor(film()), ms.Tensor(np.repeat(prompts(1), FRAMES, 0)), ms.Tensor(heard)
    weights = ms.Tensor(images(FRAMES, SIZE, seed=5)[:, :1])
    model.backbone.set_image_size(SIZE)

    def total(images, texts, audio):
        saliency, image, text, anchor, curvature = model(images, texts, audio, True)
        return (saliency * weights).sum() + image.sum() + text.sum() + anchor.sum() + curvature

    # a scale that is divided out again is frozen: its gradient is rounding noise, and may be 0
    parameters = [parameter for parameter in model.trained_parameters() if parameter.requires_grad]
    for parameter, gradient in zip(parameters, ms.grad(total, None, parameters)(*arguments), strict=True):
        assert np.isfinite(gradient.asnumpy()).all(), parameter.name
        # a softmax does not feel its bias; an adapter's first half waits for the second, which starts at zero
        if not parameter.name.endswith(("observation.bias", ".lora_a")):
            assert gradient.asnumpy().any(), parameter.name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"temporal": None}, ["audio section needs a temporal one"]),
        ({"temporal": {"taps": [2, 4]}}, ['"temporal.taps', "less than or equal to 3"]),
        ({"temporal": {"taps": [3, 2]}}, ['"temporal"', "must rise"]),
        ({"temporal": {"taps": []}}, ['"temporal.taps"']),
        ({"temporal": {"heads": 9}}, ["multiples of temporal.heads, 9"]),
        ({"temporal": {"frame": 9}}, ['unknown key "temporal.frame"', '"frames"']),
        ({"audio": {"widht": 9}}, ['unknown key "audio.widht"', '"width"']),
        ({"audio": {"attention_width": 12, "heads": 8}}, ['"audio"', "multiple of heads, 8"]),
        ({"audio": {"dropout": 1.0}}, ['"audio.dropout"']),
        ({"sound": {"tokens": 3}}, ['"sound"', "tokens 3 must be odd, and 1"]),
        ({"sound": {"slicing": "seconds"}}, ['"sound.slicing"', "'times' or 'frames'"]),
        ({"dynamics": "plain"}, ['"dynamics"', "'paper', 'released' or 'attention'"]),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_it(changes, words):
    with pytest.raises(ConfigError) as error:
        model_config(NAME, "released", changes)
    message = str(error.value)
    assert all(word in message for word in (NAME, *words)), message
    assert "\n" not in message


def test_an_encoder_of_impossible_sizes_is_one_sentence():
    with pytest.raises(ConfigError, match="its encoder cannot be built: a head of 2 channels"):
        build_model(NAME, "released", changes={"encoder": {"width": 12}})
