"""Curves of a training run as SVG: numbers only, so that no name from the data ever reaches a drawing.

Raw values are pale behind a smoothed line. Long runs are drawn by bins of steps: the pale band then reaches from a
bin's smallest value to its largest.
"""

import io

import numpy as np

from mindaam.evaluation.run_files import known

KINDS = {"pictures": "#b5367a", "clips": "#22709c"}
SHOWN = 240  # points of a curve, at most
SMOOTHED = 0.03  # of a curve's length, over which it is smoothed
WIDTH = 10.0  # inches


def series(rows, kind, column):
    """(steps, values) of one kind of step, float arrays; without rows whose value is not finite."""
    pairs = [(row["step"], row[column]) for row in rows if row["kind"] == kind and known(row, column) is not None]
    values = np.array(pairs, np.float64).reshape(-1, 2)
    return values[:, 0], values[:, 1]


def smoothed(values):
    """The mean over a window about each value that shrinks at the ends, so that the ends are not pulled anywhere."""
    reach = max(1, int(len(values) * SMOOTHED / 2)) if len(values) > 10 else 0
    total = np.concatenate([[0.0], np.cumsum(values)])
    axis = np.arange(len(values))
    half = np.minimum(np.minimum(axis, len(values) - 1 - axis), reach)
    return (total[axis + half + 1] - total[axis - half]) / (2 * half + 1)


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
    """The total loss, images and clips side by side. changes: steps at which a phase begins; SVG, or None."""
    kinds = [kind for kind in KINDS if len(series(rows, kind, "loss")[0])]
    if not kinds:
        return None
    drawing, axes = _axes(1, len(kinds), 3.1)
    for axis, kind in zip(axes, kinds, strict=True):
        axis.sharey(axes[0])
        _curve(axis, *series(rows, kind, "loss"), KINDS[kind])
        _span(axis, rows)
        _finish(axis, f"loss, {kind}", changes)
    return _svg(drawing)


def terms(rows, columns, changes):
    """One small plot per term, both kinds in each; columns: {column: title}. SVG, or None without any."""
    there = {column: [kind for kind in KINDS if len(series(rows, kind, column)[0])] for column in columns}
    there = {column: kinds for column, kinds in there.items() if kinds}
    if not there:
        return None
    lines = -(-len(there) // 3)
    drawing, axes = _axes(lines, min(3, len(there)), 2.1 * lines)
    for axis, (column, kinds) in zip(axes, there.items(), strict=False):
        for kind in kinds:
            _curve(axis, *series(rows, kind, column), KINDS[kind])
        _span(axis, rows)
        _finish(axis, columns[column], changes)
    for axis in axes[len(there) :]:
        axis.set_axis_off()
    return _svg(drawing)


def rate(rows, changes):
    """The learning rate of every step, SVG, or None."""
    points = np.array([(row["step"], row["rate"]) for row in rows if known(row, "rate") is not None], np.float64)
    if not len(points):
        return None
    drawing, [axis] = _axes(1, 1, 1.9)
    few = np.unique(np.linspace(0, len(points) - 1, min(4 * SHOWN, len(points))).astype(int))
    axis.plot(points[few, 0], points[few, 1], color="#3b4252", linewidth=1.5, marker=_marker(points[:, 0]))
    axis.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
    axis.set_ylim(bottom=0)
    _finish(axis, "learning rate", changes)
    return _svg(drawing)


def scores(epochs, mean, sets, best):
    """CC over the epochs: the mean over the sets, strong, and each set, pale. epochs: their numbers; mean,
    and each list in sets: values or None; best: where in these lists the mark goes, or None. SVG."""
    drawing, [axis] = _axes(1, 1, 3.0)
    for values in sets:
        axis.plot(epochs, _numbers(values), color="#b8c0cc", linewidth=1.2, marker=_marker(epochs), markersize=3)
    axis.plot(epochs, _numbers(mean), color="#b5367a", linewidth=2.2, marker=_marker(epochs))
    if best is not None:
        axis.plot([epochs[best]], [mean[best]], "o", color="#b5367a", markersize=8)
        axis.annotate(
            f"{mean[best]:.4f}",
            (epochs[best], mean[best]),
            (0, 8),
            textcoords="offset points",
            ha="center",
            color="#b5367a",
            weight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )
        axis.margins(y=0.18)
    axis.xaxis.get_major_locator().set_params(integer=True)
    _finish(axis, "CC on the held-out splits", (), "epoch")
    return _svg(drawing)


def _curve(axis, steps, values, color):
    line = smoothed(values)
    if len(values) <= SHOWN:
        axis.plot(steps, values, color=color, alpha=0.3, linewidth=0.9, marker=_marker(steps), markersize=4)
        axis.plot(steps, line, color=color, linewidth=2)
        return
    at, low, _, high = binned(steps, values)
    axis.fill_between(at, low, high, color=color, alpha=0.18, linewidth=0)
    axis.plot(at, binned(steps, line)[2], color=color, linewidth=2)


def _span(axis, rows):
    """All of the run's steps, so that drawings below each other can be compared."""
    first, last = rows[0]["step"], rows[-1]["step"]
    reach = 0.02 * (last - first) or 1.0
    axis.set_xlim(first - reach, last + reach)


def _axes(lines, columns, height):
    from matplotlib.figure import Figure  # without pyplot: no window, no state

    drawing = Figure((WIDTH, height), layout="constrained")
    return drawing, list(drawing.subplots(lines, columns, squeeze=False).ravel())


def _finish(axis, title, changes, below="step"):
    for step in changes:
        axis.axvline(step, color="#8a94a6", linewidth=1, linestyle=":")
    axis.set_title(title, loc="left", fontsize=10, color="#1f2430")
    axis.set_xlabel(below, fontsize=8, color="#667085")
    axis.tick_params(labelsize=8, colors="#667085", length=0)
    axis.grid(color="#e4e7ec", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[:].set_visible(False)


def _svg(drawing):
    stream = io.BytesIO()
    drawing.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def _numbers(values):
    return [float("nan") if value is None else value for value in values]


def _marker(values):
    """A dot at each value where there are few, so that a single one is seen."""
    return "." if len(values) < 25 else None
