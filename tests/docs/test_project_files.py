"""Model cards, the changelog, the citation and the workflows agree with what they describe."""

import re

import pytest
import yaml

import mindaam
from mindaam.models.registry import model_config
from mindaam.zoo.index import records
from tests.docs.documents import ROOT

CARDS = sorted((ROOT / "model_zoo").glob("*/README.md"))
TABLE = "| what | device | versions | jit level | compile, s | ms per step | per second | recipe | weights |"
UNKNOWN = "*not run*"


def header(card):
    """The YAML header of a card, and the text below it."""
    opening, content, text = card.read_text(encoding="utf-8").split("---\n", 2)
    assert opening == ""
    return yaml.safe_load(content), text


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.parent.name)
def test_the_header_of_a_card_agrees_with_the_index(card):
    fields, text = header(card)
    weights = fields["weights"] if isinstance(fields["weights"], list) else [fields["weights"]]
    entries = {entry.file: entry for entry in records().values()}
    for name in weights:
        entry = entries[f"{card.parent.name}/{name}"]
        assert entry.licence.lower() == fields["license"] and entry.sha256 is not None
    assert (fields["library_name"], fields["framework"]) == ("mindaam", "mindspore") and text.startswith("\n# ")


def test_every_model_with_weights_has_a_card_that_agrees_with_its_configuration():
    models = {name for name, entry in records().items() if entry.kind == "model" and entry.sha256}
    cards = {fields["model_name"]: fields for fields, _ in map(header, CARDS) if "model_name" in fields}
    assert cards.keys() == models
    for name, fields in cards.items():
        entry, config = records()[name], model_config(name)
        assert entry.file == f"{name}/{fields['weights']}" and f"configs/{entry.config}" == fields["config"]
        assert fields["encoders"] == [config.encoder.name, config.text.name]
        assert all((ROOT / fields[key]).is_file() for key in ("config", "recipe"))
        assert all(each.lower() in entry.source.lower() for each in fields["datasets"])


def test_the_table_of_a_model_has_each_cell_filled():
    [card] = [card for card in CARDS if "model_name" in header(card)[0]]
    rows = header(card)[1].partition(TABLE)[2].partition("\n\n")[0].splitlines()[2:]
    assert len(rows) >= 6
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == TABLE.count("|") - 1 and all(cells), row
        assert UNKNOWN in cells or "Ascend" not in row  # nothing has been run on one yet


def test_the_citation_and_the_changelog_have_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == mindaam.__version__ and citation["license"] == "Apache-2.0"
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    versions = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[:2] == ["Unreleased", mindaam.__version__]


@pytest.mark.parametrize("path", [".github/workflows/test.yml", ".workflow/test.yml"])
def test_workflows_run_make_test_and_targets_that_exist(path):
    content = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    commands = re.findall(r"\bmake [\w-]+", str(content.get("jobs") or content["stages"]))
    targets = {"make " + each for each in re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}
    assert "make test" in commands and set(commands) <= targets
    if "jobs" in content:
        matrix = content["jobs"]["slow"]["strategy"]["matrix"]["target"]
        assert {f"make {each}" for each in matrix} <= targets
        done = (ROOT / ".ci" / "run").read_text()
        assert all(each in done for each in [*matrix, "make test"])  # the same as CI runs elsewhere


@pytest.mark.parametrize("path", sorted(ROOT.glob(".git*/ISSUE_TEMPLATE/*")))
def test_issue_templates_can_be_read(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.stem != "config":
        assert {"name", "description", "body"} <= content.keys()
        assert all(field["id"] and field["attributes"]["label"] for field in content["body"])
