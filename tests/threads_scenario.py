"""Run in a process of its own: four threads compile and predict with two models at once, then a fork tries to."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mindaam import runtime
from mindaam.errors import ConfigError

PHOTOS = [np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8) for seed in range(30)]


def predictor():
    """A Predictor of a tiny model; no two are alike."""
    from mindaam.inference.predictor import Predictor
    from mindaam.models.registry import build_model
    from tests.decoder.small import stirred
    from tests.models import tiny

    class Encoder:
        def encode(self, sentences):
            return np.ones((len(sentences), tiny.TEXT_WIDTH), np.float32)

    model = build_model(tiny.NAME, "paper", changes=tiny.CHANGES)
    stirred(model.head)
    return Predictor(model.set_train(False), sentence_encoder=Encoder())


def main():
    """Says on stdout whether the threads got what one alone gets, and what became of the fork."""
    runtime.configure(mode="graph", seed=0)
    pair = predictor(), predictor()
    jobs = [(each, photo) for photo in PHOTOS for each in pair]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: job[0].predict(job[1]).density, jobs))
    alone = [each.predict(photo).density for each, photo in jobs]
    same = all(map(np.array_equal, together, alone))
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        code = 1
        try:
            pair[0].predict(PHOTOS[0])
        except ConfigError:
            code = 3
        finally:
            os._exit(code)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(f"same: {same}; in a fork: {'refused' if ended == 3 else ended}", flush=True)


if __name__ == "__main__":
    main()
