"""Packs: what is put in comes out, whatever interrupts or damages them, in other processes and threads too."""

import hashlib
import io
import json
import os
import pickle
import resource
import shutil
import sys
import threading
import zipfile
import zlib

import numpy as np
import pytest
import soundfile

from mindaam.data import media
from mindaam.data.loader import Loader
from mindaam.data.packs.contents import Header
from mindaam.data.packs.pack import Entry, Pack
from mindaam.data.packs.pack_index import DENSITY, FIXATIONS, IMAGE, PLACE
from mindaam.data.packs.pack_writer import PackWriter
from mindaam.data.packs.shard_codec import decode_density, encode_density, encode_record
from mindaam.data.transforms import fixation_density, resize_density, resize_image
from mindaam.errors import InputError, OutputError

SIZE = (48, 64)
HEADER = Header(dataset="made", layout="here", split="train", size=SIZE, source="fixations", sigma_degrees=1.0)
NAMES = ["a b.jpg", "Übung/日本語.png", "c.jpg", "d.jpg", "e.jpg", "f.jpg"]


def made(count=6, size=SIZE):
    """[(picture, density, fixations)]."""
    draw, records = np.random.default_rng(0), []
    for _ in range(count):
        image = resize_image(draw.integers(0, 256, (6, 8, 3), np.uint8), size)
        fixations = (draw.random((int(draw.integers(1, 20)), 2)) * (size[1], size[0])).astype(np.float32)
        records.append((image, fixation_density(fixations, size, 6.0), fixations))
    return records


def packed(folder, records=None, **options):
    records = made() if records is None else records
    with PackWriter(folder, HEADER, **options) as writer:
        for name, record in zip(NAMES, records, strict=True):
            writer.add(name, "free_viewing", *record)
    return Pack(folder)


def encoded(pack, index):
    """The parts of a record as `encode_record` returned them."""
    return tuple(pack.part(index, part) for part in (IMAGE, DENSITY, FIXATIONS))


def similarity(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1], np.minimum(a / a.sum(), b / b.sum()).sum()


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 16
    path.write_bytes(content)


def test_what_is_packed_comes_back(tmp_path):
    records = made()
    pack = packed(tmp_path / "a pack ü", records)
    assert pack.entries == [(name, "free_viewing") for name in NAMES] and len(pack) == len(NAMES)
    assert pack.entry(1) == Entry(NAMES[1], "free_viewing", None, None)
    assert (pack.name, pack.split, pack.conditions, pack.size(0)) == ("made", "train", ["free_viewing"], SIZE)
    assert pack.header == HEADER
    for index, (image, density, fixations) in enumerate(records):
        parts = encode_record(image, density, fixations, HEADER.quality)
        assert encoded(pack, index) == parts and pack.part(index, IMAGE) == parts[0]
        np.testing.assert_array_equal(pack.fixations(index), fixations)
        assert pack.fixations(index).dtype == np.float32
        correlation, overlap = similarity(density, pack.density(index))
        assert correlation > 0.9995 and overlap > 0.99
        assert pack.density(index).shape == SIZE and pack.density(index).dtype == np.float32
        assert pack.density(index).sum() == pytest.approx(1, abs=1e-5)
        assert pack.density(index, (12, 16)).shape == (12, 16)
        assert np.abs(pack.image(index).astype(int) - image).mean() < 6
    pack.verify()


def test_a_picture_is_decoded_as_the_media_reader_does(tmp_path):
    pack = packed(tmp_path / "pack")
    (tmp_path / "one.jpg").write_bytes(pack.part(2, IMAGE))
    np.testing.assert_array_equal(pack.image(2), media.read_image(tmp_path / "one.jpg"))
    media.write_jpeg(tmp_path / "other.jpg", made()[2][0], quality=92)
    np.testing.assert_array_equal(pack.image(2), media.read_image(tmp_path / "other.jpg"))


