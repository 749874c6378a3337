"""The released decoder with the stand-in weights that the golden outputs were computed from."""

import functools

from mindaam.decoder.decoder import HyperbolicDecoder
from mindaam.decoder.variant import RELEASED
from mindaam.zoo.checkpoints import load_strict
from mindaam.zoo.convert.aam import HEAD_DECODER, from_official
from tests.gold import weight


def official_shapes():
    """{official name: shape} of the released decoder; the stand-in weights depend on name and shape alike."""
    shapes = {name: tuple(p.shape) for name, p in HyperbolicDecoder(variant=RELEASED).parameters_and_names()}
    official = {}
    for theirs, ours in HEAD_DECODER.items():
        if ours.endswith(".kernel"):
            place = ours.removesuffix("kernel")
            width, own = shapes[f"{place}from_decoder.weight"][:2]
            official[theirs] = (width, own + shapes[f"{place}from_skip.weight"][1], 1, 1)
        else:
            official[theirs] = shapes[ours]
    return official


def decoder_state(official):
    """The arrays of a HyperbolicDecoder among those that the conversion of a released checkpoint gives."""
    prefix = "head.decoder."
    state = from_official(official).state
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}


@functools.cache
def official_arrays():
    """{official name: stand-in weight}."""
    return {name: weight(name, shape) for name, shape in official_shapes().items()}


@functools.cache
def released_decoder():
    """A released HyperbolicDecoder that holds them; one for all tests, which must not change it."""
    decoder = HyperbolicDecoder(variant=RELEASED)
    load_strict(decoder, decoder_state(official_arrays()))
    return decoder
