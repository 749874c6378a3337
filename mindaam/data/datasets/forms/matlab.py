"""MATLAB's files as plain Python: version 5 (also 6 and 7, read by SciPy) and version 7.3 (HDF5, read by h5py).

Numeric and logical arrays become NumPy arrays in MATLAB's axes (at least 2-D; logical is uint8 or bool), text becomes
str (several rows: a list of str), a struct becomes a dict, an array of structs a list of dicts in MATLAB's order, a
cell array a list (one with several rows and columns: a list of rows), a sparse matrix a full one. What is empty
stays empty: an array without elements, "" or []. Nothing in a file is ever evaluated.
"""

import warnings
from pathlib import Path

import numpy as np

from mindaam.data.media import require_file
from mindaam.errors import InputError

_HDF5 = b"\x89HDF\r\n\x1a\n"
_HEAD = 128
_BLOCK = 512
# Structs and cells lie inside one another; real files go a handful of levels deep, a damaged one may refer to itself.
_DEEPEST = 32


def read_mat(path, variables=None):
    """The variables of a MAT-file: {name: value}, values as the module says.

    variables: names to read (others are skipped, which saves time), or None for all. The file's form is found by its
    head. Raises InputError for a file that is missing, empty, truncated, damaged or no MAT-file, for one that lacks a
    variable, and for values that are objects, functions or opaque classes.
    """
    path = Path(path)
    require_file(path, "MATLAB file")
    read = {"5": _read_version_5, "7.3": _read_version_7_3}[_version(path)]
    wanted = None if variables is None else list(variables)
    try:
        present, values = read(path, wanted)
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory, or is damaged; copy the file again") from error
    except Exception as error:  # the two libraries raise nearly anything when a file is damaged
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} is damaged or truncated ({reason}); copy the file again") from error
    lacking = [name for name in wanted or () if name not in values]
    if lacking:
        found = ", ".join(present) or "none"
        raise InputError(
            f"{path} lacks the variable {', '.join(lacking)}; it holds {found}: check that it is the right file"
        )
    return values


