"""A run's one seed, and configurations of runs that were begun before a key was there."""

import json
from pathlib import Path

import numpy as np
import pytest

from mindaam.errors import CheckpointError, ConfigError
from mindaam.places import configs_dir
from mindaam.training import checkpoints, run
from mindaam.training.begun import begun_config
from mindaam.training.tasks import corpus
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.zoo.checkpoints import write_safetensors

BEFORE = (
    Path(__file__).parents[1] / "runs_of_before"
)  # of commit c10de59, seed=42 data_root=ROOT; corpus.json with --tiny
TRAIN = configs_dir() / "train"
RECIPE = TRAIN / "corpus.yaml"


def begun(folder, config):
    """A run's folder with a checkpoint that was made under a configuration, JSON; the checkpoint's path."""
    return checkpoints.save(folder, 1, {}, {"corpus": "{}", "config": config})


def of_before(folder, name, **changes):
    """The same, of a run that was begun before `sampling.seed` followed from `seed`."""
    config = json.loads((BEFORE / f"{name}.json").read_text()) | changes
    return begun(folder, json.dumps(config))


def test_the_seed_of_what_is_drawn_is_the_runs_unless_it_is_given():
    assert CorpusConfig.load(RECIPE).sampling.seed == 0
    assert CorpusConfig.load(RECIPE, ["seed=7"]).sampling.seed == 7
    assert CorpusConfig.load(RECIPE, ["seed=7", "sampling.seed=null"]).sampling.seed == 7
    assert CorpusConfig.load(RECIPE, ["seed=7", "sampling.seed=3"]).sampling.seed == 3
    assert CorpusConfig.load(TRAIN / "aam_dinov3_vitl16_paper.yaml").sampling.seed == 42
    # the number is what is written down, in config.yaml and in checkpoints, and it is read back
    written = CorpusConfig.load(RECIPE, ["seed=7"]).model_dump(mode="json")
    assert written["sampling"]["seed"] == 7


@pytest.mark.parametrize("assignment", ["seed=-1", "seed=4294967296", "sampling.seed=4294967296", "seed=x"])
def test_a_seed_that_is_none_is_refused(assignment):
    with pytest.raises(ConfigError, match="seed"):
        CorpusConfig.load(RECIPE, [assignment])


def test_a_run_begun_before_keeps_its_0(tmp_path):
    theirs = begun_config(of_before(tmp_path, "corpus"), CorpusConfig)
    assert (theirs["seed"], theirs["sampling"]["seed"]) == (42, 0)
    ours = CorpusConfig.load(RECIPE, ["seed=42", "data_root=ROOT"], tiny=True, begun=theirs)
    assert ours.sampling.seed == 0
    assert checkpoints.differences(theirs, ours.model_dump(mode="json")) == []


def test_what_is_asked_for_goes_before_what_was_begun(tmp_path):
    theirs = begun_config(of_before(tmp_path, "corpus"), CorpusConfig)
    given = CorpusConfig.load(RECIPE, ["seed=42", "sampling.seed=42"], tiny=True, begun=theirs)
    assert given.sampling.seed == 42
    another = CorpusConfig.load(RECIPE, ["seed=43"], tiny=True, begun=theirs)  # for --allow-changes
    assert another.sampling.seed == 43


def test_training_goes_on_with_the_seed_of_the_run(tmp_path, monkeypatch):
    class Reached(Exception):
        pass

    def open_data(config, *others):
        raise Reached(config.sampling.seed)

    monkeypatch.setattr(corpus, "open_data", open_data)
    of_before(tmp_path / "old", "corpus")
    for folder, seed in (("old", 0), ("new", 42)):
        with pytest.raises(Reached, match=f"^{seed}$"):
            run.train(RECIPE, ["seed=42"], tiny=True, out=tmp_path / folder, resume=True)


@pytest.mark.parametrize("name", ["corpus", "aam_dinov3_vitl16_paper"])
def test_keys_that_came_later_mean_what_was_done_before(tmp_path, name):
    theirs = begun_config(of_before(tmp_path, name), CorpusConfig)
    written = json.loads((BEFORE / f"{name}.json").read_text())
    added = [line for line in checkpoints.differences(written, theirs) if checkpoints.ABSENT not in line]
    assert added == []
    without = {key: value for key, value in written.items() if key != "recompute"}  # as if it came later
    theirs = begun_config(begun(tmp_path / "earlier", json.dumps(without)), CorpusConfig)
    assert theirs["recompute"] is False


def test_what_no_run_on_the_corpus_wrote_is_refused(tmp_path):
    path = checkpoints.save(tmp_path, 1, {}, {"config": "{}"})
    with pytest.raises(CheckpointError, match="another kind of run"):
        begun_config(path, CorpusConfig)


def test_a_tiny_run_starts_from_nothing_with_a_model_of_the_same_kind(tmp_path):
    said = []
    ours = CorpusConfig.load(RECIPE, ["start=aam_dinov2_vits14"], tiny=True, say=said.append)
    assert (ours.start, ours.model) == (None, "aam_dinov2_vits14") and "are not loaded" in said[0] and len(said) == 1
    other = tmp_path / "other.safetensors"
    head = {"head.anchor": np.zeros(2, np.float32)}
    write_safetensors(other, head, {"model": "aam_dinov3_vits16", "config": '{"preset": "released"}'})
    ours = CorpusConfig.load(RECIPE, [f"start={other}"], tiny=True)
    assert (ours.start, ours.model, ours.preset) == (None, "aam_dinov3_vits16", "released")
    assert ours.model_changes["image_size"] == [64, 64]  # four patches of 16
    said.clear()
    assert CorpusConfig.load(RECIPE, ["start=null"], tiny=True, say=said.append).start is None and said == []
    with pytest.raises(CheckpointError, match=r"nowhere\.safetensors"):
        CorpusConfig.load(RECIPE, ["start=nowhere.safetensors"], tiny=True)


@pytest.mark.parametrize("tiny", [False, True])
@pytest.mark.parametrize("slip", ["model=aam_dinov2_vits41", "preset=papre"])
def test_a_slip_in_a_name_is_refused_even_where_a_start_brings_its_own(slip, tiny):
    with pytest.raises(ConfigError, match=f"unknown {slip.partition('=')[0]}"):
        CorpusConfig.load(TRAIN / "finetune.yaml", [slip], tiny=tiny)
