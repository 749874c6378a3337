"""The maps of a model on the images and videos of a reader are those of `mindaam predict`."""

import numpy as np
import pytest

from mindaam.data.datasets.opening import open_set
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.packs.packing import pack
from mindaam.data.transforms import resize_image
from mindaam.data.videos.reading import video_info
from mindaam.errors import InputError
from mindaam.evaluation.maps import ModelMaps
from mindaam.inference.audio_choice import choose_audio
from mindaam.inference.audio_request import AudioRequest
from mindaam.inference.predictor import Predictor
from mindaam.inference.results import Job
from mindaam.inference.videos import write_video
from mindaam.models.registry import model_config
from tests.clips import make_clip, pictures
from tests.data.datasets import video_trees
from tests.data.datasets.gaze_trees import make_gaze_folder
from tests.data.datasets.readers.test_gaze_videos import HEADER, write_json, write_rows
from tests.fakes import FakeAudioEncoder, FakeEncoder, FakeModel

SOUND = model_config("aam_dinov3_vits16", "paper").sound
PROMPTS = ["A person looks around.", "A person searches for the exit of the building."]


class Hearing(FakeModel):
    """Its maps depend on the audio, frame by frame."""

    def infer_frames(self, maps, sentence_embedding, size, audio_embeddings=None, *, first, clip):
        found = super().infer_frames(maps, sentence_embedding, size, audio_embeddings, first=first, clip=clip)
        if found.gate is not None:
            found.map = found.map * (1 + np.asarray(found.gate, np.float32)[:, None, None, None])
        return found


def predictor(clip=None, sound=None):
    return Predictor(Hearing(clip=clip, sound=sound), sentence_encoder=FakeEncoder())


@pytest.fixture
def encoder(monkeypatch):
    made = []
    monkeypatch.setattr("mindaam.zoo.factory.is_installed", lambda name: True)
    monkeypatch.setattr(
        "mindaam.zoo.audio_encoder", lambda *_: made.append(FakeAudioEncoder()) or made[-1], raising=False
    )
    return made


@pytest.fixture
def folder(tmp_path):
    """A gaze folder of two videos, the first with audio that becomes louder."""
    root = tmp_path / "made"
    (root / "stimuli").mkdir(parents=True)
    wave = (np.linspace(0, 1, 32_000) * np.sin(np.arange(32_000) * 0.3)).astype(np.float32)[None]
    make_clip(root / "stimuli" / "a.mp4", pictures(20), rate=10, tone=wave)
    make_clip(root / "stimuli" / "b.mp4", pictures(7), rate=10)
    listed = {name: {"size": [64, 48], "frames": n, "rate": 10} for name, n in (("a.mp4", 20), ("b.mp4", 7))}
    write_json(root / "meta.json", {"name": "made", "conditions": ["free_viewing"], "films": listed})
    write_json(root / "splits.json", {"val": ["a.mp4", "b.mp4"]})
    write_rows(root, [HEADER, "a.mp4,free_viewing,10,20,0,900", "b.mp4,free_viewing,3,4,100,"])
    return root


def test_the_maps_of_an_image_come_from_one_pass_of_the_backbone(tmp_path):
    reader, mine = GazeFolder(make_gaze_folder(tmp_path), "train"), predictor()
    maps = ModelMaps(mine).image_maps(reader, 0, PROMPTS)
    assert mine.model.backbone_passes == 1 and mine.model.head_passes == 2
    for found, prompt in zip(maps, PROMPTS, strict=True):
        np.testing.assert_array_equal(found, predictor().predict(reader.image(0), prompt).map)


@pytest.mark.parametrize("audio", ["auto", "off"])
@pytest.mark.parametrize("clip", [None, 4, 8])
def test_the_maps_of_a_video_are_those_that_predict_saves(folder, tmp_path, encoder, clip, audio):
    reader, sound = open_gaze_videos(folder, "val"), SOUND if clip else None
    source = ModelMaps(predictor(clip, sound), audio)
    for index, name in enumerate(("a.mp4", "b.mp4")):
        path = folder / "stimuli" / name
        maps = list(source.video_maps(reader, index, PROMPTS))
        assert len(maps) == reader.frames(index)
        for number, prompt in enumerate(PROMPTS):
            saved = predicted(path, prompt, tmp_path / f"{number}.npz", predictor(clip, sound), audio)
            assert len(saved) == len(maps)
            for values, wanted in zip(maps, saved, strict=True):
                np.testing.assert_array_equal(values[number], wanted)
        if name == "a.mp4" and clip:  # with audio its maps are others
            silent = [values[0] for values in ModelMaps(predictor(clip, sound), "off").video_maps(reader, 0, PROMPTS)]
            assert np.array_equal(silent, [values[0] for values in maps]) == (audio == "off")
    assert len(encoder) <= 1 + 4  # one for all videos of the source, one for each that `predict` predicts with audio


