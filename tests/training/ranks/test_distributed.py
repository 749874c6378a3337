import re
import subprocess
import sys
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest

from mindaam.errors import TrainingError
from mindaam.training.ranks import distributed, sharding
from mindaam.training.ranks.distributed import ALONE, World
from tests.training import rank_jobs

SCRIPT = Path(rank_jobs.__file__)


def test_a_process_that_msrun_did_not_start_is_alone(monkeypatch):
    monkeypatch.delenv(distributed.ROLE, raising=False)
    assert distributed.start() == ALONE == World(0, 1)


def test_only_rank_0_is_first():
    assert World(0, 4).is_first and not World(3, 4).is_first


def test_ranks_that_cannot_meet_are_told_in_one_sentence(monkeypatch):
    def init():
        raise RuntimeError("Topology build timed out.\n----\nC++ Call Stack")

    monkeypatch.setenv(distributed.ROLE, "MS_WORKER")
    monkeypatch.setenv("MS_SCHED_HOST", "10.0.0.1")
    monkeypatch.setenv("MS_SCHED_PORT", "8118")
    monkeypatch.setattr(distributed.communication, "init", init)
    with pytest.raises(TrainingError, match=r"10\.0\.0\.1:8118 \(Topology build timed out\.\); see scheduler\.log"):
        distributed.start()


def test_the_scheduler_never_goes_on_to_train(monkeypatch):
    monkeypatch.setenv(distributed.ROLE, "MS_SCHED")
    monkeypatch.setattr(distributed.communication, "init", lambda: None)
    with pytest.raises(SystemExit) as left:
        distributed.start()
    assert left.value.code == 0


def test_alone_every_function_leaves_things_as_they_are():
    ours = rank_jobs.parameters()
    before = [each.asnumpy().copy() for each in ours]
    distributed.broadcast(ours, ALONE)
    sharding.gather_owned(ours, ALONE)
    distributed.barrier(ALONE)
    assert all(np.array_equal(each.asnumpy(), value) for each, value in zip(ours, before, strict=True))
    assert distributed.average(2.5, ALONE) == 2.5
    assert distributed.average([1, 2], ALONE).tolist() == [1.0, 2.0]
    assert distributed.average(1.0, ALONE) > 0 and not distributed.average(0.0, ALONE) > 0


@pytest.mark.parametrize("mode", [ms.PYNATIVE_MODE, ms.GRAPH_MODE])
def test_alone_gradients_pass_the_reducer_unchanged(mode):
    gradients = rank_jobs.gradients(0)
    before = ms.get_context("mode")
    ms.set_context(mode=mode)
    try:
        reduced = rank_jobs.Halves(distributed.gradient_reducer(rank_jobs.parameters()[:4], ALONE))(*gradients)
    finally:
        ms.set_context(mode=before)
    assert all(np.array_equal(a.asnumpy(), b.asnumpy()) for a, b in zip(reduced, gradients, strict=True))


def test_parameters_are_sent_together_by_type_until_a_pack_is_full(monkeypatch):
    monkeypatch.setattr(distributed, "PACK", 11)
    packs = distributed._packs(rank_jobs.parameters())
    assert [[each.name for each in pack] for pack in packs] == [["p0", "p1"], ["p2"], ["p3"], ["count"]]


