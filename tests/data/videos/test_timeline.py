"""Which frames, at which times, how long: as they are read."""

import numpy as np
import pytest

from mindaam.data.videos.reading import read_frames
from mindaam.data.videos.timeline import timeline
from mindaam.errors import InputError
from tests.clips import make_clip, pictures


def test_even_times_keep_the_rate_of_the_file(tmp_path):
    found = timeline(make_clip(tmp_path / "a.mp4", pictures(9), rate=10, tone=2.0))
    np.testing.assert_allclose(found.times, np.arange(9) / 10)
    assert found.times.dtype == np.float64 and found.rate == 10.0 and found.end == pytest.approx(0.9)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_uneven_times_are_those_that_are_read(tmp_path, name):
    path = make_clip(tmp_path / name, pictures(6), times=[0.0, 0.04, 0.5, 0.52, 1.7, 3.0])
    found = timeline(path)
    assert found.times.tolist() == [frame.time for frame in read_frames(path)]
    assert found.rate == pytest.approx(5 / 3) and found.end > 3.0


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "text.mp4").write_text("this is not a film\n" * 50)
    with pytest.raises(InputError, match="is not a film"):
        timeline(tmp_path / "text.mp4")
    make_clip(tmp_path / "none.mkv", pictures(0), codec="ffv1")
    with pytest.raises(InputError, match="none.mkv"):
        timeline(tmp_path / "none.mkv")
