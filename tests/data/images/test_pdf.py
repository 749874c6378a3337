"""Pages of PDF documents: their paths, their pixels, and every kind of bad document."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from mindaam.data import media
from mindaam.data.images import pdf
from mindaam.errors import InputError

LOCKED = b"""%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 200 100]>> endobj
4 0 obj <</Filter /Standard /V 1 /R 2 /P -4 /O <""" + b"41" * 32 + b"> /U <" + b"42" * 32 + b""">>> endobj
trailer <</Root 1 0 R /Encrypt 4 0 R /ID [<41> <41>] /Size 5>>
%%EOF
"""


def document(path, count=2):
    """A document of so many pages of 400 x 300 points, the first red."""
    pages = [Image.new("RGB", (400, 300), color) for color in ["red", "white"] * count][:count]
    pages[0].save(path, save_all=True, append_images=pages[1:], resolution=72)
    return path


def test_paths_of_pages(tmp_path):
    assert pdf.page_of("a/x.PDF#page=12") == (tmp_path.__class__("a/x.PDF"), 12)
    for other in ("x.pdf", "x.pdf#page=0", "x.pdf#page=", "x.png#page=1", "x.pdf#page=1.png", "x.pdf#page=12345678"):
        assert pdf.page_of(other) is None
    assert pdf.page_name("a/x.pdf#page=7") == "x.p007"


def test_pages_are_images_on_white(tmp_path):
    pytest.importorskip("pypdfium2")
    paths, count = pdf.pages(document(tmp_path / "x.pdf", 3))
    assert count == 3 and [path.name for path in paths] == [f"x.pdf#page={at}" for at in (1, 2, 3)]
    first, second = media.read_image(paths[0]), media.read_image(paths[1])
    assert first.shape == second.shape == (1200, pdf.SIDE, 3) and first.dtype == np.uint8
    assert first[600, 800, 0] > 240 and first[600, 800, 2] < 30 and second[600, 800].min() > 240
    assert media.image_remarks(paths[0]) == []


def test_a_long_document_gives_its_first_pages(tmp_path, monkeypatch):
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr(pdf, "MOST", 2)
    paths, count = pdf.pages(document(tmp_path / "x.pdf", 5))
    assert len(paths) == 2 and count == 5


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4\n", b"text", os.urandom(500)])
def test_damaged_documents(tmp_path, content):
    pytest.importorskip("pypdfium2")
    (tmp_path / "x.pdf").write_bytes(content)
    with pytest.raises(InputError, match="x.pdf .*export it again"):
        pdf.pages(tmp_path / "x.pdf")


def test_a_truncated_document_is_an_error_or_a_page(tmp_path):
    pytest.importorskip("pypdfium2")
    path = document(tmp_path / "x.pdf")
    os.truncate(path, path.stat().st_size // 2)
    try:
        assert media.read_image(pdf.pages(path)[0][0]).ndim == 3
    except InputError as error:
        assert "export it again" in str(error)


def test_locked_missing_and_foreign_documents(tmp_path):
    pytest.importorskip("pypdfium2")
    (tmp_path / "x.pdf").write_bytes(LOCKED)
    with pytest.raises(InputError, match="x.pdf is protected by a password; save it without one"):
        pdf.pages(tmp_path / "x.pdf")
    with pytest.raises(InputError, match="gone.pdf is missing or damaged"):
        pdf.pages(tmp_path / "gone.pdf")
    os.mkfifo(tmp_path / "pipe.pdf")
    with pytest.raises(InputError, match="pipe.pdf is a pipe"):
        pdf.pages(tmp_path / "pipe.pdf")
    with pytest.raises(InputError, match="y.pdf has 2 pages; page 3 does not exist"):
        media.read_image(document(tmp_path / "y.pdf").with_name("y.pdf#page=3"))


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(InputError, match=r'pip install "mindaam\[pdf\]"'):
        pdf.pages(tmp_path / "x.pdf")
