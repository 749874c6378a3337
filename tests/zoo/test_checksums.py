"""No damage to a file that carries a checksum goes unnoticed, wherever it strikes; what carries none says so."""

import os
import time
import warnings

import numpy as np
import pytest
import safetensors
import safetensors.numpy as safetensors_numpy

from mindaam.errors import CheckpointError, Notice
from mindaam.places import model_zoo_dir
from mindaam.zoo import checksums
from mindaam.zoo.checkpoints import (
    glance,
    map_safetensors,
    read_all,
    read_metadata,
    read_safetensors,
    write_safetensors,
)
from mindaam.zoo.weights import notice_unchecked
from tests.zoo.damage import KINDS, damaged

ARRAYS = {
    "head.a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "head.b": np.arange(6, 12, dtype=np.float32).reshape(2, 3),
    "half": np.array([1.5, -2.0], np.float16),
    "none": np.zeros((0, 3), np.float32),
}
TOLD = {"model": "aam", "config": '{"width": 32}'}
READERS = (read_safetensors, map_safetensors, read_metadata, read_all)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def whole(tmp_path):
    path = tmp_path / "whole.safetensors"
    write_safetensors(path, ARRAYS, TOLD)
    return path


def accepted(path, content, readers=READERS):
    """Whether any reader takes these bytes; each error is a short sentence without control characters."""
    path.write_bytes(content)
    for read in readers:
        try:
            read(path)
        except CheckpointError as error:
            assert str(error).isprintable() and len(str(error)) < 600
        else:
            return True
    return False


def test_every_byte_counts(whole, tmp_path):
    content = whole.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        assert not accepted(tmp_path / "damaged.safetensors", bytes(changed), [read_all]), place


def test_any_two_bytes_of_the_header_that_change_places_are_noticed(whole, tmp_path):
    content = whole.read_bytes()
    key = content.index(b'"checksum"') + 1
    for first in range(key, key + 12):  # the one place where damage could make a file look older
        for second in range(8, glance(whole).start, 7):
            changed = bytearray(content)
            changed[first], changed[second] = content[second], content[first]
            assert changed == content or not accepted(tmp_path / "damaged.safetensors", bytes(changed), [read_all])


@pytest.mark.parametrize("seed", range(4))
def test_damage_of_every_kind_is_refused(whole, tmp_path, seed):
    draw, content, seen = np.random.default_rng(seed), whole.read_bytes(), set()
    for _ in range(80):
        kind, changed = damaged(content, draw)
        seen.add(kind)
        assert not accepted(tmp_path / "damaged.safetensors", changed), kind
    assert seen == set(KINDS)


@pytest.mark.parametrize("change", [{"config": '{"width": 64}'}, {"prompts": "{}"}, {"model": "other"}])
def test_metadata_are_part_of_it(whole, tmp_path, change):
    _, told = read_all(whole)
    entries = {**told, **change, checksums.CHECKSUM: glance(whole).metadata[checksums.CHECKSUM]}
    path = tmp_path / "changed.safetensors"
    safetensors_numpy.save_file(ARRAYS, path, entries)
    for read in READERS:
        with pytest.raises(CheckpointError, match="changed.safetensors is damaged: .*checksum"):
            read(path)


def test_the_same_content_written_by_the_library_is_sound(whole, tmp_path):
    path = tmp_path / "again.safetensors"
    with safetensors.safe_open(whole, "numpy") as file:
        safetensors_numpy.save_file({name: file.get_tensor(name) for name in file.keys()}, path, file.metadata())  # noqa: SIM118
    assert read_metadata(path) == TOLD and set(read_safetensors(path)) == set(ARRAYS)


def test_the_checksum_is_no_part_of_what_a_file_tells(whole):
    assert read_metadata(whole) == TOLD and read_all(whole)[1] == TOLD
    assert glance(whole).metadata[checksums.CHECKSUM] == checksums.checksum(ARRAYS, TOLD)


def test_a_sound_file_is_looked_through_once_until_it_changes(whole, monkeypatch):
    later = time.time_ns() + 60 * 10**9  # a file that has lain there for a minute
    monkeypatch.setattr(checksums.time, "time_ns", lambda: later)
    looked, digest = [], checksums._digest
    monkeypatch.setattr(checksums, "_digest", lambda *parts: looked.append(1) or digest(*parts))
    for read in READERS:
        read(whole)
    assert len(looked) == 1
    content = bytearray(whole.read_bytes())
    content[-1] ^= 1
    whole.write_bytes(content)
    with pytest.raises(CheckpointError, match="checksum"):
        read_metadata(whole)


def test_a_file_that_was_just_written_is_looked_through_each_time(whole, monkeypatch):
    looked, digest = [], checksums._digest
    monkeypatch.setattr(checksums, "_digest", lambda *parts: looked.append(1) or digest(*parts))
    read_metadata(whole), read_metadata(whole)
    assert len(looked) == 2


def test_a_file_without_a_checksum_is_read_and_said(whole, tmp_path):
    path = tmp_path / "old.safetensors"
    safetensors_numpy.save_file(ARRAYS, path, TOLD)
    assert read_metadata(path) == TOLD and set(read_safetensors(path)) == set(ARRAYS)
    with pytest.warns(Notice, match="old.safetensors has no checksum") as told:
        notice_unchecked(path)
    assert len(told) == 1


def test_what_can_be_checked_is_not_spoken_of(whole):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        notice_unchecked(whole)
        notice_unchecked(model_zoo_dir() / "encoders/dinov2_vits14.safetensors")  # by the index


def test_the_bundled_model_carries_one():
    path = model_zoo_dir() / "aam_dinov2_vits14/model.safetensors"
    assert checksums.CHECKSUM in glance(path).metadata and "config" in read_metadata(path)


def test_a_strangers_file_that_has_hashes_of_its_own_is_read(tmp_path):
    path = tmp_path / "theirs.safetensors"
    told = {"sshs_model_hash": "0" * 64, "checkable": "yes", "source_sha256": "f" * 64}
    safetensors_numpy.save_file(ARRAYS, path, told)
    assert read_metadata(path) == told
