"""`mindaam train`: which recipe it takes, what it shows without training, and what it refuses."""

import pytest

from mindaam.cli import train as command
from mindaam.cli.main import run
from mindaam.places import recipes

CORPUS = "corpus"


@pytest.fixture
def mindaam(capsys):
    def call(*arguments):
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def sum_of_trained(out):
    """The parameters that are trained, from the table of a dry run."""
    row = next(line for line in out.splitlines() if line.startswith("all ") and "GB" not in line)
    return int(row.split()[2].replace(",", ""))


def test_a_dry_run_tells_configuration_parameters_memory_and_operations(mindaam):
    code, out, err = mindaam("train", CORPUS, "--tiny", "--dry-run", "epochs=3")
    assert code == 0 and err.startswith("mindaam: --tiny: the model is tiny and randomly initialized; ")
    assert err.count("\n") == 1
    for word in ("epochs: 3", "head", "trainable", "GB", "FLOP"):
        assert word in out, out


@pytest.mark.parametrize("name", [name for name in recipes() if "dinov3" not in name])
def test_every_bundled_configuration_has_a_dry_run(mindaam, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    code, out, err = mindaam("train", name, "--dry-run")
    assert (code, err) == (0, "")
    for title in ("Configuration", "Parameters", "Memory"):
        assert f"\n{title}" in f"\n{out}"
    assert sum_of_trained(out) > 0 and list(tmp_path.iterdir()) == []


@pytest.mark.slow  # a ViT-L of 300 million numbers is made
@pytest.mark.parametrize("name", [name for name in recipes() if "dinov3" in name])
def test_the_large_ones_have_a_dry_run_too(mindaam, name):
    code, out, err = mindaam("train", name, "--dry-run")
    assert (code, err) == (0, "") and "(estimate)" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train"], "no configuration given; give --from MODEL, a YAML file, or one of aam_dinov2_vits14, "),
        (["train", "corpse"], 'configuration corpse does not exist (did you mean "corpus"?); give a YAML file'),
        (["train", CORPUS, "epoch=3"], 'unknown key "epoch" (did you mean "epochs"?)'),
        (["train", "aam_dinov2_vits14", "--skip-damaged"], "--skip-damaged applies to configurations with a corpus"),
        (["train", "aam_dinov2_vits14", "--dry-run", "batch=3"], 'unknown key "batch"'),
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
    assert changes == ['data_root="mine"', 'start="aam_dinov2_vits14"', "epochs=2"]
    config, changes = command._chosen("epochs=1", ["seed=3"], "aam_dinov2_vits14", None)  # no CONFIG: a KEY=VALUE
    assert config.name == "finetune.yaml" and changes == ['start="aam_dinov2_vits14"', "epochs=1", "seed=3"]
