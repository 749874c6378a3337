"""Kills a tiny run with SIGKILL at random moments and resumes it, again and again, then compares it with one that was
left alone: python -m tests.training.survive [--kills 100] [--seed 0]. A process takes half a minute to compile, so
that most kills come before a step or between two; the short ones of writing a checkpoint are test_checkpoints' matter.
"""

import argparse
import random
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from mindaam.training import checkpoints
from tests.training.corpus_root import make_corpus
from tests.training.jobs import finish, kill, require_same, start

CHANGES = ("corpus={osie: 1, salicon: 1}", "checkpoint_every=1", "sampling.steps=4", "model_changes.lora.dropout=0.1")


def survive(place, kills, seed=0, say=print):
    """Raises AssertionError when a killed run does not resume, or is not in the end the run that was left alone.

    A run that comes to its end between two kills is compared, and the next one begun.
    """
    data, alone, killed = make_corpus(place / "data"), place / "alone", place / "killed"
    since = time.monotonic()
    finish(start(data, alone, CHANGES), alone)
    whole = time.monotonic() - since
    draw, number = random.Random(seed), 0
    while number < kills:
        job, moment = start(data, killed, CHANGES), draw.uniform(0, whole)
        try:
            assert job.wait(moment) == 0, "the run refused to go on"
            require_same(alone, killed)
            shutil.rmtree(killed)
            say("a run came to its end, and is the one that was left alone", flush=True)
        except subprocess.TimeoutExpired:
            kill(job)
            number, found = number + 1, checkpoints.latest(killed)
            reached = found.path.name if found else "no checkpoint yet"
            say(f"kill {number}/{kills} at second {moment:.1f} of about {whole:.0f}: {reached}", flush=True)
    finish(start(data, killed, CHANGES), killed)
    require_same(alone, killed)


def main():
    """The command."""
    parser = argparse.ArgumentParser(description="kill -9 at random moments of a tiny run")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        survive(Path(place), options.kills, options.seed)
    print(f"survived {options.kills}: equal to the run that was left alone, to the bit")


if __name__ == "__main__":
    main()
