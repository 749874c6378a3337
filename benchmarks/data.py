"""The cost of reading: samples per second, CPU and memory, of folders of images and of a pack, and whether steps wait.

    python benchmarks/data.py [--pictures 48] [--step 0.5] [--batch 8]
    python benchmarks/data.py --formats [--records 1500]

Images of 1024x768 are cropped from those in examples/, with fixations drawn at random; a sample is the image and its
density at 448x448. The baseline is the folder reader on JPEGs (`data_readers`). --formats compares file formats for
packs; the baseline is MindRecord (`data_formats`).
"""

import argparse
import sys
import tempfile
from pathlib import Path

from common import load, machine

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # spawned processes inherit the path


def main():
    """Makes the images, measures, and prints a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pictures", type=int, default=48, help="number of images")
    options.add_argument("--step", type=float, default=0.5, help="seconds of a simulated training step")
    options.add_argument("--batch", type=int, default=8, help="samples per step")
    options.add_argument("--formats", action="store_true", help="compare formats of packs instead")
    options.add_argument("--records", type=int, default=1500, help="records of each format")
    asked = options.parse_args()
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as place:
        print(formats(asked, place) if asked.formats else readers(asked, Path(place)))
    print(f"\nload average at the end {load()}")


def formats(asked, place):
    """The comparison of formats, as Markdown."""
    # imported here: the worker processes import this file too, and the imports of a format are part of its cost
    import data_formats
    import data_readers

    def report(name):
        print(name, file=sys.stderr)

    return data_formats.table(data_formats.compare(data_readers.records(60), asked.records, place, report))


def readers(asked, place):
    """The comparison of readers, as Markdown."""
    import data_readers

    return data_readers.compare(asked, place)


if __name__ == "__main__":
    main()
