"""A small SAM2 encoder with weights made by name; the goldens are the official package's outputs for it."""

import numpy as np

from mindaam.encoders.sam2 import SAM2, from_official
from mindaam.zoo.checkpoints import load_strict
from tests import gold

SIZE = (96, 160)
# windows of 6 and 3 do not fit the grids of stages 3 and 4, so they are padded; block 4 is global
SMALL = {
    "width": 16,
    "depth": 9,
    "heads": 2,
    "taps": (0, 2, 6, 8),
    "windows": (8, 4, 6, 3),
    "global_blocks": (4,),
    "background": 5,
}


def official_shapes(settings):
    """{official name below the trunk: shape} of the encoder of these settings."""
    width = last = settings["width"]
    shapes = {f"pos_embed{part}": (1, width, side, side) for part, side in _tables(settings)}
    shapes |= {"patch_embed.proj.weight": (width, 3, 7, 7), "patch_embed.proj.bias": (width,)}
    for index in range(settings["depth"]):
        own = width << sum(index > tap for tap in settings["taps"])
        layers = {"norm1": (last,), "attn.qkv": (3 * own, last), "attn.proj": (own, own), "norm2": (own,)}
        layers |= {"mlp.layers.0": (4 * own, own), "mlp.layers.1": (own, 4 * own)}
        layers |= {"proj": (own, last)} if own != last else {}
        for layer, shape in layers.items():
            shapes |= {f"blocks.{index}.{layer}.weight": shape, f"blocks.{index}.{layer}.bias": shape[:1]}
        last = own
    return shapes


def _tables(settings):
    return ("", settings["background"]), ("_window", settings["windows"][0])


def official_state(settings):
    """{official name: array}, each made by its name; positions are as large as what they are added to."""
    return {
        name: gold.tensor(name, shape, scale=0.5) if name.startswith("pos_embed") else gold.weight(name, shape)
        for name, shape in official_shapes(settings).items()
    }


def small_encoder(size=SIZE, state=None):
    """The small encoder at a size, filled with `official_state` or with converted arrays."""
    encoder = SAM2(image_size=size, **SMALL)
    load_strict(encoder, from_official(official_state(SMALL)).state if state is None else state, source="the test")
    encoder.set_image_size(size)
    return encoder.set_train(False)


def pictures():
    """The images of the goldens, [2,3,96,160]."""
    return gold.image("sam2", (2, 3, *SIZE))


def spread(array):
    """Largest minus smallest value."""
    return float(np.ptp(array))
