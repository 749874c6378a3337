"""Maps that another tool saved: found by name under every layout, scored as the model's own; one error otherwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.errors import InputError
from mindaam.evaluation.maps import ModelMaps
from mindaam.evaluation.saved_maps import SavedMaps, _ends
from mindaam.evaluation.truths import truth_of_frame, truth_of_image
from mindaam.inference import results
from mindaam.inference.predictor import Predictor
from mindaam.inference.videos import write_video
from mindaam.metrics.protocols import protocol
from mindaam.metrics.scoring import score
from tests.clips import make_clip
from tests.data.datasets.gaze_trees import make_gaze_folder
from tests.data.datasets.readers.test_gaze_videos import HEADER, write_json, write_rows
from tests.fakes import FakeEncoder, FakeModel

PROMPT = "A person looks around."
PAPER = protocol("paper")


class Entries(list):
    """A reader of images with nothing but a name and entries."""

    def __init__(self, *names, name="osie", is_video=False, conditions=("free_viewing",), frames=3, skipped=0):
        self.entries = [(each, condition) for condition in conditions for each in names]
        super().__init__(self.entries)
        self.name, self.is_video, self._length, self._skipped = name, is_video, frames, skipped

    __hash__ = object.__hash__

    def frames(self, index):
        return self._length

    def skipped(self, index):
        return self._skipped


def put(path, value=1.0):
    """A map of one value in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, np.full((2, 3), value, np.float32))
    elif path.suffix == ".npz":
        np.savez(path, density=np.full((2, 3), value, np.float32))
    else:
        Image.fromarray(np.full((2, 3), value, np.uint8)).save(path)


def values_of(folder, reader, index=0):
    [found] = SavedMaps(folder).image_maps(reader, index, [""])
    return float(found.max())


@pytest.mark.parametrize(
    "place",
    [
        "osie/free_viewing/a.png",
        "osie/a.map.png",
        "osie/a.jpg",
        "free_viewing/a.npy",
        "a.npz",
        "a.PNG",
        "osie/a.jpg.png",
    ],
)
def test_a_map_is_found_by_dataset_condition_and_stem(tmp_path, place):
    put(tmp_path / place, 7)
    assert values_of(tmp_path, Entries("a.jpg", "b.jpg")) == pytest.approx(7, abs=1)


def test_the_most_particular_folder_and_the_exact_form_come_first(tmp_path):
    places = ["a.png", "a.npy", "free_viewing/a.png", "osie/a.png", "osie/a.npy", "osie/free_viewing/a.png"]
    for value, place in enumerate(places, 1):
        put(tmp_path / place, value)
        assert values_of(tmp_path, Entries("a.jpg")) == value


def test_conditions_have_maps_of_their_own_or_share_one(tmp_path):
    reader = Entries("a.jpg", conditions=("count", "emotion"))
    put(tmp_path / "osie/count/a.png", 3)
    put(tmp_path / "osie/a.png", 4)
    assert (values_of(tmp_path, reader, 0), values_of(tmp_path, reader, 1)) == (3, 4)


def test_names_in_folders_may_lose_them_where_that_is_unique(tmp_path):
    reader = Entries("tower/a.jpg", "bridge/a.jpg", "bridge/b.jpg")
    put(tmp_path / "b.png", 5)
    put(tmp_path / "a.png", 6)
    assert values_of(tmp_path, reader, 2) == 5
    with pytest.raises(InputError, match="has no map of tower/a.jpg, such as osie/free_viewing/tower/a.npy"):
        values_of(tmp_path, reader, 0)
    put(tmp_path / "osie/bridge/a.png", 8)
    assert values_of(tmp_path, reader, 1) == 8


def test_two_images_of_one_stem_need_their_suffixes(tmp_path):
    reader = Entries("a.jpg", "a.png")
    put(tmp_path / "a.png", 1)
    put(tmp_path / "a.jpg.npy", 2)
    assert values_of(tmp_path, reader, 0) == 2
    with pytest.raises(InputError, match=r"no map of a\.png"):
        values_of(tmp_path, reader, 1)


