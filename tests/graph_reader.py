"""A process with one small graph: `python -m tests.graph_reader [kill|fork]`.

Prints what is reported of compiling, the result, and how many graphs were read and made. kill: the process is killed
when it stores the graph, before its file is in its place. fork: a child that is forked before the first graph does it.
"""

import os
import signal
import sys

import mindspore as ms
import numpy as np
from mindspore import nn

from mindaam import files, graphs, runtime


class Scaled(nn.Cell):
    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(2, 2)

    def construct(self, x):
        return self.dense(x) * 3.0


def main(mode=None):
    runtime.configure("CPU", mode="graph", seed=0)
    graphs.announce(print)
    cell = Scaled()
    for parameter in cell.get_parameters():
        parameter.set_data(ms.Tensor(np.arange(parameter.size, dtype=np.float32).reshape(parameter.shape)))
    if mode == "kill":
        files.take_place = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    if mode == "fork" and (child := os.fork()):
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print(graphs.run(cell, ms.Tensor(np.ones((1, 2), np.float32))).asnumpy().tolist())
    store = graphs.kept()
    print(f"{store.found} read, {store.made} made" if store else "not stored", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
