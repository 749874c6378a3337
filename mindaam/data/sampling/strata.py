"""What a corpus offers to be drawn from, as plain data, and the configuration that says how it is drawn."""

import math
from typing import Literal, NamedTuple

from pydantic import Field

from mindaam.data.datasets.catalogue import MODALITIES
from mindaam.data.sampling.clips import ClipRules, problem
from mindaam.errors import ConfigError, InputError, unknown
from mindaam.schema import Count, CountOrNone, Few, Fraction, Positive, Schema, Seed, Share


class Stratum(NamedTuple):
    """What one set offers under one condition.

    modality: "image", "video" or "audio_video". members: how many images, or a tuple with the frames of each video.
    labelled: of videos, bool [frames] each, the frames whose gaze is known, or None for all. weight: multiplies the
    set's. joins: the epoch, from 0, in which it is first drawn.
    """

    set: str
    modality: str
    condition: str
    members: int | tuple
    labelled: tuple | None = None
    weight: float = 1.0
    joins: int = 0

    def labels(self, entry):
        """The labels of one video, bool [frames], or None when all of its frames are labeled."""
        return None if self.labelled is None else self.labelled[entry]


class SetRules(Schema):
    """What is particular to one set. skip: first frames of its videos that are not drawn. strides: where they differ.

    samples: clips a video gives for every one that a video of another set gives. mirror, reverse: whether its images
    and videos may be mirrored, its videos shown backwards.
    """

    skip: CountOrNone = 0
    strides: tuple[Count, ...] | None = Field(default=None, min_length=1)
    samples: Positive = 1.0
    mirror: bool = True
    reverse: bool = True


class SamplingConfig(Schema):
    """How a corpus is drawn. batch_size, clips: images and clips a step, over all ranks. clip: T, frames in a clip.

    image_share: image steps among all, where there are both. weights: {set: how often it is drawn relative to its
    size}. rules: {set: SetRules}. audio_visual_after: epochs before videos with sound join. strides, mirror, reverse,
    short: see `ClipRules`; videos with sound are neither strided nor mirrored nor reversed. steps: in an epoch; None
    for as many as show each image once (without images: `samples` clips of each video), times its weight. seed: of
    order, clips, prompts and the attack on audio; None for that of the run.
    """

    batch_size: Few = 32
    clip: Few = 16
    clips: Few = 1
    image_share: Share = 0.4
    weights: dict[str, Positive] = {}
    rules: dict[str, SetRules] = {}
    audio_visual_after: CountOrNone = 10
    strides: tuple[Count, ...] = Field(default=(1, 2, 3, 4), min_length=1)
    mirror: Fraction = 0.5
    reverse: Fraction = 0.5
    short: Literal["leave_out", "repeat"] = "leave_out"
    steps: Count | None = None
    seed: Seed | None = None

    def rules_of(self, stratum):
        """The SetRules of a stratum's set."""
        return self.rules.get(stratum.set, SetRules())

    def batch_of(self, stratum):
        """How many images or clips of a stratum a step has, over all ranks."""
        return self.batch_size if stratum.modality == "image" else self.clips

    def joins(self, stratum):
        """The epoch in which a stratum is first drawn."""
        return max(stratum.joins, self.audio_visual_after if stratum.modality == "audio_video" else 0)


class Unusable(NamedTuple):
    """A video that gives no clip: its number in the stratum of (set, condition), and why."""

    set: str
    condition: str
    entry: int
    why: str


def clip_rules(stratum, config):
    """The ClipRules of a stratum of videos. Raises ConfigError when videos with sound are to be strided."""
    own = config.rules_of(stratum)
    rules = ClipRules(config.clip, own.skip, short=config.short)
    if stratum.modality == "audio_video":
        if own.strides not in (None, (1,)):
            raise ConfigError(f"rules.{stratum.set}.strides: videos with sound have the stride 1; leave the key out")
        return rules
    return rules._replace(
        strides=own.strides or config.strides,
        mirror=config.mirror if own.mirror else 0.0,
        reverse=config.reverse if own.reverse else 0.0,
    )


def unusable(strata, config):
    """The videos that give no clip, as a list of Unusable; a plan leaves them out."""
    found = []
    for stratum in strata:
        if stratum.modality != "image":
            rules = clip_rules(stratum, config)
            for entry, frames in enumerate(stratum.members):
                why = problem(frames, rules, stratum.labels(entry))
                if why:
                    found.append(Unusable(stratum.set, stratum.condition, entry, why))
    return found


def batches_an_epoch(stratum, members, config):
    """How many batches show each of a stratum's members once, times all that multiplies; not rounded."""
    times = stratum.weight * config.weights.get(stratum.set, 1.0)
    if stratum.modality != "image":
        times *= config.rules_of(stratum).samples
    return times * members / config.batch_of(stratum)


def check(stratum):
    """Raises ConfigError or InputError for a stratum that is not as its description says."""
    where = f"{stratum.set}, {stratum.condition}"
    if stratum.modality not in MODALITIES:
        raise unknown("modality", stratum.modality, MODALITIES)
    if isinstance(stratum.members, tuple) == (stratum.modality == "image"):
        raise ConfigError(f"{where}: members must be a number of images, or a tuple with the frames of each video")
    if not stratum.members or (stratum.modality == "image" and stratum.members < 0):
        raise ConfigError(f"{where}: there is nothing to draw from; leave the set out")
    if not (0 < stratum.weight < math.inf and stratum.joins >= 0):
        raise ConfigError(f"{where}: the weight must be above 0, the epoch in which it joins 0 or more")
    if stratum.labelled is not None and tuple(map(len, stratum.labelled)) != stratum.members:
        raise InputError(f"{where}: every video needs one label a frame; read the set again")
