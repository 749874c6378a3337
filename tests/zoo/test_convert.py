"""Converting a foreign checkpoint: every name accounted for, nothing guessed, nothing half-written, little memory."""

import contextlib
import math
import os
import tracemalloc

import mindspore as ms
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mindaam.encoders import dinov2, dinov3, dinov3_checkpoints
from mindaam.encoders.conversion import Conversion
from mindaam.encoders.tables import stored_parameters
from mindaam.errors import CheckpointError, ConfigError, OutputError
from mindaam.places import model_zoo_dir
from mindaam.zoo.checkpoints import (
    load_strict,
    map_safetensors,
    read_metadata,
    read_safetensors,
    sha256_of,
    write_safetensors,
)
from mindaam.zoo.convert import files, kinds, report
from mindaam.zoo.convert.wrappers import unwrap
from tests.encoders.dinov3_files import official_shapes, official_state, tiny_settings
from tests.zoo.official_names import official_clip, official_wav2clip
from tests.zoo.torch_archive import write_torch

BUNDLED = model_zoo_dir() / "encoders/dinov2_vits14.safetensors"
TINY = tiny_settings(width=64, heads=1)  # one head of 64 channels, as in every published model


def blank(shapes):
    """Arrays of these shapes that take no memory."""
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}


def to_huggingface(state):
    """Official DINOv3 arrays under Hugging Face's names."""
    once = {
        "cls_token": "embeddings.cls_token",
        "storage_tokens": "embeddings.register_tokens",
        "patch_embed.proj": "embeddings.patch_embeddings",
        "mlp.fc1": "mlp.up_proj",
        "mlp.fc2": "mlp.down_proj",
        "mlp.w1": "mlp.gate_proj",
        "mlp.w2": "mlp.up_proj",
        "mlp.w3": "mlp.down_proj",
        "attn.proj": "attention.o_proj",
        "ls1.gamma": "layer_scale1.lambda1",
        "ls2.gamma": "layer_scale2.lambda1",
    }
    renamed = {}
    for name, array in state.items():
        name = name.replace("blocks.", "layer.")
        for theirs, ours in once.items():
            name = name.replace(theirs, ours)
        if name == "mask_token":
            renamed["embeddings.mask_token"] = array[None]
        elif ".attn.qkv.weight" in name or ".attn.qkv.bias" in name:
            for part, piece in zip("qkv", np.split(array, 3), strict=True):
                if not name.endswith("mask") and not (part == "k" and name.endswith("bias")):
                    renamed[name.replace("attn.qkv", f"attention.{part}_proj")] = piece
        elif name != "rope_embed.periods":
            renamed[name] = array
    return renamed


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def tiny(monkeypatch):
    """Two DINOv3 variants: "tiny", and "large" of another depth; gives tiny's official arrays."""
    variants = {"tiny": TINY, "large": {**TINY, "depth": 5}}
    monkeypatch.setattr(dinov3, "VARIANTS", variants)
    return official_state(TINY)


# --- the account


names = st.sets(st.text("abc", min_size=1, max_size=4), min_size=4, max_size=12)


@given(names, st.data())
def test_every_official_name_is_in_exactly_one_place(official, data):
    official = sorted(official)
    fates = {
        name: data.draw(st.sampled_from(["matched", "renamed", "ignored", "unexpected", "dropped", "foreign"]))
        for name in official
    }
    state, origin, ignored, unexpected, wanted = {}, {}, {}, [], {"absent": (1,)}
    for name, fate in fates.items():
        if fate in ("matched", "renamed", "foreign"):
            ours = name if fate == "matched" else f"new {name}"
            state[ours], origin[ours] = np.zeros(1), (name,)
            wanted |= {ours: (1,)} if fate != "foreign" else {}
        elif fate == "ignored":
            ignored[name] = "because"
        elif fate == "unexpected":
            unexpected.append(name)
    allowed = {name for name in official if data.draw(st.booleans())}
    found = report.account(
        dict.fromkeys(official), Conversion(state, origin, ignored, tuple(unexpected)), wanted, allowed
    )
    strays = {name for name in official if fates[name] in ("unexpected", "dropped", "foreign")}
    assert set(found.matched) == {name for name in official if fates[name] == "matched"}
    assert found.renamed == {f"new {name}": (name,) for name in official if fates[name] == "renamed"}
    assert set(found.ignored) == {name for name in official if fates[name] == "ignored"}
    assert set(found.unexpected) == strays - allowed and set(found.excused) == strays & allowed
    assert set(found.superfluous) == allowed - strays - set(ignored)
    assert found.missing == ("absent",) and found.made == () and found.misshapen == ()


