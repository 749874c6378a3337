"""Scores during a run: films with sound are scored with it, so that the best model is chosen with the branch."""

from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.data.audio.cutting import cut_of
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.prompts import corpus as prompts
from mindaam.data.prompts.prompting import no_prompt
from mindaam.models.registry import model_config
from mindaam.training.feeding.corpus import open_corpus
from mindaam.training.feeding.corpus_source import AudioEncoding, CorpusSource
from mindaam.training.ranks import distributed
from mindaam.training.tasks.corpus_scores import audio_sets, held_out_scores
from tests.training.corpus_root import make_corpus
from tests.training.feeding.test_corpus import config
from tests.training.feeding.test_corpus_source import SIZE, encode, loudness

SOUNDS = {preset: model_config("aam_dinov3_vits16", preset).sound for preset in ("paper", "released")}


class Model:
    """An AAM that looks to the left the louder it is; asked: the audio embeddings that it was given."""

    def __init__(self):
        self.config = SimpleNamespace(
            image_size=SIZE, resize="area", mean=(0.5,) * 3, std=(0.25,) * 3, temporal=SimpleNamespace(clip=4)
        )
        self.asked = []

    def infer(self, images, sentences, audio=None, *, clip=False):
        self.asked.append(audio)
        left = 0.0 if audio is None else 10.0 * float(np.mean(audio[..., 0]))
        slope = np.exp(-left * np.arange(SIZE[1]) / SIZE[1])
        return SimpleNamespace(map=np.broadcast_to(0.5 * slope, (len(images), 1, *SIZE)).astype(np.float32))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return open_corpus(make_corpus(tmp_path_factory.mktemp("data")), None, ("avad",), GroundTruth())


def hearing_of(preset):
    return AudioEncoding(loudness, cut_of(SOUNDS[preset]), SOUNDS[preset].fusion == "released")


def scores(model, corpus, name, audio_encoding):
    world = distributed.ALONE
    return held_out_scores(model, encode, name, corpus.val[name], config(), world, audio_encoding)


@pytest.mark.parametrize(("preset", "shape"), [("paper", (4, 5, 2)), ("released", (4, 2))])
def test_films_with_sound_are_scored_with_it(corpus, preset, shape):
    silent, heard = Model(), Model()
    without = scores(silent, corpus, "diem", None)
    with_sound = scores(heard, corpus, "diem", hearing_of(preset))
    assert all(audio is None for audio in silent.asked)
    assert heard.asked and all(audio.shape == shape and audio.dtype == np.float32 for audio in heard.asked)
    assert without[3] == with_sound[3] == 4 * len(heard.asked)
    if preset == "paper":
        assert not np.allclose(without[:3], with_sound[:3])


def test_pictures_and_films_without_sound_are_scored_in_silence(corpus):
    for name in ("salicon", "dhf1k"):
        model = Model()
        scores(model, corpus, name, hearing_of("paper"))
        assert model.asked and all(audio is None for audio in model.asked)


def test_which_sets_are_scored_with_sound(corpus):
    assert audio_sets(corpus, None) == []
    assert audio_sets(corpus, hearing_of("paper")) == ["diem"]
    only_scored = corpus._replace(train={})
    assert audio_sets(only_scored, hearing_of("paper")) == ["diem"]


def asked(corpus, name, **changes):
    """The sentences that a set is validated under, and those that it is trained under."""
    told, trained = [], []

    def noting(to):
        return lambda sentences: to.extend(sentences) or encode(sentences)

    chosen, model = config(**changes), Model()
    assert held_out_scores(model, noting(told), name, corpus.val[name], chosen, distributed.ALONE)[3] > 0
    CorpusSource({name: corpus.train[name]}, chosen, model.config, noting(trained), workers=0).close()
    return set(told), set(trained)


def test_a_set_is_validated_under_the_sentence_of_its_granularity(corpus):
    whole = prompts.pool("salicon", "G4")
    assert asked(corpus, "salicon") == ({whole[0]}, set(whole))
    few = prompts.pool("salicon", "G2")
    assert asked(corpus, "salicon", granularities={"salicon": "G2"}) == ({few[0]}, set(few))
    assert asked(corpus, "salicon", granularities={"dhf1k": "none"}) == ({whole[0]}, set(whole))


def test_a_set_without_a_prompt_has_none_in_validation_either_unless_it_is_said_apart(corpus):
    assert asked(corpus, "dhf1k", granularities={"dhf1k": "none"}) == ({no_prompt()}, {no_prompt()})
    theirs = {"granularities": {"dhf1k": "none"}, "none_prompt": "Whatever."}
    assert asked(corpus, "dhf1k", **theirs) == ({"Whatever."}, {"Whatever."})
    apart = {"granularities": {"dhf1k": {"trained": "none", "scored": "G4"}}}
    assert asked(corpus, "dhf1k", **apart) == ({prompts.prompt("dhf1k")}, {no_prompt()})
