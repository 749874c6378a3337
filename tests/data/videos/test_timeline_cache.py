"""Timelines are found once; what is kept of them is believed as far as it can be."""

import base64
import json
import os
import threading

import numpy as np
import pytest

from mindaam.data.videos import timeline_cache
from mindaam.data.videos.timeline import timeline
from mindaam.data.videos.timeline_cache import KEPT, find_timelines, keep, known_timelines
from tests.clips import make_clip, pictures

NAMES = ["a.mp4", "deeper/b.mkv"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    (root / "deeper").mkdir()
    make_clip(root / NAMES[0], pictures(5))
    make_clip(root / NAMES[1], pictures(4), times=[0.0, 0.3, 0.31, 2.0])
    return root


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MINDAAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def decoded(monkeypatch):
    """The names of the videos that are decoded."""
    names = []

    def note(path):
        names.append(path.name)
        return timeline(path)

    monkeypatch.setattr(timeline_cache, "timeline", note)
    return names


def same(found, root):
    assert set(found) == set(NAMES)
    for name in NAMES:
        real = timeline(root / name)
        np.testing.assert_array_equal(found[name].times, real.times)
        assert found[name][1:] == real[1:] and found[name].rate == real.rate


def test_they_are_found_once_to_the_bit_and_nothing_in_the_folder_is_changed(made, cache, decoded):
    before = sorted(made.rglob("*"))
    assert known_timelines(made, NAMES) == {}
    same(find_timelines(made, NAMES), made)
    assert sorted(decoded) == ["a.mp4", "b.mkv"]
    timeline_cache._read_once.cache_clear()
    same(find_timelines(made, NAMES), made)
    same(known_timelines(made, NAMES), made)
    assert len(decoded) == 2 and sorted(made.rglob("*")) == before


def test_a_video_that_was_changed_is_decoded_anew(made, cache, decoded, tmp_path):
    root = tmp_path / "mine"
    root.mkdir()
    make_clip(root / "a.mp4", pictures(5))
    assert len(find_timelines(root, ["a.mp4"])["a.mp4"].times) == 5
    make_clip(root / "a.mp4", pictures(7))
    assert len(find_timelines(root, ["a.mp4"])["a.mp4"].times) == 7
    os.utime(root / "a.mp4", ns=(1, 1))
    find_timelines(root, ["a.mp4"])
    assert len(decoded) == 3


def test_what_cannot_be_read_is_left_out_and_what_cannot_be_kept_is_no_error(made, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MINDAAM_CACHE", str(tmp_path / "file"))
    assert set(find_timelines(made, [*NAMES, "none.mp4"])) == set(NAMES)
    assert known_timelines(made, NAMES) == {}


def entry(path, **changes):
    known, state = timeline(path), path.stat()
    times = base64.b64encode(known.times.tobytes()).decode()
    told = {"bytes": state.st_size, "mtime_ns": state.st_mtime_ns, "end": known.end, "nominal": 25.0, "times": times}
    return {**told, **changes}


def coded(*times):
    return base64.b64encode(np.array(times, np.float64).tobytes()).decode()


@pytest.mark.parametrize(
    "change",
    [
        {"times": coded()}, {"times": coded(0, 0)}, {"times": coded(0.1, np.nan)}, {"times": coded(-1, 0)},
        {"times": coded(0, np.inf)}, {"times": "abc"}, {"times": "é"}, {"times": None}, {"times": [0, 1]}, {"end": 0.0},
        {"end": float("nan")}, {"end": 1e30}, {"end": 10**400}, {"end": {}}, {"nominal": 0}, {"nominal": -1.0},
        {"nominal": "x"}, {"bytes": 3}, {"mtime_ns": 3.5}, {"bytes": []},
    ],
    ids=str,
)  # fmt: skip
def test_a_strangers_entry_that_is_none_is_passed_over(made, cache, tmp_path, change):
    os.symlink(made / "a.mp4", tmp_path / "a.mp4")
    (tmp_path / KEPT).write_text(
        json.dumps({"version": timeline_cache.VERSION, "videos": {"a.mp4": entry(made / "a.mp4")}})
    )
    assert len(known_timelines(tmp_path, ["a.mp4"])) == 1
    changed = {"a.mp4": entry(made / "a.mp4", **change)}
    (tmp_path / KEPT).write_text(json.dumps({"version": timeline_cache.VERSION, "videos": changed}))
    assert known_timelines(tmp_path, ["a.mp4"]) == {}
    assert len(find_timelines(tmp_path, ["a.mp4"])["a.mp4"].times) == 5


@pytest.mark.parametrize("number", range(8))
def test_a_strangers_file_that_is_none_is_passed_over(made, cache, tmp_path, number):
    text = ["", "[" * 100_000, "[]", "{}", '{"version": 1}', '{"version": 1, "videos": []}',
            '{"version": 1, "videos": {"a.mp4": 3}}', '{"version": 99, "videos": {}}'][number]  # fmt: skip
    os.symlink(made / "a.mp4", tmp_path / "a.mp4")
    (tmp_path / KEPT).write_text(text)
    assert known_timelines(tmp_path, ["a.mp4"]) == {}


def test_a_folders_own_file_serves_without_the_users_cache(made, cache, decoded, tmp_path):
    root = tmp_path / "mine"
    root.mkdir()
    make_clip(root / "a.mp4", pictures(5))
    keep(root / KEPT, root, {"a.mp4": timeline(root / "a.mp4")})
    assert len(find_timelines(root, ["a.mp4"])["a.mp4"].times) == 5
    assert decoded == [] and not cache.exists()


def test_those_that_ask_at_once_wait_for_the_first(made, cache, decoded):
    threads = [threading.Thread(target=find_timelines, args=(made, NAMES)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(decoded) == ["a.mp4", "b.mkv"]


def test_threads_of_one_process_take_turns_without_a_word(made, cache, capsys):
    file = timeline_cache._cache_file(made)
    with timeline_cache._alone(file):
        waiting = threading.Thread(target=find_timelines, args=(made, NAMES))
        waiting.start()
        waiting.join(0.2)  # it waits for this thread
        assert waiting.is_alive()
    waiting.join()
    assert not timeline_cache._asked
    assert capsys.readouterr().err == ""


def test_one_line_says_what_takes_long(made, cache, monkeypatch, capsys):
    monkeypatch.setattr(timeline_cache, "MANY", 2)
    find_timelines(made, NAMES)
    find_timelines(made, NAMES)
    assert capsys.readouterr().err == f"mindaam: {made}: counting the frames of 2 videos (0 MB), once\n"
