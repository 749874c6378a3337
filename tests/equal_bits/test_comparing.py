"""What the comparison of two runs finds: equal ones in either layout, and one value that differs of each kind."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.equal_bits.__main__ import show
from tests.equal_bits.comparing import compare, same_start
from tests.equal_bits.reading import durations, flat, moment, read
from tests.equal_bits.runs import Run

RUN = Run({}, 4, ("best.safetensors",), ("scores.json",))
WEIGHT, FIRST = np.float32([1, 2, 3]), np.float32([0.1, 0.2, 0.3])
LOG = "step,loss,kld,set,seconds\n2,0.5,0.25,osie,3\n4,0.375,,osie,1\n"


def finished(folder, log=LOG, weight=WEIGHT, first=FIRST, metadata=None, share=0.5, gates="step,noise\n4,0.125\n"):
    """The files of both layouts alike."""
    folder.mkdir()
    (folder / "gates.csv").write_text(gates)
    (folder / "scores.json").write_text(json.dumps({"kinds": {"noise": [share, None]}}))
    save_file({"head.weight": WEIGHT}, folder / "best.safetensors", metadata={"config": "{}", **(metadata or {})})
    return folder, log, {"head.weight": weight}, first


def old(*what):
    """A folder of the layout with one checkpoint."""
    folder, log, tensors, first = what
    (folder / "steps.csv").write_text(log)
    tensors = {**tensors, "first_moment.head.weight": first}
    save_file(tensors, folder / "last.safetensors", metadata={"place": json.dumps({"step": 4})})
    return read(RUN, folder)


def new(*what):
    """A folder of the layout with numbered checkpoints; it holds more tensors, and steps that the other does not."""
    folder, log, tensors, first = what
    (folder / "metrics.csv").write_text(log)
    (folder / "checkpoints").mkdir()
    tensors = {**tensors, "optimizer.temporal.first_moment.head.weight": first, "other": WEIGHT}
    for step in (2, 4):
        save_file(tensors, folder / "checkpoints" / f"step-{step:08d}.safetensors")
    return read(RUN, folder)


def differences(tmp_path, **changes):
    """{what: difference} of a new folder with changes to the same old one without."""
    found = compare(old(*finished(tmp_path / "old")), new(*finished(tmp_path / "new", **changes)))
    return {each.what: each.difference for each in found if each.difference}


def test_scores_of_videos_are_of_other_frames_and_not_compared(tmp_path):
    header, folders = "step,heard,mean_CC,diem_CC,osie_CC\n", [finished(tmp_path / name) for name in ("old", "new")]
    for (folder, *_), row in zip(folders, ("4,1,0.5,0.25,0.75\n", "4,1,0.25,0.125,0.75\n"), strict=True):
        (folder / "epochs.csv").write_text(header + row)
    before, after = old(*folders[0]), new(*folders[1])
    [epochs] = [each for each in compare(before, after) if each.what == "epochs"]
    assert epochs.difference is None and epochs.compared == 3 and epochs.note == "without mean_CC, diem_CC"
    after.tables["epochs"][4]["osie_CC"] = "0.5"
    [epochs] = [each for each in compare(before, after) if each.what == "epochs"]
    assert "osie_CC: 0.75 -> 0.5" in epochs.difference


def test_the_two_layouts_of_one_run_are_equal(tmp_path):
    found = compare(old(*finished(tmp_path / "old")), new(*finished(tmp_path / "new")))
    assert [each.difference for each in found] == [None] * len(found)
    counted = {each.what: each.compared for each in found}
    assert counted["metrics"] == 7  # steps, losses, sets, and the one kld; no seconds
    assert counted["weights"] == counted["optimizer state"] == counted["best.safetensors"] == 1
    assert counted["scores.json"] == 2 and counted["gates"] == 2


@pytest.mark.parametrize(
    ("changes", "what", "shown"),
    [
        ({"log": LOG.replace("0.375", "0.376")}, "metrics", "step 4, loss: 0.375 -> 0.376"),
        ({"log": LOG.replace(",kld,", ",divergence,")}, "metrics", "step 2, kld: 0.25 -> absent"),
        ({"log": LOG + "6,0.25,0.25,osie,1\n"}, "metrics", "step 6, step: absent -> 6"),
        ({"weight": WEIGHT + np.float32([0, 0, 1e-6])}, "weights", "step 4, head.weight: "),
        ({"weight": WEIGHT.reshape(1, 3)}, "weights", "step 4, head.weight: "),
        ({"first": FIRST * 2}, "optimizer state", "step 4, first_moment.head.weight: "),
        ({"metadata": {"preset": "paper"}}, "best.safetensors: metadata", "preset: absent -> paper"),
        ({"share": 0.25}, "scores.json", "/kinds/noise/0: 0.5 -> 0.25"),
        ({"gates": "step,noise\n4,0.25\n"}, "gates", "step 4, noise: 0.125 -> 0.25"),
    ],
)
def test_one_value_that_differs(tmp_path, capsys, changes, what, shown):
    found = differences(tmp_path, **changes)
    assert list(found) == [what] and found[what].startswith(shown)


def test_time_and_a_renamed_text_do_not_count(tmp_path):
    log = LOG.replace(",3\n", ",9\n").replace("set", "data")
    before = old(*finished(tmp_path / "old"))
    found = compare(before, new(*finished(tmp_path / "new", log=log)))
    assert not any(each.difference for each in found) and found[0].note == "without set"


def test_columns_of_a_table_that_is_gone_are_found_elsewhere(tmp_path):
    log = "step,loss,kld,set,noise\n2,0.5,0.25,osie,\n4,0.375,,osie,0.125\n"
    before = old(*finished(tmp_path / "old"))
    folder, *rest = finished(tmp_path / "new", log=log)
    (folder / "gates.csv").unlink()
    assert not any(each.difference for each in compare(before, new(folder, *rest)))


def test_nothing_to_compare_is_a_difference(tmp_path):
    before = old(*finished(tmp_path / "old"))
    empty = before._replace(weights={}, moments={}, models={}, tables={"metrics": {}})
    found = {each.what: each.difference for each in compare(before, empty)}
    assert found["weights"] == found["optimizer state"] == "no checkpoint of step 4"
    assert found["metrics"] and found["best.safetensors"]
    found = {each.what: each.difference for each in compare(empty, before)}
    assert found["weights"] == found["optimizer state"] == "nothing to compare"


def test_a_run_without_the_last_checkpoint_differs(tmp_path):
    after = new(*finished(tmp_path / "new"))
    halfway = after._replace(weights={2: after.weights[2]}, moments={2: after.moments[2]})
    found = {each.what: each.difference for each in compare(after, halfway)}
    assert found["weights"] == found["optimizer state"] == "no checkpoint of step 4" and not found["metrics"]


def test_the_table_shows_every_kind_and_what_differs(tmp_path, capsys):
    before = old(*finished(tmp_path / "old"))
    other = new(*finished(tmp_path / "new", share=0.25))
    assert show({"videos": compare(before, before)}) and not show({"videos": compare(before, other)})
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("videos ") and last.endswith("DIFFERS: /kinds/noise/0: 0.5 -> 0.25")


def test_a_resumed_run_that_began_again_is_found(tmp_path):
    folder, *rest = finished(tmp_path / "new")
    new(folder, *rest)
    assert durations(folder) == {2: "3", 4: "1"}
    assert same_start(durations(folder), {2: "3", 4: "9"}, 2).difference is None
    assert same_start(durations(folder), {2: "2", 4: "1"}, 2).difference == "step 2, seconds: 3 -> 2"


def test_names_of_optimizer_state():
    for name in ("first_moment.head.a", "optimizer.first_moment.head.a", "optimizer.phase_1.first_moment.head.a"):
        assert moment(name) == "first_moment.head.a"
    assert moment("head.first_moments") is None and moment("ema.head.a") is None
    assert flat({"a": [1, {"b": None}]}) == {"/a/0": 1, "/a/1/b": None}
