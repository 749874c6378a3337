"""What is seen at which step: batches of one set and one condition, images and videos in a fixed ratio.

Everything follows from the plan and (epoch, step): any step can be had without those before it, a resume needs two
integers, and all ranks agree without communication. This is how it is computed:

- The members of a stratum (what one set has under one condition) are drawn in cycles, each a new permutation of them
  all, laid end to end for ever; its batch number i takes the places [i B, (i+1) B). So all batches have one size, the
  rest of a cycle opens the next one's first batch, and no member comes again before all have come as often.
- Image steps and video steps alternate by their share. Among images, and among videos, batch i of a stratum with the
  share r falls due at (i + 1/2) / r, and batches come in the order in which they fall due.
- An epoch shows each image once, times its set's weight; as many video steps go with them as the ratio asks for.
  Rounding is carried on from epoch to epoch.
"""

import math
import zlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mindaam.data.sampling.clips import draw_clip
from mindaam.data.sampling.strata import SamplingConfig, batches_an_epoch, check, clip_rules, unusable
from mindaam.errors import ConfigError, unknown

# First word of the random generators' seeds, one for each thing that is drawn.
ORDER, MIRRORS, CLIP, SENTENCES = range(4)


class ImageBatch(NamedTuple):
    """A rank's part of an image step. entries: members' numbers in their stratum; mirrored: a bool for each."""

    set: str
    condition: str
    entries: tuple
    mirrored: tuple


class ClipBatch(NamedTuple):
    """A rank's part of a video step. clips: tuple of ClipDraw."""

    set: str
    condition: str
    clips: tuple


class _Kind(NamedTuple):
    """The strata of images, or of videos. strata: their numbers, int64 [n]; shares: of their steps, float64 [n]."""

    strata: np.ndarray
    shares: np.ndarray


class _Stretch(NamedTuple):
    """Epochs from `first` on that draw from the same strata. steps: in each of them; before: in all earlier ones.

    drawn: batches of each of the plan's strata before, int64.
    """

    first: int
    steps: int
    before: int
    pictures: _Kind
    films: _Kind
    drawn: np.ndarray


@dataclass(frozen=True, eq=False)
class Plan:
    """What `make_plan` makes. strata: sorted by name; usable: the members of each that are drawn, int64 [n]."""

    config: SamplingConfig
    strata: tuple
    usable: tuple
    stretches: tuple


class SamplerState(NamedTuple):
    """Where a run is: the step that comes next. Together with the plan, all that a resume needs."""

    epoch: int = 0
    step: int = 0

    def advance(self, plan):
        """The state after one step, of this epoch or of the next."""
        if self.step + 1 < steps_in(plan, self.epoch):
            return SamplerState(self.epoch, self.step + 1)
        return SamplerState(self.epoch + 1, 0)


def make_plan(strata, config, known=()):
    """The Plan that draws from strata by a SamplingConfig; the order in which strata are listed does not matter.

    known: names of sets that the configuration may mention though no stratum is of them. A plan of no run, whose
    configuration has no seed, has the seed 0. Raises ConfigError for a
    stratum that cannot be drawn from, one that is listed twice, an unknown dataset, or when nothing is drawn from
    the first epoch on; InputError for labels that do not fit their video.
    """
    strata = tuple(sorted(strata, key=lambda stratum: (stratum.set, stratum.condition)))
    if config.seed is None:
        config = config.model_copy(update={"seed": 0})
    for stratum in strata:
        check(stratum)
    names = {stratum.set for stratum in strata} | set(known)
    for name in (*config.weights, *config.rules):
        if name not in names:
            raise unknown("dataset", name, names)
    twice = [key for key, times in Counter((s.set, s.condition) for s in strata).items() if times > 1]
    if twice:
        raise ConfigError(f"{twice[0][0]} has {twice[0][1]} twice; put its members into one stratum")
    left_out = {(film.set, film.condition, film.entry): film.why for film in unusable(strata, config)}
    usable = tuple(_usable(stratum, left_out) for stratum in strata)
    return Plan(config, strata, usable, _stretches(config, strata, usable))


def steps_in(plan, epoch):
    """Steps of an epoch, which counts from 0; the same for all ranks."""
    return _stretch(plan, epoch).steps


