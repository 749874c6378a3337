"""The authors' parameters into our model: every name in its place, whatever the wrapping; anything else is refused."""

import gzip
from pathlib import Path

import numpy as np
import pytest

import mindaam
from mindaam.encoders import clip_text, dinov3, dinov3_checkpoints
from mindaam.encoders.lora import merge_lora
from mindaam.encoders.rotary import rope_angles
from mindaam.encoders.tables import stored_parameters
from mindaam.errors import CheckpointError
from mindaam.models.registry import build_model, model_config
from mindaam.zoo import factory, index, load_reference
from mindaam.zoo.checkpoints import write_safetensors
from mindaam.zoo.convert import aam, kinds
from tests.gold import weight
from tests.zoo import official_names
from tests.zoo.official_names import alias_of, official_aam

NAME = "aam_dinov3_vits16"
SIZES = {"s": NAME, "b": "aam_dinov3_vitb16", "l": "aam_dinov3_vitl16"}
# Parameters in all, and those that the authors' recipe trains.
COUNTS = {"s": (37_883_936, 16_282_784), "b": (103_390_112, 17_720_480), "l": (324_192_416, 21_038_240)}
NEVER_READ = 1_612_146 + 6 * 128  # three temporal blocks and the Gaussians' anchors
SETTINGS = {"width": 64, "depth": 4, "heads": 1, "taps": (0, 1, 2, 3)}  # of a small backbone under the whole head
CHANGES = {"image_size": [32, 48], "encoder": SETTINGS, "lora": {"last_n_blocks": 4}}
QKV = "backbone.blocks.2.attn.qkv"


# --- the tables against the list of keys of the official checkpoint


def key_table(size):
    """[(official name, shape, kind, trainable, alias of)] of the official checkpoint, in its order."""
    path = Path(__file__).parent / "goldens" / f"released_keys_{size}.tsv.gz"
    rows = [line.split("\t") for line in gzip.decompress(path.read_bytes()).decode().splitlines()[1:]]
    return [
        (name, () if shape == "scalar" else tuple(map(int, shape.split("x"))), kind, trainable == "1", other)
        for name, shape, kind, trainable, other in rows
    ]


def number_of(shapes):
    return sum(int(np.prod(shape)) for shape in shapes)


@pytest.mark.parametrize("size", SIZES)
def test_the_key_table_fills_the_model(size):
    table = key_table(size)
    assert {row[0]: row[1] for row in table} == official_aam(SIZES[size])
    blank = {row[0]: np.broadcast_to(np.float32(0), row[1]) for row in table}
    conversion = aam.from_official(blank)
    wanted = kinds.parameters_of("aam", SIZES[size])
    assert {name: array.shape for name, array in conversion.state.items()} == wanted
    assert conversion.unexpected == () and set(conversion.origin) == set(wanted)
    used = {name for parts in conversion.origin.values() for name in parts}
    assert not used & set(conversion.ignored) and used | set(conversion.ignored) == set(blank)


@pytest.mark.parametrize("size", SIZES)
def test_as_many_parameters_as_the_authors_count(size):
    table, (total, trained) = key_table(size), COUNTS[size]
    assert number_of(shape for _, shape, kind, _, other in table if kind == "param" and not other) == total
    wanted = kinds.parameters_of("aam", SIZES[size])
    periods, hidden = wanted["backbone.rope_embed.periods"], (1, wanted["backbone.cls_token"][-1])
    assert number_of(wanted.values()) - number_of([periods]) + number_of([hidden]) + NEVER_READ == total
    ours = [shape for name, shape in wanted.items() if name.startswith("head.") or ".lora_" in name]
    assert number_of(ours) + NEVER_READ == trained
    origin = aam.from_official({row[0]: np.broadcast_to(np.float32(0), row[1]) for row in table}).origin
    trainable = {row[0] for row in table if row[3]}
    for name, parts in origin.items():
        assert (name.startswith("head.") or ".lora_" in name) == (parts[0] in trainable), name


def test_a_table_has_no_name_of_ours_twice():
    tables = [*aam.HEAD_DECODER.values(), *aam._HEAD.values()]
    assert len(tables) == len(set(tables))


# --- load_reference, on a small backbone under the whole head


