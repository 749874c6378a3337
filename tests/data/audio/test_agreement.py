"""Training, validation and prediction give the audio encoder and the vision backbone the same, at any frame rate."""

import json
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.packs.packing import pack
from mindaam.data.transforms import resize_image
from mindaam.data.videos.reading import read_frames, video_info
from mindaam.data.videos.windows import Windows
from mindaam.encoders.spectrogram import features
from mindaam.evaluation.validation import scores_of_entry, stretch
from mindaam.inference.audio_stream import open_audio_stream
from mindaam.inference.predictor import Predictor
from mindaam.models.registry import model_config
from mindaam.training import starting
from mindaam.training.feeding.corpus_source import read
from tests.clips import make_clip
from tests.data.datasets.readers.test_gaze_folder import write_json, write_rows
from tests.evaluation.recording_model import RecordingModel

RATES = [Fraction(24), Fraction(16), Fraction(30000, 1001)]
PRESETS = ["paper", "released"]
PACK_SOUND = 2 / 32768  # of full scale: half a step of 16 bits, which resampling may enlarge
PACK_IMAGE = 3.0  # grey levels on average: JPEG keeps colours at half the picture's sides
SIZE, FRAMES, POSITIONS = (28, 42), 80, list(range(30, 46, 2))


class Encoder:
    """Gives the windows back in place of embeddings; given: those of each call."""

    def __init__(self):
        self.given = []

    def encode(self, waves, rate):
        assert waves.shape[1:] == (32_000,) and rate == 16_000 and waves.dtype == np.float32
        self.given.append(waves)
        return waves


