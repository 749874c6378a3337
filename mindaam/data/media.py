"""Images from disk and results to disk; errors are InputErrors and OutputErrors with their cure."""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from mindaam.data import kinds
from mindaam.data.images import pdf
from mindaam.data.images.conversion import only_low_bytes, stored, to_rgb
from mindaam.data.images.limits import MAX_PIXELS
from mindaam.data.images.opening import IMAGE_FORMATS, SIDEWAYS, loaded, opened, orientation, require_file, stored_size
from mindaam.data.images.remarks import dynamic_range, what_is_left
from mindaam.data.kinds import AUDIO_SUFFIXES, IMAGE_SUFFIXES, VIDEO_SUFFIXES
from mindaam.errors import InputError, OutputError
from mindaam.files import replacing

__all__ = [
    "AUDIO_SUFFIXES",
    "IMAGE_FORMATS",
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "VIDEO_SUFFIXES",
    "BlankMap",
    "audio_file",
    "image_remarks",
    "list_files",
    "skipped",
    "image_size",
    "read_gray",
    "read_image",
    "read_map",
    "require_file",
    "png_texts",
    "write_jpeg",
    "write_npy",
    "write_npz",
    "write_png",
]


class BlankMap(InputError):
    """A density map that is zero everywhere: it has no gaze."""


def read_image(path, *, upright=True):
    """The image in a file as uint8 RGB [H,W,3], upright by its EXIF orientation, its first frame if it has several; or
    a page of a PDF document, `document.pdf#page=3` (see `data.images.pdf`).

    upright: False for the rows and columns as they are stored, without the EXIF orientation.
    Grayscale, palette, CMYK, 16-bit (scaled to 8), high-dynamic-range (tone-mapped) and transparent images (composited
    on white) are converted; a color profile is not applied. `image_remarks` names the skipped parts.
    Raises InputError for a missing, empty, damaged, foreign, oversized or overly slow file, or a folder.
    """
    if pdf.page_of(path):
        return pdf.read_page(path)
    with opened(path) as image:
        how, bright = stored(image, path), dynamic_range(image, path)
        image = loaded(image, upright)
        return to_rgb(image, how, lambda: _low_bytes(path, upright), bright)


def image_size(path, *, upright=True):
    """(height, width) of the image in a file, from its header alone; upright and InputError as of `read_image`."""
    with opened(path, decode=False) as image:
        height, width = stored_size(image)
        return (width, height) if upright and orientation(image) in SIDEWAYS else (height, width)


def image_remarks(path):
    """Remarks about an image file that `read_image` has read, a list of sentences, mostly empty: that it is
    tone-mapped, that it has more frames or pages. InputError as of `read_image`."""
    if pdf.page_of(path):
        return []
    with opened(path, decode=False) as image:
        bright, left = dynamic_range(image, path), what_is_left(image, path)
        remarks = [f"{path}: tone-mapped from {bright[0]}"] if bright else []
        return [*remarks, f"{path} {left}"] if left else remarks


def read_gray(path):
    """The gray values of an image, float32 [H,W], in the file's own scale and rows; of colors the brightness is taken.

    Raises InputError for what `read_image` refuses.
    """
    with opened(path) as image:
        plain = image.mode in ("L", "I", "F") or image.mode.startswith("I;")
        return np.asarray(image if plain else image.convert("L"), np.float32)


def read_map(path):
    """A published density map as float32 [H,W] >= 0, in the file's own scale; of colors the brightness is taken.

    Raises InputError for what `read_image` refuses, and BlankMap, which is one, for a map that is zero everywhere.
    """
    values = read_gray(path)
    if not np.isfinite(values).all() or values.min() < 0:
        raise InputError(f"{path}: the density map has negative values, or NaN; restore the file")
    if not values.max() > 0:
        raise BlankMap(f"{path}: the density map is blank; restore the original file")
    return values


def _low_bytes(path, upright):
    """The low bytes of the RGB image of 16 bits in a file, uint8 [H,W,3]."""
    with opened(path) as image:
        only_low_bytes(image)
        return np.array(loaded(image, upright))


def list_files(folder, suffixes, what):
    """The files right inside a folder (not its subfolders) with one of the suffixes, sorted by name: a list of Paths.

    Hidden files are skipped. Raises InputError for a missing folder, a file, or a folder without any; `what` is
    their name in the message.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise InputError(f"{folder} is not a folder; check the path")
    try:
        named = [p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith(".")]
        found = [path for path in named if os.path.islink(path) or not os.path.isdir(path)]
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be read ({error.strerror}); check its permissions") from error
    if not found:
        there = f" ({counted})" if (counted := kinds.counted(_inside(folder))) else ""
        raise InputError(
            f"the folder {folder} has no {what}{there}; put files such as {', '.join(suffixes[:3])} into it"
        )
    return sorted(found)


def skipped(folder, used):
    """The files of a folder, without hidden ones, that are not among the paths `used`, counted by kind on one line that
    names the folder; empty when there are none, or when the folder cannot be read."""
    used = {os.path.abspath(path) for path in used}
    counted = kinds.counted([path for path in _inside(folder) if os.path.abspath(path) not in used])
    return f"{folder}: skipped {counted}" if counted else ""


def _inside(folder):
    with suppress(OSError):
        return list(Path(folder).iterdir())
    return []


def audio_file(folders, stem):
    """The audio file STEM.wav, or with another of AUDIO_SUFFIXES, in one of the folders, the suffixes' order before the
    folders'; a Path, or None."""
    folders = [Path(folder) for folder in folders if os.path.isdir(folder)]
    names = [stem + each for suffix in AUDIO_SUFFIXES for each in (suffix, suffix.upper())]
    paths = (folder / name for name in names for folder in folders)
    return next((path for path in paths if os.path.isfile(path)), None)


def write_jpeg(path, image, quality=92, comment=""):
    """Writes uint8 RGB [H,W,3] or gray [H,W] as JPEG, whole or not at all; OutputError when that is impossible.

    comment: text in its metadata, at most 65,533 bytes in UTF-8.
    """
    if max(image.shape[:2]) > 65500:
        raise OutputError(f"{path}: a JPEG side has at most 65500 pixels; save as .png, or make the image smaller")
    with replacing(path) as stream:
        more = {"comment": comment.encode()} if comment else {}
        Image.fromarray(image).save(stream, format="JPEG", quality=quality, **more)


def write_png(path, image, texts=None):
    """Writes uint8 RGB [H,W,3] or gray [H,W] as PNG, whole or not at all; OutputError when that is impossible.

    texts: {keyword: text} of its metadata.
    """
    with replacing(path) as stream:
        Image.fromarray(image).save(stream, format="PNG", **png_texts(texts))


def png_texts(texts):
    """{keyword: text} as the argument of Pillow's and matplotlib's writers; {} for none."""
    if not texts:
        return {}
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for keyword, text in texts.items():
        info.add_itxt(keyword, text)
    return {"pnginfo": info}


def write_npy(path, array):
    """Writes an array as .npy, whole or not at all; OutputError when that is impossible."""
    array = np.ascontiguousarray(array)
    with replacing(path) as stream:  # not by np.save, which hides the error of a full disk
        npy.write_array_header_1_0(stream, npy.header_data_from_array_1_0(array))
        stream.write(array.data)


def write_npz(path, **arrays):
    """Writes named arrays as .npz, whole or not at all; OutputError when that is impossible."""
    with replacing(path) as stream:
        np.savez(stream, **arrays)