def draw(plan, epoch, step, rank=0, world=1):
    """The part of a rank at a step of an epoch, all counted from 0: an ImageBatch or a ClipBatch.

    The parts of ranks 0, 1, ..., laid end to end, are the step's batch, which is the same for every `world`. Raises
    ConfigError when a batch cannot be shared evenly, or there is no such step or rank.
    """
    index, number = _at(plan, epoch, step)
    stratum, config = plan.strata[index], plan.config
    size, part = _part(config, stratum, rank, world)
    entries = _members(plan, index, number * size + np.arange(part.start, part.stop))
    if stratum.modality == "image":
        chance = config.mirror if config.rules_of(stratum).mirror else 0.0
        mirrored = _rng(MIRRORS, config.seed, epoch, step).random(size)[part] < chance
        return ImageBatch(stratum.set, stratum.condition, tuple(entries), tuple(mirrored.tolist()))
    rules, clips = clip_rules(stratum, config), []
    for place, entry in enumerate(entries, part.start):
        rng = _rng(CLIP, config.seed, epoch, step, place)
        clips.append(draw_clip(rng, entry, stratum.members[entry], rules, stratum.labels(entry)))
    return ClipBatch(stratum.set, stratum.condition, tuple(clips))


def prompt_choice(plan, epoch, step, pool, scored_share=0.5, rank=0, world=1):
    """The sentence of each image or clip of a rank's part, a tuple of numbers in 0..pool-1.

    pool: how many sentences the step's condition may be trained with, the one that it is scored with first; that one
    is taken with probability `scored_share`, else any of them, itself included.
    """
    index, _ = _at(plan, epoch, step)
    size, part = _part(plan.config, plan.strata[index], rank, world)
    rng = _rng(SENTENCES, plan.config.seed, epoch, step)
    scored, other = rng.random(size) < scored_share, rng.integers(pool, size=size)
    return tuple(np.where(scored, 0, other)[part].tolist())


def _usable(stratum, left_out):
    """The numbers of a stratum's members that can be drawn, int64 [n]; ConfigError when there are none."""
    if stratum.modality == "image":
        return np.arange(stratum.members)
    reasons = [left_out.get((stratum.set, stratum.condition, entry)) for entry in range(len(stratum.members))]
    if all(reasons):
        raise ConfigError(
            f"{stratum.set}, {stratum.condition}: no video can be drawn from (the first: {reasons[0]}); lower clip, "
            "set short: repeat, or leave the set out"
        )
    return np.flatnonzero([reason is None for reason in reasons])


def _stretches(config, strata, usable):
    """The _Stretches of a plan: a new one begins wherever strata join."""
    if not strata:
        raise ConfigError("there is nothing to draw from; add a set")
    joins = np.array([config.joins(stratum) for stratum in strata])
    joins[joins == joins.min()] = 0  # what joins first has nothing to wait for
    is_image = np.array([stratum.modality == "image" for stratum in strata])
    wanted = [batches_an_epoch(stratum, len(each), config) for stratum, each in zip(strata, usable, strict=True)]
    found, drawn, before, wanted = [], np.zeros(len(strata), np.int64), 0, np.array(wanted)
    firsts = sorted(set(joins.tolist()))
    for first, end in zip(firsts, [*firsts[1:], firsts[-1]], strict=True):
        chosen = [np.flatnonzero((joins <= first) & kind) for kind in (is_image, ~is_image)]
        steps = config.steps or _epoch_steps(config.image_share, *(wanted[kind].sum() for kind in chosen))
        kinds = [_Kind(kind, wanted[kind] / wanted[kind].sum()) for kind in chosen]
        found.append(_Stretch(first, steps, before, *kinds, drawn))
        count = (end - first) * steps
        drawn = drawn + np.bincount(_run(found[-1], config.image_share, 0, count)[0], minlength=len(strata))
        before += count
    return tuple(found)


def _epoch_steps(image_share, pictures, films):
    """Steps in which the wanted batches of images are shown, with their videos; without images, those of videos."""
    wanted = films if not pictures else pictures / image_share if films else pictures
    return max(1, math.ceil(wanted - 1e-9))


def _stretch(plan, epoch):
    if epoch < 0:
        raise ConfigError(f"there is no epoch {epoch}; epochs count from 0")
    return next(stretch for stretch in reversed(plan.stretches) if stretch.first <= epoch)


