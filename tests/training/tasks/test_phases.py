"""Whole runs of a shrunken model: their files, exact resumes after every kind of death, and what stops them."""

import csv
import json
import os
import shutil

import mindspore as ms
import numpy as np
import pytest
from safetensors.numpy import load_file

from mindaam import runtime
from mindaam.cli.main import run as command
from mindaam.errors import CheckpointError, ConfigError, InputError, OutputError, TrainingError
from mindaam.training import checkpoints, run
from mindaam.training.feeding.folder_batches import epoch_plan
from mindaam.training.feeding.folders import Source, open_folders
from mindaam.training.optim.schedule import cosine
from mindaam.training.tasks.phases import Phases
from mindaam.training.tasks.phases_config import PhasesConfig
from mindaam.zoo.checkpoints import read_metadata
from tests.training.small import ADAPTED, FROZEN, MODEL, make_gaze, use_stand_ins, write_config

PHASES = [{**FROZEN, "epochs": 2}, {**ADAPTED, "epochs": 2}]
EPOCH = 4  # steps: two batches of osie, one of each task
OFTEN = 2  # steps between two checkpoints


class KilledError(BaseException):
    """A process that dies, without the grace of an Exception."""


@pytest.fixture(scope="module")
def gaze(tmp_path_factory):
    return make_gaze(tmp_path_factory.mktemp("gaze"))


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    use_stand_ins(monkeypatch)
    yield
    runtime.configure(mode="pynative")


def start(gaze, out, resume=False, **changes):
    """Trains with the small configuration in the folder `out`, and returns that."""
    out.parent.mkdir(parents=True, exist_ok=True)
    config = write_config(out.parent, **{"phases": PHASES, "checkpoint_every": OFTEN, **changes})
    return run.train(config, [f"data_root={gaze}"], out=out, resume=resume).folder


@pytest.fixture(scope="module")
def finished(gaze, tmp_path_factory):
    """The folder of a run that nothing interrupted; tests must not write there."""
    with pytest.MonkeyPatch.context() as patches:
        use_stand_ins(patches)
        return start(gaze, tmp_path_factory.mktemp("finished") / "run")


def table(path, but=("seconds", "waiting", "computing", "memory_mb")):
    with open(path, newline="") as file:
        return [{key: value for key, value in row.items() if key not in but} for row in csv.DictReader(file)]


def latest(out):
    """Path of a run's checkpoint."""
    return checkpoints.latest(out).path


def place_of(out):
    """The place in a run's checkpoint: {"state": [epoch, step], "number": steps done, ...}."""
    return json.loads(read_metadata(latest(out))["place"])


def assert_same_run(out, other):
    for ours, theirs in ((latest(out), latest(other)), (out / "best.safetensors", other / "best.safetensors")):
        assert ours.name == theirs.name
        first, second = load_file(ours), load_file(theirs)
        assert first.keys() == second.keys()
        different = [key for key in first if not np.array_equal(first[key], second[key])]
        assert not different, f"{ours.name}: {different}"
        unlike = ("environment", "checksum")  # those of the process, and of all that is in the file
        first, second = ({k: v for k, v in read_metadata(each).items() if k not in unlike} for each in (ours, theirs))
        assert first == second
    for name in ("metrics.csv", "epochs.csv"):
        assert table(out / name) == table(other / name)


def test_a_run_leaves_its_files_and_nothing_else(finished):
    names = {path.name for path in finished.iterdir()}
    described = {"config.yaml", "environment.json", "data.json"}
    written = {"best.safetensors", "checkpoints", "latest", "metrics.csv", "epochs.csv", "events", "features"}
    assert names == described | written
    assert {p.name for p in (finished / "features").iterdir()} == {
        *(f"{f}.train.{end}" for f in ("osie", "taskfix") for end in ("json", "plain.npy", "mirrored.npy")),
        *(f"{f}.val.{end}" for f in ("osie", "taskfix") for end in ("json", "plain.npy")),
    }


def test_the_steps_follow_plan_and_schedule(finished, gaze):
    config = PhasesConfig.load(finished.parent / "small.yaml", [f"data_root={gaze}"])
    folders, steps = open_folders(config, "train", None), table(finished / "metrics.csv", ())
    assert [int(row["step"]) for row in steps] == list(range(1, 4 * EPOCH + 1))
    rows = iter(steps)
    for index, phase in enumerate(config.phases):
        for epoch in range(phase.epochs):
            for k, batch in enumerate(epoch_plan(folders, config, index, epoch)):
                row, done = next(rows), epoch * EPOCH + k
                assert (row["phase"], int(row["epoch"])) == (phase.name, epoch + 1)
                assert (row["folder"], row["condition"]) == (batch.folder, batch.condition)
                rate = cosine(done, phase.epochs * EPOCH, phase.learning_rate, phase.final_rate, phase.warmup_steps)
                assert float(row["rate"]) == pytest.approx(rate, rel=1e-5)
                kld, cc, sim, entailment, distance = (
                    float(row[k]) for k in ("kld", "cc", "sim", "entailment", "distance")
                )
                assert float(row["loss"]) == pytest.approx(kld - cc - sim + entailment + 0.4 * distance, abs=1e-4)
                assert float(row["seconds"]) > 0


