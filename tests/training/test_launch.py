import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from mindaam.errors import ConfigError, OutputError
from mindaam.places import recipe
from mindaam.training import launch
from mindaam.training.launch import Job
from mindaam.training.ranks import rehearsal, supervision
from tests.training import rank_jobs

FAKE = Path(__file__).with_name("fake_msrun.py")
SLEEP, WELL = "import time; time.sleep(600)", "import time; time.sleep(0.5)"
SAVES = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("saved"), sys.exit(0)))
print("ready", flush=True)
time.sleep(600)
"""


def test_msrun_is_given_the_mindaam_command():
    job = Job(2, Path("logs"), ("train", "a.yaml", "--tiny"), port=1234)
    assert job.arguments() == [
        "msrun", "--worker_num=2", "--local_worker_num=2", "--master_addr=127.0.0.1", "--master_port=1234",
        "--log_dir=logs", "--join=True", "--tail_worker_log=2", "python", "-m", "mindaam.cli.main", "train", "a.yaml",
        "--tiny",
    ]  # fmt: skip


def test_a_python_file_is_run_as_it_is():
    assert Job(1, Path("logs"), ("a.py", "b")).arguments()[-2:] == ["a.py", "b"]


def test_of_four_machines_the_second_has_ranks_8_to_15():
    job = Job(8, Path("logs"), ("train", "a.yaml"), nodes=4, node_rank=1, master="10.0.0.1")
    assert list(job.ranks) == list(range(8, 16))
    assert {"--worker_num=32", "--local_worker_num=8", "--node_rank=1", "--master_addr=10.0.0.1"} < {*job.arguments()}


def test_workers_get_this_python_and_time_to_wait_for_each_other_on_a_cpu(monkeypatch):
    monkeypatch.delenv("MS_NODE_TIMEOUT", raising=False)
    monkeypatch.delenv("DEVICE_TARGET", raising=False)
    job = Job(2, Path("logs"), ("train",))
    assert job.environment()["PATH"].startswith(str(Path(sys.executable).parent))
    assert job.environment()["MS_NODE_TIMEOUT"] == launch.LATE
    monkeypatch.setenv("DEVICE_TARGET", "Ascend")
    assert "MS_NODE_TIMEOUT" not in job.environment()


def test_on_ascend_ranks_have_time_to_connect_and_to_wait_for_each_other(monkeypatch):
    monkeypatch.setenv("DEVICE_TARGET", "Ascend")
    monkeypatch.delenv("HCCL_CONNECT_TIMEOUT", raising=False)
    monkeypatch.setenv("HCCL_EXEC_TIMEOUT", "600")
    found = Job(8, Path("logs"), ("train",)).environment()
    assert (found["HCCL_CONNECT_TIMEOUT"], found["HCCL_EXEC_TIMEOUT"]) == ("1800", "600")
    assert all(120 <= int(launch.HCCL_SECONDS[name]) <= 7200 for name in launch.HCCL_SECONDS)  # what CANN accepts


def test_the_launcher_does_not_import_mindspore():
    """It sets HCCL_CONNECT_TIMEOUT on import, which would then look as if the user had set it."""
    code = "import sys, mindaam.training.launch; print('mindspore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


def test_ranks_are_bound_by_msrun_or_share_the_cores_themselves():
    job, _ = launch.read_arguments(
        ["--workers", "2", "--log-dir", "x", "--bind-core", "--cluster-timeout", "1200", "--", "train", "a"]
    )
    assert {"--bind_core=True", "--cluster_time_out=1200"} < {*job.arguments()}
    assert launch.RANKS_HERE not in job.additions()
    job, _ = launch.read_arguments(["--workers", "2", "--log-dir", "x", "--", "train", "a"])
    assert not any(word.startswith(("--bind_core", "--cluster_time_out")) for word in job.arguments())
    assert job.additions()[launch.RANKS_HERE] == "2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--workers 2 --log-dir x", "nothing to run"),
        ("--workers 0 --log-dir x -- train", "--workers must be at least 1"),
        ("--workers 2 --log-dir x --nodes 2 --node-rank 2 --master a -- train", "--node-rank from 0"),
        ("--workers 2 --log-dir x --nodes 2 -- train", "give --master"),
        ("--workers 2 --log-dir x --cluster-timeout 0 -- train", "--cluster-timeout must be at least 1"),
    ],
)
def test_a_job_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        launch.read_arguments(arguments.split())


def test_every_start_takes_a_port_of_its_own_and_several_machines_the_agreed_one():
    arguments = ["--workers", "2", "--log-dir", "x", "--", "train"]
    job, _ = launch.read_arguments(arguments)
    assert 1024 <= job.port <= 65535
    job, _ = launch.read_arguments(["--nodes", "2", "--master", "10.0.0.1", *arguments])
    assert job.port == launch.PORT


def test_a_dry_run_prints_the_command_and_starts_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a b").write_text("base: " + str(recipe("corpus")))
    assert launch.main(["--workers", "2", "--log-dir", str(tmp_path / "logs"), "--dry-run", "--", "train", "a b"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("# machine 0 of 1, ranks 0 to 1 of 2: msrun ") and "--master_port=FREE_PORT" in first
    assert first.endswith("--tail_worker_log=2 python -m mindaam.cli.main train 'a b'")
    assert f"{tmp_path}/logs/start_001/worker_1.log" in rest[-1] and not (tmp_path / "logs").exists()


def test_a_rehearsal_of_four_machines_names_the_command_and_files_of_every_rank(monkeypatch):
    for name in ("HCCL_CONNECT_TIMEOUT", "HCCL_EXEC_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DEVICE_TARGET", "Ascend")
    seen = {}
    for node in range(4):
        job = Job(8, Path(f"logs/node_{node}/start_001"), ("train", "a", "--out", "runs/a"), 4, node, "10.0.0.1")
        found = rehearsal.lines(job)
        assert "HCCL_CONNECT_TIMEOUT=1800 HCCL_EXEC_TIMEOUT=7200" in found[1]
        assert any("MS_SCHED" in line for line in found) == (node == 0)
        seen |= dict(line.split(": ", 1) for line in found if re.match(r"rank \d+:", line))
        assert found[-1].startswith("rank 0 writes to runs/a")
    assert list(seen) == [f"rank {rank}" for rank in range(32)]
    for rank in range(32):
        assert seen[f"rank {rank}"] == (
            f"env MS_ROLE=MS_WORKER MS_NODE_ID={rank} RANK_ID={rank} DEVICE_ID={rank % 8} "
            f"python -m mindaam.cli.main train a --out runs/a > logs/node_{rank // 8}/start_001/worker_{rank}.log"
        )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("aam_dinov3_vitl16_released", "sampling.clips: 1 cannot be shared evenly by 8 ranks.* on one rank"),
        ("aam_dinov3_vitl16_paper sampling.clips=4", "sampling.clips: 4 cannot be shared evenly by 8 ranks"),
        ("corpus corpus={salicon:\xa01} sampling.batch_size=12", "batch_size: 12 cannot be shared evenly by 8"),
        ("aam_dinov3_vitl16_paper epocs=3", 'unknown key "epocs"'),
        ("aam_dinov3", "configuration aam_dinov3 does not exist"),
    ],
)
def test_what_so_many_ranks_cannot_train_is_said_before_any_starts(tmp_path, capsys, command, said):
    words = [each.replace("\xa0", " ") for each in command.split(" ")]
    logs = tmp_path / "logs"
    assert launch.main(["--workers", "8", "--log-dir", str(logs), "--dry-run", "--", "train", *words]) == 2
    assert re.search(said, capsys.readouterr().err) and not logs.exists()


@pytest.mark.parametrize("command", ["aam_dinov3_vitl16_paper --tiny", "corpus data_root=x", "--from x", "osie"])
def test_what_they_can_or_what_only_the_data_tell_is_started(command):
    what = "evaluate" if command == "osie" else "train"
    launch.refuse_uneven(Job(1 if "tiny" in command else 8, Path("logs"), (what, *command.split())))


def test_the_last_lines_of_a_log_leave_out_what_mindspore_says_at_the_end(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("\n".join(f"line {i}" for i in range(40)) + "\n[INFO] DISTRIBUTED(1) Event base dispatch success!\n")
    assert supervision.last_lines(log, 3) == ["line 37", "line 38", "line 39"]
    log.write_text("")
    assert supervision.last_lines(log) == ["(empty)"]
    assert supervision.last_lines(tmp_path / "none")[0].startswith("(no log")


def test_every_start_has_a_folder_of_its_own_and_touches_no_other(tmp_path):
    assert launch.prepare(tmp_path / "logs").name == "start_001"
    for name in ("start_009", "start_x", "other"):
        (tmp_path / "logs" / name).mkdir()
    (tmp_path / "logs" / "worker_0.log").write_text("of a release that had one folder for all starts")
    before = {path: path.stat() for path in (tmp_path / "logs").rglob("*")}
    assert launch.prepare(tmp_path / "logs") == tmp_path / "logs" / "start_010"
    assert {path: path.stat() for path in before} == before


def test_a_launcher_that_was_not_listed_yet_keeps_its_folder(tmp_path, monkeypatch):
    (tmp_path / "start_001").mkdir()
    (tmp_path / "start_002").write_text("")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", lambda self: iter(()))
        assert launch.prepare(tmp_path) == tmp_path / "start_003"


def test_launchers_that_come_at_once_get_folders_of_their_own(tmp_path):
    gate, found = threading.Barrier(8), []

    def start():
        gate.wait()
        found.append(launch.prepare(tmp_path / "logs"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in found) == [f"start_{number:03d}" for number in range(1, 9)]


def test_of_several_machines_each_has_its_own_folder(tmp_path):
    folders = []
    for rank in range(2):
        given = f"--workers 2 --nodes 2 --node-rank {rank} --master 10.0.0.1 --log-dir {tmp_path} -- train"
        job, _ = launch.read_arguments(given.split())
        folders.append(launch.prepare(job.log_dir))
    assert folders == [tmp_path / "node_0" / "start_001", tmp_path / "node_1" / "start_001"]


def test_a_place_where_no_logs_can_be_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="cannot write logs"):
            launch.prepare(folder)
    assert launch.main(["--workers", "1", "--log-dir", str(tmp_path / "file"), "--dry-run", "--", "train"]) == 0
    assert "--log_dir" in capsys.readouterr().out


def of_the_job(folder, codes):
    """The command lines of processes that run the stand-in for msrun or the ranks' code."""
    running = [each.info["cmdline"] or [""] for each in psutil.process_iter(["cmdline"])]
    return [line for line in running if str(folder) in line or line[-1] in codes]


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A function that runs two ranks of Python code under a stand-in for msrun; (exit code, seconds)."""

    def run(*codes):
        monkeypatch.setattr(launch.Job, "arguments", lambda self: ["python", str(FAKE), str(self.log_dir), *codes])
        start = time.monotonic()
        code = launch.run(Job(2, tmp_path, ("train",)))
        seconds = time.monotonic() - start
        until = time.monotonic() + 5  # a killed process takes a moment to go
        while left := of_the_job(tmp_path, codes):
            assert time.monotonic() < until, left
        return code, seconds

    return run


def test_a_job_whose_ranks_end_well_ends_well_and_shows_rank_0(job, capfd):
    assert job("print('hello')\n" + WELL, WELL)[0] == 0
    assert capfd.readouterr().out == "hello\n"


def test_a_rank_that_fails_ends_the_job_with_its_code_and_last_lines(job, capfd):
    code, seconds = job(SLEEP, "import time; time.sleep(0.5); print('where it hurts'); raise SystemExit(3)")
    assert code == 3 and seconds < 20
    error = capfd.readouterr().err
    assert "rank 1 ended with exit code 3" in error and "worker_1.log" in error and "where it hurts" in error


def test_a_rank_that_dies_when_all_have_done_their_work_is_no_failure(job, capfd):
    done = f"print('rank: {supervision.DONE}', flush=True); import os, time; time.sleep(0.5)"
    code, seconds = job(f"{done}; time.sleep(60)", f"{done}; os.kill(os.getpid(), 11)")
    assert code == 0 and seconds < 20
    assert "rank 1 was killed by SIGSEGV when all ranks had done their work" in capfd.readouterr().err


def test_a_rank_that_dies_while_another_still_works_ends_the_job(job, capfd):
    code, _ = job(SLEEP, f"print('rank: {supervision.DONE}', flush=True); import os; os.kill(os.getpid(), 11)")
    assert code == 1 and "rank 1 was killed by SIGSEGV, " in capfd.readouterr().err


def test_a_rank_that_is_killed_ends_the_job(job, capfd):
    kill = "import os, time; time.sleep(0.5); os.kill(os.getpid(), 9)"
    code, seconds = job(SLEEP, kill)
    assert code == 1 and seconds < 20
    assert "rank 1 was killed by SIGKILL" in capfd.readouterr().err


def test_a_job_outlives_the_removal_of_its_logs(job, tmp_path):
    def remove():
        while not (tmp_path / "start_001" / "worker_1.log").exists():  # the last one that is made
            time.sleep(0.05)
        shutil.rmtree(tmp_path / "start_001")

    threading.Thread(target=remove, daemon=True).start()
    assert job("import time; time.sleep(1)", WELL)[0] == 0


def test_the_scheduler_logs_on_the_first_machine_and_msrun_on_every_one(tmp_path, capsys):
    job = Job(1, tmp_path, ("train",), nodes=2, node_rank=1, master="10.0.0.1")
    (tmp_path / "msrun.log").write_text("no route to the first machine")
    watched = supervision.Supervision(job, os.getpid())
    watched.kill = lambda: None
    assert watched.end(7) == 1
    error = capsys.readouterr().err
    assert f"The last lines of {tmp_path}/msrun.log:\n    no route to the first machine" in error
    (tmp_path / "scheduler.log").write_text("a machine is lost")
    assert watched.end(7) == 1 and "a machine is lost" in capsys.readouterr().err


ORPHAN = """
import sys, time
for number in range(600):
    print("at work", number, flush=True)
    time.sleep(0.05)