@pytest.fixture(scope="module")
def official():
    """Stand-in official arrays of the small model; a test must not change them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(official_names, "VARIANTS", {"dinov3_vits16": {**SETTINGS, "hidden": 256, "swiglu": False}})
        shapes = official_aam(NAME)
    return {name: weight(name, shape) for name, shape in shapes.items()}


def small_model(preset="released"):
    return build_model(NAME, preset, changes=CHANGES).set_train(False)


@pytest.fixture(scope="module")
def filled(official):
    """(model, report) of the plain case."""
    model = small_model()
    return model, load_reference(model, official)


@pytest.fixture(scope="module")
def target():
    """A model to be filled again and again."""
    return small_model()


def numbers(model):
    return {name: parameter.asnumpy().copy() for name, parameter in stored_parameters(model)}


def assert_equal(model, expected):
    got, wanted = numbers(model), numbers(expected)
    assert got.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name)


def test_every_parameter_is_filled_and_reported(official, filled):
    model, report = filled
    got = numbers(model)
    assert set(report.matched) | set(report.renamed) == set(got) and not (report.missing or report.unexpected)
    assert report.renamed["head.decoder.fusions.1.from_skip.weight"] == ("head.fuse2.0.weight",)
    bias, mask = official[f"{QKV}.base.bias"], official[f"{QKV}.base.bias_mask"]
    np.testing.assert_array_equal(got[f"{QKV}.base.bias"], bias * mask)
    assert (got[f"{QKV}.base.bias"] == 0).sum() == 64
    np.testing.assert_array_equal(
        got["head.temporal.1.nu_head.weight"], official["head.motion_modules.3.nu_head.weight"]
    )
    np.testing.assert_array_equal(got["head.neck.projects.2.weight"], official["head.projects.2.weight"][..., 0, 0])
    reasons = {report.ignored[name] for name in report.ignored if name.startswith("head.")}
    assert reasons == {"no forward pass of the released code reads it"}
    assert set(report.ignored) >= {"head.decoder_out.gauss_anchors_tan", "head.motion_modules.4.nu_head.bias"}
    assert model.backbone.rope_embed.periods.asnumpy()[1] == official["backbone.rope_embed.periods"][1]


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {f"module.{name}": array for name, array in state.items()},
        lambda state: {"state_dict": {f"module.{name}": array for name, array in state.items()}},
        lambda state: {name: array for name, array in state.items() if not alias_of(name)},
        lambda state: {name: a for name, a in state.items() if ".base." not in name or name.endswith("bias_mask")},
        lambda state: {name: array.astype(np.float64) for name, array in state.items()},
        lambda state: {name.replace(".base.bias_mask", ".bias_mask"): array for name, array in state.items()},
    ],
    ids=["module", "nested", "base-only", "alias-only", "float64", "plain-mask"],
)
def test_the_wrapping_does_not_matter(official, filled, target, change):
    target.head.hierarchy.curvature.value.set_data(filled[0].head.hierarchy.curvature.value * 0 + 9.0)
    load_reference(target, change(official))
    assert_equal(target, filled[0])


def test_two_versions_of_one_tensor_are_warned_of(official, filled, target):
    changed = {**official, f"{QKV}.weight": official[f"{QKV}.weight"] + 1}
    with pytest.warns(UserWarning, match=rf"two versions of {QKV}.weight"):
        report = load_reference(target, changed)
    assert "differs from" in report.ignored[f"{QKV}.weight"]
    assert_equal(target, filled[0])


def test_what_the_mask_hides_may_be_anything(official, filled, target):
    bias = official[f"{QKV}.base.bias"].copy()
    bias[64:128] = np.nan
    load_reference(target, {**official, f"{QKV}.base.bias": bias, f"{QKV}.bias": bias})
    assert_equal(target, filled[0])


def without(name):
    return lambda state: {other: array for other, array in state.items() if other != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("head.curv"), r"1 missing \(head.hierarchy.curvature.value\)"),
        (without(f"{QKV}.lora_B.weight"), r"1 missing \(.*attn.qkv.lora_b\)"),
        (without(f"{QKV}.base.bias_mask"), "1 missing"),
        (without("head.fuse1.0.weight"), "2 missing"),
        (lambda state: {**state, "head.spare": np.zeros(2, np.float32)}, r"1 unexpected \(head.spare\)"),
        (lambda state: {**state, "head.motion_modules.1.spare": np.zeros(2)}, r"1 unexpected"),
        (lambda state: {**state, "backbone.blocks.4.norm1.weight": np.ones(64)}, "1 unexpected"),
        (lambda state: {**state, "head.curv": np.zeros((1,), np.float32)}, r"1 misshapen \(head.curv \[1\] instead"),
        (lambda state: {**state, "head.projects.0.weight": np.zeros((96, 64, 3, 3))}, "shapes that no AAM"),
        (lambda state: {**state, "head.curv": np.asarray(1)}, "holds int64 in head.curv"),
        (lambda state: {**state, "head.curv": np.asarray(np.nan)}, "curvature.value values that are not finite"),
        (lambda state: {}, "missing"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(official, target, change, message):
    before = numbers(target)
    with pytest.raises(CheckpointError, match=message) as error:
        load_reference(target, change(official))
    assert "\n" not in str(error.value)
    for name, array in numbers(target).items():
        np.testing.assert_array_equal(array, before[name])


@pytest.fixture(scope="module")
def folded(official):
    """The plain case with its adapters merged afterwards."""
    model = small_model()
    load_reference(model, official)
    merge_lora(model.backbone)
    return model


def assert_close(model, expected):
    got, wanted = numbers(model), numbers(expected)
    assert got.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_allclose(got[name], array, rtol=0, atol=1e-6, err_msg=name)


def test_merged_adapters_are_folded_in(official, folded):
    merged = small_model()
    merge_lora(merged.backbone)
    report = load_reference(merged, official)
    parts = tuple(f"{QKV}.{part}" for part in ("base.weight", "lora_B.weight", "lora_A.weight"))
    assert report.renamed[f"{QKV}.weight"] == parts
    assert_close(merged, folded)
    combined = merged.backbone.blocks[2].attn.qkv.weight.asnumpy()
    assert np.abs(combined - official[f"{QKV}.weight"]).max() > 0.01  # the adapters are not lost
    np.testing.assert_array_equal(merged.backbone.blocks[2].attn.qkv.bias.asnumpy()[64:128], 0)
    with pytest.raises(CheckpointError, match="shapes that no AAM"):
        load_reference(merged, {**official, f"{QKV}.lora_A.weight": np.zeros((4, 64), np.float32)})
    with pytest.raises(CheckpointError, match="missing"):
        load_reference(merged, without(f"{QKV}.lora_A.weight")(official))


def test_only_the_released_model_is_filled(official):
    with pytest.raises(CheckpointError, match='fit the preset "released", not "paper"; .*preset="released"'):
        load_reference(small_model("paper"), official)
    with pytest.raises(CheckpointError, match="does not make a whole aam_dinov2_vits14: .*missing"):
        load_reference(build_model("aam_dinov2_vits14", "released"), official)


def test_a_model_adapted_in_its_last_blocks_only(official, filled):
    """Files of the released code may adapt fewer blocks: the others then have no adapter and no second name."""
    state = {}
    for name, array in official.items():
        block = int(name.split(".")[2]) if name.startswith("backbone.blocks.") else 3
        if block < 2 and ".lora_" in name:
            continue
        state[name.replace(".base.", ".") if block < 2 else name] = array
    model = build_model(NAME, "released", changes={**CHANGES, "lora": {"last_n_blocks": 2}})
    load_reference(model, state)
    np.testing.assert_array_equal(
        numbers(model)["backbone.blocks.1.attn.proj.weight"], state["backbone.blocks.1.attn.proj.weight"]
    )


# --- create_model: names, converted files, no files


@pytest.fixture
def shrunken(monkeypatch):
    """`create_model` builds the small model."""

    def build(name, preset="paper", changes=None):
        return build_model(name, preset, changes={**CHANGES, **(changes or {})})

    monkeypatch.setattr(factory, "build_model", build)


@pytest.fixture
def converted(official, tmp_path):
    """A converted file of the small model, and a function that writes it anew with other metadata or arrays."""
    path = tmp_path / "aam.safetensors"

    def write(metadata=(), **arrays):
        state = aam.from_official(official).state | arrays
        write_safetensors(path, state, {"naming": "mindaam", "kind": "aam", "name": NAME, **dict(metadata)})
        return path

    write()
    return path, write


def test_released_models_come_without_files_and_take_the_authors_arrays(shrunken, official, folded):
    model = mindaam.create_model(NAME, preset="released")
    assert model.config.preset == "released" and not model.training
    load_reference(model, official)
    assert_close(model, folded)


@pytest.mark.parametrize("preset", [None, "released"])
def test_a_converted_file_is_a_checkpoint(shrunken, converted, folded, preset):
    model = mindaam.create_model(NAME, converted[0], preset=preset)
    assert model.config.preset == "released" and not model.training
    assert_close(model, folded)
    periods = model.backbone.rope_embed.periods.asnumpy()
    np.testing.assert_array_equal(model.backbone.rope_embed.cos.asnumpy()[5], np.cos(rope_angles(periods, (2, 3))[0]))


@pytest.mark.parametrize(
    ("metadata", "arrays", "preset", "message"),
    [
        ({"name": "aam_dinov3_vitb16"}, {}, None, 'belongs to the model "aam_dinov3_vitb16"'),
        ({"kind": "dinov3", "name": "dinov3_vits16"}, {}, None, "holds the encoder dinov3_vits16 only"),
        ({}, {}, "paper", 'trained under the preset "released", not "paper"'),
        ({}, {"head.spare": np.zeros(2, np.float32)}, None, "1 unexpected .head.spare"),
        ({}, {"head.hierarchy.anchor": np.full((1, 128), np.inf, np.float32)}, None, "anchor holds values that"),
    ],
)
def test_a_converted_file_that_does_not_fit_is_refused(shrunken, converted, metadata, arrays, preset, message):
    path = converted[1](metadata, **arrays)
    with pytest.raises(CheckpointError, match=message):
        mindaam.create_model(NAME, path, preset=preset)


@pytest.mark.parametrize(
    ("size", "says"), [("s", "none are known to be published"), ("b", "none are known"), ("l", "mindaam zoo fetch")]
)
def test_without_a_file_the_error_says_how_to_get_one(size, says):
    with pytest.raises(CheckpointError, match=f'"{SIZES[size]}" are bundled: .*{says}'):
        mindaam.create_model(SIZES[size])


def test_sentences_for_clip_need_its_weights():
    assert model_config(NAME, "released").text.name in factory.SENTENCE_ENCODERS
    with pytest.raises(
        CheckpointError, match="CLIP ViT-L/14, whose weights are not installed.*mindaam zoo fetch clip_vitl14"
    ):
        mindaam.zoo.sentence_encoder("clip_vitl14")


def test_every_released_backbone_is_a_published_encoder():
    for name in SIZES.values():
        encoder, published = model_config(name, "released").encoder, dinov3.VARIANTS[name.removeprefix("aam_")]
        assert {key: getattr(encoder, key) for key in SETTINGS} == {key: published[key] for key in SETTINGS}
        assert published["hidden"] == 4 * encoder.width and not published["swiglu"]
        assert encoder.prefix == 5  # the class token and four storage tokens


# --- encoders that the user put into the zoo


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Puts arrays as a file of the zoo that the user vouches for."""
    monkeypatch.setenv("MINDAAM_CACHE", str(tmp_path / "cache"))

    def put(name, state, metadata=None):
        path = index.path_of(index.record(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_safetensors(path, state, metadata)
        index.trust(name)
        return path

    return put


@pytest.mark.parametrize("renamed", [False, True])
def test_an_encoder_of_the_zoo_comes_under_the_released_head(shrunken, official, folded, put, renamed):
    layers = {name: array for name, array in official.items() if name.startswith("backbone.") and ".lora_" not in name}
    plain = {name.removeprefix("backbone.").replace(".base.", "."): array for name, array in layers.items()}
    state = dinov3_checkpoints.from_official(plain).state
    header = {"naming": "mindaam", "kind": "dinov3", "name": "dinov3_vits16"}
    path = put("dinov3_vits16", *((state, header) if renamed else (plain, None)))
    model = mindaam.create_model(NAME, preset="released")
    got = numbers(model.backbone)
    assert set(got) == set(state)
    for name, array in state.items():
        np.testing.assert_array_equal(got[name], array, err_msg=name)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="changed or damaged"):
        mindaam.create_model(NAME, preset="released")


@pytest.mark.parametrize(
    ("state", "metadata", "message"),
    [
        ({"cls_token": np.zeros((1, 1, 64), np.float32), "spare": np.ones(1, np.float32)}, None, "spare, which no"),
        ({"cls_token": np.zeros((1, 1, 64), np.float32)}, {"naming": "mindaam", "kind": "clip"}, "converted as clip"),
        ({"cls_token": np.zeros((1, 1, 64), np.float32)}, None, "missing"),
    ],
)
def test_an_encoder_of_the_zoo_must_be_one(shrunken, put, state, metadata, message):
    put("dinov3_vits16", state, metadata)
    with pytest.raises(CheckpointError, match=message):
        mindaam.create_model(NAME, preset="released")


def test_clip_reads_the_sentences_once_it_is_in_the_zoo(put, monkeypatch):
    given = []
    monkeypatch.setattr(clip_text, "ClipSentenceEncoder", lambda *arguments: given.append(arguments) or len(given))
    put("clip_vitl14", {"positional_embedding": np.ones((2, 3), np.float32)}, {"naming": "mindaam", "kind": "clip"})
    factory._sentence_encoder.cache_clear()
    try:
        assert mindaam.zoo.sentence_encoder("clip_vitl14") == mindaam.zoo.sentence_encoder("clip_vitl14") == 1
    finally:
        factory._sentence_encoder.cache_clear()
    ((state, merges),) = given
    assert state["positional_embedding"].shape == (2, 3) and merges.is_file()
