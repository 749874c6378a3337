"""Checkpoints that are whole and whose configuration is absurd: they cost neither memory nor time."""

import json
import random
from functools import cache
from itertools import product

from tests.models.tiny import CHANGES, NAME
from tests.reliability.originals.checkpoints import blank_model
from tests.reliability.row import Row, require
from tests.reliability.rows.checkpoints import load

COUNT = 240
DEEP = [[[[[[[[[[]]]]]]]]]]
NEVER = (-1, float("nan"), float("inf"), float("-inf"), "x" * 3000, [], {"a": 1}, DEEP, -(10**30), "../x")
HUGE = (2**31 - 1, 2**31, 10**6, 10**9, 10**12, 10**30, 1e300)
# sizes that fit one another
TOGETHER = (
    {"encoder": {"width": 2**20, "heads": 2**10}},
    {"encoder": {"width": 2**31, "heads": 1}},
    {"encoder": {"depth": 10**6, "taps": [0, 1, 2, 10**6 - 1]}},
    {"encoder": {"depth": 10**9, "taps": [0, 1, 2, 10**9 - 1]}},
    {"image_size": [14 * 10**5, 14 * 10**5]},
    {"image_size": [14, 14 * 10**8]},
    {"encoder": {"patch": 10**5}, "image_size": [10**5, 10**5]},
    {"head": {"neck_widths": [2**20] * 4, "start_width": 2**20, "stage_widths": [2**20] * 3}},
    {"head": {"stage_widths": [2**24] * 3}},
    {"head": {"gaussians": 10**8, "point_width": 10**8}},
    {"lora": {"rank": 10**8, "last_n_blocks": 4}},
    {"text": {"width": 10**9}},
    {"temporal": {"taps": [3], "frames": 10**9, "heads": 2, "mlp_ratio": 1, "clip": 16}},
    {"temporal": {"taps": [3], "frames": 16, "heads": 2, "mlp_ratio": 10**8, "clip": 16}},
    {"temporal": {"taps": [3], "frames": 16, "heads": 2, "mlp_ratio": 1, "clip": 10**12, "steps": 10**12}},
    {"temporal": {"taps": [3] * 10**5, "frames": 16, "heads": 2, "mlp_ratio": 1}},
    {"temporal": {"taps": [3], "frames": 16, "heads": 2, "mlp_ratio": 1},
     "audio": {"name": "wav2clip", "width": 10**8, "attention_width": 10**8, "heads": 1, "dropout": 0}},
    {"preset": "paper" * 1000},
    {"name": "../../etc/passwd"},
    {"nonsense": {"a": [0] * 10**5}},
)  # fmt: skip


@cache
def _cases():
    """[(changes of the configuration, whether they must be refused)], mixed."""
    whole = blank_model().config.model_dump()
    leaves = [leaf for leaf in _leaves(whole) if leaf[0] not in ("name",)]
    cases = [
        (_at(path, value, whole), value != -1 or path[0] != "mean")  # a mean may be below 0
        for path, value in product(leaves, NEVER) if not _is_text(whole, path)
    ]  # fmt: skip
    cases += [(_at(path, value, whole), False) for path, value in product(leaves, HUGE)]
    random.Random(0).shuffle(cases)
    return [(case, True) for case in TOGETHER] + cases[: COUNT - len(TOGETHER)]


def _leaves(table, path=()):
    """Paths to all values of nested dictionaries and tuples."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        if isinstance(value, (dict, tuple)):
            yield from _leaves(value, (*path, key))
        elif value is not None:
            yield (*path, key)


def _is_text(table, path):
    for key in path:
        table = table[key]
    return isinstance(table, str)


def _at(path, value, whole):
    """A change of one value, as a nested dictionary; a tuple is given as a whole."""
    key, *rest = path
    if isinstance(whole, tuple):
        return [_at(path[1:], value, each) if rest and at == key else value if at == key else each
                for at, each in enumerate(whole)]  # fmt: skip
    return {key: _at(rest, value, whole[key]) if rest else value}


def make(dice, number, folder):
    """Writes checkpoint `number`."""
    from mindaam.schema import merge
    from mindaam.zoo.checkpoints import write_safetensors

    changes, never = _cases()[number]
    path = folder / f"{'never' if never else 'huge'}.safetensors"
    tensors = {each.name: each.asnumpy() for each in blank_model().trained_parameters()}
    told = {"model": NAME, "config": json.dumps(merge({**CHANGES, "preset": "released"}, changes))}
    write_safetensors(path, tensors, told)
    return path


def attempt(path):
    """Loads it. What is huge and no size may be taken, what no model can have may not."""
    load(path)
    require(path.stem != "never", "a configuration that no model can have was taken")


ROW = Row(
    "checkpoint-configs",
    "checkpoints with invalid configurations",
    "Sizes in a checkpoint are checked before memory is allocated.",
    "Each number of a model configuration infinite, negative, very large or NaN, and consistent sizes that do not "
    "match the arrays, under a valid checksum.",
    COUNT,
    make,
    attempt,
    megabytes=2000,
)
