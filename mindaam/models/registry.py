"""Models by name: structure from `configs/models/*.yaml`, with a preset laid under it. No weights are read here."""

from functools import lru_cache

from mindaam.errors import unknown
from mindaam.models.config import ModelConfig
from mindaam.places import configs_dir
from mindaam.schema import merge, read_yaml, validate


def list_models():
    """The known models' names, sorted."""
    return sorted(path.stem for path in (configs_dir() / "models").glob("*.yaml"))


def list_presets():
    """The known presets: "paper" and "released"."""
    return sorted(path.stem for path in (configs_dir() / "presets").glob("*.yaml"))


def model_config(name, preset="paper", changes=None):
    """The validated ModelConfig of a model; `changes` is a dict laid over it. Raises ConfigError for unknown names."""
    if name not in list_models():
        raise unknown("model", name, list_models())
    if preset not in list_presets():
        raise unknown("preset", preset, list_presets())
    data = merge(_read(configs_dir() / "presets" / f"{preset}.yaml"), _read(configs_dir() / "models" / f"{name}.yaml"))
    return validate(ModelConfig, merge(data, changes or {}), f'model "{name}"')


def build_model(name, preset="paper", *, changes=None):
    """An AAM with its initial values, adapters included. Raises ConfigError for unknown names."""
    from mindaam.models.aam import AAM

    return AAM(model_config(name, preset, changes))


def _read(path):
    """The content of a YAML file, read once: it takes 10 ms, and one model needs it several times."""
    state = path.stat()
    return _read_once(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _read_once(path, changed, size):
    return read_yaml(path)
