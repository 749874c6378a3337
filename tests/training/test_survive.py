"""A run that is killed is in the end the run that was left alone: at random moments, in the middle of its steps, on one
rank and on two."""

import pytest

from tests.training.corpus_root import make_corpus
from tests.training.jobs import finish, kill_after, losses, require_same, start
from tests.training.survive import survive

# a hundred steps, a checkpoint every 25
CHANGES = ("sampling.batch_size=2", "sampling.steps=100", "epochs=1", "checkpoint_every=25",
           "model_changes.lora.dropout=0.1", "validation={images: 1, videos: 1}")  # fmt: skip


@pytest.mark.slow  # each process compiles its graphs
def test_five_kills(tmp_path):
    survive(tmp_path, 5, seed=1)


@pytest.mark.slow
def test_steps_51_to_100_after_a_kill(tmp_path):
    data, alone, killed = make_corpus(tmp_path / "data"), tmp_path / "alone", tmp_path / "killed"
    changes = [*CHANGES, "corpus={osie: 1, dhf1k: 1}"]
    finish(start(data, alone, changes), alone)
    kill_after(start(data, killed, changes), killed, 52)
    finish(start(data, killed, changes), killed)
    require_same(alone, killed)
    assert len(losses(killed)) == 100 and len({row[1] for row in losses(killed)[50:]}) == 2  # pictures and films


@pytest.mark.slow
def test_steps_51_to_100_after_kills_of_two_ranks_with_sharded_moments(tmp_path):
    data, alone, killed = make_corpus(tmp_path / "data"), tmp_path / "alone", tmp_path / "killed"
    changes, sharded = [*CHANGES, "corpus={osie: 1}"], "shard_optimizer=true"
    finish(start(data, alone, changes, ranks=2), alone)
    kill_after(start(data, killed, [*changes, sharded], ranks=2), killed, 27)
    kill_after(start(data, killed, [*changes, sharded], ranks=2), killed, 52)
    finish(start(data, killed, changes, ranks=2), killed)
    require_same(alone, killed)
    assert len(losses(killed)) == 100
