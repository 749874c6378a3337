"""What all tests of the command line share."""

import pytest

from mindaam.cli.common import terminal


@pytest.fixture(autouse=True)
def no_lines_of_progress(monkeypatch):
    """A slow machine prints no line of progress between those that a test expects; tests of them set the time."""
    monkeypatch.setattr(terminal, "LINE_SECONDS", 3600)
