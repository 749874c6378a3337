"""NSS of a video's maps at the gaze of its wearer: the bundled model in windows, frame by frame, and a center prior.

    python benchmarks/video_gaze.py VIDEO GAZE.tsv [--model NAME|PATH] [--prompt TEXT]

GAZE.tsv has the columns frame_idx, norm_pos_x and norm_pos_y (0..1, y down), as in the mobileGazeMapping recordings.
One wearer's gaze for two seconds is weak evidence: it is one scanpath, not the gaze of many viewers.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from mindaam import runtime
from mindaam.data.videos.reading import read_frames
from mindaam.data.videos.windows import Windows
from mindaam.inference.predictor import DEFAULT_MODEL, Predictor
from mindaam.metrics import nss

CENTER_SIGMA = 0.25  # of the frame's sides, of the center prior


def main():
    """Prints the mean NSS over the frames with gaze data, one row per predictor."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("video", type=Path)
    options.add_argument("gaze", type=Path)
    options.add_argument("--model", default=DEFAULT_MODEL)
    options.add_argument("--prompt", default=None)
    asked = options.parse_args()
    runtime.configure(mode="graph")
    frames = [frame.image for frame in read_frames(asked.video)]
    height, width = frames[0].shape[:2]
    gaze = read_gaze(asked.gaze, width, height)
    predictor = Predictor(asked.model)
    rows = {"center prior": [center(height, width)] * len(frames)}
    rows["frame by frame"] = predictor.stream(frames, asked.prompt, windows=Windows(1, 0))
    if predictor.model.config.temporal:
        rows["in windows"] = predictor.stream(frames, asked.prompt)
        rows["in windows, causal"] = predictor.stream(
            frames, asked.prompt, windows=predictor.video_windows(causal=True)
        )
    print(f"{asked.video.name}: {len(frames)} frames, {sum(map(len, gaze.values()))} gaze samples of one wearer")
    for name, predictions in rows.items():
        scores = [
            nss(getattr(each, "density", each), np.array(gaze[number]))
            for number, each in enumerate(predictions)
            if number in gaze
        ]
        print(f"  {name}: NSS {np.mean(scores):.3f} (mean of {len(scores)} frames)")


def read_gaze(path, width, height):
    """{frame: [(x, y), ...] in pixels}, without samples outside the frame."""
    gaze = {}
    with open(path, newline="") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            x, y = float(row["norm_pos_x"]) * width, float(row["norm_pos_y"]) * height
            if 0 <= x < width and 0 <= y < height:
                gaze.setdefault(int(row["frame_idx"]), []).append((x, y))
    return gaze


def center(height, width):
    """A Gaussian in the center [H, W]."""
    rows, columns = ((np.arange(side) + 0.5) / side - 0.5 for side in (height, width))
    return np.exp(-0.5 * ((rows[:, None] / CENTER_SIGMA) ** 2 + (columns[None] / CENTER_SIGMA) ** 2))


if __name__ == "__main__":
    main()
