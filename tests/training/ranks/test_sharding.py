"""Who owns which moments; that a run sharded over ranks equals a whole one: test_distributed and test_two_ranks."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from mindaam.training.ranks import sharding
from mindaam.training.ranks.distributed import World


@given(st.lists(st.integers(1, 10**8), max_size=60), st.integers(1, 16))
def test_a_shard_plan_gives_every_parameter_one_owner_and_balances_them(sizes, size):
    owners = sharding.shard_plan(sizes, size)
    assert len(owners) == len(sizes) and all(0 <= owner < size for owner in owners)
    owned = [sum(s for s, owner in zip(sizes, owners, strict=True) if owner == rank) for rank in range(size)]
    assert sum(owned) == sum(sizes)
    assert max(owned) <= sum(sizes) / size + max(sizes, default=0)
    assert owners == sharding.shard_plan(tuple(sizes), size)


def test_a_shard_plan_of_equal_parameters_gives_each_rank_as_many():
    assert sharding.shard_plan([5] * 6, 3) == (0, 1, 2, 0, 1, 2)


def test_each_rank_owns_its_part_and_all_own_everything():
    parameters = [SimpleNamespace(size=size) for size in (7, 1, 5, 5, 3)]
    parts = [sharding.owned_by(parameters, World(rank, 3)) for rank in range(3)]
    assert sorted(i for part in parts for i in part) == [0, 1, 2, 3, 4] and parts[0] == (0,)


def test_what_travels_goes_in_packs(monkeypatch):
    monkeypatch.setattr(sharding, "PACK", 10)
    parameters = [SimpleNamespace(size=size) for size in (4, 6, 1, 30, 2)]
    assert sharding._packs([0, 1, 2, 3, 4], parameters) == [[0, 1], [2], [3], [4]]
