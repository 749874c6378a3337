"""Conversion of a foreign checkpoint: a table matches each official name; others are ignored or unexpected."""

from typing import NamedTuple


class Conversion(NamedTuple):
    """Arrays under our names, and an account of every official name that they came from.

    state: {our name: array}. origin: {our name: official names it was made from}. ignored: {official name: why it is
    not needed}. unexpected: official names in no table; names are not matched by resemblance.
    """

    state: dict
    origin: dict
    ignored: dict
    unexpected: tuple