def sharp(size):
    spot = np.full(size, 1e-6, np.float32)
    spot[5, 7] = 1.0
    return spot


@pytest.mark.parametrize(
    "density",
    [
        fixation_density(np.array([[200.5, 99.5], [30, 400]], np.float32), (448, 448), 15.0),
        fixation_density(np.random.default_rng(1).random((300, 2)).astype(np.float32) * 448, (448, 448), 6.0),
        fixation_density(np.array([[20.5, 9.5]], np.float32), (101, 77), 1.5),
        sharp((99, 120)),
        np.random.default_rng(2).random((64, 64), np.float32) ** 4,
        np.ones((31, 17), np.float32) + np.eye(31, 17, dtype=np.float32),
        np.ones((1, 1), np.float32),
    ],
    ids=["gaussians", "many", "narrow", "spike", "noise", "flat", "pixel"],
)
def test_a_decoded_density_is_close_to_the_original(density):
    decoded = decode_density(encode_density(density), density.shape)
    assert np.minimum(density / density.sum(), decoded).sum() > 0.99
    assert density.size == 1 or similarity(density, decoded)[0] > 0.9995
    assert decoded.sum() == pytest.approx(1, abs=1e-4)


def test_a_usual_density_takes_little_room():
    gaze = np.random.default_rng(3).normal(224, 60, (60, 2)).clip(0, 447).astype(np.float32)
    density = fixation_density(gaze, (448, 448), 15.0)
    data = encode_density(density)
    assert len(data) < 25_000
    correlation, overlap = similarity(density, decode_density(data, (448, 448)))
    assert correlation > 0.9999 and overlap > 0.997
    # published maps may be of another size than the picture
    smaller = encode_density(resize_density(density, (100, 120)))
    assert similarity(density, decode_density(smaller, (448, 448)))[0] > 0.999


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_what_is_no_density_is_refused_by_name(tmp_path, value):
    image, _, fixations = made(1)[0]
    with (
        pytest.raises(InputError, match="^Übung.png: the density is blank, negative or not finite"),
        PackWriter(tmp_path / "pack", HEADER) as writer,
    ):
        writer.add("Übung.png", "search", image, np.full(SIZE, value, np.float32), fixations)
    assert not list(tmp_path.iterdir())


def test_a_picture_of_another_size_or_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a.jpg"), PackWriter(tmp_path / "pack", HEADER) as writer:
        writer.add("a.jpg", "search", *made(1, (48, 63))[0])
    image, *truth = made(1)[0]
    with pytest.raises(ValueError, match="float32"), PackWriter(tmp_path / "pack", HEADER) as writer:
        writer.add("a.jpg", "search", image.astype(np.float32), *truth)
    assert not list(tmp_path.iterdir())


def test_shards_are_bounded_and_any_unzip_reads_them(tmp_path):
    pack = packed(tmp_path / "pack", shard_bytes=4000)
    shards = sorted((tmp_path / "pack").glob("shard-*.zip"))
    assert len(shards) > 2 and all(path.stat().st_size < 5000 for path in shards)
    assert len(shards) + 2 == len(list((tmp_path / "pack").iterdir()))
    described = json.loads((tmp_path / "pack" / "pack.json").read_text(encoding="utf-8"))
    assert sum(shard["records"] for shard in described["shards"]) == len(NAMES) == described["index"]["records"]
    members = {}
    for path in shards:
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            members |= {name: archive.read(name) for name in archive.namelist()}
    for index in range(len(NAMES)):
        stored = tuple(members[f"{index:08}.{suffix}"] for suffix in ("jpg", "png", "xy"))
        assert encoded(pack, index) == stored
    pack.verify()


