"""Compiled graphs that are stored for later processes, each under its own key.

The compile cache of MindSpore numbers graphs in the order of compilation, and loads the n-th file of its folder for the
n-th graph: after a change of model, size or order, a process silently computes with the wrong graph. This package
therefore uses it for one graph at a time: in a folder of this process alone, into which the graph with the matching key
is written under the number that MindSpore expects, and from which a new graph is copied into the folder of the user.
All other graphs are compiled without the cache.
"""

import atexit
import io
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakKeyDictionary

from mindaam import compilation
from mindaam.errors import ConfigError
from mindaam.graph_folder import DAY, GraphFolder
from mindaam.places import user_cache
from mindaam.turns import began, turn

ENABLE, PATH, FORCE = "MS_COMPILER_CACHE_ENABLE", "MS_COMPILER_CACHE_PATH", "MS_DEV_FORCE_USE_COMPILE_CACHE"
FOLDER = "mindaam_graphs"  # within the folder of MS_COMPILER_CACHE_PATH
GRAPH = "{}compile_cache_{}.mindir"  # MindSpore's file name of the n-th graph, after its role among several ranks
OWN = "mindaam-graphs-"  # how the name of a folder of one process begins
UNWRITABLE = b""  # stored in place of a graph that MindSpore cannot write

_folder = None  # the GraphFolder of this process, once chosen; False if graphs are not stored
_store = None  # the _Store of this process, once a graph is run
_report = None  # called with a line of text before the first graph is compiled
_aside = False  # whether graphs are compiled in a thread of their own
_compiled = WeakKeyDictionary()  # Cell: the signatures that it was compiled for in this process


def user_folder():
    """The GraphFolder that is used where no other is given: `graphs` in the user's cache."""
    return GraphFolder(user_cache() / "graphs")


def keep(folder=None):
    """Chooses where compiled graphs are stored: in `folder`; else in that of MindSpore's MS_COMPILER_CACHE_PATH if
    MS_COMPILER_CACHE_ENABLE is 1; else in the user's cache, or nowhere if that variable is 0.

    Does nothing if a folder is chosen already. MindSpore's own cache is disabled afterwards. Several ranks store graphs
    only if the variable is 1: home folders may be slow or not shared. Raises ConfigError if a folder that was asked for
    is not writable; one in the user's cache may be missing or read-only.
    """
    global _folder
    asked = os.environ.get(ENABLE)
    if asked == "1":
        del os.environ[ENABLE]
    _switch_off()
    if os.environ.get("MS_ROLE") and asked != "1" and _folder is None:
        return
    folder = folder or (os.environ.get(PATH) or "." if asked == "1" else None)
    if folder is not None and not _folder:
        _folder = GraphFolder(_writable(Path(folder) / FOLDER))
    elif _folder is None:
        _folder = asked != "0" and user_folder()


def announce(report):
    """Calls `report` with a line of text before this process compiles its first graph; None: nothing is reported."""
    global _report
    _report = report


def compile_aside():
    """From now on graphs are compiled in a thread of their own, where no Ctrl-C arrives: in the compiler of MindSpore
    it prints a trace and leaves a folder behind. Only for a process that exits right after Ctrl-C, by `os._exit`."""
    global _aside
    _aside = True


@turn()
def run(cell, *inputs, by=None):
    """cell(*inputs) in graph mode, with a stored graph if one exists. by: the `ms.jit` function of the Cell's
    `construct`, which is called instead of the Cell, in either mode."""
    began()
    call = cell if by is None else by
    if not (by or _graph_mode()):
        return call(*inputs)
    from mindaam.graph_keys import Unknown, graph_key, signature

    seen, wanted = _compiled.setdefault(cell, set()), (cell.phase, signature(inputs))
    if wanted in seen:
        return call(*inputs)
    if by is None:
        compilation.set_level(cell)
    store, key, first = _opened(), None, _in_thread(call) if _aside else call
    if store is not None:
        with suppress(Unknown):
            key = graph_key(cell, inputs, "jit" if by else "")
    found, begun = store.found if store else 0, time.monotonic()
    result = _reported(first, False)(*inputs) if key is None else store.compiled(key, lambda: first(*inputs))
    compilation.record(type(cell).__name__, time.monotonic() - begun, store is not None and store.found > found)
    seen.add(wanted)
    return result


def run_or_recall(cell, weights, *inputs, by=None):
    """`run` of a Cell that returns several tensors: until its graph is loaded, the result that an earlier process
    stored for the same graph, values of `weights`, and inputs, if one exists; else the new result is stored.

    weights: all Parameters that the Cell reads. To load a graph can take longer than to read its result.
    """
    from mindaam.graph_keys import Unknown, graph_key, signature, values

    loaded = (cell.phase, signature(inputs)) in _compiled.get(cell, ())
    if loaded or not (by or _graph_mode()) or _opened() is None:
        return run(cell, *inputs, by=by)
    try:
        key = values(
            graph_key(cell, inputs, "result"), (*weights, *(each for each in inputs if hasattr(each, "asnumpy")))
        )
    except Unknown:
        return run(cell, *inputs, by=by)
    found = _store.folder.read(key)
    if found is None:
        result = run(cell, *inputs, by=by)
        _store.folder.write(key, _packed(result))
        return result
    return _unpacked(found)


