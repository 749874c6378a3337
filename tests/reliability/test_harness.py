"""The harness itself: what a try's end is called, that the next one goes on, and that files follow from the seed."""

import pytest

from tests.reliability import page
from tests.reliability.listing import NAMES, row_of
from tests.reliability.mutations import CHANGES, mutated
from tests.reliability.results import summary
from tests.reliability.row import FELL, READ, REFUSED
from tests.reliability.rows.faults import ENDS
from tests.reliability.running import run

ROW = row_of("faults")


@pytest.fixture(scope="module")
def tries():
    return run(ROW, 0, range(len(ENDS)), processes=1)


def test_every_end_is_told_from_the_others_and_none_ends_the_run(tries):
    assert [one["verdict"] for one in tries] == [verdict for _, verdict, _ in ENDS]
    odd = [one["why"] for one, (_, _, why) in zip(tries, ENDS, strict=True) if why not in one["why"]]
    assert odd == []


def test_results_count_what_came_of_the_tries(tries):
    told = summary(ROW, 0, tries, 12.34)
    assert (told["tried"], told[READ], told[REFUSED], told[FELL]) == (13, 2, 1, 10) and told["row_seconds"] == 12.3
    assert [one["number"] for one in told["falls"]] == list(range(2, 12))


def test_the_page_has_every_row_and_every_fall(tries):
    fine = summary(ROW, 0, tries[:2], 1.0)
    text = page.rendered({name: summary(ROW, 0, tries, 1.0) if name == "audio" else fine for name in NAMES})
    assert all(row_of(name).title in text and row_of(name).promise in text for name in NAMES)
    assert "Fell of `audio`: numbers 2, 3, 4" in text and "Fell of `videos`" not in text


def test_a_file_follows_from_seed_and_number(tmp_path):
    row = row_of("images")
    made = [row.make(row.dice(seed, number), number, tmp_path).read_bytes()
            for seed, number in ((1, 5), (1, 5), (2, 5), (1, 17))]  # fmt: skip
    assert made[0] == made[1] and len(set(made)) == 3


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_changes_take_any_content(change):
    dice = ROW.dice(0, 0)
    for size in (1, 2, 9, 1000):
        for _ in range(50):
            change(bytearray(size), dice, b"other")
    assert mutated(b"", dice) == b""
