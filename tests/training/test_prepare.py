"""The backbone recomputed, or in half precision, within a whole step."""

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.places import configs_dir
from mindaam.training.feeding.corpus_source import IMAGES
from mindaam.training.starting import shaped_model
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.training.tasks.corpus_objective import SHARED, CorpusObjective, optimizers, prepare
from tests.training.test_repeatable import Gradients

BATCH = 2


def gradients(name, **options):
    """(terms [7], {name: gradient}) of one step with `prepare`'s options, always from the same start."""
    changes = ["data_root=nowhere", f"model={name}"]
    config = CorpusConfig.load(configs_dir() / "train" / "corpus.yaml", changes, tiny=True)
    runtime.configure(mode="graph", seed=0)
    model = shaped_model(config)
    prepare(model, **options)
    (height, width), draw = model.config.image_size, np.random.default_rng(0)
    shapes = (BATCH, 3, height, width), (BATCH, model.config.text.width), (BATCH, 1, height, width)
    inputs = [ms.Tensor(draw.random(shape, np.float32)) for shape in shapes]
    parameters = optimizers(model, config)[SHARED].parameters
    cell = Gradients(CorpusObjective(model, config.loss, IMAGES), parameters).set_train(True)
    (_, terms), found = cell(ms.Tensor(1.0, ms.float32), *inputs)
    named = zip(parameters, found, strict=True)
    return terms.asnumpy(), {parameter.name: each.asnumpy() for parameter, each in named}


@pytest.mark.slow  # graphs to compile
@pytest.mark.parametrize("name", ["aam_dinov2_vits14", "aam_dinov3_vits16"])
def test_a_backbone_recomputed_or_in_float16_gives_the_same_gradients(name, graph):
    terms, plain = gradients(name)
    assert any("lora" in parameter and gradient.any() for parameter, gradient in plain.items())
    together = np.concatenate([each.ravel() for each in plain.values()])
    others, recomputed = gradients(name, recompute=True)
    np.testing.assert_array_equal(terms, others)
    for parameter, gradient in plain.items():
        np.testing.assert_allclose(recomputed[parameter], gradient, rtol=1e-6, err_msg=parameter)
    others, half = gradients(name, precision="float16")
    assert not np.array_equal(terms, others)  # it did compute otherwise
    np.testing.assert_allclose(others, terms, rtol=2e-3, atol=1e-3)
    assert all(each.dtype == np.float32 for each in half.values())
    halved = np.concatenate([each.ravel() for each in half.values()])
    assert np.linalg.norm(halved - together) < 0.02 * np.linalg.norm(together)
