"""A pack gives what the folder gave that it was made from: pictures, gaze folders, films, sound."""

import json
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from mindaam.data import prompts, transforms
from mindaam.data.audio.cutting import cut_of
from mindaam.data.datasets.opening import open_found
from mindaam.data.datasets.published import find_set
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.datasets.readers.packed import PackedImages, PackedVideos, open_packed
from mindaam.data.datasets.readers.sample import image_sample, prompt_of
from mindaam.data.packs.packing import pack
from mindaam.errors import InputError
from mindaam.models.registry import model_config
from tests.clips import make_clip, number_of
from tests.clips import pictures as grey_frames
from tests.data.datasets import image_trees, video_trees
from tests.data.datasets.drawn import map_of, picture
from tests.data.datasets.readers.test_gaze_folder import HEADER, write_json, write_rows

SIZE = (40, 56)
PAPER, RELEASED = (cut_of(model_config("aam_dinov3_vits16", preset).sound) for preset in ("paper", "released"))
JPEG = 3.0  # grey levels
SOUND = 2 / 32768  # half a step of 16 bits, which resampling may enlarge
FILM_SETS = [
    ("ntire26", "archives"),
    ("diem", "released"),
    ("diem", "official"),
    ("coutrot1", "official"),
    ("etmd", "official"),
    ("dhf1k", "released"),
]


def close_images(one, other):
    assert one.shape == other.shape and one.dtype == np.uint8
    assert np.abs(one.astype(float) - other).mean() < JPEG


def close_densities(one, other):
    assert one.shape == other.shape and one.dtype == np.float32
    assert one.sum(dtype=np.float64) == pytest.approx(1, abs=1e-4)
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9995


def same_pictures(packed, reader):
    """Whether a pack gives, at its size, all that a reader of pictures gives."""
    assert isinstance(packed, PackedImages) and len(packed) == len(reader)
    assert (packed.entries, packed.name, packed.split) == (reader.entries, reader.name, reader.split)
    assert packed.ground_truth == reader.ground_truth
    assert packed.conditions == tuple(dict.fromkeys(condition for _, condition in reader.entries))
    for condition in packed.conditions:
        assert packed.prompts.of(condition) == reader.prompts.of(condition)
        assert packed.prompts.held_out(condition) == reader.prompts.held_out(condition)
    for index in range(len(reader)):
        sample, original = image_sample(packed, index), image_sample(reader, index)
        assert packed.size(index) == SIZE
        close_images(sample.image, transforms.resize_image(original.image, SIZE))
        close_densities(sample.density, reader.density(index, SIZE))
        half = transforms.resize_density(reader.density(index, SIZE), (20, 28))
        close_densities(packed.density(index, (20, 28)), half)
        for field in ("prompt", "condition", "dataset", "name"):
            assert getattr(sample, field) == getattr(original, field)
        assert prompt_of(packed, index) == prompt_of(reader, index)
        if original.fixations is None:
            assert sample.fixations is None
        else:
            scaled = transforms.scale_fixations(original.fixations, reader.size(index), SIZE)
            np.testing.assert_array_equal(sample.fixations, scaled)
            assert sample.fixations.dtype == np.float32
        assert sample.times is None and sample.audio is None


@pytest.mark.parametrize(
    ("key", "layout"), [("osie", "official"), ("salicon", "official"), ("figrim", "released"), ("ueyes", "official")]
)
def test_sets_of_pictures(tmp_path, key, layout):
    image_trees.build(key, layout, tmp_path / f"sets/{key}")
    found = find_set(tmp_path / "sets", key)
    reader = open_found(found, "train")
    assert pack(reader, tmp_path / "pack", SIZE, workers=0) == (len(reader), [])
    same_pictures(open_packed(tmp_path / "pack"), reader)


