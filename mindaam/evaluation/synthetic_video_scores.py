"""A model on held pseudo-films: each frame by itself, and in windows, as films are predicted."""

import json

import numpy as np

from mindaam.data.transforms import resize_image
from mindaam.data.videos.windows import Windows, stream
from mindaam.files import write_text
from mindaam.metrics.videos import summary


def report(trained):
    """Scores a finished run (`training.film_run.Trained`), writes scores.json into its folder, returns lines to show.

    "frame by frame" is the model without its temporal blocks, the ablation's E1.
    """
    clip = trained.model.config.temporal.clip
    scores = {
        "frame by frame": score(trained.model, trained.held, Windows(1, 0)),
        "with the temporal blocks": score(trained.model, trained.held, Windows(clip, clip // 4)),
    }
    write_text(trained.folder / "scores.json", json.dumps(scores, indent=1))
    return [f"{name}: {told(each)}" for name, each in scores.items()]


def score(model, films, windows):
    """The scores of `metrics.films.summary` on all films (`training.film_data.Films`), predicted in windows;
    `Windows(1, 0)` is frame by frame."""
    rows = []
    for index, spec in enumerate(films.specs):

        def answer(frames, first, sentence=films.sentences[index][None]):
            clip = windows.length > 1
            return model.infer_frames(np.concatenate(frames), sentence, films.size, first=first, clip=clip).map[:, 0]

        frames = (films.window(index, number, 1) for number in range(films.frames))
        maps = np.stack([resize_image(each, films.truth_size) for each in stream(frames, answer, windows)])
        rows.append((spec.kind, maps, films.truths[index]))
    return summary(rows)


def told(scores):
    """Scores in a line."""
    return ", ".join(f"{key} {value:.4f}" for key, value in scores.items())
