"""Curves of a training run as SVG: numbers only, so that no name from the data ever reaches a drawing.

Raw values lie pale behind a smoothed line. Long runs are drawn by bins of steps: the pale band then reaches from a
bin's smallest value to its largest.
"""

import io

import numpy as np

from mindaam.evaluation.pages.run_files import known

KINDS = {"pictures": "#c2500a", "clips": "#0072b2"}
SHOWN = 240  # points of a curve, at most
SMOOTHED = 0.03  # of a curve's length, over which it is smoothed
WIDTH = 10.0  # inches


def series(rows, kind, column):
    """(steps, values) of one kind of step, float arrays; rows whose value is no finite number are skipped."""
    pairs = [(row["step"], row[column]) for row in rows if row["kind"] == kind and known(row, column) is not None]
    values = np.array(pairs, np.float64).reshape(-1, 2)
    return values[:, 0], values[:, 1]


def smoothed(values):
    """The mean over a window about each value that shrinks at the ends, so that the ends are not pulled anywhere."""
    reach = max(1, int(len(values) * SMOOTHED / 2)) if len(values) > 10 else 0
    total = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    half = np.minimum(np.minimum(place, len(values) - 1 - place), reach)
    return (total[place + half + 1] - total[place - half]) / (2 * half + 1)


def binned(steps, values):
    """(steps, low, mean, high) of at most SHOWN bins of as many values each."""
    edges = np.unique(np.linspace(0, len(values), min(SHOWN, len(values)) + 1).astype(int))[:-1]
    counts = np.diff(np.append(edges, len(values)))
    mean = np.add.reduceat(values, edges) / counts
    return (
        np.add.reduceat(steps, edges) / counts,
        np.minimum.reduceat(values, edges),
        mean,
        np.maximum.reduceat(values, edges),
    )


def losses(rows, changes):
    """The total loss, images and clips apart, side by side. changes: steps at which a phase begins; SVG, or None."""
    kinds = [kind for kind in KINDS if len(series(rows, kind, "loss")[0])]
    if not kinds:
        return None
    drawing, axes = _axes(1, len(kinds), 3.1)
    for place, kind in zip(axes, kinds, strict=True):
        place.sharey(axes[0])
        _curve(place, *series(rows, kind, "loss"), KINDS[kind])
        _span(place, rows)
        _finish(place, f"loss, {kind}", changes)
    return _svg(drawing)


def terms(rows, columns, changes):
    """One small drawing a term, both kinds in each; columns: {column: title}. SVG, or None where there are none."""
    there = {column: [kind for kind in KINDS if len(series(rows, kind, column)[0])] for column in columns}
    there = {column: kinds for column, kinds in there.items() if kinds}
    if not there:
        return None
    lines = -(-len(there) // 3)
    drawing, axes = _axes(lines, min(3, len(there)), 2.1 * lines)
    for place, (column, kinds) in zip(axes, there.items(), strict=False):
        for kind in kinds:
            _curve(place, *series(rows, kind, column), KINDS[kind])
        _span(place, rows)
        _finish(place, columns[column], changes)
    for place in axes[len(there) :]:
        place.set_axis_off()
    return _svg(drawing)


def rate(rows, changes):
    """The learning rate of every step, SVG, or None."""
    points = np.array([(row["step"], row["rate"]) for row in rows if known(row, "rate") is not None], np.float64)
    if not len(points):
        return None
    drawing, [place] = _axes(1, 1, 1.9)
    few = np.unique(np.linspace(0, len(points) - 1, min(4 * SHOWN, len(points))).astype(int))
    place.plot(points[few, 0], points[few, 1], color="#3b4252", linewidth=1.5, marker=_marker(points[:, 0]))
    place.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    place.set_ylim(bottom=0)
    _finish(place, "learning rate", changes)
    return _svg(drawing)


def scores(epochs, mean, sets, best):
    """CC over the epochs: the mean over the sets, strong, and each set, pale. epochs: their numbers; mean,
    and each list in sets: values or None; best: where in these lists the mark goes, or None. SVG."""
    drawing, [place] = _axes(1, 1, 3.0)
    for values in sets:
        place.plot(epochs, _numbers(values), color="#b8c0cc", linewidth=1.2, marker=_marker(epochs), markersize=3)
    place.plot(epochs, _numbers(mean), color="#c2500a", linewidth=2.2, marker=_marker(epochs))
    if best is not None:
        place.plot([epochs[best]], [mean[best]], "o", color="#c2500a", markersize=8)
        place.annotate(
            f"{mean[best]:.4f}",
            (epochs[best], mean[best]),
            (0, 8),
            textcoords="offset points",
            ha="center",
            color="#c2500a",
            weight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )
        place.margins(y=0.18)
    place.xaxis.get_major_locator().set_params(integer=True)
    _finish(place, "CC on the held-out splits", (), "epoch")
    return _svg(drawing)


def _curve(place, steps, values, color):
    line = smoothed(values)
    if len(values) <= SHOWN:
        place.plot(steps, values, color=color, alpha=0.3, linewidth=0.9, marker=_marker(steps), markersize=4)
        place.plot(steps, line, color=color, linewidth=2)
        return
    at, low, _, high = binned(steps, values)
    place.fill_between(at, low, high, color=color, alpha=0.18, linewidth=0)
    place.plot(at, binned(steps, line)[2], color=color, linewidth=2)


def _span(place, rows):
    """All of the run's steps, so that drawings below each other can be compared."""
    first, last = rows[0]["step"], rows[-1]["step"]
    reach = 0.02 * (last - first) or 1.0
    place.set_xlim(first - reach, last + reach)


def _axes(lines, columns, height):
    from matplotlib.figure import Figure  # without pyplot: no window, no state

    drawing = Figure((WIDTH, height), layout="constrained")
    return drawing, list(drawing.subplots(lines, columns, squeeze=False).ravel())


def _finish(place, title, changes, below="step"):
    for step in changes:
        place.axvline(step, color="#8a94a6", linewidth=1, linestyle=":")
    place.set_title(title, loc="left", fontsize=10, color="#1f2430")
    place.set_xlabel(below, fontsize=8, color="#667085")
    place.tick_params(labelsize=8, colors="#667085", length=0)
    place.grid(color="#e4e7ec", linewidth=0.8)
    place.set_axisbelow(True)
    place.spines[:].set_visible(False)


def _svg(drawing):
    stream = io.BytesIO()
    drawing.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def _numbers(values):
    return [float("nan") if value is None else value for value in values]


def _marker(values):
    """A dot at each value where there are few, so that a single one is seen."""
    return "." if len(values) < 25 else None
