"""`python -m tests.reliability.command real|fake ARGUMENTS`: `mindaam ARGUMENTS` with a model that costs less.

real: the bundled model on MindSpore, operator by operator instead of compiled, its decoder replaced by a mean. fake: a
model and a sentence encoder that need no MindSpore. All else is the command's own: what reads, writes and fails.
"""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

from tests.reliability.row import ROOT, require

LONGEST = 300  # seconds on the clock


def ended(kind, arguments, folder, *, before=None, environment=None, name="command", **streams):
    """(exit code, stdout, stderr) of the command run to its end in a process of its own.

    before: called in that process before the command starts. environment: its variables. The streams are pipes unless
    given as for `subprocess.Popen`; of what is no pipe the text is "". Raises Fallen when it takes too long.
    """
    process = started(kind, arguments, folder, before=before, environment=environment, **streams)
    try:
        said = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        require(False, f"{name} took more than {LONGEST} s")
    return process.returncode, *((text or b"").decode(errors="replace") for text in said)


def started(kind, arguments, folder, *, before=None, environment=None, **streams):
    """The process of the command, begun."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    known = environment or os.environ
    return subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.command", kind, *map(str, arguments)],
        cwd=folder, env={**known, "PYTHONPATH": str(ROOT)}, preexec_fn=lambda: _unbound(before), **streams,
    )  # fmt: skip


def _unbound(before):
    """In a new process: the signals as a shell leaves them, then what the try wants."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if before:
        before()


def require_sentence(code, out, err, names):
    """Fallen unless a command failed as it should: code 2, one sentence on stderr that has one of the names."""
    require("Traceback" not in err, f"a traceback: {err[-200:]!r}")
    require(code == 2, f"exit code {code}: {err[-200:]!r}")
    lines = [line for line in err.splitlines() if line.startswith("mindaam: ")]
    require(lines and any(name in line for line in lines for name in names), f"no sentence: {err[-200:]!r}")


def _real():
    from mindaam import graphs, runtime

    configure = runtime.configure

    def at_once(device=None, mode="pynative", **more):
        configure(device, "pynative", **more)
        from mindaam.decoder.decoder import HyperbolicDecoder
        from tests.docs.short_cuts import mean_in_its_place

        HyperbolicDecoder.construct = mean_in_its_place

    runtime.configure = at_once
    graphs.run = lambda cell, *inputs, by=None: cell(*inputs)


def _fake():
    # before anything imports it, and MindSpore with it
    sys.modules["mindaam.zoo.weights"] = SimpleNamespace(model_prompts=lambda model: {})
    from mindaam import runtime, zoo
    from mindaam.inference import predictor
    from tests.fakes import FakeEncoder, FakeModel

    runtime.configure = lambda *_, **__: None
    zoo.sentence_encoder = lambda name: FakeEncoder()
    predictor._load = lambda model: FakeModel()
    predictor._check = lambda sentence: None  # by the encoder's tokens


def main():
    """The exit code is the command's."""
    {"real": _real, "fake": _fake}[sys.argv.pop(1)]()
    from mindaam.cli.main import main as command

    command()


if __name__ == "__main__":
    main()
