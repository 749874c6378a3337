"""The one finder of data: what it finds, in which order, what it takes of one name, and what it says otherwise."""

import os
import shutil

import pytest

from mindaam.data.datasets.finding import GAZE, PACKED, PUBLISHED, SCORING, SOURCES, TRAINING, find_data
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.opening import open_named, open_set, open_splits, other_split, read_splits, splits_of
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.packed import PackedImages
from mindaam.data.packs.packing import pack
from mindaam.errors import InputError
from tests.data.datasets.gaze_trees import make_gaze_folder
from tests.data.datasets.test_published import empty, refused, remove


def names(root, wanted=None, kinds=SCORING, **options):
    return [(each.name, each.kind) for each in find_data(root, wanted, kinds, **options)]


@pytest.fixture
def packed(tmp_path):
    """packed(name, *splits) -> tmp_path/packs, which has packs of a gaze folder of that name."""

    def make(name, *splits):
        source = make_gaze_folder(tmp_path / "sources" / name, name=name)
        for split in splits:
            pack(GazeFolder(source, split), tmp_path / "packs" / f"{name}.{split}", (16, 16), workers=0)
        return tmp_path / "packs"

    return make


def test_packs_gaze_folders_and_published_sets_are_found_side_by_side(copied, packed, tmp_path):
    root = packed("b", "train", "val")
    packed("a", "train")
    make_gaze_folder(root / "mine")
    copied("osie", place="packs/sets/OSIE")
    published, gaze, packs = [("osie", PUBLISHED)], [("mine", GAZE)], [("a", PACKED), ("b", PACKED)]
    assert names(root) == [*gaze, *published, *packs]
    assert names(root, kinds=TRAINING) == [*packs, *gaze, *published]
    assert names(root, kinds=SOURCES) == [*gaze, *published]
    assert names(root, split="val") == [*gaze, *published, ("b", PACKED)]
    assert names(root, ["b", "osie", "none"]) == [*published, ("b", PACKED)]
    assert names(root, without=["osie", "a"]) == [*gaze, ("b", PACKED)]
    [b] = find_data(root, ["b"])
    assert splits_of(b) == ["train", "val"] and read_splits(b, ["val"])[0]["val"].entries == [("c.jpg", "free_viewing")]


@pytest.mark.parametrize("kinds", [TRAINING, SCORING])
def test_the_folder_given_may_be_a_gaze_folder_or_a_pack_itself(packed, tmp_path, monkeypatch, kinds):
    folder, root = make_gaze_folder(tmp_path / "gaze" / "mine", name="otherwise"), packed("a", "train", "val")
    assert names(folder, kinds=kinds) == names(folder.parent, kinds=kinds) == [("mine", GAZE)]
    assert names(root / "a.val", kinds=kinds) == names(root, kinds=kinds) == [("a", PACKED)]
    assert [each.split for each in open_splits(root / "a.val")] == ["val"]
    for place, name in ((folder, ("mine", GAZE)), (root / "a.val", ("a", PACKED))):
        monkeypatch.chdir(place)
        assert names(".", kinds=kinds) == [name]
        assert open_splits(".", [name[0]], ["val"])[0].image(0).shape[-1] == 3


def test_training_takes_the_pack_of_a_name_and_evaluation_what_it_was_made_of(copied, packed):
    root = packed("osie", "train")
    assert names(root, kinds=TRAINING) == names(root) == [("osie", PACKED)]
    copied("osie", place="packs/OSIE")
    assert names(root, kinds=TRAINING, split="train") == [("osie", PACKED)]
    assert names(root) == names(root, kinds=SOURCES) == [("osie", PUBLISHED)]
    make_gaze_folder(root / "osie")
    assert names(root, kinds=TRAINING, split="train") == [("osie", PACKED)]
    assert names(root) == names(root, kinds=SOURCES) == [("osie", GAZE)]
    assert isinstance(open_set(root, "osie", "train"), GazeFolder)
    # a pack without the split that is asked for does not count
    assert names(root, kinds=TRAINING, split="val") == [("osie", GAZE)]


def test_a_pack_of_another_name_counts_only_by_itself(packed):
    root = packed("a", "train")
    os.rename(root / "a.train", root / "renamed")
    assert names(root) == [] and names(root / "renamed") == [("a", PACKED)]
    os.rename(root / "renamed", root / "b.train")  # the folder's name is the one that counts
    assert names(root) == [("b", PACKED)]


