"""Configuration: bases and overrides, validation, and errors that name the nearest key."""

import pytest

from mindaam.errors import ConfigError
from mindaam.models.config import LoRAConfig, ModelConfig
from mindaam.models.registry import build_model, list_models, list_presets, model_config
from mindaam.schema import merge, override, read_yaml, validate

NAME = "aam_dinov2_vits14"


def write(folder, **files):
    for stem, text in files.items():
        (folder / f"{stem}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_base_is_filled_in_underneath(tmp_path):
    (tmp_path / "below").mkdir()
    write(tmp_path / "below", root="a: 1\nb: {c: 2, d: [1, 2]}\nkept: yes\n", middle="base: root.yaml\nb: {c: 3}\n")
    write(tmp_path, top="base: below/middle.yaml\nb: {d: [9]}\nnew: 5\n")
    data = read_yaml(tmp_path / "top.yaml")
    assert data == {"a": 1, "b": {"c": 3, "d": [9]}, "kept": True, "new": 5}


def test_merging_leaves_both_sides_as_they_were():
    below, above = {"a": {"b": 1, "c": 2}, "d": 1}, {"a": {"b": 3}, "d": {"e": 4}}
    assert merge(below, above) == {"a": {"b": 3, "c": 2}, "d": {"e": 4}}
    assert below == {"a": {"b": 1, "c": 2}, "d": 1} and above == {"a": {"b": 3}, "d": {"e": 4}}


def test_override_reads_values_as_yaml():
    data = override({"lora": {"rank": 4, "alpha": 8.0}}, ["lora.rank=16", "image_size=[56, 70]", "name=x=y", "note="])
    assert data == {"lora": {"rank": 16, "alpha": 8.0}, "image_size": [56, 70], "name": "x=y", "note": None}
    for wrong in ("lora.rank", "=3", ""):
        with pytest.raises(ConfigError, match="key=value"):
            override({}, [wrong])
    with pytest.raises(ConfigError, match="not valid YAML"):
        override({}, ["image_size=[56, 70"])


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [1", "not valid YAML"), ("- 1\n- 2", "mapping"), ("", "mapping"), ("hello", "mapping")]
    + [("1: 2", "mapping"), ("base: broken.yaml\na: 1", "its own base")],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, text, message):
    write(tmp_path, broken=text)
    with pytest.raises(ConfigError, match=message) as error:
        read_yaml(tmp_path / "broken.yaml")
    assert "broken.yaml" in str(error.value) and "\n" not in str(error.value)


def test_a_missing_or_binary_file_is_named(tmp_path):
    write(tmp_path, top="base: nowhere.yaml\n")
    with pytest.raises(ConfigError, match="nowhere.yaml"):
        read_yaml(tmp_path / "top.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match="binary.yaml"):
        read_yaml(tmp_path / "binary.yaml")


def test_the_bundled_models_and_presets():
    assert NAME in list_models() and list_presets() == ["paper", "released"]
    for preset in list_presets():
        config = model_config(NAME, preset)
        assert config.preset == preset and config.name == NAME and config.text.width == 384
    assert model_config(NAME, "paper").spatial_focus and not model_config(NAME, "released").spatial_focus


def test_changes_are_laid_over_the_file():
    config = model_config(NAME, changes={"image_size": [56, 70], "lora": {"rank": 2}})
    assert config.image_size == (56, 70) and config.lora.rank == 2
    assert config.lora.alpha == model_config(NAME).lora.alpha


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_sise": [56, 56]}, ['unknown key "image_sise"', '"image_size"']),
        ({"encoder": {"dept": 3}}, ['unknown key "encoder.dept"', '"depth"']),
        ({"lora": {"rang": 3}}, ['"lora.rang"', '"rank"']),
        ({"head": {"start_width": 20}}, ['"head"', "start_groups"]),
        ({"head": {"stage_widths": [64, 32, 12]}}, ['"head"', "multiples of 8"]),
        ({"head": {"stage_widths": [64, 32]}}, ['"head.stage_widths']),
        ({"encoder": {"taps": [2, 8, 5, 11]}}, ["taps", "11"]),
        ({"encoder": {"taps": [2, 5, 5, 11]}}, ["taps", "11"]),
        ({"encoder": {"taps": [2, 5, 8, 10]}}, ["taps", "last block, 11"]),
        ({"encoder": {"taps": [-1, 5, 8, 11]}}, ["taps"]),
        ({"encoder": {"depth": 0}}, ['"encoder.depth"', "greater than 0"]),
        ({"image_size": [336, 330]}, ["image_size", "patch, 14"]),
        ({"image_size": [336]}, ["image_size"]),
        ({"image_size": [0, 14]}, ["image_size"]),
        ({"std": [0.2, 0.0, 0.2]}, ["std"]),
        ({"encoder": {"heads": 5}}, ['"encoder"', "multiple of heads"]),
        ({"lora": {"last_n_blocks": 13}}, ["last_n_blocks", "12"]),
        ({"lora": {"alpha": float("inf")}}, ['"lora.alpha"']),
        ({"lora": {"rank": "many"}}, ['"lora.rank"', "integer"]),
        ({"lora": {"dropout": 1.0}}, ['"lora.dropout"']),
        ({"encoder": None}, ['"encoder"']),
        ({"encoder": {"width": 10**9}}, ['"encoder.width"', "16384"]),
        ({"image_size": [14_000_000, 14]}, ['"image_size']),
        ({"image_size": [4088, 4088]}, ["image_size", "patches"]),
        ({"head": {"gaussians": 10**6}}, ['"head.gaussians"']),
        ({"mean": [0.4, float("nan"), 0.4]}, ['"mean']),
        ({"std": [0.2, 1e-300, 0.2]}, ['"std']),
        ({"sound": {"scale": float("inf")}}, ['"sound.scale"']),
        ({"text": {"name": "../x"}}, ['"text.name"']),
        ({"epsilons": "tiny"}, ['"epsilons"', "'paper' or 'released'"]),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_it(changes, words):
    with pytest.raises(ConfigError) as error:
        model_config(NAME, changes=changes)
    message = str(error.value)
    assert all(word in message for word in (NAME, *words)), message
    assert "\n" not in message


def test_the_largest_published_encoder_is_within_the_ranges():
    sizes = {"patch": 16, "width": 4096, "depth": 40, "heads": 32, "prefix": 5, "taps": [9, 19, 29, 39]}
    config = model_config(NAME, changes={"encoder": sizes, "image_size": [2048, 2048], "lora": {"last_n_blocks": 40}})
    assert config.encoder.width == 4096


def test_an_encoder_larger_than_its_weights_is_refused_before_it_is_made():
    with pytest.raises(ConfigError, match=f'"{NAME}": encoder.depth is 200, and dinov2_vits14 has 12'):
        build_model(NAME, changes={"encoder": {"depth": 200, "taps": [2, 5, 8, 199]}})


def test_unknown_models_and_presets_name_the_nearest():
    with pytest.raises(ConfigError, match=f'unknown model "aam_dinov2_vits15".*did you mean "{NAME}"'):
        model_config("aam_dinov2_vits15")
    with pytest.raises(ConfigError, match='unknown preset "relesed".*did you mean "released"'):
        model_config(NAME, "relesed")


def test_missing_keys_are_named_and_configurations_cannot_change():
    with pytest.raises(ConfigError, match='here.yaml: the key "dropout" is missing'):
        validate(LoRAConfig, {"rank": 2, "alpha": 1.0, "last_n_blocks": 0}, "here.yaml")
    config = model_config(NAME)
    with pytest.raises(Exception, match="frozen"):
        config.image_size = (14, 14)
    assert isinstance(config, ModelConfig)
