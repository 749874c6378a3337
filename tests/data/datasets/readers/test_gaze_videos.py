"""Gaze folders of films: when a fixation counts, sound, and what is said about damaged ones."""

import gzip
import json
import pickle
import shutil
import wave

import numpy as np
import pytest

from mindaam.data import prompts
from mindaam.data.audio.cutting import cut_of
from mindaam.data.datasets.forms.video_forms import VideoFacts
from mindaam.data.datasets.opening import open_set
from mindaam.data.datasets.readers.gaze_files import gaze_csv
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.datasets.readers.sample import prompt_of
from mindaam.errors import InputError
from mindaam.models.registry import model_config
from tests.clips import make_clip, number_of, pictures

PAPER = cut_of(model_config("aam_dinov3_vits16", "paper").sound)

HEADER = "image,condition,x,y,t_ms,duration_ms"
ROWS = [
    "a.mp4,free_viewing,10,20,0,80",
    "a.mp4,count_people,30,5,40,40",
    "a.mp4,free_viewing,12,22,100,60",
    "b.mp4,free_viewing,3,4,40,",
]


def write_json(path, content):
    path.write_text(json.dumps(content))


def write_rows(root, lines):
    (root / "fixations.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


def change_meta(root, **changes):
    write_json(root / "meta.json", {**json.loads((root / "meta.json").read_text()), **changes})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of two films of 10 and 8 frames at 25 a second, the first with a tone."""
    root = tmp_path_factory.mktemp("gaze") / "made"
    (root / "stimuli").mkdir(parents=True)
    make_clip(root / "stimuli" / "a.mp4", pictures(10), tone=0.4)
    make_clip(root / "stimuli" / "b.mp4", pictures(8))
    listed = {name: {"size": [64, 48], "frames": n, "rate": 25} for name, n in (("a.mp4", 10), ("b.mp4", 8))}
    meta = {"name": "made", "conditions": ["free_viewing", "count_people"], "films": listed}
    write_json(root / "meta.json", {**meta, "px_per_degree_stored": 4})
    write_json(root / "splits.json", {"train": ["a.mp4"], "val": ["b.mp4", "a.mp4"]})
    write_rows(root, [HEADER, *ROWS])
    return root


@pytest.fixture
def folder(made, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(made, tmp_path / "made")


def refused(root, split="train"):
    with pytest.raises(InputError) as caught:
        open_gaze_videos(root, split)
    assert str(root) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def single(tmp_path):
    """Writes a table of one fixation; gives its path."""

    def write(start, duration):
        path = tmp_path / f"{start}_{duration}.csv.gz"
        path.write_bytes(gzip.compress(f"{HEADER}\nf.mp4,c,1,2,{start},{duration}\n".encode()))
        return path

    return write


@pytest.mark.parametrize(
    ("start", "duration", "rate", "frames"),
    [
        (0, 40, 25.0, [0]),
        (0, 40.5, 25.0, [0, 1]),
        (39.9, 40, 25.0, [0, 1]),
        (40, 80, 25.0, [1, 2]),
        (40, 0, 25.0, [1]),
        (40, "", 25.0, [1]),
        (360, 5000, 25.0, [9]),
        (-100, 120, 25.0, [0]),
        (-100, 100, 25.0, []),
        (400, 100, 25.0, []),
        (1e15, 1e15, 25.0, []),
        (-1e15, 1e16, 25.0, list(range(10))),
        (1000 / 29.97 * 3, 1000 / 29.97 * 2, 29.97, [3, 4]),
    ],
)
def test_a_fixation_counts_for_the_frames_that_were_shown_while_it_lasted(single, start, duration, rate, frames):
    facts = VideoFacts("f.mp4", np.arange(10), rate, (48, 64))
    found = gaze_csv([single(start, duration)], facts, "c")
    assert sorted(found) == frames
    assert all(points.dtype == np.float32 and points.tolist() == [[1, 2]] for points in found.values())
    assert gaze_csv([single(start, duration)], facts, "other") == {}


def test_films_are_there_once_for_each_condition(made):
    films = open_gaze_videos(made)
    assert films.entries == [("a.mp4", "free_viewing"), ("a.mp4", "count_people")] and len(films) == 2
    assert films.conditions == ("free_viewing", "count_people") and films.name == "made"
    assert films.frames(0) == 10 and films.file_rate(0) == 25 and films.size(0) == (48, 64)
    assert films.labelled(0).tolist() == [True, True, True, True, *[False] * 6]
    assert films.labelled(1).tolist() == [False, True, *[False] * 8]
    assert [len(films.fixations(0, k)) for k in range(5)] == [1, 1, 1, 1, 0]
    assert prompt_of(films, 1) == prompts.default_prompt("count_people") != prompt_of(films, 0)
    assert "sigma 1 degree = 4 pixels" in films.ground_truth and films.record.modality == "audio_video"
    only = films.only(["a.mp4"])
    assert only.entries == films.entries and open_gaze_videos(made, "val").entries[0] == ("b.mp4", "free_viewing")


def test_a_clip_has_frames_truths_times_and_sound(made):
    films = pickle.loads(pickle.dumps(open_gaze_videos(made)))
    clip = films.clip(0, [1, 3], audio=PAPER)
    assert [number_of(image) for image in clip.image] == [1, 3]
    np.testing.assert_allclose(clip.density.sum((1, 2)), 1, rtol=1e-5)
    assert np.unravel_index(clip.density[0].argmax(), (48, 64)) == (20, 10)
    assert [each.tolist() for each in clip.fixations] == [[[10, 20]], [[12, 22]]]
    np.testing.assert_allclose(clip.times, [0.04, 0.12])
    assert clip.audio.of_frame.shape == (2, 5) and np.abs(clip.audio.windows).max() > 0.3
    val = open_gaze_videos(made, "val")
    assert not val.has_audio(0) and val.clip(0, [1], audio=PAPER).audio is None


def test_a_sound_file_is_heard_in_place_of_the_films_own(folder):
    (folder / "sounds").mkdir()
    for name in "ab":
        with wave.open(str(folder / "sounds" / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 48000, 0, "NONE", "NONE"))
            file.writeframes(np.full(19200, 3277, "<i2").tobytes())
    films = open_gaze_videos(folder, "val")
    assert films.has_audio(0) and films.has_audio(1)
    for index in range(2):
        heard = films.clip(index, [2], audio=PAPER).audio.windows[2, 16_500:18_000]
        assert np.median(heard) == pytest.approx(0.1, abs=0.01)


def test_sentences_of_ones_own(folder):
    own = {"free_viewing": ["A viewer.", "Somebody."]}
    change_meta(folder, sentences=own, held_out={"free_viewing": "A person."})
    films = open_gaze_videos(folder)
    assert prompt_of(films, 0) == "A viewer." and films.clip(0, [0]).prompt == "A viewer."
    assert (
        films.prompts.of("free_viewing") == own["free_viewing"]
        and films.prompts.held_out("free_viewing") == "A person."
    )
    assert prompt_of(films.only(["a.mp4"]), 0) == "A viewer."
    assert films.prompts.held_out("count_people") == prompts.held_out_prompt("made", "count_people")


def test_the_corpus_opens_either_kind(made):
    assert open_set(made.parent, "made", "train").entries == open_gaze_videos(made).entries


def test_pictures_or_films_but_not_both(folder):
    with pytest.raises(InputError, match="gaze folder of videos, where one of images is expected"):
        GazeFolder(folder)
    change_meta(folder, images={})
    assert "both `images` and `films`" in refused(folder)
    with pytest.raises(InputError, match="both `images` and `films`"):
        GazeFolder(folder)
    meta = json.loads((folder / "meta.json").read_text())
    del meta["films"]
    write_json(folder / "meta.json", meta)
    assert "gaze folder of images, where one of videos is expected" in refused(folder)
    del meta["images"]
    write_json(folder / "meta.json", meta)
    assert "lacks films" in refused(folder)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (None, "no size for a.mp4"),
        ({"size": [64, 48]}, "no frames or no rate"),
        ({"size": [64, 48], "frames": "x", "rate": 25}, "no frames or no rate"),
        ({"size": [32, 24], "frames": 10, "rate": 25}, "10 frames of 64x48 at 25 per second"),
        ({"size": [64, 48], "frames": 11, "rate": 25}, "restore the original video"),
        ({"size": [64, 48], "frames": 10, "rate": 30}, "restore the original video"),
    ],
)
def test_a_film_that_is_not_the_one_of_meta_json(folder, entry, says):
    films = json.loads((folder / "meta.json").read_text())["films"]
    change_meta(folder, films={**films, "a.mp4": entry})
    assert says in refused(folder)


def test_films_that_are_missing_damaged_or_none(folder):
    (folder / "stimuli" / "b.mp4").write_bytes(b"no film")
    assert "b.mp4 is not a video" in refused(folder, "val")
    (folder / "stimuli" / "b.mp4").unlink()
    assert "lacks b.mp4" in refused(folder, "val") and len(open_gaze_videos(folder)) == 2
    assert 'did you mean "train"' in refused(folder, "trian")
    (folder / "stimuli" / "a.jpg").write_bytes(b"x")
    write_json(folder / "splits.json", {"train": ["a.jpg"]})
    assert "a.jpg does not have the suffix of a video" in refused(folder)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["image,condition,x,y", "a.mp4,free_viewing,1,2"], "no column 'duration_ms'"),
        ([HEADER, "a.mp4,free_viewing,1,2,,40"], "line 2"),
        ([HEADER, "a.mp4,free_viewing,1,2,0,-40"], "line 2"),
        ([HEADER, "a.mp4,free_viewing,1,2,inf,40"], "line 2"),
        ([HEADER, ROWS[3]], "no gaze for a.mp4"),
    ],
)
def test_damaged_fixations(folder, lines, says):
    write_rows(folder, lines)
    assert says in refused(folder)


def test_a_table_that_is_missing_or_cut(folder):
    path = folder / "fixations.csv.gz"
    path.write_bytes(path.read_bytes()[:-10])
    assert "damaged" in refused(folder)
    path.unlink()
    assert "fixations.csv.gz" in refused(folder)
