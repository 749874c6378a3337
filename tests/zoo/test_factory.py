"""create_model: the right weights in the right places, adapters merged; anything else is refused with a reason."""

import json
import shutil

import mindspore as ms
import numpy as np
import pytest
import yaml

import mindaam
from mindaam.encoders.dinov2 import resize_positions
from mindaam.encoders.tables import stored_parameters
from mindaam.encoders.wav2clip import AudioEncoder, Wav2CLIP
from mindaam.errors import CheckpointError, ConfigError
from mindaam.models.registry import build_model
from mindaam.places import model_zoo_dir
from mindaam.zoo import factory, index
from mindaam.zoo.checkpoints import read_metadata, read_safetensors, write_safetensors
from mindaam.zoo.weights import load_backbone, load_trained, save_trained

NAME = "aam_dinov2_vits14"
SMALL = {"image_size": [56, 70], "head": {"stage_widths": [16, 16, 8], "neck_widths": [8, 8, 16, 16]}}


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(3)
    return rng.standard_normal((1, 3, 56, 70), dtype=np.float32), rng.standard_normal((1, 384), dtype=np.float32)


@pytest.fixture(scope="module")
def trained():
    """A model as training leaves it: encoder loaded, adapters not merged and not zero."""
    ms.set_seed(1)
    model = build_model(NAME, changes=SMALL)
    load_backbone(model)
    rng = np.random.default_rng(7)
    for parameter in model.trained_parameters():
        if parameter.name.endswith("lora_b"):
            parameter.set_data(ms.Tensor(rng.standard_normal(parameter.shape).astype(np.float32) * 0.02))
    return model.set_train(False)


@pytest.fixture(scope="module")
def expected(trained, pictures):
    """What the trained model says, adapters not merged."""
    return trained.infer(*pictures)


@pytest.fixture
def checkpoint(trained, tmp_path):
    path = tmp_path / "trained.safetensors"
    save_trained(trained, path)
    return path


