"""What the metrics cost: AUC-Judd against a loop over its thresholds, and whole sets of images and frames.

    python benchmarks/metrics.py [--rounds 5] [--images 140] [--frames 300] [--only auc|images|frames]

AUC-Judd is compared with two earlier forms on maps of 800x600: the loop, which counts the pixels that reach each
threshold one by one, is the baseline of the ratios; sorting all the other pixels is the form of the first release.
Images are of OSIE's size, 800x600, with nine metrics and 100 draws of negatives (protocol `mit`); frames are of a video
of 1280x720 with five metrics. Maps and fixations are random, the times CPU time of this process.
"""

import argparse
import time

import numpy as np
from common import machine

from mindaam.data.transforms import fit_within, resize_density
from mindaam.metrics import auc_judd
from mindaam.metrics.maps import as_map, as_points, fixated
from mindaam.metrics.protocols import METRICS, comparison_size, protocol
from mindaam.metrics.scoring import Truth, score

SIZE = (600, 800)
FRAME = (720, 1280)
FIVE = ("CC", "SIM", "KLD", "NSS", "AUC_Judd")
JITTER = 1e-7


def main():
    """Prints a table of AUC-Judd and a line for images and frames each."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5, help="calls that are timed; the quickest counts")
    options.add_argument("--images", type=int, default=140, help="images that are scored")
    options.add_argument("--frames", type=int, default=300, help="frames that are scored")
    options.add_argument("--only", choices=("auc", "images", "frames"), help="one part")
    asked = options.parse_args()
    print(machine())
    if asked.only in (None, "auc"):
        print(auc_table(asked.rounds))
    if asked.only in (None, "images"):
        seconds = set_seconds(asked.images, SIZE, protocol("mit"), METRICS)
        print(f"{asked.images} images of 800x600, nine metrics, 100 draws: {seconds:.1f} s (wanted: 140 in 60 s)")
    if asked.only in (None, "frames"):
        for name in ("paper", "mit"):
            seconds = set_seconds(asked.frames, FRAME, protocol(name), FIVE)
            print(f"{asked.frames} frames of 1280x720, five metrics, {name}: {seconds:.1f} s (wanted: 300 in 30 s)")


def auc_table(rounds):
    """Milliseconds of AUC-Judd and of its baselines, by the kind of map and the number of fixations."""
    heads = ("map", "fixations", "loop, ms", "sorting, ms", "now, ms", "loop / now", "sorting / now", "difference")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    random = np.random.default_rng(0)
    for kind in ("smooth", "peaked", "noise"):
        values = some_map(random, SIZE, kind)
        for count in (5, 100, 1000):
            seen = random.random((count, 2)) * SIZE[::-1]
            auc_judd(values, seen, jitter=JITTER)  # draws the noise, which is kept
            loop, slow = timed(lambda v, s: judd(v, s, by_loop), 1, values, seen)
            _, sorting = timed(lambda v, s: judd(v, s, by_sorting), rounds, values, seen)
            now, quick = timed(lambda v, s: auc_judd(v, s, jitter=JITTER), rounds, values, seen)
            cells = f"{slow:.1f} | {sorting:.1f} | {quick:.1f} | {slow / quick:.1f}x | {sorting / quick:.1f}x"
            lines.append(f"| {kind} | {count} | {cells} | {abs(loop - now):.0e} |")
    return "\n".join(lines)


def set_seconds(count, size, protocol, names):
    """CPU seconds of scoring `count` predictions of `size`, each with 100 fixations and 1,000 of other images."""
    random = np.random.default_rng(0)
    stored, compared = size, comparison_size(protocol, size)
    predictions = [some_map(random, fit_within(stored, 400), "smooth").astype(np.float32) for _ in range(4)]
    densities = [resize_density(some_map(random, compared, "peaked"), compared) for _ in range(4)]
    baseline, seconds = some_map(random, (300, 400), "smooth"), 0.0
    for index in range(count):
        fixations, others = (random.random((n, 2)) * compared[::-1] for n in (100, 1000))
        truth = Truth(densities[index % 4], fixations, others, baseline)
        start = time.process_time()
        score(predictions[index % 4], truth, protocol, names)
        seconds += time.process_time() - start
    return seconds


def some_map(random, size, kind):
    """A random map [H,W] >= 0: "noise", "smooth" (a few wide blobs) or "peaked" (nearly all of it almost zero)."""
    if kind == "noise":
        return random.random(size)
    rows, columns = np.ogrid[: size[0], : size[1]]
    width = size[1] * (0.15 if kind == "smooth" else 0.04)
    centers = random.random((6, 2)) * size
    return sum(np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2)) for y, x in centers)


def timed(function, rounds, *given):
    """The result, and the milliseconds of CPU time of the quickest of `rounds` calls."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        result = function(*given)
        times.append(1000 * (time.process_time() - start))
    return result, min(times)


def judd(values, fixations, counts):
    """AUC-Judd with ties taken together and jitter, as it was; counts: (values, thresholds) -> pixels that reach."""
    values, fixations = as_map(values, "prediction"), as_points(fixations)
    mask = fixated(values.shape, fixations)
    values = values + JITTER * np.ptp(values) * np.random.RandomState(0).random_sample(values.shape)
    seen, rest = values[mask], values[~mask]
    thresholds = np.unique(seen)[::-1]
    hits, alarms = (np.r_[0.0, counts(each, thresholds) / len(each), 1.0] for each in (seen, rest))
    return float((np.diff(alarms) * (hits[1:] + hits[:-1]) / 2).sum())


def by_loop(values, thresholds):
    """Each threshold on its own."""
    return np.array([np.sum(values >= threshold) for threshold in thresholds])


def by_sorting(values, thresholds):
    """All values sorted, and the thresholds looked up among them."""
    return len(values) - np.searchsorted(np.sort(values), thresholds, "left")


if __name__ == "__main__":
    main()
