"""Videos whose headers lie: durations, scales, sizes, frame counts, edit lists."""

from functools import cache

from tests.reliability.originals.lying_videos import all_of_them
from tests.reliability.row import Row
from tests.reliability.rows.videos import attempt

COUNT = 500  # of some 700


@cache
def _lies():
    return list(all_of_them().items())


def make(dice, number, folder):
    """Writes video `number`."""
    _, content = _lies()[number]
    suffix, content = content()
    path = folder / f"video{suffix}"
    path.write_bytes(content)
    return path


ROW = Row(
    "video-headers",
    "videos with wrong headers",
    "Length, rate, size and number of frames in a header are not trusted.",
    "Fields of mp4, avi, mkv, webm, ivf, flv and y4m headers with numbers from 0 to 4 billion, including edit lists "
    "and audio; read like the row above.",
    COUNT,
    make,
    attempt,
    megabytes=1500,
)
