"""An evaluation as a whole: what it stores, what it skips, and that it continues after it was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from mindaam.data import prompts
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.errors import ConfigError, OutputError
from mindaam.evaluation import results, tables
from mindaam.evaluation.evaluating import evaluate
from mindaam.evaluation.pages import evaluation_page
from mindaam.evaluation.results import load
from mindaam.metrics.protocols import protocol as protocol_named
from tests.evaluation.sets import PLAN, Oracle, Source, same, write_fixations

KILLED = """
import os, sys, time
import numpy as np
from pathlib import Path
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.evaluation.evaluating import evaluate
from tests.evaluation.sets import PLAN, Source

def predict_many(image, prompts):
    time.sleep(float(sys.argv[3]))
    return [image[..., 0] + np.arange(image.shape[1], dtype=np.float32) * len(text) for text in prompts]

evaluate(Source(predict_many), [GazeFolder(sys.argv[1], "val")], PLAN, Path(sys.argv[2]), resume=True)
"""


RELEASED = protocol_named("released")._replace(metrics=("CC",))


@pytest.fixture
def six(tmp_path):
    """Six images with fixations to score."""
    write_fixations(tmp_path / "gaze", {"train": ["t.jpg"], "val": [f"{number}.jpg" for number in range(6)]})
    return GazeFolder(tmp_path / "gaze", "val")


def without_times(settings):
    return {key: each for key, each in settings.items() if key not in ("started", "finished")}


def test_a_folder_holds_what_is_returned(viewing, tasks, tmp_path):
    evaluation = evaluate(Oracle(), [viewing, tasks], PLAN, tmp_path / "new" / "out")
    found = load(tmp_path / "new" / "out")
    assert found.rows == evaluation.rows and found.summary().keys() == {"osie", "taskfix"}
    settings = found.settings
    assert settings["command"] == "mindaam evaluate" and settings["source"] == {"model": "fake"}
    assert settings["finished"] >= settings["started"] and settings["protocol"]["name"] == "paper"
    osie = settings["sets"]["osie"]
    assert (osie["kind"], osie["split"], osie["n"], osie["pairs"], osie["scored"]) == ("images", "val", 1, 1, 1)
    assert osie["sigma"] == 1.0 and settings["sets"]["taskfix"]["sigma"] is None and "400" in osie["size"]
    assert osie["scores"]["right"]["CC"]["n"] == 1 and osie["scores"]["right"]["CC"]["low"] is None
    assert any("viewers apart" in note for note in settings["sets"]["taskfix"]["notes"])  # no baseline people of maps
    assert {row["role"] for row in found.rows_of("osie")} >= {"center_bias", "uniform"}
    json.loads((tmp_path / "new" / "out" / results.SETTINGS).read_text(), parse_constant=pytest.fail)


def test_images_that_fail_are_skipped_where_that_is_requested(six, tmp_path):
    def fails(image, prompts, asked=[]):  # noqa: B006 - counts
        asked.append(None)
        if len(asked) == 2:
            raise RuntimeError("of a decoder")
        return [np.ones((10, 10)) for _ in prompts]

    left = []
    evaluation = evaluate(
        Source(fails), [six], PLAN, tmp_path / "out", left_out=lambda name, error: left.append((name, str(error)))
    )
    assert left == [("1.jpg", "of a decoder")] and evaluation.settings["sets"]["osie"]["skipped"] == ["1.jpg"]
    assert {row["name"] for row in evaluation.rows} == {f"{number}.jpg" for number in (0, 2, 3, 4, 5)}
    assert evaluation.settings["sets"]["osie"]["scored"] == 5
    again = evaluate(same(), [six], PLAN, tmp_path / "out", resume=True)  # what was skipped is scored then
    assert {row["name"] for row in again.rows} == {f"{number}.jpg" for number in range(6)}


def test_an_error_ends_an_evaluation_and_what_was_done_is_kept(six, tmp_path):
    def fails(image, prompts, asked=[]):  # noqa: B006 - counts
        asked.append(None)
        if len(asked) == 4:
            raise RuntimeError("of a decoder")
        return [np.ones((10, 10)) for _ in prompts]

    with pytest.raises(RuntimeError, match="of a decoder"):
        evaluate(Source(fails), [six], PLAN, tmp_path / "out")
    assert {row["name"] for row in load(tmp_path / "out").rows} == {"0.jpg", "1.jpg", "2.jpg"}
    interrupted = load(tmp_path / "out")
    assert interrupted.settings["finished"] is None and interrupted.summary()["osie"]["right"]["CC"].n == 3
    assert tables.terminal(interrupted) and tables.markdown(interrupted) and evaluation_page.html(interrupted)


def test_a_killed_evaluation_continues(six, tmp_path):
    """A real kill -9 while it predicts, then a truncated row, then the same rows as without either."""

    def run(folder, seconds):
        command = [sys.executable, "-c", KILLED, str(six.root), str(folder), str(seconds)]
        return subprocess.Popen(command, cwd=os.getcwd())

    assert run(tmp_path / "whole", 0).wait(120) == 0
    process, rows = run(tmp_path / "killed", 0.5), tmp_path / "killed" / results.ROWS
    limit = time.monotonic() + 120
    while not (rows.exists() and len(rows.read_text().splitlines()) > 8) and time.monotonic() < limit:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept = len(load(tmp_path / "killed").rows)
    assert 0 < kept < len(load(tmp_path / "whole").rows) and load(tmp_path / "killed").settings["finished"] is None
    rows.write_bytes(rows.read_bytes()[:-15])
    assert run(tmp_path / "killed", 0).wait(120) == 0
    whole, killed = (load(tmp_path / name) for name in ("whole", "killed"))
    assert killed.rows == whole.rows and (tmp_path / "whole" / results.ROWS).read_text() == rows.read_text()
    assert without_times(killed.settings) == without_times(whole.settings)


def test_only_what_is_missing_is_predicted_again(six, tmp_path):
    evaluate(same(), [six], PLAN, tmp_path)
    rows = tmp_path / results.ROWS
    lines = rows.read_text().splitlines(keepends=True)
    each = (len(lines) - 1) // 6
    rows.write_text("".join(lines[: 1 + 3 * each]))
    results.write_settings(load(tmp_path).settings | {"finished": None}, tmp_path)
    source = same()
    evaluation = evaluate(source, [six], PLAN, tmp_path, resume=True)
    # the last image of a file that was interrupted may lack rows
    assert [name for name, _, _ in source.calls] == ["2.jpg", "3.jpg", "4.jpg", "5.jpg"]
    assert rows.read_text() == "".join(lines) and len(evaluation.rows) == len(lines) - 1
    source = same()
    evaluate(source, [six], PLAN, tmp_path, resume=True)
    assert source.calls == []


def test_a_resumed_evaluation_keeps_its_notes_and_can_be_killed_again(tasks, tmp_path, monkeypatch):
    """Its one image with two conditions has no train split; nothing is scored again when it is finished."""

    def audio(name):
        return ["audio off (2 videos)"]

    first = same()
    first.notes = audio
    evaluate(first, [tasks], PLAN, tmp_path)
    [before] = [each["notes"] for each in load(tmp_path).settings["sets"].values()]
    assert "no center bias, sAUC and IG" in before[0] and before[-1] == "audio off (2 videos)"
    monkeypatch.setattr("mindaam.evaluation.evaluating.notes", lambda *_: 1 / 0)  # stands for a kill
    with pytest.raises(ZeroDivisionError):
        evaluate(same(), [tasks], PLAN, tmp_path, resume=True)
    assert load(tmp_path).settings["finished"] is None
    monkeypatch.undo()
    source = same()
    source.notes = audio
    again = evaluate(source, [tasks], PLAN, tmp_path, resume=True).settings["sets"]["taskfix"]["notes"]
    assert [name for name, _, _ in source.calls] == ["b.jpg"]  # the last image, which might lack rows
    assert again == [*before, "audio off (2 videos), of those scored after --resume"]


def test_the_note_on_people_where_one_viewer_saw_each_image(six, tmp_path):
    for protocol, reason in (
        (PLAN.protocol, "nothing was viewed by two people"),
        (RELEASED, "are those of all viewers"),
    ):
        evaluation = evaluate(same(), [six], PLAN._replace(protocol=protocol))
        [entry] = evaluation.settings["sets"].values()
        assert [note for note in entry["notes"] if "people" in note and note.endswith(reason)] == entry["notes"]


def test_the_note_on_a_scored_train_split(six, tmp_path):
    [entry] = evaluate(same(), [GazeFolder(six.root, "train")], PLAN).settings["sets"].values()
    assert "center bias and IG come from the train split, the scored data themselves" in entry["notes"]
    [entry] = evaluate(same(), [six], PLAN).settings["sets"].values()
    assert not any("scored data themselves" in each for each in entry["notes"])


def test_a_folder_with_an_evaluation_is_not_overwritten(viewing, tmp_path):
    evaluate(same(), [viewing], PLAN, tmp_path)
    with pytest.raises(ConfigError, match="contains an evaluation; continue it with --resume"):
        evaluate(same(), [viewing], PLAN, tmp_path)
    other = PLAN._replace(protocol=PLAN.protocol._replace(longest_side=200))
    with pytest.raises(ConfigError, match=r"other settings \(protocol.longest_side: 400 -> 200"):
        evaluate(same(), [viewing], other, tmp_path, resume=True)
    with pytest.raises(ConfigError, match="granularity"):
        evaluate(same(), [viewing], PLAN._replace(granularity=("G1",)), tmp_path, resume=True)
    source = same()
    source.described = lambda: {"model": "another"}
    with pytest.raises(ConfigError, match='source.model: "fake" -> "another"'):
        evaluate(source, [viewing], PLAN, tmp_path, resume=True)


def test_files_of_something_else_are_not_overwritten(viewing, tmp_path):
    """Such as the report of a training run, whose folder is given with -o."""
    for name in ("report.html", "rows.csv"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("mine")
        source = same()
        with pytest.raises(ConfigError, match=f"{name} contains a {name} that is not of an evaluation"):
            evaluate(source, [viewing], PLAN, tmp_path / name, resume=True)
        assert source.calls == [] and [each.name for each in (tmp_path / name).iterdir()] == [name]


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(viewing, tmp_path):
    (tmp_path / "file").write_text("")
    source = same()
    with pytest.raises(OutputError):
        evaluate(source, [viewing], PLAN, tmp_path / "file")
    assert source.calls == []


def test_progress_names_each_image(tasks):
    seen = []

    class Bars:
        def __init__(self, total, name):
            seen.append((total, name))

        def __enter__(self):
            return SimpleNamespace(step=seen.append, within=None)

        def __exit__(self, *_):
            seen.append("end")

    evaluate(same(), [tasks], PLAN, progress=Bars)
    assert seen == [(2, "evaluating taskfix"), "a.jpg", "b.jpg", "end"]


def test_requested_prompts_are_roles_and_paraphrases_have_a_standard_deviation(viewing):
    source = Source(lambda image, texts: [image[..., 0] + np.arange(image.shape[1]) * len(text) for text in texts])
    plan = PLAN._replace(prompts=("paraphrases", "none"), granularity=("G1",))
    evaluation = evaluate(source, [viewing], plan)
    roles = list(evaluation.summary()["osie"])
    assert roles[:4] == ["right", "paraphrases", "none", "G1"] and "generic" not in roles
    spread = evaluation.settings["sets"]["osie"]["paraphrases"]
    assert spread["prompts"] == len(prompts.training_prompts("osie", "free_viewing")) + 1
    assert set(spread["std"]) == set(evaluation.settings["metrics"])
