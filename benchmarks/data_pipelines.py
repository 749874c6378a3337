"""Batches of a pack as a training step takes them: MindAAM's loader against `mindspore.dataset`, on the same reader.

    python benchmarks/data_pipelines.py [--pictures 48] [--batch 8] [--workers 2] [--step 0.5]
    python benchmarks/data_pipelines.py --device Ascend [--workers 16]      # with data sink, which a CPU does not have

Each side runs in a process of its own and is asked for batches again and again: images [B,3,448,448] and densities
[B,1,448,448], float32. Waiting is the share of time for which steps of --step seconds wait for the next batch. Data
sink runs an empty step on batches that MindSpore queues on the device. A sink has one queue of one set of shapes: a run
whose steps alternate between images, clips and clips with audio would need one for each, and a run that is resumed
within an epoch could not say which batches the queue already took.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import load, machine

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # spawned processes inherit the path

SECONDS = 3.0  # of a measurement, at least
MEAN = STD = np.float32(0.5)


def main():
    """Makes a pack, measures, and prints a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pictures", type=int, default=48, help="number of images")
    options.add_argument("--batch", type=int, default=8, help="samples per step")
    options.add_argument("--workers", type=int, default=2, help="threads that decode")
    options.add_argument("--step", type=float, default=0.5, help="seconds of a simulated training step")
    options.add_argument("--device", default="CPU", choices=("CPU", "Ascend"), help="Ascend: with data sink")
    asked = options.parse_args()
    import data_readers

    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as place:
        pack = data_readers.packed(
            data_readers.gaze_folder(Path(place) / "jpeg", ".jpg", asked.pictures), f"{place}/pack"
        )
        sides = {"MindAAM's loader": loaded, "mindspore.dataset": dataset_batches}
        rows = [(name, data_readers.found(measured, each, pack, asked, core=None)) for name, each in sides.items()]
        if asked.device == "Ascend":
            rows.append(("mindspore.dataset, data sink", data_readers.found(sunk, pack, asked, core=None)))
    print(f"| {asked.workers} threads | samples/s | CPU ms per sample | waits, steps of {asked.step:g} s |")
    print("|---|---|---|---|")
    for name, figures in rows:
        wait = f"{100 * figures['waits']:.1f} %" if "waits" in figures else "-"
        print(f"| {name} | {figures['rate']:.0f} | {figures['cpu_ms']:.2f} | {wait} |")
    print(f"\nload average at the end {load()}")


def normalized(image, density):
    """One sample as a step takes it: float32 [3,H,W] and [1,H,W]."""
    levels = np.asarray(image, np.float32) / np.float32(255)
    return np.ascontiguousarray(((levels - MEAN) / STD).transpose(2, 0, 1)), density[None]


def loaded(pack, asked):
    """Yields batches without end, read ahead by the Loader's threads, as `CorpusSource` reads packs."""
    import data_readers

    from mindaam.data.loader import Loader

    with Loader([pack], data_readers.sample, workers=asked.workers, ahead=2 * asked.batch, threads=True) as reading:
        arriving = reading(data_readers.endless(pack))
        while True:
            pairs = [normalized(*next(arriving)) for _ in range(asked.batch)]
            yield tuple(np.stack(each) for each in zip(*pairs, strict=True))


def dataset_batches(pack, asked):
    """Yields the same from a GeneratorDataset, whose threads read and normalize."""
    dataset = as_dataset(pack, asked)
    while True:
        yield from dataset.create_tuple_iterator(output_numpy=True, num_epochs=1)


def as_dataset(pack, asked):
    """The batches of one epoch of a pack as a MindSpore dataset."""
    from mindspore import dataset

    class Samples:
        """A pack by index, in the order in which the sampler asks."""

        def __getitem__(self, index):
            import data_readers

            return normalized(*data_readers.sample(pack, int(index)))

        def __len__(self):
            return len(pack)

    samples = dataset.GeneratorDataset(
        Samples(), ["image", "density"], shuffle=True, num_parallel_workers=asked.workers, python_multiprocessing=False
    )
    return samples.batch(asked.batch, drop_remainder=True)


def measured(batches, pack, asked):
    """{"rate", "cpu_ms", "waits"} of a function that yields batches."""
    arriving = batches(pack, asked)
    next(arriving)  # threads have started
    taken, start, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < SECONDS:
        next(arriving)
        taken += asked.batch
    figures = {"rate": taken / (time.perf_counter() - start), "cpu_ms": 1000 * (time.process_time() - cpu) / taken}
    waited, steps = 0.0, max(4, round(SECONDS / asked.step))
    for _ in range(steps):
        start = time.perf_counter()
        next(arriving)
        waited += time.perf_counter() - start
        time.sleep(asked.step)
    return figures | {"waits": waited / (waited + steps * asked.step)}


def sunk(pack, asked):
    """The rate of an empty step on batches that MindSpore queues on the device; never run, for want of one."""
    import mindspore as ms

    from mindaam import runtime

    runtime.configure(asked.device, mode="graph")
    step = ms.data_sink(
        lambda image, density: image.mean() + density.mean(), as_dataset(pack, asked), jit_config=ms.JitConfig()
    )
    step().asnumpy()
    taken, start, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < SECONDS:
        step().asnumpy()
        taken += asked.batch
    return {"rate": taken / (time.perf_counter() - start), "cpu_ms": 1000 * (time.process_time() - cpu) / taken}


if __name__ == "__main__":
    main()
