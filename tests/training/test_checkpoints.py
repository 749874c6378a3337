"""Checkpoints of a run: whatever happens, `latest` names a whole file, and what is damaged is never loaded."""

import errno
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy as safetensors_numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import mindaam
from mindaam.errors import CheckpointError, OutputError, TrainingError
from mindaam.training.checkpoints import Found, differences, environment, latest, load, refuse, save

TENSORS = {
    "head.weight": np.arange(6, dtype=np.float32).reshape(2, 3) - 2.5,
    "head.half": np.array([1.5, -2.0], np.float16),
    "optimizer.first.empty": np.zeros((0, 3), np.float32),
    "loss_scale": np.array(1024.0, np.float32),
    "rng": np.arange(4, dtype=np.int64) << 40,
    "swapped": np.array([1.0, 2.0], ">f4"),
    "turned": np.arange(6, dtype=np.float64).reshape(2, 3).T,
}
METADATA = {"place": '{"epoch": 2}', "config": "Größe: é"}
SMALL = {"w": np.ones(3, np.float32)}
ROOT = Path(mindaam.__file__).parents[1]


def steps(folder):
    """The steps of the checkpoints in a run's folder, and that nothing else is there."""
    names = sorted(each.name for each in (folder / "checkpoints").iterdir())
    assert all(name.startswith("step-") and name.endswith(".safetensors") for name in names)
    assert {each.name for each in folder.iterdir()} <= {"checkpoints", "latest"}
    return [int(name[5:-12]) for name in names]


def saved(folder, count=3):
    """The paths of the checkpoints of steps 1 to `count`."""
    numbered = ((step, {"w": np.full(3, step, np.float32)}) for step in range(1, count + 1))
    return [save(folder, step, tensors, {}, keep_last=count) for step, tensors in numbered]


def cut(path, length=None):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 if length is None else length])


def flip(path, place=-1):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@contextmanager
def room_for(size):
    """Files can grow to `size` bytes, as if the disk were full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def run(code, *arguments):
    """A Python process at the project's root, its output as pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


# ---- saving and loading ----------------------------------------------------------------------------------------------


def test_a_round_trip_keeps_every_bit_type_and_text(tmp_path):
    path = save(tmp_path / "läuft 走る", 123, TENSORS, METADATA, score=0.625)
    assert path == tmp_path / "läuft 走る/checkpoints/step-00000123.safetensors"
    assert latest(tmp_path / "läuft 走る") == Found(path, "")
    tensors, metadata = load(path)
    assert metadata == {**METADATA, "score": "0.625"}
    assert tensors.keys() == TENSORS.keys()
    for name, array in tensors.items():
        assert array.dtype == TENSORS[name].dtype.newbyteorder("<") and np.array_equal(array, TENSORS[name])


def test_the_same_state_gives_the_same_bytes(tmp_path):
    one, other = (save(tmp_path / name, 1, TENSORS, METADATA) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


def test_the_pointer_is_a_text_that_names_the_newest(tmp_path):
    saved(tmp_path)
    assert (tmp_path / "latest").read_text() == "step-00000003.safetensors\n"


def test_a_step_can_be_saved_again(tmp_path):
    saved(tmp_path)
    path = save(tmp_path, 3, {"w": np.full(3, 30, np.float32)}, {})
    assert load(path)[0]["w"][0] == 30 and steps(tmp_path) == [1, 2, 3]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_by_name_and_nothing_is_written(tmp_path, value):
    (path,) = saved(tmp_path, 1)
    broken = {"z": np.array([value]), "fine": np.ones(2), "m": np.array([1, value], np.float16), "rng": np.arange(3)}
    with pytest.raises(TrainingError, match="^m is no longer finite after step 7;"):
        save(tmp_path, 7, broken, {})
    assert latest(tmp_path) == Found(path) and steps(tmp_path) == [1]


@pytest.mark.parametrize("metadata", [{"place": 3}, {"score": "1"}, {"checksum": "1"}])
def test_metadata_that_could_not_be_read_again_is_a_mistake_of_the_caller(tmp_path, metadata):
    with pytest.raises(TypeError, match="metadata"):
        save(tmp_path, 1, SMALL, metadata)
    assert not list(tmp_path.iterdir())


def test_mindspore_is_not_needed():
    code = "import sys, mindaam.training.checkpoints; sys.exit('mindspore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# ---- keeping ---------------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    scores=st.lists(st.none() | st.sampled_from([0.1, 0.2, 0.3]) | st.floats(-1, 1), min_size=1, max_size=9),
    keep_last=st.integers(0, 4),
    keep_best=st.integers(0, 3),
)
def test_the_last_and_the_best_are_kept_and_nothing_else(scores, keep_last, keep_best):
    with tempfile.TemporaryDirectory() as folder:
        folder, done = Path(folder), {}
        for step, score in enumerate(scores):
            done[step] = score
            path = save(folder, step, SMALL, {}, keep_last=keep_last, keep_best=keep_best, score=score)
            last = sorted(done)[-max(keep_last, 1) :]
            scored = sorted((each for each in done if done[each] is not None), key=lambda each: (done[each], each))
            best = scored[len(scored) - min(keep_best, len(scored)) :]
            assert steps(folder) == sorted({*last, *best})
            assert latest(folder) == Found(path)


