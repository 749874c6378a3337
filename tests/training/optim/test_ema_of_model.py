"""The averages of a model's weights, in predictions of an epoch: quick, and the right maps."""

import numpy as np

from mindaam.models.registry import build_model
from mindaam.training.optim.ema import Ema
from tests.decoder.small import stirred
from tests.models.tiny import CHANGES, NAME, images


def test_a_compiled_model_follows_the_averages_without_being_compiled_again():
    model = build_model(NAME, changes=CHANGES).set_train(False)
    stirred(model.head)
    weights = model.trained_parameters()
    ema = Ema(weights)
    for average in ema.averages:
        average.set_data(average * 1.1)
    features, places = model.image_features(images()), [weight.data_ptr() for weight in weights]

    def prepared():  # the part of the head that compiles in a second
        return [part.asnumpy() for part in model.prepare(features)[0]]

    before = prepared()
    with ema.applied():
        inside = prepared()
        assert [weight.data_ptr() for weight in weights] == places  # else its graphs are made again
        model.compiles = False
        for ours, plain, former in zip(inside, prepared(), before, strict=True):
            np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-5)
            assert not np.allclose(ours, former, atol=1e-3)
        model.compiles = True
    assert [weight.data_ptr() for weight in weights] == places
    for ours, former in zip(prepared(), before, strict=True):
        np.testing.assert_array_equal(ours, former)
