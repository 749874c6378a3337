"""What `predict` takes by its name, `data import`, the readers and `data check` take too."""

from pathlib import Path

import pytest

from mindaam.data import media
from mindaam.data.checks.own_checks import examine_own
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.datasets.tree import Tree
from mindaam.data.imports.importing import Wanted, find_stimuli, import_gaze
from mindaam.inference.results import find_sources, is_video
from tests.clips import make_clip, pictures


@pytest.fixture
def videos(tmp_path):
    """A folder with one video under each name that there is, in small letters and in large ones by turns."""
    folder = tmp_path / "videos"
    folder.mkdir()
    clip = make_clip(tmp_path / "clip.mp4", pictures(4)).read_bytes()
    for number, suffix in enumerate(media.VIDEO_SUFFIXES):
        (folder / f"v{number:02}{suffix.upper() if number % 2 else suffix}").write_bytes(clip)
    return folder


def test_every_video_that_predict_takes_is_imported_read_and_checked(videos, tmp_path):
    taken, problems = find_sources([videos])
    assert len(taken) == 22 and problems == [] and all(map(is_video, taken))
    table = tmp_path / "gaze.csv"
    table.write_text("film,x,y,t_ms\n" + "".join(f"{path.name},5,6,0\n" for path in taken))
    done = import_gaze(videos, table, tmp_path / "gaze" / "mine", Wanted(val=0))
    assert done.kind == "films" and list(done.stimuli) == [path.name for path in taken]
    films = open_gaze_videos(tmp_path / "gaze" / "mine")
    assert [name for name, _ in films.entries] == [path.name for path in taken]
    assert films.clip(21, [0]).image.shape == (1, 48, 64, 3)
    [report] = examine_own(tmp_path / "gaze")
    assert (report["splits"], report["problems"]) == ({"train": 22}, [])
    assert [each.path for each in Tree(videos).find("{video}.{ext}")] == [path.name for path in taken]


def test_every_image_that_predict_takes_is_imported(tmp_path):
    for number, suffix in enumerate(media.IMAGE_SUFFIXES):
        (tmp_path / f"i{number:02}{suffix}").touch()
    taken, problems = find_sources([tmp_path])
    assert problems == [] and len(taken) == len(media.IMAGE_SUFFIXES) and not any(map(is_video, taken))
    assert find_stimuli(tmp_path) == ({path.name: path for path in taken}, "images")
    assert [each.path for each in Tree(tmp_path).find("{image}.{ext}")] == [path.name for path in taken]


def test_the_kinds_of_files_have_no_suffix_in_common():
    every = [*media.IMAGE_SUFFIXES, *media.VIDEO_SUFFIXES, *media.AUDIO_SUFFIXES]
    assert len(every) == len(set(every)) and all(each == each.lower() and each.startswith(".") for each in every)


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        ({"a.flac": "there"}, "a.flac"),
        ({"a.MP3": "there"}, "a.MP3"),
        ({"a.mp3": "beside", "a.wav": "there"}, "a.wav"),
        ({"a.wav": "beside", "a.WAV": "there"}, "a.wav"),
        ({"b.wav": "beside", "a.txt": "beside"}, None),
    ],
)
def test_of_several_audio_files_of_a_video_the_first_kind_is_taken(tmp_path, files, taken):
    places = {"beside": tmp_path, "there": tmp_path / "sounds"}
    places["there"].mkdir()
    for name, place in files.items():
        (places[place] / name).write_bytes(b"audio")
    found = media.audio_file(list(places.values()), "a")
    assert (found and Path(found).name) == taken
    assert media.audio_file([tmp_path / "none"], "a") is None


def test_audio_beside_a_video_is_imported_and_read_whatever_its_kind(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    make_clip(folder / "a.mp4", pictures(10))
    make_clip(folder / "a.flac", [], tone=0.4, tone_codec="flac")
    table = tmp_path / "gaze.csv"
    table.write_text("film,x,y,t_ms\na.mp4,5,6,0\n")
    import_gaze(folder, table, tmp_path / "mine", Wanted(val=0))
    films = open_gaze_videos(tmp_path / "mine")
    assert films.videos[0].audio == "sounds/a.flac" and films.has_audio(0) and films.audio_path(0).is_file()
