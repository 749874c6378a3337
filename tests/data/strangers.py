"""JSON as strangers may write it: one place of an object takes a value, or a key a name, that nobody expects."""

import copy

from hypothesis import strategies as st

NAMES = ["../../x", "/etc/passwd", "..", ".", "", "C:\\x", "C:/x", "a\\..\\x", "a\0b", "a\nb", "\x1b[2J", "\ud800", "~"]
NAMES += ["x" * 300]
VALUES = [
    None, True, False, 0, -1, 1, 10**12, 10**30, -(10**400), 1e308, -0.0, float("nan"), float("inf"), -float("inf"),
    [], {}, [[]], [None], [1, 2, 3], {"a": {}}, "1", *NAMES,
]  # fmt: skip


def mutated(content):
    """A strategy of copies of a JSON object, each changed in one place or two."""
    found = list(places(content))
    change = st.tuples(st.sampled_from(found), st.sampled_from(["value", "key", "gone"]), st.sampled_from(VALUES))
    return st.lists(change, min_size=1, max_size=2).map(lambda changes: changed(content, changes))


def places(content, above=()):
    """Yields the way to every value in it, keys and numbers."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield (*above, key)
        yield from places(value, (*above, key))


def changed(content, changes):
    """A copy with changes (place, how, value), how: "value", "key" or "gone"."""
    content = copy.deepcopy(content)
    for place, how, value in changes:
        *above, key = place
        holder = content
        try:
            for each in above:
                holder = holder[each]
            if how == "value":
                holder[key] = copy.deepcopy(value)
            elif how == "key" and isinstance(holder, dict):
                holder[str(value)] = holder.pop(key)
            else:
                del holder[key]
        except (KeyError, IndexError, TypeError):  # the first change took the place of the second away
            continue
    return content
