"""The averages of a model's weights, in predictions of an epoch: quick, and the right maps."""

import numpy as np

from mindaam.models.registry import build_model
from mindaam.training.optim.ema import Ema
from tests.decoder.small import stirred
from tests.models.tiny import CHANGES, NAME, images, prompts


def test_a_compiled_model_follows_the_averages_without_being_compiled_again():
    model = build_model(NAME, changes=CHANGES).set_train(False)
    stirred(model.head)
    weights = model.trained_parameters()
    ema = Ema(weights)
    for average in ema.averages:
        average.set_data(average * 1.1)
    before, places = model.infer(images(), prompts()), [weight.data_ptr() for weight in weights]
    with ema.applied():
        inside = model.infer(images(), prompts())
        assert [weight.data_ptr() for weight in weights] == places  # else its graphs are made again
        model.compiles = False
        np.testing.assert_allclose(inside.map, model.infer(images(), prompts()).map, atol=1e-5)
        model.compiles = True
    assert np.abs(inside.map - before.map).max() > 1e-3
    assert [weight.data_ptr() for weight in weights] == places
    np.testing.assert_array_equal(model.infer(images(), prompts()).map, before.map)
