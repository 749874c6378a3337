"""The bundled model on films, for real: its dynamics matter, and a film goes in and out of the command."""

from pathlib import Path

import numpy as np
import pytest

from mindaam.cli import main
from mindaam.data.media import read_image
from mindaam.data.synthetic.synthetic_videos import views
from mindaam.data.videos.reading import Pick, read_frames, video_info
from mindaam.inference.predictor import Predictor
from mindaam.metrics.videos import total_variation
from tests.clips import read_audio

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CLIP = EXAMPLES / "bunny.mp4"
pytestmark = pytest.mark.usefixtures("graph")


def pan(name, frames=16):
    """A camera that moves over a photograph, from left to right: uint8 [T,H,W,3]."""
    path = np.stack([np.linspace(0.3, 0.7, frames), np.full(frames, 0.45), np.full(frames, 0.6)], 1)
    return [view.astype(np.uint8) for view in views(read_image(EXAMPLES / name), path, (336, 336))]


@pytest.mark.slow  # a second model to compile
def test_switching_the_dynamics_off_changes_the_maps_of_a_moving_film():
    frames, maps = {name: pan(name) for name in ("astronaut.jpg", "coffee.jpg")}, []
    for dynamics in (True, False):
        predictor = Predictor()
        for block in predictor.model.head.temporal:
            block.variant, block.gated = block.variant._replace(dynamics=dynamics), dynamics
        maps.append([np.stack([said.map for said in predictor.stream(film)]) for film in frames.values()])
    assert np.mean([total_variation(*pair) for pair in zip(*maps, strict=True)]) >= 0.02


@pytest.mark.slow  # the demonstration does as much
def test_a_film_in_a_film_with_sound_out(tmp_path, capsys):
    asked = ["predict", str(CLIP), "-o", str(tmp_path), "--start", "1", "--end", "3", "--fps", "5"]
    assert main.run([*asked, "--save", "overlay,npy", "--prompt", "Someone follows what moves."]) == 0
    assert "1 video, prompt" in capsys.readouterr().out
    overlay, info = list(read_frames(tmp_path / "bunny.overlay.mp4")), video_info(tmp_path / "bunny.overlay.mp4")
    assert len(overlay) == 10 and info.width == 1280 and info.height > 720 and info.has_audio  # a legend below
    kept, heard = read_audio(CLIP, 16000, 1.2, 2.8), read_audio(tmp_path / "bunny.overlay.mp4", 16000, 0.2, 1.8)
    lag = np.abs(np.fft.irfft(np.fft.rfft(kept) * np.conj(np.fft.rfft(heard)))).argmax() / 16000
    assert min(lag, 1.6 - lag) < 0.05  # the sound is that of the part, in time
    with np.load(tmp_path / "bunny.npz") as densities:
        assert densities["density"].shape == (10, 90, 160)
        np.testing.assert_allclose(densities["times"], [f.time for f in read_frames(CLIP, Pick(1, 3, 1, 5))])
        np.testing.assert_allclose(densities["density"].sum((1, 2)), 1, atol=1e-4)
        assert densities["density"].max((1, 2)).min() > 3 / (90 * 160)  # they point somewhere
