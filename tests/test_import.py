"""`import mindaam` is quick, silent and leaves nothing behind; its public names come when asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mindaam

ROOT = Path(mindaam.__file__).resolve().parents[1]


def python(code, cwd):
    """Runs `code` in a fresh interpreter in `cwd`, which finds this checkout; returns the finished process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True)


def test_a_bare_import_is_silent_and_leaves_nothing_behind(tmp_path):
    done = python("import mindaam", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_a_bare_import_brings_in_nothing_heavy(tmp_path):
    code = "import sys; before = set(sys.modules); import mindaam; print(*sorted(set(sys.modules) - before))"
    loaded = {name.partition(".")[0] for name in python(code, tmp_path).stdout.split()}
    assert "mindaam" in loaded
    heavy = {"mindspore", "mindformers", "numpy", "cv2", "scipy", "matplotlib", "pydantic", "yaml", "typer", "pathlib"}
    assert not loaded & heavy, f"import mindaam brings in {loaded & heavy}"


def test_names_and_configurations_are_listed_without_mindspore(tmp_path):
    code = "import sys, mindaam; print(mindaam.list_models(), 'mindspore' in sys.modules)"
    released = "'aam_dinov3_vitb16', 'aam_dinov3_vitl16', 'aam_dinov3_vits16', 'aam_sam2_base_plus', 'aam_sam2_large'"
    assert python(code, tmp_path).stdout.strip() == f"['aam_dinov2_vits14', {released}] False"


def test_an_image_is_predicted_without_the_decoders_of_videos(tmp_path):
    code = "import sys, mindaam.inference.results, mindaam.inference.audio_request, mindaam.inference.predictor; "
    loaded = set(python(code + "print(*sys.modules)", tmp_path).stdout.split())
    assert "cv2" in loaded and not loaded & {"av", "soundfile", "scipy", "matplotlib", "tokenizers", "mindspore"}


@pytest.mark.parametrize("name", ["create_model", "list_models", "Predictor"])
def test_public_names_are_the_rooms_own(name):
    assert name in dir(mindaam) and name in mindaam.__all__
    assert callable(getattr(mindaam, name))
    assert getattr(mindaam, name) is getattr(mindaam, name)


def test_the_zoo_is_a_public_room():
    assert mindaam.zoo.create_model is mindaam.create_model
    assert set(mindaam.zoo.__all__) <= set(dir(mindaam.zoo))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="creat_model"):
        _ = mindaam.creat_model
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = mindaam.zoo.nothing_here
