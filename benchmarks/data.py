"""What reading costs: samples a second, CPU and memory, of folders of pictures and of a pack, and whether steps wait.

    python benchmarks/data.py [--pictures 48] [--step 0.5] [--batch 8]
    python benchmarks/data.py --formats [--records 1500]

Pictures of 1024x768 are cut from the photographs in examples/, with fixations drawn at random; a sample is the picture
and its density at 448x448. The baseline is the folder reader on JPEGs (`data_readers`). --formats compares the formats
that a pack could have instead; the baseline is MindRecord (`data_formats`).
"""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # processes that are started afresh inherit the path


def main():
    """Makes the pictures, measures, and prints a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pictures", type=int, default=48, help="how many pictures are made")
    options.add_argument("--step", type=float, default=0.5, help="seconds that a simulated training step takes")
    options.add_argument("--batch", type=int, default=8, help="samples that such a step needs")
    options.add_argument("--formats", action="store_true", help="compare formats of packs instead")
    options.add_argument("--records", type=int, default=1500, help="records that each of these formats holds")
    asked = options.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load average {load()}, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as place:
        print(formats(asked, place) if asked.formats else readers(asked, Path(place)))
    print(f"\nload average at the end {load()}")


def formats(asked, place):
    """The comparison of formats, as Markdown."""
    # here, because the processes import this file too, and what a format imports is part of its cost
    import data_formats
    import data_readers

    def report(name):
        print(name, file=sys.stderr)

    return data_formats.table(data_formats.compare(data_readers.records(60), asked.records, place, report))


def readers(asked, place):
    """The comparison of readers, as Markdown."""
    import data_readers

    return data_readers.compare(asked, place)


def load():
    """The load average as text."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


if __name__ == "__main__":
    main()
