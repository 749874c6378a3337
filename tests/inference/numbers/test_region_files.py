"""Files of regions: what they mean, and one sentence for every bad one."""

import json

import numpy as np
import pytest
from PIL import Image

from mindaam.errors import InputError
from mindaam.inference.numbers.region_files import CORNERS, MOST, as_regions, checked_regions, read_regions
from mindaam.inference.numbers.regions import areas


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "boxes.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def one(**entry):
    return {"regions": [{"name": "a", **entry}]}


def test_boxes_polygons_fractions_and_masks(write, tmp_path):
    mask = np.zeros((20, 30), np.uint8)
    mask[5:10, 5:10] = 255
    Image.fromarray(mask).save(tmp_path / "logo.png")
    path = write({
        "unit": "fraction",
        "regions": [
            {"name": "left", "box": [0, 0, 0.5, 1]},
            {"name": "Knopf <b>", "box": [0, 0, 3, 2], "unit": "pixels"},
            {"name": "half", "polygon": [[0, 0], [1, 0], [1, 0.5], [0, 0.5]]},
            {"name": "logo", "mask": "logo.png"},
        ],
    })  # fmt: skip
    found = areas(read_regions(path), (20, 30))
    assert [area.name for area in found] == ["left", "Knopf <b>", "half", "logo"]
    assert [area.pixels for area in found] == [300, 6, 300, 25]
    assert [region.name for region in as_regions(json.loads(path.read_text())["regions"][:3])][2] == "half"
    [alone] = read_regions(tmp_path / "logo.png")
    assert alone.name == "logo" and areas([alone], (20, 30))[0].pixels == 25


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("1" * 5000, "is not JSON"),
        ("3", 'has no list of "regions"'),
        ({"boxes": []}, 'has no list of "regions"'),
        ({"regions": []}, "has no region"),
        ({"regions": [], "units": "px"}, 'unknown key "units" .did you mean "unit"'),
        ({"regions": [3]}, "region 1 is not an object"),
        ({"regions": [{"box": [0, 0, 1, 1]}]}, "region 1 has no name"),
        ({"regions": [{"name": " ", "box": [0, 0, 1, 1]}]}, "region 1 has no name"),
        ({"regions": [{"name": "x" * 101, "box": [0, 0, 1, 1]}]}, "a name of 101 characters"),
        ({"regions": [{"name": "a\x1b[2J", "box": [0, 0, 1, 1]}]}, "control characters"),
        ({"regions": [{"name": "a", "box": [0, 0, 1, 1]}] * 2}, 'region 2 has the name "a", as region 1 has'),
        ({"regions": [{"name": str(n), "box": [0, 0, 1, 1]} for n in range(MOST + 1)]}, "201 regions, more than 200"),
        (one(), "has no shape; give one of box, polygon, mask"),
        (one(box=[0, 0, 1, 1], mask="a.png"), "has 2 shapes"),
        (one(bxo=[0, 0, 1, 1]), 'unknown key "bxo" .did you mean "box"'),
        (one(box=[0, 0, 1]), "a box is .x, y, width, height., four numbers"),
        (one(box=[0, 0, "1", 1]), "four numbers"),
        (one(box=[0, 0, True, 1]), "four numbers"),
        ('{"regions": [{"name": "a", "box": [0, 0, 1e999, 1]}]}', "four numbers"),
        ('{"regions": [{"name": "a", "box": [0, 0, NaN, 1]}]}', "four numbers"),
        (one(box=[0, 0, 0, 1]), "a box of 0 x 1, which is empty"),
        (one(box=[5, 5, -2, 1]), "which is empty"),
        (one(polygon=[[0, 0], [1, 1]]), "3 to 1000 corners"),
        (one(polygon=[[0, 0]] * (CORNERS + 1)), "3 to 1000 corners"),
        (one(polygon=[[0, 0], [1, 1], [2]]), "3 to 1000 corners"),
        (one(box=[0, 0, 1, 1], unit="cm"), 'the unit must be "pixels" or "fraction", not "cm"'),
        (one(box=[0, 0, 1, 1], unit=[]), "the unit must be"),
        (one(mask="../secret.png"), "the mask is not a path under the folder"),
        (one(mask=3), "the mask is not a text"),
        (one(mask="gone.png"), "gone.png"),
    ],
)
def test_a_bad_file_is_one_sentence(write, content, says):
    path = write(content)
    with pytest.raises(InputError, match=says) as raised:
        read_regions(path)
    assert "boxes.json" in str(raised.value) or "gone.png" in str(raised.value)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 600


def test_files_that_are_none(tmp_path):
    Image.new("L", (9, 9)).save(tmp_path / "black.png")
    (tmp_path / "big.json").write_bytes(b" " * (5 << 20))
    for path, says in (
        (tmp_path / "gone.json", "No such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "black.png", "black everywhere"),
        (tmp_path / "big.json", "more than"),
    ):
        with pytest.raises(InputError, match=says):
            read_regions(path)


def test_a_mask_needs_the_folder_of_a_file():
    with pytest.raises(InputError, match="the mask has no folder"):
        checked_regions([{"name": "a", "mask": "a.png"}])
