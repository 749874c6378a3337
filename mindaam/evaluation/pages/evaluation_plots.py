"""Plots of scores: means with intervals, as places on an axis for a template, and the distribution of CC, as SVG."""

import math

import numpy as np

from mindaam.evaluation.pages import plotting
from mindaam.evaluation.pages.page import digits

# Colors that color-blind readers tell apart, and lines that differ in gray.
STYLES = {
    "center_bias": {"color": "#c2500a", "linestyle": (0, (5, 2))},
    "people": {"color": "#1f2430", "linestyle": (0, (1, 1.5))},
}
FILLED = {"color": "#0072b2"}
BINS = 30  # at most; fewer of few values, by the rule of Rice
FEW = 9  # values of which no distribution is shown


def dots(entries):
    """[(label, Mean or None, kind)] as rows on one axis, places in percent of its length: {"ticks": [(place, text)],
    "rows": [{"label", "kind", "at", "low", "high" (None where unknown), "value", "interval"}]}; None without a mean."""
    known = [(label, mean, kind) for label, mean, kind in entries if mean is not None and math.isfinite(mean.mean)]
    if not known:
        return None
    ends = [value for _, mean, _ in known for value in (mean.mean, mean.low, mean.high) if math.isfinite(value)]
    ticks = _ticks(min(ends), max(ends))
    span = ticks[-1] - ticks[0]

    def place(value):
        return round(3 + 94 * (value - ticks[0]) / span, 2)

    rows = []
    for label, mean, kind in known:
        whole = math.isfinite(mean.low + mean.high)
        rows.append({
            "label": label, "kind": kind, "at": place(mean.mean), "value": digits(mean.mean),
            "low": place(mean.low) if whole else None, "high": place(mean.high) if whole else None,
            "interval": interval_of(mean),
        })  # fmt: skip
    return {"ticks": [(place(value), f"{value:.4g}".replace("-", "−")) for value in ticks], "rows": rows}


def interval_of(mean):
    """The interval of a Mean as a text, "" where it is unknown."""
    return f"[{digits(mean.low, 3)}, {digits(mean.high, 3)}]" if math.isfinite(mean.low + mean.high) else ""


def distribution(values):
    """A histogram of CC as SVG; values: {role: list of float}, the predictions filled, STYLES as lines. None for
    at most FEW values of the first role."""
    arrays = {role: np.array(each, np.float64) for role, each in values.items() if len(each)}
    if not arrays or len(next(iter(arrays.values()))) <= FEW:
        return None
    whole = np.concatenate(list(arrays.values()))
    low, high = float(whole.min()), float(whole.max())
    bins = min(BINS, math.ceil(2 * len(next(iter(arrays.values()))) ** (1 / 3)))
    edges = np.linspace(low, high if high > low else low + 0.01, bins + 1)
    figure, [place] = plotting.axes(1, 1, 2.6)
    for role, each in arrays.items():
        style, shares = STYLES.get(role, FILLED), np.histogram(each, edges)[0] / len(each)
        if role not in STYLES:
            place.stairs(shares, edges, fill=True, color=style["color"], alpha=0.35)
        place.stairs(shares, edges, linewidth=1.8, **style)
        place.axvline(each.mean(), linewidth=1.2, **style)
    place.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    place.set_ylim(bottom=0)
    plotting.finish(place, "share of images or videos by their CC; vertical lines: means", (), "CC")
    return plotting.svg(figure)


def _ticks(low, high):
    """Three to seven round numbers that enclose the values from low to high."""
    span = max(high - low, 1e-3)
    unit = 10.0 ** math.floor(math.log10(span))
    step = next(unit * each for each in (0.2, 0.5, 1, 2, 5) if span / (unit * each) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]