@pytest.fixture
def own_zoo(tmp_path, monkeypatch):
    """A zoo with the bundled encoders and whatever trained model a test puts into it."""
    zoo = tmp_path / "zoo"
    (zoo / NAME).mkdir(parents=True)
    (zoo / "encoders").symlink_to(model_zoo_dir() / "encoders")
    content = yaml.safe_load((model_zoo_dir() / "index.yaml").read_text())
    content["files"][NAME].update(sha256=None, bytes=None)
    (zoo / "index.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr(index, "model_zoo_dir", lambda: zoo)
    return zoo


def rewrite(path, change, metadata=None):
    """The checkpoint at `path` with its arrays changed by `change`, and its metadata replaced if given."""
    header, arrays = read_metadata(path), read_safetensors(path)
    change(arrays)
    write_safetensors(path, arrays, header if metadata is None else metadata)


def numbers(cell):
    return {name: parameter.asnumpy() for name, parameter in stored_parameters(cell)}


def test_a_saved_model_comes_back_as_it_was(trained, checkpoint, pictures, expected):
    model = factory.create_model(NAME, checkpoint)
    assert model.config == trained.config and model.config.image_size == (56, 70)
    assert not model.training and not model.head.training
    assert not [name for name, _ in model.parameters_and_names() if "lora" in name]
    after = model.infer(*pictures)
    assert after.gate is None is expected.gate
    for field in expected._fields[:-1]:
        np.testing.assert_allclose(getattr(after, field), getattr(expected, field), atol=1e-5, rtol=0, err_msg=field)


def test_adapters_are_added_to_the_encoders_weights(trained, checkpoint):
    before, after = numbers(trained.backbone), numbers(factory.create_model(NAME, checkpoint).backbone)
    place, scale = "blocks.9.attn.proj", 32.0 / 16
    product = scale * before[f"{place}.lora_b"] @ before[f"{place}.lora_a"]
    np.testing.assert_allclose(after[f"{place}.weight"], before[f"{place}.base.weight"] + product, atol=1e-6)
    assert np.abs(product).max() > 0.01
    np.testing.assert_array_equal(after["blocks.2.attn.proj.weight"], before["blocks.2.attn.proj.weight"])


def test_the_encoder_holds_the_published_numbers():
    official = read_safetensors(index.verified("dinov2_vits14"))
    model = build_model(NAME, changes=SMALL)
    load_backbone(model)
    backbone = numbers(model.backbone)
    np.testing.assert_array_equal(backbone["blocks.2.norm1.gamma"], official["blocks.2.norm1.weight"])
    np.testing.assert_array_equal(backbone["blocks.11.attn.qkv.base.weight"], official["blocks.11.attn.qkv.weight"])
    np.testing.assert_array_equal(backbone["pos_embed"], official["pos_embed"])
    resized = resize_positions(official["pos_embed"], (4, 5))
    np.testing.assert_allclose(model.backbone.positions.asnumpy(), resized, atol=1e-6)


def test_a_checkpoint_holds_what_was_trained_and_says_of_which_model(trained, checkpoint):
    arrays, header = read_safetensors(checkpoint), read_metadata(checkpoint)
    assert set(arrays) == {parameter.name for parameter in trained.trained_parameters()}
    assert not [name for name in arrays if name.startswith("backbone.") and "lora" not in name]
    assert header["model"] == NAME and json.loads(header["config"])["image_size"] == [56, 70]


def test_released_without_a_checkpoint_has_repeatable_initial_values():
    heads = []
    for _ in range(2):
        ms.set_seed(5)
        model = mindaam.create_model(NAME, preset="released")
        assert model.config.preset == "released" and not model.training
        heads.append(numbers(model.head))
    for name, array in heads[0].items():
        np.testing.assert_array_equal(array, heads[1][name])


def test_models_are_listed_by_pattern_and_by_their_weights(own_zoo, checkpoint):
    assert mindaam.list_models("aam_dinov3*") == ["aam_dinov3_vitb16", "aam_dinov3_vitl16", "aam_dinov3_vits16"]
    assert mindaam.list_models("*vits1?") == [NAME, "aam_dinov3_vits16"] and mindaam.list_models("AAM*") == []
    assert mindaam.list_models(pretrained=True) == []
    shutil.copy(checkpoint, own_zoo / NAME / "model.safetensors")
    index.update()
    assert mindaam.list_models("aam*", pretrained=True) == [NAME]


def test_pretrained_is_said_by_keyword_and_false_gives_initial_values(own_zoo, checkpoint):
    model = mindaam.create_model(NAME, pretrained=False)
    assert model.config.preset == "paper" and not model.training
    with pytest.raises(CheckpointError, match="no trained weights"):
        mindaam.create_model(NAME, pretrained=True)
    with pytest.raises(CheckpointError, match="no trained weights"):
        mindaam.create_model(NAME, preset="released", pretrained=True)
    with pytest.raises(ConfigError, match="pretrained=False loads no checkpoint; remove"):
        mindaam.create_model(NAME, checkpoint, pretrained=False)
    with pytest.raises(TypeError):
        mindaam.create_model(NAME, None, False)


def test_the_bundled_model_is_taken_verified(own_zoo, trained, checkpoint):
    path = own_zoo / NAME / "model.safetensors"
    shutil.copy(checkpoint, path)
    index.update()
    head = numbers(trained.head)
    for name, array in numbers(mindaam.create_model(NAME).head).items():
        np.testing.assert_array_equal(array, head[name])
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="SHA-256"):
        mindaam.create_model(NAME)


def test_without_bundled_weights_the_error_says_what_to_do(own_zoo):
    for preset in (None, "paper"):
        with pytest.raises(CheckpointError, match=f'mindaam train {NAME}".*checkpoint.*pretrained=False'):
            mindaam.create_model(NAME, preset=preset)


def test_a_changed_encoder_is_refused(own_zoo):
    (own_zoo / "encoders").unlink()
    shutil.copytree(model_zoo_dir() / "encoders", own_zoo / "encoders")
    with open(own_zoo / "encoders" / "dinov2_vits14.safetensors", "r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)
        file.seek(1_000_000)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(CheckpointError, match="dinov2_vits14.safetensors was changed or damaged"):
        mindaam.create_model(NAME, preset="released")


CURVATURE = "head.hierarchy.curvature.value"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop(CURVATURE), f"1 missing .{CURVATURE}"),
        (lambda a: a.update(spare=np.zeros(2, np.float32)), "1 unexpected .spare"),
        (lambda a: a.update({CURVATURE: np.zeros(2, np.float32)}), f"{CURVATURE} .2. instead of"),
        (lambda a: a.update({"backbone.cls_token": np.zeros((1, 1, 384), np.float32)}), "holds backbone weights"),
    ],
    ids=["missing", "unexpected", "shape", "backbone"],
)
def test_a_checkpoint_that_does_not_fit_is_refused(checkpoint, change, message):
    rewrite(checkpoint, change)
    with pytest.raises(CheckpointError, match=message):
        factory.create_model(NAME, checkpoint)