def test_the_best_epoch_is_kept_and_every_epoch_is_logged(finished):
    epochs = table(finished / "epochs.csv")
    assert [int(row["step"]) for row in epochs] == [EPOCH, 2 * EPOCH, 3 * EPOCH, 4 * EPOCH]
    for row in epochs:
        assert float(row["mean_CC"]) == pytest.approx((float(row["osie_CC"]) + float(row["taskfix_CC"])) / 2, abs=1e-5)
        assert row["taskfix_CC_others"] and not row["osie_CC_others"]
    place = place_of(finished)
    assert (place["state"], place["number"]) == ([4, 0], 4 * EPOCH)
    assert place["best"] == pytest.approx(max(float(row["mean_CC"]) for row in epochs), rel=1e-5)


def test_the_adapters_are_trained_under_their_own_names(finished):
    adapters = {name: array for name, array in load_file(latest(finished)).items() if "lora_b" in name}
    assert len(adapters) == 4 and all(name.startswith("backbone.blocks.") for name in adapters)
    assert all(array.any() for array in adapters.values())


def die_at(patches, step):
    """Kills the next run once its row of `step` is written."""

    def after_step(self, number):
        if number == step:
            raise KilledError
        return {}

    patches.setattr(Phases, "after_step", after_step)


def die_after_scoring(patches, step):
    """Kills the next run between the score of an epoch and the checkpoint at its end."""
    enter = Phases.enter

    def entered(self, place):
        enter(self, place)
        if (place.epoch * EPOCH, place.step) == (step, 0):
            raise KilledError

    patches.setattr(Phases, "enter", entered)


@pytest.mark.parametrize(
    "deaths",
    [
        pytest.param([(die_at, 1), (die_at, 3), (die_after_scoring, EPOCH)], marks=pytest.mark.slow),
        pytest.param(
            [(die_after_scoring, 2 * EPOCH), (die_at, 2 * EPOCH + 1), (die_at, 4 * EPOCH - 1)], marks=pytest.mark.slow
        ),
    ],
    ids=["frozen", "adapted"],
)
def test_a_run_that_died_goes_on_as_if_nothing_had_been(gaze, finished, tmp_path, deaths):
    out = tmp_path / "run"
    for die, step in deaths:
        with pytest.MonkeyPatch.context() as patches, pytest.raises(KilledError):
            die(patches, step)
            start(gaze, out, resume=True)
    shutil.rmtree(out / "features")  # computed again, with adapters at their initial values whatever was trained
    start(gaze, out, resume=True)
    assert_same_run(out, finished)
    for path in (out / "features").glob("*.npy"):
        np.testing.assert_array_equal(np.load(path), np.load(finished / "features" / path.name))


