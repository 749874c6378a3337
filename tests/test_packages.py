"""A package of mindaam imports only from those above it in docs/architecture.md; what lies beside them from none."""

import re
from pathlib import Path

import mindaam

ROOT = Path(mindaam.__file__).parent
IMPORTED = re.compile(r"^\s*(?:from|import) mindaam\.(\w+)|^\s*from mindaam import ([\w, ]+)", re.MULTILINE)


def packages():
    table = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(\w+)/`", table, re.MULTILINE)


def test_the_table_names_every_package():
    assert set(packages()) == {path.parent.name for path in ROOT.glob("*/__init__.py")}


def test_no_package_imports_from_one_below_it():
    rank, wrong = {package: number for number, package in enumerate(packages(), 1)}, []
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT)
        if str(place) in ("__init__.py", "__main__.py"):  # the public names, and the command line
            continue
        own = rank[place.parts[0]] if len(place.parts) > 1 else 0
        for one, several in IMPORTED.findall(path.read_text(encoding="utf-8")):
            wrong += [f"{place}: {name}" for name in re.findall(r"\w+", one or several) if rank.get(name, 0) > own]
    assert not wrong


def test_data_are_read_without_models():
    """What a model gives to `data`, such as embeddings, is handed in."""
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "data").rglob("*.py")}
    wrong = [str(path) for path, text in texts.items() if "zoo" in re.findall(r"\w+", str(IMPORTED.findall(text)))]
    assert texts and not wrong
