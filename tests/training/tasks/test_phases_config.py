"""What a configuration of phases accepts, and the messages for misspelled keys."""

import pytest
import yaml

from mindaam.errors import ConfigError
from mindaam.places import configs_dir
from mindaam.training.tasks.phases_config import TINY, PhasesConfig
from tests.training.small import ADAPTED, CONFIG, FROZEN, write_config

BUNDLED = configs_dir() / "train" / "aam_dinov2_vits14.yaml"


def test_the_bundled_configuration_is_valid():
    config = PhasesConfig.load(BUNDLED)
    assert config.model == "aam_dinov2_vits14" and [phase.adapt for phase in config.phases] == [False, True, True, True]
    assert set(config.folders) == {"osie", "eyecrowd", "scene500", "taskfix"}  # the ones that may be shipped


def test_assignments_change_values(tmp_path):
    path = write_config(tmp_path)
    config = PhasesConfig.load(path, ["batch_size=3", "folders.osie=7", "model_changes.lora.rank=5", "data_root=x"])
    assert (config.batch_size, config.folders["osie"], config.data_root) == (3, 7, "x")
    assert config.model_changes["lora"] == {"rank": 5, "last_n_blocks": 2}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("batch_sise=4", r'unknown key "batch_sise" \(did you mean "batch_size"\?\)'),
        ("optimizer.weight_decoy=0", r'"optimizer.weight_decoy" \(did you mean "weight_decay"\?\)'),
        ("loss.entailement=1", r'"loss.entailement" \(did you mean "entailment"\?\)'),
        ("batch_size=0", '"batch_size"'),
        ("batch_size=many", '"batch_size"'),
        ("seed=-1", '"seed"'),
        ("images=0", '"images"'),
        ("scored_share=1.5", '"scored_share"'),
        ("folders={osie: 0}", "greater than or equal to 1"),
        ("phases=[]", '"phases"'),
        ("phases=3", '"phases"'),
        ("batch_size", "not of the form key=value"),
    ],
)
@pytest.mark.parametrize("tiny", [False, True])
def test_wrong_assignments_are_refused(tmp_path, assignment, message, tiny):
    with pytest.raises(ConfigError, match=message):
        PhasesConfig.load(write_config(tmp_path), [assignment], tiny=tiny)


def test_wrong_keys_of_a_file_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r'small.yaml: unknown key "bach_size" \(did you mean "batch_size"\?\)'):
        PhasesConfig.load(write_config(tmp_path, bach_size=8))
    phases = [{**FROZEN, "learning_rat": 1.0}]
    with pytest.raises(ConfigError, match='"phases.0.learning_rat"'):
        PhasesConfig.load(write_config(tmp_path, phases=phases))
    with pytest.raises(ConfigError, match='a phase names the folder "osio", which the run does not have'):
        PhasesConfig.load(write_config(tmp_path, phases=[{**FROZEN, "folders": {"osio": 2}}]))
    with pytest.raises(ConfigError, match="greater than or equal to 1"):
        PhasesConfig.load(write_config(tmp_path, phases=[{**FROZEN, "folders": {"osie": 0}}]))
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        PhasesConfig.load(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("phases", ["frozen", 3, None, ["frozen"], []])
def test_tiny_says_what_is_wrong_with_a_broken_file(tmp_path, phases):
    with pytest.raises(ConfigError, match='"phases'):
        PhasesConfig.load(write_config(tmp_path, phases=phases), tiny=True)


def test_tiny_shrinks_any_configuration(tmp_path):
    changes = {"lora": {"last_n_blocks": 4}, "head": {"gaussians": 2}}
    path = write_config(tmp_path, model_changes=changes, phases=[{**FROZEN, "epochs": 9}, {**ADAPTED, "epochs": 9}])
    config = PhasesConfig.load(path, tiny=True)
    assert [phase.epochs for phase in config.phases] == [1, 1]
    assert config.batch_size == TINY["batch_size"] and config.images == TINY["images"]
    assert config.model_changes["lora"] == {"last_n_blocks": 4, "rank": 4}  # its own changes stay
    assert config.model_changes["head"]["gaussians"] == 2 and config.model_changes["image_size"] == [56, 56]
    assert config.folders == CONFIG["folders"]


def test_assignments_go_over_tiny(tmp_path):
    config = PhasesConfig.load(write_config(tmp_path), ["batch_size=1", "images=3"], tiny=True)
    assert (config.batch_size, config.images) == (1, 3)


def test_a_configuration_can_start_from_another(tmp_path):
    write_config(tmp_path)
    (tmp_path / "more.yaml").write_text(yaml.safe_dump({"base": "small.yaml", "optimizer": {"weight_decay": 0.5}}))
    config = PhasesConfig.load(tmp_path / "more.yaml")
    assert config.optimizer.weight_decay == 0.5 and config.batch_size == CONFIG["batch_size"]


def test_epochs_run_on_over_the_phases(tmp_path):
    config = PhasesConfig.load(write_config(tmp_path, phases=[{**FROZEN, "epochs": 2}, ADAPTED]))
    assert [config.phase_at(epoch) for epoch in range(4)] == [(0, 0), (0, 1), (1, 0), (2, 0)]


def test_phases_may_be_added_at_the_end_only(tmp_path):
    theirs = PhasesConfig.load(write_config(tmp_path)).model_dump(mode="json")
    for phases, same in (([FROZEN, ADAPTED, FROZEN], True), ([FROZEN], False), ([ADAPTED, FROZEN, ADAPTED], False)):
        ours = PhasesConfig.load(write_config(tmp_path, phases=phases)).compared_with(theirs)
        assert (ours == theirs) == same


def test_keys_under_earlier_names_are_read(tmp_path):
    lines = []
    config = PhasesConfig.load(write_config(tmp_path, pictures=5), ["validation_pictures=3"], say=lines.append)
    assert (config.images, config.validation_images) == (5, 3)
    assert len(lines) == 2 and '"pictures" is now called "images"' in lines[0]
