"""The published figures as they are printed in the AAM paper, from the CSV files of this package."""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from mindaam.errors import ConfigError

TITLES = {
    "1": "Images, main methods",
    "2": "Videos with audio, main methods",
    "3": "Videos, main methods",
    "4": "Efficiency",
    "13": "Joint training on images",
    "14": "Joint training on videos with audio",
    "15": "Backbones",
    "16": "Effect of audio",
    "17": "Zero-shot generalization",
    "18a": "Condition swap",
    "18c": "Granularity of the prompt",
    "19": "Images, all methods",
    "20": "Videos, all methods",
    "21": "LEDOV, all methods",
    "22": "Videos with audio, all methods",
}


class Figure(NamedTuple):
    """One number of the paper.

    table: "1" to "22", a key of TITLES. dataset: key of the catalogue, "" in Table 4. method, reference: as in
    "SUM" and "Hosseini et al., 2025b"; the reference of AAM is "the paper". variant: the row of an ablation, such as
    "w/o Audio" or "G1", else "". metric: one of `metrics.protocols.METRICS`, or "FPS" or "parameters". value: the
    printed digits. unit: "img/s" or "M", "" for metrics.
    """

    table: str
    dataset: str
    method: str
    reference: str
    variant: str
    metric: str
    value: str
    unit: str


def figures(dataset=None, table=None):
    """The Figures of a dataset (default: of all), of a table (default: of all), in the order of the paper.

    Raises ConfigError for a table without figures.
    """
    if table is not None and table not in TITLES:
        raise ConfigError(f"the package has no figures of Table {table}; choose one of {', '.join(TITLES)}")
    return [
        each
        for number in ([table] if table else TITLES)
        for each in _table(number)
        if dataset is None or each.dataset == dataset
    ]


@cache
def _table(number):
    text = (files(__package__) / f"table_{number:0>2}.csv").read_text(encoding="utf-8")
    return [Figure(**row) for row in csv.DictReader(text.splitlines())]
