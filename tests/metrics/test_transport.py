"""The earth mover's distance, against a linear program and by its properties."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog

from mindaam.errors import ConfigError, InputError
from mindaam.metrics import MIT, PAPER, emd

# whole numbers: the linear program is solved to 1e-7, within which smaller masses vanish
densities = arrays(np.float64, (4, 5), elements=st.integers(0, 40)).filter(lambda a: a.sum() > 0)
examples = settings(max_examples=25, deadline=None)


def by_linear_program(p, q):
    """The least sum of flow times distance over all flows between the pixels of two densities."""
    places = np.argwhere(np.ones_like(p))
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    size = len(places)
    sums = np.concatenate([np.kron(np.eye(size), np.ones(size)), np.kron(np.ones(size), np.eye(size))])
    masses = np.concatenate([p.ravel() / p.sum(), q.ravel() / q.sum()])
    # one of the sums follows from the others; as it is rounded, the program would have no solution
    return linprog(distance.ravel(), A_eq=sums[1:], b_eq=masses[1:], method="highs").fun


@examples
@given(p=densities, q=densities)
def test_the_flow_is_the_cheapest(p, q):
    assert emd(p, q, reduction=1) == pytest.approx(by_linear_program(p, q), abs=1e-7)


@examples
@given(p=densities, q=densities, r=densities, gain=st.floats(0.1, 100))
def test_it_is_a_distance_and_ignores_the_mass(p, q, r, gain):
    there = emd(p, q, reduction=1)
    assert 0 <= there <= np.hypot(3, 4)
    assert emd(q, p, reduction=1) == pytest.approx(there, abs=1e-9)
    assert emd(p, p, reduction=1) == 0
    assert there <= emd(p, r, reduction=1) + emd(r, q, reduction=1) + 1e-9
    assert emd(gain * p, q, reduction=1) == pytest.approx(there, abs=1e-9)


def test_a_point_moves_by_its_distance_in_pixels_of_the_reduced_map():
    p, q = np.zeros((2, 256, 320))
    p[32:64, 64:96], q[128:160, 192:224] = 1, 1
    assert emd(p, q) == pytest.approx(5)  # 3 rows and 4 columns of 32 pixels
    assert emd(p, q, reduction=16) == pytest.approx(10)
    assert emd(p, q, **MIT.emd) == emd(p, q, **PAPER.emd)


def test_only_the_stretched_map_forgets_a_pedestal():
    q = np.arange(20.0).reshape(4, 5)
    assert emd(q + 100, q, reduction=1, normalize="range") == pytest.approx(0, abs=1e-9)
    assert emd(q + 100, q, reduction=1, normalize="sum") > 0.1


def test_constant_and_empty_maps_are_uniform_and_one_pixel_has_no_distance():
    q = np.arange(20.0).reshape(4, 5)
    for variant in ("range", "sum"):
        uniform = emd(np.ones((4, 5)), q, reduction=1, normalize=variant)
        assert emd(np.zeros((4, 5)), q, reduction=1, normalize=variant) == uniform > 0
    assert emd(np.zeros((4, 5)), np.ones((4, 5)), reduction=1) == 0
    assert emd(np.ones((1, 1)), np.ones((1, 1))) == 0
    assert emd(q, q[::-1]) == 0  # smaller than one pixel of the reduced map


def test_sizes_that_differ_and_unusable_choices():
    assert emd(np.ones((2, 3)), np.ones((90, 100))) == pytest.approx(0, abs=1e-12)
    with pytest.raises(InputError, match="differ in size"):
        emd(np.ones((2, 3)), np.ones((4, 6)), resize=None)
    with pytest.raises(ConfigError, match="reduction of maps must be 1 or more, got 0"):
        emd(np.ones((2, 3)), np.ones((2, 3)), reduction=0)
    with pytest.raises(ConfigError, match='did you mean "range"'):
        emd(np.ones((2, 3)), np.ones((2, 3)), normalize="rang")


def test_no_framework_beside_mindspore_is_imported(tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit('imported')")
    lines = "import numpy, sys; from mindaam.metrics import emd; emd(numpy.eye(4), numpy.ones((4, 4)), reduction=1)"
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).resolve().parents[2])])
    done = subprocess.run([sys.executable, "-c", lines], env={**os.environ, "PYTHONPATH": path}, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("power", [1, 20, 200])
def test_maps_of_a_wide_range_of_values_are_solved(power):
    random = np.random.default_rng(power)
    p, q = random.random((2, 20, 30)) ** power
    there = emd(p, q, reduction=1)
    assert 0 < there < 36 and emd(q, p, reduction=1) == pytest.approx(there, abs=1e-9)
