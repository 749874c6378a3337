"""A header from a stranger: what it says is checked before it is believed, and each refusal is one sentence."""

import json

import numpy as np
import pytest

from mindaam.errors import CheckpointError
from mindaam.zoo.checkpoints import glance, map_safetensors, read_metadata, read_safetensors

READERS = (read_safetensors, map_safetensors, read_metadata, glance)
ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
TWO = {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}


def written(path, table, data=b"\0" * 8):
    table = (table if isinstance(table, str) else json.dumps(table)).encode("utf-8", "surrogatepass")
    path.write_bytes(len(table).to_bytes(8, "little") + table + data)
    return path


def entry(**changes):
    return {"a": {**ONE, **changes}}


@pytest.mark.parametrize(
    ("table", "data"),
    [
        ("[" * 100_000, b""),
        ('{"a":' * 100_000, b""),
        (
            '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
            8,
        ),
        ('{"a":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}', 8),
        (json.dumps(entry()).replace("[2]", "[NaN]"), 8),
        (json.dumps(entry()).replace("[2]", f"[{'9' * 5000}]"), 8),
        (json.dumps(entry()).replace("[2]", "[2.0]"), 8),
        (entry(shape=[-2]), 8),
        (entry(shape=[True, 2]), 8),
        (entry(shape=[2**32, 2**32]), 8),
        (entry(shape=[0, 2**62], data_offsets=[0, 0]), 0),
        (entry(shape=[0] + [2**20] * 3, data_offsets=[0, 0]), 0),
        (entry(shape=[1] * 40 + [2]), 8),
        (entry(shape="2"), 8),
        (entry(shape=None), 8),
        (entry(shape=[3]), 8),
        (entry(dtype=7), 8),
        (entry(dtype=["F32"]), 8),
        (entry(dtype=""), 8),
        (entry(data_offsets=[0]), 8),
        (entry(data_offsets=[8, 0]), 8),
        (entry(data_offsets=[-8, 0]), 8),
        (entry(data_offsets=[0, 2**70]), 8),
        (entry(data_offsets={"0": 8}), 8),
        ({"a": 3}, 8),
        ({"a": {"dtype": "F32"}}, 8),
        ({"a": ONE, "b": ONE}, 8),
        ({"a": ONE, "b": {**TWO, "data_offsets": [4, 12]}}, 12),
        ({"a": ONE, "b": {**TWO, "data_offsets": [12, 20]}}, 20),
        ({"a": ONE}, 12),
        ({"a": ONE}, 4),
        ({"a\x1b[2J": ONE}, 8),
        ({"a" * 5000: ONE}, 8),
        ({"\ud800": ONE}, 8),
        ({"a": ONE, "__metadata__": {"n": 3}}, 8),
        ({"a": ONE, "__metadata__": {"n": "\ud800"}}, 8),
        ({"a": ONE, "__metadata__": []}, 8),
        (" " + json.dumps({"a": ONE}), 8),
        ("", b""),
    ],
)
def test_what_lies_is_refused_in_one_sentence_by_every_reader(tmp_path, table, data):
    path = written(tmp_path / "bad.safetensors", table, data if isinstance(data, bytes) else bytes(data))
    for read in READERS:
        with pytest.raises(CheckpointError, match="bad.safetensors is not a safetensors file") as caught:
            read(path)
        assert str(caught.value).isprintable() and len(str(caught.value)) < 500


def test_a_header_longer_than_the_file_or_than_any_is_not_read(tmp_path):
    for length in (2**20, 2**63):
        path = tmp_path / "bad.safetensors"
        path.write_bytes(length.to_bytes(8, "little") + b'{"a":')
        with pytest.raises(CheckpointError, match="not a safetensors file"):
            glance(path)


def test_what_only_looks_strange_is_read(tmp_path):
    table = {
        "empty": {"dtype": "I64", "shape": [0, 5], "data_offsets": [0, 0]},
        "scalar": {"dtype": "U8", "shape": [], "data_offsets": [0, 1]},
        "across": {"dtype": "F32", "shape": [2], "data_offsets": [1, 9], "more": 1},
        "": {"dtype": "BOOL", "shape": [1], "data_offsets": [9, 10]},
        "größe": {"dtype": "I16", "shape": [1, 1], "data_offsets": [10, 12]},
    }
    data = b"\x07" + np.array([1.5, -2.0], "<f4").tobytes() + b"\x01" + b"\x02\x00"
    path = written(tmp_path / "odd.safetensors", json.dumps(table) + " \n", data)
    for read in (read_safetensors, map_safetensors):
        arrays = read(path)
        assert arrays["empty"].shape == (0, 5) and arrays["scalar"] == 7 and arrays[""].tolist() == [True]
        assert arrays["across"].tolist() == [1.5, -2.0] and arrays["größe"].tolist() == [[2]]
    assert all(array.flags.aligned for array in read_safetensors(path).values())


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "a Git LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b'{"error": "not found"}', "a JSON file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
        (b"GGUF\x03\0\0\0" + bytes(99), "a GGUF file"),
    ],
)
def test_what_lies_in_the_place_of_weights_is_named(tmp_path, content, named):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    for read in READERS:
        with pytest.raises(CheckpointError, match=f"model.safetensors .*{named}"):
            read(path)
