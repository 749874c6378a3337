"""Learning rates by step and epoch: pure functions, and the configuration that chooses one."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mindaam.schema import Beta, Count, CountOrNone, Positive, Rate, RateOrNone, Schema

Divisor = Annotated[Positive, Field(ge=1)]


class ScheduleConfig(Schema):
    """Which rate a step has.

    kind: "cosine_epochs", "cosine", "one_cycle" or "constant", the functions below.
    learning_rate: the highest rate. final_rate: the lowest one of both cosines.
    warmup_steps: over which the rate first rises evenly from nearly nothing; "one_cycle" has a rise of its own.
    period, afterwards: of "cosine_epochs". The paper gives T_max = 10 and 1e-5; "stay" remains there, as one reads it,
        "climb" goes up again, as the released code does.
    rise, start_divisor, final_divisor, anneal: of "one_cycle"; the defaults are PyTorch's.
    """

    kind: Literal["cosine_epochs", "cosine", "one_cycle", "constant"]
    learning_rate: Rate
    final_rate: RateOrNone = 0.0
    warmup_steps: CountOrNone = 0
    period: Count = 10
    afterwards: Literal["stay", "climb"] = "stay"
    rise: Beta = 0.3
    start_divisor: Divisor = 25.0
    final_divisor: Divisor = 1e4
    anneal: Literal["cosine", "linear"] = "cosine"

    @model_validator(mode="after")
    def _falls(self):
        if self.final_rate > self.learning_rate:
            raise ValueError(f"final_rate {self.final_rate} is above learning_rate {self.learning_rate}")
        return self


def rate_at(config, step, *, epoch, steps):
    """The learning rate of a step.

    config: ScheduleConfig; step: from 0, of the whole run; epoch: the one that it belongs to, from 0 (epochs differ in
    length when data join later); steps: of the whole run.
    """
    highest, lowest, warmup = config.learning_rate, config.final_rate, config.warmup_steps
    if config.kind == "one_cycle":
        return one_cycle(
            step, steps, highest, rise=config.rise, start_divisor=config.start_divisor,
            final_divisor=config.final_divisor, anneal=config.anneal,
        )  # fmt: skip
    if config.kind == "cosine":
        return cosine(min(step, steps), steps, highest, lowest, warmup)
    risen = min(1.0, (step + 1) / warmup) if warmup else 1.0
    if config.kind == "cosine_epochs":
        return risen * cosine_epochs(epoch, config.period, highest, lowest, climb=config.afterwards == "climb")
    return risen * highest


def cosine_epochs(epoch, period, highest, lowest, *, climb=False):
    """Cosine annealing that changes once an epoch (from 0): from `highest` to `lowest` in `period` epochs.

    Then it stays at `lowest`, or, with `climb`, follows the cosine on, up to `highest` and down again every 2 `period`.
    """
    if not climb:
        epoch = min(epoch, period)
    return _on_cosine(epoch / period, highest, lowest)


def cosine(step, steps, start, end, warmup=0):
    """Learning rate of `step` (from 0): a linear rise over `warmup` steps to `start`, then half a cosine to `end`."""
    if step < warmup:
        return start * (step + 1) / warmup
    return _on_cosine((step - warmup) / max(steps - warmup, 1), start, end)


def one_cycle(step, steps, highest, *, rise=0.3, start_divisor=25.0, final_divisor=1e4, anneal="cosine"):
    """The 1cycle policy (Smith and Topin 2019) in two phases, as PyTorch's OneCycleLR computes it.

    From `highest` / start_divisor it rises to `highest` at step `rise` * steps - 1 (a fraction of a step, as there),
    then falls to `highest` / start_divisor / final_divisor at the last step, steps - 1, and stays there. anneal: the
    shape of both phases. Momentum is left alone; PyTorch's cycles it by default.
    """
    start = highest / start_divisor
    between = _on_cosine if anneal == "cosine" else _on_line
    top, last = rise * steps - 1, steps - 1
    if step < top:
        return between(step / top, start, highest)
    return between(min((step - top) / (last - top), 1.0), highest, start / final_divisor)


def _on_cosine(share, start, end):
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * share))


def _on_line(share, start, end):
    return start + (end - start) * share
