"""What every test shares: MindSpore's set-up, the place of the gaze data, the fast/slow/gaze marks."""

import os
import pathlib
import sys

import pytest
from hypothesis import settings

# the machines are noisy: an example may take as long as it likes
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

os.environ.setdefault("MS_COMPILER_CACHE_ENABLE", "0")  # no graphs are stored, nor by processes that tests start

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session", autouse=True)
def mindspore_runtime():
    """PyNative mode and a fixed seed, as a test's default."""
    import mindspore as ms

    from mindaam import runtime

    runtime.configure("CPU", mode="pynative", seed=0)
    ms.runtime.launch_blocking()  # the queue takes ten times as long as operators this small; values are equal


@pytest.fixture(scope="module", autouse=True)
def pynative_at_first(mindspore_runtime):
    """A test file begins in PyNative mode, whatever mode a command of the file before it chose."""
    import mindspore as ms

    from mindaam import runtime

    if ms.get_context("mode") != ms.PYNATIVE_MODE:
        runtime.configure(mode="pynative")


@pytest.fixture
def graph():
    """Graph mode for one test: operator by operator, a whole model would take minutes."""
    from mindaam import runtime

    runtime.configure(mode="graph", seed=0)
    yield
    runtime.configure(mode="pynative")


@pytest.fixture(scope="session", autouse=True)
def empty_cache(tmp_path_factory):
    """No test sees, or writes to, the weights that the user fetched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINDAAM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def gaze_root():
    """The folder of gaze folders (osie/, eyecrowd/, ...): $MINDAAM_GAZE, or shared/data beside the checkout."""
    place = pathlib.Path(os.environ.get("MINDAAM_GAZE", ROOT.parent / "shared" / "data"))
    if not (place / "osie" / "meta.json").exists():
        pytest.skip(f"needs eye-tracking data, which is not part of the repository: no {place} (set MINDAAM_GAZE)")
    return place
