"""The authors' checkpoint, all of it: its sizes, its names, its aliases, and the way through the zip to a model."""

import numpy as np
import pytest

from mindaam.errors import CheckpointError
from mindaam.zoo.convert import files, report
from mindaam.zoo.convert.wrappers import unwrap
from tests import gold
from tests.zoo.official_names import alias_of, official_aam
from tests.zoo.torch_archive import write_torch

SMALL = "aam_dinov3_vits16"


def blank(name):
    """A whole checkpoint of zeros that takes no memory."""
    return {each: np.broadcast_to(np.float32(0), shape) for each, shape in official_aam(name).items()}


@pytest.fixture
def convert(monkeypatch):
    """`files.convert` of arrays in memory."""

    def converted(state, **options):
        monkeypatch.setattr(files, "read_foreign", lambda path: state)
        monkeypatch.setattr(files, "sha256_of", lambda path: "")
        return files.convert("in.pth", "aam", **options)

    return converted


@pytest.mark.parametrize(("name", "count"), [(SMALL, 605), ("aam_dinov3_vitb16", 605), ("aam_dinov3_vitl16", 881)])
def test_every_name_of_every_size_has_its_place(convert, name, count):
    state = blank(name)
    assert len(state) == count
    converted = convert(state)
    report.insist(converted.report, "in.pth", name)
    assert converted.name == name and not converted.report.superfluous
    ignored = converted.report.ignored
    aliases = {each for each in state if alias_of(each)}
    blocks = tuple(f"head.motion_modules.{index}." for index in (0, 1, 4))
    unread = {each for each in state if each.startswith(blocks)} | {"head.decoder_out.gauss_anchors_tan"}
    assert set(ignored) == aliases | unread | {"backbone.mask_token"}
    assert all("same tensor" in ignored[each] for each in aliases)
    assert all("forward pass" in ignored[each] for each in unread)


def test_an_adapted_layer_may_stand_under_either_name(convert):
    state = blank(SMALL)
    without_base = {name: array for name, array in state.items() if ".base." not in name or name.endswith("bias_mask")}
    without_alias = {name: array for name, array in state.items() if not alias_of(name)}
    for some in without_base, without_alias:
        converted = convert(some)
        report.insist(converted.report, "in.pth", SMALL)
        assert set(converted.state) == set(convert(state).state)


def test_an_alias_that_disagrees_must_be_allowed(convert):
    name = "backbone.blocks.3.attn.proj.weight"
    state = blank(SMALL)
    state[name] = np.ones(state[name].shape, np.float32)
    with pytest.raises(CheckpointError, match=rf"in.pth: {name} differs from .*\.base\..* use --allow {name}"):
        convert(state)
    converted = convert(state, allow=[name])
    report.insist(converted.report, "in.pth", SMALL)
    assert not converted.state["backbone.blocks.3.attn.proj.base.weight"].any() and not converted.report.superfluous


def test_what_lacks_or_is_unknown_is_told(convert):
    state = blank(SMALL) | {"head.motion_modules.5.nu_head.bias": np.zeros(1, np.float32)}
    del state["head.curv"], state["backbone.blocks.7.attn.qkv.lora_A.weight"]
    found = convert(state).report
    assert found.unexpected == ("head.motion_modules.5.nu_head.bias",)
    assert set(found.missing) == {"head.hierarchy.curvature.value", "backbone.blocks.7.attn.qkv.lora_a"}


def test_a_whole_model_is_told_from_its_encoder():
    assert unwrap(blank(SMALL), "aam", "in.pth").note == ""
    with pytest.raises(CheckpointError, match="give --kind aam"):
        unwrap(blank(SMALL), "dinov3", "in.pth")


def test_a_converted_checkpoint_loads_as_the_arrays_do(tmp_path):
    from mindaam.zoo import create_model, load_reference

    source, target = tmp_path / "aam.pth", tmp_path / "aam.safetensors"
    arrays = {}
    for name, shape in official_aam(SMALL).items():
        if not alias_of(name):
            arrays[name] = gold.weight(name, shape)
    arrays |= {name: arrays[alias_of(name)] for name in official_aam(SMALL) if alias_of(name)}
    write_torch(source, {f"module.{name}": array for name, array in arrays.items()}, ("state_dict",))
    converted = files.convert(source, "aam")
    report.insist(converted.report, source, converted.name)
    files.save(converted, target)
    loaded = create_model(SMALL, checkpoint=target)
    filled = create_model(SMALL, preset="released")
    load_reference(filled, arrays)
    expected = dict(filled.parameters_and_names())
    for name, parameter in loaded.parameters_and_names():
        np.testing.assert_allclose(parameter.asnumpy(), expected.pop(name).asnumpy(), rtol=0, atol=1e-6)
    assert not expected
