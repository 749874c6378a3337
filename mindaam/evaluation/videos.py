"""Agreement of a model's maps with recorded gaze in videos, with their audio, for right and mismatched prompts.

A video is predicted in clips as long as those of training, one after the other; the last one is shifted back so that it
ends with the video, and its first frames are scored once. A frame counts if it has a ground truth of its own. Its map
is compared as an image's is (`evaluation.gaze`), but for sAUC; a video's score is the mean over its frames.
"""

import numpy as np

from mindaam.data import transforms
from mindaam.data.prompts.prompting import Prompting
from mindaam.evaluation.gaze import mean_scores, score_map, swap_roles
from mindaam.metrics.comparison import LONGEST_SIDE

ALONE = 16  # frames at a time for a model that takes each by itself


def clips_of(frames, length):
    """[(positions of a clip's frames, how many of its first ones an earlier clip has)] that cover a video.

    A video shorter than a clip is filled up with its last frame, which is scored once.
    """
    if frames <= length:
        return [(list(range(frames)), 0)]
    firsts = [*range(0, frames - length, length), frames - length]
    ends = [0, *(first + length for first in firsts)]
    return [
        (list(range(first, first + length)), max(0, end - first)) for first, end in zip(firsts, ends[:-1], strict=True)
    ]


def score_video(model, embed, reader, entry, prompting=Prompting(), audio_encoding=None):  # noqa: B008 - an immutable tuple
    """One row of `gaze.score_roles` per role for one video, means over its frames; [] of one without ground truth.

    model: AAM in evaluation mode; embed: list of prompts -> [n,E]; reader: of videos; prompting: as in
    `gaze.swap_roles`; audio_encoding: `training.feeding.corpus_source.AudioEncoding`, or None without audio. Raises
    InputError for damage.
    """
    settings, (name, condition) = model.config, reader.entries[entry]
    clip = settings.temporal is not None
    length = settings.temporal.clip if clip else ALONE
    roles = swap_roles(reader, condition, prompting)
    asked = list(dict.fromkeys(text for texts in roles.values() for text in texts))
    embedded, labelled = embed(asked), reader.labelled(entry)
    scored = {text: [] for text in asked}
    for positions, done in clips_of(reader.frames(entry), length):
        wanted = [number for number in range(done, len(positions)) if labelled[positions[number]]]
        if not wanted:
            continue
        seen = positions + [positions[-1]] * (length - len(positions) if clip else 0)
        maps, audio = _frames_and_audio(model, reader, entry, seen, audio_encoding if clip else None)
        truths = [_truth(reader, entry, positions[number]) for number in wanted]
        for text, embedding in zip(asked, embedded, strict=True):
            predicted = model.infer_frames(maps, embedding[None], settings.image_size, audio, first=0, clip=clip).map
            for number, truth in zip(wanted, truths, strict=True):
                scored[text].append(score_map(predicted[number, 0], *truth))
    row = {"dataset": reader.name, "image": name, "condition": condition}
    return [
        row | {"role": role} | mean_scores([each for text in texts for each in scored[text]])
        for role, texts in roles.items()
        if scored[texts[0]]
    ]


def _frames_and_audio(model, reader, entry, positions, audio_encoding):
    """The maps of a clip's frames [T,sum of C_i,h,w], and the embeddings of its audio, or None."""
    settings = model.config
    cut = None if audio_encoding is None else audio_encoding.cut
    sample = reader.clip(entry, positions, tuple(settings.image_size), resize=settings.resize, audio=cut)
    frames = (transforms.normalize(each, settings.mean, settings.std)[None] for each in sample.image)
    maps = np.concatenate([model.video.maps(model.image_features(frame)) for frame in frames])
    return maps, None if sample.audio is None else audio_encoding.by_frame(sample.audio)


def _truth(reader, entry, position):
    """(density, fixations or None) of a frame at the size of the comparison."""
    stored = reader.size(entry)
    size = transforms.fit_within(stored, LONGEST_SIDE)
    points = reader.fixations(entry, position)
    points = None if points is None or not len(points) else transforms.scale_fixations(points, stored, size)
    return reader.density(entry, position, size), points
