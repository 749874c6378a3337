"""MATLAB's files of both forms as plain Python: the same values either way, and nothing but data."""

import h5py
import numpy as np
import pytest
import scipy.sparse
from scipy.io import savemat

from mindaam.data.datasets.forms.matlab import read_mat
from mindaam.errors import InputError

MASK = np.array([[False, True, False], [False, False, True]])


def save_5(path):
    """All kinds of values in a file of version 5, as MATLAB's `save -v7` writes it."""
    cells = np.empty((1, 3), object)
    cells[0] = ["a.jpg", np.array([[1.5, 2.5]]), np.empty((0, 0))]
    grid = np.empty((2, 2), object)
    grid[:] = [["a", "b"], ["c", "d"]]
    structs = np.zeros((1, 2), [("name", object), ("points", object)])
    structs[0, 0] = ("eins", np.array([[1.0, 2.0], [3.0, 4.0]]))
    structs[0, 1] = ("zwei", np.empty((0, 0)))
    values = {
        "numbers": np.arange(6, dtype=np.float64).reshape(2, 3),
        "few": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "mask": MASK,
        "complex": np.array([[1 + 2j, 3 - 4j]]),
        "text": "Bäume",
        "nothing": "",
        "empty": np.empty((0, 3)),
        "cells": cells,
        "grid": grid,
        "struct": {"img": "x.jpg", "inner": {"value": 7.0}},
        "structs": structs,
        "sparse": scipy.sparse.csc_matrix([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]]),
    }
    savemat(path, values, do_compression=True)
    return path


class Writer73:
    """Writes values into an HDF5 file as MATLAB's `save -v7.3` does: axes reversed, a class beside each, cells and
    arrays of structs as references to what lies in #refs#."""

    def __init__(self, file):
        self.file, self.refs, self.count = file, file.create_group("#refs#"), 0

    def put(self, group, name, value, kind=None):
        if isinstance(value, dict):
            item = group.create_group(name)
            for key, each in value.items():
                self.put(item, key, each)
            kind = "struct"
        elif isinstance(value, str):
            text = np.frombuffer(value.encode("utf-16-le"), np.uint16)
            item = self.data(group, name, text[:, None], "char", np.uint64([0, 0]) if not value else None)
            item.attrs["MATLAB_int_decode"] = np.int32(2)
            kind = "char"
        elif isinstance(value, np.ndarray) and value.dtype == object:
            item = group.create_dataset(name, data=self.references(value), dtype=h5py.ref_dtype)
            kind = "cell"
        else:
            value = np.asarray(value)
            kind = kind or {"f": "double", "u": "uint8", "b": "logical"}[value.dtype.kind]
            shape = np.uint64(value.shape) if value.size == 0 else None
            item = self.data(group, name, value.astype(np.uint8).T if kind == "logical" else value.T, kind, shape)
        item.attrs["MATLAB_class"] = np.bytes_(kind)
        return item

    def data(self, group, name, values, kind, empty=None):
        item = group.create_dataset(name, data=values if empty is None else empty)
        if empty is not None:
            item.attrs["MATLAB_empty"] = np.uint8(1)
        return item

    def references(self, values):
        """References to the values, with the axes reversed."""
        found = np.empty(values.shape[::-1], h5py.ref_dtype)
        for place, value in np.ndenumerate(values):
            self.count += 1
            found[place[::-1]] = self.put(self.refs, f"r{self.count}", value).ref
        return found

    def put_structs(self, group, name, structs):
        """An array of structs 1 x n: a group whose members are arrays of references that no class claims."""
        item = group.create_group(name)
        item.attrs["MATLAB_class"] = np.bytes_("struct")
        for key in structs[0]:
            column = np.empty((1, len(structs)), object)
            column[0] = [struct[key] for struct in structs]
            item.create_dataset(key, data=self.references(column), dtype=h5py.ref_dtype)


def save_7_3(path):
    """The same values in a file of version 7.3."""
    with h5py.File(path, "w", userblock_size=512) as file:
        writer = Writer73(file)
        put = lambda name, value: writer.put(file, name, value)  # noqa: E731
        put("numbers", np.arange(6, dtype=np.float64).reshape(2, 3))
        put("few", np.arange(6, dtype=np.uint8).reshape(2, 3))
        put("mask", MASK)
        pair = np.array([[(1, 2), (3, -4)]], [("real", np.float64), ("imag", np.float64)])
        file.create_dataset("complex", data=pair.T).attrs["MATLAB_class"] = np.bytes_("double")
        put("text", "Bäume")
        put("nothing", "")
        put("empty", np.empty((0, 3)))
        cells = np.empty((1, 3), object)
        cells[0] = ["a.jpg", np.array([[1.5, 2.5]]), np.empty((0, 0))]
        put("cells", cells)
        grid = np.empty((2, 2), object)
        grid[:] = [["a", "b"], ["c", "d"]]
        put("grid", grid)
        put("struct", {"img": "x.jpg", "inner": {"value": np.array([[7.0]])}})
        points = np.array([[1.0, 2.0], [3.0, 4.0]])
        writer.put_structs(
            file, "structs", [{"name": "eins", "points": points}, {"name": "zwei", "points": np.empty((0, 0))}]
        )
        sparse = file.create_group("sparse")
        sparse.attrs["MATLAB_class"], sparse.attrs["MATLAB_sparse"] = np.bytes_("double"), np.uint64(2)
        sparse["data"], sparse["ir"] = np.array([1.0, 2.0]), np.uint64([1, 0])
        sparse["jc"] = np.uint64([0, 1, 2, 2])
    head_7_3(path)
    return path


