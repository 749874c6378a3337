"""Every fenced block of the documents is of a known kind, sound, and names commands and options that exist."""

import pytest

from tests.docs import checks
from tests.docs.documents import DOCUMENTS, KNOWN, Block, blocks, commands, inline_commands

BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]


def test_the_documents_are_here():
    assert len(DOCUMENTS) >= 9 and sum(block.is_shell for block in BLOCKS) > 20
    assert sum(block.is_python for block in BLOCKS) > 5


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_blocks_are_written_as_something_that_can_be_run(document):
    problems = []
    for block in blocks(document):
        if block.language not in KNOWN:
            problems.append(f"{block.name}: {block.language} is none of {', '.join(filter(None, KNOWN))}")
        if problem := checks.syntax(block):
            problems.append(f"{block.name}: {problem}")
        for words in commands(block.text) if block.is_shell else ():
            if problem := checks.command(words):
                problems.append(f"{block.name}: {' '.join(words)}: {problem}")
    assert problems == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_within_sentences_exist(document):
    problems = []
    for line, text in inline_commands(document):
        problem = checks.mindaam(commands(text)[0][1:])
        if problem and "Missing" not in problem and "requires an argument" not in problem:  # a sentence may be short
            problems.append(f"{document.name}:{line}: {text}: {problem}")
    assert problems == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("train corpus --tinny", "No such option"),
        ("train corpse", "configuration corpse does not exist"),
        ("train corpus epoch=3", 'unknown key "epoch"'),
        ("train corpus data_root=x --tiny -o y", None),
        ("train --from aam_dinov2_vits14 --data MYDIR", None),
        ("zoo fetsch wav2clip", 'command "fetsch" does not exist'),
        ("zoo fetch wav2clip --accept", None),
        ("evaluate --model x", "Missing option"),
        ("predict", None),
        ("--install-completion", None),
        ("--instal-completion", "No such option"),
    ],
)
def test_a_command_is_checked_against_the_command_line(words, problem):
    found = checks.mindaam(words.split())
    assert found is None if problem is None else problem in found


def test_a_mark_directly_above_a_fence_says_why_a_block_is_not_run(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: no Ascend here -->\n```bash\nrun me\n```\n\n<!-- not run: x -->\n\n```bash\nmore\n```\n"
    )
    first, second = (each._replace(document=page) for each in blocks(page))
    assert first == Block(page, 2, "bash", "run me\n", "no Ascend here") and second.reason == ""
    page.write_text("```bash\n")
    with pytest.raises(ValueError, match="not closed"):
        blocks(page)


def test_a_block_s_commands_are_taken_apart():
    text = (
        "A=1 mindaam predict x   # so\nP='train corpus'\nmindaam $P --tiny && make test | cat > out 2>&1\n"
        "cat > gaze.csv <<END\nno command\nEND\nmindaam zoo \\\n    list\n"
    )
    assert commands(text) == [
        ["mindaam", "predict", "x"], ["mindaam", "train", "corpus", "--tiny"], ["make", "test"], ["cat"], ["cat"],
        ["mindaam", "zoo", "list"],
    ]  # fmt: skip
