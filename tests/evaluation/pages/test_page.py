"""Templates escape what they show, need every value, and refer to nothing outside of the page."""

import re

import pytest
from jinja2 import UndefinedError

from mindaam.evaluation.pages.page import TEMPLATES, columns, digits, embedded, environment, page

NAMES = sorted(path.name for path in TEMPLATES.glob("*.html.j2"))


def test_values_are_text_and_one_that_is_missing_is_an_error():
    template = environment().from_string("<p>{{ value }}</p>")
    assert template.render(value="<b>&\"'") == "<p>&lt;b&gt;&amp;&#34;&#39;</p>"
    with pytest.raises(UndefinedError, match="value"):
        template.render()


@pytest.mark.parametrize("name", NAMES)
def test_a_template_runs_no_script_and_refers_to_nothing_outside(name):
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|<iframe|https?:|@import|url\(|\| *safe|autoescape|javascript| on\w+=", text)


def test_a_page_has_a_policy_that_allows_images_and_styles_of_its_own_alone_and_a_style_for_print(tmp_path):
    run = {
        "name": "a",
        "progress": [],
        "phase": None,
        "tiles": [],
        "validation": {"problem": "p", "plot": 0, "rows": 0},
    }
    run |= {"curves": {"problem": None, "plots": [], "phases": []}, "speed": {"rows": [], "problem": "none"}}
    rest = {"problem": None, "rows": [], "text": "", "tables": [], "left_out": []}
    text = page("run.html.j2", title="t\udc80", run=run, samples=[], data=rest, environment=rest, configuration=rest)
    assert b"default-src &#39;none&#39;; img-src data:; style-src &#39;unsafe-inline&#39;" in text
    assert b"@media print" in text and b"break-inside: avoid" in text and b"<title>t?</title>" in text


@pytest.mark.parametrize(
    ("value", "shown"), [(0.12345, "0.1235"), (-1, "−1.0000"), (None, "–"), (float("nan"), "–"), ("1", "–")]
)
def test_digits(value, shown):
    assert digits(value) == shown


def test_columns_of_numbers_are_told_from_text():
    rows = [["1", "0.71 [0.68, 0.74]", "measured", "-"], ["AAM", "−0.1", "12", "not run"], ["b", "0.901 *", "", "–"]]
    assert columns(rows) == ["name", "n", "", "n"]


def test_bytes_become_an_address():
    assert embedded(b"<svg/>", "svg+xml") == "data:image/svg+xml;base64,PHN2Zy8+"
