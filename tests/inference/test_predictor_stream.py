"""Films through the Predictor: any length, in order, each frame seen once, on a stand-in model and on a real one."""

from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.data.videos.reading import Frame
from mindaam.data.videos.windows import Windows
from mindaam.errors import ConfigError, InputError
from mindaam.inference.audio_stream import AudioStream
from mindaam.inference.predictor import Predictor
from mindaam.models.registry import build_model, model_config
from tests.decoder.small import stirred
from tests.fakes import FakeAudioEncoder, FakeEncoder, FakeModel
from tests.models.tiny_video import AUDIO_WIDTH, CHANGES, NAME


def frame(number, size=(20, 30)):
    return np.full((*size, 3), 10 * number % 256, np.uint8)


def fake(clip):
    return Predictor(FakeModel(clip=clip), sentence_encoder=FakeEncoder())


def test_a_model_of_single_pictures_sees_frame_by_frame():
    predictor = fake(None)
    assert predictor.video_windows() == predictor.film_windows() == Windows(1, 0)
    said = list(predictor.stream(frame(number) for number in range(7)))
    assert len(said) == 7 and predictor.model.backbone_passes == 7
    for number, each in enumerate(said):
        np.testing.assert_array_equal(each.map, predictor.predict(frame(number)).map)


def test_each_frame_goes_through_the_backbone_once():
    predictor = fake(4)
    said = list(predictor.stream((frame(number) for number in range(10)), "Someone counts."))
    assert len(said) == 10 and predictor.model.backbone_passes == 10
    assert predictor.model.head_passes == 3  # frames 0-3, 3-6, 6-9
    assert all(each.prompt == "Someone counts." for each in said)
    for each in said:
        assert each.density.shape == (20, 30) and each.density.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("windows", [Windows(1, 0), Windows(4, 1), Windows(6, 2)])
def test_in_the_ascend_form_a_window_goes_from_pixels_to_maps_at_once(windows, monkeypatch):
    frames = [frame(number) for number in range(9)]
    wanted = list(fake(4).stream(iter(frames), windows=windows))
    monkeypatch.setattr("mindaam.inference.predictor._one_graph", lambda: True)
    predictor = fake(4)
    monkeypatch.setattr(predictor.model, "infer_prepared", None)
    found = list(predictor.stream(iter(frames), windows=windows))
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one.map, other.map)
    assert predictor.model.backbone_passes == windows.length * predictor.model.head_passes
    np.testing.assert_array_equal(predictor.predict(frames[0]).map, fake(None).predict(frames[0]).map)


def test_windows_that_share_most_frames_keep_the_features_in_the_ascend_form(monkeypatch):
    monkeypatch.setattr("mindaam.inference.predictor._one_graph", lambda: True)
    predictor = fake(4)
    list(predictor.stream((frame(number) for number in range(9)), windows=Windows(4, 3, causal=True)))
    assert predictor.model.backbone_passes == 9


@pytest.mark.parametrize("windows", [Windows(1, 0), Windows(4, 1), Windows(6, 2), Windows(4, 3, causal=True)])
def test_many_prompts_share_the_pass_of_the_backbone(windows):
    frames, prompts = [frame(number) for number in range(9)], ["Someone counts.", "Someone looks around.", "a b c d"]
    predictor = fake(4)
    found = list(predictor.stream_many(iter(frames), prompts, windows=windows))
    assert len(found) == 9 and predictor.model.backbone_passes == 9
    for number, prompt in enumerate(prompts):
        alone = fake(4)
        for one, many in zip(alone.stream(frames, prompt, windows=windows), found, strict=True):
            assert many[number].prompt == prompt and many[number].gate is None
            np.testing.assert_array_equal(many[number].map, one.map)
            np.testing.assert_array_equal(many[number].density, one.density)
        assert predictor.model.head_passes == 3 * alone.model.head_passes


def test_many_prompts_share_the_audio_of_a_video():
    sound = model_config("aam_dinov3_vits16", "paper").sound
    frames = [Frame(frame(number), number / 25) for number in range(9)]

    def predicted(prompts):
        encoder = FakeAudioEncoder()
        predictor = Predictor(FakeModel(clip=4, sound=sound), sentence_encoder=FakeEncoder())
        found = list(predictor.stream_many(frames, prompts, audio_stream=AudioStream(Hum(), encoder, sound, 25.0)))
        return found, encoder.given

    together, given = predicted(["Someone counts.", "Someone looks around."])
    apart, alone = predicted(["Someone looks around."])
    assert given == alone
    for (_, many), [one] in zip(together, apart, strict=True):
        np.testing.assert_array_equal(many.map, one.map)
        assert many.gate == one.gate > 0


