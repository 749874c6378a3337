"""What lies in a file's place, and whose weights a file holds, by how it begins."""

import io
import json
import re
import zipfile

import numpy as np
import pytest

from mindaam.file_kinds import START, foreign_weights, stand_in
from mindaam.files import start_of
from mindaam.places import model_zoo_dir

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("start", "what", "cure"),
    [
        (b"", "empty", "download it again"),
        (POINTER, "Git LFS pointer", "git lfs pull"),
        (POINTER.replace(b"\n", b"\r\n"), "Git LFS pointer", "git lfs pull"),
        (b"\xef\xbb\xbf" + POINTER, "Git LFS pointer", "git lfs pull"),
        (b"\n<!DOCTYPE html>\n<html lang=en>", "web page", "browser"),
        (b"<HTML><HEAD>", "web page", "browser"),
        (b'<?xml version="1.0"?><!DOCTYPE html><html>', "web page", "browser"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML", "fetch the file again"),
        (b'{"message": "Not Found"}', "JSON", "fetch the file again"),
        (json.dumps({"metadata": {}, "weight_map": {"a": "1"}}).encode(), "several files", "contains all weights"),
        (b"Not Found\n", "text", "fetch the file itself"),
        (("größe " * 400).encode()[: START - 1], "text", "fetch"),
    ],
)
def test_what_stands_in_for_a_file_is_named_with_what_to_do(start, what, cure):
    found = stand_in(start)
    assert what in found.what and cure in found.cure and str(found) == f"{found.what}; {found.cure}"


@pytest.mark.parametrize("name", ["encoders/dinov2_vits14.safetensors", "encoders/clip_vitl14.merges.txt.gz"])
def test_a_file_of_content_is_nothing_else(name):
    start = start_of(model_zoo_dir() / name, START)
    assert len(start) == START and stand_in(start) is None


@pytest.mark.parametrize(
    "start", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF....WEBP", b"\0\0\0 ftypisom", b"\x80\x02"]
)
def test_binary_files_stand_in_for_nothing(start):
    assert stand_in(start + bytes(range(256))) is None


def zipped(name):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"content")
    return file.getvalue()


def packed(save, *arrays):
    file = io.BytesIO()
    save(file, *arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"GGUF\x03\0\0\0", "GGUF"),
        (b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
        (b"\x08\x01\x12\xff\x02", "TensorFlow saved model"),
        (b"\x08\x07\x12\x07pytorch", "ONNX"),
        (b"\x0a\x1a\x0a\x06weight", r"MindSpore's \.ckpt"),
        (packed(np.save, np.zeros(3)), "NumPy array"),
        (packed(np.savez, np.zeros(3)), r"\.npz"),
        (zipped("model.weights.h5"), "Keras"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"\0" * 257 + b"ustar", "tar"),
    ],
)
def test_other_programs_weights_are_named(start, what):
    assert re.search(what, foreign_weights(start + bytes(300)).what)


def test_what_is_read_here_is_not_foreign():
    assert foreign_weights(zipped("archive/data.pkl")) is None and foreign_weights(b"\x80\x02\x8a\x0a") is None
    assert foreign_weights(start_of(model_zoo_dir() / "encoders/minilm_l6.safetensors", START)) is None


def test_what_cannot_be_read_begins_with_nothing(tmp_path):
    assert start_of(tmp_path, START) == start_of(tmp_path / "nowhere", START) == b""