def _version(path):
    """Either "5" or "7.3", by the head of the file."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(_BLOCK + len(_HDF5))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    if head.startswith(_HDF5) or head[_BLOCK:] == _HDF5:
        return "7.3"
    if head.startswith(b"MATLAB 7.3"):
        raise InputError(f"{path} is truncated or damaged: it ends before its contents begin; copy the file again")
    # The last four bytes of the head are the version 0x0100 and "MI", either of them in the byte order of the writer.
    if head[124:_HEAD] in (b"\x00\x01IM", b"\x01\x00MI"):
        return "5"
    if head.startswith(b"MATLAB 5.0"):
        raise InputError(f"{path} is truncated or damaged: its header is incomplete; copy the file again")
    raise InputError(f"{path} is no MATLAB file of version 5 or 7.3; save it again with save -v7 or -v7.3")


def _read_version_5(path, wanted):
    """(names of all variables, {name: value} of the wanted ones)."""
    from scipy.io import loadmat, whosmat

    with warnings.catch_warnings():
        # A name that occurs twice is worth a warning to SciPy; the last one counts, as in MATLAB.
        warnings.simplefilter("ignore")
        loaded = loadmat(path, variable_names=wanted, appendmat=False)
        present = list(loaded) if wanted is None else [name for name, _, _ in whosmat(path, appendmat=False)]
    # SciPy adds three entries about the file, and calls an opaque class's hidden data alike.
    present, names = ([name for name in found if not name.startswith("__")] for found in (present, loaded))
    return present, {name: _plain_5(loaded[name], path) for name in names if wanted is None or name in wanted}


def _plain_5(value, path, depth=0):
    """What SciPy gives for one variable, field or cell, as the module says."""
    from scipy.io.matlab import MatlabFunction, MatlabObject, MatlabOpaque
    from scipy.sparse import issparse

    if depth > _DEEPEST:
        raise InputError(f"{path} is damaged: its structs lie more than {_DEEPEST} deep; copy the file again")
    if isinstance(value, MatlabObject | MatlabOpaque | MatlabFunction):
        raise _refused(path, "an object or a function")
    if value is None:  # SciPy's word for a struct without fields
        return {}
    if issparse(value):
        return value.toarray()
    if not isinstance(value, np.ndarray):
        raise _refused(path, f"a {type(value).__name__}")
    if value.dtype.names:
        rows = [
            {name: _plain_5(row[name], path, depth + 1) for name in value.dtype.names} for row in value.ravel(order="F")
        ]
        return rows[0] if value.size == 1 else rows
    if value.dtype == object:
        return _cells([_plain_5(cell, path, depth + 1) for cell in value.ravel(order="F")], value.shape)
    if value.dtype.kind in "US":
        return _text([str(row) for row in value.ravel()])
    return value


def _read_version_7_3(path, wanted):
    """(names of all variables, {name: value} of the wanted ones)."""
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        present = [name for name in file if not name.startswith("#")]
        names = present if wanted is None else [name for name in present if name in wanted]
        return present, {name: _plain_7_3(_inside(file, name, path), file, path) for name in names}


def _inside(group, name, path):
    """A member of an HDF5 group; InputError where it lies in another file, which MATLAB never writes."""
    import h5py

    if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
        raise _refused(path, "a link to another file")
    return group[name]


def _plain_7_3(item, file, path, depth=0):
    """An HDF5 group or dataset that MATLAB wrote, as the module says."""
    import h5py

    if depth > _DEEPEST:
        raise InputError(f"{path} is damaged: its structs lie more than {_DEEPEST} deep; copy the file again")
    kind = _attribute_text(item.attrs.get("MATLAB_class", b""))
    if "MATLAB_object_decode" in item.attrs or kind == "function_handle":
        raise _refused(path, f"a value of the class {kind or 'object'}")
    if isinstance(item, h5py.Group):
        if "MATLAB_sparse" in item.attrs:
            return _sparse(item)
        return _struct(item, file, path, depth)
    if item.external or item.is_virtual:
        raise _refused(path, "data that lie in another file")
    # Of something empty, only the size is stored, in the place of its data.
    shape = tuple(int(n) for n in item[()].ravel()) if item.attrs.get("MATLAB_empty") else item.shape[::-1]
    if item.attrs.get("MATLAB_empty"):
        return {"char": "", "cell": [], "struct": []}.get(kind, np.zeros(shape))
    if h5py.check_ref_dtype(item.dtype) is not None:
        return _cells([_plain_7_3(file[ref], file, path, depth + 1) for ref in item[()].ravel()], shape)
    values = item[()].T
    if values.dtype.names == ("real", "imag"):
        return values["real"] + 1j * values["imag"]
    if kind == "char":
        return _text([row.astype("<u2").tobytes().decode("utf-16-le") for row in np.atleast_2d(values)])
    return values


def _struct(group, file, path, depth):
    """A struct, or the array of structs whose fields are arrays of references that no cell array claims."""
    import h5py

    fields = {name: _inside(group, name, path) for name in _field_names(group)}
    arrays = {
        name: item
        for name, item in fields.items()
        if isinstance(item, h5py.Dataset)
        and h5py.check_ref_dtype(item.dtype) is not None
        and "MATLAB_class" not in item.attrs
    }
    if not arrays or len(arrays) < len(fields):
        return {name: _plain_7_3(item, file, path, depth + 1) for name, item in fields.items()}
    columns = {name: [file[ref] for ref in item[()].ravel()] for name, item in arrays.items()}
    count = len(next(iter(columns.values())))
    return [
        {name: _plain_7_3(column[i], file, path, depth + 1) for name, column in columns.items()} for i in range(count)
    ]


def _field_names(group):
    """A struct's fields in MATLAB's order, where it is written; otherwise as HDF5 sorts them."""
    if "MATLAB_fields" not in group.attrs:
        return list(group)
    return [b"".join(np.asarray(name, "S1").tolist()).decode() for name in group.attrs["MATLAB_fields"]]


def _sparse(group):
    """The full matrix of a sparse one that is stored by columns: float64 or bool [rows,columns]."""
    starts = group["jc"][()].astype(np.int64)
    full = np.zeros((int(group.attrs["MATLAB_sparse"]), len(starts) - 1))
    if "data" in group:
        full[group["ir"][()].astype(np.int64), np.repeat(np.arange(len(starts) - 1), np.diff(starts))] = group["data"]
    return full


def _cells(values, shape):
    """A cell array whose values come column by column: a list, or a list of rows."""
    if min(shape, default=0) <= 1 or len(shape) != 2:
        return values
    rows = shape[0]
    return [values[row::rows] for row in range(rows)]


def _text(rows):
    """One row of text as str, several as a list without the blanks that fill them up, none as ""."""
    if len(rows) <= 1:
        return rows[0] if rows else ""
    return [row.rstrip() for row in rows]


def _attribute_text(value):
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _refused(path, what):
    return InputError(f"{path} holds {what}, which is never read; save its numbers, text, structs and cells alone")
