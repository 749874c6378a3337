"""Which frames a data set has, and which of them a fixation is on, is what decodes and not what a header says."""

import gzip
import json
import shutil

import numpy as np
import pytest

from mindaam.data.audio.cutting import cut_of
from mindaam.data.checks.checking import examine
from mindaam.data.checks.own_checks import examine_own
from mindaam.data.datasets import opening
from mindaam.data.datasets.finding import find_data
from mindaam.data.datasets.forms.video_forms import VideoFacts
from mindaam.data.datasets.opening import open_found
from mindaam.data.datasets.published import find_set
from mindaam.data.datasets.readers.gaze_files import gaze_csv
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.imports.importing import Wanted, import_gaze
from mindaam.data.packs.packing import pack
from mindaam.data.videos.reading import frame_count, video_info
from mindaam.data.videos.timeline import Timeline, timeline
from mindaam.errors import InputError
from mindaam.models.registry import model_config
from tests.clips import make_clip, number_of, pictures, trimmed
from tests.data.datasets import video_trees

UNEVEN = [0.0, 0.04, 0.5, 0.52, 1.7, 3.0, 3.04, 3.08]
HEADER = "image,x,y,t_ms,duration_ms"
ROWS = ["cut,1,2,0,40", "cut,3,4,310,0", "cut,5,6,320,100", "cut,7,8,1000,40"]
ROWS += ["uneven,1,2,600,0", "uneven,3,4,1700,1400", "late,5,5,0,20", "late,6,6,0,600", "late,7,7,560,0"]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """cut.mp4 shows 8 of the 28 frames in it; uneven.mkv has 8 at times of their own; the audio of late.mkv begins half
    a second before its 5 frames."""
    folder = tmp_path_factory.mktemp("videos")
    source = make_clip(folder.parent / "whole.mp4", pictures(28), options={"bf": "0", "g": "28"})
    trimmed(source, folder / "cut.mp4", 0.8)
    make_clip(folder / "uneven.mkv", pictures(8), times=UNEVEN)
    make_clip(folder / "late.mkv", pictures(5), times=[0.5 + k / 25 for k in range(5)], tone=0.8)
    return folder


@pytest.fixture(scope="module")
def imported(videos):
    (videos.parent / "gaze.csv").write_text("\n".join([HEADER, *ROWS]))
    done = import_gaze(videos, videos.parent / "gaze.csv", videos.parent / "mine", Wanted(val=0))
    return videos.parent / "mine", done


