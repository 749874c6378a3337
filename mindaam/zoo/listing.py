"""The files of the zoo and their state as text: one row per record, or one card."""

import os
from typing import NamedTuple

from mindaam.zoo.index import path_of, record, records


class Row(NamedTuple):
    """One record; size is a text such as "44.1 MB", or "-" where it is unknown."""

    name: str
    kind: str
    size: str
    licence: str
    state: str


def rows():
    """All records as Rows, in the index's order. Nothing is hashed. Raises what `index.records` raises."""
    return [
        Row(name, entry.kind, spoken(_size(entry)), entry.licence, state(entry)) for name, entry in records().items()
    ]


def state(entry):
    """The state of the file of a Record; "here" where it can be used."""
    path = path_of(entry)
    if os.path.isfile(path):
        if entry.sha256 is None:
            return "not pinned"
        return "here" if entry.bytes in (None, path.stat().st_size) else "damaged"
    if entry.original and os.path.isfile(path_of(entry.original)):
        return "to convert"
    if entry.url or (entry.original and entry.original.url):
        return "to fetch"
    if entry.original:
        return "by hand"
    return "missing" if entry.sha256 else "to come"


def card(name):
    """The card of a record, as (label, text) pairs; the label is empty on continuation lines."""
    entry = record(name)
    original = entry.original
    pairs = [
        ("kind", entry.kind),
        ("state", state(entry)),
        ("file", str(path_of(entry))),
        ("size", spoken(_size(entry)) or "not known"),
        ("SHA-256", entry.sha256 or "not known"),
        ("licence", entry.licence),
        ("source", entry.source),
        ("page", entry.page),
        ("accept", entry.accept),
        ("obtain", entry.obtain),
        ("address", entry.url),
        ("config", entry.config and f"configs/{entry.config}"),
    ]
    if original:
        pairs += [
            ("original", f"{original.file.rpartition('/')[2]}, for mindaam convert --kind {original.kind}"),
            ("", original.url or "no public address"),
            ("", f"size {spoken(original.bytes) or 'not known'}, SHA-256 {original.sha256 or 'not known'}"),
        ]
    if entry.figures:
        pairs += [("figures", entry.figures.source)]
        pairs += [("", f"{data}: {_spoken_figures(values)}") for data, values in entry.figures.values.items()]
    return [(label, text) for label, text in pairs if text]


def spoken(size):
    """Bytes as text, such as "932.8 MB"; "" for None."""
    if size is None:
        return ""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"


def _size(entry):
    path = path_of(entry)
    return entry.bytes or (path.stat().st_size if os.path.isfile(path) else None)


def _spoken_figures(values):
    return ", ".join(f"{metric} {value:g}" for metric, value in values.items())
