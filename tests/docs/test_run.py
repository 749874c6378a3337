"""Every fenced shell and Python block of the documents runs as it is written, unless it is marked with why it cannot.

A document's blocks run in order in one folder, which `place` fills with tiny files under the names that the documents
use; the MindAAM in it has the sizes of `tiny_package` and the short cuts of `short_cuts`, and nothing else of its own.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs import place, tiny_package
from tests.docs.documents import DOCUMENTS, ROOT, blocks

RUN = [document for document in DOCUMENTS if "model_zoo" not in document.parts]
SECONDS = 1200  # that one block may take
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
# What a document's Python blocks take for granted, as its sentences say; in one line, so that lines keep their numbers.
GIVEN = {
    "README.md": "import numpy as np; frames = [np.full((48, 64, 3), 90, np.uint8)] * 3",
    "docs/export.md": "import numpy as np; image = np.zeros((1, 3, 336, 336), np.float32)",
}


class Prepared(NamedTuple):
    """The folder that a document's blocks find, and the environment that they run in."""

    place: Path
    environment: dict

    def run(self, block, folder):
        """What went wrong with a block in that copy of the place, "" for nothing."""
        if block.is_python:
            script = folder / f"{block.document.stem}.py"  # MindSpore reads a Cell's source from its file
            script.write_text(so_far(block))
            command = [sys.executable, str(script)]
        else:
            command = ["bash", "-c", _trap() + block.text]
        done = subprocess.run(
            command, cwd=folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=SECONDS,
        )  # fmt: skip
        return f"{done.stdout[-1500:]}{done.stderr[-3000:]}" if done.returncode else ""


def so_far(block):
    """A script of the document's Python blocks up to this one, each at its lines of the document."""
    lines = [GIVEN.get(str(block.document.relative_to(ROOT)), "")]
    for each in blocks(block.document):
        if each.is_python and not each.reason and each.line <= block.line:
            lines += [""] * (each.line - len(lines)) + each.text.splitlines()
    return "\n".join(lines) + "\n"


def _trap():
    lines = [
        f'    [[ "$command" == "{command}"* && "$code" == {why.partition(":")[0]} ]] && return 0\n'
        for command, why in OTHERWISE.items()
    ]
    return TRAP.format(exceptions="".join(lines))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    package = tiny_package.make(folder / "package")
    programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
    paths = [str(tiny_package.site(folder / "site", package)), str(ROOT)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MINDAAM_", "MS_"))}
    environment = {
        **clean, "PATH": os.pathsep.join(programs), "PYTHONPATH": os.pathsep.join(paths), "DEVICE_TARGET": "CPU",
        "MINDAAM_OFFLINE": "1", "MINDAAM_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    made = place.make(folder / "place", package / "model_zoo" / tiny_package.NAME / "model.safetensors")
    return Prepared(made, environment)


@pytest.mark.slow
@pytest.mark.parametrize("document", RUN, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_run_as_they_are_written(prepared, tmp_path, document):
    folder = tmp_path / "place"
    shutil.copytree(prepared.place, folder, symlinks=True)
    problems = []
    for block in blocks(document):
        if (block.is_shell or block.is_python) and not block.reason:
            begun = time.monotonic()
            problem = prepared.run(block, folder)
            print(f"{block.name}: {time.monotonic() - begun:.1f} s {problem}")
            problems += [f"{block.name}:\n{block.text}\n{problem}"] if problem else []
    assert not problems, "\n".join(problems)
