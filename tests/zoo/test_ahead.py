"""An encoder that is read ahead is the one that a model loads, once, and its errors are raised where it is needed."""

import pytest

from mindaam.errors import CheckpointError
from mindaam.zoo import ahead

NAME, ENCODER = "aam_dinov2_vits14", "dinov2_vits14"


@pytest.fixture(autouse=True)
def nothing_begun(monkeypatch):
    monkeypatch.setattr(ahead, "_begun", {})


def test_what_was_read_ahead_is_used_once(monkeypatch):
    read = []
    monkeypatch.setattr(ahead, "_read", lambda name: read.append(name) or (name, len(read), {}))
    for _ in range(2):
        ahead.begin(NAME)
    ahead.begin("a/run/folder")
    assert ahead.read(ENCODER) == (ENCODER, 1, {}) and read == [ENCODER]
    assert ahead.read(ENCODER) == (ENCODER, 2, {})


def test_an_error_is_raised_where_the_encoder_is_needed(monkeypatch):
    def missing(name):
        raise CheckpointError(f"no {name}")

    monkeypatch.setattr(ahead, "_read", missing)
    ahead.begin(NAME)
    with pytest.raises(CheckpointError, match=f"no {ENCODER}"):
        ahead.read(ENCODER)


def test_a_file_that_came_after_an_error_is_read(monkeypatch):
    def missing(name):
        raise OSError(f"no {name}")

    monkeypatch.setattr(ahead, "_read", missing)
    ahead.begin(NAME)
    ahead._begun[ENCODER].join()
    monkeypatch.setattr(ahead, "_read", lambda name: (name, {}, {}))
    ahead.begin(NAME)
    assert ahead.read(ENCODER) == (ENCODER, {}, {})


def test_the_file_is_verified():
    path, arrays, _ = ahead.read(ENCODER)
    assert path.name == "dinov2_vits14.safetensors" and len(arrays) > 100
