"""Named protocols."""

import json

import pytest

from mindaam.errors import ConfigError
from mindaam.metrics.protocols import METRICS, PROTOCOLS, comparison_size, protocol


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_is_described_in_plain_values(name):
    described = json.loads(json.dumps(protocol(name).described(), allow_nan=False))
    assert described["name"] == name and set(described["metrics"]) <= set(METRICS)
    assert described["settings"]["cc"] and name in protocol(name).sentence()


def test_sizes_of_comparison():
    assert comparison_size(protocol("paper"), (1200, 1600)) == (300, 400)
    assert comparison_size(protocol("mit"), (1200, 1600)) == (1200, 1600)


def test_an_unknown_protocol_is_named():
    with pytest.raises(ConfigError, match='did you mean "paper"'):
        protocol("papr")
