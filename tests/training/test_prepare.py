"""The backbone recomputed, or in half precision, within a whole step."""

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.places import configs_dir
from mindaam.training.corpus_config import load_corpus_config
from mindaam.training.corpus_run import start_model
from mindaam.training.corpus_source import PICTURES
from mindaam.training.corpus_step import SHARED, CorpusObjective, optimizers, prepare
from tests.training.test_repeatable import Gradients

BATCH = 2


@pytest.fixture(scope="module")
def gradients():
    """A function of `prepare`'s options -> (terms [7], {name: gradient}) of one step from the same start."""
    runtime.configure(mode="graph")
    config = load_corpus_config(configs_dir() / "train" / "corpus.yaml", ["data_root=nowhere"], tiny=True)
    made = {}

    def of(**options):
        if tuple(options) not in made:
            runtime.configure(mode="graph", seed=0)
            model = start_model(config)
            prepare(model, **options)
            (height, width), draw = model.config.image_size, np.random.default_rng(0)
            shapes = (BATCH, 3, height, width), (BATCH, model.config.text.width), (BATCH, 1, height, width)
            inputs = [ms.Tensor(draw.random(shape, np.float32)) for shape in shapes]
            parameters = optimizers(model, config)[SHARED].parameters
            cell = Gradients(CorpusObjective(model, config.loss, PICTURES), parameters).set_train(True)
            (_, terms), found = cell(ms.Tensor(1.0, ms.float32), *inputs)
            named = zip(parameters, found, strict=True)
            made[tuple(options)] = terms.asnumpy(), {parameter.name: each.asnumpy() for parameter, each in named}
        return made[tuple(options)]

    yield of
    runtime.configure(mode="pynative")


@pytest.mark.slow  # graphs to compile
def test_recomputed_values_give_the_same_gradients(gradients):
    (terms, plain), (others, recomputed) = gradients(), gradients(recompute=True)
    np.testing.assert_array_equal(terms, others)
    for name, gradient in plain.items():
        np.testing.assert_allclose(recomputed[name], gradient, rtol=1e-6, err_msg=name)
    assert any("lora" in name and gradient.any() for name, gradient in plain.items())


@pytest.mark.slow
def test_a_backbone_in_float16_gives_about_the_same(gradients):
    (terms, plain), (others, half) = gradients(), gradients(precision="float16")
    assert not np.array_equal(terms, others)  # it did compute otherwise
    np.testing.assert_allclose(others, terms, rtol=2e-3, atol=1e-3)
    assert all(each.dtype == np.float32 for each in half.values())
    together, others = (np.concatenate([each.ravel() for each in found.values()]) for found in (plain, half))
    assert np.linalg.norm(others - together) < 0.02 * np.linalg.norm(together)
