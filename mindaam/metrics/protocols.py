"""Named protocols of an evaluation: the metrics, their settings, and how maps and fixations are brought to one size.

`protocol("paper")` is the default of `mindaam evaluate`; `docs/metrics.md` lists all of them.
"""

import math
from typing import NamedTuple

from mindaam.data.transforms import fit_within
from mindaam.errors import unknown
from mindaam.metrics.settings import MIT, NTIRE26, PAPER, RELEASED, Settings

METRICS = ("CC", "SIM", "KLD", "NSS", "AUC_Judd", "AUC_Borji", "sAUC", "IG", "EMD")


class Protocol(NamedTuple):
    """How a prediction is scored. Sizes are (height, width) in pixels.

    settings: keywords of each metric. metrics: those of METRICS that are reported. longest_side: of the maps that are
    compared; None keeps the stored size of the ground truth. other_images: the fixations of so many other images are
    the negatives of the shuffled AUC. align: how they are brought onto an image, "scale" or "center". resize: how a
    prediction is brought to the size of its ground truth, "area" or "bilinear". scale: "range" scales both maps to
    0..1, the prediction before it is resized.
    """

    name: str
    settings: Settings
    metrics: tuple
    longest_side: int | None = None
    other_images: int = 10
    align: str = "scale"
    resize: str = "bilinear"
    scale: str | None = None

    def described(self):
        """The protocol as plain values for JSON, with every keyword of every metric; None stands for NaN."""
        keywords = {name: _plain(choices) for name, choices in self.settings._asdict().items()}
        return self._asdict() | {"settings": keywords, "metrics": list(self.metrics)}

    def sentence(self):
        """The protocol in one line, for tables."""
        size = "the stored size" if self.longest_side is None else f"a longest side of {self.longest_side} px"
        if self.name == "released":
            size = "448 x 448 px (images) or the stored size (frames, after a blur of 11 px)"
        parts = [f"protocol {self.name}: maps compared at {size}, predictions resized ({self.resize})"]
        if self.scale:
            parts.append("maps scaled to 0..1")
        if "sAUC" in self.metrics:
            parts.append(f"negatives of sAUC from {self.other_images} other images (aligned by {self.align})")
        return "; ".join(parts)


PROTOCOLS = {
    each.name: each
    for each in (
        Protocol("paper", PAPER, METRICS, longest_side=400, resize="area"),
        Protocol("released", RELEASED, METRICS[:5]),
        Protocol("mit", MIT, METRICS),
        Protocol("ntire26", NTIRE26, ("CC", "SIM", "NSS", "AUC_Judd"), scale="range"),
    )
}


def protocol(name):
    """The Protocol of this name; ConfigError for an unknown one."""
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]


def comparison_size(protocol, stored):
    """The size at which maps are compared with a ground truth of the size `stored`, both (height, width)."""
    return tuple(stored) if protocol.longest_side is None else fit_within(stored, protocol.longest_side)


def _plain(choices):
    values = ((key, value) for key, value in choices.items())
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in values}
