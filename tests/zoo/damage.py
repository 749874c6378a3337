"""Damaged weight files from whole ones, by a seed: what disks, networks, editors and malice do to them."""

import json

KINDS = ("flip", "zero", "swap", "random", "cut", "append", "insert", "remove", "header", "nest", "pad")


def damaged(content, draw):
    """(what was done, other bytes) of a safetensors file's bytes; draw: a NumPy random Generator."""
    while True:
        kind = KINDS[draw.integers(len(KINDS))]
        changed = bytes(_DAMAGE[kind](bytearray(content), draw))
        if changed != content:
            return kind, changed


def _header_end(content):
    return 8 + int.from_bytes(content[:8], "little")


def _place(content, draw, length=1):
    """A place in the file, in its header as often as behind it."""
    end = _header_end(content) if draw.random() < 0.5 else len(content)
    return int(draw.integers(max(1, end - length)))


def _flip(content, draw):
    for _ in range(draw.integers(1, 4)):
        content[_place(content, draw)] ^= 1 << int(draw.integers(8))
    return content


def _length(draw):
    return int(2 ** draw.uniform(0, 12))


def _zero(content, draw):
    length = _length(draw)
    place = _place(content, draw, length)
    content[place : place + length] = bytes(len(content[place : place + length]))
    return content


def _swap(content, draw):
    length = int(draw.choice([1, 1, 2, 4, 16, 512]))
    first, second = sorted(_place(content, draw, length) for _ in range(2))
    if second - first >= length and second + length <= len(content):
        content[first : first + length], content[second : second + length] = (
            content[second : second + length],
            content[first : first + length],
        )
    return content


def _random(content, draw):
    length = int(draw.choice([1, 2, 4, 64, 4096]))
    place = _place(content, draw, length)
    content[place : place + length] = draw.bytes(len(content[place : place + length]))
    return content


def _cut(content, draw):
    return content[: _place(content, draw)]


def _append(content, draw):
    return content + draw.bytes(_length(draw))


def _insert(content, draw):
    place = _place(content, draw)
    return content[:place] + draw.bytes(_length(draw)) + content[place:]


def _remove(content, draw):
    length = _length(draw)
    place = _place(content, draw, length)
    return content[:place] + content[place + length :]


def _with_table(content, table):
    table = table.encode()
    return len(table).to_bytes(8, "little") + table + content[_header_end(content) :]


def _header(content, draw):
    """One value of the header in the place of another that a stranger might write."""
    table = json.loads(content[8 : _header_end(content)])
    names = [name for name in table if name != "__metadata__"]
    name, other = (names[draw.integers(len(names))] for _ in range(2))
    strange = [-1, 2**63, 10**400, None, True, 1.5, [], {}, "x", [1] * 70, "\ud800", float("nan")]
    value = strange[draw.integers(len(strange))]
    part = ("dtype", "shape", "data_offsets", "all", "name", "metadata", "text", "twin")[draw.integers(8)]
    if part == "all":
        table[name] = value
    elif part == "name":
        table[f"{name}\x1b[2J"] = table.pop(name)
    elif part == "metadata":
        table["__metadata__"] = value
    elif part == "text":
        texts = table.get("__metadata__", {})
        texts[[*texts, "new"][draw.integers(len(texts) + 1)]] = value
        table["__metadata__"] = texts
    elif part == "twin":
        table[name], table[other] = table[other], table[name]
    else:
        table[name] = {**table[name], part: value}
    return _with_table(content, json.dumps(table))


def _nest(content, draw):
    depth = int(draw.choice([100, 10_000, 200_000]))
    return _with_table(content, ('{"a":' if draw.random() < 0.5 else "[") * depth)


def _pad(content, draw):
    """The header's padding, or more of it, in other white space."""
    table = content[8 : _header_end(content)].decode(errors="replace").rstrip(" ")
    return _with_table(content, table + "\t\n\r "[draw.integers(4)] * int(draw.integers(1, 20)))


_DAMAGE = {
    "flip": _flip,
    "zero": _zero,
    "swap": _swap,
    "random": _random,
    "cut": _cut,
    "append": _append,
    "insert": _insert,
    "remove": _remove,
    "header": _header,
    "nest": _nest,
    "pad": _pad,
}