def test_of_equal_scores_the_newest_is_kept(tmp_path):
    for step, score in enumerate([0.1, 0.5, 0.5, 0.5, 0.2, 0.3]):
        save(tmp_path, step, SMALL, {}, keep_last=1, keep_best=2, score=score)
    assert steps(tmp_path) == [2, 3, 5]


def test_a_score_that_is_no_number_is_no_score(tmp_path):
    for step, score in enumerate([0.5, float("nan"), float("inf"), 0.4]):
        save(tmp_path, step, SMALL, {}, keep_last=1, score=score)
    assert steps(tmp_path) == [0, 3]


def test_a_run_that_went_back_keeps_the_last_ones_on_its_way_and_drops_later_ones_when_it_passes_them(tmp_path):
    for step in (10, 20, 30, 40):
        save(tmp_path, step, SMALL, {}, keep_last=4)
    kept = []
    for step in (11, 12, 13, 41, 42):
        path = save(tmp_path, step, SMALL, {}, keep_last=2)
        kept.append(steps(tmp_path))
        assert latest(tmp_path) == Found(path)
    assert kept == [[10, 11, 20, 30, 40], [11, 12, 20, 30, 40], [12, 13, 20, 30, 40], [40, 41], [41, 42]]


def test_damaged_files_do_not_count_as_kept(tmp_path):
    paths = saved(tmp_path, 4)
    cut(paths[1])
    cut(paths[2])
    save(tmp_path, 5, SMALL, {}, keep_last=3)
    assert steps(tmp_path) == [1, 2, 3, 4, 5]
    save(tmp_path, 6, SMALL, {}, keep_last=3)
    assert steps(tmp_path) == [4, 5, 6]


def test_what_a_killed_process_left_is_removed_at_the_next_save_and_nothing_else(tmp_path):
    saved(tmp_path, 1)
    ours = ["checkpoints/.mindaam-17.tmp"]
    others = [".mindaam-17.tmp", "checkpoints/.hidden", "checkpoints/step-1.safetensors", "checkpoints/notes"]
    for name in [*ours, *others]:
        (tmp_path / name).write_bytes(b"half")
    save(tmp_path, 2, SMALL, {}, keep_last=1)
    left = {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()}
    assert left == {"latest", "checkpoints/step-00000002.safetensors", *others}


# ---- crashes and full disks ------------------------------------------------------------------------------------------

WRITER = """
import sys
import numpy as np
from mindaam.training.checkpoints import latest, load, save
found = latest(sys.argv[1])
step = int(load(found.path)[0]["w"][0]) if found else 0
while True:
    step += 1
    save(sys.argv[1], step, {"w": np.full(200_000, step, np.float32)}, {}, keep_last=2, score=-step)
    print(step, flush=True)
"""


def test_a_kill_at_a_random_moment_leaves_latest_at_a_whole_file(tmp_path):
    told, rng = 0, random.Random(0)
    for _ in range(10):
        writer = run(WRITER, tmp_path)
        first = int(writer.stdout.readline())  # continued where the last one got to
        assert first > told
        time.sleep(rng.uniform(0, 0.03))
        writer.kill()
        told = int(([first, *writer.communicate()[0].split()])[-1])
        found = latest(tmp_path)
        assert found.note == ""
        assert told <= load(found.path)[0]["w"][0] <= told + 1
    path = save(tmp_path, told + 2, SMALL, {}, keep_last=1, keep_best=0)
    assert steps(tmp_path) == [told + 2] and latest(tmp_path) == Found(path)