def test_the_same_records_give_the_same_bytes(tmp_path):
    packed(tmp_path / "one"), packed(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_picture_under_two_conditions_is_stored_once(tmp_path):
    (image, density, fixations), (other, *_) = made(2)
    with PackWriter(tmp_path / "pack", HEADER, shard_bytes=9000) as writer:
        writer.add("a.jpg", "search", image, density, fixations)
        writer.add("b.jpg", "search", other, density, None)
        writer.add("a.jpg", "free_viewing", image, density[:, ::-1], fixations[:0])
        writer.add("a.jpg", "free_viewing", other, density, fixations)  # another picture of the same name
    pack = Pack(tmp_path / "pack")
    assert pack.entries == [("a.jpg", "search"), ("b.jpg", "search"), *[("a.jpg", "free_viewing")] * 2]
    assert pack.part(0, IMAGE) == pack.part(2, IMAGE) != pack.part(1, IMAGE) == pack.part(3, IMAGE)
    assert pack.fixations(1) is None and pack.fixations(2).shape == (0, 2)
    assert similarity(pack.density(2), density[:, ::-1])[1] > 0.99
    names = [n for path in (tmp_path / "pack").glob("*.zip") for n in zipfile.ZipFile(path).namelist()]
    assert "00000000.jpg" in names and "00000002.jpg" not in names and "00000003.jpg" in names


def test_frames_keep_their_film_number_and_time(tmp_path):
    records = made()
    with PackWriter(tmp_path / "pack", HEADER) as writer:
        for number in (2, 0, 1):
            writer.add("film one.mp4", "free_viewing", *records[number], frame=10 * number, time=0.4 * number)
            writer.add("other.mp4", "free_viewing", *records[number], frame=number, time=number / 25)
    pack = Pack(tmp_path / "pack")
    assert pack.names == ["film one.mp4", "other.mp4"]
    assert [pack.entry(index).frame for index in (2, 4, 0)] == [0, 10, 20]
    assert [pack.entry(index).name for index in (3, 5, 1)] == ["other.mp4"] * 3
    assert pack.entry(4) == Entry("film one.mp4", "free_viewing", 10, 0.4)
    assert pack.part(4, IMAGE) == pack.part(5, IMAGE)
    assert pack.audio_rate("other.mp4") is None
    with pytest.raises(InputError, match="has no audio of other.mp4"):
        pack.audio("other.mp4", 0, 1)


def test_sound_comes_back_by_sample_with_silence_about_it(tmp_path):
    levels = np.random.default_rng(4).integers(-32768, 32768, 3001)
    samples = (levels / 32768).astype(np.float32)
    with PackWriter(tmp_path / "pack", HEADER) as writer:
        writer.add("silent.mp4", "free_viewing", *made(1)[0], frame=0, time=0.0)
        writer.add("film.mp4", "free_viewing", *made(1)[0], frame=0, time=0.0)
        writer.add_audio("film.mp4", samples, 44_100)
        writer.add_audio("loud.mp4", np.array([3.0, 1.0, -7.0], np.float32), 8000)
    pack = Pack(tmp_path / "pack")
    assert pack.audio_rate("film.mp4") == 44_100 and pack.audio_rate("loud.mp4") == 8000
    np.testing.assert_array_equal(pack.audio("film.mp4", 0, 3001), samples)
    expected = np.concatenate([np.zeros(5), samples[:95], np.zeros(0)])
    np.testing.assert_array_equal(pack.audio("film.mp4", -5, 100), expected)
    np.testing.assert_array_equal(pack.audio("film.mp4", 2999, 4), [*samples[2999:], 0, 0])
    assert not pack.audio("film.mp4", 3001, 4).any() and not pack.audio("film.mp4", -9, 9).any()
    assert pack.audio("film.mp4", 0, 1).dtype == np.float32
    np.testing.assert_allclose(pack.audio("loud.mp4", 0, 3), [1, 1, -1], atol=1e-4)
    with zipfile.ZipFile(tmp_path / "pack" / "shard-00000.zip") as archive:
        sound = io.BytesIO(archive.read("sound-00001.flac"))
    with soundfile.SoundFile(sound) as file:
        assert (file.format, file.subtype, file.channels, file.samplerate) == ("FLAC", "PCM_16", 1, 44_100)
        np.testing.assert_array_equal(file.read(dtype="int16"), levels)


@pytest.fixture(scope="module")
def half_a_minute(tmp_path_factory):
    """A pack with 30 s of tone, and its samples."""
    folder = tmp_path_factory.mktemp("audio") / "pack"
    levels = np.rint(9000 * np.sin(np.arange(30 * 16_000) / 7.3)).astype(np.int16)
    with PackWriter(folder, HEADER) as writer:
        writer.add("a.mp4", "free_viewing", *made(1)[0], frame=0, time=0.0)
        writer.add_audio("a.mp4", levels / np.float32(32768), 16_000)
    return folder, levels / np.float32(32768)


def test_audio_is_read_at_any_place_and_takes_less_room_than_its_samples(half_a_minute):
    folder, samples = half_a_minute
    pack = Pack(folder)
    for first in (479_000, 0, 237_111, 16_001, 237_110, 479_999):
        expected = samples[first : first + 3000]
        np.testing.assert_array_equal(pack.audio("a.mp4", first, len(expected)), expected)
    with zipfile.ZipFile(folder / "shard-00000.zip") as archive:
        assert archive.getinfo("sound-00000.flac").file_size < 0.6 * 2 * len(samples)


def test_damaged_audio_is_refused_where_it_is_damaged(half_a_minute, tmp_path):
    folder, samples = half_a_minute
    shutil.copytree(folder, tmp_path / "pack")
    shard = tmp_path / "pack" / "shard-00000.zip"
    data = bytearray(shard.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    shard.write_bytes(data)
    pack = Pack(tmp_path / "pack")
    np.testing.assert_array_equal(pack.audio("a.mp4", 0, 16_000), samples[:16_000])
    with pytest.raises(InputError, match=r"shard-00000.zip is damaged or truncated; copy it again"):
        pack.audio("a.mp4", 0, len(samples))
    shard.write_bytes(data[:middle])  # behind the Pack's back
    with pytest.raises(InputError, match=r"shard-00000.zip is damaged or truncated"):
        pack.audio("a.mp4", 25 * 16_000, 100)


@pytest.mark.parametrize("rate", [1000, 8000, 65_535, 65_537, 88_200, 200_001, 384_000])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_audio_of_every_rate_and_of_no_length(tmp_path, rate, count):
    samples = np.linspace(-0.5, 0.5, count, dtype=np.float32)
    with PackWriter(tmp_path / "pack", HEADER) as writer:
        writer.add("a.mp4", "free_viewing", *made(1)[0], frame=0, time=0.0)
        writer.add_audio("a.mp4", samples, rate)
    pack = Pack(tmp_path / "pack")
    assert pack.audio_rate("a.mp4") == rate
    np.testing.assert_allclose(pack.audio("a.mp4", -1, count + 2), [0, *samples, 0], atol=2e-5)


def test_audio_of_a_pack_of_version_1(tmp_path, half_a_minute):
    """Its places told where the bare samples are."""
    folder, samples = tmp_path / "pack", half_a_minute[1][:5000]
    with PackWriter(folder, HEADER) as writer:
        writer.add("a.mp4", "free_viewing", *made(1)[0], frame=0, time=0.0)
    raw = (samples * 32768).astype("<i2").tobytes()
    shard = folder / "shard-00000.zip"
    place = (0, shard.stat().st_size, len(raw), zlib.crc32(raw))
    shard.write_bytes(shard.read_bytes() + raw)
    with np.load(folder / "index.npz") as index:
        arrays = dict(index) | {"sound_film": [0], "sound_rate": [16_000], "sounds": np.array([place], PLACE)}
    del arrays["sound_samples"]
    np.savez(folder / "index.npz", **arrays)
    contents = json.loads((folder / "pack.json").read_text())
    contents["version"] = 1
    for file, name in ((contents["shards"][0], "shard-00000.zip"), (contents["index"], "index.npz")):
        data = (folder / name).read_bytes()
        file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "pack.json").write_text(json.dumps(contents))
    pack = Pack(folder)
    np.testing.assert_array_equal(pack.audio("a.mp4", 100, 6000), [*samples[100:], *np.zeros(1100)])


def read(pack, index):
    """What a worker process does."""
    return encoded(pack, index), pack.image(index), "mindspore" in sys.modules


def test_another_process_opens_the_pack_by_itself(tmp_path):
    pack = packed(tmp_path / "pack", shard_bytes=12_000)
    expected = [encoded(pack, index) for index in range(len(pack))]
    assert len(pickle.dumps(pack)) < 500
    with Loader({"pack": pack}, read, workers=1) as load:
        results = list(load([("pack", index) for index in range(len(pack))]))
    assert [parts for parts, _, _ in results] == expected
    assert not any(mindspore for _, _, mindspore in results)
    np.testing.assert_array_equal(results[3][1], pack.image(3))


def test_threads_share_a_pack(tmp_path, monkeypatch):
    monkeypatch.setattr("mindaam.data.packs.shards.OPEN_SHARDS", 1)  # each of them closes the others' shards
    pack = packed(tmp_path / "pack", shard_bytes=6000)
    expected, wrong = [encoded(pack, index) for index in range(len(pack))], []

    def work(seed):
        for index in np.random.default_rng(seed).integers(0, len(pack), 300):
            if encoded(pack, index) != expected[index]:
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="the system does not list open files")
def test_a_pack_that_nobody_holds_leaves_no_file_open(tmp_path):
    def ours():
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        return [link for link in links if os.path.lexists(link) and str(tmp_path) in os.readlink(link)]

    pack = packed(tmp_path / "pack")
    encoded(pack, 0)
    assert len(ours()) == 1
    del pack
    assert not ours()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("made_before", [False, True])
