"""The rows of the ablations: all that they name exists, and their configurations are valid."""

import pytest

from mindaam.data.datasets.catalogue import catalogue
from mindaam.errors import ConfigError
from mindaam.evaluation.ablations import rows
from mindaam.evaluation.published import figures
from mindaam.models.registry import model_config
from mindaam.places import recipe
from mindaam.schema import merge, read_yaml, validate
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.training.tasks.phases_config import PhasesConfig
from mindaam.training.tasks.synthetic_videos import SyntheticVideosConfig

KNOWN = rows.ablations()
COUNTS = {"A": 4, "B": 3, "C": 4, "D": 5, "E": 4, "F": 3}


def test_every_row_of_the_paper_is_there():
    found = {letter: list(each.rows) for letter, each in KNOWN.ablations.items()}
    assert found == {letter: [f"{letter}{n + 1}" for n in range(count)] for letter, count in COUNTS.items()}


@pytest.mark.parametrize("name", KNOWN.runs)
def test_a_run_is_a_valid_configuration_of_its_seed(name):
    data = KNOWN.configuration(name, 7)
    config = validate(PhasesConfig if "phases" in data else SyntheticVideosConfig, data, name)
    if isinstance(config, PhasesConfig):
        config.require_model()
        assert sum(phase.epochs for phase in config.phases) == 2 and not any(phase.adapt for phase in config.phases)
        assert set(config.scored) == {"osie", "eyecrowd", "scene500", "taskfix"}
    assert config.seed == 7 and tuple(config.folders) == KNOWN.runs[name].sets


def test_videos_are_the_same_for_all_seeds():
    assert [KNOWN.configuration("fpd_32", seed)["videos_seed"] for seed in (0, 1)] == [0, 0]


def test_joint_training_and_all_hyperbolic_parts_are_one_run():
    assert KNOWN.rows()["A3"].runs == KNOWN.rows()["F3"].runs == ("joint",)
    assert KNOWN.runs_of(["A", "F"]).count("joint") == 1


def test_the_switches_of_the_hyperbolic_parts():
    def switch(name):
        changes = KNOWN.configuration(name, 0).get("model_changes", {})
        return model_config("aam_dinov2_vits14", "paper", changes).hyperbolic

    assert [switch(KNOWN.rows()[row].runs[0]) for row in ("F1", "F2", "F3")] == ["none", "loss", "all"]


def test_official_rows_name_known_datasets_and_valid_changes():
    assert all(name in catalogue() for names in KNOWN.kinds.values() for name in names)
    data = read_yaml(recipe(KNOWN.official_recipe))
    for row in KNOWN.rows().values():
        if row.official and "sam2" not in str(row.official.changes):
            changed = merge({**data, "corpus": {"osie": 1}}, row.official.changes)
            config = validate(CorpusConfig, changed, "test")
            config.require_model()
            config.loss.require_fit(model_config(config.model, config.preset, config.model_changes))


def test_published_rows_exist():
    for ablation in KNOWN.ablations.values():
        variants = {each.variant for each in figures(table=ablation.table)} if ablation.table else set()
        assert all(row.published in variants for row in ablation.rows.values() if row.published)


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match='unknown ablation "G"'):
        rows.checked(["A", "G"])
    data = KNOWN.model_dump()
    data["ablations"]["A"]["rows"]["A1"]["runs"] = ["ozie"]
    with pytest.raises(ConfigError, match="row A1 names ozie, which does not exist"):
        validate(rows.Ablations, data, "test")
    assert rows.checked(["A", "F", "A"]) == ["A", "F"]
