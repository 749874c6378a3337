"""Models ready for use: structure from the registry, weights through one path.

verify (index) -> read safely -> rename by one table -> load strictly -> merge the adapters.
"""

from __future__ import annotations

import os
import warnings
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mindaam.errors import CheckpointError, ConfigError, Notice, unknown
from mindaam.models import registry
from mindaam.models.registry import build_model, list_presets
from mindaam.places import recipes
from mindaam.runtime import quieten
from mindaam.turns import turn
from mindaam.zoo.checkpoints import read_safetensors
from mindaam.zoo.embeddings import PromptEmbeddings, stored_embeddings
from mindaam.zoo.index import path_of, records, verified
from mindaam.zoo.model_files import checkpoint_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from mindaam.encoders.wav2clip import AudioEncoder
    from mindaam.models.aam import AAM

SENTENCE_ENCODERS = ("minilm_l6", "clip_vitl14")
AUDIO_ENCODERS = ("wav2clip",)


class SentenceEmbedding(Protocol):
    """What embeds prompts."""

    def encode(self, prompts: Sequence[str]) -> np.ndarray:
        """Embeddings of prompts: float32 [n, E], in their order."""
        ...


def list_models(pattern: str = "*", *, pretrained: bool = False) -> list[str]:
    """Names of models, sorted.

    pattern: only names that match it, with * and ? as in a shell; pretrained: only models whose trained weights are
    bundled or installed.
    """
    names = [name for name in registry.list_models() if fnmatchcase(name, pattern)]
    return [name for name in names if is_installed(name)] if pretrained else names


@turn()
def create_model(
    name: str,
    checkpoint: str | os.PathLike[str] | None = None,
    *,
    preset: str | None = None,
    pretrained: bool | None = None,
) -> AAM:
    """An AAM in evaluation mode with its weights loaded and its adapters merged.

    name: one of `list_models()`. checkpoint: a .safetensors file, of head and adapters or of a whole run as training
    writes them, or of the whole model as converting the authors' checkpoint does; or a run's folder or what is in it,
    as `model_files.checkpoint_of` takes it; None takes the bundled one.
    preset: "paper" or "released"; None is the checkpoint's own, "paper" without one.
    pretrained: whether the trained weights are loaded; None is True, except for preset="released" without a checkpoint,
    since no weights of the authors are bundled. False gives the verified encoder under a head at its initial values:
    its matrices are random by MindSpore's seed (`runtime.configure(seed=...)`), its curvatures and scales as in the
    authors' code. An encoder that the zoo only announces is at its initial values too; `load_reference` fills such a
    model.
    Raises ConfigError for an unknown name or preset, and for pretrained=False with a checkpoint; CheckpointError when
    the checkpoint is missing, damaged, does not fit, belongs to another model or preset, or when none is bundled.
    """
    for line in quieten():  # else MindSpore warns at each stored graph that it loads
        warnings.warn(line, Notice, stacklevel=3)
    if name not in registry.list_models():
        raise unknown("model", name, registry.list_models())
    if preset is not None and preset not in list_presets():
        raise unknown("preset", preset, list_presets())
    if pretrained is None:
        pretrained = checkpoint is not None or preset != "released"
    if not pretrained:
        if checkpoint is not None:
            raise ConfigError(f"pretrained=False loads no checkpoint; remove {checkpoint}, or pretrained=False")
        return _finished(build_model(name, preset or "paper"), None)
    path = _bundled(name) if checkpoint is None else checkpoint_of(Path(checkpoint))
    return _finished(_structure(name, path, preset), path)


def is_installed(name: str) -> bool:
    """Whether the file of that record exists, verified or not, or is bundled."""
    entry = records().get(name)
    return entry is not None and (entry.sha256 is not None or os.path.isfile(path_of(entry)))


