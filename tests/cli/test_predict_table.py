"""`mindaam predict` on a table of images and prompts, with a stand-in model."""

import json

import numpy as np
import pytest

from mindaam.data import prompts
from tests.cli.test_predict_command import mindaam, names, one_sentence, photos  # noqa: F401 - fixtures


@pytest.fixture
def table(photos):  # noqa: F811
    def write(text):
        (photos / "pairs.csv").write_text(text, encoding="utf-8-sig")
        return photos / "pairs.csv"

    return write


def test_each_image_has_the_prompts_of_its_rows(mindaam, table, tmp_path):  # noqa: F811
    path = table('Image,condition,prompt\na.png,count_people,\n./a.png,,"Seek, quickly."\n\nb.jpg,,"Seek, quickly."\n')
    code, out, err = mindaam(path, "-o", tmp_path / "out", "--save", "npy", "--report")
    assert (code, err) == (0, "") and out.startswith("2 images, 2 prompts:\n")
    made = [name for name in names(tmp_path / "out") if name.endswith("npy")]
    assert len(made) == 3 and "a.count_people.npy" in made and sum(name.startswith("b.") for name in made) == 1
    assert mindaam.models[0].backbone_passes == 2 and mindaam.models[0].head_passes == 3
    found = json.loads((tmp_path / "out/results.json").read_text())["results"]
    assert [(each["condition"], each["prompt"]) for each in found] == [
        ("count_people", prompts.default_prompt("count_people")), (None, "Seek, quickly."), (None, "Seek, quickly."),
    ]  # fmt: skip
    assert all(np.isfinite(each["spread"]) for each in found)


def test_rows_that_cannot_be_used_are_a_sentence_each_and_the_rest_is_done(mindaam, table, tmp_path):  # noqa: F811
    path = table(
        "image,prompt\na.png,Look.\ngone.png,Look.\na.png,Look.\n,Look.\nb.jpg,\nc.webp,Look, too.\n"
        f"../photos,Look.\nb.jpg,{'z' * 9000}\nc.webp,See.\n"
    )
    code, out, err = mindaam(path, "-o", tmp_path / "out", "--save", "npy")
    assert code == 2 and "2 images, 2 prompts" in out and len(names(tmp_path / "out")) == 2
    says = [
        "row 3: ", "row 4: it repeats row 2", "row 5: the image is empty", "row 6: it needs a prompt",
        "row 7: the row has 3 cells, the header 2", "row 8: ../photos is a folder",
    ]  # fmt: skip
    lines = err.splitlines()
    assert len(lines) == 7 and all(text in line for text, line in zip(says, lines, strict=False))
    assert "gone.png does not exist" in lines[0] and all(len(line) < 700 for line in lines)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", 'has no columns "image" and "prompt"'),
        ("image,text\na.png,Look.\n", 'has no columns "image" and "prompt"'),
        ("image,prompt\n", "has no row below its header"),
        ('image,prompt\na.png,"Look', "is not a CSV table"),
        ("image,prompt\n" + "x" * 200_000 + ",Look.", "a cell has more than 10,000 characters"),
    ],
)
def test_a_file_that_is_no_such_table(mindaam, table, tmp_path, text, says):  # noqa: F811
    code, out, err = mindaam(table(text), "-o", tmp_path / "out")
    assert code == 2 and says in one_sentence(err) and out == "" and not mindaam.models


def test_a_table_stands_alone(mindaam, table, photos, tmp_path):  # noqa: F811
    path = table("image,prompt\na.png,Look.\n")
    for more in ([photos / "a.png"], ["--prompt", "See."], ["--condition", "free_viewing"]):
        code, _, err = mindaam(path, *more, "-o", tmp_path / "out")
        assert code == 2 and "give it alone" in one_sentence(err)
    code, _, err = mindaam(photos / "gone.csv", "-o", tmp_path / "out")
    assert code == 2 and "gone.csv cannot be read (No such file" in one_sentence(err)