def test_a_flat_folder_is_of_one_dataset(tmp_path):
    put(tmp_path / "a.png")
    maps = SavedMaps(tmp_path)
    assert maps.image_maps(Entries("a.jpg"), 0, ["x", "y"])[1].shape == (2, 3)
    with pytest.raises(
        InputError, match="would be the map of a.jpg of osie and of a.jpg of fiwi; put the maps of each"
    ):
        maps.image_maps(Entries("a.jpg", name="fiwi"), 0, [""])


def test_no_match_at_all_names_what_was_looked_for(tmp_path):
    put(tmp_path / "z.png")
    with pytest.raises(InputError) as caught:
        SavedMaps(tmp_path).require([Entries("tower/a.jpg"), Entries("c.jpg", name="fiwi")])
    message = str(caught.value)
    assert "\n" not in message and "any image or video of osie, fiwi" in message
    assert "osie/free_viewing/tower/a or " in message and ".npy, .npz, .map.png" in message
    SavedMaps(tmp_path).require([Entries("a.jpg"), Entries("z.jpg", name="fiwi")])


def test_a_folder_that_is_none_is_refused(tmp_path):
    put(tmp_path / "a.png")
    for place in (tmp_path / "gone", tmp_path / "a.png"):
        with pytest.raises(InputError, match="is not a folder of maps"):
            SavedMaps(place)


def test_links_out_of_the_folder_are_refused(tmp_path):
    put(tmp_path / "secret.png")
    folder = tmp_path / "maps"
    put(folder / "inside.png", 9)
    (folder / "a.png").symlink_to(tmp_path / "secret.png")
    (folder / "b.png").symlink_to(folder / "inside.png")
    (folder / "v").mkdir()
    (folder / "v/1.png").symlink_to(tmp_path / "secret.png")
    assert values_of(folder, Entries("b.jpg")) == 9
    with pytest.raises(InputError, match="a.png leads out of the folder of maps by a link"):
        values_of(folder, Entries("a.jpg"))
    with pytest.raises(InputError, match="v leads out of the folder"):
        list(SavedMaps(folder).video_maps(Entries("v.mp4", is_video=True), 0, [""]))
    with pytest.raises(InputError):
        values_of(folder, Entries("../secret.jpg"))


def test_a_video_may_be_an_array_a_folder_or_a_video(tmp_path):
    reader = Entries("videos/v.avi", "w.avi", "clip/images", is_video=True)
    np.savez(tmp_path / "v.npz", density=np.arange(3 * 6, dtype=np.float32).reshape(3, 2, 3), times=np.arange(3) / 25)
    for number in range(3):
        put(tmp_path / f"osie/w/{number + 5}.png", number + 5)
    make_clip(tmp_path / "clip.map.mp4", [np.full((16, 16, 3), 100 + 50 * number, np.uint8) for number in range(3)])
    maps = SavedMaps(tmp_path)
    assert [each[0].max() for each in maps.video_maps(reader, 0, ["x", "y"])] == [5, 11, 17]
    assert [each[1].max() for each in maps.video_maps(reader, 1, ["x", "y"])] == [5, 6, 7]
    levels = [each[0].mean() / 257 for each in maps.video_maps(reader, 2, [""])]
    np.testing.assert_allclose(levels, [100, 150, 200], atol=2)


@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_another_number_of_frames_is_one_error_with_both_numbers(tmp_path, count):
    np.save(tmp_path / "v.npy", np.ones((count, 2, 3), np.float32))
    with pytest.raises(InputError, match=rf"v.npy has {count} map\(s\), but v.avi has 3 frames"):
        list(SavedMaps(tmp_path).video_maps(Entries("v.avi", is_video=True), 0, [""]))


@pytest.mark.parametrize("count", [3, 5])
def test_frames_that_the_dataset_skips_may_have_maps(tmp_path, count):
    maps = np.arange(count, dtype=np.float32)[:, None, None] * np.ones((1, 2, 3), np.float32)
    np.save(tmp_path / "v.npy", maps)
    found = SavedMaps(tmp_path).video_maps(Entries("v.avi", is_video=True, skipped=2), 0, [""])
    assert [each[0].max() for each in found] == list(range(count - 3, count))