def test_resuming_a_finished_run_changes_nothing(finished, gaze, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    before = latest(out).read_bytes()
    start(gaze, out, resume=True)
    assert latest(out).read_bytes() == before
    assert_same_run(out, finished)
    assert "done: " in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(gaze, tmp_path, monkeypatch):
    out, arrays, calls = tmp_path / "run", Source.arrays, []

    def poisoned(self, batch, taps):
        inputs, sentences, truth = arrays(self, batch, taps)
        calls.append(batch)
        return inputs, sentences * np.float32(np.nan if len(calls) == 4 else 1), truth

    monkeypatch.setattr(Source, "arrays", poisoned)
    with pytest.raises(TrainingError, match="the loss is nan, .* at step 4 .*smaller learning rate"):
        start(gaze, out)
    assert [row["step"] for row in table(out / "metrics.csv")] == ["1", "2", "3"]
    batch = json.loads((out / "failed_batch.json").read_text())
    assert (batch["phase"], batch["epoch"], batch["folder"]) == ("frozen", 1, calls[3].folder)
    assert place_of(out)["number"] == 2
    monkeypatch.setattr(Source, "arrays", arrays)
    die_at(monkeypatch, 4)
    with pytest.raises(KilledError):  # the checkpoint is whole: the run goes on from it
        start(gaze, out, resume=True)
    state = load_file(latest(out))
    assert all(np.isfinite(array).all() for array in state.values())
    assert not any(array.any() for name, array in state.items() if "lora_b" in name)  # not trained in this phase


def test_gradients_that_overflow_under_a_finite_loss_are_never_saved(gaze, tmp_path, monkeypatch):
    out = tmp_path / "run"

    def overflowed(self, number):
        if number == 2:
            bias = self.model.head.by_sentence.bias
            bias.set_data(ms.Tensor(np.full(bias.shape, np.inf, np.float32)))
        return {}

    monkeypatch.setattr(Phases, "after_step", overflowed)
    with pytest.raises(TrainingError, match="head.by_sentence.bias is no longer finite after step 2"):
        start(gaze, out, checkpoint_every=1)
    assert place_of(out)["number"] == 1


@pytest.mark.slow  # a step to compile
def test_images_are_decoded_when_every_block_is_adapted(gaze, tmp_path):
    changes = {**MODEL, "lora": {"rank": 2, "last_n_blocks": 4}}
    out = start(gaze, tmp_path / "run", model_changes=changes, phases=[ADAPTED])
    assert not (out / "features").exists()
    assert len(table(out / "metrics.csv")) == EPOCH
    adapters = [array for name, array in load_file(out / "best.safetensors").items() if "lora_b" in name]
    assert len(adapters) == 8 and all(array.any() for array in adapters)


def test_once_trained_adapters_stay_applied(gaze, tmp_path, monkeypatch):
    monkeypatch.setattr(Phases, "parts", lambda self, place: iter(()))
    config = write_config(tmp_path, phases=[FROZEN, ADAPTED, {**FROZEN, "name": "head"}])
    assert run.train(config, [f"data_root={gaze}"], out=tmp_path / "run").task.taps == [4, 2, 2]


@pytest.mark.slow  # a step to compile
def test_a_finished_run_takes_phases_that_are_added_at_its_end(gaze, tmp_path):
    out = start(gaze, tmp_path / "run", phases=[FROZEN])
    again = {**FROZEN, "name": "again"}
    start(gaze, out, resume=True, phases=[FROZEN, again])
    assert [row["phase"] for row in table(out / "metrics.csv")] == ["frozen"] * EPOCH + ["again"] * EPOCH
    with pytest.raises(CheckpointError, match="phases: "):
        start(gaze, out, resume=True, phases=[again, FROZEN])


# ---- what is refused, before anything is written ---------------------------------------------------------------------


def test_a_folder_that_holds_a_run_is_not_overwritten(finished, gaze):
    with pytest.raises(ConfigError, match="contains a run; continue it with --resume, or choose another folder"):
        start(gaze, finished)


def test_another_configuration_does_not_continue_a_run(finished, gaze):
    before = (finished / "metrics.csv").read_bytes()
    with pytest.raises(CheckpointError, match=r"another configuration \(batch_size: 2 -> 1\)"):
        run.train(finished.parent / "small.yaml", [f"data_root={gaze}", "batch_size=1"], out=finished, resume=True)
    assert (finished / "metrics.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"folders": {"osio": 4}}, InputError, "does not contain osio: no pack, gaze folder or dataset has that name"),
        ({"batch_size": 5}, ConfigError, "osie has no complete batch"),
        ({"batch_size": 3, "folders": {"osie": 4, "taskfix": 2}}, ConfigError, "taskfix has no complete batch"),
        ({"model": "aam_dinov2_vits15"}, ConfigError, 'unknown model "aam_dinov2_vits15" .did you mean'),
        (
            {"model_changes": {"imgae_size": [28, 28]}},
            ConfigError,
            'unknown key "imgae_size" .did you mean "image_size"',
        ),
    ],
)
def test_a_run_that_cannot_start_leaves_nothing(gaze, tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        start(gaze, tmp_path / "run", **changes)
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


def test_a_file_in_the_folders_place_is_an_error(gaze, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(CheckpointError, match="cannot read the folder .*file.*Not a directory"):
            run.train(write_config(tmp_path), [f"data_root={gaze}"], out=out)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_place_is_an_output_error(gaze, tmp_path):
    config = write_config(tmp_path)
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot write features to .*run"):
        run.train(config, [f"data_root={gaze}"], out=tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bach_size=2"], 'unknown key "bach_size" (did you mean "batch_size"?)'),
        ([], "no data folder was given; give data_root=FOLDER"),
        (["data_root=nowhere"], "nowhere is not a folder"),
    ],
)
def test_the_command_says_it_in_a_sentence(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.delenv("MINDAAM_GAZE", raising=False)
    assert command(["train", str(write_config(tmp_path)), *arguments, "-o", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("mindaam: ") and told.count("\n") == 1 and message in told
    assert not (tmp_path / "run").exists()
