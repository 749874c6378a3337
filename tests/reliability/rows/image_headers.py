"""Images whose headers lie, and bombs."""

from tests.reliability.originals.lying_images import FILES
from tests.reliability.row import Row, all_of
from tests.reliability.rows.images import read, read_size

NAMES = tuple(FILES)


def make(dice, number, folder):
    """Writes image `number`."""
    suffix, content = FILES[NAMES[number % len(NAMES)]]
    path = folder / f"image{suffix}"
    path.write_bytes(content())
    return path


def attempt(path):
    """Reads an image, and its size."""
    all_of(path, (read, read_size))


ROW = Row(
    "image-headers",
    "images with wrong headers, decompression bombs",
    "A small file does not cause unbounded time or memory.",
    "Sizes from 0 to 4 billion pixels per side in nine formats; progressive JPEGs of up to 3,000 scans; texts and "
    "color profiles that unpack to 256 MB; circular directories; 149 million zero pixels; thousands of frames.",
    len(NAMES),
    make,
    attempt,
    megabytes=4000,
)