def head_7_3(path):
    with open(path, "r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM")


SAVE = {"5": save_5, "7.3": save_7_3}


@pytest.fixture(params=["5", "7.3"])
def mat(request, tmp_path):
    return SAVE[request.param](tmp_path / "values.dat")


def test_both_forms_give_the_same_plain_values(mat):
    values = read_mat(mat)

    np.testing.assert_array_equal(values["numbers"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(values["few"], [[0, 1, 2], [3, 4, 5]])
    assert values["few"].dtype == np.uint8
    np.testing.assert_array_equal(values["mask"], MASK)
    assert values["mask"].dtype in (bool, np.uint8)
    np.testing.assert_array_equal(values["complex"], [[1 + 2j, 3 - 4j]])
    assert values["text"] == "Bäume" and values["nothing"] == ""
    assert values["empty"].shape == (0, 3)
    assert values["cells"][0] == "a.jpg" and values["cells"][2].size == 0
    np.testing.assert_array_equal(values["cells"][1], [[1.5, 2.5]])
    assert values["grid"] == [["a", "b"], ["c", "d"]]
    assert values["struct"]["img"] == "x.jpg" and values["struct"]["inner"]["value"].item() == 7
    assert [each["name"] for each in values["structs"]] == ["eins", "zwei"]
    np.testing.assert_array_equal(values["structs"][0]["points"], [[1, 2], [3, 4]])
    assert values["structs"][1]["points"].size == 0
    np.testing.assert_array_equal(values["sparse"], [[0, 2, 0], [1, 0, 0]])


def test_only_the_variables_asked_for_are_read(mat):
    assert set(read_mat(mat, ["text", "few"])) == {"text", "few"}


def test_a_variable_that_is_not_there_is_named_with_those_that_are(mat):
    with pytest.raises(InputError, match=r"lacks the variable fixLocs; it holds .*numbers"):
        read_mat(mat, ["text", "fixLocs"])


def test_a_file_cut_short_anywhere_is_refused_in_one_sentence(mat, tmp_path):
    whole, short = mat.read_bytes(), tmp_path / "short.mat"
    for length in (1, 60, 127, 130, 500, 513, len(whole) // 2, len(whole) - 3):
        short.write_bytes(whole[:length])
        with pytest.raises(InputError, match="short.mat") as caught:
            read_mat(short, ["sparse"])
        assert "\n" not in str(caught.value)


def test_noise_in_a_file_is_refused_or_read_but_never_crashes(mat, tmp_path):
    whole, damaged = bytearray(mat.read_bytes()), tmp_path / "damaged.mat"
    random = np.random.default_rng(0)
    for _ in range(60):
        noisy = whole.copy()
        for place in random.integers(0, len(whole), 8):
            noisy[place] = int(random.integers(256))
        damaged.write_bytes(noisy)
        try:
            read_mat(damaged)
        except InputError as error:
            assert "damaged.mat" in str(error) and "\n" not in str(error)


@pytest.mark.parametrize(
    "content", [b"not a MATLAB file", b"\x89PNG\r\n\x1a\n" + bytes(600), bytes(700), b"PK\x03\x04" * 200]
)
def test_other_files_are_not_matlab_files(tmp_path, content):
    path = tmp_path / "other.mat"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"other.mat is no MATLAB file of version 5 or 7.3"):
        read_mat(path)


def test_what_is_no_file_or_empty_is_refused(tmp_path):
    (tmp_path / "empty.mat").touch()
    for name, reason in (("empty.mat", "is empty"), ("absent.mat", "does not exist"), (".", "is a folder")):
        with pytest.raises(InputError, match=reason):
            read_mat(tmp_path / name)


@pytest.mark.parametrize("kind", ["function_handle", "containers.Map", "string"])
def test_objects_and_functions_are_never_read(tmp_path, kind):
    path = tmp_path / "object.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        item = file.create_dataset("allData", data=np.uint32([[0xDD000000, 2, 1, 1, 1, 1]]))
        item.attrs["MATLAB_class"], item.attrs["MATLAB_object_decode"] = np.bytes_(kind), np.int32(3)
        Writer73(file).put(file, "other", np.ones((1, 1)))
    head_7_3(path)
    with pytest.raises(InputError, match=f"of the class {kind}, which is never read"):
        read_mat(path, ["allData"])
    assert read_mat(path, ["other"])["other"].item() == 1


def test_a_link_to_another_file_is_not_followed(tmp_path):
    save_7_3(tmp_path / "other.mat")
    path = tmp_path / "link.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["numbers"] = h5py.ExternalLink(str(tmp_path / "other.mat"), "/numbers")
    head_7_3(path)
    with pytest.raises(InputError, match="a link to another file"):
        read_mat(path)


def test_a_cell_that_contains_itself_ends(tmp_path):
    path = tmp_path / "circle.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        item = file.create_dataset("circle", (1, 1), dtype=h5py.ref_dtype)
        item[0, 0] = item.ref
        item.attrs["MATLAB_class"] = np.bytes_("cell")
    head_7_3(path)
    with pytest.raises(InputError, match="more than 32 deep"):
        read_mat(path)


def test_the_file_is_left_as_it_was(mat):
    before = mat.read_bytes()
    mat.chmod(0o444)
    read_mat(mat)
    assert mat.read_bytes() == before
