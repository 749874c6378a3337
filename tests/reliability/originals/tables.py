"""Tables of fixations as eye trackers and people write them, of the same fixations all: {kind: bytes}."""

SIZES = {"a.jpg": (60, 40), "b.png": (30, 50), "c.jpg": (20, 20)}  # width, height of the images
ROWS = [
    (image, subject, round(2 + 1.75 * k, 2), round(3 + 1.25 * k, 2), 100 + 10 * k)
    for image in SIZES for subject in ("s1", "s2") for k in range(5)
]  # fmt: skip
EYELINK = ("CURRENT_FIX_X", "CURRENT_FIX_Y", "CURRENT_FIX_DURATION", "image", "RECORDING_SESSION_LABEL")


def _joined(names, rows, cut=",", end="\n", before=""):
    lines = [cut.join(map(str, row)) for row in rows]
    return before + end.join([cut.join(names), *lines]) + end


def _comma(number):
    return str(number).replace(".", ",")


def _kinds():
    plain = [(image, subject, x, y, ms) for image, subject, x, y, ms in ROWS]
    names = ("image", "subject", "x", "y", "duration_ms")
    text = _joined(names, plain)
    fractions = [(i, s, round(x / SIZES[i][0], 5), round(y / SIZES[i][1], 5), ms) for i, s, x, y, ms in ROWS]
    missing = [row for each in plain for row in (each, (each[0], each[1], ".", ".", "."))]
    return {
        "plain": text,
        "bom": "\ufeff" + text,
        "crlf": text.replace("\n", "\r\n"),
        "semicolons": _joined(names, [(i, s, _comma(x), _comma(y), ms) for i, s, x, y, ms in plain], ";"),
        "sep=": _joined(names, plain, ";", before="sep=;\n"),
        "tabs": _joined(names, plain, "\t"),
        "smi": _joined(names, plain, "\t", before="## [BeGaze]\n## Date:\t29.11.2026\n## Version:\t3.7\n"),
        "eyelink": _joined(EYELINK, [(x, y, ms, i, s) for i, s, x, y, ms in plain], "\t"),
        "missing": _joined(names, missing),
        "nan": _joined(names, [row for each in plain for row in (each, (each[0], each[1], "NaN", "NaN", ""))]),
        "quoted": _joined([f'"{name}"' for name in names], [(f'"{i}"', s, x, y, ms) for i, s, x, y, ms in plain]),
        "trailing": _joined((*names, ""), [(*row, "") for row in plain]),
        "capitals": _joined(("Image", "Subject", "X", "Y", "Duration (ms)"), plain),
        "fractions": _joined(names, fractions),
    }  # fmt: skip


KINDS = {**{kind: text.encode() for kind, text in _kinds().items()}, "utf-16": _kinds()["tabs"].encode("utf-16")}
NAMES = tuple(KINDS)
CELLS = ("", ".", "nan", "inf", "-1", "1e400", "9" * 5000, "1,5", "1.5.2", "x", "=1+1", '"', "\0", "\x1b[31m",
         "../../x", "1_0", "١٢", "0x10", " ", "NULL", "-0.0", "1e-400", "1;5", "\u202e", "1" + "0" * 40)  # fmt: skip


def another_cell(content, dice):
    """A table with another cell somewhere, in its header too, or a row that is longer or shorter by one."""
    text = content.decode()
    lines = text.splitlines()
    cut = max("\t;,", key=text.count)
    place = dice.randrange(len(lines))
    cells = lines[place].split(cut)
    at = dice.randrange(len(cells))
    how = dice.choice(("another", "another", "more", "less"))
    if how == "another":
        cells[at] = dice.choice(CELLS)
    elif how == "more":
        cells.insert(at, dice.choice(CELLS))
    else:
        del cells[at]
    lines[place] = cut.join(cells)
    return ("\n".join(lines) + "\n").encode()


def shuffled(content, dice):
    """A table whose columns stand in another order."""
    lines = content.decode().splitlines()
    order = list(range(len(lines[0].split(","))))
    dice.shuffle(order)
    return "\n".join(",".join(line.split(",")[k] for k in order) for line in lines).encode()
