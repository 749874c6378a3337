"""File formats for packs: the candidates on the same records, for `python benchmarks/data.py --formats`.

A record is a JPEG of 448x448, the PNG of its density and some fixations. Every candidate writes them, and gives them
back by index in random order from the page cache, each in a process of its own on one core. Then a file is truncated,
and in another copy one bit is flipped within an image.
"""

import contextlib
import multiprocessing
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

BASELINE = "MindRecord, by index"
PATIENCE = 60  # seconds after which a reader of a damaged file counts as hanging
PARTS = ("jpg", "png", "xy")


class Format(NamedTuple):
    """write(folder, records) and open(folder, order), which gives read(index) -> the record's parts; order: in which
    they will be asked for."""

    write: Callable
    open: Callable


def write_loose(folder, records):
    """A file a part."""
    for number, record in enumerate(records):
        for suffix, part in zip(PARTS, record, strict=True):
            (folder / f"{number:08}.{suffix}").write_bytes(part)


def open_loose(folder, order):
    """Opens and reads three files a record."""
    return lambda index: tuple((folder / f"{index:08}.{suffix}").read_bytes() for suffix in PARTS)


def write_mindrecord(folder, records):
    """MindSpore's own, with a column a part."""
    from mindspore.mindrecord import FileWriter

    writer = FileWriter(str(folder / "all.mindrecord"))
    writer.add_schema({"id": {"type": "int32"}, **{suffix: {"type": "bytes"} for suffix in PARTS}})
    writer.add_index(["id"])
    for first in range(0, len(records), 100):
        batch = [dict(zip(PARTS, record, strict=True)) for record in records[first : first + 100]]
        writer.write_raw_data([{"id": first + number, **row} for number, row in enumerate(batch)])
    writer.commit()


def open_mindrecord(folder, order):
    """By index."""
    from mindspore.dataset import MindDataset

    data = MindDataset(str(folder / "all.mindrecord"), list(PARTS), num_parallel_workers=1, shuffle=False)
    return lambda index: tuple(part.tobytes() for part in data[int(index)])


def open_pipeline(folder, order):
    """One pipeline whose order is known when it is made."""
    from mindspore.dataset import MindDataset, SubsetSampler

    sampler = SubsetSampler([int(index) for index in order])
    data = MindDataset(str(folder / "all.mindrecord"), list(PARTS), num_parallel_workers=1, sampler=sampler)
    rows = data.create_tuple_iterator(num_epochs=1, output_numpy=True)
    return lambda index: tuple(part.tobytes() for part in next(rows))


def write_lmdb(folder, records):
    """A key a part."""
    import lmdb

    room = 2 * sum(len(part) for record in records for part in record) + (64 << 20)
    with lmdb.open(str(folder), map_size=room) as base, base.begin(write=True) as transaction:
        for number, record in enumerate(records):
            for suffix, part in zip(PARTS, record, strict=True):
                transaction.put(f"{number:08}.{suffix}".encode(), part)


def open_lmdb(folder, order):
    """Three look-ups in one long transaction."""
    import lmdb

    base = lmdb.open(str(folder), readonly=True, lock=False, readahead=False)
    transaction = base.begin()
    return lambda index: tuple(transaction.get(f"{index:08}.{suffix}".encode()) for suffix in PARTS)


def write_zip(folder, records):
    """Stored members."""
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for number, record in enumerate(records):
            for suffix, part in zip(PARTS, record, strict=True):
                archive.writestr(f"{number:08}.{suffix}", part)


def open_zip(folder, order):
    """By the archive's own directory, with Python's reader."""
    archive = zipfile.ZipFile(folder / "all.zip")
    return lambda index: tuple(archive.read(f"{index:08}.{suffix}") for suffix in PARTS)


def write_pack(folder, records):
    """The same ZIP with an index beside it."""
    from mindaam.data.packs.contents import Header
    from mindaam.data.packs.pack_writer import PackWriter

    header = Header(dataset="made", layout="made", split="train", size=(448, 448), source="fixations")
    with PackWriter(folder, header) as writer:
        for number, record in enumerate(records):
            writer.add_encoded(f"{number}.jpg", "free_viewing", record)


def open_pack(folder, order):
    """By the index beside it."""
    from mindaam.data.packs.pack import Pack

    return Pack(folder).encoded


FORMATS = {
    "loose files": Format(write_loose, open_loose),
    BASELINE: Format(write_mindrecord, open_mindrecord),
    "MindRecord, one pipeline": Format(write_mindrecord, open_pipeline),
    "LMDB": Format(write_lmdb, open_lmdb),
    "ZIP, zipfile": Format(write_zip, open_zip),
    "ZIP with an index (the pack)": Format(write_pack, open_pack),
}


def compare(examples, count, place, report):
    """{format: figures}. examples: records, each repeated with a number behind it; count: records in all; place: an
    empty folder; report: called with the name of each format before it is measured."""
    figures = {}
    for number, name in enumerate(FORMATS):
        report(name)
        folder = Path(place) / f"format-{number}"
        folder.mkdir()
        given = name, folder, examples, count
        row = apart(write, *given)
        if "problem" not in row:
            row |= apart(read, *given) | {"two_per_s": together(*given)}
            for damage in (cut, flip):
                with copied(folder) as copy:
                    row[damage.__name__] = apart(damage, name, copy, examples, count)["problem"]
        figures[name] = row
        shutil.rmtree(folder)
    return figures


def repeated(examples, count):
    """`count` records, no two alike: a number stands behind the end of each JPEG, where readers ignore it."""
    records = []
    for number in range(count):
        jpeg, *rest = examples[number % len(examples)]
        records.append((jpeg + number.to_bytes(4, "big") + b"end", *rest))
    return records


