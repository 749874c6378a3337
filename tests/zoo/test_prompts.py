"""The authors' prompts as data: what their file may hold, and that nothing in it is ever run."""

import os

import pytest

from mindaam.errors import InputError
from mindaam.zoo.convert.prompts import LARGEST, read_prompts

WHOLE = '''"""Prompts."""
IMAGES = {
    "Posters": (
        "A wall of posters; "
        "people look freely."
    ),
    "None": "Anybody looks" + " at anything" + ".",
}
VIDEOS: dict = {
    'Races': """A race is
        watched.""",
    "None": "Anybody looks at anything.",
}


def all_of_them():
    """They are merged here."""
    merged = {}
    merged.update(IMAGES)
    return merged
'''


@pytest.fixture
def read(tmp_path, monkeypatch):
    """`read_prompts` of a text, in a folder where a trace of anything that ran would show."""
    monkeypatch.chdir(tmp_path)

    def prompts(text):
        (tmp_path / "prompts.py").write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            return read_prompts("prompts.py")
        finally:
            assert os.listdir(tmp_path) == ["prompts.py"]

    return prompts


def test_dictionaries_of_prompts_are_read_in_their_order(read):
    wanted = {
        "Posters": "A wall of posters; people look freely.",
        "None": "Anybody looks at anything.",
        "Races": "A race is watched.",
    }
    assert read(WHOLE) == wanted and list(read(WHOLE)) == list(wanted)
    assert read(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode()) == wanted


@pytest.mark.parametrize(
    ("addition", "further"),
    [
        ("import os", 0),
        ("open('ran', 'w')", 0),
        ("MORE = {'a': f'{1}'}", 0),
        ("MORE = {'a': b'1'}", 0),
        ("MORE = {\n'a': 'b' * 3}", 1),
        ("MORE = {'a': 'b' + open('ran', 'w').name}", 0),
        ("MORE = {'a': 'b' - 'c'}", 0),
        ("MORE = {1: 'b'}", 0),
        ("MORE = {None: 'b'}", 0),
        ("MORE = {'a': ['b']}", 0),
        ("MORE = {'a': {'b': 'c'}}", 0),
        ("MORE = {**IMAGES}", 0),
        ("MORE = {'a': 'b' for _ in IMAGES}", 0),
        ("MORE = dict(a='b')", 0),
        ("MORE = IMAGES | VIDEOS", 0),
        ("MORE = 3", 0),
        ("MORE: dict", 0),
        ("IMAGES['a'] = 'b'", 0),
        ("A, B = {}, {}", 0),
        ("IMAGES |= {'a': 'b'}", 0),
        ("if True:\n    MORE = {'a': 'b'}", 0),
        ("class Prompts:\n    pass", 0),
        ("\n\nMORE = {'None': 'Nobody looks.'}", 2),
        ("MORE = {'a': ' '}", 0),
        ("MORE = {'': 'b'}", 0),
        ("MORE = {'a': '\\ud800'}", 0),
        ("MORE = {'a': '\\x1b[31mred'}", 0),
        ("MORE = {'a': 'b'", 0),
        ("MORE = {'a': '\\N{no such letter}'}", 0),
    ],
)
def test_anything_else_is_refused_with_its_line(read, addition, further):
    line = WHOLE.count("\n") + 1 + further
    with pytest.raises(InputError, match=rf"^prompts\.py, line {line}: [^\n]+$"):
        read(WHOLE + addition + "\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", 'no prompt "None"'),
        ("A = {'Posters': 'A wall.'}", 'no prompt "None"'),
        (b"A = {'None': '\xff'}", "line 1: it is not a UTF-8 text"),
        (b"A = {\x00}", "prompts.py"),
        ("#" * (LARGEST + 1), "larger than 64 KiB"),
        ("(" * 60_000, "prompts.py"),
        ("A = " + "(" * 150 + "1" + ")" * 150, "line 1"),
        ("A = " + "[" * 30_000 + "]" * 30_000, "prompts.py"),
        ("A = " + "-" * 60_000 + "1", "prompts.py"),
        ("A = {'None': " + "''+" * 20_000 + "''}", "prompts.py"),
        ("A = " + "a." * 30_000 + "a", "prompts.py"),
        ("A = " + "a if a else " * 5_000 + "a", "prompts.py"),
    ],
)
def test_hostile_and_foreign_files_are_one_sentence(read, content, says):
    with pytest.raises(InputError, match=r"^[^\n]+$") as refused:
        read(content)
    assert says in str(refused.value)


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path):
    for path in (tmp_path / "none.py", tmp_path):
        with pytest.raises(InputError, match="cannot read the prompts"):
            read_prompts(path)
