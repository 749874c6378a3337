"""How graphs are compiled, the same for training and prediction, and how long it takes.

MindSpore 2.9 has one backend that is not deprecated, `ms_backend`: "GE", and with it jit level O2, are announced as
deprecated in the docstrings of `mindspore.jit` and `mindspore.JitConfig`, and are not offered here. Of its levels, O0
launches kernel by kernel and is the default of `mindspore.jit`; O1 fuses operators, is called experimental there, and
is refused for prediction by MindFormers (`core/context/build_context.py`). So O0 is the default for training and for
prediction, and O1 a choice to be measured on a device.
"""

from contextlib import contextmanager

from mindaam.environment import jit_level

BACKEND = "ms_backend"
SHOWN = 1.0  # seconds; a graph that took less has no line of its own

_report = None  # called with a line of text after a graph was compiled
_spent = {"compiled": [], "loaded": []}  # seconds of each graph of this process, up to the end of its first run


def jit(function):
    """`function`, a `construct` among them, as a compiled function of the chosen backend and level."""
    import mindspore as ms

    return ms.jit(function, **_options())


def set_level(cell):
    """Sets the chosen level for the graph of a Cell that is called in graph mode. MindSpore lets it be set once."""
    import mindspore as ms

    options = _options()
    if options and not cell.jit_config_dict:
        cell.set_jit_config(ms.JitConfig(jit_level=options["jit_level"]))


def _options():
    """Arguments of `mindspore.jit`; none where the level is MindSpore's own choice, as on a CPU by default."""
    import mindspore as ms

    level = jit_level(ms.get_context("device_target"))
    return {"jit_level": level, "backend": BACKEND} if level else {}


@contextmanager
def reporting(report):
    """Within it `report` is called with a line after each graph that took SHOWN seconds."""
    global _report
    before, _report = _report, report
    try:
        yield
    finally:
        _report = before


def record(name, seconds, loaded):
    """Counts a graph. seconds: of its first call, which compiles or loads it and runs it once."""
    how = "loaded" if loaded else "compiled"
    _spent[how].append(seconds)
    if _report is not None and seconds >= SHOWN:
        _report(f"{name}: graph {how} and run once in {seconds:.1f} s")


def seconds():
    """Seconds that the graphs of this process took so far, each up to the end of its first run."""
    return sum(map(sum, _spent.values()))


def compiled():
    """The number of graphs that this process compiled so far, for `compiled_since`."""
    return len(_spent["compiled"])


def compiled_since(begun):
    """Sentence on the graphs that were compiled after the first `begun` of this process, and were not loaded; None if
    they took less than SHOWN seconds in all."""
    found = _spent["compiled"][begun:]
    return f"graphs: {len(found)} compiled in {sum(found):.1f} s" if sum(found) >= SHOWN else None


def summary():
    """One line on the graphs of this process so far; None without any."""
    parts = [f"{len(found)} {how} in {sum(found):.1f} s" for how, found in _spent.items() if found]
    return f"graphs: {', '.join(parts)}" if parts else None
