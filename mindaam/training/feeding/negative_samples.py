"""Negative Sample Attack (E.2): some samples hear noise, and the gate has to learn that noise is nothing to go by."""

import numpy as np
from pydantic import model_validator

from mindaam.schema import CountOrNone, Number, Schema

SILENT_LEVEL = 0.05  # standard deviation of the noise where a sample is silent: about that of soft speech
SILENT = 1e-4  # -80 dB: below that a sample is as good as silent


class Schedule(Schema):
    """A value that goes linearly from `start` at step `first` to `end` at step `last`; in a file also one number, which
    it then is throughout."""

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
    """p: how often a sample's sound is replaced by noise. weight: how much the mean gate over these samples counts."""

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
    """Gaussian noise in place of sounds [N,samples], each as loud as its sound, float32; it may reach beyond 1."""
    # At one fixed level, loudness alone would tell noise from sound: the gate would close at that level and stay open
    # for all other noise. With each sound's own level both are equally loud, and what is left to go by is structure.
    levels = waves.std(1, dtype=np.float64, keepdims=True)
    levels = np.where(levels < SILENT, SILENT_LEVEL, levels).astype(np.float32)
    return levels * draw.standard_normal(waves.shape, np.float32)


def attacked(draw, waves, p):
    """Sounds [N,samples] float32 of which each is replaced by noise with probability p, and which were, bool [N].

    draw: a seeded NumPy generator. The given array stays as it is.
    """
    chosen = draw.random(len(waves)) < p
    heard = waves.copy()
    heard[chosen] = noise_like(draw, waves[chosen])
    return heard, chosen


def swapped(waves):
    """Every sample with the sound of the one before it, the first with the last one's."""
    return np.roll(waves, 1, axis=0)


def mean_gates(gate, draw, waves):
    """{"true", "swapped", "noise"}: the mean gate on true sounds [N,samples], on other samples' sounds, on noise.

    gate: a function of sounds [N,samples] that gives the gates of the N samples, any shape.
    """
    heard = {"true": waves, "swapped": swapped(waves), "noise": noise_like(draw, waves)}
    return {name: float(np.mean(gate(each))) for name, each in heard.items()}
