"""Configurations of trainings, `key=value` assignments, the model zoo's index and pins, as nobody means them."""

import json
import math
import os

import yaml

from mindaam.zoo import index
from mindaam.zoo.fetching import cache
from tests.reliability.mutations import mutated
from tests.reliability.originals import settings
from tests.reliability.row import Row, require

COUNT = 600
LARGEST = 1e12  # of a number that is taken
PLAIN = len(settings.TEXTS), len(settings.PINS)


def make(dice, number, folder):
    """Writes configuration `number`; what is to be done with it lies beside it in case.json."""
    for name, text in settings.recipe_texts().items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    (folder / "pins.json").unlink(missing_ok=True)
    assignments, what, name = [], "training", "settings.yaml"
    if number < PLAIN[0]:
        content = settings.TEXTS[number].encode()
    elif number < sum(PLAIN):
        content, what, name = settings.PINS[number - PLAIN[0]], "pins", "pins.json"
    else:
        kind = ("assignment", "assignment", "assignment", "damaged", "index", "damaged index")[number % 6]
        chosen = dice.choice(sorted(settings.recipe_texts()))
        content = settings.recipe_texts()[chosen].encode()
        if kind == "assignment":
            key = dice.choice(settings.keys_of(chosen) if dice.random() < 0.8 else settings.KEYS)
            assignments = [f"{key}{dice.choice(('=', '=', '=', '=', ''))}{dice.choice(settings.VALUES)}"]
        elif kind == "damaged":
            content = mutated(content, dice, settings.LAUGHS.encode())
        else:
            what, content = "index", settings.index_text().encode()
            content = mutated(content, dice) if "damaged" in kind else _another_value(content, dice)
    path = folder / name
    path.write_bytes(content)
    (folder / "case.json").write_text(json.dumps({"what": what, "assignments": assignments}))
    return path


def _another_value(content, dice):
    """The index with another value somewhere, or another name."""
    data = yaml.safe_load(content)
    files, value = data["files"], dice.choice(settings.INDEX_VALUES)
    name = dice.choice(sorted(files))
    if dice.random() < 0.2:
        files[value] = files.pop(name)
    else:
        table = files[name]["original"] if files[name].get("original") and dice.random() < 0.3 else files[name]
        key = dice.choice(sorted(table))
        table[key] = yaml.safe_load(value) if value in ("-1", "0", ".nan", "[]", "{}", "null", "true") else value
    return yaml.safe_dump(data).encode()


def _case(path):
    return json.loads((path.parent / "case.json").read_text())


def names(path):
    """What a refusal may name: the file, the assignment, the file that it stands on, or the model that it changes."""
    parts = [each.partition("=")[0].split(".")[0][:50] for each in _case(path)["assignments"]]
    known = (path.name, "the configuration ", "must be a mapping", 'model "')
    return (*known, *filter(None, parts), *(each[:30] for each in _case(path)["assignments"]))


def attempt(path):
    """Reads it as the package does; what is taken holds numbers and names that can be."""
    case = _case(path)
    if case["what"] == "training":
        os.chdir(path.parent)
        _check(settings.load_training(path, case["assignments"]).model_dump(), "")
        require(not (path.parent / "it-ran").exists(), "a command ran")
    elif case["what"] == "pins":
        os.environ["MINDAAM_CACHE"] = str(path.parent)
        require(all(name.isprintable() for name in cache.pins()), "a name that is no text")
    else:
        os.environ["MINDAAM_CACHE"] = str(path.parent / "cache")
        index.index_path = lambda: path
        for name, entry in index.records().items():
            require(name.isprintable() and name, f"the name {name!r}")
            _check_record(entry)


def _check(value, where):
    """Fallen where a number is no number, negative or larger than any can be meant."""
    if isinstance(value, dict):
        for key, each in value.items():
            _check(each, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for each in value:
            _check(each, where)
    elif isinstance(value, (int, float)):
        require(math.isfinite(value) and 0 <= value <= LARGEST, f"{where} = {value} was taken")
    elif isinstance(value, str):
        require(value.isprintable(), f"{where} = {value[:50]!r} was taken")


def _check_record(entry):
    for each in filter(None, (entry, entry.original)):
        place = index.path_of(each)
        folders = (index.model_zoo_dir(), cache.cache_dir())
        require(any(place.is_relative_to(folder) for folder in folders) and ".." not in place.parts, f"{place}")
        for address in filter(None, (each.url, getattr(each, "page", None))):
            require(address.isprintable() and " " not in address, f"the address {address!r}")
    texts = (entry.licence, entry.source, entry.accept, entry.obtain)
    require(all(text.replace("\n", "").isprintable() for text in filter(None, texts)), "a text with escape codes")


ROW = Row(
    "configurations",
    "YAML, `key=value` and index files",
    "A configuration is accepted with finite numbers in their ranges, or refused in one sentence; file names cannot "
    "leave their folder.",
    "Hand-written texts, values of every key of the bundled configurations, damaged configurations, indexes and pins.",
    COUNT,
    make,
    attempt,
    megabytes=1000,
    names=names,
)