def test_what_is_hidden_is_not_found(packed):
    root = packed("a", "train")
    make_gaze_folder(root / ".mindaam-1.tmp")
    shutil.copytree(root / "a.train", root / ".trash.train")
    assert names(root) == [("a", PACKED)]


def test_packs_are_opened_by_name_and_split(packed):
    root = packed("a", "train", "val")
    assert isinstance(open_set(root, "a", "val"), PackedImages)
    assert [(name, each.split, len(each)) for name, each in open_named(root)] == [("a", "train", 2), ("a", "val", 1)]
    for call in (lambda: open_set(root, "a", "test"), lambda: open_splits(root, ["a"], ["test"])):
        assert refused(call).endswith("has no gaze data of a in test; its splits are train, val")
    other = other_split(open_set(root, "a", "val"), "train")
    assert (other.split, len(other)) == ("train", 2)
    for split in ("train", "val"):  # the packs of a renamed set still belong together
        os.rename(root / f"a.{split}", root / f"b.{split}")
    assert len(other_split(open_set(root, "b", "val"), "train")) == 2
    shutil.rmtree(root / "b.train")
    assert "has no pack.json" in refused(other_split, open_set(root, "b", "val"), "train")


def test_what_is_not_there_is_one_sentence_with_what_to_do(packed, copied, tmp_path):
    assert "is not a folder" in refused(open_splits, tmp_path / "none")
    root = packed("a", "train")
    message = refused(open_splits, root, kinds=SOURCES)
    assert message == f"{root} contains packs and nothing else; give the folder that they were made from"
    assert refused(open_splits, tmp_path).endswith(f"give {tmp_path / 'sources'}, which contains some")
    assert 'does not contain a2: no pack, gaze folder or dataset has that name (did you mean "a"?)' in refused(
        open_splits, root, ["a2"]
    )
    assert "does not contain fiwi: no pack and no gaze folder has that name, and no folder named FiWI" in refused(
        open_splits, root, ["fiwi"]
    )
    make_gaze_folder(root / "mine")
    assert refused(open_splits, root, ["mine"], ["tets"]).endswith(
        "has no gaze data of mine in tets; its splits are train, val"
    )
    assert refused(open_splits, root, None, ["vall"]).endswith(
        'has no gaze data in vall (did you mean "val"?); its splits are train, val'
    )


def test_a_damaged_gaze_folder_is_left_out_where_damage_may_be_skipped(packed):
    root, lines = packed("a", "train"), []
    for name in ("one", "two"):
        make_gaze_folder(root / name)
    (root / "one/stimuli/b.jpg").unlink()
    (root / "two/splits.json").write_text("no JSON")
    assert "lacks b.jpg" in refused(open_splits, root)
    readers = open_splits(root, skip_damaged=True, report=lines.append)
    assert [(each.root.name, each.split) for each in readers] == [("one", "val"), ("a.train", "train")]
    assert [line.partition(": ")[0] for line in lines] == ["one", "two"] and "lacks b.jpg" in lines[0]
    assert "holds nothing of two that can be used: two: " in refused(open_splits, root, ["two"], skip_damaged=True)


def test_a_list_of_a_split_that_is_gone_is_named_and_skipped(copied, tmp_path):
    (copied("ledov", "released") / "Test.csv").unlink()
    assert "lacks *Test*" in refused(open_splits, tmp_path)
    message = refused(open_splits, tmp_path, ["ledov"], skip_damaged=True)
    assert f"{tmp_path} holds nothing of ledov that can be used" in message and "lacks *Test*" in message


def test_a_gaze_folder_or_a_set_by_name(copied, tmp_path):
    make_gaze_folder(tmp_path / "made")
    copied("osie")
    folder = open_set(tmp_path, "made", "val")
    assert isinstance(folder, GazeFolder) and folder.entries == [("c.jpg", "free_viewing")]
    assert len(open_set(tmp_path, "osie", "train")) == 3
    message = refused(open_set, tmp_path, "ossie", "train")
    assert 'did you mean "osie"' in message and "no pack, gaze folder or dataset has that name" in message
    assert "does not contain fiwi" in refused(open_set, tmp_path, "fiwi", "train")


