"""Fixtures of several files."""

from tests.evaluation.sets import tasks, viewing  # noqa: F401 - fixtures