def conversion(**changes):
    parts = {
        "state": {"a": np.zeros((2, 3)), "c": np.zeros(2), "made": np.zeros(1)},
        "origin": {"a": ("a",), "c": ("c1", "c2"), "made": ()},
        "ignored": {"m": "not needed", "n": "not needed"},
        "unexpected": (),
    }
    return Conversion(**{**parts, **changes})


OFFICIAL = dict.fromkeys(("a", "c1", "c2", "m", "n"))
WANTED = {"a": (2, 3), "c": (2,), "made": (1,)}


def test_a_whole_checkpoint_is_in_order_and_told_in_lines():
    found = report.account(OFFICIAL, conversion(), WANTED)
    report.insist(found, "x.pth", "tiny")
    told = report.text(found).splitlines()
    assert told == [
        "matched:        1",
        "renamed:        1",
        "made:           1",
        "    made",
        "ignored:        2",
        "    m, n: not needed",
        "missing:        0",
        "unexpected:     0",
    ]
    told = report.text(found, full=True).splitlines()
    assert "    c1 + c2 -> c" in told and "    n: not needed" in told and "    a" in told


@pytest.mark.parametrize(
    ("official", "wanted", "allow", "message"),
    [
        (OFFICIAL, WANTED | {"b": (1,)}, (), r"1 missing \(b\); give the publisher's file, or .* --allow NAME$"),
        (OFFICIAL, WANTED | {"b": (1,)}, ("c1",), r"1 missing \(b\)"),
        ({**OFFICIAL, "x": 0}, WANTED, (), r"1 unexpected \(x\)"),
        ({**OFFICIAL, "x": 0, "y": 0}, WANTED, ("x",), r"1 unexpected \(y\)"),
        (OFFICIAL, {"a": (2, 3), "made": (1,)}, (), r"2 unexpected \(c1, c2\)"),
        (
            OFFICIAL,
            WANTED | {"c": (3,)},
            ("c", "c1", "c2"),
            r"1 misshapen \(c1 \+ c2 \[2\] instead of \[3\]\); give the [^,]*$",
        ),
        ({**OFFICIAL, **dict.fromkeys("uvwxyz")}, WANTED, (), r"6 unexpected \(u, v, w and 3 more\)"),
    ],
)
def test_what_is_not_in_order_is_an_error_that_lists_it(official, wanted, allow, message):
    found = report.account(official, conversion(), wanted, allow)
    with pytest.raises(CheckpointError, match=f"x.pth does not make a whole tiny: .*{message}"):
        report.insist(found, "x.pth", "tiny")


def test_what_is_allowed_is_told_and_no_error():
    found = report.account({**OFFICIAL, "x": 0}, conversion(), WANTED | {"b": (1,)}, ("x", "b", "spare", "x"))
    report.insist(found, "x.pth", "tiny")
    told = report.text(found)
    assert "allowed:        2\n    x, b\n" in told and "allowed without need:    1\n    spare" in told
    assert found.excused == ("x", "b")


# --- which variant it is


@pytest.mark.parametrize("naming", ["meta", "huggingface"])
@pytest.mark.parametrize("name", dinov3.VARIANTS)
def test_a_dinov3_variant_is_told_by_its_sizes(name, naming):
    state, convert = blank(official_shapes(**dinov3.VARIANTS[name])), dinov3_checkpoints.from_official
    if naming == "huggingface":
        state, convert = to_huggingface(state), dinov3_checkpoints.from_huggingface
        # without the keys no matrices are joined, which would take memory
        state = {each: array for each, array in state.items() if "attention.k_proj" not in each}
    assert set(unwrap(state, "dinov3", "x.pth").state) == set(state)
    renamed = convert(state).state
    if not name.startswith("dinov3_vitl16"):
        assert kinds.variant_of("dinov3", renamed, "x.pth") == name
        return
    with pytest.raises(CheckpointError, match="dinov3_vitl16 and dinov3_vitl16_sat both have; choose one .*--name"):
        kinds.variant_of("dinov3", renamed, "x.pth")
    assert kinds.variant_of("dinov3", renamed, "x.pth", name) == name