def test_an_interrupted_pack_leaves_nothing(tmp_path, error, made_before):
    folder = tmp_path / "pack"
    if made_before:
        folder.mkdir()
    with pytest.raises(error), PackWriter(folder, HEADER, shard_bytes=6000) as writer:
        for name, record in zip(NAMES, made(), strict=True):
            writer.add(name, "free_viewing", *record)
        assert len(list(folder.iterdir())) > 2
        raise error
    assert [path.name for path in tmp_path.rglob("*")] == (["pack"] if made_before else [])


def test_a_killed_pack_is_no_pack(tmp_path):
    writer = PackWriter(tmp_path / "pack", HEADER, shard_bytes=6000)
    for name, record in zip(NAMES, made(), strict=True):
        writer.add(name, "free_viewing", *record)
    with pytest.raises(InputError, match="has no pack.json; check the path, and pack again if packing was interrupted"):
        Pack(tmp_path / "pack")
    with pytest.raises(OutputError, match="is not empty"):
        PackWriter(tmp_path / "pack", HEADER)
    writer._discard()


def test_a_full_disk_is_an_output_error_and_leaves_nothing(tmp_path):
    # the smallest limit stops the first member, others the archive's end, the index, pack.json
    whole = packed(tmp_path / "whole")
    limits = {10, 3000, whole.contents.shards[0].bytes - 30, whole.contents.shards[0].bytes - 1}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in sorted(limits):
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
            with pytest.raises(OutputError, match="cannot write .*pack/shard-00000.zip .*free some space"):
                packed(tmp_path / "pack")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize("last", ["write_npz", "write_text"])
