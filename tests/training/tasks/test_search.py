"""Training with search conditions: the plan, the labels, and a whole run of a shrunken model."""

import csv
import json

import pytest

from mindaam import runtime
from mindaam.data.search import wordings
from mindaam.data.search.folder import open_search
from mindaam.errors import ConfigError, InputError
from mindaam.training import run
from mindaam.training.feeding.folder_batches import epoch_plan
from mindaam.training.feeding.folders import open_folders
from mindaam.training.feeding.search_batches import HOLDS, REFUSES, UNKNOWN, labels
from mindaam.training.tasks import phases
from mindaam.training.tasks.phases_config import PhasesConfig
from tests.training.small import CONFIG, FROZEN, MODEL, FakeSentenceEncoder, fill_backbone, make_gaze, write_config

BOXES = {
    "a.png": [("dog", [0, 0, 30, 20]), ("cup", [30, 20, 30, 20])],
    "b.png": [("cup", [6, 4, 12, 8]), ("laptop", [30, 0, 20, 20])],
    "c.png": [("dog", [0, 0, 60, 40]), ("giraffe", [0, 0, 9, 9])],
    "d.png": [],
}
SEARCH = {**FROZEN, "search": {"osie": 4}, "condition_weight": 1.0, "cone_weight": 0.5, "order_weight": 1.0}
SEARCH |= {"film_dropout": 0.5}


@pytest.fixture(scope="module")
def gaze(tmp_path_factory):
    root = make_gaze(tmp_path_factory.mktemp("gaze"))
    (root / "objects").mkdir()
    listed = {name: [{"name": each, "box": box} for each, box in boxes] for name, boxes in BOXES.items()}
    (root / "objects" / "osie.json").write_text(json.dumps({"pictures": listed}))
    return root


def config(gaze, **phase):
    return PhasesConfig(**{**CONFIG, "data_root": str(gaze), "phases": [{**SEARCH, **phase}]})


def opened(gaze):
    found = config(gaze)
    folders = open_folders(found, "train", None)
    return found, folders, {"osie": open_search(folders["osie"], gaze)}


def test_an_epoch_has_the_batches_of_its_search_conditions(gaze):
    found, folders, searches = opened(gaze)
    plan = epoch_plan(folders, found, 0, 0, searches)
    searching = [batch for batch in plan if batch.things]
    assert len(searching) == 1 and len(plan) == 5  # three images with trained classes fill one batch of two
    [batch] = searching
    names = [folders["osie"].entries[i][0] for i in batch.entries]
    assert len(set(names)) == 2 and "d.png" not in names
    for name, thing, prompt in zip(names, batch.things, batch.prompts, strict=True):
        assert thing in {each for each, _ in BOXES[name]} - {"laptop", "giraffe"}
        assert prompt in wordings.prompts(thing)
    assert len(batch.swapped) == 1 and batch.swapped[0] not in batch.prompts[:1]
    if "a.png" in names:  # the image of two classes is the one that is contrasted
        other = ({"dog", "cup"} - {batch.things[0]}).pop()
        assert names[0] == "a.png" and batch.swapped[0] in wordings.prompts(other)
    assert plan == epoch_plan(folders, found, 0, 0, searches)
    assert all(len(batch.replaced) == 2 for batch in plan)


def test_nothing_but_another_box_is_an_example_against_a_class(gaze):
    _, _, searches = opened(gaze)
    found = labels(searches["osie"], ["a.png", "b.png"], ("dog", "cup"), (4, 6))
    assert found.shape == (2, 2, 24)
    dog, cup = found[0].reshape(2, 4, 6)
    assert (dog[:2, :3] == HOLDS).all() and (dog[2:, 3:] == REFUSES).all() and (dog[:2, 3:] == UNKNOWN).all()
    assert (cup[2:, 3:] == HOLDS).all() and (cup[:2, :3] == REFUSES).all()
    dog, cup = found[1].reshape(2, 4, 6)  # no dog on b.png: its boxes of other things are no dogs
    assert (dog == HOLDS).sum() == 0 and (dog[:2, 3:5] == REFUSES).all() and dog[3, 5] == UNKNOWN
    assert (cup == HOLDS).sum() >= 1 and (cup[:2, 3:5] == REFUSES).all()


def test_a_folder_without_anything_to_search_for_is_refused(gaze):
    _, folders, _ = opened(gaze)
    (gaze / "objects" / "taskfix.json").write_text('{"pictures": {"a.png": [{"name": "dog", "box": [0, 0, 9, 9]}]}}')
    with pytest.raises(InputError, match="taskfix"):  # it has no free viewing
        open_search(folders["taskfix"], gaze)


@pytest.mark.slow
def test_a_run_with_search_conditions_trains_the_cones(gaze, tmp_path, monkeypatch):
    monkeypatch.setattr(phases, "load_backbone", fill_backbone)
    monkeypatch.setattr(phases, "sentence_encoder", lambda name: FakeSentenceEncoder())
    path = write_config(tmp_path, phases=[SEARCH], model_changes={**MODEL, "cone_focus": True})
    try:
        out = run.train(path, [f"data_root={gaze}"], out=tmp_path / "run").folder
    finally:
        runtime.configure(mode="pynative")
    with open(out / "metrics.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    searching = [row for row in rows if row["condition"] == "search"]
    assert len(rows) == 5 and len(searching) == 1
    for row in rows:
        assert (float(row["cones"]) > 0) == (row in searching) and float(row["order"]) > 0
    assert float(searching[0]["swap"]) > 0


def test_what_cannot_be_trained_is_refused(gaze):
    with pytest.raises(ConfigError, match="cone_focus"):
        config(gaze).require_model()
    with pytest.raises(Exception, match="condition_weight"):
        config(gaze, condition_weight=0.0)
    flat = {**CONFIG, "model_changes": {**MODEL, "hyperbolic": "none"}, "phases": [{**SEARCH, "cone_weight": 0.0}]}
    flat["loss"] = {"entailment": 0.0, "distance": 0.0}
    with pytest.raises(ConfigError, match="order_weight"):
        PhasesConfig(**flat).require_model()
