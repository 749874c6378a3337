"""Image files opened with Pillow, within bounds; errors are InputErrors that name the file and the cure.

Pillow reads rather than OpenCV, because it applies EXIF orientation on demand, keeps palettes and alpha apart, and
treats a truncated file as an error where OpenCV returns a half-gray image.
"""

import logging
import os
import warnings
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from mindaam import files
from mindaam.data import kinds
from mindaam.data.images import limits, raws
from mindaam.errors import InputError
from mindaam.file_kinds import START as STAND_IN_START
from mindaam.file_kinds import stand_in

# Named, so that a file never chooses its reader among Pillow's rarer plug-ins (EPS, say, would start Ghostscript).
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000")
# Pillow's messages about damaged files stay out of stderr unless the program has set up logging.
logging.getLogger("PIL").addHandler(logging.NullHandler())
HEIF = "HEIF"  # Pillow's name of the format that the plug-in pillow-heif adds
_T = Image.Transpose
# What makes an image upright, by its EXIF orientation; and what undoes it.
_TURNS = {2: _T.FLIP_LEFT_RIGHT, 3: _T.ROTATE_180, 4: _T.FLIP_TOP_BOTTOM, 5: _T.TRANSPOSE}
_TURNS |= {6: _T.ROTATE_270, 7: _T.TRANSVERSE, 8: _T.ROTATE_90}
_BACK = _TURNS | {6: _T.ROTATE_90, 8: _T.ROTATE_270}
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


@contextmanager
def opened(path, *, decode=True):
    """The Pillow image in a file, its header read; an error until the end of the block is an InputError.

    decode: whether its pixels will be decoded, so that the cost is checked before.
    """
    path = Path(path)
    require_file(path)
    start = kinds.file_start(path)
    with _explained(path, start):
        _require_finished(path, start)
        # Pillow's own size limit warns on stderr; ours has a cure.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A stream and not a name, since Pillow scrambles a sideways gray TIFF that it maps into memory.
            with files.opened(path) as stream, Image.open(stream, formats=_formats(start)) as image:
                limits.require_size(path, image)
                if decode:
                    limits.require_affordable(path, image)
                yield image


def loaded(image, upright):
    """An image with its pixels decoded: upright by its EXIF orientation, or with rows and columns as they are stored.

    Damaged EXIF data turn nothing: they are not part of the image.
    """
    turned_by_pillow = image.format == "TIFF"  # while it is loaded, and then forgets the orientation
    before = orientation(image) if turned_by_pillow else 1
    image.load()
    if turned_by_pillow:
        turn = None if upright else _BACK.get(before)
    else:
        turn = _TURNS.get(orientation(image)) if upright else None
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.format = image.format  # which a copy forgets
    return turned


def stored_size(image):
    """(height, width) of an image, not yet loaded, as its rows and columns are stored."""
    sideways = image.format == "TIFF" and orientation(image) in SIDEWAYS  # Pillow has swapped them already
    return (image.width, image.height) if sideways else (image.height, image.width)


def orientation(image):
    """The EXIF orientation of an image, 1 to 8; 1 where it has none, or a damaged one."""
    with suppress(Exception):  # Pillow's parser of EXIF and XMP may raise anything for damaged bytes
        noted = image.getexif().get(ExifTags.Base.Orientation, 1)
        return noted if noted in _TURNS else 1
    return 1


def require_file(path, what="image"):
    """InputError unless `path` is a file with content. what: the expected kind of file, for the message."""
    # os.path answers False where pathlib would raise, for a name that is too long, say.
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; give the {what}")
    if not os.path.isfile(path):
        fault = files.fault_of(path)
        if fault:
            raise InputError(f"{path} {fault}; give the {what}")
        raise InputError(f"the {what} {path} does not exist; check the path")
    if os.path.getsize(path) == 0:
        raise InputError(f"{path} is empty; copy or save the {what} again")


@contextmanager
def _explained(path, start):
    """Turns what Pillow raises about a file, which begins with the bytes `start`, into an InputError."""
    try:
        yield
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise _not_an_image(path, start) from error
    except PermissionError as error:
        raise InputError(f"{path} cannot be read; check its permissions") from error
    except Image.DecompressionBombError as error:
        raise limits.too_large(path) from error
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory; make the image smaller") from error
    except Exception as error:
        # Right here: a damaged file can bring Pillow's decoders to raise anything (RuntimeError, zlib.error,
        # AttributeError, ZeroDivisionError, RecursionError have occurred), and which one does not matter to the user.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path} is damaged or truncated ({reason}); copy or save the image again") from error


def _require_finished(path, start):
    """InputError for files that Pillow would accept as finished images: raw files and thumbnails that are TIFFs, and
    for HEIC without its plug-in."""
    kind = kinds.kind_of_content(start)
    if kind is kinds.RAW or (kind is kinds.HEIC and not _reads_heif()):
        raise _foreign(path, kind)
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        with open(path, "rb") as stream:
            found = raws.directories(stream)
        if raws.is_raw(found, kinds.kind_of_name(path) is kinds.RAW):
            raise _foreign(path, kinds.RAW)
        if raws.shows_thumbnail(found):
            raise InputError(f"the first page of {path} is a thumbnail of a larger one; save that one as a file")


def _not_an_image(path, start):
    """The InputError for a file that is in none of the formats."""
    if start[:4] in (b"II*\0", b"MM\0*"):
        return InputError(f"{path} is a TIFF with pixels of an unsupported kind; save it with 8 bits per channel")
    kind = kinds.kind_of_content(start)
    if kind is None and (found := stand_in(start[:STAND_IN_START])) is not None:
        return InputError(f"{path} is not an image, but {found}")
    kind = kind or kinds.kind_of_name(path)
    if kind not in (None, kinds.OTHER):
        return _foreign(path, kind)
    return InputError(
        f"{path} is not an image in a known format; give a JPEG, PNG, WebP, TIFF or BMP file, or a video whose "
        "name ends in .mp4, .mov, .mkv or .webm"
    )


def _foreign(path, kind):
    suffix = Path(path).suffix.lower()
    shown = f" ({suffix})" if kind is kinds.RAW and suffix not in kinds.IMAGE_SUFFIXES else ""
    return InputError(f"{path} is not a supported image, but {kind.phrase}{shown}; {kind.cure}")


def _formats(start):
    is_heic = kinds.kind_of_content(start) is kinds.HEIC
    return (HEIF,) if is_heic else IMAGE_FORMATS


def _reads_heif():
    """Whether Pillow reads HEIC: its plug-in is registered, here if it is installed and that has not been done."""
    if HEIF not in Image.OPEN:
        with suppress(ImportError):
            import_module(kinds.HEIF_PLUGIN).register_heif_opener()
    return HEIF in Image.OPEN
