"""Rows of videos: the maps of a MapSource and the baselines against recorded gaze, frame by frame.

A frame counts if it has a ground truth of its own (`truths.frames_scored`); a video's score is the mean over these
frames. Frames are scored in a thread while later ones are predicted; only sums are kept, so that memory does not grow
with the length of the video.
"""

import math
from contextlib import closing

from mindaam.errors import InputError
from mindaam.evaluation.train_gaze import baseline_maps
from mindaam.evaluation.truths import fitted, frames_scored, truth_of_frame
from mindaam.inference.pipeline import Behind
from mindaam.inference.videos import MAP_BYTES, queue_depth
from mindaam.metrics.protocols import METRICS, comparison_size
from mindaam.metrics.scoring import score


def rows_of_video(source, reader, index, roles, protocol, gaze=None, people=None, progress=None):
    """The rows of one entry of a reader of videos, one per role; [] for a video without ground truth.

    source: MapSource; roles: {role: prompts}; protocol: Protocol; gaze, people: TrainGaze and People of the reader, or
    None; the index seeds what is drawn at random. progress: called as progress(frames so far, frames in all).
    `maps` of a row is the number of scored frames. Frames in which a metric is undefined are excluded from its mean.
    Raises InputError for damage, for maps that are not finite, and unless there are as many maps as frames.
    """
    name, condition = reader.entries[index]
    wanted, texts = frames_scored(reader, index, protocol), list(dict.fromkeys(sum(map(list, roles.values()), [])))
    if not wanted.any():
        return []
    frames = _Frames(reader, index, protocol, gaze, people, texts)
    depth = queue_depth(reader.size(index), MAP_BYTES * len(texts))
    with Behind(frames.add, depth) as scoring, closing(source.video_maps(reader, index, texts)) as found:
        for position, maps in enumerate(_counted(found, len(wanted), name)):
            if wanted[position]:
                scoring.put(position, maps)
            if progress is not None:
                progress(position + 1, len(wanted))
    start = {"dataset": reader.name, "split": reader.split, "name": name, "condition": condition}
    return [start | {"role": role, "maps": int(wanted.sum())} | means for role, means in frames.by_role(roles).items()]


class _Frames:
    """Sums of the scores of one video's frames, by prompt and by baseline."""

    def __init__(self, reader, index, protocol, gaze, people, texts):
        self._of, self._protocol, self._gaze, self._people = (reader, index), protocol, gaze, people
        size = comparison_size(protocol, reader.size(index))
        self._static = {} if gaze is None else baseline_maps(reader.entries[index][1], size, gaze)
        self._texts = {text: _Sums() for text in texts}
        self._baselines = {role: _Sums() for role in (*self._static, "people")}

    def add(self, position, maps):
        """Scores a frame. maps: [h,w], one per prompt."""
        reader, index = self._of
        truth = truth_of_frame(reader, index, position, self._protocol, self._gaze, seed=index)
        for sums, values in zip(self._texts.values(), maps, strict=True):
            sums.add(self._scored(values, truth, position))
        for role, values in self._static.items():
            self._baselines[role].add(self._scored(values, truth, position))
        if self._people is not None:
            self._baselines["people"].add(self._people.scores(index, self._protocol, self._gaze, index, position) or {})

    def by_role(self, roles):
        """{role: {metric: mean}} of the roles {role: prompts}, over their prompts and frames, and of the baselines."""
        prompted = {role: means([self._texts[text] for text in texts]) for role, texts in roles.items()}
        baselines = {role: means([sums]) for role, sums in self._baselines.items()}
        return prompted | {role: found for role, found in baselines.items() if found}

    def _scored(self, values, truth, position):
        try:
            return score(fitted(values, truth, self._protocol, is_video=True), truth, self._protocol)
        except InputError as error:
            name = self._of[0].entries[self._of[1]][0]
            raise InputError(f"the map of frame {position} of {name} cannot be scored: {error}") from error


class _Sums:
    """Running sums {metric: [sum, number of defined values]}."""

    def __init__(self):
        self.of = {}

    def add(self, scores):
        for metric, value in scores.items():
            entry = self.of.setdefault(metric, [0.0, 0])
            if not math.isnan(value):
                entry[0] += value
                entry[1] += 1


def means(several):
    """{metric: mean over all that was added to several _Sums}, NaN for a metric that was never defined."""
    found = {}
    for metric in METRICS:
        entries = [sums.of[metric] for sums in several if metric in sums.of]
        if entries:
            count = sum(number for _, number in entries)
            found[metric] = sum(total for total, _ in entries) / count if count else math.nan
    return found


def _counted(maps, frames, name):
    """The items of an iterable; InputError unless there are as many as the video has frames."""
    count = 0
    for count, each in enumerate(maps, 1):
        if count > frames:
            raise InputError(f"{name} has {frames} usable frames, but there are more maps; predict the video again")
        yield each
    if count < frames:
        raise InputError(f"{name} has {frames} usable frames, but only {count} maps; predict the video again")
