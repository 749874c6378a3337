"""Embeddings of a pack's audio: written once, read by window, refused when damaged or of another pack."""

import json
import shutil

import numpy as np
import pytest

from mindaam.data.audio.cutting import Cut
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.packs import embedding
from mindaam.data.packs.embeddings import HEADER, VALUES, WINDOWS, EncodedBy
from mindaam.data.packs.packing import pack
from mindaam.errors import InputError
from mindaam.training.feeding.corpus import open_corpus
from tests.training.corpus_root import make_corpus

SIZE = (28, 42)
CUT = Cut(3, 0.5, "times", "polyphase", 1.0)
ENCODER = EncodedBy(encoder="loudness", sha256="0" * 64, **CUT._asdict())


def loudness(windows):
    """Embeddings that tell the audio: how loud it is, and how it goes on."""
    return np.stack([windows.std(1), (windows[:, 1:] * windows[:, :-1]).mean(1)], 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = make_corpus(tmp_path_factory.mktemp("data"))
    folder = tmp_path_factory.mktemp("packs") / "diem.train"
    pack(open_corpus(root, ("diem",), (), GroundTruth()).train["diem"], folder, SIZE, workers=0)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "diem.train")


def embedded(folder):
    embedding.embed(open_packed(folder), ENCODER, loudness)
    return open_packed(folder)


def test_embeddings_are_those_of_the_windows_that_a_clip_has(folder, monkeypatch):
    assert open_packed(folder).pack.embeddings is None
    monkeypatch.setattr(embedding, "AT_ONCE", 3)
    seen = []
    count = embedding.embed(open_packed(folder), ENCODER, loudness, seen.append)
    reader = open_packed(folder)
    assert reader.pack.embeddings.encoded_by == ENCODER and sorted(seen) == sorted(set(seen)) == sorted(
        reader.pack.names
    )
    assert count == len(np.load(folder / VALUES)) > 3
    for entry in range(len(reader)):
        positions = range(1, reader.frames(entry), 2)
        sample = reader.clip(entry, positions, audio=CUT)
        found = reader.embedded_audio(entry, sample.times, CUT)
        assert found.windows is None and np.array_equal(found.of_frame, sample.audio.of_frame)
        np.testing.assert_allclose(found.embeddings, loudness(sample.audio.windows), rtol=1e-6)
    reader.pack.verify()


def test_embedding_again_replaces_what_was_there(folder):
    first = embedded(folder).pack.embeddings
    other = ENCODER.model_copy(update={"tokens": 1})
    embedding.embed(open_packed(folder), other, loudness)
    second = open_packed(folder).pack.embeddings
    assert second.encoded_by == other != first.encoded_by


def test_a_window_that_was_not_embedded_is_named(folder):
    reader = embedded(folder)
    with pytest.raises(InputError, match="no embedding of all windows of"):
        reader.pack.embeddings.of(reader.entries[0][0], [0, 10_000])


def test_embeddings_of_another_pack_are_refused(folder):
    header = folder / HEADER
    embedded(folder)
    header.write_text(json.dumps({**json.loads(header.read_text()), "index": "1" * 64}))
    with pytest.raises(InputError, match="of another pack; embed the pack's audio again"):
        _ = open_packed(folder).pack.embeddings


@pytest.mark.parametrize("name", [HEADER, WINDOWS, VALUES])
def test_files_that_are_cut_short_are_refused(folder, name):
    embedded(folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:-40])
    with pytest.raises(InputError, match=name):
        _ = open_packed(folder).pack.embeddings


def test_a_value_that_changed_is_found_when_it_is_read_and_when_the_pack_is_verified(folder):
    embedded(folder)
    content = bytearray((folder / VALUES).read_bytes())
    content[-2] ^= 1
    (folder / VALUES).write_bytes(content)
    reader = open_packed(folder)
    with pytest.raises(InputError, match=f"{VALUES} is damaged"):
        for entry in range(len(reader)):
            reader.embedded_audio(entry, reader.times(entry), CUT)
    with pytest.raises(InputError, match=f"damaged .*{VALUES}"):
        reader.pack.verify()
