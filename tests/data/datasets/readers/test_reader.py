"""Every reader keeps the contract of `readers.reader`."""

import inspect

import numpy as np
import pytest

from mindaam.data.audio.cutting import Cut, clip_audio
from mindaam.data.datasets.opening import open_set
from mindaam.data.datasets.readers import reader as contract
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.packs.packing import pack
from tests.data.datasets.gaze_trees import make_gaze_folder
from tests.data.datasets.readers.test_packed import make_gaze_films

SIZE = (24, 32)
KINDS = ["images of a set", "images of a gaze folder", "packed images", "videos of a set", "videos of a gaze folder",
         "packed videos"]  # fmt: skip


@pytest.fixture(scope="module")
def readers(trees, tmp_path_factory):
    """{kind: a reader of it}."""
    work = tmp_path_factory.mktemp("readers")
    found = {
        "images of a set": open_set(trees("osie"), "osie", "train"),
        "images of a gaze folder": open_set(make_gaze_folder(work / "made"), "made", "train"),
        "videos of a set": open_set(trees("diem"), "diem", "train"),
    }
    make_gaze_films(work / "films")
    found["videos of a gaze folder"] = open_set(work / "films", "films", "train")
    for kind, source in (("packed images", "images of a set"), ("packed videos", "videos of a set")):
        pack(found[source], work / kind, SIZE, workers=0)
        found[kind] = open_packed(work / kind)
    return found


def protocol_of(reader):
    """The protocol that the attributes of a reader promise."""
    if reader.is_pack:
        return contract.VideoReader if reader.is_video else contract.ImageReader
    return contract.VideoSource if reader.is_video else contract.ImageSource


def members_of(protocol):
    """Names of all attributes and methods that a protocol and those it extends list."""
    classes = [each for each in protocol.__mro__ if each.__module__ == contract.__name__]
    methods = {name for each in classes for name, value in vars(each).items() if inspect.isfunction(value)}
    public = {name for name in methods if not name.startswith("_")} | {"__len__"}
    return public.union(*(each.__annotations__ for each in classes))


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_has_all_that_its_protocol_lists(readers, kind):
    reader = readers[kind]
    protocol = protocol_of(reader)
    assert (reader.is_video, reader.is_pack) == ("videos" in kind, "packed" in kind)
    assert len(members_of(protocol)) > 12
    for member in members_of(protocol):
        assert hasattr(reader, member), member
        promised = getattr(protocol, member, None)
        if inspect.isfunction(promised) and not member.startswith("__"):
            wanted = [(each.name, each.kind, each.default) for each in inspect.signature(promised).parameters.values()]
            given = inspect.signature(getattr(type(reader), member)).parameters.values()
            assert [(each.name, each.kind, each.default) for each in given] == wanted, member


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_reader_gives_is_as_its_protocol_describes_it(readers, kind):
    reader = readers[kind]
    assert len(reader) == len(reader.entries) > 0
    assert {condition for _, condition in reader.entries} <= set(reader.conditions)
    assert reader.split == "train" and isinstance(reader.name, str) and reader.root.is_dir()
    assert isinstance(reader.ground_truth, str) and reader.prompts.of(reader.conditions[0])
    height, width = reader.size(0)
    if reader.is_video:
        assert reader.labelled(0).shape == (reader.frames(0),) and reader.labelled(0).dtype == bool
        assert reader.file_rate(0) > 0 and isinstance(reader.has_audio(0), bool)
        place = (0, int(np.flatnonzero(reader.labelled(0))[0]))
        clip = reader.clip(0, [0, 1], SIZE)
        streamed = list(reader.stream(0))
        assert len(streamed) == reader.frames(0) and [each.time for each in streamed[:2]] == clip.times.tolist()
        assert all(each.image.shape == (height, width, 3) and each.image.dtype == np.uint8 for each in streamed)
        np.testing.assert_array_equal(next(reader.stream(0, [1])).image, streamed[1].image)
        assert clip.image.shape == (2, *SIZE, 3) and clip.density.shape == (2, *SIZE) and clip.times.shape == (2,)
    else:
        place = (0,)
        image = reader.image(0)
        assert image.shape == (height, width, 3) and image.dtype == np.uint8
    density, fixations = reader.density(*place, SIZE), reader.fixations(*place)
    viewers = reader.viewers(*place)
    assert (viewers is None) == ("packed" in kind or kind == "videos of a gaze folder")  # its table has no subjects
    assert viewers is None or viewers.shape == (len(fixations),) and viewers.dtype == np.int64
    assert "packed" in kind or reader.sigma(0) > 0
    assert not reader.is_video or reader.skipped(0) >= 0
    assert density.shape == SIZE and density.dtype == np.float32 and density.sum() == pytest.approx(1, abs=1e-4)
    assert fixations is None or (fixations >= 0).all() and (fixations < (width, height)).all()


@pytest.mark.parametrize("kind", ["videos of a set", "packed videos"])
def test_the_audio_track_is_that_of_which_clips_are_cut(readers, kind):
    reader = readers[kind]
    assert reader.has_audio(0)
    with reader.audio_track(0, 16_000) as track:
        assert track.rate == 16_000 and track.samples(0, 4000).std() > 0.1 and track.problem is None
        cut = Cut(3, 0.5, "times", "polyphase", 1.0)
        clip, cut_here = reader.clip(0, [0, 1], audio=cut), clip_audio(track, cut, [0.0, 1 / 30], reader.file_rate(0))
        np.testing.assert_array_equal(clip.audio.windows, cut_here.windows)
    with reader.audio_track(0) as own:
        assert own.rate == 16_000  # as it was written


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "packed" not in kind])
def test_a_source_can_be_reduced_to_some_names(readers, kind):
    reader = readers[kind]
    name = reader.entries[-1][0]
    reduced = reader.only([name])
    assert {each for each, _ in reduced.entries} == {name} and len(reduced) <= len(reader)
    assert protocol_of(reduced) is protocol_of(reader)
    assert reader.source in ("fixations", "maps") and isinstance(reader.layout_name, str)