def test_a_disk_that_is_full_at_the_end_leaves_nothing(tmp_path, monkeypatch, last):
    def full(path, *_, **arrays):
        raise OutputError(f"cannot write {path}")

    monkeypatch.setattr(f"mindaam.data.packs.pack_writer.{last}", full)
    with pytest.raises(OutputError, match="cannot write"):
        packed(tmp_path / "pack")
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    for folder in (tmp_path / "file", tmp_path / "file" / "pack"):
        with pytest.raises(OutputError, match="cannot write"):
            PackWriter(folder, HEADER)
    packed(tmp_path / "pack")
    before = contents(tmp_path / "pack")
    with pytest.raises(OutputError, match="is not empty; choose a new one"):
        packed(tmp_path / "pack")
    assert contents(tmp_path / "pack") == before
    with pytest.raises(InputError, match="nothing was found to pack"), PackWriter(tmp_path / "none", HEADER):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "pack"]


def test_a_shard_that_is_cut_short_is_named(tmp_path):
    pack = packed(tmp_path / "pack", shard_bytes=12_000)
    path = tmp_path / "pack" / "shard-00001.zip"
    first = next(index for index in range(len(pack)) if f"{index:08}.xy" in zipfile.ZipFile(path).namelist())
    os.truncate(path, 100)
    with pytest.raises(InputError, match=r"shard-00001.zip is damaged or truncated; copy it again"):
        encoded(pack, first)
    with pytest.raises(InputError, match=r"1 of \d files are damaged \(shard-00001.zip\)"):
        pack.verify()
    with pytest.raises(InputError, match=r"shard-00001.zip has 100 bytes and not \d+; copy it again"):
        Pack(tmp_path / "pack")
    path.unlink()
    with pytest.raises(InputError, match="shard-00001.zip is missing; copy it again"):
        Pack(tmp_path / "pack")
    assert encoded(pack, 0)


