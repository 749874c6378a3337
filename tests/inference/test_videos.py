"""A film through a model: all of it, in order, beside each other, and what is left when it ends early."""

from pathlib import Path

import av
import numpy as np
import pytest

from mindaam.data.videos.gray import gray_frames
from mindaam.data.videos.reading import Pick, VideoBroken, read_frames, video_info
from mindaam.data.videos.timeline import timeline
from mindaam.data.videos.windows import Windows
from mindaam.errors import InputError, OutputError
from mindaam.inference import videos
from mindaam.inference.predictor import Predictor
from mindaam.inference.results import SUFFIXES_OF_VIDEOS, Job
from mindaam.inference.videos import density_size, follow, write_video
from tests.clips import make_clip, read_audio
from tests.fakes import FakeEncoder, FakeModel


def spots(count, size=(48, 64)):
    """Frames with one bright spot that moves to the right."""
    frames = np.full((count, *size, 3), 20, np.uint8)
    for number in range(count):
        frames[number, 20:28, 2 * number : 2 * number + 8] = 250
    return list(frames)


def predictor(clip=None):
    return Predictor(FakeModel(clip=clip), sentence_encoder=FakeEncoder())


def job(source, folder, kinds=("overlay", "map", "npy")):
    return Job(source, {kind: folder / (source.stem + SUFFIXES_OF_VIDEOS[kind]) for kind in kinds})


@pytest.fixture
def film(tmp_path):
    return make_clip(tmp_path / "film.mp4", spots(25), rate=10, tone=2.5)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize("clip", [None, 8])
def test_all_results_of_a_film(film, out, clip):
    told = []
    task = job(film, out)
    done = write_video(task, predictor(clip), "people look", report=lambda *state: told.append(state))
    assert done == (25, []) and [count for count, _ in told] == list(range(1, 26))
    overlay, gray = (list(read_frames(task.targets[kind])) for kind in ("overlay", "map"))
    assert len(overlay) == len(gray) == 25
    np.testing.assert_allclose([frame.time for frame in overlay], np.arange(25) / 10, atol=1e-3)
    assert read_audio(task.targets["overlay"], 16000).std() > 0.2 and read_audio(task.targets["map"], 16000) is None
    with np.load(task.targets["npy"]) as kept:
        assert kept["density"].shape == (25, 48, 64) and kept["density"].dtype == np.float32
        np.testing.assert_allclose(kept["density"].sum((1, 2)), 1, atol=1e-5)
        np.testing.assert_allclose(kept["times"], np.arange(25) / 10, atol=1e-6)
        if clip is None:  # the fake model looks at bright places, and each frame's map lies on that frame
            columns = kept["density"].sum(1).argmax(1)
            assert (np.abs(columns - (2 * np.arange(25) + 4)) <= 4).all()
            assert (np.diff(columns) >= 0).all()
    assert sorted(path.name for path in out.iterdir()) == ["film.map.mp4", "film.npz", "film.overlay.mp4"]


def test_frames_are_counted_before_their_window_has_maps(film, out):
    events = []
    write_video(
        job(film, out, ["npy"]),
        predictor(8),
        "people look",
        report=lambda count, second: events.append(("map", count)),
        seen=lambda count: events.append(("seen", count)),
    )
    assert events[:7] == [("seen", number) for number in range(1, 8)]  # the first window has 8 frames
    assert [number for what, number in events if what == "seen"] == list(range(1, 26))
    assert [number for what, number in events if what == "map"] == list(range(1, 26))


def test_a_queue_holds_a_window_of_high_definition_frames_and_never_many_bytes():
    assert videos.queue_depth((720, 1280)) >= 12 and videos.queue_depth((2160, 3840)) == 2
    assert videos.queue_depth((8192, 8192)) == 1 and videos.queue_depth((48, 64), videos.MAP_BYTES) == videos.DEPTH


def test_a_part_starts_at_zero_but_keeps_the_films_times(film, out):
    task = job(film, out)
    assert write_video(task, predictor(), "people look", Pick(0.5, 1.5, 2)).frames == 5
    assert [round(frame.time, 3) for frame in read_frames(task.targets["overlay"])] == [0, 0.2, 0.4, 0.6, 0.8]
    np.testing.assert_allclose(np.load(task.targets["npy"])["times"], [0.5, 0.7, 0.9, 1.1, 1.3])


def test_densities_have_a_stated_size():
    assert density_size((720, 1280)) == (90, 160) and density_size((48, 64)) == (48, 64)
    assert density_size((1, 8192)) == (1, 160)


def test_frames_and_predictions_stay_together(film):
    frames = list(read_frames(film))
    for windows in (Windows(1, 0), Windows(8, 2), Windows(8, 7, causal=True)):
        pairs = list(follow(predictor(8), frames, ["people look"], windows))
        assert [frame.time for frame, _ in pairs] == [frame.time for frame in frames]


