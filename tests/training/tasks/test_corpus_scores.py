"""Scores during a run: which entries are scored, under which prompts, with which audio, and how they are summed."""

import numpy as np
import pytest

from mindaam.data.audio.cutting import Cut
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.prompts import corpus as prompts
from mindaam.data.prompts.prompting import no_prompt
from mindaam.training.feeding.corpus import open_corpus
from mindaam.training.feeding.corpus_source import AudioEncoding, CorpusSource
from mindaam.training.ranks.distributed import ALONE, World
from mindaam.training.tasks.corpus_scores import audio_sets, held_out_scores, spread
from mindaam.training.tasks.task import Scorer
from tests.training.corpus_root import make_corpus
from tests.training.feeding.test_corpus import config
from tests.training.feeding.test_corpus_source import Settings, encode, loudness

HEARING = AudioEncoding(loudness, Cut(5, 0.5, "times", "polyphase", 1.0), released=False)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return open_corpus(make_corpus(tmp_path_factory.mktemp("data")), None, ("avad",), GroundTruth())


def scored(corpus, name, world=ALONE, audio_encoding=None, **changes):
    """(sums, [the rest of each call]) of a scorer that has two maps an entry, whose scores tell which one it is."""
    calls = []

    def scores(model, encode, reader, entry, prompt, audio_encoding):
        calls.append((model, encode, reader, entry, prompt, audio_encoding))
        return [{"CC": entry, "SIM": 10 * entry, "KLD": 1.0}, {"CC": entry + 0.5, "SIM": 0.0, "KLD": 1.0}]

    chosen = config(**changes)
    sums = held_out_scores(
        Scorer(scores), "model", "encode", name, corpus.val[name], chosen, world, audio_encoding
    )  # fmt: skip
    return sums, calls


@pytest.mark.parametrize(("name", "count"), [("salicon", 2), ("dhf1k", 1)])
def test_every_map_of_the_sampled_entries_counts(corpus, name, count):
    changes = {"validation": {"images": 2, "videos": 1}}
    sums, calls = scored(corpus, name, audio_encoding=HEARING, **changes)
    entries = spread(len(corpus.val[name]), count)
    assert [call[3] for call in calls] == entries
    assert sums.tolist() == [
        2 * sum(entries) + 0.5 * len(entries),
        10 * sum(entries),
        2 * len(entries),
        2 * len(entries),
    ]
    model, encode, reader, _, prompt, audio_encoding = calls[0]
    assert (model, encode, reader, audio_encoding) == ("model", "encode", corpus.val[name], HEARING)
    assert prompt == prompts.pool(name, "G4")[0]


def test_ranks_share_the_entries(corpus):
    changes = {"validation": {"images": 2, "videos": 1}}
    whole, _ = scored(corpus, "salicon", **changes)
    parts = [scored(corpus, "salicon", world, **changes)[0] for world in (World(0, 2), World(1, 2))]
    assert all(part[3] == 2 for part in parts) and np.array_equal(sum(parts), whole)


@pytest.mark.parametrize(("length", "count", "entries"), [(10, 3, [0, 4, 9]), (2, 5, [0, 1]), (1, 1, [0]), (7, 1, [0])])
def test_entries_are_spread_over_a_split(length, count, entries):
    assert spread(length, count) == entries


def test_which_sets_are_scored_with_audio(corpus):
    assert audio_sets(corpus, corpus.val, None) == []
    assert audio_sets(corpus, corpus.val, HEARING) == ["diem"]
    assert audio_sets(corpus, {}, HEARING) == []
    only_scored = corpus._replace(train={})
    assert audio_sets(only_scored, corpus.val, HEARING) == ["diem"]


def asked(corpus, name, **changes):
    """The prompts that a set is validated under, and those that it is trained under."""
    trained = []

    def noting(prompts):
        return trained.extend(prompts) or encode(prompts)

    _, calls = scored(corpus, name, **changes)
    CorpusSource({name: corpus.train[name]}, config(**changes), Settings, noting, workers=0).close()
    return {call[4] for call in calls}, set(trained)


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
