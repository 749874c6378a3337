"""The legend under an overlay: what it shows, where it has space, and letters that a font lacks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.inference.output import legend
from mindaam.inference.render import Look

LIMIT = 65500


def strip(prompt="people look", size=(400, 600), look=Look()):  # noqa: B008
    """The strip under a black overlay, uint8 [h, W, 3]."""
    made = legend.Legend(size, prompt, look, LIMIT)
    under = made.under(np.zeros((*size, 3), np.uint8))
    assert under.shape == (*made.size, 3) and not under[: size[0]].any()
    return under[size[0] :]


def test_the_strip_is_below_the_image_and_shows_prompt_and_scale():
    found = strip()
    assert 30 < len(found) < 100 and (found[0] == 255).all()
    dark = (found < 128).any(2)
    first, scale = dark[: len(found) // 2], found[len(found) // 2 :].astype(int)
    assert first.sum() > 50  # the prompt's letters
    assert (scale[..., 0] - scale[..., 2]).max() > 60  # inferno's orange
    assert not np.array_equal(found, strip("others look"))
    assert np.array_equal(found, strip("people\n  look"))


def test_long_prompts_take_two_lines_and_end_in_dots():
    short, long = strip("people look"), strip("people look at this " * 500)
    assert len(short) < len(long) < 2 * len(short)
    lines = legend.wrapped("one two three four five six", len, 9)
    assert lines == ["one two", "three fo…"]
    assert legend.wrapped("one two", len, 9) == ["one two"] and legend.wrapped("", len, 9) == []
    assert legend.wrapped("abcdefghijklmnop", len, 9) == ["abcdefghi", "jklmnop"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.integers(3, 30))
def test_wrapped_lines_fit_and_lose_nothing_but_what_dots_stand_for(text, width):
    text = " ".join(text.split())
    lines = legend.wrapped(text, len, width)
    assert len(lines) <= 2 and all(0 < len(line) <= width for line in lines)
    shown = "".join(lines).replace(" ", "")
    assert shown == text.replace(" ", "") or shown.endswith("…")


@pytest.mark.parametrize(("size", "look"), [((60, 600), Look()), ((600, 100), Look()), ((130, 9000), Look()),
                                            ((400, 600), Look(legend=False))])  # fmt: skip
def test_where_a_strip_has_no_space_or_is_not_wanted(size, look):
    assert len(strip(size=size, look=look)) == 0


def test_a_strip_never_makes_a_file_too_large():
    assert legend.Legend((LIMIT - 5, 600), "people look", Look(), LIMIT).size == (LIMIT - 5, 600)


def test_styles_have_their_own_scale():
    heat, fog, contour = (strip(look=Look(style)) for style in ("heat", "fog", "contour"))
    assert not np.array_equal(heat, fog) and not np.array_equal(fog, contour)
    assert np.ptp(contour.astype(int), axis=2).max() < 12  # no colors
    assert not np.array_equal(heat, strip(look=Look(opacity=0.2)))


def test_letters_of_other_scripts_are_shown_where_a_font_has_them(monkeypatch):
    monkeypatch.setattr(legend, "OTHER_FONTS", ("no such font.ttf",))
    text, _ = legend._readable("Кто смотрит? ελληνικά", 12)
    assert text == "Кто смотрит? ελληνικά"
    assert legend._readable("一个人在看照片", 12)[0] == legend.UNREADABLE
    assert legend._readable("People look at 照片 here", 12)[0] == "People look at □□ here"
    own = legend._own_font()
    monkeypatch.setattr(legend, "_own_font", lambda: own.replace("DejaVuSans", "STIXSizOneSymReg"))
    monkeypatch.setattr(legend, "OTHER_FONTS", ("no such font.ttf", own))
    text, font = legend._readable("Кто", 12)
    assert text == "Кто" and font.path == own
