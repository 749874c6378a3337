"""Which prompts the model of a checkpoint was trained with, and so is scored with."""

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
    return {ENTRY: json.dumps(config.model_dump(mode="json", include=set(KEYS)), ensure_ascii=False)}


def checkpoint_prompting(path):
    """The Prompting of a checkpoint: that of its run, of a model that a run made, or of the released code.

    A model without an entry in its header, as of earlier versions, has the readers' own prompts. Raises CheckpointError
    for an unusable file or a damaged header, ConfigError for an unknown granularity.
    """
    metadata = read_metadata(path)
    if holds_all(path):
        return Prompting(None, RELEASED, checkpoint_prompts(path).get("None"))
    try:
        of_run = "corpus" in (*metadata, metadata.get("task"))  # an entry of its own in earlier versions
        stored = json.loads(metadata["config"] if of_run else metadata.get(ENTRY, "{}"))
        entry = {key: value for key, value in stored.items() if key in KEYS}
    except (AttributeError, KeyError, ValueError, RecursionError) as error:  # not the text of a mapping
        raise CheckpointError(f"{path}: the entry on prompts in its header is damaged; fetch it again") from error
    return validate(StoredPrompting, entry, str(path)).read()