@pytest.mark.parametrize(
    ("metadata", "preset", "message"),
    [
        ({"model": "aam_other"}, None, 'belongs to the model "aam_other"'),
        ({"model": NAME, "config": "{"}, None, "damaged"),
        ({"model": NAME, "config": "{}", "place": "{}"}, None, "does not name its model"),
        ({"model": NAME, "config": "{", "place": "{}"}, None, "damaged"),
        ({"model": NAME, "config": "[]"}, None, "not a table"),
        (None, "released", 'trained under the preset "paper"'),
    ],
)
def test_a_checkpoint_of_another_kind_is_refused(checkpoint, metadata, preset, message):
    rewrite(checkpoint, lambda arrays: None, metadata)
    with pytest.raises(CheckpointError, match=message):
        factory.create_model(NAME, checkpoint, preset=preset)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_checkpoint_with_values_that_are_not_finite_is_refused(checkpoint, value):
    rewrite(checkpoint, lambda arrays: arrays["head.hierarchy.anchor"].__setitem__((0, 3), value))
    with pytest.raises(CheckpointError, match="head.hierarchy.anchor holds values that are not finite"):
        factory.create_model(NAME, checkpoint)


def test_a_checkpoint_without_a_header_is_taken_for_the_models_own_configuration(checkpoint):
    rewrite(checkpoint, lambda arrays: None, {})
    with pytest.raises(CheckpointError, match="of the wrong kind"):  # its head is narrower than that
        factory.create_model(NAME, checkpoint)


def test_merged_models_take_no_checkpoint(checkpoint):
    model = factory.create_model(NAME, checkpoint)
    with pytest.raises(CheckpointError, match="unexpected .*lora"):
        load_trained(model, checkpoint)


def test_what_is_left_apart_keeps_its_values_whether_the_file_has_it_or_not(trained, checkpoint):
    kept = {p.name: p.asnumpy().copy() for p in trained.head.get_parameters() if p.name.startswith("head.neck.")}
    for absent in (False, True):
        if absent:
            rewrite(checkpoint, lambda arrays: [arrays.pop(name) for name in kept])
        else:
            rewrite(checkpoint, lambda arrays: [arrays[name].__iadd__(1.0) for name in kept])
        load_trained(trained, checkpoint, apart="head.neck.")
        assert kept and all(
            np.array_equal(p.asnumpy(), kept[p.name]) for p in trained.get_parameters() if p.name in kept
        )
    with pytest.raises(CheckpointError, match="head.neck"):
        load_trained(trained, checkpoint)


def test_a_configuration_from_a_newer_release_is_an_error_of_the_user(checkpoint):
    header = json.loads(read_metadata(checkpoint)["config"]) | {"telepathy": True}
    rewrite(checkpoint, lambda arrays: None, {"model": NAME, "config": json.dumps(header)})
    with pytest.raises(ConfigError, match="telepathy"):
        factory.create_model(NAME, checkpoint)


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match=f'did you mean "{NAME}"'):
        mindaam.create_model("aam_dinov2_vitl14")
    with pytest.raises(ConfigError, match="unknown preset"):
        mindaam.create_model(NAME, preset="paperback", checkpoint=None)
    with pytest.raises(ConfigError, match='did you mean "minilm_l6"'):
        mindaam.zoo.sentence_encoder("minilm_l12")


def test_the_sentence_encoder_is_made_once():
    encoder = mindaam.zoo.sentence_encoder("minilm_l6")
    assert mindaam.zoo.sentence_encoder() is encoder
    assert encoder.encode(["people looking freely"]).shape == (1, 384)


@pytest.mark.slow  # Wav2CLIP whole
def test_a_sound_encoder_comes_from_its_verified_file(tmp_path, monkeypatch):
    arrays = {name: parameter.asnumpy() for name, parameter in Wav2CLIP().parameters_and_names()}
    write_safetensors(path := tmp_path / "ears.safetensors", arrays, {"naming": "mindaam", "kind": "wav2clip"})
    monkeypatch.setattr(factory, "is_installed", lambda name: True)
    monkeypatch.setattr(factory, "verified", lambda name: path)
    wave = np.sin(np.arange(32_000, dtype=np.float32))[None]
    heard = factory.audio_encoder("wav2clip").encode(wave, 16_000)
    np.testing.assert_allclose(heard, AudioEncoder(arrays).encode(wave, 16_000), atol=1e-5)
    with pytest.raises(ConfigError, match='audio encoder "wav2clop"'):
        factory.audio_encoder("wav2clop")


def test_a_sound_encoder_that_is_not_here_says_how_to_get_it():
    with pytest.raises(CheckpointError, match='not installed: run "mindaam zoo fetch wav2clip"'):
        factory.audio_encoder()
