"""Which sentences a checkpoint's model was trained with, and so is to be scored with."""

import json

from mindaam.data.prompts.prompting import RELEASED, Prompting, StoredPrompting
from mindaam.errors import CheckpointError
from mindaam.schema import validate
from mindaam.zoo.checkpoints import read_metadata
from mindaam.zoo.weights import checkpoint_prompts, holds_all

ENTRY = "prompting"  # of a model's header
KEYS = tuple(StoredPrompting.model_fields)


def header_entry(config):
    """{name: text} of the header's entry for a model that was trained by a CorpusConfig."""
    told = config.model_dump(mode="json", include=set(KEYS))
    return {ENTRY: json.dumps(told, ensure_ascii=False)}


def checkpoint_prompting(path):
    """The Prompting of a checkpoint: that of its run, of a model that a run made, or of the released code.

    A model whose header says nothing, as one from before, has the sentences that readers have by themselves. Raises
    CheckpointError for an unusable file or a damaged header, ConfigError for a granularity that there is not.
    """
    metadata = read_metadata(path)
    if holds_all(path):
        return Prompting(None, RELEASED, checkpoint_prompts(path).get("None"))
    try:
        of_run = "corpus" in (*metadata, metadata.get("task"))  # an entry of its own in earlier versions
        stored = json.loads(metadata["config"] if of_run else metadata.get(ENTRY, "{}"))
        told = {key: value for key, value in stored.items() if key in KEYS}
    except (AttributeError, KeyError, ValueError, RecursionError) as error:  # no text of a mapping
        raise CheckpointError(f"{path}: what its header says of sentences is damaged; fetch it again") from error
    return validate(StoredPrompting, told, str(path)).read()