def test_one_text_is_not_taken_for_its_letters():
    with pytest.raises(InputError, match="put it into a list"):
        fake(4).stream_many([frame(0)], "Someone counts.")


def test_maps_come_at_most_a_window_late():
    taken = []

    def camera():
        for number in range(30):
            taken.append(number)
            yield frame(number)

    for windows in (None, Windows(4, 3, causal=True)):
        taken.clear()
        delay = 3 if windows is None else 0
        for number, _ in enumerate(fake(4).stream(camera(), windows=windows)):
            assert taken[-1] - number <= delay


def test_frames_may_differ_in_size():
    sizes = [(20, 30), (40, 10), (7, 9)]
    said = list(fake(4).stream([frame(1, size) for size in sizes]))
    assert [each.map.shape for each in said] == sizes


def test_what_cannot_be_is_refused_before_the_first_frame():
    def never():
        pytest.fail("a frame was taken")
        yield

    with pytest.raises(ConfigError, match="frames independently"):
        fake(None).stream(never(), windows=Windows(4, 0))
    with pytest.raises(ConfigError, match="are invalid"):
        fake(4).stream(never(), windows=Windows(4, 4))
    with pytest.raises(ConfigError, match="both"):
        fake(4).stream(never(), "a", condition="count_people")


def test_a_frame_that_is_none_is_refused():
    said = fake(None).stream([frame(1), np.zeros((4, 4), np.uint8)])
    next(said)
    with pytest.raises(InputError, match="uint8 RGB"):
        next(said)


class Hum:
    """A track without end, louder from second to second, at 16 or 44.1 kHz."""

    rate, problem = 16_000, None

    def samples(self, first, count):
        index = np.arange(first, first + count)
        return (index / self.rate * np.sin(index)).astype(np.float32)

    def window(self, time):
        return self.samples(round(time * self.rate) - self.rate, 2 * self.rate)


class Ears:
    """Embeddings of the tiny model's width."""

    def encode(self, waves, rate):
        return (waves.std(1)[:, None] * np.linspace(-1, 1, AUDIO_WIDTH)).astype(np.float32)


@pytest.mark.slow  # graphs to compile
@pytest.mark.parametrize("preset", ["paper", "released"])
def test_a_real_model_sees_and_hears_windows_as_clips(preset):
    model = build_model(NAME, preset, changes=CHANGES | {"temporal": CHANGES["temporal"] | {"clip": 4}})
    stirred(model.head)
    predictor, hum = Predictor(model.set_train(False), sentence_encoder=SetPrompts()), Hum()
    film = [
        Frame(np.random.default_rng(number).integers(0, 256, (32, 48, 3), dtype=np.uint8), 5 + number / 4)
        for number in range(4)
    ]
    audio_stream = AudioStream(hum, Ears(), model.config.sound, 4.0)
    said = list(predictor.stream(film, audio_stream=audio_stream))
    pictures = np.concatenate([predictor._as_batch(predictor._seen(each.image)) for each in film])
    other = AudioStream(hum, Ears(), model.config.sound, 4.0)
    heard = other.embeddings([other.note(each.time) for each in film])
    own = model.infer(pictures, SetPrompts().encode([""]), heard, clip=True)
    np.testing.assert_allclose(np.stack([each.map for each in said]), own.map[:, 0], atol=1e-5)
    np.testing.assert_allclose([each.gate for each in said], own.gate, atol=1e-5)
    silent = list(predictor.stream(each.image for each in film))
    assert silent[0].gate is None and np.abs(silent[0].map - said[0].map).max() > 1e-4
    own = model.infer(pictures, SetPrompts().encode([""]), clip=True)
    np.testing.assert_allclose(np.stack([each.map for each in silent]), own.map[:, 0], atol=1e-5)


def test_sound_needs_times_and_clips():
    predictor = fake(4)
    with pytest.raises(ConfigError, match="windows of several frames"):
        predictor.stream([frame(1)], windows=Windows(1, 0), audio_stream=SimpleNamespace(note=float))
    with pytest.raises(InputError, match="needs the time of a frame"):
        list(predictor.stream([frame(1)], audio_stream=SimpleNamespace(note=float)))


class SetPrompts:
    """Sentence embeddings of the tiny model's width."""

    def encode(self, sentences):
        return np.ones((len(sentences), CHANGES["text"]["width"]), np.float32)
