"""README_CN.md is complete: the same blocks, commands, options, links and figures as README.md."""

import ast
import re
from collections import Counter

import pytest

from tests.docs.documents import ROOT, blocks, commands

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README_CN.md"
CODE = re.compile(r"```.*?```", re.DOTALL)


def content(block):
    """What a block does, without comments, which are translated."""
    if block.is_shell:
        return commands(block.text)
    return ast.dump(ast.parse(block.text)) if block.is_python else block.text


def prose(document):
    return CODE.sub("", document.read_text(encoding="utf-8"))


def test_the_commands_of_both_are_equal_block_by_block():
    pairs = list(zip(blocks(ENGLISH), blocks(CHINESE), strict=True))
    for one, other in pairs:
        assert (one.language, one.reason, content(one)) == (other.language, other.reason, content(other)), other.name
    assert len(pairs) >= 14


def sections(document):
    return len(re.findall(r"^##+ ", prose(document), re.MULTILINE))


def spans(document):
    """Names in the text that are typed: in backticks, across line breaks."""
    return Counter(" ".join(each.split()) for each in re.findall(r"`([^`]+)`", prose(document)))


def links(document):
    found = Counter(re.findall(r"\]\(([^)\s]+)\)", prose(document)))
    del found[ENGLISH.name], found[CHINESE.name]  # to each other
    return found


def figures(document):
    """Numbers in the rows of tables."""
    rows = "\n".join(re.findall(r"^\|.*$", prose(document), re.MULTILINE))
    return Counter(re.findall(r"\d+(?:[.,]\d+)*", re.sub(r"`[^`]*`|\]\([^)]*\)", "", rows)))


@pytest.mark.parametrize("of", [sections, spans, links, figures])
def test_sections_names_links_and_figures_are_equal(of):
    assert of(ENGLISH) == of(CHINESE)


def test_each_links_to_the_other():
    assert f"]({CHINESE.name})" in prose(ENGLISH) and f"]({ENGLISH.name})" in prose(CHINESE)


def test_the_text_is_chinese():
    """Every line of prose, but for images, marks and rows of names."""
    for line in prose(CHINESE).splitlines():
        plain = re.sub(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->", "", line)
        assert re.search(r"[\u4e00-\u9fff]", plain) or len(re.findall(r"[A-Za-z]{3,}", plain)) < 8, line
