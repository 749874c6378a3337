"""Each graph of the package in its Ascend form consists of primitives that MindSpore has on Ascend (operators.yaml)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mindaam.models.registry import model_config
from tests.ascend_audit import graphs, page
from tests.ascend_audit.operators import ADAPTERS, KERNELS, SOURCES, holds, operators

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow  # graphs to compile, each in a process of its own
@pytest.mark.parametrize("name", graphs.GRAPHS)
def test_every_primitive_of_a_graph_is_known_and_of_known_types(name):
    command = [sys.executable, "-m", "tests.ascend_audit", name]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout.splitlines()[-1])[name]
    if name == graphs.MEANS:
        assert found["AllReduce"] == [2, ["float"]]  # two buckets
    else:
        assert {"Dense", "LayerNorm", "Conv2D"} <= set(found)
        assert ("FlashAttentionScoreGrad" in found) == name.split(",")[0].endswith("step")
    assert unknown(found) == []


def unknown(found):
    """What a list of `graphs.listed` has that operators.yaml lacks: primitives, and types of primitives."""
    known = operators()
    missing = [name for name in found if name not in known and name not in graphs.FREE]
    types = [(name, each) for name, (_, given) in found.items() if name in known for each in given]
    return missing + [f"{name} of {each}" for name, each in types if each not in known[name]["types"]]


def test_an_unknown_primitive_or_type_is_reported():
    assert unknown({"Add": (1, ["float"]), "Reshape": (1, ["float"])}) == []
    assert unknown({"Bicubic": (1, ["float"]), "Asin": (1, ["double"])}) == ["Bicubic", "Asin of double"]


@pytest.mark.parametrize("name", operators())
def test_the_wheel_has_what_an_entry_states(name):
    entry = operators()[name]
    stated = [(source, entry[source]) for source in SOURCES if source in entry]
    assert stated and set(entry) <= {*SOURCES, "types", "limits"}
    if not (KERNELS.exists() and ADAPTERS.exists()):
        pytest.skip("this wheel of MindSpore has no plug-in for Ascend")
    assert [each for each in stated if not holds(*each)] == []


def test_a_false_statement_does_not_hold():
    if not (KERNELS.exists() and ADAPTERS.exists()):
        pytest.skip("this wheel of MindSpore has no plug-in for Ascend")
    assert not any(holds(source, name) for source, name in (("kernel", "BicubicAscend"), ("eager", "BicubicAscend")))
    assert not holds("adapter", "Bicubic")


@pytest.mark.parametrize("preset", graphs.PRESETS)
def test_the_models_differ_in_sizes_alone(preset):
    """So that the small model of `graphs` stands for S and for L."""
    small, large = (model_config(name, preset, graphs.SMALL).model_dump() for name in graphs.MODELS.values())
    for config in (small, large):
        del config["name"], config["encoder"]["name"]
    assert small == large


def test_the_page_is_made_from_the_data():
    assert page.PAGE.read_text(encoding="utf-8") == page.text(), "run python -m tests.ascend_audit --page"
