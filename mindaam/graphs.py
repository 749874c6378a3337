"""Compiled graphs that are kept between processes, each under a key of its own.

MindSpore's compile cache numbers graphs in the order in which a process compiles them, and takes the n-th file of its
folder for the n-th graph, whatever that is: after another model, another size or another order, a process computes with
a graph that is not its own, and nothing tells. So where that cache is asked for (MS_COMPILER_CACHE_ENABLE=1), the
package uses it for one graph at a time: in a folder of this process alone, into which the one graph that has the right
key is linked under the number that MindSpore looks for, and from which a new graph is taken into the user's folder.
Whatever else a process compiles is compiled again.
"""

import atexit
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakKeyDictionary

from mindaam.errors import ConfigError, OutputError
from mindaam.files import replacing
from mindaam.turns import began, turn

ENABLE, PATH, FORCE = "MS_COMPILER_CACHE_ENABLE", "MS_COMPILER_CACHE_PATH", "MS_DEV_FORCE_USE_COMPILE_CACHE"
FOLDER = "mindaam_graphs"  # within the user's folder
GRAPH = "compile_cache_{}.mindir"  # MindSpore's name of the n-th graph

_store = None  # of this process, once one is asked for
_compiled = WeakKeyDictionary()  # Cell: the signatures that it was compiled for in this process


def keep(folder=None):
    """Keeps compiled graphs in `folder`, or in that of MS_COMPILER_CACHE_PATH if MS_COMPILER_CACHE_ENABLE is 1.

    Nothing happens if neither is asked for, or one of them was before. MindSpore's own cache is off afterwards, by
    whichever way it was switched on. A run of several ranks keeps none: their graphs were never read back in a test.
    Raises ConfigError when the folder cannot be written.
    """
    global _store
    asked = os.environ.pop(ENABLE, None) == "1"
    _switch_off()
    folder = folder or (os.environ.get(PATH) or "." if asked else None)
    if folder is None or _store is not None or os.environ.get("MS_ROLE"):
        return
    _store = _Store(Path(folder) / FOLDER)


@turn()
def run(cell, *inputs, by=None):
    """cell(*inputs) in graph mode, its graph a kept one if there is one. by: the function that `ms.jit` made of the
    Cell's `construct`, which is called in place of the Cell, in either mode."""
    keep()
    began()
    call = cell if by is None else by
    if _store is None or not (by or _graph_mode()):
        return call(*inputs)
    from mindaam.graph_keys import Unknown, graph_key, signature

    seen, wanted = _compiled.setdefault(cell, set()), (cell.phase, signature(inputs))
    if wanted in seen:
        return call(*inputs)
    try:
        key = graph_key(cell, inputs, "jit" if by else "")
    except Unknown:
        key = None
    result = call(*inputs) if key is None else _store.compiled(key, lambda: call(*inputs))
    seen.add(wanted)
    return result


def kept():
    """What keeps this process's graphs: its `folder`, and how many were `found` there and `made`; None without one."""
    return _store


def clear():
    """Removes this process's own folder of graphs, as its end does; for a process that ends without that."""
    if _store is not None:
        shutil.rmtree(_store.own, ignore_errors=True)


def _switch_off():
    """Ends what `mindspore.set_context(enable_compile_cache=True)` began; graphs are then compiled again."""
    mindspore = sys.modules.get("mindspore")
    if mindspore and mindspore.get_context("enable_compile_cache"):
        mindspore.set_context(enable_compile_cache=False)


def _graph_mode():
    import mindspore as ms

    return ms.get_context("mode") == ms.GRAPH_MODE


class _Store:
    """The user's folder of graphs, and the folder of this process that MindSpore looks into.

    `found` counts graphs that were read back, `made` those that were compiled and kept.
    """

    def __init__(self, folder):
        self.folder, self.found, self.made, self._next = folder, 0, 0, 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise ConfigError(
                f"cannot keep compiled graphs in {folder}: {error.strerror or error}; set {PATH} to a folder that can "
                f"be written, or unset {ENABLE}"
            ) from error
        self.own = own = tempfile.mkdtemp(prefix="mindaam-graphs-")
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        self._cache = Path(own) / "rank_0" / "graph_cache"
        self._cache.mkdir(parents=True)
        os.environ[PATH] = own  # MindSpore reads it once
        self._usable = self._reads_here()

    def _reads_here(self):
        """Whether MindSpore looks into this process's folder: not if it had read another path before."""
        from mindspore import Tensor, jit

        @jit
        def probe(x):
            return x + 1

        with _cache_on(), suppress(RuntimeError, TypeError, ValueError):  # it may read a graph that is not this one
            probe(Tensor([0.0]))
        return self._take(None)

    def compiled(self, key, call):
        """What `call`, which compiles one graph, returns; the graph is the one kept under `key`, or is kept."""
        kept = self.folder / f"{key}.mindir"
        unwritable = kept.with_suffix(".unwritable")
        if not self._usable or unwritable.exists():
            return call()
        known = os.access(kept, os.R_OK)
        if known:
            (self._cache / GRAPH.format(self._next)).symlink_to(kept.resolve())
        try:
            with _cache_on():
                result = call()
        except RuntimeError as error:
            self._take(None)
            self._next += 1
            if "MindIR" not in str(error):
                raise
            unwritable.touch()  # MindSpore cannot write every graph, and says so before it runs: not tried again
            return call()
        if self._take(kept):
            self.made += 1
        elif known:
            self.found += 1
            self._next += 1
        return result

    def _take(self, kept):
        """Empties this process's folder; whether a graph was written there, which goes to `kept` if that is a path."""
        written = None
        for path in sorted(self._cache.glob(GRAPH.format("*"))):
            if not path.is_symlink():
                written = path
                self._next = int(path.stem.rpartition("_")[2]) + 1
                if kept is not None:
                    self._publish(path, kept)
            path.unlink()
        return written is not None

    def _publish(self, path, kept):
        """Gives a graph its place at once, whole; a full disk costs the next process time and nothing else."""
        with suppress(OSError, OutputError), open(path, "rb") as source, replacing(kept) as target:
            shutil.copyfileobj(source, target)


@contextmanager
def _cache_on():
    """Inside it, MindSpore reads and writes graphs; by their numbers alone, whatever code they were made from."""
    before = os.environ.get(FORCE)
    os.environ[ENABLE] = os.environ[FORCE] = "1"
    try:
        yield
    finally:
        del os.environ[ENABLE], os.environ[FORCE]
        if before is not None:
            os.environ[FORCE] = before
