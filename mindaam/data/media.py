"""Pictures from disk and results to disk; whatever cannot be used is an InputError or OutputError with its cure.

Pillow reads rather than OpenCV, because it applies EXIF orientation on demand, keeps palettes and alpha apart, and
treats a truncated file as an error where OpenCV returns a half-grey picture.
"""

import hashlib
import os
import shutil
import struct
import tempfile
import time
import uuid
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from mindaam.errors import InputError, OutputError
from mindaam.files import fault_of

# Named, so that a file never chooses its reader among Pillow's rarer plug-ins (EPS, say, would start Ghostscript).
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".jp2")
IMAGE_SUFFIXES += (".ppm", ".pgm", ".pbm", ".pnm")
# Every command takes files of these names for images, videos and audio. What is in a file says how it is decoded.
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv")
VIDEO_SUFFIXES += (".flv", ".f4v", ".ogv", ".3gp", ".3g2", ".mxf", ".asf", ".vob", ".ivf", ".y4m")
# Of several audio files of one video, the first in this order is taken.
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".ac3", ".eac3", ".aif", ".aiff")
AUDIO_SUFFIXES += (".amr", ".au", ".caf", ".w64", ".mka", ".wma")
# A small file can claim to be enormous (a "decompression bomb"); 150 million pixels are 450 MB once decoded.
MAX_PIXELS = 150_000_000
BESIDE = ".mindaam-{}.tmp"  # the name of a file that is being written
LEFT_OVER = 86400.0  # seconds after which nobody is still writing it
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
# What Pillow's readers raise for files that are cut short, damaged or hostile.
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, OverflowError, struct.error)


class BlankMap(InputError):
    """A density map that is zero everywhere: nobody's gaze was recorded."""


def read_image(path, *, upright=True):
    """The picture in a file as uint8 RGB [H,W,3], upright by its EXIF orientation, its first frame if it has several.

    upright: False for the rows and columns as they are stored, whatever a camera noted.
    Greyscale, palette, CMYK, 16-bit (scaled to 8) and transparent pictures (laid on white) are converted.
    Raises InputError for a missing, empty, truncated, non-picture or oversized file, or a folder.
    """
    with _opened(path) as picture:
        picture.load()
        return _to_rgb(ImageOps.exif_transpose(picture) if upright else picture)


def picture_size(path, *, upright=True):
    """(height, width) of the picture in a file, from its header alone; upright and InputError as of `read_image`."""
    with _opened(path) as picture:
        turned = upright and picture.getexif().get(ExifTags.Base.Orientation, 1) in SIDEWAYS
        return (picture.width, picture.height) if turned else (picture.height, picture.width)


def read_map(path):
    """A published density map as float32 [H,W] >= 0, in the file's own scale; of colours the brightness is taken.

    Raises InputError for what `read_image` refuses, and BlankMap, which is one, for a map that is zero everywhere.
    """
    with _opened(path) as picture:
        plain = picture.mode in ("L", "I", "F") or picture.mode.startswith("I;")
        values = np.asarray(picture if plain else picture.convert("L"), np.float32)
    if not np.isfinite(values).all() or values.min() < 0:
        raise InputError(f"{path}: the density map has negative values, or some that are no numbers; restore the file")
    if not values.max() > 0:
        raise BlankMap(f"{path}: the density map is blank; restore the original file")
    return values


@contextmanager
def _opened(path):
    """The Pillow picture in a file, its header read; what goes wrong until the end of the block is an InputError."""
    path = Path(path)
    require_file(path)
    try:
        # Pillow's own size limit warns on stderr; the limit below is ours and says what to do.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=IMAGE_FORMATS) as picture:
                _require_size(path, picture)
                yield picture
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path} is not a picture in a known format; give a JPEG, PNG, WebP, TIFF or BMP file, or a film whose "
            "name ends in .mp4, .mov, .mkv, .webm or the like"
        ) from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read; check its permissions") from error
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory; make the picture smaller") from error
    except _DAMAGE as error:
        raise InputError(f"{path} is damaged or cut short ({error}); copy or save the picture again") from error