@pytest.mark.parametrize(
    ("kind", "module", "shapes"),
    [
        ("clip", "clip_text", official_clip()),
        ("wav2clip", "wav2clip", official_wav2clip()),
        ("wav2clip", "wav2clip", official_wav2clip("encoder", "transform")),
    ],
    ids=["clip", "wav2clip", "wav2clip within AAM"],
)
def test_the_published_file_of_a_kind_is_whole(monkeypatch, kind, module, shapes):
    state = blank(shapes) | {name: np.zeros((), np.int64) for name in shapes if name.endswith("num_batches_tracked")}
    monkeypatch.setattr(files, "read_foreign", lambda path: state)
    monkeypatch.setattr(files, "sha256_of", lambda path: "")
    converted = files.convert("in.pt", kind)
    report.insist(converted.report, "in.pt", converted.name)
    visual = {name for name in shapes if name.startswith("visual.")}
    assert visual <= set(converted.report.ignored) and len(converted.state) > 50


@pytest.mark.parametrize("kind", ["dinov2", "dinov3"])
def test_what_must_be_filled_is_what_the_cell_has(kind, tiny, monkeypatch):
    monkeypatch.setattr(dinov2, "VARIANTS", {"tiny": {"width": 24, "depth": 3, "heads": 3, "taps": (0, 2)}})
    cell = dinov3.DINOv3(**TINY) if kind == "dinov3" else dinov2.DINOv2(**dinov2.VARIANTS["tiny"])
    shapes = {name: parameter.shape for name, parameter in stored_parameters(cell)}
    assert kinds.parameters_of(kind, "tiny") == shapes
    assert ms.Parameter(ms.Tensor(np.ones(2, np.float32))).asnumpy().sum() == 2  # parameters have values again


def test_sizes_that_no_variant_has_are_refused_with_the_table(tiny):
    state = dinov3_checkpoints.from_official(tiny).state
    state["cls_token"] = np.zeros((1, 1, 23), np.float32)
    with pytest.raises(
        CheckpointError, match=r"width 23, depth 3, .* no known dinov3 model has \(tiny: width 64, depth 3"
    ):
        kinds.variant_of("dinov3", state, "x.pth")
    del state["cls_token"]
    with pytest.raises(CheckpointError, match="width unknown"):
        kinds.variant_of("dinov3", state, "x.pth", "tiny")


def test_a_name_must_be_that_of_the_sizes(tiny):
    state = dinov3_checkpoints.from_official(tiny).state
    assert kinds.variant_of("dinov3", state, "x.pth", "tiny") == "tiny"
    with pytest.raises(CheckpointError, match="that is tiny, not large"):
        kinds.variant_of("dinov3", state, "x.pth", "large")
    with pytest.raises(ConfigError, match='unknown dinov3 model "tinny" .*"tiny"'):
        kinds.variant_of("dinov3", state, "x.pth", "tinny")


@pytest.mark.parametrize("naming", ["conv1.", "layer.0."])
def test_a_file_of_something_else_is_refused_by_its_names(tiny, tmp_path, naming):
    source = tmp_path / "in.safetensors"
    write_safetensors(source, {f"{naming}{i}": np.zeros(2, np.float32) for i in range(5)})
    with pytest.raises(CheckpointError, match=f"no name of a dinov3 checkpoint .{naming}0, .* and 2 more.; check"):
        files.convert(source, "dinov3")


def test_another_kind_is_named():
    with pytest.raises(CheckpointError, match="of the kind dinov2; give --kind dinov2"):
        files.convert(BUNDLED, "dinov3")
    with pytest.raises(ConfigError, match='unknown kind of checkpoint "dinov4"'):
        files.convert(BUNDLED, "dinov4")


# --- whole files