DIES = """
import os, sys
import numpy as np
from mindaam.training import checkpoints
folder, calls = sys.argv[1], 0
def dying(function, last):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls > last:
            os._exit(9)
        return function(*arguments, **options)
    return call
def whole():
    found = checkpoints.latest(folder)
    return int(checkpoints.load(found.path)[0]["w"][0]), found.note
checkpoints.save(folder, 1, {"w": np.ones(9)}, {}, keep_last=1)
for last in range(20):
    step, code = 2 + last, 9
    if not os.fork():
        for name in ("fsync", "replace", "unlink"):
            setattr(os, name, dying(getattr(os, name), last))
        checkpoints.save(folder, step, {"w": np.full(9, step)}, {}, keep_last=1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.wait()[1])
    print(last, code, step, *whole(), flush=True)
    if not code:
        break
"""


def test_a_death_before_any_of_its_steps_leaves_latest_at_a_whole_file(tmp_path):
    lines = [line.split() for line in run(DIES, tmp_path).communicate()[0].splitlines()]
    assert [line[1] for line in lines] == ["9"] * (len(lines) - 1) + ["0"]
    assert len(lines) > 7  # written, named, made lasting, each for the file and the pointer; one removed
    reached = 1
    for _, _, step, at, *note in lines:
        assert int(at) in (reached, int(step)) and not note
        reached = int(at)
    assert reached == int(lines[-1][2]) and steps(tmp_path) == [reached]


@pytest.mark.parametrize("size", [0, 1, 100, 4096, 30_000])
def test_a_full_disk_is_one_sentence_and_the_last_checkpoint_stays_good(tmp_path, size):
    paths, large = saved(tmp_path), {"w": np.ones(10_000, np.float32)}
    with room_for(size), pytest.raises(OutputError, match="^cannot write .*[^.]$") as caught:
        save(tmp_path, 4, large, {}, keep_last=1)
    assert "\n" not in str(caught.value)
    assert latest(tmp_path) == Found(paths[-1]) and steps(tmp_path) == [1, 2, 3]
    assert latest(tmp_path) != Found(save(tmp_path, 4, large, {}))


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_a_disk_that_fails_at_any_moment_leaves_latest_at_a_whole_file(tmp_path, monkeypatch, call):
    saved(tmp_path)
    calls, fsync = [], os.fsync

    def full(handle):
        calls.append(handle)
        if len(calls) == call:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save(tmp_path, 4, SMALL, {}, keep_last=1)
    found = latest(tmp_path)
    assert found == Found(tmp_path / f"checkpoints/step-0000000{4 if call == 4 else 3}.safetensors")
    assert steps(tmp_path) == ([1, 2, 3] if call == 1 else [1, 2, 3, 4])


@pytest.mark.parametrize("blocked", ["run", "run/checkpoints"])
def test_a_file_in_the_place_of_a_folder_is_an_output_error(tmp_path, blocked):
    (tmp_path / blocked).parent.mkdir(exist_ok=True)
    (tmp_path / blocked).write_text("mine")
    with pytest.raises(OutputError, match="cannot write to the folder"):
        save(tmp_path / "run", 1, SMALL, {})
    assert (tmp_path / blocked).read_text() == "mine"


# ---- damage ----------------------------------------------------------------------------------------------------------


def test_a_file_cut_at_any_length_is_refused_by_its_name(tmp_path):
    path = save(tmp_path, 1, TENSORS, METADATA)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="step-00000001.safetensors"):
            load(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(CheckpointError, match="step-00000001.safetensors"):
        load(path)


def test_a_flipped_bit_anywhere_is_refused_by_the_files_name(tmp_path):
    path = save(tmp_path, 1, {"w": TENSORS["head.weight"], "rng": TENSORS["rng"]}, METADATA, score=0.5)
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << 5 * place % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="step-00000001.safetensors"):
            load(path)


@pytest.mark.parametrize(("before", "after"), [("[2,3]", "[3,2]"), ('"I64"', '"F64"'), ('"rng"', '"gnr"')])
def test_a_changed_shape_type_or_name_is_refused(tmp_path, before, after):
    path = save(tmp_path, 1, {"w": TENSORS["head.weight"], "rng": TENSORS["rng"]}, {})
    content = path.read_bytes()
    assert content.count(before.encode()) == 1
    path.write_bytes(content.replace(before.encode(), after.encode()))
    with pytest.raises(CheckpointError, match="does not match its checksum"):
        load(path)


