"""The rows by name, in the order of the page."""

from importlib import import_module

NAMES = (
    "images", "image-headers", "videos", "video-headers", "audio", "checkpoints", "checkpoint-configs", "torch-files",
    "configurations", "tables", "gaze-data", "environments",
    "processes",
)  # fmt: skip


def row_of(name):
    """The Row of that name; its module has the same one, and a ROW."""
    return import_module(f"tests.reliability.rows.{name.replace('-', '_')}").ROW