def test_a_film_cut_short_gives_all_of_what_there_was(tmp_path, out):
    draw = np.random.default_rng(0)
    whole = make_clip(tmp_path / "w.mkv", [draw.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(100)])
    (cut := tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    readable = []
    with pytest.raises(VideoBroken):
        for frame in read_frames(cut):
            readable.append(frame)
    for clip in (None, 16):
        task = job(cut, out, ["overlay"])
        done = write_video(task, predictor(clip), "people look")
        assert isinstance(done.problems[0], VideoBroken) and done.frames == len(readable)
        assert len(list(read_frames(task.targets["overlay"]))) == len(readable)


def test_ctrl_c_leaves_a_film_of_what_was_done(film, out):
    def stop(count, second):
        if count == 12:
            raise KeyboardInterrupt

    task = job(film, out)
    with pytest.raises(KeyboardInterrupt):
        write_video(task, predictor(), "people look", report=stop)
    assert len(list(read_frames(task.targets["overlay"]))) == len(list(read_frames(task.targets["map"]))) == 12
    assert np.load(task.targets["npy"])["density"].shape[0] == 12
    assert sorted(path.name for path in out.iterdir()) == ["film.map.mp4", "film.npz", "film.overlay.mp4"]


def test_an_error_leaves_nothing(film, out, monkeypatch):
    with pytest.raises(OutputError, match="cannot write"):
        write_video(job(film, Path("/nowhere/at/all"), ["overlay"]), predictor(), "people look")
    monkeypatch.setattr(videos.render, "overlay", lambda *_, **__: 1 / 0)  # in the thread that writes
    with pytest.raises(ZeroDivisionError):
        write_video(job(film, out), predictor(), "people look")
    assert not list(out.iterdir())
    (text := film.with_name("text.mp4")).write_text("no video\n" * 30)
    with pytest.raises(InputError, match="not a video"):
        write_video(job(text, out), predictor(), "people look")
    assert not list(out.iterdir())


def levels_in(path):
    """Gray levels of all frames of a video of maps, float32 [T,h,w]."""
    return np.stack([values().astype(np.float32) for values, _ in gray_frames(path)])


@pytest.mark.parametrize("size", [(48, 64), (47, 61)])
def test_a_submission_has_every_frame_of_the_video_each_from_its_least_to_its_most(tmp_path, out, size):
    source = make_clip(tmp_path / "0813.mkv", spots(21, size), rate=10, codec="ffv1")
    task = job(source, out, ("npy", "submission"))
    assert write_video(task, predictor(8), "people look") == (21, [])
    assert sorted(path.name for path in out.iterdir()) == ["0813.mp4", "0813.npz"]
    levels = levels_in(task.targets["submission"])
    densities = np.load(task.targets["npy"])["density"]
    least, most = (each((1, 2), keepdims=True) for each in (densities.min, densities.max))
    assert levels.shape == densities.shape == (21, *size)
    assert (levels.max((1, 2)) == 1023).all() and (levels.min((1, 2)) == 0).all()
    np.testing.assert_allclose(levels / 1023, (densities - least) / (most - least), atol=0.51 / 1023)
    with av.open(str(task.targets["submission"])) as container:  # as programs convert it that make images of frames
        seen = np.stack([each.to_ndarray(format="rgb48le").mean(2) for each in container.decode(video=0)]) / 65535
    np.testing.assert_allclose(seen, levels / 1023, atol=2e-3)
    info, known = video_info(task.targets["submission"]), timeline(task.targets["submission"])
    assert (info.audio_tracks, info.rate) == (0, 10) and known.even
    with pytest.raises(OutputError):
        write_video(task._replace(targets={"submission": tmp_path / "gone" / "0813.mp4"}), predictor(), "people look")


def test_a_submission_is_even_where_the_video_is_not(tmp_path, out):
    times = [0, 0.1, 0.15, 0.5, 0.52, 1.3]  # programs that extract frames at a rate would repeat or drop some
    source = make_clip(tmp_path / "a.mkv", spots(6), times=times, rate=10)
    task = job(source, out, ("submission",))
    assert write_video(task, predictor(), "people look").frames == 6
    found = timeline(task.targets["submission"])
    assert len(found.times) == 6 and found.even


def test_a_submission_of_a_damaged_video_reports_that_maps_are_missing(tmp_path, out):
    whole = make_clip(tmp_path / "whole.mkv", spots(25), rate=10, codec="mpeg4", options={"g": "1"})
    source = tmp_path / "cut.mkv"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    task = job(source, out, ("submission",))
    done = write_video(task, predictor(), "people look")
    assert 0 < done.frames < 25 and len(levels_in(task.targets["submission"])) == done.frames
    assert f"{task.targets['submission']} has {done.frames} maps, one per decoded frame" in str(done.problems[-1])


def test_an_interrupted_submission_leaves_no_file(film, out):
    def stop(count, _second):
        if count == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(job(film, out, ("submission",)), predictor(), "people look", report=stop)
    assert list(out.iterdir()) == []
