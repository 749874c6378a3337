"""The folder that a document's blocks run in: tiny files and folders under the names that the documents use."""

import gzip
import json
import shutil

import cv2

from mindaam.data.datasets.catalogue import record
from mindaam.data.imports.importing import Wanted, import_gaze
from tests.clips import make_clip, pictures
from tests.data.datasets import image_trees, video_trees
from tests.docs.documents import ROOT
from tests.training.small import TRAIN, VAL, make_gaze

SECONDS = (0, 60, 61)  # at which video.mp4 shows a frame: README.md predicts from its 60th on


def make(folder, model):
    """Writes photo.jpg, holiday/, video.mp4, examples/, FOLDER and UNSEEN (gaze folders), ROOT
    (datasets), MYDIR (gaze folders of one's own), my_videos (a gaze folder of videos), models that were trained, and
    links to the checkout's scripts; returns the folder. model: the checkpoint that the trained models are copies of."""
    folder.mkdir()
    for name in ("ascend_scripts", "benchmarks"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "docs" / "images").mkdir(parents=True)
    small = [cv2.resize(cv2.imread(str(path)), (96, 72)) for path in sorted((ROOT / "examples").glob("*.jpg"))]
    for name, picture in zip(("photo", "holiday/one"), small, strict=False):
        (folder / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{name}.jpg"), picture)
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("*.mp4"))
    make_clip(folder / "video.mp4", pictures(len(SECONDS)), times=SECONDS, options={"bf": "0"})
    gaze = make_gaze(folder / "FOLDER")
    for copy in (gaze / "eyecrowd", gaze / "scene500", folder / "MYDIR" / "mine"):
        shutil.copytree(gaze / "osie", copy)
        meta = json.loads((copy / "meta.json").read_text())
        (copy / "meta.json").write_text(json.dumps({**meta, "name": copy.name}))
    (gaze / "objects").mkdir()
    for name in ("osie", "eyecrowd"):
        boxes = {image: [{"name": "dog", "box": [0, 0, 30, 20]}] for image in (*TRAIN, *VAL)}
        (gaze / "objects" / f"{name}.json").write_text(json.dumps({"pictures": boxes}))
    for name, condition in (("fiwi", "free_viewing"), ("interiors_search", "visual_search")):
        copy = folder / "UNSEEN" / name
        shutil.copytree(gaze / "osie", copy)
        meta = json.loads((copy / "meta.json").read_text())
        (copy / "meta.json").write_text(json.dumps({**meta, "name": name, "conditions": {condition: condition}}))
        table = copy / "fixations.csv.gz"
        table.write_bytes(
            gzip.compress(gzip.decompress(table.read_bytes()).replace(b"free_viewing", condition.encode()))
        )
    image_trees.build("salicon", "official", folder / "ROOT" / record("salicon").folders[0])
    video_trees.build("diem", "official", folder / "ROOT")
    _videos(folder)
    _maps(gaze / "osie", folder / "MAPS" / "osie")
    for name in ("mine", "films"):  # what docs/export.md exports
        (folder / "runs" / name).mkdir(parents=True)
        shutil.copy(model, folder / "runs" / name / "best.safetensors")
    return folder


def _maps(gaze, folder):
    """A gray map for each image of a gaze folder, which is the image itself."""
    folder.mkdir(parents=True)
    for image in (gaze / "stimuli").iterdir():
        cv2.imwrite(str(folder / f"{image.stem}.png"), cv2.imread(str(image), cv2.IMREAD_GRAYSCALE))


def _videos(folder):
    """A gaze folder of two videos of 20 frames."""
    sources = folder / "videos"
    sources.mkdir()
    lines = ["image,x,y,t_ms,duration_ms"]
    for name in "ab":
        make_clip(sources / f"{name}.mp4", pictures(20), tone=0.8)
        lines += [f"{name}.mp4,{10 + 4 * number},20,{100 * number},100" for number in range(8)]
    (folder / "videos.csv").write_text("\n".join(lines) + "\n")
    import_gaze(sources, folder / "videos.csv", folder / "my_videos", Wanted(val=0.5))
