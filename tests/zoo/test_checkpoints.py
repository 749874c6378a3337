"""Read only whole safetensors and execute nothing; write whole files or none; load everything or nothing."""

import io
import json
import os
import pickle
import struct
import zipfile

import mindspore as ms
import numpy as np
import pytest
import safetensors.numpy as safetensors_numpy
from hypothesis import given
from hypothesis import strategies as st
from mindspore import nn

from mindaam.errors import CheckpointError, OutputError
from mindaam.zoo.checkpoints import (
    glance,
    load_strict,
    map_safetensors,
    read_metadata,
    read_safetensors,
    sha256_of,
    write_safetensors,
)
from mindaam.zoo.checksums import CHECKSUM

ARRAYS = {
    "head.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "head.scale": np.array(0.25, np.float32),
    "head.half": np.array([1.5, -2.0], np.float16),
    "ids": np.array([[3, 1]], np.int64),
}


class Bomb:
    """Its unpickling makes the file `mark`."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def raw(entries, data, length=None):
    """A safetensors file written by hand: header table, data bytes, and a false header length if wanted."""
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, ARRAYS, {"model": "aam"})
    back = read_safetensors(path, widen=False)
    assert set(back) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert back[name].dtype == array.dtype and back[name].shape == array.shape
        np.testing.assert_array_equal(back[name], array)
    assert read_metadata(path) == {"model": "aam"}


def test_arrays_in_another_memory_order_keep_their_values(tmp_path):
    path, array = tmp_path / "a.safetensors", np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    write_safetensors(path, {"t": array.transpose(2, 0, 1), "s": array[:, ::2]})
    back = read_safetensors(path)
    np.testing.assert_array_equal(back["t"], array.transpose(2, 0, 1))
    np.testing.assert_array_equal(back["s"], array[:, ::2])


def test_files_are_those_of_the_safetensors_library(tmp_path):
    arrays = ARRAYS | {
        "none": np.zeros((0, 3), np.float32),
        "flags": np.array([True, False]),
        "é": np.arange(6.0).reshape(2, 3).T,
        "big": np.arange(4, dtype=">f4"),
    }
    path = tmp_path / "a.safetensors"
    write_safetensors(path, arrays)
    plain = {name: np.asarray(array, array.dtype.newbyteorder("="), order="C") for name, array in arrays.items()}
    entries = {CHECKSUM: glance(path).metadata[CHECKSUM]}
    assert path.read_bytes() == safetensors_numpy.save(plain, entries)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    entries = {f"key{i}": str(i) for i in range(9)}
    write_safetensors(first, ARRAYS, entries)
    write_safetensors(second, dict(reversed(ARRAYS.items())), dict(reversed(entries.items())))
    assert first.read_bytes() == second.read_bytes()


def test_mapped_arrays_are_those_that_are_read_and_cannot_be_changed(tmp_path):
    path = tmp_path / "a.safetensors"
    write_safetensors(path, ARRAYS | {"none": np.zeros((0, 3), np.float32)}, {"model": "aam"})
    mapped, read = map_safetensors(path), read_safetensors(path, widen=False)
    assert set(mapped) == set(read)
    for name, array in mapped.items():
        assert array.dtype == read[name].dtype and array.shape == read[name].shape and not array.flags.writeable
        np.testing.assert_array_equal(array, read[name])
    write_safetensors(path, {"none": np.zeros((0, 3), np.float32)})
    assert map_safetensors(path)["none"].shape == (0, 3)
    write_safetensors(path, {})
    assert map_safetensors(path) == {}
    path.write_bytes(raw({"x": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}, b"\xc0\x3f"))
    assert map_safetensors(path)["x"] == 1.5


def test_half_precision_is_widened(tmp_path):
    path = tmp_path / "half.safetensors"
    write_safetensors(path, ARRAYS)
    back = read_safetensors(path)
    assert back["head.half"].dtype == np.float32 and back["ids"].dtype == np.int64
    np.testing.assert_array_equal(back["head.half"], [1.5, -2.0])


@given(st.floats(width=32, allow_nan=False))
def test_bfloat16_is_the_upper_half_of_a_float32(tmp_path_factory, value):
    bits = np.array([value], np.float32).view(np.uint32) >> 16
    path = tmp_path_factory.mktemp("bf16") / "b.safetensors"
    entry = {"x": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}
    path.write_bytes(raw(entry, bits.astype("<u2").tobytes()))
    np.testing.assert_array_equal(read_safetensors(path)["x"], (bits << 16).astype(np.uint32).view(np.float32))


def test_a_hostile_pickle_is_refused_unopened(tmp_path):
    mark = tmp_path / "was_executed"
    bomb = pickle.dumps(Bomb(mark))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", bomb)
    for name, content in (("a.pth", bomb), ("b.safetensors", bomb), ("c.pt", archive.getvalue())):
        path = tmp_path / name
        path.write_bytes(content)
        for read in (read_safetensors, map_safetensors, read_metadata):
            with pytest.raises(CheckpointError, match="convert it to safetensors") as caught:
                read(path)
            assert name in str(caught.value)
    assert not mark.exists()
    pickle.loads(bomb)  # the bomb is live: opening it does leave its mark
    assert mark.exists()


def test_a_mindspore_checkpoint_is_named_as_such(tmp_path):
    path = tmp_path / "model.ckpt"
    ms.save_checkpoint(nn.Dense(2, 3), str(path))
    with pytest.raises(CheckpointError, match=r"MindSpore's \.ckpt"):
        read_safetensors(path)


@pytest.mark.parametrize("kept", [0, 5, 8, 40, -1])
def test_a_truncated_file_is_refused(tmp_path, kept):
    path = tmp_path / "cut.safetensors"
    write_safetensors(path, ARRAYS)
    path.write_bytes(path.read_bytes()[:kept])
    for read in (read_safetensors, map_safetensors):
        with pytest.raises(CheckpointError, match="cut.safetensors.*download it again"):
            read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html>not found</html>",
        raw({"x": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 8),
        raw({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 8, length=2**40),
        raw({"x": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, b"\0" * 8),
        raw([], b""),
        raw({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 8) + b"more",
    ],
    ids=["web page", "data missing", "header too long", "shape lies", "no table", "bytes left over"],
)
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    for read in (read_safetensors, map_safetensors):
        with pytest.raises(CheckpointError, match="not a safetensors file"):
            read(path)


@pytest.mark.parametrize("content", [b"", b"\xff" * 16, raw([], b""), raw({"__metadata__": 3}, b"")])
def test_damaged_headers_have_no_metadata(tmp_path, content):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="bad.safetensors"):
        read_metadata(path)


def test_an_element_type_without_a_numpy_twin_is_named(tmp_path):
    path = tmp_path / "f8.safetensors"
    path.write_bytes(raw({"x": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}, b"\0\0"))
    for read in (read_safetensors, map_safetensors):
        with pytest.raises(CheckpointError, match="F8_E4M3"):
            read(path)


@pytest.mark.parametrize("read", [read_safetensors, map_safetensors, read_metadata, sha256_of])
def test_a_missing_file_and_a_folder_are_refused(tmp_path, read):
    for path in (tmp_path / "nowhere.safetensors", tmp_path):
        with pytest.raises(CheckpointError, match=str(path)):
            read(path)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, ARRAYS)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_safetensors(path, {"other": np.zeros(3, np.float32)})
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["model.safetensors"]


def test_a_folder_that_is_not_there_cannot_be_written_to(tmp_path):
    with pytest.raises(OutputError, match="choose another place"):
        write_safetensors(tmp_path / "no" / "model.safetensors", ARRAYS)


class Net(nn.Cell):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(2, 3)
        self.scale = ms.Parameter(ms.Tensor(1.0, ms.float32), name="scale")


def state_of(net):
    return {name: parameter.asnumpy().copy() for name, parameter in net.parameters_and_names()}


def test_strict_loading_sets_every_parameter():
    net = Net()
    wanted = {name: array + 1 for name, array in state_of(net).items()}
    load_strict(net, wanted)
    for name, array in state_of(net).items():
        assert array.shape == wanted[name].shape
        np.testing.assert_array_equal(array, wanted[name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("dense.bias"), r"1 missing \(dense\.bias\)"),
        (lambda s: s.update(spare=np.zeros(1)), r"1 unexpected \(spare\)"),
        (
            lambda s: s.update({"dense.weight": np.zeros((2, 3), np.float32)}),
            r"dense\.weight \[2, 3\] instead of \[3, 2\]",
        ),
        (lambda s: s.update(scale=np.zeros(1, np.float32)), r"scale \[1\] instead of \[\]"),
        (lambda s: s.update({"dense.bias": np.zeros(3, np.int64)}), r"dense\.bias int64 instead of float32"),
        (lambda s: s.update({f"k{i}": np.zeros(1) for i in range(9)}), r"9 unexpected \(k0, k1, k2, k3 and 5 more\)"),
    ],
)
def test_what_does_not_fit_changes_nothing_and_is_listed(change, message):
    net = Net()
    before = state_of(net)
    state = {name: array + 1 for name, array in before.items()}
    change(state)
    with pytest.raises(CheckpointError, match=f"some.file does not fit Net: .*{message}"):
        load_strict(net, state, source="some.file")
    for name, array in state_of(net).items():
        np.testing.assert_array_equal(array, before[name])


def test_names_that_may_be_missing_keep_their_values():
    net = Net()
    before = state_of(net)
    load_strict(net, {"scale": np.array(3.0, np.float32)}, allow_missing=("dense.weight", "dense.bias"))
    after = state_of(net)
    assert after["scale"] == 3.0
    np.testing.assert_array_equal(after["dense.weight"], before["dense.weight"])
