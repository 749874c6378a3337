"""The gate over time, drawn."""

import io

import numpy as np
import pytest
from PIL import Image

from mindaam.errors import OutputError
from mindaam.inference.output.plots import GatePlot, drawn


def red(png):
    """Where a picture is coloured, [H,W]."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    return pixels[..., 0] - pixels[..., 1] > 60


def test_a_high_gate_is_drawn_high():
    times = np.linspace(3, 9, 60)
    low, high = red(drawn(times, np.full(60, 0.1))), red(drawn(times, np.full(60, 0.9)))
    assert low.any() and high.any()
    assert np.argwhere(high)[:, 0].mean() < np.argwhere(low)[:, 0].mean() - 60


def test_one_frame_can_be_drawn():
    assert red(drawn([2.0], [0.5])).any()


def test_a_plot_is_written_whole_or_not_at_all(tmp_path):
    for error, left in ((None, True), (ValueError, False), (KeyboardInterrupt, True)):
        path = tmp_path / f"{error}.png"
        try:
            with GatePlot(path) as plot:
                plot.write(0.5, 1.0)
                plot.write(0.6, 2.0)
                if error:
                    raise error
        except (ValueError, KeyboardInterrupt):
            assert error
        assert path.exists() == left
    with GatePlot(tmp_path / "none.png"):
        pass
    assert not (tmp_path / "none.png").exists()
    with pytest.raises(OutputError, match="cannot write"), GatePlot(tmp_path / "nowhere/x.png") as plot:
        plot.write(0.5, 1.0)
