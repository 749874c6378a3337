"""Names from the data in Markdown."""

import pytest

from mindaam.evaluation import tables
from mindaam.evaluation.markdown_text import Table, plain, section, table_row
from mindaam.evaluation.results import Evaluation
from tests.evaluation.made import SETTINGS, made_set


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("osie", "osie"),
        ("a < b <3", "a < b <3"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("<!-- a -->\r\n# b", "&lt;!-- a --> # b"),
        (3, "3"),
    ],
)
def test_a_name_stays_text_in_one_line(value, shown):
    assert plain(value) == shown


def test_a_cell_cannot_end_by_itself():
    assert table_row(["a|b", "c\n|d", ""]) == "| a\\|b | c \\|d |  |"


def test_a_section_has_a_heading_its_rows_and_its_notes():
    assert section(Table("a <b", ["x", "y"], [["1", "2|3"]], ["n = 1", "<b>"])) == (
        "## a &lt;b\n\n| x | y |\n| --- | --- |\n| 1 | 2\\|3 |\n\n- n = 1\n- &lt;b>"
    )
    assert section(Table("a", ["x"], [])) == "## a"


def test_the_table_of_scores_shows_names_as_text():
    rows = [
        {
            "dataset": "a|<script>",
            "split": "val",
            "name": "i",
            "condition": condition,
            "role": role,
            "maps": 1,
            "CC": 0.5,
        }
        for condition in ("<img src=x>", "b\nc")
        for role in ("right", "generic", "others")
    ]
    sets = {"a|<script>": made_set(rows, "images", notes=["<b>bold</b>"])}
    table = tables.markdown(Evaluation({**SETTINGS, "metrics": ["CC"], "sets": sets}, rows))
    assert "<script" not in table and "<img" not in table and "<b>" not in table
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len(lines) == 11 and all(line.replace("\\|", "").count("|") == 5 for line in lines)
