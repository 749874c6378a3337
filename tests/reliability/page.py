"""docs/reliability.md."""


def write():
    """Writes the page from the rows' results."""
