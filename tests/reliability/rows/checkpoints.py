"""Checkpoints damaged byte by byte, given to what `--model` reads them with: none of them may be taken."""

from functools import cache

from mindaam.errors import CheckpointError
from tests.models.tiny import NAME
from tests.reliability.mutations import CHANGES, mutated
from tests.reliability.originals.checkpoints import KINDS, blank_model, checkpoint
from tests.reliability.row import Row, require

COUNT = 4000


def make(dice, number, folder):
    """Writes checkpoint `number`: every other one is damaged in its numbers only, where nothing but a checksum sees it.
    The first of each kind are whole."""
    kind = KINDS[number % len(KINDS)]
    content = checkpoint(kind)
    path = folder / f"{'whole-' if number < len(KINDS) else ''}{kind}.safetensors"
    path.write_bytes(content if number < len(KINDS) else _damaged(content, dice, number))
    return path


def _damaged(content, dice, number):
    """The content with changes, and never the same."""
    changed, start = content, 8 + int.from_bytes(content[:8], "little")
    while changed == content:
        if number % 2:
            changed = mutated(content, dice, checkpoint(dice.choice(KINDS)))
        else:
            numbers = bytearray(content[start:])
            dice.choice(IN_PLACE)(numbers, dice, b"")
            changed = content[:start] + bytes(numbers)
    return changed


IN_PLACE = [change for change in dict.fromkeys(CHANGES) if change.__name__ in ("flip", "overwrite", "zero", "swap")]


def attempt(path):
    """Loads a checkpoint as `mindaam predict --model` does, but for the frozen encoder beside it."""
    load(path)
    require(path.stem.startswith("whole"), "a damaged checkpoint was taken")


def load(path):
    """Structure and weights of the checkpoint at `path`; of the authors' model, which has no small form, weights."""
    from mindaam.zoo.factory import create_model
    from mindaam.zoo.weights import checkpoint_config, load_weights

    _without_encoder()
    try:
        if "converted" in path.stem:
            checkpoint_config(path)
            load_weights(blank_model(), path)
        else:
            create_model(NAME, path)
    except CheckpointError as error:
        require(not path.stem.startswith("whole"), f"a whole checkpoint is refused: {error}")
        raise


@cache
def _without_encoder():
    """The real encoder has other sizes than the small checkpoints' model, and is verified by its hash anyway."""
    from mindaam.zoo import weights
    from tests.training.small import fill_backbone

    weights.load_backbone = fill_backbone
    blank_model()


ROW = Row(
    "checkpoints",
    "damaged checkpoints given to `--model`",
    "A checkpoint with one wrong byte is never loaded.",
    "Checkpoints of a model, of a run and converted ones; every other one damaged in its values only, which "
    "requires a checksum to detect. Intact ones must load.",
    COUNT,
    make,
    attempt,
    megabytes=2500,
)