def _packed(tensors):
    import numpy as np

    target = io.BytesIO()
    np.savez(target, *(each.asnumpy() for each in tensors))
    return target.getvalue()


def _unpacked(content):
    import numpy as np
    from mindspore import Tensor

    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return tuple(Tensor(arrays[name]) for name in arrays.files)


def kept():
    """The store of this process: its `folder`, and how many graphs were `found` there and `made`; None without one, and
    before the first graph."""
    return _store


def clear():
    """Removes the graph folder of this process, as its normal end does; for a process that exits without cleanup."""
    if _store is not None:
        shutil.rmtree(_store.own, ignore_errors=True)


def _opened():
    """The _Store of this process, made at its first graph: what is made earlier would be shared with its forks."""
    global _store, _folder
    keep()
    if _store is None and _folder:
        try:
            _store = _Store(_folder)
        except OSError:  # no folder for temporary files
            _folder = False
    return _store


def _in_thread(call):
    return lambda *inputs: ThreadPoolExecutor(1).submit(call, *inputs).result()


def _reported(call, stored):
    """`call`, before which the first compilation of this process is reported. stored: whether its graph is."""

    def reported(*inputs):
        global _report
        report, _report = _report, None
        if report is not None:
            import mindspore as ms

            time_needed = "about 10 s" if ms.get_context("device_target") == "CPU" else "which may take minutes"
            report(f"compiling,{' once,' if stored else ''} {time_needed}")
        return call(*inputs)

    return reported


def _writable(folder):
    """The folder, made if it does not exist; ConfigError unless files can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(
            f"cannot store compiled graphs in {folder}: {error.strerror or error}; set {PATH} to a writable "
            f"folder, or unset {ENABLE}"
        ) from error
    return folder


def _switch_off():
    """Reverts `mindspore.set_context(enable_compile_cache=True)`, a deprecated call of the program around this package,
    which takes precedence over its successor, $MS_COMPILER_CACHE_ENABLE, so that only the same call reverts it."""
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
        self.own = own = tempfile.mkdtemp(prefix=OWN)
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        self._cache = Path(own) / f"rank_{os.environ.get('RANK_ID', '0')}" / "graph_cache"
        _remove_abandoned(Path(own).parent)
        os.environ[PATH] = own  # MindSpore reads it once
        self._usable = self._reads_here()

    def _reads_here(self):
        """Whether MindSpore reads the folder of this process; it does not if it read another path before."""
        from mindspore import Tensor, jit

        @jit
        def probe(x):
            return x + 1

        self._place(None)
        with _cache_on(), suppress(RuntimeError, TypeError, ValueError):  # it may load an unrelated graph
            probe(Tensor([0.0]))
        return bool(self._take(None))

    def compiled(self, key, call):
        """The result of `call`, which compiles one graph; the graph stored under `key` is used, or the new one is
        stored."""
        graph = self.folder.read(key)
        stored = self._usable and graph != UNWRITABLE
        if not graph:
            call = _reported(call, stored and self.folder.is_writable())
        if not stored:
            return call()
        placed = self._place(graph)
        try:
            with _cache_on():
                result = call()
        except RuntimeError as error:
            self._take(placed)
            self._next += 1
            if "MindIR" not in str(error):
                raise
            self.folder.write(key, UNWRITABLE)  # MindSpore raises before it runs such a graph: not tried again
            return call()
        new = self._take(placed)
        if new:
            self.folder.write(key, new[0] if len(new) == 1 else UNWRITABLE)  # several cannot be told apart
            self.made += 1
        elif graph:
            self.found += 1
            self._next += 1
        return result

    def _place(self, graph):
        """Writes a graph, or nothing for None, where MindSpore reads its next one; returns the file's state."""
        self._cache.mkdir(parents=True, exist_ok=True)
        if graph is None:
            return None
        path = self._cache / _name_of(self._next)
        path.write_bytes(graph)
        return _state(path)

    def _take(self, placed):
        """Empties the folder of this process; returns the graphs that MindSpore wrote there.

        placed: the state of the file that `_place` wrote.
        """
        new = []
        for path in self._cache.glob(_name_of("*")):
            if _state(path) != placed:
                new.append(path.read_bytes())
                self._next = max(self._next, int(path.stem.rpartition("_")[2]) + 1)
            path.unlink()
        return new


def _name_of(number):
    return GRAPH.format(os.environ.get("MS_ROLE", ""), number)


@contextmanager
def _cache_on():
    """A context in which MindSpore reads and writes graphs, identified by their numbers only."""
    # Only for the compiler: the part of MindSpore in Python reads `os.environ`, and would parse the source of the whole
    # program at each graph to find out whether it has changed.
    for name in (ENABLE, FORCE):
        os.putenv(name, "1")
    try:
        yield
    finally:
        for name in (ENABLE, FORCE):
            if name in os.environ:
                os.putenv(name, os.environ[name])
            else:
                os.unsetenv(name)


def _state(path):
    """What changes when a file is written again."""
    state = path.stat()
    return path.name, state.st_ino, state.st_size, state.st_mtime_ns


def _remove_abandoned(place):
    """Removes the folders of processes that were killed: those unused for a day."""
    for folder in place.glob(OWN + "*"):
        with suppress(OSError):  # another user's, or removed by another process
            if time.time() - folder.stat().st_mtime > DAY:
                shutil.rmtree(folder, ignore_errors=True)
