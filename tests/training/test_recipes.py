"""The bundled recipes say what they do: schedules, batches and what is switched on in training."""

import numpy as np
import pytest

from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.prompts.prompting import no_prompt
from mindaam.errors import ConfigError
from mindaam.places import configs_dir
from mindaam.training.optim.schedule import rate_at
from mindaam.training.starting import shaped_model
from mindaam.training.tasks.corpus import with_none_prompt
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.zoo.checkpoints import write_safetensors

RECIPES = configs_dir() / "train"
ALL = ["corpus", "finetune", "aam_dinov3_vitl16_paper", "aam_dinov3_vitl16_paper_flat", "aam_dinov3_vitl16_released"]
NTIRE = "aam_dinov3_vitl16_ntire26"


def recipe(name, *changes):
    return CorpusConfig.load(RECIPES / f"{name}.yaml", changes)


def rates(config):
    return [rate_at(config.schedule, epoch, epoch=epoch, steps=config.epochs) for epoch in range(config.epochs)]


def test_the_papers_rate_climbs_again_when_films_with_sound_join_and_ends_low():
    config = recipe("aam_dinov3_vitl16_paper")
    found = rates(config)
    assert len(found) == 30 and config.sampling.audio_visual_after == 10
    assert found[10] == pytest.approx(1e-5) and found[20] == pytest.approx(3e-4) and found[29] < 2e-5
    assert np.mean(found[10:]) > 1e-4  # of the epochs with sound


def test_the_flat_variant_is_the_same_recipe_at_the_lowest_rate_from_then_on():
    flat, paper = recipe("aam_dinov3_vitl16_paper_flat"), recipe("aam_dinov3_vitl16_paper")
    assert rates(flat)[:10] == rates(paper)[:10] and len(rates(flat)) == 20
    assert set(rates(flat)[10:]) == {1e-5}
    same = {"epochs", "schedule"}
    assert flat.model_dump(exclude=same) == paper.model_dump(exclude=same)


def test_the_released_recipe_is_one_clip_of_32_frames_on_one_rank_and_rescales_positions():
    config = recipe("aam_dinov3_vitl16_released")
    assert (config.sampling.clips, config.sampling.clip, config.answered) == (1, 32, 32)
    assert config.model_changes["temporal"] == {"clip": 32} and config.rescale_positions == 2.0
    assert config.scored_share == 1.0  # one sentence a set
    assert config.problem_with_ranks(1) is None
    assert "or train on one rank" in config.problem_with_ranks(8)
    assert [recipe(name).rescale_positions for name in ALL[:4]] == [None] * 4


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ((), {"videos"}),
        (["corpus={salicon: 1}"], {"images"}),
        (["corpus={salicon: 1, dhf1k: 2, mine: 1}"], {"images", "videos"}),
        (["model_changes={temporal: null, audio: null}"], set()),
    ],
)
def test_what_a_recipe_asks_for_is_known_before_the_data_are(changes, kinds):
    assert recipe("aam_dinov3_vitl16_released", *changes).expected_kinds() == kinds


def test_a_recipe_for_whatever_is_there_asks_for_nothing():
    assert recipe("corpus").expected_kinds() == set()


def test_recipes_of_the_paper_do_not_use_a_dataset_beyond_it_and_others_may():
    beyond = {key for key, each in catalogue().items() if not each.published.table}
    assert {name for name in ALL if beyond <= {*recipe(name).exclude}} == {name for name in ALL if "vitl16" in name}
    with pytest.raises(ConfigError, match="corpus and exclude both name ntire26"):
        recipe("aam_dinov3_vitl16_paper", "corpus={ntire26: 1}")


def test_the_recipe_of_ntire_2026_uses_that_alone_with_audio_from_the_start():
    config, paper = recipe(NTIRE), recipe("aam_dinov3_vitl16_paper")
    assert config.corpus == {"ntire26": 1} and config.unseen == config.exclude == ()
    assert config.ground_truth.source == "maps" and config.sampling.audio_visual_after == config.warm_start == 0
    assert config.attack == paper.attack and config.model_changes == paper.model_changes
    assert not config.prompting.has_none() and config.expected_kinds() == {"videos"}
    assert rates(config)[0] == pytest.approx(3e-4) and 1e-5 <= rates(config)[-1] < 2e-5
    assert [config.problem_with_ranks(ranks, images=False) for ranks in (1, 2, 4, 8)] == [None] * 4
    assert catalogue()["ntire26"].licence.name == "CC BY 4.0"


def test_positions_that_are_learned_cannot_be_rescaled():
    small = ["start=null", "model_changes={encoder: {width: 32, depth: 4, heads: 2, taps: [0, 1, 2, 3]}, "
             "lora: {last_n_blocks: 0}}"]  # fmt: skip
    with pytest.raises(ConfigError, match="rescale_positions: the encoder dinov2_vits14 learned its positions"):
        shaped_model(recipe("corpus", *small, "rescale_positions=2"))
    for value in ("1", ".inf", "many"):
        with pytest.raises(ConfigError, match='"rescale_positions"'):
            recipe("aam_dinov3_vitl16_released", f"rescale_positions={value}")


def test_ledov_has_no_prompt_in_the_papers_recipe_and_the_released_one_does_as_the_code():
    paper, code = (recipe(f"aam_dinov3_vitl16_{name}").prompting for name in ("paper", "released"))
    found = {
        name: [each.granularity(name, trained=trained) for each in (paper, code) for trained in (True, False)]
        for name in ("ledov", "figrim", "hollywood2", "ucf_sports", "salicon")
    }
    assert found == {
        "ledov": ["none", "none", "G4", "G4"],
        "figrim": ["G4", "G4", "none", "none"],
        "hollywood2": ["G4", "G4", "none", "G4"],
        "ucf_sports": ["G4", "G4", "none", "G4"],
        "salicon": ["G4"] * 4,
    }


def test_what_none_means_is_written_down_the_starts_own_sentence_first(tmp_path):
    path = tmp_path / "converted.safetensors"
    told = {"naming": "mindaam", "kind": "aam", "name": "aam_dinov3_vitl16"}
    write_safetensors(path, {"x": np.zeros(1, np.float32)}, {**told, "prompts": '{"None": "Nothing was asked."}'})
    paper = "aam_dinov3_vitl16_paper"
    assert with_none_prompt(recipe(paper)).none_prompt == no_prompt()
    assert with_none_prompt(recipe(paper, f"start={path}")).none_prompt == "Nothing was asked."
    assert with_none_prompt(recipe(paper, f"start={path}", "none_prompt=Mine.")).none_prompt == "Mine."
    assert with_none_prompt(recipe("corpus", f"start={path}")).none_prompt is None  # all sets have prompts
    # a run that goes on from another run's model means by it what that one did
    write_safetensors(path, {"x": np.zeros(1, np.float32)}, {"prompting": '{"none_prompt": "It was so before."}'})
    assert with_none_prompt(recipe(paper, f"start={path}")).none_prompt == "It was so before."


@pytest.mark.parametrize("value", ["{ledov: G5}", "{ledov: {trained: none}}", "{ledov: {trained: none, score: G4}}"])
def test_a_granularity_that_there_is_not_is_refused(value):
    with pytest.raises(ConfigError, match='"granularities.ledov'):
        recipe("corpus", f"granularities={value}")
