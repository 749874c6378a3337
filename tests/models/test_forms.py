"""A whole model in the Ascend form of its operators against the CPU form: the loss of a clip with audio, its terms, and
the gradient of every trained parameter."""

import mindspore as ms
import numpy as np
import pytest

from mindaam.environment import KERNELS
from mindaam.models.registry import build_model
from mindaam.training.feeding.corpus_source import CLIPS_WITH_AUDIO
from mindaam.training.tasks.corpus_config import LossConfig
from mindaam.training.tasks.corpus_objective import CorpusObjective
from tests.decoder.small import stirred
from tests.kernels import ascend
from tests.models.tiny import TEXT_WIDTH
from tests.models.tiny_video import AUDIO_WIDTH, CHANGES, NAME, SIZE

FRAMES, ANSWERED = 4, (0, 2)


def arrays(preset, model):
    """The inputs of `CorpusObjective`."""
    draw, count = np.random.default_rng(0), len(ANSWERED)
    tokens = (model.config.sound.tokens,) if preset == "paper" else ()
    found = [
        draw.standard_normal((FRAMES, 3, *SIZE)), draw.standard_normal((count, TEXT_WIDTH)),
        draw.random((count, 1, *SIZE)), np.array(ANSWERED), draw.standard_normal((FRAMES, *tokens, AUDIO_WIDTH)),
        np.zeros(FRAMES), np.array(0.1),
    ]  # fmt: skip
    return [ms.Tensor(each.astype(np.int32 if each.dtype.kind == "i" else np.float32)) for each in found]


@pytest.mark.parametrize("preset", ["released", "paper"])
def test_loss_and_gradients(preset, monkeypatch):
    ms.set_seed(0)
    model = build_model(NAME, preset, changes=CHANGES)
    stirred(model.head)
    objective = CorpusObjective(model, LossConfig(), CLIPS_WITH_AUDIO).set_train(False)
    inputs, parameters = (
        [ms.Tensor(1.0, ms.float32), *arrays(preset, model)],
        ms.ParameterTuple(model.trained_parameters()),
    )
    step = ms.value_and_grad(objective, None, parameters, has_aux=True)

    def computed():
        (_, terms), gradients = step(*inputs)
        return [each.asnumpy() for each in (terms, *gradients)]

    monkeypatch.setenv(KERNELS, "cpu")
    wanted = computed()
    monkeypatch.setenv(KERNELS, "ascend")
    as_on_a_cpu = computed()
    ascend.stand_in(monkeypatch)
    for found in (as_on_a_cpu, computed()):
        for name, mine, theirs in zip(("terms", *(each.name for each in parameters)), found, wanted, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5 * max(1.0, np.abs(theirs).max()), err_msg=name)
    assert sum(np.abs(each).max() > 0 for each in wanted) > 0.9 * len(wanted)
