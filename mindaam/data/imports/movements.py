"""Fixations from the samples of an eye tracker, by dispersion (I-DT, Salvucci and Goldberg 2000) with `pymovements`.

The parameters are fixed: a fixation stays within DISPERSION degrees for at least DURATION ms. A gap of more than GAP ms
ends it; missing samples within a shorter one are bridged.
"""

from statistics import median

import numpy as np

from mindaam.errors import ConfigError, InputError

DISPERSION = 1.0  # degrees of visual angle: width plus height of a fixation's samples, the default of pymovements
DURATION = 100.0  # ms, the default of pymovements
GAP = 75.0  # ms without a sample
WIDTH = 30.0  # degrees that an image is wide where --px-per-degree does not say


def require_pymovements():
    """ConfigError unless the library is installed."""
    try:
        import pymovements  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            'samples need the library pymovements, which is not installed; pip install "mindaam[recordings]"'
        ) from error


def fixations_of(table, read, named, sizes, px_per_degree=None, *, fractions=False):
    """(Table of fixations, names of their images or videos) of a Table of samples.

    table: the path that errors name; named: the image or video of each of its rows; sizes: {name: (height, width)};
    px_per_degree: pixels per degree, None for images that are WIDTH degrees wide; fractions: x and y are parts of the
    width and height. A fixation has the mean x and y, the start of its first sample, and ends with its last one. Raises
    InputError for samples without times, and if there is no fixation.
    """
    untimed = next((row for row in read.rows if row.t_ms is None), None)
    if untimed is not None:
        raise InputError(
            f"{table}, line {untimed.line}: the sample has no time; give the column of times (--columns t_ms=NAME)"
        )
    groups = {}
    for name, row in zip(named, read.rows, strict=True):
        groups.setdefault((row.subject, name, row.condition), []).append(row)
    rows, names = [], []
    for (_, name, _), samples in groups.items():
        height, width = sizes[name]
        scale = np.array([width, height]) if fractions else np.ones(2)
        found = _of_viewer(samples, scale / (px_per_degree or width / WIDTH))
        rows += found
        names += [name] * len(found)
    if not rows:
        raise InputError(
            f"{table}: none of its {len(read.rows)} samples are part of a fixation, which stays within "
            f"{DISPERSION:g} degree for {DURATION:g} ms; check the units of x, y and time, and --px-per-degree"
        )
    return read._replace(rows=rows), names


def _of_viewer(samples, per_unit):
    """Rows of the fixations of one viewer on one image. per_unit: degrees per unit of x and of y."""
    samples = sorted(samples, key=lambda row: row.t_ms)
    times = np.array([row.t_ms for row in samples])
    positions = np.array([(row.x, row.y) for row in samples])
    steps = np.diff(times)
    if not (steps > 0).any():
        return []
    count = max(2, int(np.ceil(DURATION / median(steps[steps > 0]))))
    found, begin = [], 0
    for end in [*(np.flatnonzero(steps > GAP) + 1), len(samples)]:
        for first, last in _detected(positions[begin:end] * per_unit, count):
            x, y = positions[begin + first : begin + last + 1].mean(0)
            start, duration = times[begin + first], times[begin + last] - times[begin + first]
            row = samples[begin + first]
            found.append(row._replace(x=float(x), y=float(y), t_ms=float(start), duration_ms=float(duration)))
        begin = end
    return [row._replace(order=str(number)) for number, row in enumerate(found, 1)]


def _detected(degrees, count):
    """[(first, last)] of the fixations in positions float64 [n,2] of equal steps; at least `count` samples each."""
    if len(degrees) < count:
        return []
    from pymovements.events import idt

    frame = idt(degrees, minimum_duration=count, dispersion_threshold=DISPERSION).frame
    found = zip(frame["onset"].to_list(), frame["offset"].to_list(), strict=True)
    # the library's offset is the first sample that is too far away, but at the end of the data the last one
    return [(first, last - bool(_spread(degrees[first : last + 1]) > DISPERSION)) for first, last in found]


def _spread(degrees):
    """The width plus the height that positions [n,2] take."""
    return float(np.ptp(degrees, axis=0).sum())
