"""YAML from anybody: plain data, or one sentence with the line; no exception of PyYAML's, no hours, no gigabytes."""

import os

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam import yaml_files
from mindaam.errors import ConfigError
from mindaam.places import PACKAGE, configs_dir, model_zoo_dir
from mindaam.schema import override, read_yaml

NINE = "[{}]".format(",".join(["{0}"] * 9))


def chain(first, form, length):
    """Aliases of aliases: each of `length` entries is made of the one before."""
    lines = [f"a0: &a0 {first}", *(f"a{i}: &a{i} {form.format(f'*a{i - 1}')}" for i in range(1, length))]
    return "\n".join(lines)


REFUSED = {
    "digits": ("a: 1\nb: " + "9" * 5000, "line 2: a number of more than 100 characters"),
    "hexadecimal": ("a: 0x" + "f" * 5000, "line 1: a number of more than 100 characters"),
    "no int": ("a: !!int x", "line 1: invalid int"),
    "empty int": ('a: !!int ""', "invalid int"),
    "empty float": ('a: !!float ""', "invalid float"),
    "no bool": ("a: !!bool x", "invalid bool"),
    "timestamp": ("a: !!timestamp x", "timestamp"),
    "binary": ("a: !!binary '%%'", "binary"),
    "set": ("a: !!set {x}", "set"),
    "object": ("a: !!python/object/apply:os.system [ls]", "os.system"),
    "deep lists": ("[" * 5000, "nested mappings and lists"),
    "deep mappings": ("{a: " * 5000, "nested mappings and lists"),
    "deep lines": ("\n".join(" " * i + "a:" for i in range(500)), "line 40: "),
    "deep aliases": (chain("[x]", "[{0}]", 500), "nested mappings and lists"),
    "many aliases": (chain("x", NINE, 12), "more than 20,000 values"),
    "many merges": (chain("{x: 1}", "{{<<: " + NINE + "}}", 12), "values"),
    "a list in itself": ("a: &a [*a]", "refers to a value that contains it"),
    "a mapping in itself": ("&a {b: *a}", "refers to a value that contains it"),
    "twice": ("a: 1\nb:\n  c: 1\n  'c': 2", "line 4: the key c occurs already in line 3"),
    "tab": ("a:\n\t- b", "line 2: "),
    "NUL": ("a: \0", "is not UTF-8"),
    "NUL as escape": ('a: "\\0"', "a NUL"),
    "half a character": ('a: "\\ud800"', "a surrogate"),
    "no character": ('a: "\\UFFFFFFFF"', "a character"),
    "version": (f"%YAML {'9' * 5000}.1\n---\na: 1", "a version"),
    "Latin-1": (b"a: caf\xe9", "is not UTF-8"),
    "half UTF-16": ("a: 1".encode("utf-16")[:-1], "is not UTF-8"),
    "two documents": ("a: 1\n---\nb: 2", "line 2: "),
    "list as key": ("? [a]\n: 1", "unhashable"),
    "no anchor": ("*x", "undefined alias"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_so_with_one_sentence(case):
    content, told = REFUSED[case]
    with pytest.raises(ConfigError) as caught:
        yaml_files.parse(content, "mine.yaml")
    said = str(caught.value)
    assert said.startswith("mine.yaml is not valid YAML: ") and told in said
    assert len(said) < 400 and len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("seed: 2001-99-99", {"seed": "2001-99-99"}),
        ("root: 2024-01-31", {"root": "2024-01-31"}),
        ("a: =", {"a": "="}),
        ("\ufeffa: 1", {"a": 1}),
        ("a: é".encode("utf-16"), {"a": "é"}),
        ("a: 1\r\nb: [1, 2.5, .inf, true, null]\r\n", {"a": 1, "b": [1, 2.5, float("inf"), True, None]}),
        ("x: &x {a: 1}\ny: {<<: *x, a: 2}", {"x": {"a": 1}, "y": {"a": 2}}),
        ("", None),
    ],
)
def test_what_is_read(content, value):
    assert yaml_files.parse(content, "mine.yaml") == value


def test_all_that_travels_with_the_package_is_read_as_before():
    places = [*configs_dir().rglob("*.yaml"), *model_zoo_dir().rglob("*.yaml"), *(PACKAGE / "data").rglob("*.yaml")]
    assert len(places) > 20
    for place in places:
        if place.stat().st_size < 12_000:  # the corpus's sentences take a third of a second, twice
            assert yaml_files.read(place) == yaml.safe_load(place.read_text(encoding="utf-8")), place


def test_what_is_no_file_of_yaml_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    os.symlink("loop.yaml", tmp_path / "loop.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * (yaml_files.LARGEST + 1))
    (tmp_path / "base.yaml").write_text("base: pipe.yaml\na: 1")
    (tmp_path / "zero.yaml").write_text("base: /dev/zero\na: 1")
    (tmp_path / "none.yaml").write_text("base: [1]\na: 1")
    for name in ("pipe", "loop", "large", "base", "zero", "none", "gone"):
        with pytest.raises(ConfigError) as caught:
            read_yaml(tmp_path / f"{name}.yaml")
        assert len(str(caught.value).splitlines()) == 1


def test_bases_end_somewhere(tmp_path):
    for number in range(40):
        (tmp_path / f"{number}.yaml").write_text(f"base: {number + 1}.yaml\na{number}: 1")
    (tmp_path / "40.yaml").write_text("b: 1")
    assert len(read_yaml(tmp_path / "30.yaml")) == 11
    with pytest.raises(ConfigError, match="are chained by"):
        read_yaml(tmp_path / "0.yaml")


@pytest.mark.parametrize("assignment", ["a", "=1", ".".join("a" * 3000) + "=1", "a=[", "a=!!int x", "a=" + "9" * 5000])
def test_assignments_that_cannot_be(assignment):
    with pytest.raises(ConfigError) as caught:
        override({}, [assignment])
    assert len(str(caught.value)) < 600


@settings(max_examples=150)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@,? \n\t0123456789.\\x\0é\ud800<=~", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        yaml_files.parse(text, "mine.yaml")
    except ConfigError as error:
        assert "not valid YAML" in str(error)
