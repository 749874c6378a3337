"""What lies under a folder: sets are found at several depths, layouts told apart, damage is refused or left out."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from mindaam.data.datasets.catalogue import record
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.opening import open_found
from mindaam.data.datasets.published import find_set, find_sets, found_in, named_folders, problems_in
from mindaam.data.datasets.readers.sample import image_sample
from mindaam.errors import ConfigError, InputError
from tests.data.datasets import video_trees


def refused(call, *arguments, **options):
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def described(found):
    return [(each.record.key, each.layout.name, each.tree.root.name) for each in found]


def test_sets_are_found_at_every_depth_in_the_catalogues_order(copied, tmp_path):
    copied("dhf1k", place="films/DHF1K")
    copied("osie", place="Bilder ü/osie")
    copied("salicon", place="SALICON")
    (tmp_path / ".hidden").mkdir()
    copied("fiwi", place=".hidden/FiWI")
    copied("mit1003", place="too/deep/MIT1003")
    found = find_sets(tmp_path)
    assert described(found) == [
        ("osie", "official", "osie"), ("salicon", "official", "SALICON"), ("dhf1k", "official", "DHF1K"),
    ]  # fmt: skip
    assert [each.problems for each in found] == [[], [], []]
    assert described(find_sets(tmp_path, ["dhf1k", "fiwi"])) == [("dhf1k", "official", "DHF1K")]
    assert described(find_sets(tmp_path / "SALICON")) == [("salicon", "official", "SALICON")]
    assert described(find_sets(tmp_path / "too")) == [("mit1003", "official", "MIT1003")]


def test_a_set_s_own_folder_by_whatever_path(copied, tmp_path, monkeypatch):
    folder = copied("osie")
    monkeypatch.chdir(folder)
    assert described(find_sets(".")) == [("osie", "official", "")]
    monkeypatch.chdir(folder / "data")
    assert [each.record.key for each in find_sets("..")] == ["osie"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "links").mkdir()
    (tmp_path / "links/OSIE").symlink_to(folder)
    assert described(find_sets("links")) == [("osie", "official", "OSIE")]
    found = find_set(".", "osie")  # both lead to one
    assert found.problems == [] and len(found.stimuli) == 3


def test_links_in_circles_do_no_harm(copied, tmp_path):
    folder = copied("osie")
    (folder / "data/again").symlink_to(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert described(find_sets(tmp_path)) == [("osie", "official", "OSIE")]
    assert find_set(tmp_path, "osie").problems == []


def test_released_trees_name_their_sets_themselves(copied, tmp_path):
    for key in ("avad", "coutrot1", "etmd"):  # three sets in one folder that bears none of their names
        copied(key, "released", place="whatever")
    assert described(find_sets(tmp_path)) == [(key, "released", "whatever") for key in ("avad", "coutrot1", "etmd")]
    assert all(each.problems == [] for each in find_sets(tmp_path / "whatever"))
    # a layout that needs the folder's name is not taken for another's
    copied("osie", "released", place="nameless")
    assert "osie" not in [each.record.key for each in find_sets(tmp_path)]
    assert named_folders(tmp_path, [record("avad"), record("osie")]) == {"avad": [], "osie": []}


def test_folders_that_bear_a_name_but_hold_nothing(tmp_path):
    (tmp_path / "sets/OSIE/stimuli").mkdir(parents=True)
    assert find_sets(tmp_path) == []
    assert named_folders(tmp_path, [record("osie")]) == {"osie": [tmp_path / "sets/OSIE"]}
    assert found_in(tmp_path / "sets/OSIE", record("osie")) is None


def test_a_set_that_is_not_there(tmp_path):
    message = refused(find_set, tmp_path, "osie")
    assert (
        str(tmp_path) in message
        and "does not contain OSIE: no folder named OSIE, OSIE_256" in message
        and "data check" in message
    )
    assert "is not a folder" in refused(find_sets, tmp_path / "none")
    with pytest.raises(ConfigError, match='unknown dataset "osi" .did you mean "osie"'):
        find_sets(tmp_path, ["osi"])


def test_two_layouts_mixed_are_told(copied, tmp_path):
    copied("osie", "official", place="OSIE")
    copied("osie", "released", place="OSIE")
    found = find_set(tmp_path, "osie")
    assert len(found.stimuli) == 3 and found.layout.name == "official"  # of equals the first
    [problem] = found.problems
    assert problem.reason.startswith("two layouts are mixed: official (3 in ") and problem.stimulus is None
    assert "released (3 in " in problem.reason and "keep one of them" in problem.reason
    assert "two layouts are mixed" in refused(open_found, found, "train")
    assert len(open_found(found, "train", skip_damaged=True)) == len(found.labelled("train"))
    shutil.rmtree(tmp_path / "OSIE/data/eye")  # without its table nothing of the official one can be used
    assert find_set(tmp_path, "osie").layout.name == "released"


def test_a_set_twice_is_told(copied, tmp_path):
    copied("osie", place="one/OSIE")
    second = copied("osie", place="two/OSIE")
    (second / "data/stimuli/1001.jpg").unlink()
    found = find_set(tmp_path, "osie")
    assert found.tree.root == tmp_path / "one/OSIE"
    assert f"official (2 in {second})" in found.problems[0].reason


def test_layouts_that_share_their_pictures_are_not_mixed(copied, tmp_path):
    copied("salicon", "official", place="SALICON")
    copied("salicon", "annotations", place="SALICON")
    found = find_set(tmp_path, "salicon")
    assert (found.layout.name, found.problems) == ("official", [])


def no_gaze(folder):
    (folder / "fixations/train/COCO_train2014_000000000009.mat").unlink()


def no_map(folder):
    (folder / "maps/train/COCO_train2014_000000000009.png").unlink()


@pytest.mark.parametrize(("remove", "lacks"), [(no_gaze, "fixations"), (no_map, "maps")])
def test_what_counts_is_damage_and_the_other_a_note(copied, tmp_path, remove, lacks):
    remove(copied("salicon"))
    found, other = find_set(tmp_path, "salicon"), {"maps": "fixations", "fixations": "maps"}[lacks]
    assert [each.severity for each in found.problems] == ["damaged" if lacks == "maps" else "note"]
    assert "COCO_train2014_000000000009" in refused(open_found, found, "train", GroundTruth(source=lacks))
    skipped = open_found(found, "train", GroundTruth(source=lacks), skip_damaged=True)
    assert [name for name, _ in skipped.entries] == ["train/COCO_train2014_000000000025.jpg"]
    whole = open_found(found, "train", GroundTruth(source=other))
    assert len(whole) == 2 and len(open_found(found, "val", GroundTruth(source=lacks))) == 2
    for index in range(2):
        assert image_sample(whole, index).density.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    assert (image_sample(whole, 0).fixations is None) == (lacks == "fixations") and image_sample(
        whole, 1
    ).fixations is not None


def test_tables_that_are_missing_matter_only_to_fixations(copied, tmp_path):
    folder = copied("figrim")
    for path in folder.glob("allImages_*.mat"):
        path.unlink()
    found = find_set(tmp_path, "figrim")
    assert "the file with the fixations of all images is missing" in refused(open_found, found, "train")
    assert "allImages_*.mat" in refused(open_found, found, "train")
    sample = image_sample(open_found(found, "train", GroundTruth(source="maps")), 0)
    assert sample.fixations is None and sample.density.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)


def test_tables_that_lack_a_picture(copied, tmp_path):
    folder = copied("figrim")
    Image.new("RGB", (50, 50)).save(folder / "Targets/tower/new.jpg")
    Image.new("L", (50, 50), 9).save(folder / "FIXATIONMAPS/tower/new.jpg")
    found = find_set(tmp_path, "figrim")
    split = next(each.split for each in found.stimuli if each.name.endswith("new.jpg"))
    readers = [open_found(found, split, GroundTruth(source=source)) for source in ("fixations", "maps")]
    place = readers[0].entries.index(("Targets/tower/new.jpg", "free_viewing"))
    assert "allImages_*.mat lack the image Targets/tower/new.jpg" in refused(image_sample, readers[0], place)
    assert image_sample(readers[1], place).fixations is None


def empty(path):
    path.write_bytes(b"")


def cut(path):
    path.write_bytes(path.read_bytes()[:100])


PICTURE_DAMAGE = {
    "an empty image": (lambda f: empty(f / "ALLSTIMULI/i1005219801.jpeg"), "i1005219801.jpeg", "image is empty"),
    "an empty points file": (lambda f: empty(f / "ALLFIXATIONMAPS/i1005219801_fixPts.jpg"), "fixPts", "file of fix"),
    "an empty map": (lambda f: empty(f / "ALLFIXATIONMAPS/i1005219801_fixMap.jpg"), "fixMap", "map is empty"),
    "no points": (lambda f: os.unlink(f / "ALLFIXATIONMAPS/i1005219801_fixPts.jpg"), "i1005219801", "has no file of"),
}


@pytest.mark.parametrize("name", PICTURE_DAMAGE)
def test_damaged_pictures_are_refused_in_one_sentence_or_left_out(copied, tmp_path, name):
    damage, file, reason = PICTURE_DAMAGE[name]
    damage(copied("mit1003"))
    found = find_set(tmp_path, "mit1003")
    message = refused(open_found, found, "train")
    assert file in message and reason in message and "--skip-damaged" in message and str(tmp_path) in message
    reader = open_found(found, "train", skip_damaged=True)
    assert "i1005219801.jpeg" not in [each for each, _ in reader.entries] and len(reader) == 2
    assert {each.stimulus for each in problems_in(found, "train")} == {"i1005219801.jpeg"}


def test_maps_and_gaze_without_their_picture_are_damage_of_the_set(copied, tmp_path):
    folder = copied("mit1003")
    (folder / "ALLSTIMULI/i1005219801.jpeg").unlink()
    found = find_set(tmp_path, "mit1003")
    assert sorted((each.path, each.reason) for each in found.problems) == [
        ("ALLFIXATIONMAPS/i1005219801_fixMap.jpg", "the map has no image"),
        ("ALLFIXATIONMAPS/i1005219801_fixPts.jpg", "the file of fixations has no image"),
    ]
    assert "has no image (1 more)" in refused(open_found, found, "train")
    assert len(open_found(found, "train", skip_damaged=True)) == 2


def test_broken_links_are_damage_of_the_set(copied, tmp_path):
    folder = copied("mit1003")
    (folder / "ALLSTIMULI/x.jpeg").symlink_to(tmp_path / "gone.jpeg")
    assert "ALLSTIMULI/x.jpeg: is a broken link" in refused(open_found, find_set(folder, "mit1003"), "train")


def test_nothing_left(copied, tmp_path):
    folder = copied("mit1003")
    for path in (folder / "ALLFIXATIONMAPS").glob("*_fixPts.jpg"):
        path.unlink()
    found = find_set(tmp_path, "mit1003")
    assert "(2 more)" in refused(open_found, found, "train")
    assert "nothing in the split train of MIT1003 can be used" in refused(open_found, found, "train", skip_damaged=True)
    assert len(open_found(found, "train", GroundTruth(source="maps"))) == 3


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


FRAMES, TRUTH = "DHF1K_train/video/001/images", "DHF1K_train/annotation/001"
FILM_DAMAGE = {
    "an empty frame": (lambda f: empty(f / FRAMES / "0007.png"), "1 frame is empty (0 bytes): 7"),
    "empty frames": (lambda f: [empty(f / FRAMES / f"000{n}.png") for n in (6, 8)], "2 frames are empty (0 bytes): 6"),
    "a missing frame": (lambda f: remove(f / FRAMES / "0007.png"), "frames are missing from number 7 on"),
    "no maps": (lambda f: remove(f / TRUTH / "maps"), "the video has no maps"),
    "an empty map": (lambda f: empty(f / TRUTH / "maps/0008.png"), "the maps of 1 frame is empty (0 bytes): 8"),
    "a map too many": (lambda f: shutil.copy(f / TRUTH / "maps/0008.png", f / TRUTH / "maps/0010.png"),
                       "the maps of 1 frame is without the frame: 10"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILM_DAMAGE)
def test_damaged_films_are_refused_in_one_sentence_or_left_out(copied, tmp_path, name):
    damage, reason = FILM_DAMAGE[name]
    damage(copied("dhf1k", "released"))
    found, maps = find_set(tmp_path, "dhf1k"), GroundTruth(source="maps")
    message = refused(open_found, found, "train", maps)
    assert reason in message and FRAMES in message and "--skip-damaged" in message
    reader = open_found(found, "train", maps, skip_damaged=True)
    assert [each for each, _ in reader.entries] == ["DHF1K_train/video/002/images"]
    assert len(open_found(found, "val", maps)) == 1


def test_frames_that_are_skipped_may_be_empty(copied, tmp_path):
    folder = copied("dhf1k", "released")
    empty(folder / FRAMES / "0002.png")
    assert find_set(tmp_path, "dhf1k").problems == []


def test_truth_without_a_film_is_damage_of_the_set(copied, tmp_path):
    folder = copied("dhf1k", "released")
    remove(folder / FRAMES)
    found = find_set(tmp_path, "dhf1k")
    assert {each.path for each in found.problems} == {f"{TRUTH}/maps", f"{TRUTH}/fixation"}
    assert "without a video" in refused(open_found, found, "train")


@pytest.mark.parametrize("damage", [empty, cut])
def test_a_film_file_that_cannot_be_opened_is_refused_in_its_split(copied, tmp_path, damage):
    folder = copied("dhf1k")
    damage(folder / "video/600.AVI")
    found = find_set(tmp_path, "dhf1k")
    assert [each.split for each in found.stimuli if each.name == "600.AVI"] == ["train"]
    assert "600.AVI" in refused(open_found, found, "train") and len(open_found(found, "val")) == 1
    assert [each for each, _ in open_found(found, "train", skip_damaged=True).entries] == ["001.AVI"]


def test_a_film_shorter_than_what_is_skipped(copied, tmp_path):
    folder = copied("dhf1k")
    video_trees._film_file(folder / "video/002.AVI", 4, 30, codec="mpeg4")
    for kind in ("maps", "fixation"):
        source = folder / f"annotation/0001/{kind}"
        (folder / f"annotation/0002/{kind}").mkdir(parents=True)
        for number in range(1, 5):
            shutil.copy(source / f"{number:04}.png", folder / f"annotation/0002/{kind}")
    found = find_set(tmp_path, "dhf1k")
    assert [(each.path, each.reason) for each in found.problems] == [("video/002.AVI", "the video has no frames")]
    assert "002.AVI: the video has no frames" in refused(open_found, found, "train")
    assert len(open_found(found, "train", skip_damaged=True)) == 2


def test_gaze_of_films_that_is_missing_matters_only_to_fixations(copied, tmp_path):
    folder = copied("ledov", "released")
    (folder / "fixation/animal_alpaca01/Data.mat").unlink()
    found, maps = find_set(tmp_path, "ledov"), GroundTruth(source="maps")
    fixations = GroundTruth(source="fixations")
    assert "the video has no fixations" in refused(open_found, found, "train", fixations)
    clip = open_found(found, "train", maps).clip(0, [0, 1])
    assert [each.shape for each in clip.fixations] == [(0, 2), (0, 2)] and clip.density.shape == (2, 32, 48)
    assert len(open_found(found, "train", fixations, skip_damaged=True)) == 1


def test_a_list_of_a_split_that_is_gone_is_named(copied, tmp_path):
    folder = copied("ledov", "released")
    (folder / "Test.csv").unlink()
    found = find_set(tmp_path, "ledov")
    assert found.stimuli == [] and "lacks *Test*" in found.problems[0].reason
    for skip in (False, True):
        assert "lacks *Test*" in refused(open_found, found, "train", skip_damaged=skip)


def test_an_unknown_split(copied, tmp_path):
    copied("salicon")
    message = refused(open_found, find_set(tmp_path, "salicon"), "trian")
    assert 'did you mean "train"' in message and message.endswith("it has train, val, test")


def test_nothing_in_a_set_is_changed(copied, tmp_path):
    folder = copied("dhf1k", "released")
    before = {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in sorted(folder.rglob("*"))}
    for path in [folder, *before]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        open_found(find_set(tmp_path, "dhf1k"), "train").clip(0, [0, 1])
        after = {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}
    finally:
        for path in [folder, *before]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert after == {path: time for path, (time, _) in before.items()}


def test_a_set_twice_is_not_called_two_layouts(copied, tmp_path):
    copied("osie"), copied("osie", place="OSIE/OSIE")
    [problem] = find_set(tmp_path, "osie").problems
    assert "the dataset exists twice" in problem.reason