@pytest.fixture
def folder(imported, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(imported[0], tmp_path / "mine")


def test_the_import_counts_what_is_shown_and_leaves_out_the_gaze_outside(videos, imported):
    root, done = imported
    assert frame_count(videos / "cut.mp4")[0] == 28
    films = json.loads((root / "meta.json").read_text())["films"]
    assert {name: facts["frames"] for name, facts in films.items()} == {"cut.mp4": 8, "late.mkv": 5, "uneven.mkv": 8}
    assert (done.beyond, done.outside, len(done.fixations)) == (3, 0, 6)
    assert {(each.name, each.row.t_ms) for each in done.fixations} == {
        ("cut.mp4", 0), ("cut.mp4", 310), ("uneven.mkv", 600), ("uneven.mkv", 1700), ("late.mkv", 0), ("late.mkv", 560)
    }  # fmt: skip


def recorded(reader):
    """{film: {frame: [x, ...]}} of all frames that somebody looked at."""
    found = {}
    for index, (name, _) in enumerate(reader.entries):
        looks = {k: reader.fixations(index, k)[:, 0].tolist() for k in range(reader.frames(index))}
        found[name] = {k: xs for k, xs in looks.items() if xs}
    return found


def test_a_fixation_is_on_the_frames_that_were_shown_meanwhile(imported):
    assert recorded(open_gaze_videos(imported[0])) == {
        "cut.mp4": {0: [1], 7: [3]},
        "uneven.mkv": {3: [1], 4: [3], 5: [3], 6: [3], 7: [3]},
        "late.mkv": {0: [6], 1: [6, 7], 2: [6]},
    }


def test_every_frame_of_every_film_can_be_read_and_is_the_nth_that_is_shown(imported, tmp_path):
    reader = open_gaze_videos(imported[0])
    shown = {"cut.mp4": range(20, 28), "uneven.mkv": range(8), "late.mkv": range(5)}
    for index, (name, _) in enumerate(reader.entries):
        for positions in (range(reader.frames(index)), [reader.frames(index) - 1], [4, 1]):
            clip = reader.clip(index, positions)
            assert [number_of(image) for image in clip.image] == [shown[name][k] for k in positions]
            np.testing.assert_array_equal(clip.times, timeline(reader.audio_path(index)).times[list(positions)])
    pack(reader, tmp_path / "pack", (48, 64), workers=0)
    packed = open_packed(tmp_path / "pack")
    assert [packed.frames(index) for index in range(len(packed))] == [8, 5, 8]
    assert recorded(packed) == recorded(reader)


def test_audio_is_cut_about_the_times_of_prediction(imported):
    reader, cut = open_gaze_videos(imported[0]), cut_of(model_config("aam_dinov3_vits16", "paper").sound)
    index = [name for name, _ in reader.entries].index("late.mkv")
    clip = reader.clip(index, [0, 4], audio=cut)
    assert clip.times.tolist() == pytest.approx([0.5, 0.66]) and clip.audio.of_frame.shape == (2, 5)
    assert reader.file_rate(index) == video_info(reader.audio_path(index)).rate


def test_a_folder_that_was_written_with_the_headers_count_is_read_rightly(folder):
    meta = json.loads((folder / "meta.json").read_text())
    meta["films"]["cut.mp4"] |= {"frames": 28, "rate": 25.0}
    meta["films"]["uneven.mkv"]["rate"] = frame_count(folder / "stimuli/uneven.mkv")[1]
    (folder / "meta.json").write_text(json.dumps(meta))
    (folder / "timelines.json").unlink()
    rows = ["image,condition,x,y,t_ms,duration_ms"]
    rows += [",".join([name + ".mp4", "free_viewing", *rest]) for name, *rest in (row.split(",") for row in ROWS[:4])]
    rows += ["uneven.mkv,free_viewing,1,1,0,0", "late.mkv,free_viewing,1,1,600,0"]
    (folder / "fixations.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    reader = open_gaze_videos(folder)
    assert (reader.frames(0), reader.beyond) == (8, 2) and recorded(reader)["cut.mp4"] == {0: [1], 7: [3]}
    line = "train: 2 fixations before the first frame of their video or after its last are skipped"
    assert examine_own(folder)[0]["notes"] == [line] and examine_own(folder)[0]["problems"] == []
    [data] = find_data(folder)
    assert opening.read_splits(data, ["train"])[1] == [line]
    meta["films"]["cut.mp4"]["frames"] = 27
    (folder / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(InputError, match="has 8 frames .* meta.json and its gaze data are for 27"):
        open_gaze_videos(folder)


@pytest.mark.parametrize(
    ("start", "duration", "frames"),
    [(0, 0, [0]), (45, 0, [1]), (499, 2, [1, 2]), (1000, 0, [3]), (1e9, 5, []), (-50, 40, []), (-50, 60, [0]),
     (3081, 0, [7]), (3199, 0, [7]), (3200, 0, []), (0, 1e12, list(range(8)))],
)  # fmt: skip
def test_uneven_times_decide_where_they_are_known(tmp_path, start, duration, frames):
    known = Timeline(np.array(UNEVEN), 3.2, 25.0)
    facts = VideoFacts("f.mkv", np.arange(8), known.rate, (48, 64), timeline=known)
    path = tmp_path / "fixations.csv.gz"
    path.write_bytes(gzip.compress(f"image,condition,x,y,t_ms,duration_ms\nf.mkv,c,1,2,{start},{duration}\n".encode()))
    assert sorted(gaze_csv([path], facts, "c")) == frames


def test_even_times_are_counted_by_the_rate_to_the_bit():
    rate, ticks = 30000 / 1001, np.random.default_rng(0).uniform(-100, 10_000, 500)
    rounded = np.round(np.arange(250) / rate, 3)  # as Matroska stores them
    facts = VideoFacts("f.mkv", np.arange(250), rate, (48, 64))
    even = facts._replace(timeline=Timeline(rounded, 250 / rate, rate))
    np.testing.assert_array_equal(even.clock(ticks, 1000), facts.clock(ticks, 1000))
    late = facts._replace(timeline=Timeline(rounded + 0.05, 250 / rate + 0.05, rate))
    assert np.abs(late.clock(ticks, 1000) - facts.clock(ticks - 50, 1000))[(ticks > 60) & (ticks < 8000)].max() < 0.05


def test_a_published_set_believes_no_header_either(tmp_path):
    expected = video_trees.build("dhf1k", "raw", tmp_path)
    path = expected.folder / expected.films[0].path
    source = make_clip(tmp_path / "whole.mp4", pictures(28, video_trees.SIZE), options={"bf": "0", "g": "28"})
    trimmed(source, tmp_path / "cut.mp4", 0.88)
    path.write_bytes((tmp_path / "cut.mp4").read_bytes())
    found = find_set(tmp_path, "dhf1k")
    skipped = found.layout.skip_frames
    assert len(found.stimuli[0].numbers) == 28 - skipped, "nothing is decoded to list what is here"
    first = found.stimuli[0].name
    report = examine(found)
    problems = [each for each in report["problems"] if each["stimulus"] == first]
    assert not [each for each in problems if each["severity"] == "damaged"]
    assert any("on frames before the first or after the last" in each["reason"] for each in problems)
    reader = open_found(found, "train")
    assert reader.frames(0) == 6 - skipped and number_of(reader.clip(0, [5 - skipped]).image[0]) == 27
    assert reader.video_gaze(0).beyond > 0


@pytest.mark.parametrize("rate", ["0", "-25", "nan", "inf", "x"])
def test_a_rate_that_no_film_has_is_refused(tmp_path, rate):
    folder = video_trees.build("avad", "released", tmp_path).folder
    [pattern] = {layout.rates for layout in find_set(tmp_path, "avad").record.layouts if layout.name == "released"}
    for path in folder.glob(pattern):
        lines = [line.rsplit(maxsplit=1)[0] for line in path.read_text().splitlines()]
        path.write_text("".join(f"{line} {rate}\n" for line in lines))
    found = find_set(tmp_path, "avad")
    assert found.stimuli == [] and "gives no frame rate for" in found.problems[0].reason
