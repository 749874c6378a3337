"""What a run scores after an epoch, and under which sentences."""

from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.prompts import corpus as prompts
from mindaam.data.prompts.prompting import no_prompt
from mindaam.models.registry import model_config
from mindaam.training.corpus_data import open_corpus
from mindaam.training.corpus_scores import held_out_scores
from mindaam.training.corpus_source import CorpusSource
from mindaam.training.distributed import ALONE
from tests.models.tiny_film import CHANGES, NAME
from tests.training.corpus_root import make_corpus
from tests.training.test_corpus_data import config

SETTINGS = model_config(NAME, changes=CHANGES | {"temporal": {**CHANGES["temporal"], "clip": 4}})


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return open_corpus(make_corpus(tmp_path_factory.mktemp("data")), None, (), GroundTruth())


class Model:
    """Gives even maps, whatever it sees."""

    config = SETTINGS

    def infer(self, images, sentences, *others, clip=False):
        return SimpleNamespace(map=np.ones((len(images), 1, *images.shape[2:]), np.float32))


def asked(corpus, name, **changes):
    """The sentences that a set is validated under, and those that it is trained under."""
    told, trained = [], []

    def encode(to):
        return lambda sentences: to.extend(sentences) or np.zeros((len(sentences), 24), np.float32)

    chosen = config(**changes)
    sums = held_out_scores(Model(), encode(told), name, corpus.val[name], chosen, ALONE)
    assert sums[3] > 0
    CorpusSource({name: corpus.train[name]}, chosen, SETTINGS, encode(trained), workers=0).close()
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
    assert asked(corpus, "dhf1k", **apart) == ({prompts.sentence("dhf1k")}, {no_prompt()})
