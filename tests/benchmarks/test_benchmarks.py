"""Every script of benchmarks/ has a help text and runs, at the smallest sizes, on tiny models."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from mindaam import runtime
from mindaam.data.media import read_image
from mindaam.models.registry import build_model
from mindaam.places import configs_dir
from mindaam.schema import merge, read_yaml
from mindaam.training import checkpoint_content
from mindaam.training.ranks.distributed import ALONE
from mindaam.training.tasks.sounding_object import SoundingObjectTask, build
from mindaam.zoo import save_trained
from tests.clips import make_clip, pictures
from tests.models.tiny import NAME
from tests.models.tiny_video import CHANGES as FILM_CHANGES
from tests.training.sounding import config as sounding_config

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))
PARTS = ("common", "data_formats", "data_readers")  # imported by scripts
# the real encoder, which is all that a checkpoint's model needs, under a small head
SMALL = {
    "image_size": [28, 28],
    "head": {"neck_widths": [8, 8, 8, 8], "start_width": 8, "stage_widths": [8, 8, 8]},
    "lora": {"rank": 2},
}


@pytest.fixture
def load(monkeypatch):
    """A function that imports a script, as running it does but for its `main`."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.syspath_prepend(str(ROOT))

    def load(name):
        # under its own name, since a process that is started afresh imports it by that
        spec = importlib.util.spec_from_file_location(
            name if name in PARTS else f"benchmark_{name}", FOLDER / f"{name}.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def main(load, monkeypatch, capsys):
    """A function that runs a script's `main` with arguments in this process, and gives what it prints.

    changes: {name: value} in the script's module.
    """

    def run(name, *arguments, **changes):
        module = load(name)
        for key, value in changes.items():
            monkeypatch.setattr(module, key, value)
        monkeypatch.setattr(sys, "argv", [str(FOLDER / f"{name}.py"), *map(str, arguments)])
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        module.main()
        return capsys.readouterr().out

    return run


@pytest.fixture(autouse=True)
def mode():
    yield
    runtime.configure(mode="pynative")


def script(name, *arguments):
    """What a script prints, as a user starts it."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), *map(str, arguments)],
        capture_output=True, text=True, timeout=600, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cells(table):
    """The rows of a Markdown table's cells, its head first."""
    lines = [line.strip().strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines if not line[0].strip().startswith("---")]


def small_model(folder, **changes):
    """The checkpoint of a small model without temporal blocks."""
    from mindaam.models.registry import build_model

    path = folder / "small.safetensors"
    save_trained(build_model(NAME, changes=merge(SMALL, changes)), path)
    return path


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name not in PARTS])
def test_every_script_explains_itself(name, load, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as left:
        load(name).main()
    assert left.value.code == 0 and capsys.readouterr().out.startswith(f"usage: {name}.py")


@pytest.mark.parametrize("name", PARTS)
def test_the_parts_of_scripts_can_be_imported(name, load):
    assert load(name).__doc__


def sounding_run(folder):
    """The folder of an untrained run of the sounding-object experiment."""
    settings = sounding_config(size=[32, 32], frames=4)
    runtime.configure(mode="graph", seed=0)
    task = SoundingObjectTask(settings, build(settings), None, None)
    checkpoint_content.save(folder, task, checkpoint_content.first_state(task), ALONE)
    return folder


def test_the_sounding_objects_are_drawn(main, tmp_path):
    asked, out = [], tmp_path / "drawn.jpg"

    def predict(model, config, clip, waves):  # compiling the real one takes longer than all else here
        asked.append(None if waves is None else waves.shape)
        return np.full((1, config.frames, *config.map_size), 1.0, np.float32), None

    said = main("sounding_object_image", sounding_run(tmp_path / "run"), "-o", out, SHOWN=2, predict=predict)
    assert str(out) in said and read_image(out).shape[0] > 4 * 144
    assert len(asked) == 4 and asked.count(None) == 1


def test_the_sounding_objects_of_another_run_are_not_drawn(main, tmp_path):
    from mindaam.zoo.checkpoints import write_safetensors

    write_safetensors(tmp_path / "last.safetensors", {}, {"place": "{}", "config": '{"folders": {}}'})
    with pytest.raises(SystemExit, match="is not of the sounding-object experiment"):
        main("sounding_object_image", tmp_path, "-o", tmp_path / "x.jpg")
    assert not (tmp_path / "x.jpg").exists()


@pytest.mark.slow  # a graph to compile
def test_the_gaze_of_a_wearer_is_scored(main, tmp_path):
    make_clip(tmp_path / "film.mp4", pictures(4))
    rows = [("frame_idx", "norm_pos_x", "norm_pos_y"), (0, 0.5, 0.5), (2, 0.4, 0.6), (3, 2.0, 0.5)]
    with open(tmp_path / "gaze.tsv", "w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(rows)
    said = main(
        "video_gaze", tmp_path / "film.mp4", tmp_path / "gaze.tsv", "--model", small_model(tmp_path, temporal=None)
    )
    assert "4 frames, 2 gaze samples" in said and "frame by frame: NSS" in said


@pytest.mark.parametrize("protocol", ["paper", "mit"])
def test_the_scores_of_a_video_are_measured(main, protocol):
    said = main("video_scores", "--frames", 6, "--viewers", 3, "--only", "scores", "--protocol", protocol)
    assert "6 frames of 1280 x 720, 3 viewers" in said and "scores alone: " in said and "MET" not in said


@pytest.mark.slow  # a graph to compile
def test_the_scores_of_a_video_are_measured_beside_its_prediction(main, tmp_path):
    said = main("video_scores", "--frames", 6, "--viewers", 3, "--model", small_model(tmp_path, temporal=None))
    assert "prediction and scores: " in said and "(at most 1): " in said


@pytest.mark.slow  # processes of their own
def test_a_prediction_is_measured(main, tmp_path):
    table = main("predict", "--rounds", 1, "--model", small_model(tmp_path, temporal=None), COMMANDS=1)
    rows = {row[0]: row[1:] for row in cells(table)}
    assert rows["measure"][1] == "PyNative mode" and float(rows["an image after the first, s"][2]) > 0
    assert all(float(value) > 0 for value in rows["peak memory, MB"][:2])
    assert "a second prompt takes" in table.splitlines()[-1]


@pytest.mark.slow  # processes of their own
def test_a_prediction_is_measured_against_another_checkout(main, tmp_path):
    asked = ["--rounds", 1, "--model", small_model(tmp_path, temporal=None), "--before", ROOT]
    rows = {row[0]: row[1:] for row in cells(main("predict", *asked, COMMANDS=1))}
    assert rows["measure"][1] == ROOT.name
    assert all(float(value) > 0 for value in rows["the same from the second process on, s"][:3])


@pytest.mark.slow  # processes of their own
def test_a_video_is_measured_against_another_checkout(main, tmp_path):
    model = small_model(tmp_path, temporal=None)
    printed = main("video", "--before", ROOT, "--fps", 4, "--model", model, BRIEF=0.5, WHOLE=1.5)
    rows = cells(printed)
    assert [row[0] for row in rows[1:3]] == ["0.5 s, 2 frames, s", "1.5 s, 6 frames, s"] and len(rows) == 4


def test_two_workers_answer_in_turn(load, tmp_path):
    common = load("common")
    path = tmp_path / "adds.py"
    path.write_text(
        "import sys\nfrom common import answers\n"
        "def first():\n    print('a library prints this', flush=True)\n    return int(sys.argv[1])\n"
        "answers(first, lambda more: int(sys.argv[1]) + more)\n"
    )
    (tmp_path / "common.py").symlink_to(FOLDER / "common.py")
    with common.Worker(path, 1) as one, common.Worker(path, 10) as ten:
        assert (one.first, ten.first) == (1, 10)
        assert [each.ask(number) for number in range(3) for each in (one, ten)] == [1, 10, 2, 11, 3, 12]


def test_a_worker_that_fails_ends_the_program(load, tmp_path):
    path = tmp_path / "fails.py"
    path.write_text("raise SystemExit(3)\n")
    with pytest.raises(SystemExit) as left:
        load("common").Worker(path)
    assert left.value.code == 3


def fake_python(folder, status):
    """An environment whose Python does nothing but append its arguments to calls.txt and end with `status`."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >> "{folder}/calls.txt"\nexit {status}\n')
    python.chmod(0o755)
    return python


def test_an_environment_of_pytorch_is_used_again(load, tmp_path):
    python = fake_python(tmp_path, 0)
    assert load("against_torch").environment_of_torch(tmp_path) == python
    assert (tmp_path / "calls.txt").read_text().splitlines() == ["-c import torch, transformers"]


def test_pip_that_finds_no_pytorch_is_explained(load, tmp_path):
    module = load("against_torch")
    fake_python(tmp_path, 1)
    with pytest.raises(SystemExit, match="--torch FOLDER"):
        module.environment_of_torch(tmp_path)
    install = (tmp_path / "calls.txt").read_text().splitlines()[1]
    assert install.startswith("-m pip install") and all(pin in install for pin in module.PINNED)


def test_the_time_of_pytorch_is_that_of_the_whole_model(load):
    module = load("against_torch")
    side = {"first": 2.0, "median": 0.3, "peak_mb": 500.0}
    line = module.row("video", {"torch": {**side, "median": 0.43}, "now": side, "before": {**side, "median": 0.6}})
    head, found = cells(module.head("/trees/earlier") + "\n" + line)
    assert len(head) == len(found) and head[-3] == "earlier, s"
    assert found[:5] == ["S, video, 16 frames", "1.00 (backbone 0.43)", "0.30", "3.33", "≥ 1.2"]
    assert found[-3:] == ["0.60", "2.00", "500"]


@pytest.mark.slow  # graphs to compile
@pytest.mark.parametrize("case", ["S", "video"])
def test_the_whole_model_beside_pytorch_is_measured(load, monkeypatch, case):
    from mindaam import zoo
    from mindaam.models.registry import build_model

    wide = merge(FILM_CHANGES, {"text": {"width": 768}, "audio": None})
    monkeypatch.setattr(
        zoo,
        "create_model",
        lambda name, preset: build_model(name, preset, changes=wide).set_train(False),
        raising=False,
    )
    module, found = load("against_torch"), []

    def answer(first, ask):
        found.extend([first(), ask(None)])

    monkeypatch.setattr(module, "answers", answer)
    monkeypatch.setattr(module, "WARM", 0.0)
    monkeypatch.setattr(module, "SIDE", 32)
    module.ours(module.CASES[case]._replace(frames=min(module.CASES[case].frames, 4)))
    assert found[0] > 0 and found[1]["seconds"] > 0 and found[1]["peak_mb"] > 0


@pytest.mark.slow  # processes of their own
def test_operators_are_profiled(tmp_path):
    printed = script("operators", "--frames", 0, "--top", 3, "--model", small_model(tmp_path, temporal=None))
    rows = cells(printed)
    assert [row[0] for row in rows].count("operator") == 2 and any(row[0] == "MatMul" for row in rows)
    assert "GFLOP/s" in printed and "head, one image" in printed


@pytest.mark.slow  # processes of their own
def test_a_film_is_measured(main, tmp_path):
    said = main("video", "--minutes", 0.02, "--only", "media", SHORT=0.8)
    assert "decoder and writer, every frame: " in said and "peak memory" in said
    model = small_model(tmp_path, temporal=None)
    said = main("video", "--minutes", 0.02, "--fps", 4, "--only", "predict", "--model", model, SHORT=0.8)
    assert "the same one after the other" in said


@pytest.mark.slow  # graphs to compile
def test_the_released_network_on_a_film_is_measured(load, tmp_path, monkeypatch):
    from mindaam import zoo
    from mindaam.models.registry import build_model

    wide = merge(FILM_CHANGES, {"text": {"width": 768}, "audio": None})  # as wide as the script's stand-in for CLIP
    monkeypatch.setattr(
        zoo,
        "create_model",
        lambda name, preset: build_model(name, preset, changes=wide).set_train(False),
        raising=False,
    )
    module = load("video")
    for task in ("released", "images"):
        found = module.TASKS[task](module.CLIP, tmp_path, SimpleNamespace())
        assert found["seconds"] > 0 and found["peak_mb"] > 0


@pytest.mark.slow  # graphs to compile
def test_the_fokker_planck_step_is_measured():
    table = cells(script("fp_step", "--frames", 4, "--side", 4, "--channels", 16, "--rounds", 2))
    assert [row[0] for row in table[1:]] == ["operators, given A, nu, lambda", "the step with its kernel"]
    assert all(float(row[1]) > 0 and float(row[2]) > 0 for row in table[1:])


@pytest.mark.slow  # a graph to compile
@pytest.mark.parametrize("frames", [0, 2])
def test_a_large_step_is_measured(load, monkeypatch, frames):
    from mindaam.training.tasks import corpus_config

    real = corpus_config.CorpusConfig.load
    tiny = ["model=aam_dinov3_vits16", f"model_changes={json.dumps({**FILM_CHANGES, 'audio': None})}"]
    tiny += [f"model_changes.temporal.clip={frames or 4}"]

    def load_tiny(path, changes):
        return real(path, [*tiny, *changes])

    monkeypatch.setattr(corpus_config.CorpusConfig, "load", load_tiny)
    compiled, again, memory = load("large_step").step(frames, False)
    assert compiled > 0 and again > 0 and memory > 0


def tiny_recipe(folder):
    """A folder of configurations that has the one of training alone, and that shrunken."""
    (folder / "train").mkdir(parents=True)
    tiny = {"start": None, "model_changes": {**SMALL, "head": {**SMALL["head"], "start_groups": 8}, "temporal": None}}
    recipe = merge(read_yaml(configs_dir() / "train" / "corpus.yaml"), tiny)
    (folder / "train" / "corpus.yaml").write_text(yaml.safe_dump(recipe))
    return folder


@pytest.mark.slow  # a graph to compile
def test_what_a_step_costs_beside_its_graph_is_measured(main, tmp_path):
    recipe = tiny_recipe(tmp_path / "configs") / "train" / "corpus.yaml"
    said = main("overhead", "--steps", 3, "sampling.batch_size=2", RECIPE=recipe)
    assert "a checkpoint takes" in said and cells(said)[1][0] == "pictures"


@pytest.mark.slow  # two ranks, and graphs to compile
def test_a_second_rank_is_measured(main, tmp_path):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    configs = tiny_recipe(tmp_path / "configs")
    said = main("scaling", "--steps", 4, "--batch", 2, "--side", 28, configs_dir=lambda: configs)
    assert [row[0] for row in cells(said)] == ["ranks", "1", "2"]


@pytest.mark.slow  # a large file
def test_a_conversion_is_measured(tmp_path):
    said = script("convert", "--rounds", 1, "--model", "aam_dinov3_vits16", "--folder", tmp_path)
    assert "convert in a fresh process, s" in said and "The last run's report:" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow  # many processes
def test_readers_are_measured():
    said = script("data", "--pictures", 4, "--batch", 2)
    assert [row[0] for row in cells(said)][:4] == ["source", "folder of JPEGs", "folder of PNGs", "pack"]


@pytest.mark.slow  # many processes
def test_formats_are_measured():
    said = script("data", "--formats", "--records", 70)
    pack = next(row for row in cells(said) if row[0] == "ZIP with an index (the pack)")
    assert float(pack[1]) > 0 and "refused" in pack[-1]


@pytest.mark.slow  # several processes
def test_pipelines_are_measured():
    said = script("data_pipelines", "--pictures", 4, "--batch", 2, "--step", 0.1)
    rows = cells(said)[1:]
    assert [row[0] for row in rows] == ["MindAAM's loader", "mindspore.dataset"]
    assert all(float(row[1]) > 0 for row in rows)


@pytest.mark.slow  # pytest within pytest
def test_the_roofline_is_counted(load):
    roofline = load("roofline")
    model = build_model("aam_dinov3_vits16", "paper", changes={**FILM_CHANGES, "audio": None})
    half, single, moved = roofline.work(model, None, 1)
    more = roofline.work(model, None, 4)
    assert more[:2] == (4 * half, 4 * single) and moved < more[2] < 4 * moved  # weights are read once
    clip = roofline.work(model, model.config.temporal.clip, 1)
    assert clip[0] == model.config.temporal.clip * half and clip[1] > model.config.temporal.clip * single
    assert roofline.work(model, None, 1, in_half=False)[:2] == (0, half + single)
    launched = roofline.row("x", half, single, moved, 10**9, 1)
    assert launched.endswith("| launches |") and "| arithmetic |" in roofline.row("x", 1e15, 0, 0, 1, 1)


def test_parity_is_measured():
    table = cells(script("parity", "--markdown", "tests/metrics/test_density_metrics.py"))
    assert len(table) > 1 and all(row[0] == "metrics.density_metrics" and float(row[-1]) < 1 for row in table[1:])


def test_the_metrics_are_measured(main):
    said = main("metrics", "--rounds", 1, "--images", 1, "--frames", 1, SIZE=(60, 80), FRAME=(72, 128))
    rows = cells(said)[1:]
    assert {row[0] for row in rows} == {"smooth", "peaked", "noise"} and all(float(row[-1]) < 1e-12 for row in rows)
    assert "nine metrics" in said and said.count("five metrics") == 2


@pytest.mark.slow  # processes of their own
def test_the_memory_of_audio_is_measured():
    said = script("audio", "--hours", 0.02, "--only", "memory")
    assert said.count("peak memory") == 2 and "NOT MET" not in said


def test_reading_audio_files_is_measured():
    said = script("audio", "--minutes", 0.2, "--rounds", 1, "--only", "files")
    assert [line.split()[0] for line in said.splitlines()[1:]] == ["FLAC,", "wav:", "flac:", "ogg:"]


@pytest.mark.slow  # a graph to compile
def test_a_film_with_audio_is_measured(load, monkeypatch):
    from mindaam.models import registry

    real, module = registry.build_model, load("audio")
    small = merge(FILM_CHANGES, {"text": {"width": 768}, "audio": {"width": 512}, "lora": {"last_n_blocks": 0}})
    monkeypatch.setattr(registry, "build_model", lambda name, preset, changes: real(name, preset, changes=small))
    monkeypatch.setattr(module, "FRAMES", 4)
    monkeypatch.setattr(module, "CLIP_LENGTH", 2)
    found = module.audio_cost("paper", SimpleNamespace(rounds=1))
    assert found["silent"] > 0 and np.isfinite(found["audio"])
