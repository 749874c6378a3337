"""Negative Sample Attack (E.2): the audio of some samples is replaced by noise, for which the gate has to close."""

import numpy as np
from pydantic import model_validator

from mindaam.schema import CountOrNone, Number, Schema

SILENT_LEVEL = 0.05  # standard deviation of the noise for a silent sample: about that of soft speech
SILENT = 1e-4  # standard deviation, -80 dB, below which a sample counts as silent


class Schedule(Schema):
    """A value that goes linearly from `start` at step `first` to `end` at step `last`; in a file also one number, for a
    constant."""

    start: Number
    end: Number
    first: CountOrNone = 0
    last: CountOrNone = 1

    @model_validator(mode="before")
    @classmethod
    def _constant(cls, value):
        return value if isinstance(value, dict | cls) else {"start": value, "end": value}

    @model_validator(mode="after")
    def _in_order(self):
        if self.last <= self.first:
            raise ValueError(f"a schedule's last step {self.last} must come after its first, {self.first}")
        return self

    def at(self, step):
        """The value at `step` (from 0)."""
        share = (step - self.first) / (self.last - self.first)
        return self.start + (self.end - self.start) * min(max(share, 0.0), 1.0)


class Attack(Schema):
    """p: probability that a sample's audio is replaced by noise. weight: of the mean gate over these samples."""

    p: Schedule = Schedule(start=0.2, end=0.2)
    weight: Schedule = Schedule(start=0.1, end=0.1)

    @model_validator(mode="after")
    def _in_range(self):
        low, high = sorted((self.p.start, self.p.end))
        if low < 0 or high > 1:
            raise ValueError(f"p must stay within 0 and 1; got {low} to {high}")
        if min(self.weight.start, self.weight.end) < 0:
            raise ValueError("weight must not be negative")
        return self


def noise_like(draw, waves):
    """Gaussian noise in place of waves [N,samples], each as loud as its wave, float32; it may exceed 1."""
    # At one fixed level, loudness alone would separate noise from audio: the gate would close at that level and stay
    # open for all other noise. With each wave's own level both are equally loud, and they differ in structure only.
    levels = waves.std(1, dtype=np.float64, keepdims=True)
    levels = np.where(levels < SILENT, SILENT_LEVEL, levels).astype(np.float32)
    return levels * draw.standard_normal(waves.shape, np.float32)


def attacked(draw, waves, p):
    """Waves [N,samples] float32 of which each is replaced by noise with probability p, and which were, bool [N].

    draw: a seeded NumPy generator. The given array is not changed.
    """
    chosen = draw.random(len(waves)) < p
    mixed = waves.copy()
    mixed[chosen] = noise_like(draw, waves[chosen])
    return mixed, chosen


def swapped(waves):
    """Every sample with the wave of the one before it, the first with the last one's."""
    return np.roll(waves, 1, axis=0)


def mean_gates(gate, draw, waves):
    """{"true", "swapped", "noise"}: the mean gate on true waves [N,samples], on other samples' waves, on noise.

    gate: a function of waves [N,samples] that returns the gates of the N samples, any shape.
    """
    kinds = {"true": waves, "swapped": swapped(waves), "noise": noise_like(draw, waves)}
    return {name: float(np.mean(gate(each))) for name, each in kinds.items()}
