"""Several views of an image as one prediction, on a stand-in model that attends to bright places."""

import numpy as np
import pytest

from mindaam.errors import ConfigError
from mindaam.inference.predictor import Predictor
from mindaam.inference.views.predicting import HIGH, TALL, Views, checked_views, in_tiles, predict
from tests.fakes import FakeEncoder, FakeModel

TEXT, OTHER = "Someone counts the people in this image.", "people look"


@pytest.fixture
def predictor():
    return Predictor(FakeModel(), sentence_encoder=FakeEncoder())


def picture(height, width, spot):
    """A dark image with a bright spot of 10 pixels at (y, x)."""
    image = np.full((height, width, 3), 30, np.uint8)
    image[spot[0] : spot[0] + 10, spot[1] : spot[1] + 10] = 250
    return image


def test_without_views_it_is_the_predictors_own_prediction(predictor):
    image = picture(60, 80, (20, 30))
    [seen] = predict(predictor, image, [TEXT])
    [[plain]] = predictor.predict_many([image], [TEXT])
    assert seen.spread is None and np.array_equal(seen.prediction.map, plain.map)
    assert seen.prediction.image is image and predictor.model.head_passes == 2


@pytest.mark.parametrize("views", [Views("on"), Views("off", "mirror"), Views("on", "mirror", True)])
@pytest.mark.parametrize("size", [(300, 60), (60, 300), (60, 80), (1, 1), (40, 1)])
def test_any_view_is_a_prediction_of_the_same_size(predictor, views, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for seen, prompt in zip(predict(predictor, image, [TEXT, OTHER], views), (TEXT, OTHER), strict=True):
        made = seen.prediction
        assert made.map.shape == made.density.shape == size and made.prompt == prompt
        assert made.map.dtype == made.density.dtype == np.float32 and 0 <= made.map.min() <= made.map.max() <= 1
        assert made.density.sum(dtype=np.float64) == pytest.approx(1.0, abs=1e-5)
        assert (seen.spread is not None) == views.spread
        if views.spread:
            assert seen.spread.shape == size and 0 <= seen.spread.min() <= seen.spread.max() <= 2


def test_tiles_find_what_is_lost_in_the_whole(predictor):
    image = picture(1200, 60, (700, 20))
    whole, tiled = (predict(predictor, image, [TEXT], Views(each))[0].prediction.density for each in ("off", "on"))
    assert 690 < np.unravel_index(tiled.argmax(), tiled.shape)[0] < 715
    assert tiled[700:710, 20:30].mean() > 1.05 * whole[700:710, 20:30].mean()


def test_auto_takes_tiles_for_tall_pages_with_enough_pixels():
    assert in_tiles((1000, 380), "auto") > 1 and in_tiles((300, 3000), "auto") == 1
    assert in_tiles((round(TALL * 400) - 1, 400), "auto") == 1
    assert in_tiles((HIGH - 1, 2), "auto") == 1 < in_tiles((HIGH, 2), "auto")
    assert in_tiles((300, 3000), "on") > 1 and in_tiles((3000, 300), "off") == 1 and in_tiles((300, 300), "on") == 1


def test_mirror_makes_the_map_independent_of_the_side(predictor):
    image = picture(60, 84, (20, 10))
    views = Views("off", "mirror")
    [seen], [other] = (predict(predictor, each, [TEXT], views) for each in (image, image[:, ::-1]))
    np.testing.assert_allclose(seen.prediction.map, other.prediction.map[:, ::-1], rtol=1e-5)
    assert predictor.model.head_passes == 4


def test_views_that_agree_have_no_spread(predictor):
    flat = predict(predictor, np.full((40, 60, 3), 128, np.uint8), [TEXT], Views(spread=True))[0]
    assert flat.spread.max() < 1e-5
    busy = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert predict(predictor, busy, [TEXT], Views(spread=True))[0].spread.max() > 0.005


def test_unknown_views_are_refused():
    with pytest.raises(ConfigError, match='unknown value of --tiles "onn"'):
        checked_views(Views("onn"))
    with pytest.raises(ConfigError, match='unknown value of --tta "flip".*known: mirror, none'):
        checked_views(Views(tta="flip"))
