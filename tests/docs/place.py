"""The folder that a document's blocks run in: tiny files and folders under the names that the documents use."""

import shutil

import cv2

from tests.clips import make_clip, pictures
from tests.docs.documents import ROOT
from tests.training.corpus_root import make_corpus
from tests.training.small import make_gaze

SECONDS = (0, 10, 20, 30, 40, 50, 60, 61)  # at which film.mp4 shows a frame: README.md predicts from its 60th on


def make(folder):
    """Writes it: photo.jpg, holiday/, film.mp4, examples/, FOLDER (gaze folders), ROOT (data sets), MYDIR (one's own
    gaze folder), gaze/films (a gaze folder of films), and the checkout's scripts; returns the folder."""
    folder.mkdir()
    for name in ("ascend_scripts", "benchmarks", "configs"):
        (folder / name).symlink_to(ROOT / name)
    small = [cv2.resize(cv2.imread(str(path)), (96, 72)) for path in sorted((ROOT / "examples").glob("*.jpg"))]
    for name, picture in zip(("photo", "holiday/one", "holiday/two"), small, strict=False):
        (folder / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{name}.jpg"), picture)
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("*.mp4"))
    make_clip(folder / "film.mp4", pictures(len(SECONDS)), times=SECONDS)
    gaze = make_gaze(folder / "FOLDER")
    for name in ("eyecrowd", "scene500"):
        shutil.copytree(gaze / "osie", gaze / name)
    shutil.copytree(gaze / "osie", folder / "MYDIR" / "mine")
    make_corpus(folder / "ROOT")
    return folder
