"""A folder with all that a run can find: published sets, gaze folders and packs, some of them under one name."""

import json

from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.packs.packing import pack
from tests.data.datasets.gaze_trees import make_gaze_folder
from tests.training.corpus_root import make_corpus


def make_mixed(root):
    """Writes it; returns the folder. The packs are those of other gaze folders, so that they can be told apart."""
    make_corpus(root)
    for name in ("mine", "osie", "packed-too", "held"):
        make_gaze_folder(root / name)
    (root / "held" / "splits.json").write_text(json.dumps({"val": ["c.jpg"]}))
    both = ("train", "val")
    packed = {"a": both[:1], "a-b": both, "packed-too": both[:1], "salicon": both, "mine": both[1:], "lone": both[1:]}
    for name, splits in packed.items():
        source = make_gaze_folder(root.parent / f"{root.name} sources" / name, name=name)
        for split in splits:
            pack(GazeFolder(source, split), root / f"{name}.{split}", (16, 16), workers=0)
    return root
