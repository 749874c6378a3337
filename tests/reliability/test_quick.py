"""A sample of what `python -m tests.reliability` tries as a whole, of another seed: 300 media, and some of each row
that starts no processes and needs no MindSpore."""

import pytest

from tests.reliability.listing import row_of
from tests.reliability.row import FELL
from tests.reliability.running import run

SEED = 17
SAMPLE = {"images": 180, "videos": 72, "audio": 48, "torch-files": 40, "configurations": 90, "tables": 45,
          "gaze-data": 16}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLE)
def test_what_is_damaged_is_read_or_refused_in_one_sentence(name):
    tries = run(row_of(name), SEED, range(SAMPLE[name]), processes=1)
    assert len(tries) == SAMPLE[name]
    assert [one for one in tries if one["verdict"] == FELL] == []
