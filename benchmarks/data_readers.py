"""The cost of reading, for `python benchmarks/data.py`: folders of images against a pack of them.

Each source is read by one process on one core, by the Loader's processes, by threads of one process, and by a loop that
sleeps as long as a training step takes on an accelerator. Ratios are of CPU time, which other work on the machine
changes least.
"""

import csv
import gzip
import json
import multiprocessing
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from common import EXAMPLES, peak_mb
from data_formats import apart

from mindaam.data import media, transforms
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.loader import Loader
from mindaam.data.packs.contents import Header
from mindaam.data.packs.pack import Pack
from mindaam.data.packs.pack_writer import PackWriter
from mindaam.data.packs.shard_codec import encode_record

STORED, SIZE = (768, 1024), (448, 448)
BASELINE = "folder of JPEGs"
WANTED = 1500  # images per second of index-and-read, on one core
SECONDS = 1.2  # of a measurement, at least


def crops(count, size):
    """Yields `count` crops of the examples, uint8 [H,W,3] of `size`, each with 60 fixations float32 [60,2]."""
    draw = np.random.default_rng(0)
    images = [media.read_image(path) for path in sorted(EXAMPLES.glob("*.jpg"))]
    for number in range(count):
        original = images[number % len(images)]
        height, width = (int(side * draw.uniform(0.5, 1.0)) for side in original.shape[:2])
        top, left = (
            draw.integers(side - part + 1) for side, part in zip(original.shape, (height, width), strict=False)
        )
        image = transforms.resize_image(original[top : top + height, left : left + width], size)
        points = draw.normal(0.5, 0.15, (60, 2)).clip(0, 0.999) * (size[1], size[0])
        yield image, points.astype(np.float32)


def records(count):
    """Packed records of such crops, as `shard_codec.encode_record` makes them."""
    made = []
    for image, points in crops(count, SIZE):
        density = transforms.fixation_density(points, SIZE, SIZE[1] / 30)
        made.append(encode_record(image, density, points, 92))
    return made


def compare(asked, place):
    """The figures of all sources, as Markdown. asked: options of data.py; place: an empty folder."""
    sources = {BASELINE: gaze_folder(place / "jpeg", ".jpg", asked.pictures)}
    sources["folder of PNGs"] = gaze_folder(place / "png", ".png", asked.pictures)
    start = time.perf_counter()
    sources["pack"] = packed(sources[BASELINE], place / "pack")
    packing = asked.pictures / (time.perf_counter() - start)
    figures = {}
    for name, source in sources.items():
        figures[name] = found(alone, source)
        for workers in (1, 2):
            figures[name] |= found(with_loader, source, workers, core=None)
        figures[name] |= found(with_threads, source, 2, core=None)
        for what, step in (("step", asked.step), ("tenth", asked.step / 10)):
            figures[name][what] = found(waiting, source, asked.batch, step, core=None)["share"]
    return "\n".join([table(asked, figures), "", stages(found(by_stage, sources["pack"]), packing)])


def found(function, *arguments, core=0):
    """As `apart`; a process without a result ends the program with the reason."""
    figures = apart(function, *arguments, core=core)
    if "problem" in figures:
        sys.exit(f"{function.__name__}{arguments[1:]}: {figures['problem']}")
    return figures


def gaze_folder(root, suffix, count):
    """A gaze folder of `count` images, in the format of the suffix."""
    (root / "stimuli").mkdir(parents=True)
    write = media.write_jpeg if suffix == ".jpg" else media.write_png
    names = [f"{number:05}{suffix}" for number in range(count)]
    with gzip.open(root / "fixations.csv.gz", "wt", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("image", "condition", "x", "y"))
        for name, (image, points) in zip(names, crops(count, STORED), strict=True):
            write(root / "stimuli" / name, image)
            table.writerows((name, "free_viewing", *point) for point in points.tolist())
    meta = {"name": "osie", "conditions": ["free_viewing"], "images": {n: {"size": STORED[::-1]} for n in names}}
    (root / "meta.json").write_text(json.dumps(meta))
    (root / "splits.json").write_text(json.dumps({"train": names}))
    return GazeFolder(root)


def packed(folder, place):
    """The pack of a gaze folder."""
    header = Header(
        dataset=folder.name, layout="gaze folder", split=folder.split, size=SIZE, source="fixations", sigma_degrees=1.0
    )
    with PackWriter(place, header) as writer:
        for index, entry in enumerate(folder.entries):
            points = transforms.scale_fixations(folder.fixations(index), folder.size(index), SIZE)
            writer.add(*entry, *sample(folder, index), points)
    return Pack(place)


