"""What a rank finds where it runs, as one line of its log: machine, process, cores, and how it computes."""

import os
import socket

from mindaam import runtime


def line(world):
    """The line of this rank; world: its World. Names of variables are sorted, values as they are."""
    found = runtime.settings()
    variables = found.pop("variables")
    cores = sorted(os.sched_getaffinity(0))
    place = f"rank {world.rank} of {world.size} on {socket.gethostname()}, process {os.getpid()}, cores {spans(cores)}"
    how = ", ".join(f"{name} {value}" for name, value in found.items())
    return f"{place}; {how}; {' '.join(f'{name}={value}' for name, value in variables.items())}"


def spans(numbers):
    """Sorted integers as text: [0, 1, 2, 5] -> "0-2,5"."""
    parts = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in parts)
