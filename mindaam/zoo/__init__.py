"""Trained weights: found by the index, verified, read without executing anything, loaded strictly or not at all.

Most callers need `create_model`, `sentence_encoder` and `audio_encoder`; `load_reference` takes the authors'
parameters as arrays. Each is fetched at its first use.
"""

TYPE_CHECKING = False  # a type checker takes it for true
if TYPE_CHECKING:
    from mindaam.zoo.factory import audio_encoder, create_model, sentence_encoder
    from mindaam.zoo.reference import load_reference
    from mindaam.zoo.weights import load_backbone, load_trained, save_trained

_MODULES = {
    "create_model": "factory",
    "sentence_encoder": "factory",
    "audio_encoder": "factory",
    "load_backbone": "weights",
    "load_reference": "reference",
    "load_trained": "weights",
    "save_trained": "weights",
}
__all__ = [
    "audio_encoder", "create_model", "load_backbone", "load_reference", "load_trained", "save_trained",
    "sentence_encoder",
]  # fmt: skip


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name):
        """Fetches a public name from its module."""
        from importlib import import_module

        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__():
    """The public names beside those of the module."""
    return sorted({*globals(), *_MODULES})
