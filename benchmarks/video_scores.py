"""The cost of scoring a video beside its prediction: seconds of each, and of both side by side.

    python benchmarks/video_scores.py [--frames 300] [--viewers 20] [--protocol paper|mit] [--model NAME|PATH]
                                      [--only scores]

The video is the clip of examples/, 1280 x 720, repeated, in a gaze folder with random gaze; the maps of the model are
scored by CC, SIM, KLD, NSS and AUC-Judd in a thread while later frames are predicted (`evaluation.videos`). "scores
alone" reads no model: its maps are given. --only scores: without prediction.
"""

import argparse
import gzip
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from common import CLIP, machine
from video import repeated

LIMIT = 30.0  # seconds for the scores of 300 frames beside their prediction
RATE, SIZE = 25, (720, 1280)


def main():
    """Makes the video, measures and prints a line for each part."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--frames", type=int, default=300)
    options.add_argument("--viewers", type=int, default=20)
    options.add_argument("--protocol", default="paper")
    options.add_argument("--model", default=None, help="a model's name, a checkpoint or a run's folder")
    options.add_argument("--only", choices=("scores",))
    asked = options.parse_args()
    print(machine(), flush=True)
    from mindaam.metrics.protocols import METRICS, protocol

    wanted = protocol(asked.protocol)._replace(metrics=METRICS[:5])
    with tempfile.TemporaryDirectory() as folder:
        reader = gaze_folder(Path(folder) / "made", asked)
        print(f"{reader.frames(0)} frames of {SIZE[1]} x {SIZE[0]}, {asked.viewers} viewers, {wanted.sentence()}")
        alone = shown("scores alone", seconds_of(Smooth(), reader, wanted))
        if asked.only:
            return
        from mindaam.evaluation.maps import ModelMaps
        from mindaam.inference.predictor import DEFAULT_MODEL, Predictor

        model = ModelMaps(Predictor(asked.model or DEFAULT_MODEL))
        next(model.video_maps(reader, 0, ["A person looks around."]))  # compiles
        began = time.perf_counter()
        for _ in model.video_maps(reader, 0, ["A person looks around."]):
            pass
        predicted = shown("prediction alone", time.perf_counter() - began)
        both = shown("prediction and scores", seconds_of(model, reader, wanted))
    print(f"scores: {alone / predicted:.2f} x the prediction alone, {both - predicted:.1f} s beside it", end=" ")
    limit = LIMIT * asked.frames / 300
    print(f"(at most {limit:.0f}): {'met' if both - predicted <= limit else 'NOT MET'}")


def shown(title, seconds):
    """Prints the seconds of a part, and returns them."""
    print(f"{title}: {seconds:.1f} s", flush=True)
    return seconds


def seconds_of(source, reader, wanted):
    """Seconds to score a video's maps under one prompt."""
    from mindaam.evaluation.videos import rows_of_video

    began = time.perf_counter()
    rows_of_video(source, reader, 0, {"right": ["A person looks around."]}, wanted)
    return time.perf_counter() - began


class Smooth:
    """A MapSource of smooth random maps at the size of the frames."""

    name = "smooth"

    def video_maps(self, reader, index, prompts):
        """Yields one map per prompt and frame."""
        import cv2

        draw = np.random.default_rng(0)
        maps = [cv2.resize(draw.random((24, 24), np.float32), SIZE[::-1]) for _ in range(8)]
        for position in range(reader.frames(index)):
            yield [maps[position % len(maps)]] * len(prompts)


def gaze_folder(root, asked):
    """The reader of a gaze folder of one video with random gaze."""
    from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
    from mindaam.data.videos.timeline import timeline

    (root / "stimuli").mkdir(parents=True)
    repeated(CLIP, root / "stimuli" / "a.mp4", asked.frames / RATE)
    known = timeline(root / "stimuli" / "a.mp4")
    frames = len(known.times)
    listed = {"a.mp4": {"size": SIZE[::-1], "frames": frames, "rate": known.rate}}
    meta = {"name": "made", "conditions": ["free_viewing"], "films": listed, "px_per_degree_stored": 36}
    (root / "meta.json").write_text(json.dumps(meta))
    (root / "splits.json").write_text(json.dumps({"val": ["a.mp4"]}))
    places = np.random.default_rng(0).uniform((0, 0), SIZE[::-1], (frames, asked.viewers, 2))
    rows = [
        f"a.mp4,free_viewing,{x:.1f},{y:.1f},{1000 * time + 1:.0f},20"
        for time, points in zip(known.times, places, strict=True)
        for x, y in points
    ]
    text = "\n".join(["image,condition,x,y,t_ms,duration_ms", *rows])
    (root / "fixations.csv.gz").write_bytes(gzip.compress(text.encode()))
    return open_gaze_videos(root, "val")


if __name__ == "__main__":
    main()