@pytest.mark.parametrize("part", ["jpg", "png", "xy"])
def test_a_flipped_bit_is_noticed(tmp_path, part):
    pack = packed(tmp_path / "pack", shard_bytes=12_000)
    path = tmp_path / "pack" / "shard-00000.zip"
    with zipfile.ZipFile(path) as archive:
        flip(path, path.read_bytes().find(archive.read(f"00000001.{part}")) + 5)
    pack = Pack(tmp_path / "pack")
    call = {"jpg": pack.image, "png": pack.density, "xy": pack.fixations}[part]
    with pytest.raises(InputError, match="shard-00000.zip is damaged"):
        call(1)
    assert encoded(pack, 0)
    with pytest.raises(InputError, match=r"1 of \d files are damaged \(shard-00000.zip\)"):
        pack.verify()


def test_what_is_no_pack_or_another_versions_is_refused(tmp_path):
    packed(tmp_path / "pack")
    described, index = tmp_path / "pack" / "pack.json", tmp_path / "pack" / "index.npz"
    text = described.read_text(encoding="utf-8")
    for changed, message in (
        (
            text.replace('"version": 2', '"version": 3'),
            "has version 3 and this MindAAM reads 1 to 2; pack the dataset again",
        ),
        ("[]", "pack.json lacks its entries"),
        ("{}", "has version None"),
        (text[:50], "pack.json is damaged"),
        (text.replace('"split"', '"splitt"'), 'the key "header.split" is missing; copy it again'),
        (text.replace('"quality": 92', '"quality": "high"'), "header.quality"),
    ):
        described.write_text(changed, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            Pack(tmp_path / "pack")
    described.write_text(text, encoding="utf-8")
    flip(index, 200)
    with pytest.raises(InputError, match="index.npz is damaged; copy it again"):
        Pack(tmp_path / "pack")
    index.unlink()
    with pytest.raises(InputError, match="index.npz is missing"):
        Pack(tmp_path / "pack")
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="is not a pack: it has no pack.json"):
            Pack(place)


def test_a_missing_record_is_an_index_error(tmp_path):
    with pytest.raises(IndexError):
        packed(tmp_path / "pack").image(len(NAMES))
