"""PyTorch's files read without PyTorch: the same names and numbers, whatever the format, type or stride."""

import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mindaam.errors import CheckpointError
from mindaam.zoo.torch_files.reading import read_torch
from tests.zoo.pickles import STORAGES, archive, call, find, legacy, listed, mapping, number, storage, tensor, text
from tests.zoo.torch_archive import write_torch

NUMBERS = np.arange(12, dtype="<f4")
STATE = mapping(weight=tensor(storage(count=12), size=(3, 4), stride=(4, 1)), bias=tensor(storage(count=12), size=(3,)))
BYTES = {"0": NUMBERS.tobytes()}


def expect_state(arrays, prefix=""):
    assert list(arrays) == [f"{prefix}weight", f"{prefix}bias"]
    np.testing.assert_array_equal(arrays[f"{prefix}weight"], NUMBERS.reshape(3, 4))
    np.testing.assert_array_equal(arrays[f"{prefix}bias"], NUMBERS[:3])


@pytest.mark.parametrize("top", ["archive", "model_best", "weights.v2"])
def test_a_zip_archive(tmp_path, top):
    expect_state(read_torch(archive(tmp_path / "w.pth", STATE, BYTES, top=top)))


def test_a_repacked_archive(tmp_path):
    expect_state(read_torch(archive(tmp_path / "w.pth", STATE, BYTES, packing=zipfile.ZIP_DEFLATED)))


def test_a_legacy_file(tmp_path):
    expect_state(read_torch(legacy(tmp_path / "w.pth", STATE, {"0": NUMBERS})))


def test_a_legacy_file_of_a_big_endian_machine_has_its_numbers_little_end_first(tmp_path):
    expect_state(read_torch(legacy(tmp_path / "w.pth", STATE, {"0": NUMBERS}, little=b"\x89")))


def test_the_state_dict_is_taken_out_and_what_is_beside_it_left(tmp_path):
    optimizer = mapping(state=b"}" + number(0) + mapping(exp_avg=tensor(storage("1"))) + b"s", lr=b"G" + bytes(8))
    whole = mapping(epoch=number(7), name=text("best"), state_dict=STATE, optimizer=optimizer)
    beside = {**BYTES, "1": NUMBERS[:4].tobytes()}
    expect_state(read_torch(archive(tmp_path / "w.pth", whole, beside)))
    expect_state(read_torch(archive(tmp_path / "twice.pth", mapping(state_dict=whole), beside)))
    expect_state(read_torch(legacy(tmp_path / "legacy.pth", whole, {"0": NUMBERS, "1": NUMBERS[:4]})))


def test_containers_give_their_keys_and_places(tmp_path):
    value = mapping(
        model=STATE, rest=b"](" + tensor(storage(count=12)) + number(3) + b"N" + tensor(storage(count=12)) + b"e"
    )
    assert list(read_torch(archive(tmp_path / "w.pth", value, BYTES))) == [
        "model.weight", "model.bias", "rest.0", "rest.3",
    ]  # fmt: skip


def test_an_ordered_dict_with_its_versions(tmp_path):
    # as state_dict() is saved: an OrderedDict whose attribute _metadata holds the modules' versions
    ordered = find("collections.OrderedDict") + b")R(" + text("a") + tensor() + b"u"
    versions = mapping(
        _metadata=find("collections.OrderedDict") + b")R(" + text("") + mapping(version=number(1)) + b"u"
    )
    assert list(read_torch(archive(tmp_path / "w.pth", ordered + versions + b"b"))) == ["a"]
    pairs = call("collections.OrderedDict", b"](](" + text("a") + tensor() + b"ee")
    assert list(read_torch(archive(tmp_path / "w.pth", pairs))) == ["a"]


def test_a_parameter_is_its_tensor(tmp_path):
    hooks = find("collections.OrderedDict") + b")R"
    value = mapping(a=call("torch._utils._rebuild_parameter", tensor(), b"\x88", hooks))
    np.testing.assert_array_equal(read_torch(archive(tmp_path / "w.pth", value))["a"], NUMBERS[:4])


def test_a_script_archive_is_a_tree_of_attributes(tmp_path):
    def module(name, **attributes):
        return find(f"__torch__.{name}") + b")\x81" + mapping(**attributes) + b"b"

    sizes = call("torch.jit._pickle.build_intlist", b"](" + number(2) + b"e")
    inner = module("nn.Linear", weight=tensor(storage(count=12), size=(3, 4), stride=(4, 1)), sizes=sizes)
    path = archive(
        tmp_path / "w.pt", module("Model", training=b"\x89", text=inner, scale=tensor(storage(count=12))), BYTES
    )
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("archive/code/__torch__.py", "import os; os.system('touch it-ran')")
        file.writestr("archive/constants.pkl", b"\x80\x02)." + b"cos\nsystem\n")
    assert list(read_torch(path)) == ["text.weight", "scale"]


