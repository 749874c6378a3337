"""CLIP's tokenizer against golden token numbers, its own inverse, and what may come in its way."""

import gzip
import html

import ftfy
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mindaam.encoders.clip_tokenizer import CONTEXT, ClipTokenizer, _byte_letters
from mindaam.errors import CheckpointError, InputError
from tests.encoders.encoder_files import bundled, golden

MERGES = "clip_vitl14.merges.txt.gz"
START, END = 49406, 49407
TOKENIZER = ClipTokenizer(bundled(MERGES))
TOKENS = {number: token for token, number in TOKENIZER.vocabulary.items()}
BYTES = {letter: byte for byte, letter in _byte_letters().items()}


def decode(ids):
    """The words of token numbers, one space between two; the marks are left out."""
    joined = "".join(TOKENS[number] for number in ids if number not in (START, END)).split("</w>")
    return " ".join(bytes(BYTES[letter] for letter in word).decode() for word in joined).strip()


def padded(ids):
    return np.pad(ids, (0, CONTEXT - len(ids)))


def test_the_edge_cases_have_the_golden_numbers():
    want = golden("clip_text.npz")
    assert len(want["edge_texts"]) == 16
    for text, ids in zip(want["edge_texts"], want["edge_ids"], strict=True):
        assert np.array_equal(padded(TOKENIZER.encode(str(text))), ids), repr(text)


def test_the_prompts_have_the_golden_numbers():
    """The golden file holds the 17 prompts as numbers only; their words come from there."""
    rows = golden("clip_text.npz")["prompt_ids"]
    assert len(rows) == 17
    for ids in rows:
        text = decode([number for number in ids if number])
        assert len(text.split()) >= 20
        assert np.array_equal(padded(TOKENIZER.encode(text.capitalize())), ids), text


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", []),
        (" \t\n\N{NO-BREAK SPACE}", []),
        ("a", [320]),
        ("<|endoftext|>", [END]),
        ("<|STARTOFTEXT|>A", [START, 320]),
        ("< &amp;lt;", TOKENIZER.encode("< <")[1:-1]),
        # the long s is an s to a contraction, and stays a long one
        ("'\N{LATIN SMALL LETTER LONG S}t", TOKENIZER.encode("'\N{LATIN SMALL LETTER LONG S} t")[1:-1]),
    ],
)
def test_marks_white_space_and_entities(text, ids):
    assert TOKENIZER.encode(text) == [START, *ids, END]


def test_a_mark_close_behind_a_sign_is_no_mark():
    assert END not in TOKENIZER.encode("!<|endoftext|>")[1:-1]


def test_the_vocabulary_is_complete():
    assert sorted(TOKENIZER.vocabulary.values()) == list(range(49408))
    assert TOKENIZER.vocabulary["<|startoftext|>"] == START and TOKENIZER.vocabulary["<|endoftext|>"] == END


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=30).filter(lambda text: "<|" not in text))
@example("\N{COMBINING GREEK YPOGEGRAMMENI}")
def test_no_letter_is_lost_or_added(text):
    cleaned = html.unescape(html.unescape(ftfy.fix_text(text))).lower()
    cleaned = cleaned.replace("\N{COMBINING GREEK YPOGEGRAMMENI}", "")  # CLIP's pattern, which ignores case, has none
    try:
        ids = TOKENIZER.encode(text)
    except InputError:
        assert len(text.encode()) > CONTEXT - 2
        return
    assert ids[0] == START and ids[-1] == END and START not in ids[1:] and END not in ids[:-1]
    assert "".join(decode(ids).split()) == "".join(cleaned.split())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["Where", "people", "look", "42", "it's", "first-", "(faces)"]), max_size=12))
def test_words_are_cut_one_by_one_whatever_the_case_and_the_white_space(words):
    apart = [number for word in words for number in TOKENIZER.encode(word.upper())[1:-1]]
    assert TOKENIZER.encode(" \n ".join(words))[1:-1] == apart


def test_seventy_seven_tokens_are_accepted_and_the_next_refused():
    assert len(TOKENIZER.encode("look " * 75)) == CONTEXT
    with pytest.raises(InputError, match="the prompt has 78 tokens and the text encoder takes 77 at most"):
        TOKENIZER.encode("look " * 76)


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "must be text, not NoneType"), ("x" * 20_000, "has 20000 characters"), ("\N{EYES}" * 99, "has .* tokens")],
)
def test_what_cannot_be_encoded_is_refused_in_one_line(text, message):
    with pytest.raises(InputError, match=message) as caught:
        TOKENIZER.encode(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_a_broken_letter_is_repaired():
    assert TOKENIZER.encode("broken \udcff byte") == TOKENIZER.encode("broken \N{REPLACEMENT CHARACTER} byte")


def _damaged(kind, path):
    content = bundled(MERGES).read_bytes()
    if kind == "truncated":
        path.write_bytes(content[: len(content) // 20])
    elif kind == "flipped":
        path.write_bytes(content[:5000] + bytes(b ^ 0xFF for b in content[5000:5100]) + content[5100:])
    elif kind == "plain":
        path.write_bytes(gzip.decompress(content))
    elif kind == "short":
        path.write_bytes(gzip.compress(b"#version: 0.2\ni n\nt h\n"))
    elif kind == "three":
        path.write_bytes(gzip.compress(b"#version: 0.2\n" + b"a b c\n" * 50000))
    elif kind == "latin":
        path.write_bytes(gzip.compress(b"#version: 0.2\n" + b"\xe9 \xff\n" * 50000))


@pytest.mark.parametrize("kind", ["missing", "truncated", "flipped", "plain", "short", "three", "latin"])
def test_a_damaged_merges_file_is_refused(tmp_path, kind):
    path = tmp_path / "merges.txt.gz"
    _damaged(kind, path)
    with pytest.raises(CheckpointError, match="merges.txt.gz .*; restore it"):
        ClipTokenizer(path)