@pytest.fixture
def gaze_folder(tmp_path):
    """Two pictures, the first under two conditions, one of which has sentences of the folder's own."""
    root, conditions = tmp_path / "Blicke ü", ["free_viewing", "find_keys"]
    (root / "stimuli").mkdir(parents=True)
    for number, name in enumerate(("a 1.png", "b.png")):
        Image.fromarray(picture(number, 80, 60)).save(root / "stimuli" / name)
    images = {name: {"size": [80, 60]} for name in ("a 1.png", "b.png")}
    own = {
        "sentences": {"find_keys": ["A viewer looks for keys.", "Someone seeks keys."]},
        "held_out": {"find_keys": "Where are my keys?"},
    }
    meta = {"name": "meine", "conditions": conditions, "images": images, "px_per_degree_stored": 8, **own}
    write_json(root / "meta.json", meta)
    write_json(root / "splits.json", {"train": ["a 1.png", "b.png"]})
    rows = [
        "a 1.png,s1,find_keys,10.5,20.25,1,,",
        "b.png,s1,free_viewing,79.5,3,1,,",
        "a 1.png,s2,free_viewing,3,4,1,,",
    ]
    write_rows(root, [HEADER, *rows])
    return root


def test_a_gaze_folder_of_points_with_sentences_of_its_own(gaze_folder, tmp_path):
    reader = GazeFolder(gaze_folder)
    assert len(reader) == 3
    pack(reader, tmp_path / "pack", SIZE, workers=0)
    packed = open_packed(tmp_path / "pack")
    same_pictures(packed, reader)
    assert packed.prompts.of("find_keys") == ["A viewer looks for keys.", "Someone seeks keys."]
    assert packed.prompts.held_out("find_keys") == "Where are my keys?"
    assert packed.prompts.of("free_viewing") == prompts.training_prompts("meine", "free_viewing")


def test_a_gaze_folder_of_maps(gaze_folder, tmp_path):
    (gaze_folder / "fixations.csv.gz").unlink()
    for number, (condition, name) in enumerate((("free_viewing", "a 1"), ("free_viewing", "b"), ("find_keys", "b"))):
        (gaze_folder / "maps" / condition).mkdir(parents=True, exist_ok=True)
        shown = map_of(number, picture(number, 80, 60))
        Image.fromarray(shown).save(gaze_folder / "maps" / condition / f"{name}.png")
    reader = GazeFolder(gaze_folder)
    pack(reader, tmp_path / "pack", SIZE, workers=0)
    same_pictures(open_packed(tmp_path / "pack"), reader)


def same_films(packed, reader, sound):
    """Whether a pack gives, at its size, all that a reader of films gives. sound: whether it has any."""
    assert isinstance(packed, PackedVideos) and len(packed) == len(reader)
    assert (packed.entries, packed.name, packed.split) == (reader.entries, reader.name, reader.split)
    assert packed.ground_truth == reader.ground_truth and packed.conditions == reader.conditions
    for index in range(len(reader)):
        count, condition = reader.frames(index), reader.entries[index][1]
        assert packed.frames(index) == count and packed.labelled(index).tolist() == [True] * count
        assert packed.file_rate(index) == pytest.approx(reader.file_rate(index), rel=1e-9)
        assert packed.size(index) == SIZE
        assert packed.has_audio(index) == reader.has_audio(index) == sound
        for positions in (list(range(count)), [count - 1, 0, 1]):
            for cut in (PAPER, RELEASED):
                original = reader.clip(index, positions, SIZE, audio=cut)
                same_clips(packed.clip(index, positions, audio=cut), original, cut)
        assert packed.prompts.of(condition) == reader.prompts.of(condition)
        assert packed.prompts.held_out(condition) == reader.prompts.held_out(condition)
        for position in (0, count - 1):
            close_densities(packed.density(index, position), reader.density(index, position, SIZE))
            points = packed.fixations(index, position)
            assert points is None or points.shape == reader.fixations(index, position).shape


def same_clips(clip, original, cut):
    np.testing.assert_array_equal(clip.times, original.times)
    for field in ("prompt", "condition", "dataset", "name"):
        assert getattr(clip, field) == getattr(original, field)
    close_images(clip.image, original.image)
    assert [number_of(image) for image in clip.image] == [number_of(image) for image in original.image]
    for place, density in enumerate(original.density):
        close_densities(clip.density[place], density)
        np.testing.assert_array_equal(clip.fixations[place], original.fixations[place])
    if original.audio is None:
        assert clip.audio is None
    else:
        np.testing.assert_array_equal(clip.audio.of_frame, original.audio.of_frame)
        assert clip.audio.windows.dtype == np.float32
        np.testing.assert_allclose(clip.audio.windows, original.audio.windows, atol=SOUND * cut.scale)


