"""Rows, numbers and texts of tables."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.data.tables import guarded, misfit, number, unguarded


@pytest.mark.parametrize("text", ["1", "-1", "+1.5", ".5", "5.", "1e3", "1E-3", " 7 "])
def test_plain_numbers(text):
    assert number(text) == float(text)


@pytest.mark.parametrize(
    "text", ["", " ", "inf", "-Infinity", "nan", "1e400", "0x10", "1_000", "١٢", "１", "1,5", "1 000", "−1", "1\u00a0"]
)
def test_what_is_no_plain_number(text):
    with pytest.raises(ValueError, match="could not convert"):
        number(text)


@pytest.mark.parametrize(
    ("cells", "names", "fits"),
    [
        (["a", "b"], ["x", "y"], True),
        (["a", ""], ["x", "y"], True),
        (["a", "b"], ["x", "y", "", ""], True),
        (["a", "b", " "], ["x", "y", "", ""], True),
        (["a", "b", "", ""], ["x", "y", "", " "], True),
        (["1", "b", "c"], ["", "x", "y"], True),
        (["a", "b", ""], ["x", "y"], False),
        (["a", "b", "c"], ["x", "y", ""], False),
        (["a", "b", "c"], ["x", "y"], False),
        (["a", "b", "", "c"], ["x", "y"], False),
        (["a"], ["x", "y"], False),
        (["a"], ["", "y", ""], False),
        ([], ["x"], False),
    ],
)
def test_rows_that_fit_their_header(cells, names, fits):
    assert (misfit(cells, names) is None) == fits


def test_a_row_that_does_not_fit_is_described():
    assert misfit(["a"] * 6, ["x"] * 4) == "the row has 6 cells, but the header 4 columns"
    assert misfit(["a"], ["x", "y"]) == "the row has 1 cell, but the header 2 columns"


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "'=1", "＝1", "-"])
def test_formulas_are_guarded(text):
    assert guarded(text) == "'" + text


@pytest.mark.parametrize("text", ["", "osie", "a=b", "-1.5", "+2", "-1e-9", "'quoted'", "it's"])
def test_other_texts_stay(text):
    assert guarded(text) == text


@settings(max_examples=100, deadline=None)
@given(st.text("'=+-@\ta1 ", max_size=5))
def test_guarded_texts_come_back(text):
    assert unguarded(guarded(text)) == text
