"""AAM under MindFormers: one clear line without it; with it, registry, YAML, optimizers, schedule and its Trainer."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import mindaam
from mindaam.cli import main
from mindaam.errors import ConfigError
from mindaam.training import mindformers as bridge
from mindaam.training.mindformers import mindformers
from mindaam.training.mindformers_data import columns

ROOT = Path(mindaam.__file__).resolve().parents[1]
SHIPPED = ROOT / "configs" / "mindformers" / "aam_dinov3_vitl16.yaml"


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Sets which versions seem to be installed; the package itself is hidden."""
    monkeypatch.setenv("LOCAL_DEFAULT_PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "mindformers", None)
    versions = {"mindformers": "1.9.0", "mindspore": "2.9.0"}

    def version(name):
        if versions[name] is None:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(bridge.metadata, "version", version)
    return versions


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mindformers": None}, "mindformers is not installed"),
        ({"mindformers": "1.8.0"}, "mindformers 1.8.0 is installed"),
        ({"mindformers": "1.90.0"}, "mindformers 1.90.0 is installed"),
        ({"mindspore": "2.10.0"}, "mindspore 2.10.0 is installed"),
        ({}, "MindFormers cannot be imported"),
    ],
)
def test_a_missing_or_mismatched_mindformers_is_one_clear_line(installed, changes, said):
    installed.update(changes)
    with pytest.raises(ConfigError) as caught:
        mindformers()
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)
    assert "this needs MindFormers 1.9 with MindSpore 2.9: pip install" in str(caught.value)


@pytest.mark.parametrize("act", [lambda: bridge.load_config(SHIPPED), lambda: bridge.launch(SHIPPED, None)])
def test_what_needs_mindformers_says_so(installed, act):
    installed["mindformers"] = None
    with pytest.raises(ConfigError, match="mindformers is not installed"):
        act()


def python(*arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("LOCAL_DEFAULT_PATH", None)
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


def test_the_bridge_and_the_command_line_are_imported_without_mindformers(tmp_path):
    code = (
        "import sys; sys.modules['mindformers'] = None; import mindaam.training.mindformers, mindaam.cli.main, "
        "mindaam.training.optim.adamw; print(sys.modules['mindformers'])"
    )
    done = python("-c", code, cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "None"), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `mindformers_scenario.py` found, in a folder of its own."""
    done = python(str(Path(__file__).parent / "mindformers_scenario.py"), SHIPPED, cwd=tmp_path_factory.mktemp("mf"))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_aam_is_registered_once_and_built_from_mindformers_yaml(found):
    assert found["registered"] == [True, True, True] and found["class"] and found["names"]
    assert found["large"] == ["aam_dinov3_vitl16", "AAMAdamW", "Ascend"]


@pytest.mark.slow
def test_the_optimizer_has_every_trained_parameter_and_decays_matrices_alone(found):
    assert found["optimized"] and found["order"] and found["undecayed"] == [0, 1]


@pytest.mark.slow
def test_the_schedule_is_our_cosine(found):
    assert found["rates"] < 1e-6


@pytest.mark.slow
def test_both_adamws_equal_the_reference_but_only_ours_moves_a_scalar(found):
    assert found["golden"]["ours"] < 1e-6 and found["golden"]["theirs"] < 1e-6
    ours, theirs = found["scalar"]
    assert ours == pytest.approx(0.49, abs=1e-6) and theirs == "For 'Assign'"
    assert found["steps"] < 1e-5


@pytest.mark.slow
def test_the_context_is_set_up_by_mindformers(found):
    assert found["ranks"] == [0, 1]


@pytest.mark.slow
def test_what_cannot_be_built_is_refused_in_one_line(found):
    assert found["refused"]["missing"].startswith("run/absent.yaml is not a YAML file that exists")
    assert 'unknown model "aam_dinov3_vitl17" (did you mean "aam_dinov3_vitl16"?)' in found["refused"]["model"]
    assert not any("\n" in message for message in found["refused"].values())


@pytest.mark.slow
def test_its_trainer_trains_and_writes_nowhere_else(found):
    assert found["checkpoints"] == 2 and found["kept"] == [True, True] and found["moved"]
    assert found["folder"] == ["data", "run"]


@pytest.mark.slow
def test_its_trainer_takes_images_videos_and_audio_from_our_data(found):
    assert found["kinds"] == {"images": [1, True], "videos": [2, True], "audio": [2, True]}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tiny"], "--mindformers takes CONFIG, KEY=VALUE, --data and --out only"),
        ([], "mindformers is not installed"),
    ],
)
def test_the_command_is_refused_in_one_line(installed, capsys, options, said):
    installed["mindformers"] = None
    assert main.run(["train", str(SHIPPED), "--mindformers", *options]) == 2
    assert said in capsys.readouterr().err


def test_an_unknown_kind_of_step_is_refused():
    assert columns("videos") == ["images", "embeddings", "truth", "answered"]
    with pytest.raises(ConfigError, match='kind of step "films".*audio, images, videos'):
        columns("films")


def test_an_error_of_the_data_is_one_line():
    trace = "Exception thrown from user defined Python function in dataset.\n\nTraceback\nInputError: a.jpg is cut\n"
    assert str(bridge._of_data(RuntimeError(trace))) == "a.jpg is cut"
    assert bridge._of_data(RuntimeError("out of memory")) is None
