"""A gaze folder of images and one of videos, and the packs of both, as {name in the folder: bytes}."""

import tempfile
from functools import cache
from pathlib import Path

from PIL import Image

from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.imports.importing import Wanted, import_gaze
from mindaam.data.packs.packing import pack
from tests.clips import make_clip, pictures

KINDS = ("images", "videos", "packed images", "packed videos")
FOLDERS = dict(zip(KINDS, ("mine", "mine", "mine.train", "mine.train"), strict=True))  # as the finder wants them named


@cache
def gaze_data(kind):
    """{path in the folder: bytes} of one of the KINDS."""
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        stimuli, gaze = place / "stimuli", place / "mine"
        stimuli.mkdir()
        if "images" in kind:
            for k in range(3):
                Image.new("RGB", (30, 20), (60 * k, 90, 120)).save(stimuli / f"{k}.png")
            rows = [f"{k}.png,s1,{3 + j},{2 + j},,150" for k in range(3) for j in range(6)]
        else:
            for k in range(2):
                make_clip(stimuli / f"{k}.mp4", pictures(10, (32, 48)), tone=0.4)
            rows = [f"{k}.mp4,s1,{3 + j},{2 + j},{50 * j},50" for k in range(2) for j in range(6)]
        (place / "gaze.csv").write_text("\n".join(["image,subject,x,y,t_ms,duration_ms", *rows]))
        import_gaze(stimuli, place / "gaze.csv", gaze, Wanted(px_per_degree=8))
        if "packed" in kind:
            reader = (GazeFolder if "images" in kind else open_gaze_videos)(gaze)
            pack(reader, place / "mine.train", (16, 24), workers=0)
        root = place / FOLDERS[kind]
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
