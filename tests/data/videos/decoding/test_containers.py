"""What is opened as a video."""

import pytest

from mindaam.data.videos.reading import video_info
from mindaam.errors import InputError
from tests.clips import make_clip, pictures


def test_a_film_never_opens_another_file(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", pictures(3))
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{clip}\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError, match="not a video"):
        video_info(playlist)
    script = tmp_path / "script.mp4"
    script.write_text(f"ffconcat version 1.0\nfile '{clip}'\n")
    with pytest.raises(InputError, match="not a video"):
        video_info(script)
    odd = tmp_path / "concat:a|b.mp4"
    odd.write_bytes(clip.read_bytes())
    assert video_info(odd).width == 64
