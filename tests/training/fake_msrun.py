"""Behaves as msrun does, without MindSpore: python fake_msrun.py FOLDER RANK_0'S_CODE RANK_1'S_CODE.

It starts a scheduler and two workers that run the given Python code, each with the environment that msrun gives; kills
all workers when one fails; and then waits for a scheduler that never ends by itself.
"""

import os
import subprocess
import sys
import time

folder, codes = sys.argv[1], sys.argv[2:]


def process(code, log, **environment):
    """A child as msrun has them."""
    with open(f"{folder}/{log}.log", "wb") as file:
        return subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ | environment, stdout=file, stderr=file,
            start_new_session=environment["MS_ROLE"] == "MS_WORKER",
        )  # fmt: skip


scheduler = process("import time; time.sleep(600)", "scheduler", MS_ROLE="MS_SCHED")
workers = [
    process(code, f"worker_{rank}", MS_ROLE="MS_WORKER", MS_NODE_ID=str(rank)) for rank, code in enumerate(codes)
]
failed = False
while not failed:
    for worker in workers:
        if worker.poll():
            print(f"[ERROR] Worker process {worker.pid} exit with exception. Error code: {worker.poll()}.", flush=True)
            failed = True
            break
    if not failed and all(worker.poll() == 0 for worker in workers):
        break
    time.sleep(0.1)
if failed:
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
    scheduler.wait()
    sys.exit(1)
scheduler.kill()
