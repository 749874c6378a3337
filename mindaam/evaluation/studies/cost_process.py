"""One measurement of `mindaam analyze cost`, in a process of its own: peak memory belongs to a process.

Called with a JSON object on the command line: model, preset, device, count, clip, seconds. The last line of standard
output is a JSON object with the measured fields of `cost.Timing`.
"""

import json
import os
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

LEAST = 3  # calls that are timed, at least
WARM = 4.0  # seconds: the calls of the first seconds after compiling take up to 1.5 times as long as later ones


def main(job):
    """Prints what calls of `AAM.infer` on `count` images, or on a clip of so many frames, take."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # what libraries print
        print(json.dumps(measured(job)), file=out, flush=True)


def measured(job):
    """The fields of a `cost.Timing`: of compilation, of the calls after it, and of memory."""
    from mindaam import runtime
    from mindaam.encoders.lora import merge_lora
    from mindaam.evaluation.studies.cost import built

    runtime.configure(job["device"], mode="graph", seed=0)
    model = built(job["model"], job["preset"])
    merge_lora(model.backbone)
    model.set_train(False)
    images = np.random.default_rng(0).standard_normal((job["count"], 3, *model.config.image_size), np.float32)
    prompt = np.random.default_rng(1).standard_normal((1, model.config.text.width), np.float32)
    return timed(lambda: model.infer(images, prompt, clip=job["clip"]), job["seconds"])


def timed(call, seconds):
    """Times `call` for at least so many seconds and LEAST calls, after a first one, which compiles, and warm ones."""
    first, started = _seconds(call), time.perf_counter()
    while time.perf_counter() - started < WARM:
        call()
    found, started = [], time.perf_counter()
    while len(found) < LEAST or time.perf_counter() - started < seconds:
        found.append(_seconds(call))
    return {
        "calls": len(found),
        "median": median(found),
        "least": min(found),
        "compiling": max(first - median(found), 0.0),
        "peak_mb": peak_mb(),
        "load": os.getloadavg()[0],
    }


def _seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def peak_mb():
    """Peak resident memory of this process on the host, MB; None where the system has no /proc."""
    status = Path("/proc/self/status")  # getrusage would count what the parent had when it forked
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), None)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
