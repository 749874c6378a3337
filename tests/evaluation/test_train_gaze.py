"""Gaze of the train split: which stimuli are drawn, how they are aligned, and what a missing split means."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindaam.data import transforms
from mindaam.data.datasets.opening import open_set, other_split
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.packs.packing import pack
from mindaam.evaluation import train_gaze
from mindaam.evaluation.train_gaze import GRID, TrainGaze
from tests.data.datasets import video_trees
from tests.data.datasets.gaze_trees import make_gaze_folder
from tests.data.datasets.readers.test_packed import make_gaze_films
from tests.evaluation.sets import tasks, write_fixations  # noqa: F401 - a fixture

PAPER = SimpleNamespace(other_images=10, align="scale", longest_side=400)


@pytest.fixture(scope="module")
def viewing(tmp_path_factory):
    """Fifteen images to draw from, one to score."""
    root = tmp_path_factory.mktemp("gaze") / "osie"
    write_fixations(root, {"train": [f"{number}.jpg" for number in range(15)], "val": ["z.jpg"]})
    return GazeFolder(root, "val")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """{set: the reader of one split} of three datasets of videos with a train split."""
    root = tmp_path_factory.mktemp("videos")
    places = {"dhf1k": ("released", "val"), "diem": ("official", "test"), "ledov": ("official", "val")}
    for key, (layout, _) in places.items():
        video_trees.build(key, layout, root)
    return {key: open_set(root, key, split) for key, (_, split) in places.items()}


def test_ten_images_of_the_train_split_are_drawn_as_in_the_published_baselines(viewing):
    train, size = other_split(viewing, "train"), (280, 400)
    for seed in (0, 7):
        picked = np.random.RandomState(seed).choice(15, 10, replace=False)
        shares = [train.fixations(index) / np.array(train.size(index))[::-1] for index in picked]
        wanted = np.concatenate(shares) * np.array([400, 280])
        np.testing.assert_array_equal(TrainGaze(viewing).others(seed, size, PAPER), wanted)


def test_the_scored_image_is_none_of_the_others(viewing):
    """As with `--split train`; an image that is not in the train split draws the same as without its name."""
    train, size = other_split(viewing, "train"), (280, 400)
    [name, *_] = (each for each, _ in train.entries)
    every = SimpleNamespace(other_images=99, align="scale", longest_side=400)
    gaze = TrainGaze(viewing)
    assert len(gaze.others(0, size, every, besides=name)) == 14 * 20
    own = transforms.scale_fixations(train.fixations(0), train.size(0), size)
    assert not (np.abs(gaze.others(0, size, every, besides=name)[:, None] - own).max(2) < 1e-3).any()
    np.testing.assert_array_equal(gaze.others(3, size, PAPER, besides="not there"), gaze.others(3, size, PAPER))


def test_fewer_images_than_asked_for_are_all_drawn(viewing):
    few = SimpleNamespace(other_images=99, align="scale", longest_side=400)
    assert len(TrainGaze(viewing).others(0, (280, 400), few)) == 15 * 20


@given(size=st.tuples(st.integers(1, 500), st.integers(1, 500)), stored=st.tuples(*[st.integers(1, 900)] * 2))
def test_centered_fixations_keep_their_distance_from_the_center(size, stored):
    draw = np.random.default_rng(0)
    whole = SimpleNamespace(align="center", longest_side=None)
    shares = draw.random((50, 2))
    wanted = (shares - 0.5) * stored[::-1] + np.array(size[::-1]) / 2
    wanted = wanted[((wanted >= 0) & (wanted < size[::-1])).all(1)]
    np.testing.assert_allclose(train_gaze._aligned(shares, stored, size, whole), wanted, atol=1e-9)


def test_center_bias_is_the_mean_density_of_a_condition(viewing, tasks):  # noqa: F811
    train = other_split(viewing, "train")
    total = sum(transforms.resize_density(train.density(index, (280, 400)), GRID).astype(np.float64)
                for index in range(15))  # fmt: skip
    wanted = transforms.resize_density(total.astype(np.float32), (90, 120))
    np.testing.assert_array_equal(TrainGaze(viewing).center_bias("free_viewing", (90, 120)), wanted)
    np.testing.assert_array_equal(TrainGaze(viewing).center_bias("another", (90, 120)), wanted)


def test_conditions_have_a_center_bias_each(tasks):  # noqa: F811
    splits = tasks.root / "splits.json"
    splits.write_text('{"train": ["a.jpg", "b.jpg"], "val": ["a.jpg"]}')
    gaze = TrainGaze(GazeFolder(tasks.root, "val"))
    left, right, both = (gaze.center_bias(each, (48, 64)) for each in (*tasks.conditions, None))
    assert left[:, :32].sum() > 0.99 and right[:, 32:].sum() > 0.99
    np.testing.assert_allclose(both, (left + right) / 2, atol=1e-6)
    assert gaze.others(0, (48, 64), PAPER) is None and gaze.found  # maps have no fixations


def test_without_a_train_split_there_is_a_reason(tasks, tmp_path):  # noqa: F811
    gaze = TrainGaze(tasks)
    assert not gaze.found and "no split" in gaze.reason and "train" in gaze.reason
    assert gaze.others(0, (48, 64), PAPER) is None and gaze.center_bias("count_people", (48, 64)) is None
    make_gaze_films(tmp_path / "films")
    (tmp_path / "films" / "splits.json").write_text('{"test": ["a.mp4"]}')
    gaze = TrainGaze(open_set(tmp_path / "films", "films", "test"))
    assert not gaze.found and gaze.others(0, (32, 48), PAPER) is None and gaze.center_bias("", (32, 48)) is None
    assert "films" in gaze.reason and "\n" not in gaze.reason


def test_a_damaged_train_split_is_a_reason(tmp_path):
    root = make_gaze_folder(tmp_path / "made")
    reader = GazeFolder(root, "val")
    (root / "stimuli" / "a.jpg").unlink()
    gaze = TrainGaze(reader)
    assert not gaze.found and "a.jpg" in gaze.reason


def test_damage_that_is_found_later_is_a_reason_too(tasks):  # noqa: F811
    (tasks.root / "splits.json").write_text('{"train": ["a.jpg"], "val": ["b.jpg"]}')
    gaze = TrainGaze(GazeFolder(tasks.root, "val"))
    assert gaze.found and gaze.reason is None
    (tasks.root / "maps/judge_emotion/a.png").write_bytes(b"no image")
    assert gaze.center_bias("count_people", (48, 64)) is None and "judge_emotion/a.png" in gaze.reason


@pytest.mark.parametrize("key", ["dhf1k", "diem", "ledov"])
def test_videos_give_the_fixations_and_densities_of_sampled_frames(videos, key):
    reader = videos[key]
    train, size = other_split(reader, "train"), (64, 96)
    gaze = TrainGaze(reader)
    found = gaze.others(3, size, PAPER)
    every = [
        train.fixations(index, position) * 2
        for index in range(len(train))
        for position in range(train.frames(index))
        if train.labelled(index)[position]
    ]
    every = np.concatenate(every)
    distance = np.abs(found[:, None] - every[None]).max(2).min(1)
    assert 0 < len(found) <= len(every) and distance.max() < 1e-4
    np.testing.assert_array_equal(found, TrainGaze(reader).others(3, size, PAPER))
    bias = gaze.center_bias(reader.conditions[0], size)
    assert bias.shape == size and bias.dtype == np.float32 and bias.sum() == pytest.approx(1, abs=1e-5)
    one = SimpleNamespace(other_images=1, align="scale", longest_side=400)
    assert len(gaze.others(0, size, one)) < len(found) or len(train) == 1


def test_of_many_videos_a_fixed_sample_is_used(videos, monkeypatch):
    monkeypatch.setattr(train_gaze, "VIDEOS", 1)
    gaze = TrainGaze(videos["diem"])
    assert gaze.count == 1 and TrainGaze(videos["diem"])._entries == gaze._entries
    [index], train = gaze._entries, other_split(videos["diem"], "train")
    points = gaze.others(5, train.size(index), PAPER)
    np.testing.assert_allclose(points, train_gaze._points(train, index), atol=1e-4)
    np.testing.assert_array_equal(points, gaze.others(9, train.size(index), PAPER))


def test_a_video_counts_by_a_few_frames_and_fixations(videos, monkeypatch):
    train = other_split(videos["diem"], "train")
    monkeypatch.setattr(train_gaze, "FRAMES", 2)
    sampled = train_gaze._sampled(train, 0)
    assert len(sampled) == 2 and sampled == sorted(sampled) and train.labelled(0)[sampled].all()
    monkeypatch.setattr(train_gaze, "MAX_POINTS", 1)
    assert len(train_gaze._points(train, 0)) == 1


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The pack of a gaze folder of videos, its train split, with the folder's reader."""
    root = tmp_path_factory.mktemp("films")
    make_gaze_films(root / "films")
    reader = open_set(root / "films", "films", "train")
    pack(reader, root / "packs" / "films.train", (24, 32), workers=0)
    return reader, open_packed(root / "packs" / "films.train")


@pytest.mark.parametrize("kind", ["gaze folder", "pack"])
def test_gaze_folders_and_packs_of_videos_have_them_too(packed, kind):
    gaze = TrainGaze(packed[kind == "pack"])
    assert gaze.found and len(gaze.others(0, (48, 64), PAPER))
    assert gaze.center_bias(None, (48, 64)).sum() == pytest.approx(1, abs=1e-5)
