"""The loop over steps on a model of one matrix: results read at once, or several steps' together, are the same."""

import csv

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn, ops

from mindaam.data.sampling.plan import SamplerState
from mindaam.errors import InputError, TrainingError
from mindaam.training import checkpoint_content, checkpoints, loop
from mindaam.training.config import RunConfig
from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.ema import Ema
from mindaam.training.ranks.distributed import ALONE
from mindaam.training.reporting.progress import Progress
from mindaam.training.run_folder import Logs
from mindaam.training.step import TrainStep
from mindaam.training.tasks.task import Part, Scored, Setup, Task

STEPS, PARTS = 7, 2  # of an epoch; of a step
pytestmark = pytest.mark.usefixtures("graph")


class Model(nn.Cell):
    """The sum of weight times x, squared."""

    def __init__(self):
        super().__init__()
        self.weight = ms.Parameter(ms.Tensor(np.arange(6, dtype=np.float32).reshape(2, 3)), name="weight")

    def construct(self, scale, x):
        loss = ops.square((self.weight * x).sum())
        return loss * scale, ops.stack((loss, loss + 1.0))


class Matrix(Task):
    """A task of two epochs; the x of step `hurt`, counted from 1, is not finite; from `gone` on there are no data."""

    terms, columns, epochs, total, fingerprint = ("loss", "cc"), ("set",), 2, 2 * STEPS, "x"

    def __init__(self, hurt=None, gone=None, **config):
        self.config, self.model = RunConfig(checkpoint_every=100, **config), Model()
        self.optimizers = {"model": AdamW([([self.model.weight], 0.0, 1.0)])}
        self.cell = TrainStep(self.model, self.model, list(self.optimizers.values()), parts=PARTS)
        self.ema = Ema([self.model.weight], 0.9)
        self.hurt, self.gone, self.logs = hurt, gone, {"more.csv": ("step", "weight")}

    def parameters(self):
        return self.model.trainable_params()

    def step(self, kind):
        return self.cell, ["model"]

    def parts(self, place):
        for number in range(place.epoch * STEPS + place.step, self.total):
            if number + 1 == self.gone:
                raise InputError("an image is damaged")
            for part in range(PARTS):
                x = np.random.default_rng((number, part)).random((2, 3), np.float32)
                arrays = (x * np.float32(np.inf if number + 1 == self.hurt else 1),)
                place = SamplerState(number // STEPS, number % STEPS)
                yield Part(place, "x", part, part == PARTS - 1, arrays, {"set": "xs"}, 2, (f"x{number}",))

    def following(self, place):
        epoch, step = divmod(place.epoch * STEPS + place.step + 1, STEPS)
        return SamplerState(epoch, step)

    def rate(self, number, place):
        return 0.1

    def after_step(self, number):
        weight = float(self.model.weight.asnumpy().sum())
        return {} if number % 4 else {"more.csv": {"step": number, "weight": weight}}

    def score(self, number, epoch):
        return None if epoch else Scored({}, -1.0, "nothing")


def rows(path):
    varying = ("seconds", "waiting", "computing", "memory_mb")
    with open(path, newline="") as file:
        return [{key: value for key, value in row.items() if key not in varying} for row in csv.DictReader(file)]


def trained(task, folder, to_stop=lambda: False):
    """(State, whether the run came to its end, the rows of its logs, its last checkpoint)."""
    folder.mkdir(exist_ok=True)
    setup = Setup(folder, ALONE, Progress(task.total, quiet=True))
    logs = Logs(task, 0, setup)
    request = type("Request", (), {"to_stop": property(lambda _: to_stop())})()
    state, finished = loop.train_steps(task, checkpoint_content.first_state(task), setup, logs, request)
    logs.close()
    tensors = checkpoints.load(checkpoints.latest(folder).path)[0]
    return state, finished, [rows(folder / name) for name in ("metrics.csv", "more.csv")], tensors


def require_same(one, other):
    assert one[:3] == other[:3] and len(one[2][0]) == one[0].number
    assert one[3].keys() == other[3].keys() and all(np.array_equal(one[3][key], other[3][key]) for key in one[3])


def test_steps_that_are_read_together_leave_what_those_read_one_by_one_do(tmp_path):
    one = trained(Matrix(), tmp_path / "one")
    assert one[1] and one[0].number == 2 * STEPS
    require_same(one, trained(Matrix(read_every=3), tmp_path / "three"))
    require_same(one, trained(Matrix(read_every=100), tmp_path / "all"))


def test_a_device_that_computes_on_reads_rarely_and_fetches_ahead(tmp_path, monkeypatch):
    one = trained(Matrix(), tmp_path / "one")
    reads, fetched = [], []
    read_steps, fetch = loop.read_steps, loop.Prefetched.fetch
    monkeypatch.setattr(loop, "on_cpu", lambda: False)
    monkeypatch.setattr(
        loop, "read_steps", lambda task, taken, *rest: reads.append(len(taken)) or read_steps(task, taken, *rest)
    )
    monkeypatch.setattr(loop.Prefetched, "fetch", lambda parts: fetched.append(parts) or fetch(parts))
    require_same(one, trained(Matrix(), tmp_path / "device"))
    assert reads == [STEPS, STEPS]  # READ_EVERY is larger than an epoch
    assert len(fetched) == 2 * (STEPS * PARTS - 1)  # never across an epoch's end


def test_a_request_to_stop_is_seen_when_steps_are_read(tmp_path):
    task = Matrix(read_every=3)
    state, finished, (metrics, _), _ = trained(task, tmp_path, lambda: True)
    assert not finished and state.number == 3 and len(metrics) == 3


def test_a_loss_that_is_not_finite_is_found_before_it_is_in_a_checkpoint(tmp_path):
    with pytest.raises(TrainingError, match="at step 5 .*x4"):
        trained(Matrix(hurt=5, read_every=3), tmp_path)
    assert len(rows(tmp_path / "metrics.csv")) == 4 and not list(tmp_path.glob("checkpoints/*"))


def test_damage_in_a_part_that_was_fetched_is_raised_at_its_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "on_cpu", lambda: False)
    with pytest.raises(InputError, match="damaged"):
        trained(Matrix(gone=5, read_every=2), tmp_path)
    assert len(rows(tmp_path / "metrics.csv")) == 4