@pytest.mark.parametrize("dtype", [name for name in STORAGES if name != "bfloat16"])
@pytest.mark.parametrize("order", ["little", "big"])
def test_types_keep_their_values(tmp_path, dtype, order):
    numbers = np.array([0, 1, 100, 7]).astype(dtype)
    stored = numbers.astype(numbers.dtype.newbyteorder("<" if order == "little" else ">"))
    value = mapping(a=tensor(storage(kind=STORAGES[dtype])))
    found = read_torch(archive(tmp_path / "w.pth", value, {"0": stored.tobytes()}, byteorder=order))["a"]
    assert found.dtype == numbers.dtype and found.dtype.isnative
    np.testing.assert_array_equal(found, numbers)


def test_bfloat16_becomes_float32(tmp_path):
    numbers = np.array([1.0, -2.5, 1.5 * 2.0**126, 0.0078125], np.float32)  # all exact in eight bits
    value = mapping(a=tensor(storage(kind="BFloat16Storage"), size=(2, 2), stride=(1, 2)))
    halves = (numbers.view(np.uint32) >> 16).astype("<u2").tobytes()
    found = read_torch(archive(tmp_path / "w.pth", value, {"0": halves}))["a"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, numbers.reshape(2, 2).T)


def test_arrays_are_read_only_views_of_the_file(tmp_path):
    arrays = read_torch(archive(tmp_path / "w.pth", STATE, BYTES))
    assert np.shares_memory(arrays["weight"], arrays["bias"])
    with pytest.raises(ValueError, match="read-only"):
        arrays["weight"][0, 0] = 1
    base = arrays["weight"]
    while not isinstance(base, np.memmap) and getattr(base, "base", None) is not None:
        base = base.base.obj if isinstance(base.base, memoryview) else base.base
    assert isinstance(base, np.memmap)


def test_scalars_and_empty_tensors(tmp_path):
    value = mapping(
        scalar=tensor(offset=2, size=(), stride=()), empty=tensor(size=(0, 3), stride=(3, 1)),
        strange=tensor(offset=1, size=(1, 2), stride=((1 << 61), 1)),
    )  # fmt: skip
    arrays = read_torch(archive(tmp_path / "w.pth", value))
    assert arrays["scalar"].shape == () and arrays["scalar"] == 2
    assert arrays["empty"].shape == (0, 3)
    np.testing.assert_array_equal(arrays["strange"], [[1, 2]])  # a side of one may have any stride


