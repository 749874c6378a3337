"""Frames by their numbers, wherever the reading begins and whatever the container makes of it."""

import numpy as np
import pytest

from mindaam.data.videos import numbered
from mindaam.data.videos.numbered import frames_by_rate, numbered_frames
from mindaam.data.videos.reading import read_frames
from mindaam.data.videos.timeline import timeline
from mindaam.errors import InputError
from tests.clips import make_clip, number_of, pictures, trimmed

UNEVEN = [0.0, 0.04, 0.5, 0.52, 1.7, 3.0, 3.04, 3.08, 3.12, 4.0, 4.5, 4.52]


def seen(path, numbers, known=None):
    found = numbered_frames(path, known or timeline(path), numbers)
    return [(number, number_of(frame.image), round(frame.time, 3)) for number, frame in found]


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.flv"])
@pytest.mark.parametrize("numbers", [[0], [7], [11], [3, 4, 9], list(range(12))])
def test_frame_n_is_the_nth_that_is_shown_at_uneven_times_too(tmp_path, name, numbers):
    path = make_clip(tmp_path / name, pictures(12), times=UNEVEN, options={"g": "4"})
    assert seen(path, numbers) == [(each, each, UNEVEN[each]) for each in numbers]


def test_what_an_edit_list_hides_is_not_counted(tmp_path):
    source = make_clip(tmp_path / "all.mp4", pictures(28), options={"bf": "0", "g": "28"})
    path = trimmed(source, tmp_path / "cut.mp4", 0.8)
    assert len(timeline(path).times) == 8
    assert seen(path, [0, 3, 7]) == [(0, 20, 0.0), (3, 23, 0.12), (7, 27, 0.28)]
    with pytest.raises(InputError, match="has 8 frames; frame 8 does not exist"):
        seen(path, [6, 8])


def test_even_times_give_what_reading_by_the_rate_gives(tmp_path):
    path = make_clip(tmp_path / "v.mp4", pictures(28), rate=25, options={"g": "10"})
    for numbers in ([0, 1, 2], [11, 13, 17], [26, 27]):
        ours = list(numbered_frames(path, timeline(path), numbers))
        before = list(frames_by_rate(path, 25.0, numbers))
        for (number, frame), (same, other) in zip(ours, before, strict=True):
            assert number == same and frame.time == other.time
            np.testing.assert_array_equal(frame.image, other.image)


def test_a_container_that_seeks_badly_is_read_from_its_start(tmp_path, monkeypatch):
    path = make_clip(tmp_path / "v.mp4", pictures(12))
    known, starts = timeline(path), []

    def astray(path, pick, size):
        starts.append(pick.start)
        for frame in read_frames(path, pick, size):
            yield frame._replace(time=frame.time + 0.01) if pick.start and frame.time > 0.3 else frame

    monkeypatch.setattr(numbered, "read_frames", astray)
    assert [each[:2] for each in seen(path, [6, 7, 8, 9], known)] == [(k, k) for k in (6, 7, 8, 9)]
    assert len(starts) == 2 and starts[1] == 0.0


def test_a_timeline_of_another_video_ends_in_a_sentence(tmp_path):
    path = make_clip(tmp_path / "v.mp4", pictures(12))
    known = timeline(path)
    with pytest.raises(InputError, match="no longer has the frame at second 0.247"):
        seen(path, [6], known._replace(times=known.times + 0.007))
