"""Splits by every rule that records have, from the files that publishers give."""

import csv

import numpy as np
import pytest
from scipy.io import savemat

from mindaam.data.datasets.catalogue import Splits, catalogue
from mindaam.data.datasets.splits import assign, names_in, rows
from mindaam.data.datasets.tree import Tree
from mindaam.errors import InputError


def split(root, stimuli, **rule):
    return assign(Tree(root), Splits(source="here", **rule), stimuli)


def stems(*names):
    return [{"stem": name, "ext": "jpg"} for name in names]


def test_by_a_field_of_the_pattern(tmp_path):
    values = {"train": ["training", "more"], "val": ["testing"]}
    stimuli = [{"split": name} for name in ("training", "testing", "more", "Training", "other")]
    assert split(tmp_path, stimuli, by="field", values=values) == ["train", "val", "train", None, None]
    assert split(tmp_path, [{"n": 7}], by="field", field="n", values={"val": ["7"]}) == ["val"]


def test_by_ranges_of_numbers(tmp_path):
    ranges = {"train": (1, 600), "val": (601, 700)}
    stimuli = [{"video": name} for name in ("001", "600", "601", "0700", "701", "clip 12b", "none", "0")]
    expected = ["train", "train", "val", "val", None, "train", None, None]
    assert split(tmp_path, stimuli, by="number", field="video", ranges=ranges) == expected


def test_by_names_of_which_all_others_are_train(tmp_path):
    rule = {"by": "names", "values": {"val": ["b", "ü 1"]}}
    assert split(tmp_path, stems("a", "b", "ü 1"), **rule) == ["train", "val", "val"]
    assert split(tmp_path, stems("a", "b"), by="names", values={"val": ["b.jpg"]}, key="{stem}.{ext}") == [
        "train",
        "val",
    ]


def test_everything_is_train(tmp_path):
    assert split(tmp_path, stems("a", "b"), by="all") == ["train", "train"]
    assert split(tmp_path, [], by="all") == []


def test_lists_between_commas_blanks_or_tabs(tmp_path):
    (tmp_path / "train.csv").write_text("\ufeffstimuli,map\r\na 1.jpg,a 1.png\r\n\r\n,\r\n", encoding="utf-8")
    (tmp_path / "val.txt").write_text("b.jpg   12 25.0\n\n  c.jpg\t 13\t24.9\n", encoding="utf-8")
    lists = {"train": "train.csv", "val": "val.txt"}
    rule = {"by": "list", "lists": lists, "key": "{stem}.{ext}"}
    assert split(tmp_path, stems("a 1", "b", "c", "d"), **rule) == ["train", "val", "val", None]
    assert rows(tmp_path / "val.txt") == [["b.jpg", "12", "25.0"], ["c.jpg", "13", "24.9"]]
    assert names_in(Tree(tmp_path), "val.txt", 1) == {"12": ["b.jpg", "12", "25.0"], "13": ["c.jpg", "13", "24.9"]}


def test_a_column_of_lists_and_several_files_of_one_split(tmp_path):
    (tmp_path / "Eat_train.txt").write_text("1 a\n1 b\n2\n")
    (tmp_path / "Run_train.txt").write_text("1 c")
    assert split(tmp_path, stems("a", "b", "c", "2"), by="list", lists={"train": "*_train.txt"}, column=1) == [
        "train",
        "train",
        "train",
        None,
    ]


def test_of_two_lists_the_first_counts(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text("a\n")
    lists = {"val": "one.txt", "train": "two.txt"}
    assert split(tmp_path, stems("a"), by="list", lists=lists) == ["val"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "lacks list.txt"),
        (b"\xff\xfe\x00a", "cannot be read as a list"),
        (b"a," + b"x" * 2000, "cannot be read as a list"),
    ],
    ids=["missing", "binary", "endless"],
)
def test_a_list_that_cannot_be_read(tmp_path, content, says):
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    limit = csv.field_size_limit(1000)
    try:
        with pytest.raises(InputError, match=says) as caught:
            split(tmp_path, stems("a"), by="list", lists={"train": "list.txt"})
    finally:
        csv.field_size_limit(limit)
    assert str(tmp_path) in str(caught.value) and "copy" in str(caught.value) and "\n" not in str(caught.value)


def ledov(root, names=("alpaca", "yoga", "dance"), **lists):
    savemat(root / "names.mat", {"VideoNameList": np.array(names, object)[:, None]})
    savemat(root / "lists.mat", {name: np.array(numbers, float) for name, numbers in lists.items()})
    rule = {"lists": {"train": "lists.mat:trainlist", "val": "lists.mat:vaildlist"}, "key": "{video}"}
    stimuli = [{"video": name} for name in (*names, "new")]
    return split(root, stimuli, by="list", index="names.mat:VideoNameList", **rule)


def test_lists_of_numbers_in_matlab_files(tmp_path):
    assert ledov(tmp_path, trainlist=[[3, 1]], vaildlist=[[2]]) == ["train", "val", "train", None]


@pytest.mark.parametrize("numbers", [[[0]], [[4]], [[1.5]]])
def test_numbers_in_matlab_lists_that_no_name_has(tmp_path, numbers):
    with pytest.raises(InputError, match="lists.mat is no list of numbers from 1 to 3"):
        ledov(tmp_path, trainlist=numbers, vaildlist=[[2]])


def test_matlab_lists_that_are_missing(tmp_path):
    with pytest.raises(InputError, match="vaildlist"):
        ledov(tmp_path, trainlist=[[1]])
    with pytest.raises(InputError, match=r"names\.mat"):
        split(tmp_path / "none", [], by="list", index="names.mat:VideoNameList", lists={"train": "lists.mat:trainlist"})


def test_a_share_is_fixed_for_a_name_and_near_what_was_asked(tmp_path):
    names = [f"picture {number}.é" for number in range(4000)]
    for share in (0.1, 0.2, 0.5):
        found = split(tmp_path, stems(*names), by="share", val=share)
        assert found == split(tmp_path / "elsewhere", stems(*names), by="share", val=share)
        assert set(found) == {"train", "val"} and found.count("val") / len(names) == pytest.approx(share, abs=0.02)
        # whatever else is there, and in whatever order
        assert split(tmp_path, stems(*names[::-7]), by="share", val=share) == found[::-7]
    small, large = (split(tmp_path, stems(*names), by="share", val=share) for share in (0.1, 0.2))
    assert all(more == "val" for less, more in zip(small, large, strict=True) if less == "val")


def test_a_share_is_known_for_ever():
    # A change here would move pictures between train and val of trained models.
    names = ["1001", "1002", "1003", "1004", "1005", "1006", "1007", "1008", "1009", "1010"]
    assert "".join(each[0] for each in split(".", stems(*names), by="share", val=0.2)) == "ttttttvttt"


def test_a_share_of_names_that_are_no_text(tmp_path):
    assert split(tmp_path, stems("caf\udce9"), by="share")[0] in ("train", "val")


def test_the_key_of_a_share_tells_pictures_apart(tmp_path):
    stimuli = [{"category": c, "stem": "same"} for c in map(str, range(200))]
    assert set(split(tmp_path, stimuli, by="share", key="{category}/{stem}")) == {"train", "val"}
    assert len(set(split(tmp_path, stimuli, by="share"))) == 1


def test_every_rule_of_the_catalogue_is_complete():
    for record in catalogue().values():
        for layout in record.layouts:
            rule = layout.splits
            needed = {"field": rule.values, "names": rule.values, "number": rule.ranges, "list": rule.lists}
            assert needed.get(rule.by, True), f"{record.key} {layout.name}"
            assert rule.source
