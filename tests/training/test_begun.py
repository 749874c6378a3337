"""A run begun with an earlier recipe goes on with it; what somebody names is compared as before."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from mindaam.errors import CheckpointError, ConfigError
from mindaam.places import configs_dir
from mindaam.training import checkpoints, run
from mindaam.training.begun import as_begun, begun_config
from mindaam.training.tasks import corpus
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.zoo.checkpoints import write_safetensors

BEFORE = Path(__file__).parent / "runs_of_before"
PAPER = configs_dir() / "train" / "aam_dinov3_vitl16_paper.yaml"
RELEASED = configs_dir() / "train" / "aam_dinov3_vitl16_released.yaml"
NEW = {"rescale_positions", "granularities", "none_prompt", "exclude"}  # keys that runs of before do not have


def begun(tmp_path, config, **metadata):
    """A checkpoint's path whose header holds that configuration, plain data."""
    path = tmp_path / "step-00000001.safetensors"
    told = {"corpus": "{}", "config": json.dumps(config), **metadata}
    write_safetensors(path, {"x": np.zeros(1, np.float32)}, told)
    return path


def of_before(file, *changes):
    """What a run that began with this file before its values changed has written down."""
    data = CorpusConfig.load(file, changes).model_dump(mode="json")
    return {key: value for key, value in data.items() if key not in NEW}


def goes_on(path, file, *assignments):
    config = CorpusConfig.load(file, assignments, begun=begun_config(path, CorpusConfig))
    return as_begun(config, path, file, assignments)


def test_a_run_of_the_papers_recipe_keeps_its_epochs_and_its_schedule(tmp_path):
    stored = of_before(PAPER, "epochs=20", "schedule.afterwards=stay")
    path = begun(tmp_path, stored)
    config, lines = goes_on(path, PAPER, "data_root=elsewhere")
    assert (config.epochs, config.schedule.afterwards, config.data_root) == (20, "stay", "elsewhere")
    assert config.granularities == {} and config.prompting.granularity("ledov", trained=True) == "G4"
    assert len(lines) == 3 and "keeps epochs: 20, with which it was begun; the recipe now has 30" in lines[0]
    ours, theirs = config.model_dump(mode="json"), begun_config(path, CorpusConfig)
    assert checkpoints.differences(theirs, ours, ("data_root", "exclude")) == []


def test_a_run_that_was_begun_before_is_the_one_that_goes_on(tmp_path):
    stored = json.loads((BEFORE / "aam_dinov3_vitl16_paper.json").read_text())
    path = begun(tmp_path, stored)
    config, _ = goes_on(path, PAPER, "data_root=ROOT", "seed=42")
    assert checkpoints.differences(begun_config(path, CorpusConfig), config.model_dump(mode="json"), ("exclude",)) == []


def test_a_run_of_the_released_recipe_keeps_its_eight_clips_and_its_positions(tmp_path):
    stored = of_before(RELEASED, "sampling.clips=8", "scored_share=0.5")
    path = begun(tmp_path, stored)
    config, lines = goes_on(path, RELEASED)
    assert (config.sampling.clips, config.rescale_positions, config.epochs) == (8, None, 500)
    assert config.granularities == {} and config.scored_share == 0.5 and len(lines) == 4
    assert checkpoints.differences(begun_config(path, CorpusConfig), config.model_dump(mode="json"), ("exclude",)) == []


def test_a_run_that_began_today_is_compared_as_it_is(tmp_path):
    stored = CorpusConfig.load(PAPER, ["epochs=20"]).model_dump(mode="json")
    config, lines = goes_on(begun(tmp_path, stored), PAPER)
    assert (config.epochs, lines) == (30, [])


@pytest.mark.parametrize("assignment", ["epochs=30", "schedule={afterwards: climb}", "rescale_positions=2.0"])
def test_what_is_said_on_the_command_line_is_not_replaced(tmp_path, assignment):
    path = begun(tmp_path, of_before(PAPER, "epochs=20", "schedule.afterwards=stay"))
    config, lines = goes_on(path, PAPER, assignment)
    today = CorpusConfig.load(PAPER, [assignment]).model_dump()
    assert checkpoints.differences(today, config.model_dump(), ("granularities",)) == [
        line for key, line in (
            ("epochs", "epochs: 30 -> 20"), ("schedule", 'schedule.afterwards: "climb" -> "stay"')
        ) if not assignment.startswith(key)
    ]  # fmt: skip
    assert config.rescale_positions == (2.0 if "rescale" in assignment else None)


def test_what_a_file_of_ones_own_says_is_not_replaced_but_what_it_takes_from_a_recipe_is(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump({"base": str(PAPER), "epochs": 30}))
    config, lines = goes_on(begun(tmp_path, of_before(PAPER, "epochs=20", "schedule.afterwards=stay")), mine)
    assert (config.epochs, config.schedule.afterwards, len(lines)) == (30, "stay", 2)


def test_other_values_than_those_that_changed_are_left_to_the_comparison(tmp_path):
    path = begun(tmp_path, of_before(PAPER, "epochs=12", "schedule.afterwards=stay", "seed=3"))
    config, lines = goes_on(path, PAPER)
    assert (config.epochs, config.seed, len(lines)) == (30, 42, 2)


def test_another_kind_of_run_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    write_safetensors(path, {"x": np.zeros(1, np.float32)}, {"place": "{}"})
    with pytest.raises(CheckpointError, match="another kind of run"):
        goes_on(path, PAPER)


def test_a_stored_configuration_of_a_later_version_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match='unknown key "epocs"'):
        goes_on(begun(tmp_path, {**of_before(PAPER), "epocs": 3}), PAPER)


@pytest.mark.parametrize(("folder", "epochs", "afterwards"), [("old", 20, "stay"), ("new", 30, "climb")])
def test_training_goes_on_with_what_was_begun(tmp_path, monkeypatch, folder, epochs, afterwards):
    class Reached(Exception):
        pass

    def open_data(config, *others):
        raise Reached(config.epochs, config.schedule.afterwards, config.granularities)

    monkeypatch.setattr(corpus, "open_data", open_data)
    stored = (BEFORE / "aam_dinov3_vitl16_paper.json").read_text()
    checkpoints.save(tmp_path / "old", 1, {}, {"corpus": "{}", "config": stored})
    with pytest.raises(Reached) as reached:
        run.train(PAPER, ["data_root=ROOT"], out=tmp_path / folder, resume=True)
    assert reached.value.args == (epochs, afterwards, {} if folder == "old" else {"ledov": "none"})