@pytest.mark.parametrize(("key", "layout"), FILM_SETS)
def test_sets_of_films(tmp_path, key, layout):
    video_trees.build(key, layout, tmp_path / "sets")
    found = find_set(tmp_path / "sets", key)
    reader = open_found(found, "train")
    count = sum(map(reader.frames, range(len(reader))))
    assert pack(reader, tmp_path / "pack", SIZE, workers=0) == (count, [])
    same_films(open_packed(tmp_path / "pack"), reader, sound=found.record.modality == "audio_video")


def make_gaze_films(root):
    (root / "stimuli").mkdir(parents=True)
    make_clip(root / "stimuli/a.mp4", grey_frames(10), tone=0.4)
    listed = {"a.mp4": {"size": [64, 48], "frames": 10, "rate": 25}}
    meta = {"name": "meine", "conditions": ["free_viewing", "count_people"], "films": listed}
    (root / "meta.json").write_text(json.dumps({**meta, "px_per_degree_stored": 6}))
    write_json(root / "splits.json", {"train": ["a.mp4"]})
    rows = ["a.mp4,free_viewing,10,20,0,400", "a.mp4,count_people,30,5,40,40", "a.mp4,count_people,50,25,240,80"]
    write_rows(root, ["image,condition,x,y,t_ms,duration_ms", *rows])


def test_a_gaze_folder_of_films_under_two_conditions(tmp_path):
    make_gaze_films(tmp_path / "made")
    reader = open_gaze_videos(tmp_path / "made")
    assert pack(reader, tmp_path / "pack", SIZE, workers=0) == (20, [])
    same_films(open_packed(tmp_path / "pack"), reader, sound=True)


def test_a_clip_of_another_size_and_a_copy_for_a_process(tmp_path):
    video_trees.build("diem", "released", tmp_path / "sets")
    reader = open_found(find_set(tmp_path / "sets", "diem"), "train")
    pack(reader, tmp_path / "pack", SIZE, workers=0)
    packed = open_packed(tmp_path / "pack")
    clip = packed.clip(0, [3, 1], (20, 28))
    assert clip.image.shape == (2, 20, 28, 3) and clip.density.shape == (2, 20, 28)
    for place, position in enumerate((3, 1)):
        points = packed.fixations(0, position) * np.float32(0.5)
        np.testing.assert_allclose(clip.fixations[place], points, atol=1e-5)
        half = transforms.resize_density(reader.density(0, position, SIZE), (20, 28))
        close_densities(clip.density[place], half)
    again = pickle.loads(pickle.dumps(packed))
    shutil.rmtree(tmp_path / "sets")  # the folder it was made from is no longer needed
    one, other = (each.clip(1, [2, 5], audio=PAPER).audio for each in (packed, again))
    np.testing.assert_array_equal(one.windows, other.windows)


def test_what_is_no_pack(tmp_path):
    with pytest.raises(InputError, match="is not a pack"):
        open_packed(tmp_path)


def test_a_pack_of_earlier_versions_has_no_frame_rates_of_files(tmp_path):
    make_gaze_films(tmp_path / "made")
    pack(open_gaze_videos(tmp_path / "made"), tmp_path / "pack", SIZE, workers=0)
    packed = open_packed(tmp_path / "pack")
    assert packed.file_rate(0) == packed.file_rate(1) == 25
    contents = json.loads((tmp_path / "pack/pack.json").read_text())
    assert contents["header"].pop("rates") == {"a.mp4": 25.0}
    (tmp_path / "pack/pack.json").write_text(json.dumps(contents))
    before = open_packed(tmp_path / "pack")
    assert before.file_rate(0) == pytest.approx(25)
    one, other = (each.clip(0, [2, 7], audio=RELEASED).audio for each in (packed, before))
    np.testing.assert_array_equal(one.windows, other.windows)