def predicted(path, prompt, target, own, audio):
    """The maps of a video as `predict` makes them; that its saved densities are made of these is asserted."""
    choice = choose_audio(path, video_info(path), own.model.config, AudioRequest(audio))
    maps, frame_maps = [], own.frame_maps

    def kept(*arguments, **options):
        for found in frame_maps(*arguments, **options):
            maps.append(found[0].prediction().map)
            yield found

    own.frame_maps = kept
    write_video(Job(path, {"npy": target}), own, prompt, audio=choice)
    with np.load(target) as saved:
        for density, values in zip(saved["density"], maps, strict=True):
            at_size = resize_image(values / values.sum(dtype=np.float64), density.shape)
            np.testing.assert_allclose(density, at_size / at_size.sum(dtype=np.float64), rtol=1e-5)
    return maps


def test_audio_changes_the_maps_only_where_it_is_used(folder, encoder):
    """The fake model's gate follows the loudness, so that the stream is known to reach it."""
    given = []

    class Gated(FakeModel):
        def infer_frames(self, maps, sentence_embedding, size, audio_embeddings=None, *, first, clip):
            given.append(audio_embeddings)
            return super().infer_frames(maps, sentence_embedding, size, audio_embeddings, first=first, clip=clip)

    reader = open_gaze_videos(folder, "val")
    for audio, used in (("auto", True), ("off", False)):
        given.clear()
        source = ModelMaps(Predictor(Gated(clip=4, sound=SOUND), sentence_encoder=FakeEncoder()), audio)
        assert len(list(source.video_maps(reader, 0, PROMPTS))) == 20
        assert given and all((each is not None) == used for each in given)
        given.clear()
        list(source.video_maps(reader, 1, PROMPTS))
        assert set(map(type, given)) == {type(None)}
        notes = source.notes("made")
        if used:
            assert notes == [
                "audio used, encoded by wav2clip (1 video)", "audio not used: the video has no audio (1 video)"
            ]  # fmt: skip
        else:
            assert notes == ["audio not used, as requested (2 videos)"]
    assert ModelMaps(predictor()).notes("made") == []


def test_packed_videos_are_predicted_with_their_packed_audio(folder, tmp_path, encoder):
    reader = open_gaze_videos(folder, "val")
    pack(reader, tmp_path / "packed", FakeModel().config.image_size, workers=0)
    packed = open_packed(tmp_path / "packed")
    for index in range(2):
        own, maps, silent = (
            [values[0] for values in ModelMaps(predictor(4, SOUND), audio).video_maps(each, index, PROMPTS)]
            for each, audio in ((reader, "auto"), (packed, "auto"), (packed, "off"))
        )
        assert len(own) == len(maps) == len(silent) and maps[0].shape == packed.size(index)
        # the frames are JPEG, the audio has 16 bits
        np.testing.assert_allclose([each.mean() for each in maps], [each.mean() for each in own], atol=0.01)
        assert np.array_equal(maps, silent) == (not packed.has_audio(index)) == (index == 1)


def test_a_dataset_without_audio_is_predicted_without_that_of_its_files(tmp_path, encoder):
    video_trees.build("dhf1k", "official", tmp_path)
    source = ModelMaps(predictor(4, SOUND))
    list(source.video_maps(open_set(tmp_path, "dhf1k", "val"), 0, PROMPTS))
    assert source.notes("dhf1k") == ["audio not used: DHF1K is a dataset of videos without audio (1 video)"]
    assert not encoder


def test_audio_that_cannot_be_opened_is_an_error_unless_it_is_off(tmp_path, encoder):
    expected = video_trees.build("avad", "released", tmp_path)
    [wav] = expected.folder.rglob("V40*.wav")
    wav.write_bytes(b"RIFF" + bytes(40))
    reader = open_set(tmp_path, "avad", "test")
    with pytest.raises(InputError, match="V40_Guitar5.wav"):
        next(ModelMaps(predictor(4, SOUND)).video_maps(reader, 0, PROMPTS))
    assert len(list(ModelMaps(predictor(4, SOUND), "off").video_maps(reader, 0, PROMPTS))) == reader.frames(0)


def test_a_source_describes_its_model():
    assert ModelMaps(predictor()).described() == {"model": "fake", "file": None, "sha256": None, "audio": "auto"}
