"""Densities of a film on disk."""

import resource

import numpy as np
import pytest

from mindaam.data.videos.density_writer import DensityWriter
from mindaam.errors import OutputError


def test_densities_come_back_and_numpy_reads_them(tmp_path):
    densities, times = np.random.default_rng(0).random((7, 5, 9), np.float32), np.arange(7) / 3
    with DensityWriter(tmp_path / "d.npz", (5, 9)) as writer:
        for density, time in zip(densities, times, strict=True):
            writer.write(density, time)
    with np.load(tmp_path / "d.npz", allow_pickle=False) as kept:
        assert sorted(kept) == ["density", "times"]
        np.testing.assert_array_equal(kept["density"], densities)
        np.testing.assert_array_equal(kept["times"], times)
    assert [path.name for path in tmp_path.iterdir()] == ["d.npz"]


def test_a_films_gate_is_kept_when_it_has_one(tmp_path):
    with DensityWriter(tmp_path / "d.npz", (2, 2)) as writer:
        for number in range(3):
            writer.write(np.ones((2, 2), np.float32), number, gate=number / 4)
    with np.load(tmp_path / "d.npz", allow_pickle=False) as kept:
        assert sorted(kept) == ["density", "gate", "times"] and kept["gate"].dtype == np.float32
        np.testing.assert_array_equal(kept["gate"], [0, 0.25, 0.5])


def test_ctrl_c_keeps_what_was_done_and_an_error_nothing(tmp_path):
    for error, left in ((ValueError, False), (KeyboardInterrupt, True)):
        with pytest.raises(error), DensityWriter(tmp_path / "d.npz", (2, 2)) as writer:
            writer.write(np.ones((2, 2), np.float32), 0.0)
            raise error
        assert (tmp_path / "d.npz").exists() == left
    assert np.load(tmp_path / "d.npz")["density"].shape == (1, 2, 2)


def test_a_place_and_a_shape_that_cannot_be(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        DensityWriter(tmp_path / "none/d.npz", (2, 2))
    with pytest.raises(ValueError), DensityWriter(tmp_path / "d.npz", (2, 2)) as writer:
        writer.write(np.ones((2, 3), np.float32), 0.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("limit", "size"), [(0, (40, 50)), (40_000, (40, 50)), (64_100, (40, 50)), (9000, (5, 6))])
def test_a_full_disk_is_told_in_a_sentence_and_nothing_is_left(tmp_path, limit, size):
    # a limit on the size of files fails as a full disk does: while densities are kept, or while the .npz is written
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OutputError, match="free some space"), DensityWriter(tmp_path / "d.npz", size) as writer:
            for number in range(64_000 // (size[0] * size[1] * 4)):
                writer.write(np.ones(size, np.float32), number)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
