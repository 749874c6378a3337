"""The authors' prompts, read from their `prompts.py` as data: the file is parsed and never run.

Allowed are assignments of dictionary literals {"dataset": "prompt"} to names at the module's level, prompts
written in one or in several string literals, joined by nothing or by +; docstrings; and functions, which are ignored,
as they do nothing until they are called. One name must be "None", the prompt for everything that has none of its
own. Anything else is refused: its effect on the prompts is unknown without running it.
"""

import ast
import warnings

from mindaam.errors import InputError
from mindaam.files import opened

LARGEST = 64 << 10  # bytes; the published file has 5,000
GENERIC = "None"
_FORM = 'only dictionaries {"dataset": "prompt"} of plain texts are read from it, and nothing is run'


def read_prompts(path):
    """{dataset: prompt} of a Python file of such dictionaries, in its order, "None" among them.

    Raises InputError, with the line, for a file that cannot be read, is too large, is no UTF-8 or no Python, holds
    anything else than the above, gives a dataset two different prompts, or none for "None".
    """
    found = {}
    for statement in _parsed(path).body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) or _is_docstring(statement):
            continue
        for key, value in _entries(path, statement):
            name, prompt = _text(path, key).strip(), " ".join(_text(path, value).split())
            if not name or not prompt or not (name + prompt).isprintable():
                raise _refused(path, key, "a dataset's name or its prompt is empty, or has unprintable characters")
            if found.setdefault(name, prompt) != prompt:
                raise _refused(path, key, f'"{name}" has two different prompts')
    if GENERIC not in found:
        raise InputError(f'{path} has no prompt "{GENERIC}", that of all datasets without one; give the whole file')
    return found


def _parsed(path):
    """The file as a syntax tree."""
    try:
        with opened(path) as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"cannot read the prompts {path}: {error.strerror or error}; check the path") from error
    if len(content) > LARGEST:
        raise InputError(f"{path} is larger than {LARGEST >> 10} KiB; give the authors' file of prompts")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in a string, on stderr
            return ast.parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: it is not a UTF-8 text; download the file again") from error
    except SyntaxError as error:
        raise InputError(f"{path}, line {error.lineno}: it is not Python ({error.msg}); download it again") from error
    except (ValueError, RecursionError, MemoryError) as error:  # zero bytes; nesting without end
        reason = error or "nested too deep"
        raise InputError(f"{path} is not a file of prompts: it cannot be parsed ({reason})") from error


def _is_docstring(statement):
    value = getattr(statement, "value", None)
    return isinstance(statement, ast.Expr) and isinstance(value, ast.Constant) and isinstance(value.value, str)


def _entries(path, statement):
    """The pairs (key, value) of NAME = {...}."""
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    plain = isinstance(statement, (ast.Assign, ast.AnnAssign)) and all(isinstance(each, ast.Name) for each in targets)
    if not plain or not isinstance(statement.value, ast.Dict):
        raise _refused(path, statement, f"it is not a dictionary of prompts: {_FORM}")
    for key, value in zip(statement.value.keys, statement.value.values, strict=True):
        if key is None:  # {**others}
            raise _refused(path, value, f"it includes another dictionary: {_FORM}")
    return zip(statement.value.keys, statement.value.values, strict=True)


def _text(path, node):
    """The text of a string literal, or of several with + between them."""
    parts, left = [], node
    while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add):  # a + b + c is (a + b) + c
        parts.append(left.right)
        left = left.left
    parts = [left, *reversed(parts)]
    for each in parts:
        if not (isinstance(each, ast.Constant) and isinstance(each.value, str)):
            raise _refused(path, each, f"it is not a plain text: {_FORM}")
    return "".join(each.value for each in parts)


def _refused(path, node, why):
    return InputError(f"{path}, line {node.lineno}: {why}")