def test_reading_takes_no_memory_for_the_numbers(tmp_path):
    count = 4 << 20
    value = mapping(a=tensor(storage(count=count), size=(count // 8, 8), stride=(8, 1)))
    path = archive(tmp_path / "w.pth", value, {"0": bytes(4 * count)})
    tracemalloc.start()
    found = read_torch(path)["a"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.nbytes == 4 * count and peak < count / 4


def test_an_expanded_tensor_stays_a_view(tmp_path):
    value = mapping(a=tensor(size=(500, 4, 500), stride=(0, 1, 0)))
    found = read_torch(archive(tmp_path / "w.pth", value))["a"]
    assert found.shape == (500, 4, 500) and found.strides == (0, 4, 0)
    np.testing.assert_array_equal(found[7, :, 9], NUMBERS[:4])


ODDITIES = {
    "a frame": b"\x95" + struct.pack("<Q", 2) + b"N0",
    "a far place in the memo": b"Nr\xff\xff\xff\xff0",
    "a pickle as bytes": b"C\x0ccos\nsystem\n.0",
    "a class as an attribute": find("__torch__.A") + b")\x81" + mapping(__class__=text("os"), __dict__=b"}") + b"b0",
    "a state that is no dict": find("__torch__.A") + b")\x81" + mapping(a=b"N") + b"\x85b0",
    "a class set on an ordered dict": find("collections.OrderedDict") + b")R" + mapping(__class__=text("os")) + b"b0",
    "a dtype, a device and a size": (
        find("torch.float32") + b"0" + call("torch.device", text("cuda"), number(0)) + b"0"
        + call("torch.Size", listed(number(2), number(3))) + b"0"
    ),
}  # fmt: skip


@pytest.mark.parametrize("oddity", ODDITIES)
def test_oddities_that_do_no_harm(tmp_path, oddity):
    expect_state(read_torch(archive(tmp_path / "w.pth", ODDITIES[oddity] + STATE, BYTES)))


def test_a_tensor_that_was_saved_alone_and_a_file_without_any(tmp_path):
    assert list(read_torch(archive(tmp_path / "w.pth", tensor()))) == [""]
    assert read_torch(archive(tmp_path / "w.pth", mapping(epoch=number(1)))) == {}
    assert read_torch(archive(tmp_path / "w.pth", b"N")) == {}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_view_of_any_storage(tmp_path, data):
    count = data.draw(st.integers(1, 40))
    size = data.draw(st.lists(st.integers(0, 5), max_size=4))
    stride = [data.draw(st.integers(0, 6)) for _ in size]
    reach = sum((side - 1) * step for side, step in zip(size, stride, strict=True))
    offset = data.draw(st.integers(0, count - 1))
    if 0 in size or offset + reach >= count:
        return
    dtype = data.draw(st.sampled_from([name for name in STORAGES if name != "bfloat16"]))
    numbers = np.random.default_rng(count).integers(-99, 99, count).astype(dtype)
    expected = np.empty(size, dtype)
    for place in np.ndindex(*size):
        expected[place] = numbers[offset + sum(i * step for i, step in zip(place, stride, strict=True))]
    value = mapping(a=tensor(storage(kind=STORAGES[dtype], count=count), offset, size, stride))
    writers = (
        lambda path: archive(path, value, {"0": numbers.tobytes()}),
        lambda path: legacy(path, value, {"0": numbers}),
    )
    for write in writers:
        found = read_torch(write(tmp_path / "w.pth"))["a"]
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == dtype and found.shape == expected.shape


def test_a_shared_storage_of_the_legacy_format(tmp_path):
    view = listed(text("view"), number(4), number(6))
    value = mapping(
        a=tensor(storage(count=12, view=view), offset=1, size=(3,)), b=tensor(storage(count=12), size=(12,))
    )
    arrays = read_torch(legacy(tmp_path / "w.pth", value, {"0": NUMBERS}))
    np.testing.assert_array_equal(arrays["a"], [5, 6, 7])
    np.testing.assert_array_equal(arrays["b"], NUMBERS)


def test_as_torch_reads_it(tmp_path):
    torch = pytest.importorskip("torch")
    state = {
        "a": torch.arange(12.0).reshape(3, 4).t(), "half": torch.arange(4.0).half(),
        "brain": torch.arange(4.0).bfloat16(), "long": torch.arange(3),
        "flag": torch.tensor([True, False]), "scalar": torch.tensor(2.0),
        "parameter": torch.nn.Parameter(torch.arange(3.0)), "slice": torch.arange(10.0)[2:8:2],
        "nested": {"tied": torch.arange(5.0)},
    }  # fmt: skip
    state["nested"]["again"] = state["nested"]["tied"]
    for new in (True, False):
        path = tmp_path / f"{new}.pth"
        torch.save({"state_dict": state, "epoch": 3}, path, _use_new_zipfile_serialization=new)
        theirs = torch.load(path, weights_only=True)["state_dict"]
        theirs |= {f"nested.{name}": value for name, value in theirs.pop("nested").items()}
        ours = read_torch(path)
        assert list(ours) == list(theirs)
        for name, value in theirs.items():
            np.testing.assert_array_equal(ours[name], value.detach().float().numpy().astype(ours[name].dtype))
            assert ours[name].shape == tuple(value.shape)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("form", ["script", "trace", "protocol 4", "training", "legacy training"])
def test_a_module_as_torch_writes_it(tmp_path, form):
    torch = pytest.importorskip("torch")
    inner = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.Linear(8, 4))
    module, path = (
        torch.nn.Sequential(torch.nn.Conv1d(2, 2, 3, padding=1), torch.nn.BatchNorm1d(2), inner),
        tmp_path / "w.pt",
    )
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.randn(3, 2, 4)).sum().backward()
    optimizer.step()
    module.eval()
    if form == "script":
        torch.jit.script(module).save(path)
    elif form == "trace":
        torch.jit.trace(module, torch.randn(1, 2, 4)).save(path)
    elif form == "protocol 4":
        torch.save(module.state_dict(), path, pickle_protocol=4)
    else:
        whole = {"epoch": 3, "state_dict": module.state_dict(), "optimizer": optimizer.state_dict(), "best": 0.5}
        torch.save(whole, path, _use_new_zipfile_serialization=form == "training")
    ours, theirs = read_torch(path), module.state_dict()
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value.numpy())
        assert ours[name].dtype == value.numpy().dtype


@pytest.mark.filterwarnings("ignore")  # that such tensors are experimental
@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda torch: torch.zeros(2, dtype=torch.complex64), "torch.ComplexFloatStorage"),
        (lambda torch: torch.eye(3).to_sparse(), "torch._utils._rebuild_sparse_tensor"),
        (lambda torch: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8), "torch._utils._rebuild_qtensor"),
        (lambda torch: torch.tensor([1 + 2j]).conj().imag, "computed from the numbers"),
        (lambda torch: torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
    ],
)
def test_what_torch_writes_and_is_no_plain_tensor_is_named(tmp_path, make, named):
    torch = pytest.importorskip("torch")
    for new in (True, False):
        torch.save({"a": make(torch)}, tmp_path / "w.pth", _use_new_zipfile_serialization=new)
        with pytest.raises(CheckpointError, match=named):
            read_torch(tmp_path / "w.pth")


def test_the_archive_of_the_other_tests_is_read(tmp_path):
    state = {"a": np.float32([[1, 2], [3, 4]]), "b": np.int64([5])}
    write_torch(tmp_path / "w.pth", state, ("state_dict",))
    arrays = read_torch(tmp_path / "w.pth")
    assert list(arrays) == ["a", "b"]
    for name, array in state.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
