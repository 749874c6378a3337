"""How far prompts move attention: shares within boxes, wordings, resuming, and the means over classes."""

import numpy as np
import pytest

from mindaam.data.search import wordings
from mindaam.data.search.folder import SearchFolder
from mindaam.errors import InputError
from mindaam.evaluation.studies import steering
from mindaam.evaluation.studies.stored_rows import ROWS
from mindaam.inference.prediction import Prediction

SIZE = (20, 40)
FOUND = {
    "1.png": {"dog": np.array([[0, 0, 20, 20]]), "laptop": np.array([[20, 0, 20, 20]])},
    "2.png": {"dog": np.array([[20, 0, 20, 10]])},
}


class Prompts:
    def of(self, condition):
        assert condition == "free_viewing"
        return ["free"]


class Folder:
    """Two images that were viewed freely."""

    name, prompts = "made", Prompts()
    entries = [("1.png", "free_viewing"), ("2.png", "free_viewing")]

    def size(self, index):
        return SIZE

    def image(self, index):
        return np.full((*SIZE, 3), index, np.uint8)


class Left:
    """A Predictor for which everything is in the left half, but a dog that is asked for by its trained name."""

    def __init__(self):
        self.asked = []

    def predict_many(self, images, prompts):
        for image in images:
            self.asked += prompts
            maps = []
            for prompt in prompts:
                density = np.zeros(SIZE, np.float32)
                right = prompt == wordings.prompts("dog")[0] and image.max() == 1
                density[:, 20:] = 0.5 * right
                density[:, :20] = 1 - 0.5 * right
                maps.append(Prediction(density, density / density.sum(), prompt))
            yield maps


def search():
    return SearchFolder(Folder(), FOUND, trained=False)


def test_the_share_that_moves_is_measured_for_each_wording(tmp_path):
    predictor, searches = Left(), [search()]
    assert steering.STORED.begin({"a": 1}, tmp_path, lambda rows: steering.complete(rows, searches)) == []
    steering.rows_of(predictor, searches, tmp_path)
    rows = steering.STORED.load(tmp_path)
    of_class = {(row["image"], row["class"], row["wording"]): row for row in rows}
    assert len(rows) == 7 and ("1.png", "laptop", "untrained") in of_class
    dog = of_class["2.png", "dog", "trained"]
    assert dog["share"] == pytest.approx(0.25, abs=1e-5) and dog["free"] == 0 and dog["area"] == pytest.approx(0.25)
    assert steering.moved(dog) == pytest.approx(0.25, abs=1e-5)
    assert of_class["2.png", "dog", "synonym"]["share"] == 0
    assert steering.moved(of_class["1.png", "dog", "trained"]) == 0  # all is within the box already
    assert predictor.asked.count("free") == 2 and not {"A viewer looks for a puppy."} & set(predictor.asked)
    # a study that was killed within an image computes that image again
    whole = (tmp_path / ROWS).read_text()
    (tmp_path / ROWS).write_text(whole[: whole.rindex("2.png", 0, len(whole) - 40)])
    kept = steering.STORED.begin({"a": 1}, tmp_path, lambda rows: steering.complete(rows, searches))
    assert {row["image"] for row in kept} == {"1.png"}
    seen = []
    steering.rows_of(predictor, searches, tmp_path, {("made", "1.png")}, seen.append)
    assert seen == ["2.png"] and (tmp_path / ROWS).read_text() == whole


def test_means_are_over_classes_with_enough_images():
    def row(image, name, share):
        head = {"dataset": "made", "image": str(image), "class": name, "wording": "trained"}
        return head | {"share": share, "free": 0.2, "area": 0.1}

    rows = [row(image, "dog", 0.6) for image in range(10)] + [row(image, "cup", 0.2) for image in range(3)]
    found = steering.results(rows)
    enough, every = found["means"]
    assert (enough["least"], enough["classes"], enough["moved"]) == (10, 1, pytest.approx(0.5))
    assert enough["ratio"] == pytest.approx(3)
    assert (every["least"], every["classes"], every["moved"]) == (1, 2, pytest.approx(0.25))
    printed = "\n".join(steering.lines(found))
    assert "dog" in printed and "cup" not in printed and "3.00x" in printed
    with pytest.raises(InputError, match="box"):
        steering.results([])
