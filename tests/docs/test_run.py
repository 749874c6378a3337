"""Every fenced shell and Python block of the documents runs as it is written, unless it is marked with why it cannot.

A document's blocks run in order in one folder, which `place` fills with tiny files under the names that the documents
use; the `mindaam` in it has the sizes of `tiny_package` and the short cuts of `server`, and nothing else of its own.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs import place, server, tiny_package
from tests.docs.documents import DOCUMENTS, ROOT, blocks

RUN = [document for document in DOCUMENTS if "model_zoo" not in document.parts]
SECONDS = 600  # that one block may take
# Commands whose exit code is another than 0 here, and why.
OTHERWISE = {
    "mindaam data check": "1: the sets of the folder ROOT are a few files each, and the check says what is missing",
}
TRAP = """
failed() {{
    local code=$? command="$BASH_COMMAND"
{exceptions}    printf 'exit code %s: %s\\n' "$code" "$command" >&2
    exit 99
}}
set -uo pipefail
trap failed ERR
"""
# What a document's Python blocks take for granted, as its sentences say.
GIVEN = {
    "README.md": "import numpy as np\nframes = [np.full((48, 64, 3), 90, np.uint8)] * 3\n",
    "docs/export.md": "import numpy as np\nimage = np.zeros((1, 3, 336, 336), np.float32)\n",
}


class Prepared:
    """The folders and the process that blocks run with."""

    def __init__(self, folder):
        package, bin_folder = tiny_package.make(folder / "package"), folder / "bin"
        self.place = place.make(folder / "place", package / "model_zoo" / tiny_package.NAME / "model.safetensors")
        bin_folder.mkdir()
        path = os.pathsep.join([str(bin_folder), str(Path(sys.executable).parent), os.environ["PATH"]])
        paths = os.pathsep.join([str(tiny_package.site(folder / "site", package)), str(ROOT)])
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("MINDAAM_", "MS_"))}
        self.environment = {
            **clean, "PATH": path, "PYTHONPATH": paths, "DEVICE_TARGET": "CPU", "MINDAAM_OFFLINE": "1",
            "MINDAAM_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self.address = str(folder / "socket")
        client = bin_folder / "mindaam"
        client.write_text(server.CLIENT.format(python=sys.executable, address=self.address))
        client.chmod(0o755)
        self.log = folder / "server.log"
        with open(self.log, "wb") as log:
            command = [sys.executable, "-m", "tests.docs.server", self.address]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        while not Path(self.address).exists():
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)

    def run(self, block, folder):
        """What went wrong with a block, "" for nothing."""
        if block.is_python:
            code = "\n" * block.line + block.text  # so that a traceback has the document's lines
            answer = server.ask(self.address, {"folder": str(folder), "code": code, "session": str(block.document)})
            return answer["err"] if answer["code"] else ""
        done = subprocess.run(
            ["bash", "-c", _trap() + block.text], cwd=folder, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
        return f"{done.stdout[-1500:]}{done.stderr[-3000:]}" if done.returncode else ""


def _trap():
    lines = [
        f'    [[ "$command" == "{command}"* && "$code" == {why.partition(":")[0]} ]] && return 0\n'
        for command, why in OTHERWISE.items()
    ]
    return TRAP.format(exceptions="".join(lines))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    made = Prepared(tmp_path_factory.mktemp("docs"))
    yield made
    made.process.kill()
    made.process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("document", RUN, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_run_as_they_are_written(prepared, tmp_path, document):
    folder, name = tmp_path / "place", str(document.relative_to(ROOT))
    shutil.copytree(prepared.place, folder, symlinks=True)
    if name in GIVEN:
        code = {"folder": str(folder), "code": GIVEN[name], "session": str(document)}
        assert server.ask(prepared.address, code)["code"] == 0
    problems = []
    for block in blocks(document):
        if (block.is_shell or block.is_python) and not block.reason:
            begun = time.monotonic()
            problem = prepared.run(block, folder)
            print(f"{block.name}: {time.monotonic() - begun:.1f} s {problem}")
            problems += [f"{block.name}:\n{block.text}\n{problem}"] if problem else []
    assert not problems, "\n".join(problems)