def settings_of(preset):
    """What training and prediction read of a model's configuration."""
    config = model_config("aam_dinov3_vits16", preset)
    return SimpleNamespace(
        name=config.name, image_size=SIZE, resize=config.resize, mean=config.mean, std=config.std, sound=config.sound,
        audio=SimpleNamespace(name="wav2clip"), text=config.text, temporal=SimpleNamespace(clip=len(POSITIONS)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """{frame rate: a gaze folder of one film with noise that swells, whose meta.json rounds the rate}."""
    draw, found = np.random.default_rng(0), {}
    for rate in RATES:
        root = tmp_path_factory.mktemp("gaze")
        (root / "stimuli").mkdir()
        frames = [resize_image(draw.integers(0, 256, (3, 4, 3), dtype=np.uint8), (48, 64)) for _ in range(FRAMES)]
        count = int(FRAMES / rate * 44_100)
        sound = draw.normal(size=(1, count)) * np.linspace(0.02, 0.3, count)
        make_clip(
            root / "stimuli/a.mkv", frames, rate=rate, times=[float(number / rate) for number in range(FRAMES)],
            tone=sound.astype(np.float32), tone_codec="pcm_s16le", tone_rate=44_100,
        )  # fmt: skip
        listed = {"a.mkv": {"size": [64, 48], "frames": FRAMES, "rate": round(float(rate), 1)}}
        meta = {"name": "mine", "conditions": ["free_viewing"], "films": listed, "px_per_degree_stored": 6}
        (root / "meta.json").write_text(json.dumps(meta))
        write_json(root / "splits.json", {"train": ["a.mkv"]})
        write_rows(root, ["image,condition,x,y,t_ms,duration_ms", "a.mkv,free_viewing,10,20,0,9000"])
        found[rate] = root
    return found


@pytest.fixture
def hearing_of(monkeypatch):
    """The Hearing of a run, by settings and the encoder that stands for Wav2CLIP."""

    def opened(settings, encoder):
        monkeypatch.setattr("mindaam.zoo.factory.is_installed", lambda name: True)
        monkeypatch.setattr("mindaam.zoo.factory.audio_encoder", lambda name, normalise: encoder)
        return starting.open_audio_encoding(settings, None)

    return opened


def predicted(path, settings, encoder, positions=POSITIONS):
    """(what the fusion gets of the clip's frames, the frames as the backbone sees them), as `predict` goes about it."""
    predictor = Predictor(SimpleNamespace(config=settings), sentence_encoder=encoder)
    with open_audio_stream(settings, path, video_info(path).rate, encoder=encoder) as audio_stream:
        frames = [frame for number, frame in enumerate(read_frames(path)) if number in positions]
        seen = np.concatenate([predictor._as_batch(predictor._seen(frame.image)) for frame in frames])
        return audio_stream.embeddings([audio_stream.note(frame.time) for frame in frames]), seen


def trained(reader, settings, audio_encoding):
    """The same of a step of training."""
    image, _, audio = read(reader, 0, POSITIONS, SIZE, settings.resize, False, audio_encoding.cut)
    mean, std = np.float32(settings.mean), np.float32(settings.std)
    return audio_encoding.by_frame(audio), ((image / np.float32(255) - mean) / std).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.2f}")
def test_training_and_prediction_give_the_encoders_the_same(folders, hearing_of, rate, preset):
    settings, reader = settings_of(preset), open_gaze_videos(folders[rate])
    path = folders[rate] / "stimuli/a.mkv"
    ours, theirs = Encoder(), Encoder()
    audio, seen = trained(reader, settings, hearing_of(settings, ours))
    heard, shown = predicted(path, settings, theirs)
    assert audio.shape == heard.shape and audio.shape[0] == len(POSITIONS)
    np.testing.assert_allclose(audio, heard, rtol=0, atol=1e-6 * settings.sound.scale)
    assert heard.std() > 0.02 * settings.sound.scale
    spectrograms = [features(*each.given, 16_000, settings.sound.normalise) for each in (ours, theirs)]
    np.testing.assert_allclose(*spectrograms, rtol=0, atol=1e-6)
    np.testing.assert_allclose(seen, shown, rtol=0, atol=1e-5)


@pytest.mark.parametrize("preset", PRESETS)
def test_validation_gives_the_encoders_what_prediction_gives(folders, hearing_of, preset):
    settings, root = settings_of(preset), folders[RATES[2]]
    model, length = RecordingModel(settings), len(POSITIONS)
    reader, encoding = open_gaze_videos(root), hearing_of(settings, Encoder())
    positions = stretch(FRAMES, Windows(length, length // 4))
    found = scores_of_entry(model, lambda prompts: np.zeros((1, 1)), reader, 0, "Anything.", encoding)
    assert len(found) == len(positions) == 14
    windows = [positions[:length], positions[-length:]]
    for audio, window in zip(model.audio, windows, strict=True):
        heard, _ = predicted(root / "stimuli/a.mkv", settings, Encoder(), window)
        np.testing.assert_allclose(audio, heard, rtol=0, atol=1e-6 * settings.sound.scale)
    _, shown = predicted(root / "stimuli/a.mkv", settings, Encoder(), positions)
    np.testing.assert_array_equal(np.concatenate(model.images), shown)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.2f}")
def test_a_pack_gives_them_but_for_16_bits_and_jpeg(folders, hearing_of, tmp_path, rate, preset):
    settings, reader = settings_of(preset), open_gaze_videos(folders[rate])
    pack(reader, tmp_path / "pack", SIZE, resize=settings.resize, quality=100, workers=0)
    packed, audio_encoding = open_packed(tmp_path / "pack"), hearing_of(settings, Encoder())
    audio, seen = trained(packed, settings, audio_encoding)
    heard, shown = predicted(folders[rate] / "stimuli/a.mkv", settings, Encoder())
    assert packed.pack.header.resize == settings.resize and packed.pack.header.rates == {"a.mkv": reader.file_rate(0)}
    np.testing.assert_allclose(audio, heard, rtol=0, atol=PACK_SOUND * settings.sound.scale)
    assert np.abs(seen - shown).mean() * np.mean(settings.std) * 255 < PACK_IMAGE
