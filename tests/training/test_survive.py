"""A run that is killed at random moments is in the end the run that was left alone."""

import pytest

from tests.training.survive import survive


@pytest.mark.slow  # each process compiles its graphs
def test_five_kills(tmp_path):
    survive(tmp_path, 5, seed=1)