@given(st.lists(st.sampled_from(["a", "b", "images", "x.y"]), min_size=1, max_size=4))
def test_the_ends_of_a_name_begin_with_the_name(parts):
    name = "/".join(parts)
    ends = _ends(name)
    assert ends[0] == name and all(name == end or f"/{end}" in f"/{name}" for end in ends)
    assert "images" not in ends or set(parts[-2:]) == {"images"}
    assert _ends(f"{name}.jpg")[0] == name


def predictor(clip=None):
    return Predictor(FakeModel(clip=clip), sentence_encoder=FakeEncoder())


def textured(count, size=(48, 64)):
    """Frames of noise, smooth enough for a codec."""
    draw = np.random.default_rng(0)
    small = draw.integers(0, 255, (count, 6, 8, 3), np.uint8)
    return [np.asarray(Image.fromarray(each).resize(size[::-1], Image.Resampling.BICUBIC)) for each in small]


def same_scores(source, reader, index, truths, folder, kind):
    """Whether saved maps score as those of the model."""
    # A gray map begins at 0, wherever the model's began, which moves KLD.
    tolerance, metrics = (1e-6, ["CC", "SIM", "KLD", "NSS"]) if kind == "npy" else (0.1, ["CC", "NSS"])
    saved, model = SavedMaps(folder), source
    saved.require([reader])
    maps = "video_maps" if reader.is_video else "image_maps"
    found = list(getattr(saved, maps)(reader, index, [PROMPT]))
    wanted = list(getattr(model, maps)(reader, index, [PROMPT]))
    assert len(found) == len(wanted) == len(truths)
    for one, other, truth in zip(found, wanted, truths, strict=True):
        one, other = (each[0] if reader.is_video else each for each in (one, other))
        scores = score(one, truth, PAPER, metrics)
        assert scores == pytest.approx(score(other, truth, PAPER, metrics), abs=tolerance, nan_ok=True)


@pytest.mark.parametrize("kind", ["npy", "map"])
def test_what_predict_saves_of_images_scores_as_the_model(tmp_path, kind):
    root = make_gaze_folder(tmp_path / "made")
    for number, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        size = Image.open(root / "stimuli" / name).size
        Image.fromarray(textured(3, size[::-1])[number]).save(root / "stimuli" / name)
    reader, mine = GazeFolder(root, "train"), predictor()
    (tmp_path / "maps").mkdir()
    for job in results.plan(results.find_sources([root / "stimuli"])[0], tmp_path / "maps", [kind]):
        image = reader.image(0) if job.source.name == reader.entries[0][0] else np.asarray(Image.open(job.source))
        results.write(job, image, mine.predict(image, PROMPT))
    for index in range(len(reader)):
        truth = truth_of_image(reader, index, PAPER)
        same_scores(ModelMaps(mine), reader, index, [truth], tmp_path / "maps", kind)


@pytest.mark.parametrize("kind", ["npy", "map"])
def test_what_predict_saves_of_videos_scores_as_the_model(tmp_path, kind):
    root = tmp_path / "made"
    (root / "stimuli").mkdir(parents=True)
    make_clip(root / "stimuli/a.mp4", textured(9), rate=10)
    listed = {"a.mp4": {"size": [64, 48], "frames": 9, "rate": 10}}
    write_json(root / "meta.json", {"name": "made", "conditions": ["free_viewing"], "films": listed})
    write_json(root / "splits.json", {"val": ["a.mp4"]})
    write_rows(root, [HEADER, "a.mp4,free_viewing,10,20,0,900"])
    (tmp_path / "maps").mkdir()
    [job] = results.plan([root / "stimuli/a.mp4"], tmp_path / "maps", [kind])
    write_video(job, predictor(), PROMPT)
    reader = open_gaze_videos(root, "val")
    truths = [truth_of_frame(reader, 0, position, PAPER) for position in range(9)]
    same_scores(ModelMaps(predictor()), reader, 0, truths, tmp_path / "maps", kind)


def test_a_source_of_saved_maps_describes_its_folder(tmp_path):
    maps = SavedMaps(tmp_path)
    assert maps.described() == {"model": None, "maps": str(tmp_path)} and maps.notes("osie") == []
    assert maps.name == f"maps in {tmp_path.name}"
