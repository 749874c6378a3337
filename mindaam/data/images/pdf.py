"""Pages of PDF documents as images, through pypdfium2, which the extra `[pdf]` installs.

A page has the path `document.pdf#page=3`, as in the address of a browser; pages are counted from 1.
"""

import re
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mindaam.errors import InputError
from mindaam.files import fault_of

SUFFIX = ".pdf"
PAGE = re.compile(r"(.+\.pdf)#page=([1-9][0-9]{0,6})", re.IGNORECASE)
MOST = 50  # pages of a document that are used when it is given as a whole
SIDE = 1600  # longest side of a page as an image, pixels


def page_of(path):
    """(path of the document, number of the page) of the path of a page; None for any other path."""
    found = PAGE.fullmatch(Path(path).name)
    return found and (Path(path).with_name(found[1]), int(found[2]))


def is_document(path):
    """Whether a path is that of a PDF document by its suffix."""
    return Path(path).suffix.lower() == SUFFIX


def page_name(path):
    """The start of the names of a page's results: "document.p003"."""
    document, number = page_of(path)
    return f"{document.stem}.p{number:03d}"


def pages(path):
    """The paths of the pages of a document, and how many it has; at most MOST paths.

    Raises InputError for a document that is missing, damaged, empty or protected by a password, or without pypdfium2.
    """
    with _opened(path) as document:
        count = len(document)
    if not count:
        raise InputError(f"{path} has no pages; export it again")
    return [Path(path).with_name(f"{Path(path).name}#page={at}") for at in range(1, min(count, MOST) + 1)], count


def read_page(path):
    """The page at the path of one, uint8 RGB [H,W,3] on white, its longest side SIDE pixels. Raises InputError as
    `pages`, and for a page that does not exist."""
    file, number = page_of(path)
    with _opened(file) as document:
        if number > len(document):
            raise InputError(f"{file} has {len(document)} pages; page {number} does not exist")
        page = document[number - 1]
        size = page.get_size()
        if not min(size) > 0:
            raise InputError(f"page {number} of {file} has no area; export it again")
        scale = SIDE / max(size)
        bitmap = page.render(scale=scale, rev_byteorder=True)
        pixels = np.array(bitmap.to_numpy())[..., :3]  # a copy: the bitmap's memory goes with the document
    return np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else np.ascontiguousarray(pixels)


@contextmanager
def _opened(path):
    try:
        import pypdfium2
    except ImportError as error:
        raise InputError(f'{path} is a PDF document; run pip install "mindaam[pdf]", or export its pages') from error
    if fault := fault_of(path):
        raise InputError(f"{path} {fault}; check the path")
    try:
        document = pypdfium2.PdfDocument(path)
    except (pypdfium2.PdfiumError, OSError) as error:
        if "password" in str(error).lower():
            raise InputError(f"{path} is protected by a password; save it without one") from error
        raise InputError(f"{path} is missing or damaged and cannot be read as PDF; export it again") from error
    try:
        yield document
    except pypdfium2.PdfiumError as error:
        raise InputError(f"a page of {path} is damaged; export it again") from error
    finally:
        document.close()
