"""A model's scores on synthetic videos whose feature maps are given."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.data.videos.windows import Windows
from mindaam.evaluation.synthetic_video_scores import report, score

SIZE, FRAMES = (8, 12), 6


class Follower:
    """A model whose maps are a frame's features, or, in clips, their mean over the clip."""

    config = SimpleNamespace(temporal=SimpleNamespace(clip=4))

    def infer_frames(self, maps, embedding, size, *, first, clip):
        assert embedding.shape == (1, 3) and size == SIZE and clip == (len(maps) > 1)
        maps = np.broadcast_to(maps.mean(0, keepdims=True), maps.shape) if clip else maps
        return SimpleNamespace(map=maps[first:])


class Held:
    """Three videos of one bright place: it moves, it stays, and it flickers in the features though not in the truth."""

    size, truth_size, frames = SIZE, SIZE, FRAMES
    specs = [SimpleNamespace(kind=kind) for kind in ("pan", "static", "static")]
    embeddings = np.ones((3, 3), np.float32)

    def __init__(self):
        maps = np.full((3, FRAMES, *SIZE), 0.01, np.float32)
        for number in range(FRAMES):
            maps[0, number, 4, number] = maps[1, number, 2, 2] = 1.0
            maps[2, number, 2, 2 + 5 * (number % 2)] = 1.0
        self.truths = maps.copy()
        self.truths[2] = self.truths[1]
        self.maps = maps

    def window(self, index, first, length):
        return self.maps[index, first : first + length, None]


def test_frame_by_frame_and_in_windows():
    alone, together = (score(Follower(), Held(), windows) for windows in (Windows(1, 0), Windows(4, 1)))
    assert alone["CC_moving"] == pytest.approx(1, abs=1e-4) and together["CC_moving"] < 0.7
    assert alone["flicker_static"] == pytest.approx(0.5 * 1 / 1.96, abs=0.1)
    assert together["flicker_static"] < 0.2 * alone["flicker_static"]


def test_a_report_is_returned_and_written(tmp_path):
    lines = report(tmp_path, Follower(), Held())
    kept = json.loads((tmp_path / "scores.json").read_text())
    assert list(kept) == ["frame by frame", "with the temporal blocks"] and len(lines) == 2
    assert lines[0].startswith("frame by frame: CC_moving 1.0000, CC_static ")
