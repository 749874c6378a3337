"""What a Prediction offers beside its arrays: numbers, files, an image in a notebook."""

import io

import numpy as np
import pytest
from PIL import Image

from mindaam.errors import ConfigError, InputError
from mindaam.inference.prediction import SHOWN
from mindaam.inference.predictor import Predictor
from tests.fakes import FakeEncoder, FakeModel


@pytest.fixture
def spot():
    """The prediction for an image with one bright spot, and the image."""
    image = np.full((60, 80, 3), 30, np.uint8)
    image[10:20, 10:30] = 250
    return Predictor(FakeModel(), sentence_encoder=FakeEncoder()).predict(image, "Someone looks around here."), image


def test_shares_points_and_spread(spot, tmp_path):
    prediction, image = spot
    content = [{"name": "spot", "box": [10, 10, 20, 10]}, {"name": "low", "box": [0, 0.5, 1, 0.5], "unit": "fraction"}]
    first, low = prediction.share(content)
    assert first.attention == pytest.approx(prediction.density[10:20, 10:30].sum(dtype=np.float64), rel=1e-6)
    assert first.ratio > 1 > low.ratio and low.area == 0.5 and first.area == 200 / 4800
    (point, *_) = prediction.top_points()
    assert point.rank == 1 and 10 <= point.x <= 30 and 10 <= point.y <= 20
    assert len(prediction.top_points(0)) == 0 and 0 < prediction.spread() < prediction.spread(0.9) < 1
    with pytest.raises(InputError, match="outside the image of 80 x 60 pixels"):
        prediction.share([{"name": "far", "box": [70, 0, 20, 5]}])
    with pytest.raises(InputError, match="No such file"):
        prediction.share(tmp_path / "gone.json")


def test_files_by_their_suffix(spot, tmp_path):
    prediction, image = spot
    for name in ("a.png", "a.jpg", "a.npy"):
        prediction.save(tmp_path / name)
    assert np.array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), prediction.density)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), prediction.rendered())
    assert Image.open(tmp_path / "a.jpg").format == "JPEG"
    with pytest.raises(ConfigError, match="a.gif must end with one of .jpg"):
        prediction.save(tmp_path / "a.gif")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_notebook_shows_the_overlay_and_without_the_image_the_map(spot):
    prediction, image = spot
    shown = np.asarray(Image.open(io.BytesIO(prediction._repr_png_())))
    assert np.array_equal(shown, prediction.rendered()) and not np.array_equal(shown, image)
    alone = prediction._replace(image=None).rendered()
    assert alone.shape == (60, 80, 3) and alone.dtype == np.uint8
    assert alone[15, 20].sum() > alone[50, 60].sum()
    wide = prediction._replace(density=np.full((10, 3000), 1 / 30000, np.float32), image=None)
    assert Image.open(io.BytesIO(wide._repr_png_())).size[0] == SHOWN


def test_show_opens_the_overlay(spot, monkeypatch):
    opened = []
    monkeypatch.setattr(Image.Image, "show", lambda image: opened.append(np.asarray(image)))
    spot[0].show()
    assert np.array_equal(opened[0], spot[0].rendered())
