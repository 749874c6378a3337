"""Packs from strangers: an index, a description or a part that says what is not so is refused in a sentence."""

import hashlib
import io
import json
import shutil
import zipfile
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.packs.contents import Header
from mindaam.data.packs.pack_writer import PackWriter
from mindaam.data.transforms import fixation_density
from mindaam.errors import InputError
from tests.data.strangers import mutated

SIZE = (8, 12)
HEADER = Header(dataset="made", layout="here", split="train", size=SIZE, source="fixations", sigma_degrees=1.0)
QUICK = settings(
    max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True, deadline=None
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A pack of two frames of a video, with its audio."""
    folder = tmp_path_factory.mktemp("packs") / "made.train"
    image, points = np.full((*SIZE, 3), 90, np.uint8), np.float32([[3, 4], [5, 6]])
    with PackWriter(folder, HEADER.model_copy(update={"rates": {"a.mp4": 25.0}})) as writer:
        for frame in range(2):
            density = fixation_density(points, SIZE, 2.0)
            writer.add("a.mp4", "free_viewing", image, density, points, frame=frame, time=frame / 25)
        writer.add_audio("a.mp4", np.linspace(-0.5, 0.5, 800), 8000)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "made.train")


def described(folder, change):
    """Changes pack.json."""
    content = json.loads((folder / "pack.json").read_text())
    change(content)
    (folder / "pack.json").write_text(json.dumps(content))


def indexed(folder, compressed=False, **arrays):
    """Changes arrays of the index, of which pack.json then has the right hash."""
    with np.load(folder / "index.npz") as index:
        arrays = {**index, **arrays}
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **{k: v for k, v in arrays.items() if v is not None})
    listed(folder, buffer.getvalue())


def listed(folder, data):
    (folder / "index.npz").write_bytes(data)
    file = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "records": 2}
    described(folder, lambda content: content.update(index=file))


def put(folder, part, data):
    """Another part in place of the first record's, at the end of the shard, with its right CRC."""
    with open(folder / "shard-00000.zip", "ab") as shard:
        place = (0, shard.tell(), len(data), zlib.crc32(data))
        shard.write(data)
    with np.load(folder / "index.npz") as index:
        places = index["places"]
    places[0, part] = place
    indexed(folder, places=places)
    described(folder, lambda content: content["shards"][0].update(bytes=(folder / "shard-00000.zip").stat().st_size))


def used(folder):
    """All that a run reads of a pack."""
    reader = open_packed(folder)
    for index in range(len(reader)):
        clip = reader.clip(index, range(reader.frames(index)))
        assert clip.image.shape[1:] == (*SIZE, 3) and np.isfinite(clip.density).all()
        assert np.isfinite([reader.file_rate(index)]).all()
        reader.pack.audio("a.mp4", 0, 100) if reader.has_audio(index) else None


def refused(folder):
    with pytest.raises(InputError) as caught:
        used(folder)
    assert str(caught.value).isprintable() and str(folder) in str(caught.value)
    return str(caught.value)


def test_the_pack_is_sound(folder):
    used(folder)


@QUICK
@given(data=st.data())
def test_whatever_pack_json_says(whole, folder, data):
    content = data.draw(mutated(json.loads((whole / "pack.json").read_text())))
    (folder / "pack.json").write_text(json.dumps(content))
    try:
        used(folder)
    except InputError as error:
        assert str(error).isprintable()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "null", "", "\xff"])
def test_a_pack_json_that_is_endless_or_none(folder, text):
    (folder / "pack.json").write_bytes(text.encode("latin-1"))
    assert "pack.json" in refused(folder)


def places_with(field, value, part=0):
    def change(index):
        index["places"][field][0, part] = value
        return index["places"]

    return "places", change


@pytest.mark.parametrize(
    ("column", "change"),
    [
        places_with("shard", 1),
        places_with("shard", -1),
        places_with("offset", -1),
        places_with("offset", 10**12),
        places_with("length", 10**12),
        places_with("length", 2**63 - 1),
        places_with("length", -1),
        places_with("length", 0, part=1),
        places_with("length", 7, part=2),
        ("places", lambda index: index["places"][:1]),
        ("places", lambda index: index["places"].view("<i4")),
        ("places", lambda index: index["places"][:, :2]),
        ("names", lambda index: np.array(["a\x1b[2J.mp4"])),
        ("names", lambda index: np.array([1])),
        ("names", lambda index: np.array([], "<U1")),
        ("conditions", lambda index: None),
        ("condition", lambda index: np.int32([0, 5])),
        ("name", lambda index: np.int32([-1, 0])),
        ("name", lambda index: np.float64([0, 0])),
        ("frame", lambda index: np.int32([0, -1])),
        ("time", lambda index: np.float64([0, np.nan])),
        ("time", lambda index: np.float64([0, 1e300])),
        ("sound_film", lambda index: np.int32([7])),
        ("sound_rate", lambda index: np.int32([0])),
        ("sound_rate", lambda index: np.int32([999_983])),
        ("sound_rate", lambda index: np.int32([8000, 8000])),
        ("sound_samples", lambda index: np.int64([-5])),
        ("sound_samples", lambda index: None),
    ],
)
def test_an_index_that_says_what_cannot_be(folder, column, change):
    with np.load(folder / "index.npz") as index:
        changed = change(dict(index))
    indexed(folder, **{column: changed})
    assert "index.npz is damaged" in refused(folder)


def test_audio_is_as_long_as_its_file_whatever_the_index_says(folder):
    indexed(folder, sound_samples=np.int64([10**12]))
    reader = open_packed(folder)
    assert len(reader.pack.audio("a.mp4", 10**9, 0)) == 0
    with pytest.raises(InputError, match="damaged"):
        reader.pack.audio("a.mp4", 10**9, 100)


def header_of(shape):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<i4", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [header_of((10**12,)) + b"1234", header_of((10**12, 10**12)), b"", b"\x93NUMPY\x01\x00" + b"(" * 9000],
)
def test_an_array_larger_than_its_file_takes_no_memory(folder, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("places.npy", content)
    listed(folder, buffer.getvalue())
    assert "index.npz cannot be read" in refused(folder)


def test_an_index_that_would_unpack_to_more_than_it_is(folder):
    indexed(folder, compressed=True, frame=np.zeros(1 << 20, np.int32))
    assert "is not stored as a plain array" in refused(folder)


def encoded(suffix, picture):
    return cv2.imencode(suffix, picture)[1].tobytes()


@pytest.mark.parametrize(
    ("part", "data"),
    [
        (0, b"\xff\xd8 no picture"),
        (0, b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x08\x00\x0c\x03"),
        (0, encoded(".jpg", np.zeros((9, 12, 3), np.uint8))),
        (0, encoded(".png", np.zeros((*SIZE, 3), np.uint8))),
        (1, b"\x89PNG\r\n\x1a\n"),
        (1, encoded(".png", np.zeros(SIZE, np.uint8))),
        (1, encoded(".png", np.ones((*SIZE, 3), np.uint8))),
        (1, encoded(".jpg", np.ones(SIZE, np.uint8))),
        (1, b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x00\x00\x00\x00" + b"0" * 50),
    ],
)
def test_a_part_that_is_not_what_the_pack_says(folder, part, data):
    put(folder, part, data)
    assert "shard-00000.zip is damaged" in refused(folder)


def test_a_size_that_no_picture_has(folder):
    described(folder, lambda content: content["header"].update(size=[100_000, 100_000]))
    assert "million pixels" in refused(folder)