@contextlib.contextmanager
def memory_within(limit):
    """Fails when NumPy and Python together take more than `limit` bytes at any moment inside."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] <= limit
    finally:
        tracemalloc.stop()


def test_the_bundled_encoder_is_converted_whole(tmp_path):
    target = tmp_path / "out.safetensors"
    converted = files.convert(BUNDLED, "dinov2")
    report.insist(converted.report, BUNDLED, converted.name)
    files.save(converted, target)
    back, expected = read_safetensors(target), dinov2.from_official(read_safetensors(BUNDLED)).state
    assert set(back) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(back[name], array)
    assert read_metadata(target) == {
        "naming": "mindaam",
        "kind": "dinov2",
        "name": "dinov2_vits14",
        "source_sha256": sha256_of(BUNDLED),
    }
    load_strict(dinov2.DINOv2(), back)
    first = target.read_bytes()
    files.save(files.convert(BUNDLED, "dinov2"), target)
    assert target.read_bytes() == first


@pytest.mark.parametrize("form", ["safetensors", "torch", "torch, wrapped", "data-parallel", "huggingface"])
def test_every_form_of_a_file_gives_the_same_arrays(tiny, tmp_path, form):
    source, state = tmp_path / "in.pth", tiny
    if form == "data-parallel":
        state = {f"module.{name}": array for name, array in state.items()}
    if form == "huggingface":
        state = to_huggingface(state)
    if form.startswith("torch"):
        write_torch(source, state, ("state_dict",) if "wrapped" in form else ())
    else:
        write_safetensors(source, state)
    converted = files.convert(source, "dinov3")
    report.insist(converted.report, source, converted.name)
    expected = dinov3_checkpoints.from_official(tiny).state
    assert converted.name == "tiny" and set(converted.state) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(converted.state[name], array)


def test_a_missing_block_is_missing_and_an_extra_one_unexpected(tiny, tmp_path):
    source = tmp_path / "in.safetensors"
    write_safetensors(source, {name: array for name, array in tiny.items() if not name.startswith("blocks.1.")})
    found = files.convert(source, "dinov3").report
    assert found.missing and all(name.startswith("blocks.1.") for name in found.missing) and not found.unexpected
    write_safetensors(source, tiny | {"blocks.1.mlp.fc3.weight": np.zeros(2, np.float32)})
    assert files.convert(source, "dinov3").report.unexpected == ("blocks.1.mlp.fc3.weight",)
    allowed = files.convert(source, "dinov3", allow=["blocks.1.mlp.fc3.weight"])
    report.insist(allowed.report, source, "tiny")
    assert set(allowed.state) == set(dinov3_checkpoints.from_official(tiny).state)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("blocks.1.norm1.bias", np.full(64, np.nan, np.float32), r"blocks\.1\.norm1\.beta values that are not finite"),
        ("blocks.0.attn.proj.weight", np.full((64, 64), np.inf, np.float32), "not finite"),
        ("blocks.0.attn.proj.weight", np.zeros((64, 64), np.int8), "type int8 in blocks.0.attn.proj.weight"),
        ("patch_embed.proj.weight", np.zeros((), np.float32), "shapes that no dinov3 checkpoint has"),
        ("blocks.0.attn.qkv.bias_mask", np.zeros(5, np.float32), "shapes that no dinov3 checkpoint has"),
        (
            "blocks.1.attn.qkv.bias",
            np.zeros((), np.float32),
            r"bias \[\] and blocks.1.attn.qkv.bias_mask \[192\], which belong",
        ),
        ("cls_token", np.zeros((), np.float32), "width unknown"),
    ],
)
def test_arrays_that_cannot_be_weights_are_refused(tiny, tmp_path, name, array, message):
    source = tmp_path / "in.safetensors"
    write_safetensors(source, tiny | {name: array})
    with pytest.raises(CheckpointError, match=f"in.safetensors.*{message}"):
        files.convert(source, "dinov3")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_odd_arrays_are_the_files_fault_and_no_bug(tiny, monkeypatch, data):
    wanted = {name: array.shape for name, array in dinov3_checkpoints.from_official(tiny).state.items()}
    monkeypatch.setattr(kinds, "parameters_of", lambda kind, name: wanted)
    whole = data.draw(st.sampled_from([tiny, to_huggingface(tiny)]))
    shape = st.lists(st.sampled_from([0, 1, 2, 64, 192]), max_size=4)
    shape = shape.filter(lambda shape: math.prod(shape) <= 1_000_000)  # four of 192 are ten gigabytes
    kind = st.sampled_from([np.float32, np.float16, np.float64, np.int64, np.bool_])
    odd = data.draw(st.dictionaries(st.sampled_from(sorted(whole)), st.tuples(shape, kind), min_size=1, max_size=3))
    state = whole | {name: np.ones(shape, kind) for name, (shape, kind) in odd.items()}
    monkeypatch.setattr(files, "read_foreign", lambda path: state)  # no file: the disk would take most of the time
    monkeypatch.setattr(files, "sha256_of", lambda path: "")
    try:
        report.insist(files.convert("in.pth", "dinov3").report, "in.pth", "tiny")
        fits = all(tuple(shape) == whole[name].shape or name.endswith("mask_token") for name, (shape, _) in odd.items())
        assert fits, "an array of another shape went through"
    except CheckpointError as error:
        assert str(error).startswith("in.pth ") and "\n" not in str(error)


def test_a_wrong_shape_is_told_by_its_official_name(tiny, tmp_path):
    source = tmp_path / "in.safetensors"
    write_safetensors(source, tiny | {"blocks.1.norm1.bias": np.zeros(23, np.float32)})
    found = files.convert(source, "dinov3").report
    assert found.misshapen == ("blocks.1.norm1.bias [23] instead of [64]",)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html>not found</html>", b"PK\x03\x04", b"\x80\x02}q\x00."])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, content):
    source = tmp_path / "in.pth"
    source.write_bytes(content)
    with pytest.raises(CheckpointError, match="in.pth"):
        files.convert(source, "dinov3")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for source in (tmp_path / "nowhere.pth", tmp_path):
        with pytest.raises(CheckpointError, match=f"cannot read {source}"):
            files.convert(source, "dinov3")


# --- the place of the result


def test_a_place_that_cannot_be_written_to_is_refused_before_the_work(tmp_path):
    source, there = tmp_path / "in.safetensors", tmp_path / "there.safetensors"
    source.write_bytes(b"x")
    there.write_bytes(b"y")
    files.check_target(source, tmp_path / "new.safetensors")
    files.check_target(source, there, force=True)
    files.check_target(tmp_path / "nowhere", there, force=True)
    os.link(source, tmp_path / "same.safetensors")
    for target, force, message in (
        (there, False, "already exists; .* --force"),
        (source, True, "is the input; choose another name"),
        (tmp_path / "same.safetensors", True, "is the input; choose another name"),
        (tmp_path / "out.pth", False, "does not end in .safetensors"),
        (tmp_path / "no/out.safetensors", False, "the folder .*no does not exist"),
    ):
        with pytest.raises(OutputError, match=message):
            files.check_target(source, target, force)
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        files.check_target(source, tmp_path / "folder.safetensors", force=True)


def test_a_folder_without_leave_to_write_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda place, mode: False)  # the superuser may write everywhere
    with pytest.raises(OutputError, match="cannot write to the folder"):
        files.check_target(tmp_path / "in", tmp_path / "out.safetensors")


# --- memory


def test_mapping_and_writing_copy_no_more_than_one_array(tmp_path):
    source, target, one = tmp_path / "in.safetensors", tmp_path / "out.safetensors", 1 << 20
    arrays = {f"a{i}": np.full(one // 4, i, np.float32) for i in range(8)}
    write_safetensors(source, arrays)
    with memory_within(one // 4):
        mapped = map_safetensors(source)
        write_safetensors(target, mapped)
    assert target.read_bytes() == source.read_bytes()
    turned = {name: array.reshape(512, -1).T for name, array in mapped.items()}
    with memory_within(one + one // 4):
        write_safetensors(target, turned)
    np.testing.assert_array_equal(read_safetensors(target)["a7"], turned["a7"])


def test_converting_keeps_views(tiny, tmp_path):
    source = tmp_path / "in.pth"
    write_torch(source, tiny)
    state = files.convert(source, "dinov3").state
    copies = [name for name, array in state.items() if array.flags.writeable]
    assert copies and all(name.endswith("attn.qkv.bias") for name in copies)  # masked, and small
