"""Models ready for use: structure from the registry, weights through one funnel.

verify (index) -> read safely -> rename by one table -> load strictly -> merge the adapters.
"""

from functools import lru_cache

from mindaam.errors import CheckpointError, unknown
from mindaam.models.registry import build_model, list_models, list_presets
from mindaam.zoo.checkpoints import read_safetensors
from mindaam.zoo.index import record, records, verified

SENTENCE_ENCODERS = ("minilm_l6",)


def create_model(name, checkpoint=None, *, preset=None):
    """An AAM in evaluation mode with its weights loaded and its adapters merged.

    name: one of `list_models()`. checkpoint: a .safetensors file of head and adapters; None takes the bundled one.
    preset: "paper" or "released"; None is the checkpoint's own. preset="released" without a checkpoint gives the
    verified encoder under a head at its initial values, since no weights of the authors are bundled: its matrices are
    random by MindSpore's seed (`runtime.configure(seed=...)`), its curvatures and scales as in the authors' code.
    Raises ConfigError for an unknown name or preset; CheckpointError when the checkpoint is missing, damaged, does not
    fit, belongs to another model or preset, or when none is bundled.
    """
    if name not in list_models():
        raise unknown("model", name, list_models())
    if preset is not None and preset not in list_presets():
        raise unknown("preset", preset, list_presets())
    if checkpoint is None and preset == "released":
        return _finished(build_model(name, preset), None)
    path = _bundled(name) if checkpoint is None else checkpoint
    return _finished(_structure(name, path, preset), path)


def _bundled(name):
    """Path of the verified checkpoint that travels with the package."""
    if name not in records() or record(name).sha256 is None:
        raise CheckpointError(
            f'no trained weights of "{name}" are bundled: train them with "mindaam train configs/train/{name}.yaml", '
            'name a checkpoint, or ask for initial values with preset="released"'
        )
    return verified(name)


def _structure(name, path, preset):
    """The model that the checkpoint at `path` was trained as."""
    from mindaam.zoo.weights import checkpoint_config

    owner, config = checkpoint_config(path)
    if owner not in (None, name):
        raise CheckpointError(f'{path} belongs to the model "{owner}", not to "{name}"; ask for that model')
    if config is None:
        return build_model(name, preset or "paper")
    trained_as = config.get("preset", "paper")
    if preset not in (None, trained_as):
        raise CheckpointError(
            f'{path} was trained under the preset "{trained_as}", not "{preset}"; leave the preset out'
        )
    return build_model(name, trained_as, changes=config)


def _finished(model, path):
    """The model with its weights, adapters merged, in evaluation mode; `path` None leaves the head as it is."""
    from mindaam.encoders.lora import merge_lora
    from mindaam.zoo.weights import load_backbone, load_trained

    load_backbone(model)
    if path is not None:
        load_trained(model, path)
    merge_lora(model.backbone)
    model.set_train(False)
    return model


def sentence_encoder(name="minilm_l6"):
    """The frozen SentenceEncoder of that name, verified; the same object at every call, so that sentences stay cached.

    Raises ConfigError for an unknown name, CheckpointError when its files are missing or changed.
    """
    if name not in SENTENCE_ENCODERS:
        raise unknown("sentence encoder", name, SENTENCE_ENCODERS)
    return _sentence_encoder(name)


@lru_cache(maxsize=1)
def _sentence_encoder(name):
    from mindaam.encoders.minilm import SentenceEncoder

    return SentenceEncoder(read_safetensors(verified(name)), verified(f"{name}.tokenizer"))
