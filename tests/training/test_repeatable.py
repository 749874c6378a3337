"""The same step gives the same gradients to the bit however often it has run, without which nothing could be resumed
to the bit: kernels of MindSpore for a CPU try out, from their sixth call on, into how many stretches they split their
work, and the result of some depends on it."""

from itertools import islice

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from mindaam.data.audio.cutting import Cut
from mindaam.data.sampling.plan import SamplerState
from mindaam.encoders.dropout import set_dropout_step
from mindaam.places import configs_dir
from mindaam.training.feeding.corpus import open_data
from mindaam.training.feeding.corpus_source import AudioEncoding
from mindaam.training.ranks import distributed
from mindaam.training.reporting.progress import Progress
from mindaam.training.starting import start_model
from mindaam.training.tasks.corpus import CorpusTask
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.training.tasks.corpus_objective import TERMS, CorpusObjective
from tests.training.corpus_root import make_corpus
from tests.training.feeding.test_corpus_source import loudness

TIMES = 18  # of a kernel's calls, the first 15 are of its search


class Gradients(nn.Cell):
    def __init__(self, objective, parameters):
        super().__init__(auto_prefix=False)
        self.objective = objective
        self.gradient = ms.value_and_grad(objective, None, parameters, has_aux=True)

    def construct(self, scale, *arrays):
        return self.gradient(scale, *arrays)


@pytest.mark.slow  # graphs to compile
def test_a_step_of_each_kind_gives_the_same_however_often_it_ran(graph, tmp_path):
    # an odd grid: the ends of the stretches are where kernels differ
    changes = [f"data_root={make_corpus(tmp_path / 'data')}", "corpus={osie: 1, dhf1k: 1, diem: 1}"]
    changes += ["model_changes.lora.dropout=0.1", "model_changes.image_size=[70,42]", "sampling.steps=40"]
    changes += ["model_changes.audio={name: wav2clip, width: 2, attention_width: 8, heads: 2, dropout: 0.1}"]
    config = CorpusConfig.load(configs_dir() / "train" / "corpus.yaml", changes, tiny=True)
    corpus, _ = open_data(config, False, Progress(0, quiet=True))
    audio_encoding = AudioEncoding(loudness, Cut(5, 0.5, "times", "polyphase", 1.0), released=False)
    task = CorpusTask(config, start_model(config), corpus, distributed.ALONE, audio_encoding)
    found = {part.kind: part.arrays for part in islice(task.parts(SamplerState()), 40)}
    task.close()
    assert len(found) == 3
    set_dropout_step(0, 1, 0)
    for kind, arrays in found.items():
        parameters = ms.ParameterTuple([p for name in task.taking_part(kind) for p in task.optimizers[name].parameters])
        cell = Gradients(CorpusObjective(task.model, config.loss, kind), parameters).set_train(True)
        inputs = [ms.Tensor(array) for array in arrays]
        names, first = [TERMS, *(parameter.name for parameter in parameters)], None
        for number in range(TIMES):
            (_, terms), gradients = cell(ms.Tensor(1.0, ms.float32), *inputs)
            values = [each.asnumpy() for each in (terms, *gradients)]
            first = first or values
            told = zip(names, values, first, strict=True)
            differ = [name for name, now, then in told if not np.array_equal(now, then)]
            assert not differ, f"{kind}, call {number + 1}: {len(differ)} differ, {differ[:3]}"