def on_two_ranks(what, folder):
    """Runs ranks.py under msrun; what both ranks found."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "mindaam.training.launch", "--workers", "2", "--log-dir", folder / "logs", "--",
         SCRIPT, what, folder],
        capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(2)]


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    return on_two_ranks("functions", tmp_path_factory.mktemp("ranks"))


@pytest.mark.slow
def test_two_ranks_know_who_they_are(two_ranks):
    assert [(int(each["rank"]), int(each["size"])) for each in two_ranks] == [(0, 2), (1, 2)]


@pytest.mark.slow
def test_two_ranks_share_the_first_ones_parameters_of_every_type(two_ranks):
    for expected in rank_jobs.parameters():
        for found in two_ranks:
            value = found[f"broadcast.{expected.name}"]
            assert np.array_equal(value, expected.asnumpy()) and value.dtype == expected.asnumpy().dtype


@pytest.mark.slow
def test_two_ranks_average_numbers_and_one_that_is_lost_stays_lost(two_ranks):
    for found in two_ranks:
        assert found["average"].tolist() == [0.5, 3.0] and float(found["mean"]) == 1.5
        assert found["lost"][0] == 1.0 and np.isnan(found["lost"][1])


@pytest.mark.slow
def test_two_ranks_agree_when_any_of_them_says_so(two_ranks):
    assert all(found["agree"].tolist() == [True, True, False, True] for found in two_ranks)


@pytest.mark.slow
def test_two_ranks_get_the_mean_of_their_gradients(two_ranks):
    for i, (first, second) in enumerate(zip(rank_jobs.gradients(0), rank_jobs.gradients(1), strict=True)):
        expected = (first.asnumpy() + second.asnumpy()) / 2
        assert all(np.allclose(found[f"gradient.{i}"], expected, atol=1e-7) for found in two_ranks)


@pytest.mark.slow
def test_sharded_optimizer_state_moves_parameters_exactly_as_whole_state_does(two_ranks):
    for i in range(len(rank_jobs.SHAPES)):
        for found in two_ranks:
            assert np.array_equal(found[f"sharded.p{i}"], found[f"whole.p{i}"])
            assert not np.array_equal(found[f"whole.p{i}"], rank_jobs.parameters()[i].asnumpy())
        assert np.array_equal(two_ranks[0][f"whole.p{i}"], two_ranks[1][f"whole.p{i}"])
        moment = two_ranks[0][f"sharded.moment.p{i}"]  # rank 0 can write what the other alone has
        assert np.array_equal(moment, two_ranks[0][f"whole.moment.p{i}"]) and np.abs(moment).max() > 0


@pytest.mark.slow
def test_gradients_are_averaged_inside_a_compiled_graph(tmp_path, monkeypatch):
    monkeypatch.setenv("MS_DEV_SAVE_GRAPHS", "1")
    monkeypatch.setenv("MS_DEV_SAVE_GRAPHS_PATH", str(tmp_path / "graphs"))
    found = on_two_ranks("graph", tmp_path)
    for name, first, second in zip("abcd", rank_jobs.gradients(0), rank_jobs.gradients(1), strict=True):
        expected = (first.asnumpy() + second.asnumpy()) / 2
        assert all(np.allclose(each[name], expected, atol=1e-7) for each in found)
        for way in ("pairs", "single"):
            assert all(np.array_equal(each[f"{way}.{name}"], each[name]) for each in found)
    for rank in range(2):
        assert [chained(path) for path in validated(tmp_path / "graphs" / f"rank_{rank}")] == [1, 2, 4]


def validated(folder):
    """The graphs that a rank compiled, as they were before kernels were chosen, in their order."""
    return sorted(folder.glob("*_validate_*.ir"), key=lambda path: int(path.stem.rpartition("_")[2]))


def chained(path):
    """The number of AllReduces in a graph, each of which depends on the one before."""
    text = path.read_text()
    sums = re.findall(r"%(\d+)\(\w+\) = AllReduce\(%(\d+)\)", text)
    after = dict(re.findall(r"%(\d+)\(\w+\) = Depend\(%\d+, %(\d+)\)", text))
    assert [after.get(given) for _, given in sums] == [None, *(number for number, _ in sums[:-1])]
    return len(sums)


@pytest.mark.slow
def test_gradients_in_buckets_move_parameters_exactly_as_in_one_with_sharded_state_too(tmp_path):
    found = on_two_ranks("buckets", tmp_path)
    for i, start in enumerate(rank_jobs.parameters()[:4]):
        expected = found[0][f"one.p{i}"]
        assert not np.array_equal(expected, start.asnumpy())
        for each in found:
            assert all(np.array_equal(each[f"{way}.p{i}"], expected) for way in ("one", "whole", "sharded", "pairs"))


@pytest.mark.slow
def test_ranks_load_the_graphs_of_an_earlier_start(tmp_path, monkeypatch):
    monkeypatch.setenv("MS_COMPILER_CACHE_ENABLE", "1")
    monkeypatch.setenv("MS_COMPILER_CACHE_PATH", str(tmp_path / "stored"))
    first, second = (on_two_ranks("stored", tmp_path / name) for name in ("first", "second"))
    for rank in range(2):
        assert (first[rank]["found"], first[rank]["made"]) == (0, 2)
        assert (second[rank]["found"], second[rank]["made"]) == (2, 0)
        for i in range(4):
            assert np.array_equal(first[rank][f"p{i}"], second[rank][f"p{i}"])
            assert np.array_equal(first[rank][f"p{i}"], first[0][f"p{i}"])


def test_buckets_come_in_the_order_of_the_backward_pass_and_are_bounded():
    assert distributed.buckets([4, 3, 2, 1], numbers=5) == [(2, 4), (1, 2), (0, 1)]
    assert distributed.buckets([1, 9, 1], numbers=5) == [(2, 3), (1, 2), (0, 1)]  # one that is larger goes alone
    assert distributed.buckets([1] * 70) == [(38, 70), (6, 38), (0, 6)]
    assert distributed.buckets([10 * (1 << 20)] * 2) == [(1, 2), (0, 1)]  # 40 MB each
    assert distributed.buckets([7]) == [(0, 1)]


def test_buckets_of_what_is_used_last_come_first_wherever_it_stands():
    # a head's matrices, its vectors, the adapters before it, temporal blocks between them
    uses = [10, 14, 11, 15, 0, 1, 2, 7, 8]
    found = distributed.buckets([1] * 9, uses, tensors=2)
    assert found == [(2, 4), (0, 2), (7, 9), (5, 7), (4, 5)]
    assert sorted(i for first, end in found for i in range(first, end)) == list(range(9))


@pytest.mark.slow
def test_a_rank_may_be_later_than_the_limit_of_mindspore(tmp_path, monkeypatch):
    monkeypatch.setenv("RANKS_LATE", "50")
    assert all(found["late"] for found in on_two_ranks("functions", tmp_path))
