"""Folders as patterns see them: what is found, what is passed over, and what links do."""

import os
import pickle
import stat
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindaam.data.datasets.tree import (
    FOLDER,
    SUFFIX,
    Match,
    Tree,
    beginning,
    compiled,
    fields_of,
    fill,
    is_plain,
    prefix,
)

# File names are any text but for the slash and what ends a path; fields here are kept apart by letters they lack.
letters = st.characters(blacklist_characters="/\0_.", blacklist_categories=("Cs",))
values = st.text(letters, min_size=1, max_size=12)
suffixes = st.sampled_from(["jpg", "JPG", "Png", "tiff", "mp4", "AVI"])


def tree_of(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x" * len(path))
    return Tree(root)


def found(tree, pattern, known=None):
    return [(match.path, match.fields) for match in tree.find(pattern, known)]


def test_files_come_sorted_with_their_fields_and_sizes(tmp_path):
    tree = tree_of(tmp_path, "b/2.jpg", "b/1.jpg", "a/1.jpg", "a/1.txt", "1.jpg", "a/deep/1.jpg")
    assert list(tree.find("{folder}/{stem}.{ext}")) == [
        Match("a/1.jpg", {"folder": "a", "stem": "1", "ext": "jpg"}, 7),
        Match("b/1.jpg", {"folder": "b", "stem": "1", "ext": "jpg"}, 7),
        Match("b/2.jpg", {"folder": "b", "stem": "2", "ext": "jpg"}, 7),
    ]
    assert found(tree, "b/{stem}.{ext}", {"stem": "2"}) == [("b/2.jpg", {"stem": "2", "ext": "jpg"})]
    assert found(tree, "c/{stem}.{ext}") == found(tree, "1.jpg/{stem}.{ext}") == [] == tree.problems


def test_folders_and_files_are_told_apart(tmp_path):
    tree = tree_of(tmp_path, "a.jpg/x.jpg", "b.jpg")
    assert [path for path, _ in found(tree, "{stem}.jpg")] == ["b.jpg"]
    assert [path for path, _ in found(tree, "{stem}.jpg/{name}")] == ["a.jpg/x.jpg"]
    assert tree.listing("") == {"a.jpg": FOLDER, "b.jpg": 5}
    assert (tree.size("a.jpg"), tree.size("b.jpg"), tree.size("none"), tree.size("a.jpg/x.jpg")) == (None, 5, None, 11)
    assert list(tree.folders("{stem}.jpg")) == [("a.jpg", {"stem": "a"})]
    assert list(tree.folders("")) == [("", {})]
    assert tree.path("a/b") == tmp_path / "a/b"


def test_a_field_that_comes_twice_is_the_same_text(tmp_path):
    tree = tree_of(tmp_path, "v1/v1_00001.png", "v1/v2_00001.png", "x/x-x.png", "x/x-y.png", "v1/v1v1_1.png")
    assert found(tree, "{video}/{video}_{frame:05}.png") == [("v1/v1_00001.png", {"video": "v1", "frame": 1})]
    assert found(tree, "x/{a}-{a}.png") == [("x/x-x.png", {"a": "x"})]


def test_suffixes_of_any_case_and_only_those_of_pictures_and_films(tmp_path):
    tree = tree_of(tmp_path, *(f"a.{ext}" for ext in ("jpg", "JPEG", "Png", "AVI", "mp4", "txt", "jpgx", "mat")), "a")
    assert [fields["ext"] for _, fields in found(tree, "{stem}.{ext}")] == ["AVI", "JPEG", "Png", "jpg", "mp4"]


def test_frames_are_numbers_however_padded(tmp_path):
    tree = tree_of(tmp_path, "f/img_00007.jpg", "f/img_12.jpg", "f/img_123456.jpg", "f/img_x.jpg", "f/img_.jpg")
    assert [fields["frame"] for _, fields in found(tree, "f/img_{frame:05}.jpg")] == [7, 12, 123456]
    assert fill("img_{frame:05}", {"frame": 7}) == "img_00007" and fill("{frame}", {"frame": 7}) == "7"
    assert fill("{frame:05}", {"frame": 123456}) == "123456" and fill("{video:04}", {"video": "001"}) == "0001"
    for number, path in ((7, "f/img_00007.jpg"), (12, "f/img_12.jpg"), (123456, "f/img_123456.jpg")):
        assert tree.first(["f/img_{frame:05}.jpg"], {"frame": number}) == path
        assert tree.first(["f/img_{frame:05}.{ext}"], {"frame": number}) == path
    assert tree.first(["f/img_{frame:05}.jpg"], {"frame": 1}) is None


def test_a_star_is_any_part_of_a_name(tmp_path):
    tree = tree_of(tmp_path, "P1/P1_T1.txt", "P2/P2_T1.txt", "P2/T1.txt", "Q/P1_T1.txt", "P/x/P_T1.txt")
    assert [path for path, _ in found(tree, "P*/P*_T{n}.txt", {"n": "1"})] == ["P1/P1_T1.txt", "P2/P2_T1.txt"]
    assert [path for path, _ in found(tree, "*/*1.txt")] == ["P1/P1_T1.txt", "P2/P2_T1.txt", "P2/T1.txt", "Q/P1_T1.txt"]


def test_the_first_pattern_that_is_a_file_counts(tmp_path):
    tree = tree_of(tmp_path, "maps/a 1.png", "other/a 1.jpg", "maps/a 12.png")
    assert tree.first(["maps/{stem}.jpg", "other/{stem}.jpg", "maps/{stem}.*"], {"stem": "a 1"}) == "other/a 1.jpg"
    assert tree.first(["maps/{stem}.*"], {"stem": "a 1"}) == "maps/a 1.png"
    assert tree.first(["maps/{stem}.{ext}"], {"stem": "a 12"}) == "maps/a 12.png"
    assert tree.first(["maps/{stem}.{ext}"], {"stem": "a 12", "ext": "PNG"}) is None
    assert tree.first(["maps"], {}) is None and tree.first([], {}) is None


def test_what_is_special_in_a_regular_expression_is_plain_text(tmp_path):
    tree = tree_of(tmp_path, "a+b (1)/[x].png", "aab (1)/[x].png", "a+b (1)/x.png")
    assert [path for path, _ in found(tree, "a+b (1)/[{n}].png")] == ["a+b (1)/[x].png"]
    assert [path for path, _ in found(tree, "{f}/[{n}].png", {"f": "a+b (1)"})] == ["a+b (1)/[x].png"]


@pytest.mark.parametrize("name", ["Übung – 日本 語", "a b", "новый", "e\u0301 combining", "line\nbreak", "100%'\"`$"])
def test_names_that_are_not_plain_letters(tmp_path, name):
    tree = tree_of(tmp_path, f"{name}/{name}.jpg")
    assert found(tree, "{folder}/{folder}.{ext}") == [(f"{name}/{name}.jpg", {"folder": name, "ext": "jpg"})]
    assert tree.first(["{folder}/{folder}.*"], {"folder": name}) == f"{name}/{name}.jpg"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are text")
def test_names_that_are_no_text(tmp_path):
    with open(os.fsencode(tmp_path) + b"/caf\xe9.jpg", "wb") as stream:
        stream.write(b"1")
    [match] = Tree(tmp_path).find("{stem}.{ext}")
    assert os.fsencode(match.path) == b"caf\xe9.jpg" and Tree(tmp_path).size(match.path) == 1


def test_hidden_files_and_folders_are_left_out(tmp_path):
    tree = tree_of(tmp_path, ".DS_Store", "._a.jpg", "a.jpg", ".git/a.jpg")
    assert tree.listing("") == {"a.jpg": 5}
    assert found(tree, "{folder}/a.jpg") == [] == tree.problems


def test_links_are_followed_but_not_in_circles(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    tree_of(tmp_path / "elsewhere", "b.jpg")
    tree = tree_of(tmp_path / "root", "a/a.jpg")
    (tmp_path / "root/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/c.jpg").symlink_to(tmp_path / "elsewhere/b.jpg")
    (tmp_path / "root/a/up").symlink_to(tmp_path / "root")
    (tmp_path / "root/a/self").symlink_to(tmp_path / "root/a")
    paths = [path for path, _ in found(tree, "{folder}/{stem}.jpg")]
    assert paths == ["a/a.jpg", "linked/b.jpg"] and tree.size("c.jpg") == 5
    assert {problem.path for problem in tree.problems} == {"a/up", "a/self"}
    assert all("contains it; it was not followed" in problem.reason for problem in tree.problems)
    assert [path for path, _ in tree.folders("a/{b}")] == []


def test_links_that_lead_nowhere_are_told_once(tmp_path):
    tree = tree_of(tmp_path, "a.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "c.jpg").symlink_to(tmp_path / "c.jpg")
    for _ in range(2):
        assert [path for path, _ in found(tree, "{stem}.jpg")] == ["a.jpg"]
    assert sorted(problem.path for problem in tree.problems) == ["b.jpg", "c.jpg"]
    assert [problem.reason for problem in sorted(tree.problems)] == [
        f"is a {what}; copy the file again" for what in ("broken link", "link that leads in a circle")
    ]


def test_a_pipe_is_told_and_never_opened(tmp_path):
    tree = tree_of(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "b.jpg")
    assert [path for path, _ in found(tree, "{stem}.jpg")] == ["a.jpg"]
    assert [problem.reason for problem in tree.problems] == ["is a pipe and not a file; copy the file again"]
    assert {problem.severity for problem in tree.problems} == {"damaged"}


def test_siblings_that_link_to_one_another_do_no_harm(tmp_path):
    tree = tree_of(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a/x").symlink_to(tmp_path / "b")
    (tmp_path / "b/y").symlink_to(tmp_path / "a")
    paths = [path for path, _ in found(tree, "*/*/*/*/{stem}.jpg")]
    assert paths == ["a/x/y/x/2.jpg", "b/y/x/y/1.jpg"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_folder_that_may_not_be_read(tmp_path):
    tree = tree_of(tmp_path, "a/1.jpg")
    (tmp_path / "a").chmod(0)
    try:
        assert found(tree, "a/{stem}.jpg") == []
    finally:
        (tmp_path / "a").chmod(stat.S_IRWXU)
    assert tree.problems[0].path == "a" and "check its permissions" in tree.problems[0].reason


def test_a_copy_lists_again(tmp_path):
    tree = tree_of(tmp_path, "a.jpg")
    assert tree.size("b.jpg") is None
    (tmp_path / "b.jpg").write_bytes(b"12")
    assert tree.size("b.jpg") is None and pickle.loads(pickle.dumps(tree)).size("b.jpg") == 2


def test_many_folders_are_listed_without_holding_all(tmp_path):
    for number in range(600):
        (tmp_path / f"{number:03}").mkdir()
    (tmp_path / "000/a.jpg").write_bytes(b"1")
    tree = Tree(tmp_path)
    assert [path for path, _ in found(tree, "*/a.jpg")] == ["000/a.jpg"]
    assert len(tree._listings) <= 512 and tree.size("000/a.jpg") == 1


def test_prefix_is_what_all_files_share():
    assert prefix("a/b/{c}/d.jpg") == "a/b/" and prefix("a/b/c.jpg") == "a/b/" and prefix("{a}/b/c.jpg") == ""
    assert prefix("a*/b.jpg") == "" and prefix("{stem}.jpg") == "" and prefix("a/{b}_{c}/x/y.jpg") == "a/"


def test_fields_and_beginnings():
    assert fields_of("{a}/{b:05}/{a}.{ext}") == ["a", "b", "ext"]
    assert is_plain("{a}/x", {"a": 1}) and not is_plain("{a}/*", {"a": 1}) and not is_plain("{a}/{b}", {"a": 1})
    assert beginning("x_{a}_{b}.*", {"a": "1"}) == "x_1_" and beginning("x*y", {}) == "x"
    assert beginning("f{frame:05}.png", {"frame": 3}) == "f" and beginning("{v:04}_", {"v": "1"}) == "0001_"


@given(values, values, st.integers(0, 10**7), suffixes)
def test_what_was_filled_in_is_found_again(one, two, frame, ext):
    segment = "{one}_{two}_{one}_{frame:05}.{ext}"
    fields = {"one": one, "two": two, "frame": frame, "ext": ext}
    name = fill(segment, fields)
    back = compiled(segment, {}).fullmatch(name).groupdict()
    assert {**back, "frame": int(back["frame"])} == fields
    for known in ({"one": one}, {"frame": frame, "two": two}, {"ext": ext, "two": two, "one": one}, fields):
        left = compiled(segment, known).fullmatch(name).groupdict()
        assert left == {key: value for key, value in back.items() if key not in known}
        assert name.startswith(beginning(segment, known))
    assert is_plain(segment, fields) and compiled(segment, {"one": one + "x"}).fullmatch(name) is None


@given(values, values)
def test_names_that_differ_do_not_fit(one, other):
    shape = compiled("{a}_{a}.png", {"a": one})
    assert (shape.fullmatch(f"{other}_{other}.png") is not None) == (one == other)


@given(st.lists(values, min_size=1, max_size=4), values)
def test_prefix_begins_every_path(folders, last):
    pattern = "/".join([*folders, "{x}", "y.png"])
    assert prefix(pattern) == ("/".join(folders) + "/" if "*" not in "".join(folders) else prefix(pattern))
    assert fill(pattern, {"x": last}).startswith(prefix(pattern)) or "{" in "".join(folders)


def test_every_suffix_is_matched_whole():
    shape = compiled("{stem}.{ext}", {})
    for suffix in SUFFIX.split("|"):
        match = shape.fullmatch(f"a.b.{suffix}")
        assert match.groupdict() == {"stem": "a.b", "ext": suffix}


def test_a_number_that_no_frame_has_makes_no_frame(tmp_path):
    for name in ("0001.png", "9" * 40 + ".png"):
        (tmp_path / name).write_bytes(b"x")
    assert [match.fields["frame"] for match in Tree(tmp_path).find("{frame:04}.png")] == [1]
