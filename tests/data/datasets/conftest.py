"""What tests of data under a folder share: small trees of the published sets."""

import shutil

import pytest

from mindaam.data.datasets.catalogue import record
from tests.data.datasets import image_trees, video_trees


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """tree(key, layout) -> the folder of a set, written once and not to be changed."""
    known = {}

    def tree(key, layout="official"):
        if (key, layout) not in known:
            root = tmp_path_factory.mktemp("sets")
            if record(key).modality == "image":
                folder = root / record(key).folders[0]
                image_trees.build(key, layout, folder)
            else:
                folder = video_trees.build(key, layout, root).folder
            known[key, layout] = folder
        return known[key, layout]

    return tree


@pytest.fixture
def copied(trees, tmp_path):
    """copied(key, layout, place) -> a copy of a set's folder at tmp_path/place that a test may change."""

    def copy(key, layout="official", place=None):
        folder = trees(key, layout)
        return shutil.copytree(folder, tmp_path / (place or folder.name), dirs_exist_ok=True)

    return copy