def test_a_file_without_a_checksum_is_no_checkpoint_of_a_run(tmp_path):
    safetensors_numpy.save_file(SMALL, tmp_path / "best.safetensors", {"model": "aam"})
    with pytest.raises(CheckpointError, match="best.safetensors has no checksum"):
        load(tmp_path / "best.safetensors")


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_bytes(b"")])
def test_no_file_at_all_is_a_checkpoint_error(tmp_path, make):
    path = tmp_path / "step-00000001.safetensors"
    make(path)
    with pytest.raises(CheckpointError, match=path.name):
        load(path)


# ---- finding ---------------------------------------------------------------------------------------------------------


def test_a_folder_without_checkpoints_has_none(tmp_path):
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/config.yaml").write_text("{}")
    assert latest(tmp_path / "run") is None and latest(tmp_path / "nowhere") is None


def test_the_pointer_is_followed_even_to_an_older_one(tmp_path):
    paths = saved(tmp_path)
    (tmp_path / "latest").write_text(paths[0].name)
    assert latest(tmp_path) == Found(paths[0])


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 26, b"\xff\xfe", b"step-00000003.safe", b"../../../etc/passwd", b"step-00000003" * 99]
)
def test_a_damaged_pointer_gives_the_newest_whole_one_and_says_so(tmp_path, content):
    paths = saved(tmp_path)
    flip(paths[2])
    (tmp_path / "latest").write_bytes(content)
    found = latest(tmp_path)
    assert found.path == paths[1] and 'the pointer "latest" is ' in found.note and "\n" not in found.note
    assert found.note.endswith("step-00000003.safetensors is damaged or unreadable; continuing from " + paths[1].name)


def test_a_missing_pointer_gives_the_newest_and_says_so(tmp_path):
    paths = saved(tmp_path)
    (tmp_path / "latest").unlink()
    note = 'the pointer "latest" is missing; continuing from step-00000003.safetensors'
    assert latest(tmp_path) == Found(paths[2], note)


@pytest.mark.parametrize("damage", [cut, flip, lambda path: flip(path, 12), lambda path: cut(path, 0), os.unlink])
def test_a_damaged_file_gives_the_newest_whole_one_and_says_so(tmp_path, damage):
    paths = saved(tmp_path)
    damage(paths[2])
    found = latest(tmp_path)
    assert found.path == paths[1]
    assert found.note.startswith("step-00000003.safetensors is ")
    assert save(tmp_path, 3, SMALL, {}) == latest(tmp_path).path == paths[2]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that fails when it is read")
def test_a_disk_that_cannot_be_read_gives_an_older_one(tmp_path):
    paths = saved(tmp_path)
    paths[2].unlink()
    paths[2].symlink_to("/proc/self/mem")
    with pytest.raises(CheckpointError, match="cannot read .*step-00000003.safetensors"):
        load(paths[2])
    assert latest(tmp_path).path == paths[1]
    assert save(tmp_path, 4, SMALL, {}) == latest(tmp_path).path


def test_checkpoints_of_which_none_is_whole_are_an_error(tmp_path):
    for path in saved(tmp_path):
        cut(path)
    with pytest.raises(CheckpointError, match=r"no whole checkpoint .*step-00000001.safetensors is damaged"):
        latest(tmp_path)


def test_a_pointer_without_any_checkpoint_is_an_error(tmp_path):
    shutil.rmtree(saved(tmp_path)[0].parent)
    with pytest.raises(CheckpointError, match="step-00000003.safetensors is missing"):
        latest(tmp_path)


# ---- configurations --------------------------------------------------------------------------------------------------

THEIRS = {"seed": 0, "batch": {"size": 32, "mix": [4, 6]}, "ema": None, "sets": {"osie": {"weight": 1.0}}, "old": True}


def test_differences_are_shown_by_dotted_keys():
    ours = {"seed": 1, "batch": {"size": 32, "mix": [1, 1]}, "ema": {"decay": 0.99}, "sets": {}, "new": "é"}
    assert differences(THEIRS, ours) == [
        "seed: 0 -> 1",
        "batch.mix: [4, 6] -> [1, 1]",
        'ema: null -> {"decay": 0.99}',
        'sets.osie: {"weight": 1.0} -> not there',
        "old: true -> not there",
        'new: not there -> "é"',
    ]


