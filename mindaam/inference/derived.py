"""The files that follow from others: the embeddings of prompts, and the hashes in the zoo's index.

`python -m mindaam.inference.derived --update` writes all of them again; without `--update` it names those
that are stale, and ends with 2 if there are any.
"""

import sys

import numpy as np

from mindaam import runtime
from mindaam.data import prompts
from mindaam.errors import MindAAMError
from mindaam.places import model_zoo_dir
from mindaam.streams import print_line, print_message
from mindaam.zoo import index
from mindaam.zoo.embeddings import stored_embeddings, table_path, write_table
from mindaam.zoo.factory import SENTENCE_ENCODERS, load_sentence_encoder
from mindaam.zoo.weights import model_prompts

CLOSE = 1e-5  # largest difference of an embedding, whose numbers are about 0.3, between processors


def bundled_encoders():
    """Names of the text encoders whose weights are in `model_zoo/`."""
    known = index.announced()
    return [name for name in SENTENCE_ENCODERS if (model_zoo_dir() / known[name].file).is_file()]


def wanted_prompts():
    """The prompts whose embeddings are stored: those of all conditions, of training, and of the bundled models."""
    models = [name for name, entry in index.announced().items() if entry.kind == "model"]
    own = [text for name in models for text in model_prompts(name).values()]
    return list(dict.fromkeys([*prompts.every_prompt(), *own]))


def stale_tables(compare=False):
    """Names of the bundled encoders whose stored embeddings are not those of `wanted_prompts`.

    compare: they are computed again and compared, which takes a minute.
    """
    wanted = wanted_prompts()
    return [name for name in bundled_encoders() if not _agrees(name, wanted, compare)]


def update():
    """Writes all derived files."""
    wanted = wanted_prompts()
    for name in bundled_encoders():
        write_table(name, wanted, load_sentence_encoder(name).encode(wanted))
    index.update()


def _agrees(name, wanted, compare):
    stored = stored_embeddings(name)
    if list(stored) != wanted:
        return False
    if not compare:
        return True
    return np.abs(load_sentence_encoder(name).encode(wanted) - np.stack(list(stored.values()))).max() < CLOSE


def main(arguments):
    """The command line; returns the exit code."""
    if arguments not in ([], ["--update"]):
        print("usage: python -m mindaam.inference.derived [--update]", file=sys.stderr)
        return 2
    try:
        runtime.configure(mode="graph")
        if arguments:
            update()
            for name in bundled_encoders():
                print_line(f"{table_path(name)}: {len(stored_embeddings(name))} prompts")
            return 0
        stale = stale_tables(compare=True)
        for name in stale:
            print_message(f"{table_path(name)} is stale; run python -m mindaam.inference.derived --update")
        return 2 if stale else index.main([])
    except MindAAMError as error:
        print_message(error)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
