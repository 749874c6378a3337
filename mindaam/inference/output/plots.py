"""A plot of the audio gate of a video over time."""

import io

from mindaam.data.media import png_texts
from mindaam.files import replacing

SIZE, DPI = (8.0, 2.4), 120  # inches
COLOR = "#b5367a"


class GatePlot:
    """A PNG of the gate over time: 1 where the audio is fully relevant to the frame, 0 where it has no effect.

    path: of the file. texts: {keyword: text} of its metadata. As a context manager it is written, whole or not at all,
    at the end and after Ctrl-C too; any other exception, or no frame, leaves no file. Raises OutputError when it cannot
    be written.
    """

    def __init__(self, path, texts=None):
        self.path, self._texts, self._times, self._gates = path, texts, [], []

    def write(self, gate, time):
        """Adds a frame's gate, 0..1, at `time` (seconds of the video)."""
        self._gates.append(gate)
        self._times.append(time)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if self._times and (kind is None or issubclass(kind, KeyboardInterrupt)):
            with replacing(self.path) as stream:
                stream.write(drawn(self._times, self._gates, self._texts))


def drawn(times, gates, texts=None):
    """The PNG's bytes: gates in 0..1 at times in seconds; texts: {keyword: text} of its metadata."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # without pyplot: no window, no state
    from matplotlib.figure import Figure

    figure = Figure(SIZE, DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(times, gates, color=COLOR, linewidth=1.5, marker="." if len(times) < 40 else None)
    axes.fill_between(times, gates, color=COLOR, alpha=0.15, linewidth=0)
    axes.set_ylim(0, 1)
    if times[0] < times[-1]:
        axes.set_xlim(times[0], times[-1])
    axes.set_xlabel("time in the video (s)")
    axes.set_ylabel("audio gate")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", pil_kwargs=png_texts(texts))
    return stream.getvalue()
