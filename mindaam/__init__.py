"""MindAAM: maps of where people look, from an image or video and a prompt, on MindSpore.

Public names: `create_model`, `list_models`, `Predictor`, `zoo`, `__version__`. Each is imported at its first use, so
that `import mindaam` is fast and silent and imports neither MindSpore nor NumPy.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # a type checker takes it for true; `typing` itself would be imported for it
if TYPE_CHECKING:
    from mindaam import zoo
    from mindaam.inference.predictor import Predictor
    from mindaam.zoo.factory import create_model, list_models

_MODULES = {
    "create_model": "mindaam.zoo.factory",
    "list_models": "mindaam.zoo.factory",
    "Predictor": "mindaam.inference.predictor",
    "zoo": None,
}
__all__ = ["Predictor", "__version__", "create_model", "list_models", "zoo"]


if not TYPE_CHECKING:  # a type checker would accept any name

    def __getattr__(name):
        """Imports a public name from its package."""
        from importlib import import_module

        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = _MODULES[name]
        found = getattr(import_module(module), name) if module else import_module(f"{__name__}.{name}")
        globals()[name] = found
        return found


def __dir__():
    """The public names in addition to those already imported."""
    return sorted({*globals(), *_MODULES})
