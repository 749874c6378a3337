"""What a run would do: tables whose sums are the model's, and estimates that grow where they must."""

import pytest
import yaml

from mindaam.encoders.lora import lora_parameters
from mindaam.models.flops import training_flops
from mindaam.models.registry import build_model
from mindaam.places import configs_dir
from mindaam.schema import override, read_yaml, validate
from mindaam.training.corpus_config import CorpusConfig
from mindaam.training.dry_run import Load, activations, adapted_blocks, describe, memory, parameter_rows, step_flops
from tests.models import tiny, tiny_film


@pytest.fixture(scope="module")
def film():
    return build_model(tiny_film.NAME, "paper", changes=tiny_film.CHANGES)


@pytest.fixture(scope="module")
def config():
    data = read_yaml(configs_dir() / "train" / "corpus.yaml")
    return validate(CorpusConfig, override(data, ["sampling.batch_size=3", "sampling.clip=6"]), "corpus.yaml")


def test_the_table_sums_to_the_models_parameters(film):
    *rows, total = parameter_rows(film)
    parameters = list(film.get_parameters())
    assert total[:2] == ("all", sum(each.size for each in parameters))
    assert total[2] == sum(each.size for each in parameters if each.requires_grad)
    assert total[4] == 4 * total[1]
    for column in range(1, 5):
        assert total[column] == sum(row[column] for row in rows)
    assert all(row[1] == row[2] + row[3] for row in [*rows, total])
    found = {row[0]: row for row in rows}
    assert found["backbone, blocks"][2] == 0 < found["backbone, blocks"][3]
    assert found["backbone, adapters"][3] == 0 < found["backbone, adapters"][2]
    assert {"head, neck", "head, temporal", "head, fusion", "head, hierarchy", "head, decoder's stages"} <= set(found)


def test_the_text_holds_the_configuration_and_all_sections(film, config):
    text = describe(film, config, Load(ranks=2, accumulation=2, ema=True))
    head, _, rest = text.partition("\n\nParameters\n")
    assert yaml.safe_load(head.split("\n", 2)[2]) == config.model_dump(mode="json")
    assert "Memory of a device (estimate)" in rest and "910B3 (estimate)" in rest and "2 ranks" in rest
    assert "pictures (6)" in rest and "clip (12)" in rest
    assert f"{parameter_rows(film)[-1][1]:,}" in rest
    assert not any(line != line.rstrip() for line in rest.splitlines())


def test_memory_counts_what_training_keeps_for_each_trained_parameter(film, config):
    trained = parameter_rows(film)[-1][2]
    plain, more = memory(film, config), memory(film, config, Load(accumulation=2, ema=True))
    assert plain["gradients"] == 4 * trained and plain["AdamW's moments"] == 8 * trained
    assert plain["accumulated gradients"] == plain["average of the weights"] == 0
    assert more["accumulated gradients"] == more["average of the weights"] == 4 * trained
    assert more["activations"] == plain["activations"] > 0


def test_activations_grow_with_pictures_and_shrink_with_recomputing_halves_and_freezing():
    model = build_model(tiny_film.NAME, changes=tiny_film.CHANGES)  # one of its own, which is frozen below
    one, two = activations(model, 1, 1, False), activations(model, 2, 2, False)
    assert two == 2 * one
    assert activations(model, 1, 1, False, Load(recompute=True)) < one
    assert activations(model, 1, 1, False, Load(bytes=2)) < one
    assert one < activations(model, 6, 3, True) < activations(model, 6, 6, True)
    adapters = lora_parameters(model.backbone)
    assert adapted_blocks(model) == 4
    for parameter in adapters:
        parameter.requires_grad = False
    assert adapted_blocks(model) == 0 and activations(model, 1, 1, False) < one


def test_a_step_is_as_many_pictures_or_one_clip_for_each_call(film, config):
    found = step_flops(film, config, Load(accumulation=2))
    one = training_flops(film.config)
    assert found["pictures"] == {part: 6 * flop for part, flop in one.items()}
    assert found["clip"]["temporal"] == 2 * training_flops(film.config, 6, 4)["temporal"] > 0
    assert list(step_flops(tiny.tiny_model(), config)) == ["pictures"]
