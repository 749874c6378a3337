"""Which images and prompts a run uses, and in which order."""

import itertools
import math
from collections import Counter
from types import SimpleNamespace

import pytest

from mindaam.data import prompts
from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.errors import ConfigError
from mindaam.training.feeding.folder_batches import draw_prompts, epoch_plan, steps_per_epoch
from mindaam.training.tasks.phases_config import PhasesConfig
from tests.training.small import CONFIG

TASKS = ("count_people", "judge_emotion", "describe_occasion")
SIZE = 4


def gaze_folder(name, conditions, pictures):
    """What a plan needs of a GazeFolder."""
    entries = [(f"{i:03d}.jpg", condition) for condition in conditions for i in range(pictures)]
    return SimpleNamespace(name=name, entries=entries, conditions=list(conditions), prompts=SetPrompts(name))


FOLDERS = {
    "osie": gaze_folder("osie", ["free_viewing"], 63),
    "eyecrowd": gaze_folder("eyecrowd", ["free_viewing"], 30),
    "taskfix": gaze_folder("taskfix", TASKS, 20),
}


def config(**changes):
    counts = {"osie": 100, "eyecrowd": 100, "taskfix": 9}
    return PhasesConfig(**{**CONFIG, "folders": counts, "batch_size": SIZE, **changes})


def test_a_batch_is_full_and_of_one_folder_and_condition():
    for batch in epoch_plan(FOLDERS, config(), 0, 0):
        assert len(batch.entries) == len(batch.prompts) == len(set(batch.entries)) == SIZE
        entries = FOLDERS[batch.folder].entries
        assert {entries[i][1] for i in batch.entries} == {batch.condition}


def test_an_epoch_shows_each_picture_once_at_most_and_as_many_a_condition_as_allowed():
    plan = epoch_plan(FOLDERS, config(), 0, 0)
    shown = Counter((batch.folder, index) for batch in plan for index in batch.entries)
    assert set(shown.values()) == {1}
    batches = Counter((batch.folder, batch.condition) for batch in plan)
    # nine pictures a task make two batches of four
    assert batches == {
        ("osie", "free_viewing"): 15,
        ("eyecrowd", "free_viewing"): 7,
        **{("taskfix", t): 2 for t in TASKS},
    }
    assert steps_per_epoch(FOLDERS, config(), 0) == len(plan) == 28


def test_over_the_epochs_every_picture_is_shown():
    plans = [epoch_plan(FOLDERS, config(), 0, epoch) for epoch in range(12)]
    shown = {(batch.folder, index) for plan in plans for batch in plan for index in batch.entries}
    assert len(shown) == 63 + 30 + 60


def test_a_plan_follows_from_seed_phase_and_epoch():
    plan = epoch_plan(FOLDERS, config(), 1, 2)
    assert plan == epoch_plan(FOLDERS, config(), 1, 2)
    others = (
        epoch_plan(FOLDERS, config(), 1, 3),
        epoch_plan(FOLDERS, config(), 0, 2),
        epoch_plan(FOLDERS, config(seed=1), 1, 2),
    )
    assert all(plan != other and len(plan) == len(other) for other in others)


def test_a_phase_that_compares_conditions_gives_each_picture_a_sentence_of_another():
    phases = [{**phase, "condition_weight": 1.0} for phase in CONFIG["phases"]]
    plain, compared = epoch_plan(FOLDERS, config(), 0, 0), epoch_plan(FOLDERS, config(phases=phases), 0, 0)
    assert [batch._replace(swapped=()) for batch in compared] == plain  # the batches themselves are the same
    assert not any(batch.swapped for batch in plain)
    for batch in compared:
        own = set(prompts.training_prompts(batch.folder, batch.condition))
        others = {s for task in TASKS for s in prompts.training_prompts("taskfix", task)} - own
        assert len(batch.swapped) == ((SIZE + 1) // 2 if batch.folder == "taskfix" else 0)
        assert set(batch.swapped) <= others


@pytest.mark.parametrize("epoch", range(5))
def test_folders_alternate_in_proportion_to_their_batches(epoch):
    order = [batch.folder for batch in epoch_plan(FOLDERS, config(), 0, epoch)]
    count = Counter(order)
    for folder, run in itertools.groupby(order):
        others = [count[other] for other in count if other != folder]
        assert len(list(run)) <= math.ceil(count[folder] / max(others))
    for folder in count:  # at any time as many as its share, give or take one for each folder
        seen = itertools.accumulate(each == folder for each in order)
        assert all(abs(s - count[folder] * (i + 1) / len(order)) <= len(count) for i, s in enumerate(seen))


def test_some_batches_are_mirrored():
    mirrored = [batch.mirrored for epoch in range(5) for batch in epoch_plan(FOLDERS, config(), 0, epoch)]
    assert 0.35 < sum(mirrored) / len(mirrored) < 0.65


def test_only_training_sentences_of_the_batchs_condition_are_drawn():
    never = {prompts.generic_prompt()}
    seen = {}
    for epoch in range(30):
        for batch in epoch_plan(FOLDERS, config(), 0, epoch):
            never.add(prompts.held_out_prompt(batch.folder, batch.condition))
            seen.setdefault((batch.folder, batch.condition), set()).update(batch.prompts)
    assert not never & set().union(*seen.values())
    for (folder, condition), sentences in seen.items():
        assert sentences == set(prompts.training_prompts(folder, condition))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_scored_sentence_has_its_share(share):
    import numpy as np

    pool = prompts.training_prompts("osie", "free_viewing")
    drawn = draw_prompts(np.random.default_rng(0), FOLDERS["osie"], "free_viewing", 4000, share)
    expected = share + (1 - share) / len(pool)  # the rest is drawn from all, the scored one among them
    assert drawn.count(pool[0]) / 4000 == pytest.approx(expected, abs=0.03)


def test_a_renamed_copy_of_a_folder_keeps_its_sentences():
    copy = {"mine": gaze_folder("taskfix", ["free_viewing"], 8)}
    plan = epoch_plan(copy, config(folders={"mine": 8}, scored_share=1.0), 0, 0)
    assert {batch.folder for batch in plan} == {"mine"}
    assert {s for batch in plan for s in batch.prompts} == {prompts.training_prompts("taskfix", "free_viewing")[0]}


def test_a_folder_without_a_complete_batch_is_an_error():
    with pytest.raises(ConfigError, match="taskfix has no complete batch.*10 images.*lower batch_size"):
        steps_per_epoch(FOLDERS, config(batch_size=10), 0)


def test_a_phase_may_show_other_numbers_of_pictures():
    phases = [{**CONFIG["phases"][0], "folders": {"osie": 8}}, CONFIG["phases"][1]]
    few, many = (epoch_plan(FOLDERS, config(phases=phases), index, 0) for index in (0, 1))
    assert [sum(batch.folder == "osie" for batch in plan) for plan in (few, many)] == [2, 15]
    assert sum(batch.folder == "eyecrowd" for batch in few) == sum(batch.folder == "eyecrowd" for batch in many)