def list_files(folder, suffixes, what):
    """The files right inside a folder (not its subfolders) with one of the suffixes, sorted by name: a list of Paths.

    Hidden files are left out. Raises InputError for a missing folder, a file, or a folder without any; `what` they are
    called then.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):
        raise InputError(f"{folder} is not a folder; check the path")
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith(".")]
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be read ({error.strerror}); check its permissions") from error
    if not found:
        raise InputError(f"the folder {folder} holds no {what}; put files such as {', '.join(suffixes[:3])} into it")
    return sorted(found)


def audio_file(folders, stem):
    """The audio file STEM.wav, or with another of AUDIO_SUFFIXES, in one of the folders, the suffixes' order before the
    folders'; a Path, or None when there is none."""
    folders = [Path(folder) for folder in folders if os.path.isdir(folder)]
    names = [stem + each for suffix in AUDIO_SUFFIXES for each in (suffix, suffix.upper())]
    places = (folder / name for name in names for folder in folders)
    return next((place for place in places if os.path.isfile(place)), None)


def prepare_folder(folder):
    """Makes an output folder with its parents and proves that files can be written there; returns it as a Path.

    What a process that was killed left there half-written, hidden, is removed a day later.
    Raises OutputError when files cannot be written, so that a long job fails before it starts.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write to the folder {folder} ({_reason(error)}); choose another") from error
    _remove_leftovers(folder)
    return folder


def _remove_leftovers(folder):
    """Removes what processes that were killed left half-written; what is younger than a day may still be written to."""
    for left in folder.glob(BESIDE.format("*")):
        with suppress(OSError):  # another process may have removed it
            if time.time() - left.stat().st_mtime > LEFT_OVER:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def write_jpeg(path, image, quality=92):
    """Writes uint8 RGB [H,W,3] or grey [H,W] as JPEG, whole or not at all; OutputError when that is impossible."""
    if max(image.shape[:2]) > 65500:
        raise OutputError(f"{path}: a JPEG side has at most 65500 pixels; save as .png, or make the picture smaller")
    with replacing(path) as stream:
        Image.fromarray(image).save(stream, format="JPEG", quality=quality)


def write_png(path, image):
    """Writes uint8 RGB [H,W,3] or grey [H,W] as PNG, whole or not at all; OutputError when that is impossible."""
    with replacing(path) as stream:
        Image.fromarray(image).save(stream, format="PNG")


def write_npy(path, array):
    """Writes an array as .npy, whole or not at all; OutputError when that is impossible."""
    with replacing(path) as stream:
        np.save(stream, array, allow_pickle=False)


def write_npz(path, **arrays):
    """Writes named arrays as .npz, whole or not at all; OutputError when that is impossible."""
    with replacing(path) as stream:
        np.savez(stream, **arrays)


def file_sha256(path):
    """SHA-256 of a file's bytes in hexadecimal; InputError when it cannot be read."""
    total = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            while piece := stream.read(1 << 20):
                total.update(piece)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({_reason(error)}); copy it again") from error
    return total.hexdigest()


@contextmanager
def replacing(path):
    """A stream to a file beside `path` that takes its place at the end, or vanishes when anything goes wrong."""
    beside = beside_name(path)
    try:
        with open(beside, "wb") as stream:
            yield stream
        os.replace(beside, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if os.path.exists(beside):
            os.unlink(beside)


def beside_name(path):
    """Where a file is written before it takes the place of `path`: the same folder, a name of its own, hidden."""
    return Path(path).with_name(BESIDE.format(uuid.uuid4().hex))


def cannot_write(path, error):
    """The OutputError for an OSError while `path` was written."""
    return OutputError(f"cannot write {path} ({_reason(error)}); choose another place or free some space")


def _reason(error):
    return getattr(error, "strerror", None) or str(error)


def require_file(path, what="picture"):
    """InputError unless `path` is a file with something in it; `what` is it expected to be."""
    # os.path answers False where pathlib would raise, for a name that is too long, say.
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder where a {what} is expected; name the {what}")
    if not os.path.isfile(path):
        fault = fault_of(path)
        raise InputError(f"{path} {fault}; name a {what}" if fault else f"there is no {what} {path}; check the path")
    if os.path.getsize(path) == 0:
        raise InputError(f"{path} is empty; copy or save the {what} again")


def _require_size(path, picture):
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_large(path)


def _too_large(path):
    return InputError(f"{path} has more than {MAX_PIXELS // 1_000_000} million pixels; make the picture smaller")


def _to_rgb(picture):
    """Any Pillow picture as uint8 RGB [H,W,3]."""
    if picture.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling.
        grey = ((np.asarray(picture).astype(np.uint32) + 128) // 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.mode in ("I", "F"):
        raise ValueError("32-bit pixels have no agreed white point: save it with 8 or 16 bits")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return np.array(picture.convert("RGB"))