def test_a_gaze_folder_of_a_set_s_name_comes_first(copied, tmp_path):
    make_gaze_folder(tmp_path / "osie", name="osie")
    copied("osie", place="deep/OSIE")
    assert isinstance(open_set(tmp_path, "osie", "train"), GazeFolder)
    assert [type(each).__name__ for each in open_splits(tmp_path)] == ["GazeFolder", "GazeFolder"]


def test_all_splits_of_all_that_is_there(copied, tmp_path):
    make_gaze_folder(tmp_path / "made")
    copied("osie")
    copied("dhf1k")
    copied("salicon")
    readers = open_splits(tmp_path)
    assert {(each.name, each.split): len(each) for each in readers} == {
        ("made", "train"): 2, ("made", "val"): 1, ("osie", "train"): 3, ("dhf1k", "train"): 2, ("dhf1k", "val"): 1,
        ("salicon", "train"): 2, ("salicon", "val"): 2,
    }  # fmt: skip
    few = open_splits(tmp_path, ["salicon", "made"], ["val", "test"], GroundTruth(source="fixations"))
    assert [(each.name, each.split, each.source) for each in few] == [
        ("made", "val", "fixations"), ("salicon", "val", "fixations"),
    ]  # fmt: skip
    assert [each.name for each in open_splits(tmp_path / "made")] == ["made", "made"]
    assert [each.name for each in open_splits(tmp_path / "OSIE")] == ["osie"]


def test_splits_that_are_not_there(copied, tmp_path):
    assert "contains no pack, gaze folder or dataset; `mindaam data check" in refused(open_splits, tmp_path)
    copied("salicon")
    assert "has no gaze data in tset" in refused(open_splits, tmp_path, None, ["tset"])
    assert "does not contain osie" in refused(open_splits, tmp_path, ["salicon", "osie"])
    for split in ("train", "val"):
        remove(tmp_path / "SALICON/images" / split)
        remove(tmp_path / "SALICON/maps" / split)
        remove(tmp_path / "SALICON/fixations" / split)
    assert "has no gaze data in any split; its splits are test" in refused(open_splits, tmp_path)


def test_damage_stops_all_splits_unless_it_is_skipped(copied, tmp_path):
    empty(copied("salicon") / "images/val/COCO_val2014_000000000133.jpg")
    assert "the image is empty" in refused(open_splits, tmp_path)
    readers = open_splits(tmp_path, skip_damaged=True)
    assert {each.split: len(each) for each in readers} == {"train": 2, "val": 1}


def test_the_other_split_of_a_reader(copied, tmp_path):
    make_gaze_folder(tmp_path / "made")
    copied("dhf1k")
    copied("salicon")
    truth = GroundTruth(source="fixations", sigma_degrees=2)
    for name, size in (("made", 2), ("dhf1k", 2), ("salicon", 2)):
        reader = open_set(tmp_path, name, "val", truth)
        other = other_split(reader, "train")
        assert (other.name, other.split, len(other), other.source) == (name, "train", size, "fixations")
        assert name == "made" or other.truth == truth
    with pytest.raises(InputError, match="split test"):
        other_split(open_set(tmp_path, "salicon", "val"), "test")


def test_what_is_left_out_of_all_splits_is_told(copied, tmp_path):
    folder, lines = copied("salicon"), []
    gone = sorted((folder / "maps/train").iterdir())[0]
    gone.unlink()
    readers = open_splits(tmp_path, skip_damaged=True, report=lines.append)
    assert [(reader.split, len(reader)) for reader in readers] == [("train", 1), ("val", 2)]
    [line] = lines
    assert line.startswith("salicon: images/train/") and gone.name in line


def test_a_split_of_which_nothing_is_left_does_not_keep_the_others_out(copied, tmp_path):
    folder, lines = copied("salicon"), []
    shutil.rmtree(folder / "maps/val")
    readers = open_splits(tmp_path, skip_damaged=True, report=lines.append)
    assert [reader.split for reader in readers] == ["train"]
    assert "nothing in the split val of SALICON can be used" in lines[-1]


def test_a_gaze_folder_is_asked_for_by_its_folder_s_name(tmp_path):
    make_gaze_folder(tmp_path / "copy", name="original")
    assert [(name, reader.name) for name, reader in open_named(tmp_path, ["copy"])] == [("copy", "original")] * 2
    assert "does not contain original" in refused(open_splits, tmp_path, ["original"])
