"""Scores during training are those of `mindaam evaluate`, on a stretch of a video."""

from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.data.audio.cutting import cut_of
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.transforms import fit_within, resize_image
from mindaam.data.videos.windows import Windows
from mindaam.evaluation.validation import SCORER, scores_of_entry, stretch
from mindaam.inference.predictor import Predictor
from mindaam.metrics.density import cc, kld, sim
from mindaam.metrics.settings import PAPER
from mindaam.models.registry import model_config
from mindaam.training.feeding.corpus import open_corpus
from mindaam.training.feeding.corpus_source import AudioEncoding
from tests.evaluation.recording_model import RecordingModel
from tests.training.corpus_root import make_corpus
from tests.training.feeding.test_corpus_source import SIZE, encode, loudness

SOUNDS = {preset: model_config("aam_dinov3_vits16", preset).sound for preset in ("paper", "released")}
CLIP = 4


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    return open_corpus(make_corpus(tmp_path_factory.mktemp("data")), None, (), GroundTruth()).val


def model_of(preset="paper"):
    return RecordingModel(
        SimpleNamespace(
            name="fake", image_size=SIZE, resize="area", mean=(0.5,) * 3, std=(0.25,) * 3, sound=SOUNDS[preset],
            temporal=SimpleNamespace(clip=CLIP), text=SimpleNamespace(name="fake"),
        )
    )  # fmt: skip


def encoding_of(preset):
    return AudioEncoding(loudness, cut_of(SOUNDS[preset]), SOUNDS[preset].fusion == "released")


def scores(model, reader, entry=0, audio_encoding=None):
    return scores_of_entry(model, encode, reader, entry, "Where do people look?", audio_encoding)


def expected(predicted, truth):
    """The scores of a map as the README's figures are computed."""
    resized = resize_image(np.ascontiguousarray(predicted, np.float32), truth.shape)
    return {
        "CC": cc(resized, truth, **PAPER.cc),
        "SIM": sim(resized, truth, **PAPER.sim),
        "KLD": kld(resized, truth, **PAPER.kld),
    }


def test_an_image_has_one_map_at_the_size_of_the_model(readers):
    model, reader = model_of(), readers["salicon"]
    [found] = scores(model, reader)
    assert found == expected(
        model.infer(model.images[0], None).map[0, 0], reader.density(0, fit_within(reader.size(0), 400))
    )
    assert model.images[0].shape == (1, 3, *SIZE)


@pytest.mark.parametrize(
    ("frames", "windows", "positions"),
    [
        (100, Windows(16, 4), range(36, 64)),
        (28, Windows(16, 4), range(28)),
        (29, Windows(16, 4), range(28)),
        (10, Windows(16, 4), range(10)),
        (5, Windows(1, 0), range(1, 3)),
    ],
)
def test_the_stretch_is_two_windows_in_the_middle(frames, windows, positions):
    assert stretch(frames, windows) == list(positions)


def test_the_frames_of_a_stretch_have_the_maps_that_prediction_gives_them(readers):
    reader, model = readers["diem"], model_of()
    positions = stretch(reader.frames(0), Windows(CLIP, CLIP // 4))
    frames = [frame.image for frame in reader.stream(0)][positions[0] : positions[-1] + 1]
    encoder = SimpleNamespace(encode=encode)
    maps = [each.map for each in Predictor(model_of(), sentence_encoder=encoder).stream(frames, "Anything.")]
    size = fit_within(reader.size(0), 400)
    wanted = [
        expected(each, reader.density(0, position, size))
        for position, each in zip(positions, maps, strict=True)
        if reader.labelled(0)[position]
    ]
    assert scores(model, reader) == wanted and len(wanted) == len(positions) == 7
    assert len(model.images) == len(positions) and len(model.audio) == 2  # a frame once through the backbone; windows


def test_only_frames_with_a_truth_of_their_own_count(readers, monkeypatch):
    reader = readers["diem"]
    whole, labelled = scores(model_of(), reader), np.zeros(reader.frames(0), bool)
    positions = stretch(reader.frames(0), Windows(CLIP, CLIP // 4))
    labelled[[positions[1], positions[4]]] = True
    monkeypatch.setattr(reader, "labelled", lambda index: labelled)
    assert len(scores(model_of(), reader)) == 2 < len(whole)
    monkeypatch.setattr(reader, "labelled", lambda index: np.zeros_like(labelled))
    silent = model_of()
    assert scores(silent, reader) == [] and silent.images == []  # nothing is predicted for nothing


@pytest.mark.parametrize(("preset", "shape"), [("paper", (CLIP, 5, 2)), ("released", (CLIP, 2))])
def test_videos_with_audio_are_scored_with_it(readers, preset, shape):
    silent, heard = model_of(preset), model_of(preset)
    without = scores(silent, readers["diem"])
    with_audio = scores(heard, readers["diem"], audio_encoding=encoding_of(preset))
    assert all(audio is None for audio in silent.audio)
    assert heard.audio and all(audio.shape == shape and audio.dtype == np.float32 for audio in heard.audio)
    assert len(without) == len(with_audio) > 0
    if preset == "paper":
        assert without != with_audio


def test_images_and_videos_without_audio_are_scored_in_silence(readers):
    for name in ("salicon", "dhf1k"):
        model = model_of()
        assert scores(model, readers[name], audio_encoding=encoding_of("paper"))
        assert all(audio is None for audio in model.audio)


def test_the_way_of_images_is_that_of_earlier_versions_and_that_of_videos_is_new():
    assert SCORER.scores is scores_of_entry and SCORER.images == "" and "2 windows" in SCORER.videos
