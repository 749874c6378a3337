"""A small corpus under one folder: three sets of pictures and two of films, one of them with sound."""

from mindaam.data.datasets.catalogue import record
from tests.data.datasets import image_trees, video_trees

PICTURES, FILMS = ("cat2000", "osie", "salicon"), ("dhf1k", "diem")


def make_corpus(root):
    """Writes it, each set in its official layout; returns the folder."""
    for key in PICTURES:
        image_trees.build(key, "official", root / record(key).folders[0])
    for key in FILMS:
        video_trees.build(key, "official", root)
    return root
