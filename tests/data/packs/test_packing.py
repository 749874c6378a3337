"""Packing a split: all of it or nothing, what is damaged by name, processes or none."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from mindaam.data.audio.cutting import Cut
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.opening import open_found
from mindaam.data.datasets.published import find_set
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.packs.pack import Pack
from mindaam.data.packs.packing import header_of, pack, target_of
from mindaam.errors import ConfigError, InputError, OutputError
from tests.data.datasets import image_trees, video_trees

SIZE = (24, 32)


@pytest.fixture(scope="module")
def pictures_root(tmp_path_factory):
    """MIT1003 as published: three pictures, all in train."""
    root = tmp_path_factory.mktemp("pictures")
    image_trees.build("mit1003", "official", root / "MIT1003")
    return root


@pytest.fixture(scope="module")
def films_root(tmp_path_factory):
    """DIEM as it was released: frames, maps, points and sound files of two films in train."""
    root = tmp_path_factory.mktemp("films")
    video_trees.build("diem", "released", root)
    return root


def reader_of(root, key, split="train", truth=None):
    return open_found(find_set(root, key), split, truth)


@pytest.fixture
def damaged_pictures(pictures_root, tmp_path):
    """A reader whose second picture was cut short after it was opened."""
    shutil.copytree(pictures_root / "MIT1003", tmp_path / "data/MIT1003")
    reader = reader_of(tmp_path / "data", "mit1003")
    path = reader.image_path(1)
    path.write_bytes(path.read_bytes()[:700])
    return reader


@pytest.fixture
def copied_films(films_root, tmp_path):
    shutil.copytree(films_root, tmp_path / "data")
    return tmp_path / "data"


def test_the_target_is_named_after_set_and_split(pictures_root, tmp_path):
    reader = reader_of(pictures_root, "mit1003")
    assert target_of(reader, tmp_path) == tmp_path / "mit1003.train"
    (tmp_path / "mit1003.train").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="already exists; choose another folder for the packs"):
        target_of(reader, tmp_path)


def test_the_header_says_where_a_pack_comes_from(pictures_root):
    truth = GroundTruth(source="fixations", sigma_degrees=2)
    header = header_of(reader_of(pictures_root, "mit1003", truth=truth), SIZE, 80)
    assert (header.dataset, header.layout, header.split) == ("mit1003", "official", "train")
    assert (header.size, header.quality, header.source, header.sigma_degrees) == (SIZE, 80, "fixations", 2)
    assert "sigma 2 degree = 70 pixels" in header.ground_truth and header.sentences == {}
    maps = header_of(reader_of(pictures_root, "mit1003", truth=GroundTruth(source="maps")), SIZE)
    assert (maps.source, maps.sigma_degrees, maps.ground_truth) == ("maps", None, "the published density maps")


def test_all_pictures_are_packed_and_reported(pictures_root, tmp_path):
    reader, told = reader_of(pictures_root, "mit1003"), []
    got = pack(reader, tmp_path / "pack", SIZE, workers=0, report=lambda *each: told.append(each))
    assert got == (3, []) and told == [(i + 1, 3, reader.entries[i][0]) for i in range(3)]
    Pack(tmp_path / "pack").verify()


def test_a_process_reads_the_same(pictures_root, tmp_path):
    reader = reader_of(pictures_root, "mit1003")
    for workers in (0, 1):
        pack(reader, tmp_path / str(workers), SIZE, workers=workers)
    names = sorted(path.name for path in (tmp_path / "0").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "1").iterdir()) and "pack.json" in names
    assert all((tmp_path / "0" / name).read_bytes() == (tmp_path / "1" / name).read_bytes() for name in names)


def test_damaged_pictures_refuse_the_whole_pack_and_leave_nothing(damaged_pictures, tmp_path):
    with pytest.raises(InputError, match="is damaged or truncated"):
        pack(damaged_pictures, tmp_path / "packs/mit", SIZE, workers=0)
    assert not (tmp_path / "packs/mit").exists()


def test_damaged_pictures_are_left_out_by_name_when_asked(damaged_pictures, tmp_path):
    told = []
    got = pack(
        damaged_pictures, tmp_path / "pack", SIZE, skip_damaged=True, workers=0, report=lambda *e: told.append(e)
    )
    name = damaged_pictures.entries[1][0]
    [(left_out, why)] = got.left_out
    assert (got.records, left_out, len(told)) == (2, name, 3) and name in why and "truncated" in why
    packed = open_packed(tmp_path / "pack")
    assert packed.entries == [damaged_pictures.entries[0], damaged_pictures.entries[2]]


def test_an_exception_that_nobody_foresaw_is_damage_of_one_picture(pictures_root, tmp_path, monkeypatch):
    reader = reader_of(pictures_root, "mit1003")
    density = reader.density

    def fails(index, size):
        if index == 1:
            raise RuntimeError("of a decoder")
        return density(index, size)

    monkeypatch.setattr(reader, "density", fails)
    [(name, why)] = pack(reader, tmp_path / "pack", SIZE, skip_damaged=True, workers=0).left_out
    assert name == reader.entries[1][0] and "RuntimeError" in why and "of a decoder" in why and "report" in why


def test_nothing_that_can_be_packed(damaged_pictures, tmp_path):
    reader = damaged_pictures.only([damaged_pictures.entries[1][0]])
    with pytest.raises(InputError, match="MIT1003: nothing of the split train can be packed"):
        pack(reader, tmp_path / "pack", SIZE, skip_damaged=True, workers=0)
    assert not (tmp_path / "pack").exists()


def test_a_folder_that_holds_something_is_not_touched(pictures_root, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        pack(reader_of(pictures_root, "mit1003"), tmp_path, SIZE, workers=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_blank_map_is_damage(tmp_path):
    images = {"a.png": {"size": [20, 10]}, "b.png": {"size": [20, 10]}}
    for folder in ("stimuli", "maps/search"):
        (tmp_path / "gaze" / folder).mkdir(parents=True)
    for name, white in (("a.png", 200), ("b.png", 0)):
        Image.new("RGB", (20, 10), (9, 9, 9)).save(tmp_path / "gaze/stimuli" / name)
        Image.new("L", (20, 10), white).save(tmp_path / "gaze/maps/search" / name)
    meta = {"conditions": ["search"], "images": images, "sentences": {"search": ["A viewer looks for keys."]}}
    (tmp_path / "gaze/meta.json").write_text(json.dumps(meta))
    (tmp_path / "gaze/splits.json").write_text(json.dumps({"train": ["a.png", "b.png"]}))
    reader = GazeFolder(tmp_path / "gaze")
    with pytest.raises(InputError, match="blank"):
        pack(reader, tmp_path / "pack", SIZE, workers=0)
    got = pack(reader, tmp_path / "pack", SIZE, workers=0, skip_damaged=True)
    assert got.records == 1 and [name for name, _ in got.left_out] == ["b.png"]


def test_every_second_frame(films_root, tmp_path):
    reader = reader_of(films_root, "diem")
    got = pack(reader, tmp_path / "pack", SIZE, every=2, workers=0)
    assert got == (2 * 7, [])
    packed = open_packed(tmp_path / "pack")
    assert [packed.frames(index) for index in range(2)] == [7, 7]
    positions = list(range(0, 14, 2))
    clip, original = packed.clip(0, range(7)), reader.clip(0, positions, SIZE)
    np.testing.assert_array_equal(clip.times, original.times)
    np.testing.assert_allclose(clip.density, original.density, atol=original.density.max() / 50)
    for place, points in enumerate(original.fixations):
        np.testing.assert_array_equal(clip.fixations[place], points)
    assert packed.file_rate(0) == pytest.approx(reader.file_rate(0), rel=1e-9)


@pytest.mark.parametrize("every", [0, -1])
def test_every_zeroth_frame_cannot_be(films_root, tmp_path, every):
    with pytest.raises(ConfigError, match="--every must be 1 or more"):
        pack(reader_of(films_root, "diem"), tmp_path / "pack", SIZE, every=every, workers=0)
    assert not (tmp_path / "pack").exists()


def test_sound_is_left_out_when_asked(films_root, tmp_path):
    reader = reader_of(films_root, "diem")
    pack(reader, tmp_path / "pack", SIZE, sound=False, workers=0)
    packed = open_packed(tmp_path / "pack")
    assert not packed.has_audio(0) and packed.clip(0, [0], audio=Cut(1, 0.5, "times", "polyphase", 1.0)).audio is None


def cut_frame(root, reader):
    path = root / "data" / reader.videos[0].path / "img_00009.jpg"
    path.write_bytes(path.read_bytes()[:300])
    return "img_00009.jpg"


def cut_map(root, reader):
    path = next((root / "data").glob(f"annotations/DIEM/{reader.videos[0].fields['video']}/maps/eyeMap_00014.jpg"))
    path.write_bytes(path.read_bytes()[:200])
    return "eyeMap_00014.jpg"


def no_sound(root, reader):
    path = reader.audio_path(0)
    path.write_bytes(b"RIFF nonsense")
    return path.name


def test_film_files_that_cannot_be_decoded_are_left_out(tmp_path):
    folder = video_trees.build("dhf1k", "official", tmp_path / "data").folder
    reader = reader_of(tmp_path / "data", "dhf1k")
    content = bytearray((folder / "video/001.AVI").read_bytes())
    content[content.index(b"movi") + 4 : content.index(b"idx1")] = bytes(
        content.index(b"idx1") - content.index(b"movi") - 4
    )
    (folder / "video/001.AVI").write_bytes(content)
    with pytest.raises(InputError, match="001.AVI"):
        pack(reader, tmp_path / "pack", SIZE, workers=0)
    got = pack(reader, tmp_path / "pack", SIZE, workers=0, skip_damaged=True)
    assert [name for name, _ in got.left_out] == ["001.AVI"] and got.records == reader.frames(1)


@pytest.mark.parametrize("damage", [cut_frame, cut_map, no_sound])
def test_damaged_films_are_refused_or_left_out_whole(copied_films, tmp_path, damage):
    reader = reader_of(copied_films, "diem", truth=GroundTruth(source="maps"))
    file = damage(copied_films, reader)
    with pytest.raises(InputError, match=file):
        pack(reader, tmp_path / "packs", SIZE, workers=0)
    assert not (tmp_path / "packs").exists()
    got = pack(reader, tmp_path / "packs", SIZE, workers=0, skip_damaged=True)
    assert got.records == 14 and [name for name, _ in got.left_out] == [reader.entries[0][0]]
    assert file in got.left_out[0][1]
    packed = open_packed(tmp_path / "packs")
    assert packed.entries == reader.entries[1:] and packed.has_audio(0)
