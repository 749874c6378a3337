"""MindAAM: a picture and a sentence in, a map of where people look out, on MindSpore.

The public face: `create_model`, `list_models`, `Predictor`, `zoo`, `__version__`. Each is fetched at its first use, so
that a bare import is quick and silent and starts neither MindSpore nor NumPy.
"""

__version__ = "0.1.0"

_MODULES = {
    "create_model": "mindaam.zoo.factory",
    "list_models": "mindaam.models.registry",
    "Predictor": "mindaam.inference.predictor",
    "zoo": None,
}
__all__ = ["__version__", *_MODULES]


def __getattr__(name):
    """Fetches a public name from its room."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULES[name]
    found = getattr(import_module(module), name) if module else import_module(f"{__name__}.{name}")
    globals()[name] = found
    return found


def __dir__():
    """The public names beside what the module holds already."""
    return sorted({*globals(), *_MODULES})