def test_what_means_the_same_is_no_difference():
    ours = {**THEIRS, "seed": 0.0, "batch": {"mix": (4, 6), "size": 32}, "sets": {"osie": {"weight": 1}}}
    assert differences(THEIRS, ours) == []
    assert differences({"a": float("nan"), "b": Path("x")}, {"a": float("nan"), "b": "x"}) == []


def test_free_keys_may_differ_with_all_below_them():
    ours = {**THEIRS, "seed": 5, "batch": {"size": 1, "mix": 2}, "sets": {"osie": {"weight": 2.0}}}
    assert differences(THEIRS, ours, free=("seed", "batch", "sets.osie.weight")) == []
    assert differences(THEIRS, ours, free=("seed", "batch.mix")) == [
        "batch.size: 32 -> 1",
        "sets.osie.weight: 1.0 -> 2.0",
    ]


def test_long_values_are_shortened_about_where_they_part():
    (found,) = differences({"w": list(range(100))}, {"w": [*range(99), 7]})
    before, after = found.removeprefix("w: ").split(" -> ")
    assert before != after and before.startswith("...") and before.endswith("99]") and after.endswith("7]")
    assert len(found) < 150
    (found,) = differences({"w": "a" * 500}, {"w": "b"})
    assert len(found) < 90 and found.endswith('aaa... -> "b"')


NUMBERS = st.integers(-9, 9) | st.floats()
LEAVES = st.none() | st.booleans() | NUMBERS | st.text("ab", max_size=200) | st.lists(NUMBERS, max_size=40)
CONFIGURATIONS = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3), max_leaves=6),
)


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_a_configuration_never_differs_from_itself_and_what_differs_looks_different(theirs, ours):
    assert differences(theirs, theirs) == []
    found = differences(theirs, ours)
    assert len(found) == len(differences(ours, theirs))
    for each in found:
        before, after = each.split(": ", 1)[1].split(" -> ")
        assert before != after and max(len(before), len(after)) < 70


def test_a_refusal_shows_five_differences_and_the_option_in_one_sentence():
    theirs, ours = ({f"key{each}": each + shift for each in range(8)} for shift in (0, 1))
    text = str(refuse("run/x.safetensors", differences(theirs, ours)))
    assert isinstance(refuse("x", []), CheckpointError)
    assert text.startswith("run/x.safetensors was made with another configuration (key0: 0 -> 1; key1: 1 -> 2;")
    assert "key4: 4 -> 5 and 3 more)" in text and "key5" not in text and "--allow-changes" in text
    assert "\n" not in text and ". " not in text
    assert "more" not in str(refuse("x", differences(theirs, {**theirs, "key1": 9})))


# ---- environment -----------------------------------------------------------------------------------------------------


def test_the_environment_is_plain_and_told():
    found = environment()
    assert list(found) == ["mindaam", "mindspore", "numpy", "python", "platform", "git", "command"]
    assert found["mindaam"] == mindaam.__version__ and found["numpy"] == np.__version__
    assert found["python"] == sys.version.split()[0] and sys.argv[-1].split("/")[-1] in found["command"]
    assert all(isinstance(value, str) for key, value in found.items() if key != "git")


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_the_revision_is_that_of_the_checkout_or_none(tmp_path, monkeypatch):
    def git(*arguments):
        command = ["git", "-C", tmp_path, "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    monkeypatch.setattr(mindaam, "__file__", str(tmp_path / "mindaam/__init__.py"))
    assert environment()["git"] is None
    git("init", "-q")
    assert environment()["git"] is None
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-q", "-m", "one", "--no-gpg-sign")
    git("tag", "v1")
    revision = git("rev-parse", "HEAD")
    assert environment()["git"] == revision and len(revision) == 40
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert environment()["git"] == revision
    (tmp_path / "file").write_text("two")
    assert environment()["git"] == f"{revision}-dirty"
    (tmp_path / "lib/mindaam").mkdir(parents=True)
    monkeypatch.setattr(mindaam, "__file__", str(tmp_path / "lib/mindaam/__init__.py"))
    assert environment()["git"] is None  # installed inside of another project's checkout
    monkeypatch.setattr(mindaam, "__file__", str(tmp_path / "mindaam/__init__.py"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment()["git"] is None