"""


def test_a_launcher_beside_a_job_that_outlived_its_own_leaves_its_logs_alone(tmp_path, capfd):
    code = (
        "import sys; from pathlib import Path; from mindaam.training import launch\n"
        f"launch.Job.arguments = lambda self: ['python', {str(FAKE)!r}, str(self.log_dir), {ORPHAN!r}, {ORPHAN!r}]\n"
        f"launch.run(launch.Job(2, Path({str(tmp_path)!r}), ('train',)))\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code], cwd=FAKE.parents[2], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    log, until = tmp_path / "start_001" / "worker_0.log", time.monotonic() + 30
    try:
        while not (log.exists() and log.read_text()):
            assert time.monotonic() < until and first.poll() is None
            time.sleep(0.05)
        family = psutil.Process(first.pid).children(recursive=True)
        first.kill()  # nobody supervises its ranks any longer
        first.wait()
        number, had = log.stat().st_ino, log.stat().st_size
        logs = launch.prepare(tmp_path)
        (logs / "msrun.log").write_text("")
        while log.stat().st_size == had:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert logs.name == "start_002" and log.stat().st_ino == number
        assert sorted(path.name for path in log.parent.iterdir()) == [
            "msrun.log", "scheduler.log", "worker_0.log", "worker_1.log"
        ]  # fmt: skip
    finally:
        for process in [first, *locals().get("family", ())]:
            process.kill()


def test_a_rank_that_leaves_the_others_behind_ends_the_job(job, capfd, monkeypatch):
    monkeypatch.setattr(supervision, "RANKS_PATIENCE", 1.0)
    assert job(SLEEP, WELL)[0] == 1
    assert "rank 1 ended 1 s before others" in capfd.readouterr().err


def signals(tmp_path, times):
    """Sends SIGTERM to this process, `times` times, once both ranks are ready."""

    def send():
        logs = [tmp_path / "start_001" / f"worker_{rank}.log" for rank in range(2)]
        while not all(log.exists() and "ready" in log.read_text() for log in logs):
            time.sleep(0.1)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.5)

    threading.Thread(target=send, daemon=True).start()


def test_sigterm_lets_all_ranks_save_and_leave(job, tmp_path):
    signals(tmp_path, 1)
    assert job(SAVES, SAVES)[0] == 0
    assert all("saved" in (tmp_path / "start_001" / f"worker_{rank}.log").read_text() for rank in range(2))


def test_a_second_sigterm_ends_ranks_that_do_not_leave(job, tmp_path, capfd):
    deaf = SAVES.replace('lambda *_: (print("saved"), sys.exit(0))', "signal.SIG_IGN")
    signals(tmp_path, 2)
    assert job(deaf, deaf)[0] == supervision.STOPPED
    assert "stopped before all ranks had exited" in capfd.readouterr().err


def test_a_rank_that_cannot_save_when_it_is_asked_to_is_shown(job, tmp_path, capfd):
    full = SAVES.replace('(print("saved"), sys.exit(0))', 'sys.exit("the disk is full")')
    signals(tmp_path, 1)
    assert job(SAVES, full)[0] == 1
    assert "the disk is full" in capfd.readouterr().err


def test_ranks_that_sigterm_finds_before_they_can_save_are_stopped(job, tmp_path, capfd):
    early = 'import time; print("ready", flush=True); time.sleep(600)'
    signals(tmp_path, 1)
    assert job(early, early)[0] == supervision.STOPPED
    assert "stopped before all ranks had exited" in capfd.readouterr().err


def real(what, folder):
    """Starts ranks.py on two ranks under msrun: a Popen."""
    return subprocess.Popen(
        [sys.executable, "-m", "mindaam.training.launch", "--workers", "2", "--log-dir", folder / "logs", "--",
         rank_jobs.__file__, what, folder],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "code", "sentence"),
    [
        ("ill", 1, "ValueError: rank 1 is ill"),
        ("killed", 1, "rank 1 was killed by SIGKILL"),
        ("absent", 1, "ImportError: rank 1 never comes"),
        ("misused", 2, "rank 1 ended with exit code 2"),
    ],
)
def test_a_death_ends_a_real_job_within_a_minute(tmp_path, what, code, sentence):
    process = real(what, tmp_path)
    _, error = process.communicate(timeout=120)  # two ranks alone take up to 35 s to meet
    died = (tmp_path / "logs" / "start_001" / "worker_1.log").stat().st_mtime
    assert process.returncode == code and sentence in error, error
    assert time.time() - died < 60


@pytest.mark.slow
def test_sigterm_stops_real_ranks_after_the_same_step(tmp_path):
    process = real("until_asked", tmp_path)
    log = tmp_path / "logs" / "start_001" / "worker_1.log"
    until = time.monotonic() + 120
    while time.monotonic() < until and not (log.exists() and "step 3" in log.read_text()):
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    steps = [(tmp_path / "logs" / "start_001" / f"worker_{rank}.log").read_text().count("step") for rank in range(2)]
    assert steps[0] == steps[1] >= 3