def _run(stretch, image_share, first, end):
    """The steps [first, end) of a stretch: each one's stratum and its number among the stratum's batches, int64."""
    before = _pictures_before(stretch, image_share, np.arange(first, end + 1))
    is_image = np.diff(before) > 0
    strata, numbers = np.empty(end - first, np.int64), np.empty(end - first, np.int64)
    for kind, steps, start, stop in (
        (stretch.pictures, is_image, before[0], before[-1]),
        (stretch.films, ~is_image, first - before[0], end - before[-1]),
    ):
        turns, numbers[steps] = in_due_order(kind.shares, start, stop)
        strata[steps] = kind.strata[turns]
    return strata, numbers + stretch.drawn[strata]


def _pictures_before(stretch, image_share, steps):
    """How many image steps a stretch has before each of its `steps`, int64 [n]."""
    if not len(stretch.pictures.strata) or not len(stretch.films.strata):
        return steps * bool(len(stretch.pictures.strata))
    # Counted over the whole run, so that the ratio holds across stretches too: in any run of n steps, the image
    # steps differ from image_share * n by less than one.
    rounded = np.floor((stretch.before + steps) * image_share + 0.5) - math.floor(stretch.before * image_share + 0.5)
    return rounded.astype(np.int64)


def in_due_order(shares, first, end):
    """The batches [first, end) of strata that share their steps: each one's stratum and number in it, int64.

    shares: float64 [n], > 0, sum 1. By the time t, the strata together have sent out t batches, give or take half a one
    for each: so only those that fall due within as many steps as there are strata need be sorted.
    """
    low = np.maximum(np.floor(shares * (first - len(shares))), 0).astype(np.int64)
    high = np.ceil(shares * (end + len(shares))).astype(np.int64) + 1
    stratum = np.repeat(np.arange(len(shares)), high - low)
    number = np.arange(len(stratum)) - np.repeat(np.cumsum(high - low) - high, high - low)
    order = np.argsort((number + 0.5) / shares[stratum], kind="stable")[first - low.sum() : end - low.sum()]
    return stratum[order], number[order]


@lru_cache(maxsize=4)
def _epoch(plan, epoch):
    """The epoch's steps, as two lists: strata, and numbers of batches in them."""
    stretch = _stretch(plan, epoch)
    first = (epoch - stretch.first) * stretch.steps
    strata, numbers = _run(stretch, plan.config.image_share, first, first + stretch.steps)
    return strata.tolist(), numbers.tolist()


def _at(plan, epoch, step):
    """A step's stratum and the number of its batch in it; ConfigError for a step that the epoch does not have."""
    if not 0 <= step < steps_in(plan, epoch):
        raise ConfigError(f"epoch {epoch} has no step {step}, only 0 to {steps_in(plan, epoch) - 1}")
    strata, numbers = _epoch(plan, epoch)
    return strata[step], numbers[step]


def _part(config, stratum, rank, world):
    """The size of a step's whole batch, and a rank's slice of it."""
    size = config.batch_of(stratum)
    if not 0 <= rank < world:
        raise ConfigError(f"there is no rank {rank} among {world}; ranks count from 0")
    if size % world:
        key = "batch_size" if stratum.modality == "image" else "clips"
        raise ConfigError(f"{key}: {size} cannot be shared evenly by {world} ranks; make it a multiple of {world}")
    return size, slice(rank * size // world, (rank + 1) * size // world)


def _members(plan, index, positions):
    """The members at positions of a stratum's endless sequence of cycles."""
    stratum, usable = plan.strata[index], plan.usable[index]
    name = zlib.crc32(f"{stratum.set}/{stratum.condition}".encode())  # a set's order does not hang on other sets
    cycles, places = np.divmod(positions, len(usable))
    orders = [_order(plan.config.seed, name, cycle, len(usable)) for cycle in cycles.tolist()]
    return [int(usable[order[place]]) for order, place in zip(orders, places.tolist(), strict=True)]


@lru_cache(maxsize=128)
def _order(seed, name, cycle, count):
    return _rng(ORDER, seed, name, cycle).permutation(count)


def _rng(*words):
    return np.random.default_rng(words)
