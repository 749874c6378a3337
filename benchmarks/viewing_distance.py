"""How much a map depends on the viewing distance: the same fixations, blurred by one degree at several sizes.

`python benchmarks/viewing_distance.py FOLDER` takes a gaze folder with fixations and prints, for images that span so
many degrees of visual angle, the CC of their densities with that of the recording. No map is predicted.
"""

import argparse

import cv2
import numpy as np

from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.metrics.density import cc

DEGREES = (11, 20, 27, 44, 60)  # a phone, ..., a television, a large monitor, the front row of a cinema


def density(points, shape, sigma):
    """Fixations [n, 2] as x, y blurred by sigma pixels, float32 [H, W]."""
    counts = np.zeros(shape, np.float32)
    columns, rows = np.clip(points.astype(int), 0, (shape[1] - 1, shape[0] - 1)).T
    np.add.at(counts, (rows, columns), 1)
    return cv2.GaussianBlur(counts, (0, 0), sigma)


def main():
    """Prints one line per viewing angle: the mean CC over the images of the val split."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", help="gaze folder with fixations")
    reader = GazeFolder(options.parse_args().folder, "val")
    found = []
    for index in range(len(reader)):
        shape, points = reader.size(index), np.asarray(reader.fixations(index))[:, :2]
        recorded = density(points, shape, reader.sigma(index))
        found.append([cc(recorded, density(points, shape, shape[1] / degrees)) for degrees in DEGREES])
    for degrees, value in zip(DEGREES, np.mean(found, 0), strict=True):
        print(f"{degrees} degrees per width: CC {value:.3f} with the recording, n {len(reader)}")


if __name__ == "__main__":
    main()
