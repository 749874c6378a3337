"""Runs as a user starts them, with the real encoders and the real head, compiled."""

import csv

import numpy as np
import pytest
from safetensors.numpy import load_file

from mindaam import runtime
from mindaam.cli.main import run as command
from mindaam.places import configs_dir
from mindaam.training import checkpoints
from mindaam.training.tasks.phases_config import PhasesConfig
from mindaam.zoo import create_model
from tests.training.small import FROZEN, NAME, make_gaze, write_config

MODEL = {
    "image_size": [28, 28],
    "head": {"neck_widths": [8, 8, 8, 8], "start_width": 8, "stage_widths": [8, 8, 8]},
    "lora": {"rank": 2},
}


@pytest.fixture(autouse=True)
def afterwards():
    yield
    runtime.configure(mode="pynative")


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_short_run_gives_a_model_that_can_be_used(tmp_path, capsys):
    gaze, out = make_gaze(tmp_path / "gaze"), tmp_path / "run"
    config = write_config(tmp_path, model_changes=MODEL, folders={"osie": 4}, phases=[{**FROZEN, "epochs": 2}])
    assert command(["train", str(config), f"data_root={gaze}", "-o", str(out)]) == 0
    told = capsys.readouterr()
    assert "left" in told.err and "frozen 2/2: mean CC" in told.err and "best.safetensors" in told.err
    assert not told.out

    steps = table(out / "metrics.csv")
    assert len(steps) == 4 and all(np.isfinite(float(row["loss"])) for row in steps)
    assert len(table(out / "epochs.csv")) == 2

    best = load_file(out / "best.safetensors")
    model = create_model(NAME, checkpoint=out / "best.safetensors")
    assert model.config.image_size == (28, 28)
    for parameter in model.head.get_parameters():
        np.testing.assert_array_equal(parameter.asnumpy(), best[parameter.name])


@pytest.mark.slow
@pytest.mark.gaze
def test_the_bundled_configuration_shrinks_to_a_smoke_run(gaze_root, tmp_path):
    config, out = configs_dir() / "train" / f"{NAME}.yaml", tmp_path / "run"
    assert command(["train", str(config), f"data_root={gaze_root}", "--tiny", "-o", str(out)]) == 0
    assert [row["phase"] for row in table(out / "epochs.csv")] == [
        phase.name for phase in PhasesConfig.load(config).phases
    ]
    adapters = [array for name, array in load_file(checkpoints.latest(out).path).items() if name.endswith("lora_b")]
    assert len(adapters) == 12 and all(array.any() for array in adapters)
    assert create_model(NAME, checkpoint=out / "best.safetensors").config.image_size == (56, 56)
