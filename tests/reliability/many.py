"""`python -m tests.reliability.many COUNT`: so many images through a small model on MindSpore, in one process."""

import sys

import numpy as np

from mindaam import runtime
from tests.threads_scenario import predictor


def main(count):
    """Predicts, and keeps nothing."""
    runtime.configure(mode="graph", seed=0)
    one = predictor()
    for number in range(int(count)):
        one.predict(np.random.default_rng(number).integers(0, 256, (60, 80, 3), dtype=np.uint8))


if __name__ == "__main__":
    main(*sys.argv[1:])