def sample(source, index):
    """(image uint8 [448,448,3], density float32 [448,448]) of a folder or a pack."""
    return transforms.as_seen(source.image(index), SIZE, "area"), source.density(index, SIZE)


def alone(source):
    """The figures of one process."""
    cv2.setNumThreads(1)
    rate, cpu = paced(lambda index: sample(source, index), source)
    return {"alone": rate, "cpu_ms": 1000 * cpu, "peak_mb": peak_mb()}


def by_stage(pack):
    """Records per second of a pack: read as they are stored, their images decoded, and their densities."""
    cv2.setNumThreads(1)
    rates = {"read": paced(pack.encoded, pack)[0]}
    return rates | {"image": paced(pack.image, pack)[0], "density": paced(pack.density, pack)[0]}


def with_loader(source, workers):
    """Samples per second from so many processes, and the memory of the largest one."""
    with Loader([source], sample, workers=workers) as reading:
        arriving = reading(endless(source))
        for _ in range(4 * workers):  # until all processes have started
            next(arriving)
        rate, _ = paced(lambda index: next(arriving), source)
        memory = max(peak_mb(process.pid) for process in multiprocessing.active_children())
        arriving.close()
    return {f"loader_{workers}": rate, "worker_mb": memory}


def with_threads(source, workers):
    """Samples per second from so many threads of one process, without copies between processes."""
    cv2.setNumThreads(1)
    items, under_way = endless(source), deque()
    with ThreadPoolExecutor(workers) as pool:

        def following(index):
            while len(under_way) < 2 * workers:
                under_way.append(pool.submit(sample, source, next(items)[1]))
            return under_way.popleft().result()

        return {"threads": paced(following, source)[0]}


def waiting(source, batch, step):
    """The share of time for which steps of `step` seconds wait for the next batch, which two processes read ahead."""
    waited, steps = 0.0, max(4, round(2 * SECONDS / step))
    with Loader([source], sample, workers=2, ahead=2 * batch) as reading:
        arriving = reading(endless(source))
        for number in range(steps + 1):
            start = time.perf_counter()
            for _ in range(batch):
                next(arriving)
            waited += time.perf_counter() - start if number else 0.0  # the first batch waits for the processes' start
            time.sleep(step)
        arriving.close()
    return {"share": waited / (waited + steps * step)}


def endless(source):
    """Yields items for a Loader of [source], each index of it again and again in random order."""
    draw = np.random.default_rng(0)
    while True:
        yield from ((0, int(index)) for index in draw.permutation(len(source)))


def paced(work, source):
    """Calls work(index) for SECONDS: calls per second, and CPU seconds of this process per call."""
    indices, calls = endless(source), 0
    start, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - start < SECONDS:
        for _ in range(8):
            work(next(indices)[1])
        calls += 8
    return calls / (time.perf_counter() - start), (time.process_time() - cpu) / calls


def table(asked, figures):
    """The readers' figures as Markdown."""
    lines = [
        f"| source | samples/s, one core | CPU ms per sample | less CPU than {BASELINE} | peak MB | "
        f"Loader, 1 process, /s | 2 processes, /s | 2 threads, /s | peak MB per process | "
        f"waits, steps of {asked.step:g} s | of {asked.step / 10:g} s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in figures.items():
        ratio = figures[BASELINE]["cpu_ms"] / row["cpu_ms"]
        lines.append(
            f"| {name} | {row['alone']:.0f} | {row['cpu_ms']:.2f} | {ratio:.1f}x | {row['peak_mb']:.0f} | "
            f"{row['loader_1']:.0f} | {row['loader_2']:.0f} | {row['threads']:.0f} | "
            f"{row['worker_mb']:.0f} | {row['step']:.1%} | {row['tenth']:.1%} |"
        )
    lines += ["", f"Steps take batches of {asked.batch}; two processes read two batches ahead."]
    return "\n".join(lines)


def stages(rates, packing):
    """The pack's stages as Markdown."""
    return "\n".join(
        [
            "| the pack, one core | records/s |",
            "|---|---|",
            f"| index and read, all three parts (wanted: {WANTED}) | {rates['read']:.0f} |",
            f"| image: read and decoded | {rates['image']:.0f} |",
            f"| density: read, decoded, at {SIZE[1]}x{SIZE[0]} | {rates['density']:.0f} |",
            f"| packed from {BASELINE[:6]}, all included | {packing:.0f} |",
        ]
    )
