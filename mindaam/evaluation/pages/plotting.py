"""Plots as SVG: numbers only, so that no name from the data ever reaches a drawing."""

import io

WIDTH = 10.0  # inches


def axes(lines, columns, height):
    """A figure of `height` inches, and its lines * columns axes as a list."""
    from matplotlib.figure import Figure  # without pyplot: no window, no state

    figure = Figure((WIDTH, height), layout="constrained")
    return figure, list(figure.subplots(lines, columns, squeeze=False).ravel())


def finish(place, title, changes, below="step"):
    """Title, dotted lines at `changes`, the label below, and a grid in place of a frame."""
    for step in changes:
        place.axvline(step, color="#8a94a6", linewidth=1, linestyle=":")
    place.set_title(title, loc="left", fontsize=10, color="#1f2430")
    place.set_xlabel(below, fontsize=8, color="#667085")
    place.tick_params(labelsize=8, colors="#667085", length=0)
    place.grid(color="#e4e7ec", linewidth=0.8)
    place.set_axisbelow(True)
    place.spines[:].set_visible(False)


def svg(figure):
    """A figure as SVG, bytes; equal for equal figures."""
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