def _bundled(name):
    """Path of the verified checkpoint that is bundled."""
    if is_installed(name):
        return verified(name)
    cure = "train your own, as none are known to be published"
    if name in recipes():
        cure = f'train them with "mindaam train {name}"'
    elif name in records():
        cure = f'convert the authors\' checkpoint, see "mindaam zoo fetch {name}"'
    raise CheckpointError(
        f'no trained weights of "{name}" are bundled: {cure}, give a checkpoint, or request initial values with '
        "pretrained=False"
    )


def _structure(name, path, preset):
    """The model that the checkpoint at `path` was trained as."""
    from mindaam.zoo.weights import blank, checkpoint_config

    owner, config = checkpoint_config(path)
    if owner not in (None, name):
        raise CheckpointError(f'{path} belongs to the model "{owner}", not to "{name}"; use that model')
    if config is None:
        return build_model(name, preset or "paper")
    trained_as = config.get("preset", "paper")
    if preset not in (None, trained_as):
        raise CheckpointError(f'{path} was trained under the preset "{trained_as}", not "{preset}"; remove the preset')
    with blank():
        return build_model(name, trained_as, changes=config)


def _finished(model, path):
    """The model with its weights, adapters merged, in evaluation mode; `path` None leaves the head as it is."""
    from mindaam.encoders.lora import merge_lora
    from mindaam.zoo.weights import load_backbone, load_weights

    if path is not None:
        load_weights(model, path)
    elif is_installed(model.config.encoder.name):
        load_backbone(model)
    merge_lora(model.backbone)
    model.set_train(False)
    return model


@turn()
def sentence_encoder(name: str = "minilm_l6") -> SentenceEmbedding:
    """The frozen encoder of that name, verified; the same object at every call, so that prompts stay cached.

    Prompts with a stored embedding do not need its weights, which are then loaded at the first other prompt.
    Raises ConfigError for an unknown name, CheckpointError when its files are missing or changed.
    """
    if name not in SENTENCE_ENCODERS:
        raise unknown("sentence encoder", name, SENTENCE_ENCODERS)
    return _sentence_encoder(name)


@lru_cache(maxsize=len(SENTENCE_ENCODERS))
def _sentence_encoder(name):
    stored = stored_embeddings(name)
    return PromptEmbeddings(stored, partial(load_sentence_encoder, name)) if stored else load_sentence_encoder(name)


def load_sentence_encoder(name):
    """The frozen encoder of that name itself, verified. Raises CheckpointError as `sentence_encoder` does."""
    if name == "clip_vitl14":
        return _clip()
    from mindaam.encoders.minilm import SentenceEncoder

    return SentenceEncoder(read_safetensors(verified(name)), verified(f"{name}.tokenizer"))


@turn()
def audio_encoder(name: str = "wav2clip", normalise: str = "window") -> AudioEncoder:
    """The frozen audio encoder of that name, verified; normalise: as `AudioEncoder` takes it.

    Raises ConfigError for an unknown name, CheckpointError when its file is missing or changed.
    """
    if name not in AUDIO_ENCODERS:
        raise unknown("audio encoder", name, AUDIO_ENCODERS)
    if not is_installed(name):
        raise CheckpointError(f'the audio encoder {name} is not installed: run "mindaam zoo fetch {name}"')
    from mindaam.encoders.wav2clip import AudioEncoder
    from mindaam.zoo.weights import encoder_state

    return AudioEncoder(encoder_state(verified(name), name), normalise)


def _clip():
    from mindaam.zoo.weights import encoder_state

    if not is_installed("clip_vitl14"):
        raise CheckpointError(
            "the prompts of this model are for CLIP ViT-L/14, whose weights are not installed: "
            'run "mindaam zoo fetch clip_vitl14", or give your own sentence encoder'
        )
    state = encoder_state(verified("clip_vitl14"), "clip")
    from mindaam.encoders.clip_text import ClipSentenceEncoder

    return ClipSentenceEncoder(state, verified("clip_vitl14.merges"))