def write(name, folder, examples, count):
    """Records a second, and the bytes on disk beyond those of the records, in percent."""
    records = repeated(examples, count)
    with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
        FORMATS[name].write(Path(aside), records[:10])  # imports what it needs
    start = time.perf_counter()
    FORMATS[name].write(folder, records)
    seconds = time.perf_counter() - start
    stored = sum(path.stat().st_blocks * 512 for path in folder.iterdir())
    return {"write_per_s": count / seconds, "larger": 100 * stored / sum(len(p) for r in records for p in r) - 100}


def read(name, folder, examples, count, gate=None):
    """Seconds until the first record, imports included; records a second; private MB at the end.

    The best of five rounds counts, because the machine may be busy with something else.
    gate: a barrier at which several processes wait for one another.
    """
    last = repeated(examples, count)[-1]
    order = np.random.default_rng(0).permutation(count - 1).tolist() + [count - 1]
    before, start = private_mb(), time.perf_counter()
    FORMATS[name].open(folder, order)(order[0])
    first_s, rates = time.perf_counter() - start, []
    if gate:
        gate.wait(PATIENCE)
    for _ in range(5):
        get = None  # LMDB opens nothing twice
        get = FORMATS[name].open(folder, order)
        start = time.perf_counter()
        for index in order:
            parts = get(index)
        rates.append(count / (time.perf_counter() - start))
        assert tuple(parts) == last, f"{name} does not give back what was written"
    return {"first_s": first_s, "read_per_s": max(rates), "private_mb": max(0, private_mb() - before)}


def cut(name, folder, examples, count):
    """What a reader reports when the largest file ends after three fifths."""
    path = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    os.truncate(path, 3 * path.stat().st_size // 5)
    return {"problem": noticed(name, folder, repeated(examples, count))}


def flip(name, folder, examples, count):
    """What a reader reports when one bit of an image is flipped."""
    records = repeated(examples, count)
    jpeg = records[count // 2][0]
    for path in sorted(folder.iterdir()):
        content = bytearray(path.read_bytes())
        # some formats spread a record over pages; the end, which has its number, is in one piece
        if (found := content.find(jpeg[-500:])) >= 0:
            content[found] ^= 16
            path.write_bytes(content)
            return {"problem": noticed(name, folder, records)}
    raise AssertionError(f"the image is not in the files of {name}")


def noticed(name, folder, records):
    """How damage shows when all records are read."""
    try:
        get = FORMATS[name].open(folder, range(len(records)))
    except Exception as error:
        return f"refused: {reason(error, folder)}"
    for index, record in enumerate(records):
        try:
            if tuple(get(index)) != record:
                return "wrong bytes are given out"
        except Exception as error:
            return f"refused at the record: {reason(error, folder)}"
    return "not noticed"


def reason(error, folder=""):
    """The beginning of an error's message."""
    text = " ".join(str(error).replace(f"{folder}/", "").split())
    return f"{type(error).__name__}, {text[:50]}{'...' if len(text) > 50 else ''}"


@contextlib.contextmanager
def copied(folder):
    """A copy of the folder, removed afterwards."""
    copy = folder.with_name(folder.name + "-copy")
    shutil.copytree(folder, copy)
    try:
        yield copy
    finally:
        shutil.rmtree(copy)


def private_mb():
    """Resident memory that no other process shares, MB; 0 where the system has no /proc."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def apart(function, *arguments, core=0):
    """`function(*arguments)` in a new process: its dict, or {"problem": why there is none}. core: None for all."""
    return ended(*started(function, arguments, core))


def together(*given):
    """Records per second of two processes that read at once, each on a core of its own."""
    gate = multiprocessing.get_context("spawn").Barrier(2)
    both = [started(read, (*given, gate), core) for core in (0, 1)]
    return sum(ended(*each).get("read_per_s", 0) for each in both)


def started(function, arguments, core):
    """(process, the end of a pipe that its result comes from)."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(sender, function, arguments))
    with on_core(core):  # from its start: threads that libraries start would stay on all cores
        process.start()
    sender.close()
    return process, receiver


@contextlib.contextmanager
def on_core(core):
    """Keeps this process, and those that it starts, on one of its cores, where the system supports it; None
    changes nothing."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(allowed)[core % len(allowed)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def ended(process, receiver):
    """What the process sent, or how it ended."""
    try:
        result = receiver.recv() if receiver.poll(PATIENCE) else {"problem": "hangs"}
    except EOFError:
        process.join()
        result = {"problem": f"the process is killed by signal {-process.exitcode}"}
    if process.is_alive():
        process.join(0.0 if "problem" in result else PATIENCE)
        process.kill()
    return result


def _run(sender, function, arguments):
    try:
        sender.send(function(*arguments))
    except ImportError as error:
        sender.send({"problem": f"not installed ({error.name})"})
    except Exception as error:
        sender.send({"problem": reason(error)})


def table(figures):
    """The Markdown that a report can take over as it is."""
    base = figures[BASELINE]
    lines = [
        f"| format | records/s read at random, one core | against {BASELINE} | two processes | first record, s | "
        "private MB | written/s | larger by | a truncated file | a bit flipped |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in figures.items():
        if "read_per_s" not in row:
            lines.append(f"| {name} | {row['problem']} |" + " |" * 8)
            continue
        ratio = row["read_per_s"] / base.get("read_per_s", float("nan"))
        cells = [
            *(f"{row['read_per_s']:.0f}", f"{ratio:.2f}x", f"{row['two_per_s']:.0f}", f"{row['first_s']:.2f}"),
            *(
                f"{row['private_mb']:.0f}",
                f"{row['write_per_s']:.0f}",
                f"{row['larger']:.1f} %",
                row["cut"],
                row["flip"],
            ),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
