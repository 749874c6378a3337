"""`mindaam train`: which recipe it takes, what it shows without training, and what it refuses."""

import pytest

from mindaam.cli import train as command
from mindaam.cli.main import run
from mindaam.places import configs_dir

CORPUS = "corpus"


@pytest.fixture
def mindaam(capsys):
    def call(*arguments):
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_dry_run_tells_configuration_parameters_memory_and_operations(mindaam):
    code, out, err = mindaam("train", CORPUS, "--tiny", "--dry-run", "epochs=3")
    assert code == 0 and err == ""
    for word in ("epochs: 3", "head", "trainable", "GB", "FLOP"):
        assert word in out, out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train"], "which training? give --from MODEL, a YAML file, or one of aam_dinov2_vits14, "),
        (["train", "corpse"], 'there is no configuration corpse (did you mean "corpus"?); give a YAML file, or one of'),
        (["train", CORPUS, "epoch=3"], 'unknown key "epoch" (did you mean "epochs"?)'),
        (["train", configs_dir() / "train" / "aam_dinov2_vits14.yaml", "--dry-run"], "--dry-run is for configurations"),
        (["train", "--from", "aam_dinov2_vits14", "--data", "nowhere"], "nowhere is not a folder"),
        (["train", CORPUS, "--tiny", "--dry-run", "start=nothing.safetensors"], "nothing.safetensors"),
    ],
)
def test_misuse_is_one_sentence(mindaam, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    code, out, err = mindaam(*arguments)
    assert (code, out) == (2, "") and err.startswith("mindaam: ") and err.count("\n") == 1 and says in err
    assert list(tmp_path.iterdir()) == []


def test_fine_tuning_needs_no_configuration():
    config, changes = command._chosen(None, ["epochs=2"], "aam_dinov2_vits14", "mine")
    assert config.name == "finetune.yaml"
    assert changes == ["data_root=mine", "start=aam_dinov2_vits14", "epochs=2"]
    config, changes = command._chosen("epochs=1", ["seed=3"], "aam_dinov2_vits14", None)  # no CONFIG: a KEY=VALUE
    assert config.name == "finetune.yaml" and changes == ["start=aam_dinov2_vits14", "epochs=1", "seed=3"]
