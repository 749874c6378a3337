"""The embeddings of the package's own prompts, stored beside the encoder that computed them.

They are looked up before the text encoder is loaded, which takes longer than a map does; other prompts load it. A table
counts only for the encoder that it was computed with, by its SHA-256. `python -m mindaam.inference.derived --update`
computes the tables again, for example after a prompt was changed.
"""

import json
from functools import lru_cache

import numpy as np

from mindaam.places import model_zoo_dir
from mindaam.turns import turn
from mindaam.zoo.checkpoints import read_all, write_safetensors
from mindaam.zoo.index import announced


def table_path(name):
    """The file of the embeddings of that text encoder; only bundled encoders have one."""
    return model_zoo_dir() / "encoders" / f"{name}.prompts.safetensors"


@lru_cache(maxsize=2)
def stored_embeddings(name):
    """{prompt: float32 [E]} of the text encoder of that name; {} without a table for the encoder that is bundled.

    Raises CheckpointError for a damaged table.
    """
    path, entry = table_path(name), announced().get(name)
    if entry is None or entry.sha256 is None or not path.is_file():
        return {}
    arrays, texts = read_all(path)
    if texts.get("encoder") != entry.sha256:
        return {}
    return dict(zip(json.loads(texts["prompts"]), arrays["embeddings"], strict=True))


def write_table(name, prompts, embeddings):
    """Stores embeddings float32 [n,E] of a list of prompts, as the bundled text encoder of that name computes them."""
    texts = {"encoder": announced()[name].sha256, "prompts": json.dumps(prompts, ensure_ascii=False)}
    write_safetensors(table_path(name), {"embeddings": embeddings}, texts)
    stored_embeddings.cache_clear()


class PromptEmbeddings:
    """A text encoder that is loaded at the first prompt without a stored embedding.

    stored: {prompt: float32 [E]}. load: returns the encoder.
    """

    def __init__(self, stored, load):
        self._stored, self._load, self._encoder = stored, load, None

    @turn()
    def encode(self, prompts):
        """Embeddings of a list of prompts: float32 [n,E], in their order. Errors as of the encoder."""
        others = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._stored]
        if others or not len(prompts):
            self._encoder = self._encoder or self._load()
            computed = self._encoder.encode(others)
            if not len(prompts):
                return computed
            found = {**self._stored, **dict(zip(others, computed, strict=True))}
        else:
            found = self._stored
        return np.stack([found[prompt] for prompt in prompts])
