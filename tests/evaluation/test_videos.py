"""Videos against their gaze: every frame with a truth counts once, with the sentences and the audio of its roles."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindaam.data import transforms
from mindaam.data.audio.cutting import cut_of
from mindaam.data.datasets.opening import open_set
from mindaam.data.datasets.readers.sample import prompt_of
from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.data.prompts import corpus
from mindaam.data.prompts.prompting import Prompting, no_prompt
from mindaam.evaluation import gaze
from mindaam.evaluation.videos import clips_of, score_video
from mindaam.metrics.comparison import LONGEST_SIDE
from mindaam.models.registry import model_config
from mindaam.training.feeding.corpus_source import AudioEncoding
from tests.data.datasets import video_trees
from tests.fakes import FakeAudioEncoder, FakeEncoder, FakeModel

SOUND = model_config("aam_dinov3_vits16", "paper").sound


@pytest.fixture(scope="module")
def avad(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    video_trees.build("avad", "released", root)
    return open_set(root, "avad", "test")


@given(frames=st.integers(1, 60), length=st.integers(1, 20))
def test_clips_show_every_frame_and_count_it_once(frames, length):
    clips = clips_of(frames, length)
    counted = [position for positions, done in clips for position in positions[done:]]
    assert counted == list(range(frames))
    assert all(len(positions) == min(length, frames) for positions, _ in clips)


def test_a_videos_score_is_the_mean_over_its_frames_with_a_truth(avad):
    model, labelled = FakeModel(clip=4), avad.labelled(0)
    rows = score_video(model, FakeEncoder().encode, avad, 0)
    assert [row["role"] for row in rows] == ["right", "generic", "held_out", "mismatched"]
    assert {row["dataset"] for row in rows} == {"avad"} and rows[0]["image"] == avad.entries[0][0]
    frames, wanted = avad.frames(0), []
    [embedding] = FakeEncoder().encode([prompt_of(avad, 0)])
    for positions, done in clips_of(frames, 4):
        images = avad.clip(0, positions, model.config.image_size, resize="area").image
        seen = [transforms.normalize(image, model.config.mean, model.config.std).mean(0) for image in images]
        shown = 1 / (1 + np.exp(-np.mean(seen, 0) * embedding[0]))
        for position in positions[done:]:
            if labelled[position]:
                size = transforms.fit_within(avad.size(0), LONGEST_SIDE)
                wanted.append(gaze.score_map(shown, avad.density(0, position, size))["CC"])
    assert 0 < len(wanted) == labelled.sum()
    assert rows[0]["CC"] == pytest.approx(np.mean(wanted), abs=1e-5) and "NSS" in rows[0] and "sAUC" not in rows[0]


def test_a_model_that_hears_is_given_the_audio_of_every_clip(avad):
    given = []

    class Hears(FakeModel):
        def infer_frames(self, maps, sentence_embedding, size, audio_embeddings=None, *, first, clip):
            given.append(audio_embeddings)
            return super().infer_frames(maps, sentence_embedding, size, audio_embeddings, first=first, clip=clip)

    model, ears = Hears(clip=4, sound=SOUND), FakeAudioEncoder()
    audio_encoding = AudioEncoding(lambda windows: ears.encode(windows, 16_000), cut_of(SOUND), False)
    score_video(model, FakeEncoder().encode, avad, 0, audio_encoding=audio_encoding)
    assert given and all(each.shape == (4, SOUND.tokens, FakeAudioEncoder.width) for each in given)
    given.clear()
    score_video(model, FakeEncoder().encode, avad, 0)
    assert set(given) == {None}


def test_a_model_without_a_branch_for_videos_sees_each_frame_by_itself(avad):
    rows = score_video(FakeModel(), FakeEncoder().encode, avad, 0)
    assert len(rows) == 4 and all(np.isfinite(row["CC"]) for row in rows)


def test_videos_are_scored_under_the_sentences_that_the_model_was_trained_with(avad):
    asked = []

    def embed(sentences):
        asked.append(sentences)
        return FakeEncoder().encode(sentences)

    score_video(FakeModel(clip=4), embed, avad, 0, Prompting("G4", {"avad": "none"}))
    score_video(FakeModel(clip=4), embed, avad, 0, Prompting("G3"))
    assert asked[0][0] == no_prompt() and asked[1][0] == corpus.prompt("avad", "G3")


def test_a_video_without_any_truth_has_no_row():
    reader = SimpleNamespace(
        name="mine", entries=[("a", "free_viewing")], conditions=("free_viewing",), frames=lambda _: 3,
        labelled=lambda _: np.zeros(3, bool), prompts=SetPrompts("mine", {"free_viewing": ["A person looks."]}),
    )  # fmt: skip
    assert score_video(FakeModel(clip=4), FakeEncoder().encode, reader, 0) == []
