"""Datasets whose maps are a video: the layouts of NTIRE 2026, splits and their parts, order of reading, bad files."""

import json
import pickle
import shutil

import numpy as np
import pytest

from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.opening import open_found, open_named, open_set
from mindaam.data.datasets.published import find_set
from mindaam.data.datasets.readers.videos import VideoSet
from mindaam.data.videos import gray
from mindaam.errors import InputError
from tests.data.datasets import video_trees
from tests.data.datasets.video_trees import map_video

LOSSY = 6  # of 1,023 levels, by which H.264 of 10 bits at crf 0 may be off


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return video_trees.build("ntire26", "archives", tmp_path_factory.mktemp("sets"))


@pytest.fixture
def folder(tree, tmp_path):
    return shutil.copytree(tree.folder, tmp_path / "NTIRE26")


def names(found, split):
    return [each.name for each in found.labelled(split)]


def test_test_is_both_parts_which_are_opened_by_their_own_names_too(folder):
    found = find_set(folder, "ntire26")
    assert found.splits() == ["test", "train"] or found.splits() == ["train", "test"]
    assert names(found, "train") == ["0001.mp4", "0002.mp4"]
    assert sorted(names(found, "test")) == ["0813.mp4", "a video.mp4"]
    assert names(found, "public_test") == ["0813.mp4"] and names(found, "private_test") == ["a video.mp4"]
    reader = open_set(folder, "ntire26", "public_test")
    assert (reader.split, len(reader)) == ("public_test", 1)
    [(name, reader)] = open_named(folder, ["ntire26"], ["private_test"])
    assert (name, reader.split, reader.entries[0][0]) == ("ntire26", "private_test", "a video.mp4")
    assert [reader.split for _, reader in open_named(folder, ["ntire26"])] == found.splits()
    with pytest.raises(InputError, match="has no gaze data of ntire26 in publik_test.*public_test"):
        open_named(folder, ["ntire26"], ["publik_test"])


def test_archives_unpacked_in_one_folder_are_read_alike(tree, folder):
    expected = {film.name: film for film in tree.films}
    for archive in ("SaliencyTrain/Train", "SaliencyTest/Test", "FixationsTrain/Train", "FixationsTest/Test"):
        shutil.copytree(folder / archive, folder / archive.partition("/")[2], dirs_exist_ok=True)
        shutil.rmtree(folder / archive.partition("/")[0])
    for video in (folder / "Videos").iterdir():
        shutil.move(video, folder / video.name)
    (folder / "Videos").rmdir()
    found = find_set(folder, "ntire26")
    assert found.problems == [] and {each.name for each in found.stimuli} == set(expected)
    reader = open_found(found, "train")
    np.testing.assert_allclose(reader.published_map(0, 3), expected["0001.mp4"].maps[3], atol=LOSSY)
    assert len(reader.fixations(0, 3)) == len(expected["0001.mp4"].fixations[3])


def test_ten_bits_arrive(tree):
    reader = open_found(find_set(tree.folder, "ntire26"), "train")
    film = next(film for film in tree.films if film.name == reader.entries[0][0])
    for position in range(len(film.numbers)):
        found = reader.published_map(0, position)
        assert len(np.unique(found)) > 256 and found.min() == 0 and found.max() > 1000
        assert np.abs(found - film.maps[position]).max() <= LOSSY


def test_frames_in_order_are_decoded_once_and_others_are_sought(tree, monkeypatch):
    starts, frames = [], gray.gray_frames

    def counted(path, start=0.0):
        starts.append(start)
        yield from frames(path, start)

    monkeypatch.setattr(gray, "gray_frames", counted)
    monkeypatch.setattr(gray, "NEAR", 2)
    reader = open_found(find_set(tree.folder, "ntire26"), "train")
    count = reader.frames(0)
    ahead = [reader.density(0, position) for position in range(count)]
    assert starts == [0.0]
    reader.density(0, count - 1)
    assert starts == [0.0]  # the latest is kept
    for position in (6, 0, 5, 7):
        np.testing.assert_array_equal(reader.density(0, position), ahead[position])
    assert [round(start * 25, 2) for start in starts[1:]] == [5.5, 0.0, 4.5]  # 7 is near
    clip = reader.clip(0, [5, 4, 3])
    assert len(starts) == 5  # one more for a clip, reversed or not
    np.testing.assert_array_equal(clip.density, np.stack([ahead[5], ahead[4], ahead[3]]))
    copy = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(copy.density(0, 2), ahead[2])


def test_maps_of_another_number_of_frames_are_one_sentence(folder):
    map_video(folder / "SaliencyTrain/Train/0001.mp4", 7)
    found = find_set(folder, "ntire26")
    [problem] = found.problems
    assert problem.reason == "the video of maps has 7 frames but the video has 8; restore the original files"
    assert (problem.path, problem.stimulus, problem.severity) == ("SaliencyTrain/Train/0001.mp4", "0001.mp4", "damaged")
    with pytest.raises(InputError, match="has 7 frames but the video has 8.*--skip-damaged"):
        open_found(found, "train")
    assert [name for name, _ in open_found(found, "train", skip_damaged=True).entries] == ["0002.mp4"]
    reader = open_found(found, "train", GroundTruth(source="fixations"))  # it has no need of maps
    assert len(reader) == 2 and reader.density(0, 1).sum() == pytest.approx(1, abs=1e-5)
    with pytest.raises(InputError, match=r"0001.mp4: the video of maps has 7 frames but the video has 8"):
        reader.published_map(0, 0)


