"""A model on held-out synthetic videos: each frame by itself, and in windows, as videos are predicted."""

import json

import numpy as np

from mindaam.data.transforms import resize_image
from mindaam.data.videos.windows import Windows, stream
from mindaam.files import write_text
from mindaam.metrics.videos import summary


def report(folder, model, videos):
    """Scores the AAM of a finished run, writes scores.json into its folder, returns lines for the terminal.

    videos: SyntheticVideoSet. "frame by frame" is the model without its temporal blocks, E1 of the ablation.
    """
    clip = model.config.temporal.clip
    scores = {
        "frame by frame": score(model, videos, Windows(1, 0)),
        "with the temporal blocks": score(model, videos, Windows(clip, clip // 4)),
    }
    write_text(folder / "scores.json", json.dumps(scores, indent=1))
    return [f"{name}: {line(each)}" for name, each in scores.items()]


def score(model, videos, windows):
    """The scores of `metrics.videos.summary` on all videos of a SyntheticVideoSet, predicted in windows;
    `Windows(1, 0)` is frame by frame."""
    rows = []
    for index, spec in enumerate(videos.specs):

        def answer(frames, first, embedding=videos.embeddings[index][None]):
            clip = windows.length > 1
            return model.infer_frames(np.concatenate(frames), embedding, videos.size, first=first, clip=clip).map[:, 0]

        frames = (videos.window(index, number, 1) for number in range(videos.frames))
        maps = np.stack([resize_image(each, videos.truth_size) for each in stream(frames, answer, windows)])
        rows.append((spec.kind, maps, videos.truths[index]))
    return summary(rows)


def line(scores):
    """Scores as one line."""
    return ", ".join(f"{key} {value:.4f}" for key, value in scores.items())
