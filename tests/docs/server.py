"""Runs what a document's blocks ask for in one process that has MindSpore loaded: python -m tests.docs.server SOCKET

A block's `mindaam ...` (the client below, named `mindaam` in a folder on PATH) and its Python code come here, one after
the other, each with its folder, and are run by the real command line, on the tiny package. What is kept short, beside
the sizes in `tiny_package`: no graph is compiled, no processes are started to decode pictures, and the decoder, which
takes more than half of the time, is replaced by a mean. What models compute has tests of its own.
"""

import contextlib
import io
import json
import os
import socket
import sys
import traceback
from functools import partial

CLIENT = """#!{python}
import json, os, socket, sys

with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    request = {{"folder": os.getcwd(), "arguments": sys.argv[1:], "environment": dict(os.environ)}}
    line.sendall(json.dumps(request).encode() + b"\\n")
    answer = json.loads(line.makefile().readline())
sys.stdout.write(answer["out"])
sys.stderr.write(answer["err"])
sys.exit(answer["code"])
"""
NAMES = ("MINDAAM_", "DEVICE_TARGET")  # of variables that a command takes over from its block


def ask(address, request):
    """The answer {"code", "out", "err"} to a request: {"folder", "arguments"} or {"folder", "code", "session"}."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(address)
        line.sendall(json.dumps({"environment": dict(os.environ), **request}).encode() + b"\n")
        return json.loads(line.makefile().readline())


def shorten():
    """Lets MindSpore run operator by operator on one thread, pictures be decoded in this process, and nothing decode
    maps."""
    from mindaam import runtime
    from mindaam.decoder.decoder import HyperbolicDecoder
    from mindaam.training import corpus_loop, sources

    configure = runtime.configure

    def at_once(device=None, mode="pynative", **more):
        configure(device, "pynative", **{**more, "threads": 1})

    runtime.configure = at_once
    corpus_loop.CorpusSource = partial(corpus_loop.CorpusSource, workers=0)
    sources.WORKERS = 0
    HyperbolicDecoder.construct = mean_in_its_place


def mean_in_its_place(self, maps, sentence, text, image, curvature):
    """What the decoder takes in -> logits [B,1,h,w] that depend on the picture and on the prompt."""
    return maps[0].mean(1, True) + text.mean(1).reshape(-1, 1, 1, 1)


def answered(request, sessions):
    """The answer to a request; sessions: {name: what its Python blocks have defined so far}."""
    from mindaam.cli.main import run

    out, err, before = io.StringIO(), io.StringIO(), dict(os.environ)
    taken = {name: value for name, value in request["environment"].items() if name.startswith(NAMES)}
    os.chdir(request["folder"])
    os.environ.update(taken)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                if "arguments" in request:
                    code = run(request["arguments"])
                else:
                    exec(
                        compile(request["code"], request["session"], "exec"),
                        sessions.setdefault(request["session"], {}),
                    )
                    code = 0
            except BaseException as error:  # a block that fails is what this is for
                code = error.code if isinstance(error, SystemExit) else 1
                err.write("" if isinstance(error, SystemExit) else traceback.format_exc())
    finally:
        os.environ.clear()
        os.environ.update(before)
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def main(address):
    """Serves until it is killed."""
    from mindaam import runtime

    runtime.configure("CPU")
    sessions = {}
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        while True:
            line, _ = server.accept()
            with line:
                request = json.loads(line.makefile().readline())
                line.sendall(json.dumps(answered(request, sessions)).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