def test_a_damaged_or_missing_video_of_maps_is_named(folder):
    (folder / "SaliencyTrain/Train/0001.mp4").write_bytes(b"no video")
    (folder / "SaliencyTrain/Train/0002.mp4").unlink()
    reasons = {problem.path: problem.reason for problem in find_set(folder, "ntire26").problems}
    assert reasons["Videos/0002.mp4"] == "the video has no maps"
    assert set(reasons) == {"SaliencyTrain/Train/0001.mp4", "Videos/0002.mp4"}


def test_blank_maps_are_replaced_by_the_nearest(folder):
    path = folder / "SaliencyTrain/Train/0001.mp4"
    path.unlink()
    with gray_writer(path) as add:
        for number in range(8):
            spot = np.zeros((64, 96), np.uint16)
            spot[10, 5 * number : 5 * number + 4] = 0 if number in (3, 4) else 1023
            add(spot)
    reader = open_found(find_set(folder, "ntire26"), "train")
    np.testing.assert_array_equal(reader.density(0, 3), reader.density(0, 2))
    np.testing.assert_array_equal(reader.density(0, 4), reader.density(0, 5))


def gray_writer(path):
    from contextlib import contextmanager
    from fractions import Fraction

    import av

    @contextmanager
    def writer():
        with av.open(str(path), "w") as container:
            stream = container.add_stream("ffv1" if path.suffix == ".mkv" else "libx264", rate=25)
            stream.options = {"crf": "0"}
            stream.height, stream.width, stream.pix_fmt = 64, 96, "gray10le"
            count = 0

            def add(values):
                nonlocal count
                frame = av.VideoFrame.from_ndarray(values, format="gray10le")
                frame.pts, frame.time_base = count, Fraction(1, 25)
                count += 1
                container.mux(stream.encode(frame))

            yield add
            container.mux(stream.encode(None))

    return writer()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty|0 bytes"),
        ("[[[1, 2]], [[3", "fixations.json is damaged or truncated"),
        ('{"frames": []}', r'fixations.json is damaged or truncated \("\[" is missing'),
        ("[[[1, 2, 3]]]", r"fixations.json: frame 0 has no list of \[row, column\]"),
        ("[[], [[1, 2], [3]]]", r"frame 1 has no list"),
        ('[[["a", "b"]]]', r"frame 0 has no list"),
        ("[7]", r"frame 0 has no list"),
        ('[{"0": [1, 2]}]', r"frame 0 has no list"),
        ("[]", "it lists 0 frames, but .* has"),
        ("[[[1, 2]]]", "it lists 1 frames, but .* has"),
        ("[[[" + "9" * 400 + ", 2]]]", r"frame 0 has no list"),
        ("[" * 100_000, "is damaged or truncated"),
    ],
)
def test_fixations_from_others_are_values_or_one_sentence(folder, content, message):
    (folder / "FixationsTrain/Train/0001/fixations.json").write_text(content)
    reader = open_found(find_set(folder, "ntire26"), "train", skip_damaged=True)
    if content:
        with pytest.raises(InputError, match=message):
            reader.recorded(0, 0)
    else:
        assert any("0 bytes" in problem.reason for problem in find_set(folder, "ntire26").problems)


def test_fixations_that_are_not_finite_are_in_no_frame(folder):
    path = folder / "FixationsTrain/Train/0001/fixations.json"
    rest = json.dumps(json.loads(path.read_text())[1:])[1:]
    path.write_text("[[[1e999, 2], [1, NaN]], " + rest)
    reader = open_found(find_set(folder, "ntire26"), "train")
    assert len(reader.recorded(0, 0)) == 2 and len(reader.fixations(0, 0)) == 0


def test_a_list_longer_than_the_limit_is_not_read(folder, monkeypatch):
    monkeypatch.setattr("mindaam.data.datasets.forms.json_stream.elements.__defaults__", (100,))
    reader = open_found(find_set(folder, "ntire26"), "train")
    with pytest.raises(InputError, match="it has more than"):
        reader.recorded(0, 0)


def test_more_fixations_than_frames_are_counted_as_beyond(folder):
    path = folder / "FixationsTrain/Train/0001/fixations.json"
    path.write_text(json.dumps([*json.loads(path.read_text()), [[0, 0], [1, 1]]]))
    reader = open_found(find_set(folder, "ntire26"), "train")
    assert reader.video_gaze(0).beyond == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "TrainTestSplit.json, which lists the splits, cannot be read"),
        ("{", "TrainTestSplit.json is damaged"),
        ("[]", "lacks its entries"),
        ('{"training_part": [], "public_test": []}', "lists no train or Train or training for the split train"),
        ('{"train": {"0001": 1}, "public_test": []}', "train is not a list of names"),
        ('{"train": [1], "public_test": []}', "train is not a list of names"),
    ],
)  # fmt: skip
def test_a_list_of_splits_that_cannot_be_used_is_one_sentence(folder, content, message):
    path = folder / "TrainTestSplit.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(InputError, match=message):
        open_set(folder, "ntire26", "train")


def test_maps_at_another_rate_belong_to_frames_by_their_numbers(folder, monkeypatch):
    monkeypatch.setattr(gray, "NEAR", 2)
    levels = map_video(folder / "SaliencyTrain/Train/0001.mp4", 8, rate=30, quality="qp")
    found = find_set(folder, "ntire26")
    decoded = open_found(found, "train")
    by_headers = VideoSet(found.tree, found.record, found.layout, found.labelled("train"), "train")
    assert decoded.videos[0].map_timeline is not None and by_headers.videos[0].map_timeline is None
    for reader in (decoded, by_headers):
        for position in (6, 0, 7, 3):
            np.testing.assert_array_equal(reader.published_map(0, position), levels[position])
