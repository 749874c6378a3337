"""AdamW's groups: every trained parameter once, decay where it makes sense, everywhere as the released code has it."""

import pytest
from mindspore import Parameter, Tensor, nn

from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.groups import GroupsConfig, for_adamw, groups, part_of
from tests.models.tiny_video import tiny_video_model
from tests.training.small import MODEL, NAME, build_small

WITHOUT_DECAY = ("bias", "in_bias", "gamma", "beta", "value", "alpha_logit", "attention_scale", "feed_forward_scale")
WITH_DECAY = ("weight", "in_weight", "lora_a", "lora_b", "anchor", "anchors", "time_embedding", "positions")


@pytest.fixture(scope="module", params=["paper", "released"])
def model(request):
    return tiny_video_model(request.param)


@pytest.mark.parametrize("everything", [False, True])
def test_every_trained_parameter_is_in_exactly_one_group(model, everything):
    found = groups(model, GroupsConfig(decay_everything=everything))
    ids = [id(parameter) for group in found for parameter in group.parameters]
    trained = {id(parameter) for parameter in model.trained_parameters() if parameter.requires_grad}
    assert len(ids) == len(set(ids)) and set(ids) == trained
    assert all(parameter.requires_grad for group in found for parameter in group.parameters)


def test_biases_norms_curvatures_and_scales_are_not_decayed(model):
    for group in groups(model, GroupsConfig()):
        last = {parameter.name.rsplit(".", 1)[-1] for parameter in group.parameters}
        undecayed = group.name.endswith(".undecayed")
        assert last <= set(WITHOUT_DECAY if undecayed else WITH_DECAY)
        assert group.weight_decay == (0.0 if undecayed else 5e-3)


def test_the_released_code_decays_everything(model):
    found = groups(model, GroupsConfig(decay_everything=True))
    assert [group.name for group in found] == ["head", "temporal", "sound", "lora"]
    assert {group.weight_decay for group in found} == {5e-3}


def test_a_groups_parts_are_told_by_where_its_parameters_lie(model):
    found = {group.name: [p.name for p in group.parameters] for group in groups(model, GroupsConfig())}
    assert list(found) == [
        "head", "head.undecayed", "temporal", "temporal.undecayed", "sound", "sound.undecayed", "lora",
    ]  # fmt: skip
    assert all(name.startswith("head.temporal.") for name in found["temporal"] + found["temporal.undecayed"])
    assert all(name.startswith("head.fusion.") for name in found["sound"] + found["sound.undecayed"])
    assert all(".lora_" in name for name in found["lora"]) and len(found["lora"]) == 16
    assert "head.hierarchy.curvature.value" in found["head.undecayed"]
    assert "head.hierarchy.anchor" in found["head"]


def test_the_adapters_rate_is_relative_to_the_heads(model):
    found = groups(model, GroupsConfig(lora_rate=0.5))
    assert {group.part: group.rate_factor for group in found} == {"head": 1, "temporal": 1, "sound": 1, "lora": 0.5}


def test_adamw_takes_the_groups_of_the_parts_that_take_part(model):
    found = groups(model, GroupsConfig())
    optimizer = AdamW(for_adamw(found, ("head", "lora")))
    names = {parameter.name for parameter in optimizer.parameters}
    assert names and not any(name.startswith(("head.temporal.", "head.fusion.")) for name in names)
    rest = AdamW(for_adamw(found, ("temporal", "sound")))
    assert len(optimizer.parameters) + len(rest.parameters) == sum(len(group.parameters) for group in found)
    assert len(AdamW(for_adamw(found)).parameters) == len(optimizer.parameters) + len(rest.parameters)


def test_a_router_has_a_tenth_of_the_decay():
    class Routed(nn.Cell):
        def __init__(self):
            super().__init__()
            self.router = nn.Dense(2, 3)
            self.head = nn.Dense(2, 3)
            self.scale = Parameter(Tensor(1.0), name="scale", requires_grad=False)

        def trained_parameters(self):
            return list(self.get_parameters())

    found = groups(Routed(), GroupsConfig(weight_decay=0.2))
    assert [(group.name, len(group.parameters)) for group in found] == [
        ("head", 1), ("head.undecayed", 1), ("router", 1), ("router.undecayed", 1),
    ]  # fmt: skip
    assert [group.weight_decay for group in found] == [0.2, 0.0, pytest.approx(0.02), 0.0]


def test_a_model_of_pictures_alone_has_no_groups_of_films_and_sound():
    found = groups(build_small(NAME, changes=MODEL), GroupsConfig())
    assert [group.name for group in found] == ["head", "head.undecayed", "lora"]


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("head.temporal.0.alpha_logit", "temporal"),
        ("head.fusion.out_proj.weight", "sound"),
        ("head.decoder.fusions.0.norm.gamma", "head"),
        ("backbone.blocks.3.attn.qkv.lora_b", "lora"),
        ("backbone.blocks.3.attn.qkv.router.weight", "router"),
    ],
)
def test_part_of_reads_the_path(path, part):
    assert part_of(path) == part
