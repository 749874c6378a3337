"""The type of a file by its first bytes, for a clear error message if it is not a weights file.

`stand_in` detects placeholders, such as a Git LFS pointer or a web page; `foreign_weights` detects weights of programs
that are not supported. Nothing is opened or executed.
"""

import re
from typing import NamedTuple

START = 1024  # bytes of a file's beginning that are enough for every answer

_SAFETENSORS = 8  # bytes of length, before the "{"
_UNPACK = "unpack it and give the weights file in it"
_SAME_MODEL = "give the same model's PyTorch or safetensors file"
_ARCHIVES = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"Rar!\x1a\x07", "RAR"),
)
_MARKUP = re.compile(rb"<(!doctype\s+html|html|head|body|title|script|!--)", re.IGNORECASE)


class FileKind(NamedTuple):
    """what: the type with its article ("a web page"); cure: the remedy, an imperative."""

    what: str
    cure: str

    def __str__(self):
        return f"{self.what}; {self.cure}"


TEXT = FileKind("a text file", "fetch the file itself")  # of unknown type


def stand_in(start):
    """The FileKind of a placeholder, None for anything else.

    start: the first `START` bytes of the file, or all of a shorter one. Placeholders are empty files, Git LFS pointers,
    web pages, server responses in XML or JSON, and other text.
    """
    if not start:
        return FileKind("an empty file", "download it again")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"version https://git-lfs", b"version https://hawser")):
        return FileKind(
            "a Git LFS pointer instead of the file itself",
            'fetch it with "git lfs pull", or from the download link of the page',
        )
    if _MARKUP.match(text) or (text.startswith(b"<?xml") and b"<html" in text.lower()):
        return FileKind("a web page, possibly a login page", "open it in a browser and fetch the file it links to")
    if text.startswith(b"<?xml") or (text.startswith(b"<") and _is_text(start)):
        return FileKind("an XML file, such as an error response of a server", "read it, and fetch the file again")
    if start[_SAFETENSORS : _SAFETENSORS + 1] == b"{" and not text.startswith(b"{"):
        return None
    if text.startswith((b"{", b"[")) and _is_text(start):
        if b'"weight_map"' in start:
            return FileKind("an index of weights in several files", "give a file that contains all weights")
        return FileKind("a JSON file, such as an error response of a server", "read it, and fetch the file again")
    return TEXT if _is_text(start) else None


def foreign_weights(start):
    """The FileKind of weights, or of a compressed file, that are not supported; None for anything else.

    start: as in `stand_in`. PyTorch files, safetensors and unknown types return None.
    """
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return FileKind("an HDF5 file, such as Keras weights (.h5)", _SAME_MODEL)
    if start.startswith((b"GGUF", b"ggml", b"ggjt", b"lmgg")):
        return FileKind("a GGUF file, for llama.cpp and similar programs", _SAME_MODEL)
    if start[4:8] == b"TFL3":
        return FileKind("a TensorFlow Lite model", _SAME_MODEL)
    if start.startswith(b"\x93NUMPY"):
        return FileKind("a NumPy array (.npy)", "save all arrays with their names as safetensors and give that file")
    if start.startswith(b"PK"):
        return _zipped(start)
    if start.startswith(b"\x08\x01\x12"):
        return FileKind("a TensorFlow saved model (.pb)", _SAME_MODEL)
    if re.match(rb"\x08[\x02-\x1f][\x12\x1a\x22\x2a\x32\x3a\x42]", start):
        return FileKind("an ONNX model", _SAME_MODEL)
    if start.startswith(b"\x0a"):
        return FileKind(
            "a protobuf file, such as MindSpore's .ckpt and .mindir",
            'save it again in its own program, in MindSpore with save_checkpoint(format="safetensors")',
        )
    if start[257:262] == b"ustar":
        return FileKind("a tar archive, as PyTorch wrote before 2017", f"{_UNPACK}, or save it again in the zip format")
    for magic, name in _ARCHIVES:
        if start.startswith(magic):
            return FileKind(f"compressed with {name}", _UNPACK)
    if start.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF")):
        return FileKind("an image or a document", "give a weights file")
    return None


def _zipped(start):
    """The FileKind of a zip archive by the name of its first entry, None for PyTorch's."""
    name = start[30 : 30 + int.from_bytes(start[26:28], "little")]
    if name.endswith(b".npy"):
        return FileKind("a NumPy archive (.npz)", "save its arrays with their names as safetensors")
    if name in (b"metadata.json", b"config.json", b"model.weights.h5"):
        return FileKind("a Keras model (.keras)", _SAME_MODEL)
    return None


def _is_text(start):
    """Whether the bytes are text: UTF-8, possibly truncated within a character, without control characters."""
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data" or len(start) < START:
            return False
        text = start[: error.start].decode()
    return all(letter.isprintable() or letter in "\t\n\r\f" for letter in text)
