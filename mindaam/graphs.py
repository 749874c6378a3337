"""Compiled graphs that are stored for later processes, each under its own key.

The compile cache of MindSpore numbers graphs in the order of compilation, and loads the n-th file of its folder for the
n-th graph: after a change of model, size or order, a process silently computes with the wrong graph. If that cache is
enabled (MS_COMPILER_CACHE_ENABLE=1), this package therefore uses it for one graph at a time: in a folder of this
process alone, into which the graph with the matching key is linked under the number that MindSpore expects, and from
which a new graph is moved into the folder of the user. All other graphs are compiled without the cache.
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
FOLDER = "mindaam_graphs"  # within the folder of the user
GRAPH = "compile_cache_{}.mindir"  # MindSpore's file name of the n-th graph

_store = None  # of this process, once enabled
_compiled = WeakKeyDictionary()  # Cell: the signatures that it was compiled for in this process


def keep(folder=None):
    """Stores compiled graphs in `folder`, or in that of MS_COMPILER_CACHE_PATH if MS_COMPILER_CACHE_ENABLE is 1.

    Does nothing if neither is given, or if a folder is in use already. MindSpore's own cache is disabled afterwards. A
    run of several ranks stores none: loading their graphs is untested. Raises ConfigError if the folder is not
    writable.
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
    """cell(*inputs) in graph mode, with a stored graph if one exists. by: the `ms.jit` function of the Cell's
    `construct`, which is called instead of the Cell, in either mode."""
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
    """The store of this process: its `folder`, and how many graphs were `found` there and `made`; None without one."""
    return _store


def clear():
    """Removes the graph folder of this process, as its normal end does; for a process that exits without cleanup."""
    if _store is not None:
        shutil.rmtree(_store.own, ignore_errors=True)


def _switch_off():
    """Reverts `mindspore.set_context(enable_compile_cache=True)`."""
    mindspore = sys.modules.get("mindspore")
    if mindspore and mindspore.get_context("enable_compile_cache"):
        mindspore.set_context(enable_compile_cache=False)


def _graph_mode():
    import mindspore as ms

    return ms.get_context("mode") == ms.GRAPH_MODE


class _Store:
    """The graph folder of the user, and the folder of this process that MindSpore reads.

    `found` counts graphs that were loaded, `made` those that were compiled and stored.
    """

    def __init__(self, folder):
        self.folder, self.found, self.made, self._next = folder, 0, 0, 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise ConfigError(
                f"cannot store compiled graphs in {folder}: {error.strerror or error}; set {PATH} to a writable "
                f"folder, or unset {ENABLE}"
            ) from error
        self.own = own = tempfile.mkdtemp(prefix="mindaam-graphs-")
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        self._cache = Path(own) / "rank_0" / "graph_cache"
        self._cache.mkdir(parents=True)
        os.environ[PATH] = own  # MindSpore reads it once
        self._usable = self._reads_here()

    def _reads_here(self):
        """Whether MindSpore reads the folder of this process; it does not if it read another path before."""
        from mindspore import Tensor, jit

        @jit
        def probe(x):
            return x + 1

        with _cache_on(), suppress(RuntimeError, TypeError, ValueError):  # it may load an unrelated graph
            probe(Tensor([0.0]))
        return self._take(None)

    def compiled(self, key, call):
        """The result of `call`, which compiles one graph; the graph stored under `key` is used, or the new one is
        stored."""
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
            unwritable.touch()  # MindSpore cannot write every graph, and raises before running it: not tried again
            return call()
        if self._take(kept):
            self.made += 1
        elif known:
            self.found += 1
            self._next += 1
        return result

    def _take(self, kept):
        """Empties the folder of this process; returns whether it had a new graph, which is moved to `kept` if that is a
        path."""
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
        """Moves a graph into the store atomically; on a full disk it is not stored."""
        with suppress(OSError, OutputError), open(path, "rb") as source, replacing(kept) as target:
            shutil.copyfileobj(source, target)


@contextmanager
def _cache_on():
    """A context in which MindSpore reads and writes graphs, identified by their numbers only."""
    before = os.environ.get(FORCE)
    os.environ[ENABLE] = os.environ[FORCE] = "1"
    try:
        yield
    finally:
        del os.environ[ENABLE], os.environ[FORCE]
        if before is not None:
            os.environ[FORCE] = before
