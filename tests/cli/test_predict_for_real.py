"""The `mindaam` command in processes of its own: the real encoders, an untrained head, a real signal."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "examples" / "coffee.jpg"


def mindaam(cwd, *arguments):
    """Runs the command in `cwd`, where nothing may be left behind, and returns the finished process."""
    command = [sys.executable, "-m", "mindaam.cli.main", *map(str, arguments)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "PYTHONPATH": str(ROOT)}
    environment["MINDAAM_CACHE"] = str(cwd.parent / "cache")
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=300)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    from mindaam.models.registry import build_model
    from mindaam.zoo import save_trained

    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_trained(build_model("aam_dinov2_vits14"), path)
    return path


@pytest.mark.slow
def test_from_photograph_to_files(checkpoint, tmp_path):
    (tmp_path / "cwd").mkdir()
    options = "-o", tmp_path / "out", "--model", checkpoint, "--save", "overlay,map,npy", "--prompt", "Who drank this?"
    done = mindaam(tmp_path / "cwd", "predict", PHOTO, *options)
    assert done.returncode == 0
    assert re.fullmatch(r"mindaam: compiling, once, about 10 s\nmindaam: graphs: \d+ compiled in .* s\n", done.stderr)
    assert done.stdout.count("\n") == 2 and "Who drank this?" in done.stdout
    assert list((tmp_path / "cwd").iterdir()) == []  # no cache, no log, no folder
    density = np.load(tmp_path / "out/coffee.npy", allow_pickle=False)
    assert density.shape == (400, 600) and density.sum(dtype=np.float64) == pytest.approx(1.0, abs=1e-5)
    width, height = Image.open(tmp_path / "out/coffee.overlay.jpg").size
    assert width == 600 and 400 < height < 500  # with a legend below
    gray = np.asarray(Image.open(tmp_path / "out/coffee.map.png"))
    assert np.corrcoef(gray.ravel(), density.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model", "aam_dinov2_vits15"], 'did you mean "aam_dinov2_vits14"'),
        (["--model", "gone.safetensors"], "gone.safetensors"),
        (["--model", PHOTO], "not a safetensors file"),
        (["--prompt", "look " * 2000], "characters"),
        (["--prompt", "look " * 900], "tokens"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, arguments, says):
    done = mindaam(tmp_path, "predict", PHOTO, "-o", "out", *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("mindaam: ") and done.stderr.count("\n") == 1 and says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_byte_in_a_name_is_one_sentence(checkpoint, tmp_path):
    (tmp_path / "cwd").mkdir()
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(checkpoint.read_bytes().replace(b"head.neck", b"head.nekc", 1))
    done = mindaam(tmp_path / "cwd", "predict", PHOTO, "-o", "out", "--model", damaged)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "damaged.safetensors" in done.stderr
    assert list((tmp_path / "cwd").iterdir()) == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_ctrl_c_also_in_the_form_in_which_mindspore_passes_it_on(tmp_path, name):
    code = (
        "import os, signal, sys, time\n"
        # a suite that runs in a shell's background hands on a SIGINT that is ignored
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "from mindaam.cli import main\n"
        "from mindaam.inference import results\n"
        f"results.parse_kinds = lambda text: (os.kill(os.getpid(), signal.{name}), time.sleep(20))\n"
        "sys.argv = ['mindaam', 'predict', 'x.jpg', '-o', 'out']\n"
        "main.main()\n"
    )
    assert hasattr(signal, name)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 130 and done.stderr == "mindaam: stopped\n"


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1, 4])
def test_a_stop_while_mindspore_compiles_is_one_line_and_leaves_nothing(tmp_path, seconds):
    (tmp_path / "cwd").mkdir()
    environment = {"PATH": "/usr/bin:/bin", "MINDAAM_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "mindaam.cli.main", "predict", PHOTO, "-o", "out"]
    process = subprocess.Popen(command, cwd=tmp_path / "cwd", env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == "mindaam: compiling, once, about 10 s\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60)[1] == "mindaam: stopped\n" and process.returncode == 130
    assert list((tmp_path / "cwd").iterdir()) == []


def test_under_nohup_a_closed_terminal_changes_nothing(monkeypatch):
    from mindaam.cli import main

    before = signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGTERM)
    try:
        for was, then in ((signal.SIG_IGN, signal.SIG_IGN), (signal.SIG_DFL, main._hung_up)):
            signal.signal(signal.SIGHUP, was)
            main._stop_as_by_ctrl_c()
            assert signal.getsignal(signal.SIGHUP) is then
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)  # the second one breaks nothing off
    finally:
        signal.signal(signal.SIGHUP, before[0])
        signal.signal(signal.SIGTERM, before[1])
