"""What a run would do: tables whose sums are the model's, and estimates that grow where they must."""

import pytest
import yaml

from mindaam.encoders.lora import lora_parameters
from mindaam.encoders.tables import stored_parameters
from mindaam.models.flops import training_flops
from mindaam.models.registry import build_model
from mindaam.places import configs_dir
from mindaam.schema import override, read_yaml, validate
from mindaam.training.reporting.dry_run import (
    Call,
    Load,
    activations,
    adapted_blocks,
    describe,
    load_of,
    memory,
    seconds,
    step_bytes,
    step_flops,
)
from mindaam.training.reporting.parameters import parameter_rows
from mindaam.training.tasks.corpus_config import CorpusConfig
from tests.models import tiny, tiny_video


@pytest.fixture(scope="module")
def video():
    return build_model(tiny_video.NAME, "paper", changes=tiny_video.CHANGES)


def configuration(*changes):
    data = read_yaml(configs_dir() / "train" / "corpus.yaml")
    changes = ["sampling.batch_size=6", "sampling.clip=6", "sampling.clips=2", *changes]
    return validate(CorpusConfig, override(data, changes), "corpus.yaml")


@pytest.fixture(scope="module")
def config():
    return configuration("part=3")


def test_the_table_sums_to_the_models_parameters(video):
    *rows, total = parameter_rows(video)
    parameters = [parameter for _, parameter in stored_parameters(video)]
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


def test_the_text_holds_the_configuration_and_all_sections(video, config):
    text = describe(video, config)
    head, _, rest = text.partition("\n\nParameters\n")
    assert yaml.safe_load(head.split("\n", 2)[2]) == config.model_dump(mode="json")
    assert "(estimate)" in rest and "images (6)" in rest and "clips (12)" in rest
    eight = next(line for line in rest.splitlines() if line.startswith("seconds on 8 "))
    assert eight.endswith("cannot be shared") and "seconds on 1 Ascend 910B3" in rest
    assert f"{parameter_rows(video)[-1][1]:,}" in rest
    assert not any(line != line.rstrip() for line in rest.splitlines())


def test_the_text_says_how_the_device_of_the_environment_would_compute(video, config, monkeypatch):
    monkeypatch.setenv("DEVICE_TARGET", "Ascend")
    monkeypatch.setenv("MINDAAM_JIT_LEVEL", "O1")
    monkeypatch.delenv("MINDAAM_KERNELS", raising=False)
    how = describe(video, config).split("\nComputing\n---------\n")[1].splitlines()
    chosen = ["device: Ascend", "kernels: ascend", "backend: ms_backend", "jit_level: O1", "deterministic: false"]
    assert how[:5] == chosen and {"DEVICE_TARGET=Ascend", "MINDAAM_JIT_LEVEL=O1"} < {*how[5:]}


def test_a_rank_does_its_share_in_parts():
    assert load_of(configuration("part=3")) == Load(3, calls=2, clips=2)
    assert load_of(configuration("part=3"), 2) == Load(3, calls=1, clips=1)
    assert load_of(configuration("sampling.batch_size=4", "part=4"), 2) == Load(2)
    more = configuration("ema={decay: 0.9}", "precision=bfloat16", "recompute=true", "shard_optimizer=true")
    assert load_of(more, 2) == Load(3, ema=True, recompute=True, bytes=2, sharers=2)


def test_memory_counts_what_training_keeps_for_each_trained_parameter(video, config):
    trained = parameter_rows(video)[-1][2]
    plain, more = memory(video, config, Load(3)), memory(video, config, Load(3, calls=2, ema=True, sharers=2))
    state = "optimizer state (AdamW)"
    assert plain["gradients"] == 4 * trained and plain[state] == 8 * trained
    assert plain["accumulated gradients"] == plain["average of the weights"] == 0
    assert more["accumulated gradients"] == more["average of the weights"] == more[state] == 4 * trained
    assert more["activations"] == plain["activations"] > 0


def test_activations_grow_with_images_and_shrink_with_recomputing_halves_and_freezing():
    model = build_model(tiny_video.NAME, changes=tiny_video.CHANGES)  # one of its own, which is frozen below
    one, two = activations(model, Call(1, 1, False, 1), Load(1)), activations(model, Call(2, 2, False, 1), Load(2))
    assert two == 2 * one
    assert activations(model, Call(1, 1, False, 1), Load(1, recompute=True)) < one
    assert activations(model, Call(1, 1, False, 1), Load(1, bytes=2)) < one
    large = build_model(tiny_video.NAME, changes={**tiny_video.CHANGES, "image_size": (320, 480)})
    whole, half = (activations(large, Call(1, 1, False, 1), Load(1, bytes=size)) for size in (4, 2))
    assert whole - half > 4 * 2 * 600 * (600 - 16) * 4  # four blocks of two heads: no weights of attention
    assert one < activations(model, Call(6, 3, True, 1), Load(1)) < activations(model, Call(6, 6, True, 1), Load(1))
    adapters = lora_parameters(model.backbone)
    assert adapted_blocks(model) == 4
    for parameter in adapters:
        parameter.requires_grad = False
    assert adapted_blocks(model) == 0 and activations(model, Call(1, 1, False, 1), Load(1)) < one


def test_a_step_is_as_many_images_or_clips_as_the_configuration_says(video, config):
    found = step_flops(video, config, load_of(config))
    one = training_flops(video)
    assert found["images"] == {part: 6 * flop for part, flop in one.items()}
    assert found["clips"]["temporal"] == 2 * training_flops(video, 6, 4)["temporal"] > 0
    assert list(step_flops(tiny.tiny_model(), config, load_of(config))) == ["images"]


def test_two_devices_take_half_the_arithmetic_and_less_memory_traffic_each(video, config):
    one, two = load_of(config), load_of(config, 2)
    for kind, parts in step_flops(video, config, one).items():
        assert sum(step_flops(video, config, two)[kind].values()) == sum(parts.values()) / 2
        assert step_bytes(video, config, two)[kind] < step_bytes(video, config, one)[kind]
        assert seconds(video, config, two)[kind] < seconds(video, config, one)[kind]
