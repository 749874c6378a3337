"""What an adversary, or a failing disk, does to a file's bytes. All of it follows from the dice alone."""

import struct

EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
HEAD = 400  # bytes in which most of a small file's fields lie
MOST = 6  # changes to one file


def mutated(content, dice, other=b""):
    """`content` with one to MOST changes. dice: a random.Random. other: the bytes of another file, to be spliced in."""
    changed = bytearray(content)
    for _ in range(dice.choice((1, 1, 1, 2, 3, MOST))):
        if changed:
            dice.choice(CHANGES)(changed, dice, other)
    return bytes(changed)


def _place(content, dice):
    """Half the time among the fields at the beginning, where it hurts most."""
    return dice.randrange(min(HEAD, len(content)) if dice.random() < 0.5 else len(content))


def _stretch(content, dice):
    """(first, last + 1) of some bytes, mostly few."""
    first = _place(content, dice)
    longest = dice.choice((4, 16, 64, 256, len(content)))
    return first, min(len(content), first + dice.randint(1, longest))


def flip(content, dice, other):
    """One bit."""
    content[_place(content, dice)] ^= 1 << dice.randrange(8)


def overwrite(content, dice, other):
    """A few bytes by noise."""
    for place in range(*_stretch(content, dice)):
        content[place] = dice.randrange(256)


def zero(content, dice, other):
    """A stretch by zeros, as sparse files and lost blocks have them."""
    first, end = _stretch(content, dice)
    content[first:end] = bytes(end - first)


def swap(content, dice, other):
    """Two stretches of one length."""
    first, end = _stretch(content, dice)
    second = dice.randrange(len(content) - (end - first) + 1)
    one, two = content[first:end], content[second : second + end - first]
    content[second : second + end - first] = one
    content[first:end] = two


def cut(content, dice, other):
    """All behind some byte."""
    del content[_place(content, dice) :]


def drop(content, dice, other):
    """A stretch in the middle."""
    first, end = _stretch(content, dice)
    del content[first:end]


def repeat(content, dice, other):
    """A stretch once more, or many times."""
    first, end = _stretch(content, dice)
    content[end:end] = content[first:end] * dice.choice((1, 1, 2, 50))


def splice(content, dice, other):
    """A stretch of another file."""
    if other:
        first, end = _stretch(other, dice)
        place = _place(content, dice)
        content[place : place + dice.choice((0, end - first))] = other[first:end]


def lie(content, dice, other):
    """A field of 1, 2, 4 or 8 bytes by a number that no field means: lengths, counts, sizes, offsets."""
    form = dice.choice(("<B", "<H", ">H", "<I", ">I", ">I", "<Q", ">Q"))
    size = struct.calcsize(form)
    place = _place(content, dice)
    content[place : place + size] = struct.pack(form, dice.choice(EXTREMES) & (256**size - 1))


CHANGES = (flip, flip, overwrite, zero, swap, cut, drop, repeat, splice, lie, lie)
