"""The reader of gaze folders on small made ones, what it says about damaged ones, and the real folders if present."""

import dataclasses
import gzip
import json
import pickle

import numpy as np
import pytest
from PIL import Image

from mindaam.data import prompts, transforms
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.sample import Sample, image_sample, prompt_of
from mindaam.errors import InputError

HEADER = "image,subject,condition,x,y,order,t_ms,duration_ms"
ROWS = [
    "a.jpg,s01,free_viewing,10.5,20.25,1,,100",
    "a.jpg,s02,free_viewing,30,5,1,,100",
    "b.jpg,s01,free_viewing,3,4,1,0,90",
    "c.jpg,s01,free_viewing,1,1,1,0,90",
]


def write_json(path, content):
    path.write_text(json.dumps(content))


def write_rows(root, lines):
    (root / "fixations.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


def make_pictures(root, sizes):
    (root / "stimuli").mkdir(parents=True)
    for name, (width, height) in sizes.items():
        Image.new("RGB", (width, height), (200, 100, 50)).save(root / "stimuli" / name)
    images = {name: {"size": list(size)} for name, size in sizes.items()}
    write_json(root / "splits.json", {"train": ["a.jpg", "b.jpg"], "val": ["c.jpg"]})
    return images


@pytest.fixture
def points_folder(tmp_path):
    """A folder with fixation lists: two training pictures, one for validation, 8 pixels a degree."""
    root = tmp_path / "points"
    images = make_pictures(root, {"a.jpg": (60, 40), "b.jpg": (30, 50), "c.jpg": (20, 20)})
    meta = {"name": "made", "conditions": {"free_viewing": "x"}, "images": images, "px_per_degree_stored": 8.0}
    write_json(root / "meta.json", meta)
    write_rows(root, [HEADER, *ROWS])
    return root


@pytest.fixture
def maps_folder(tmp_path):
    """A folder with density maps under two conditions."""
    root = tmp_path / "maps"
    images = make_pictures(root, {"a.jpg": (16, 12), "b.jpg": (16, 12), "c.jpg": (16, 12)})
    conditions = {"count_people": "", "judge_emotion": ""}
    write_json(root / "meta.json", {"name": "taskfix", "conditions": conditions, "images": images})
    for value, condition in enumerate(("count_people", "judge_emotion")):
        (root / "maps" / condition).mkdir(parents=True)
        for name in "abc":
            density = np.zeros((12, 16), np.uint8)
            density[2:6, 4 * value : 4 * value + 4] = 100
            Image.fromarray(density).save(root / "maps" / condition / f"{name}.png")
    return root


def test_entries_and_sample_of_a_folder_with_fixations(points_folder):
    folder = GazeFolder(points_folder, "train")
    assert folder.entries == [("a.jpg", "free_viewing"), ("b.jpg", "free_viewing")] and len(folder) == 2
    assert folder.name == "made" and folder.conditions == ("free_viewing",)
    sample = image_sample(folder, 0)
    assert sample.image.shape == (40, 60, 3) and sample.image.dtype == np.uint8
    np.testing.assert_array_equal(sample.fixations, np.float32([[10.5, 20.25], [30, 5]]))
    assert sample.density.shape == (40, 60) and abs(sample.density.sum(dtype=np.float64) - 1) < 1e-5
    assert (sample.name, sample.dataset, sample.condition) == ("a.jpg", "made", "free_viewing")
    assert sample.prompt == prompts.default_prompt()
    with pytest.raises(dataclasses.FrozenInstanceError):
        sample.name = "other"
    assert [name for name, _ in GazeFolder(points_folder, "val").entries] == ["c.jpg"]


def test_blur_is_one_degree_at_any_size(points_folder):
    folder = GazeFolder(points_folder)
    stored = transforms.fixation_density(folder.fixations(0), (40, 60), 8.0)
    np.testing.assert_array_equal(folder.density(0), stored)
    # Half as high and a third as wide: a degree is then 4 pixels down and 8/3 across.
    squeezed = transforms.fixation_density(folder.fixations(0) * np.float32([1 / 3, 1 / 2]), (20, 20), (4.0, 8 / 3))
    np.testing.assert_allclose(folder.density(0, (20, 20)), squeezed, atol=1e-7)


def test_undocumented_degree_is_a_thirtieth_of_the_width(points_folder):
    meta = json.loads((points_folder / "meta.json").read_text())
    meta["px_per_degree_stored"] = None
    write_json(points_folder / "meta.json", meta)
    folder = GazeFolder(points_folder)
    np.testing.assert_array_equal(folder.density(0), transforms.fixation_density(folder.fixations(0), (40, 60), 2.0))


def test_maps_of_each_condition_sum_to_one(maps_folder):
    folder = GazeFolder(maps_folder, "val")
    assert folder.entries == [("c.jpg", "count_people"), ("c.jpg", "judge_emotion")]
    count, emotion = image_sample(folder, 0), image_sample(folder, 1)
    assert count.fixations is None and count.density.dtype == np.float32
    np.testing.assert_allclose(count.density[2:6, 0:4], 1 / 16, rtol=1e-6)
    np.testing.assert_allclose(emotion.density[2:6, 4:8], 1 / 16, rtol=1e-6)
    np.testing.assert_allclose(folder.density(0, (6, 8))[1:3, 0:2], 1 / 4, rtol=1e-6)
    assert count.prompt == prompts.default_prompt("count_people") != emotion.prompt


def test_a_folder_can_be_handed_to_another_process(points_folder):
    folder = GazeFolder(points_folder)
    again = pickle.loads(pickle.dumps(folder))
    np.testing.assert_array_equal(image_sample(again, 1).density, image_sample(folder, 1).density)
    assert isinstance(image_sample(again, 1), Sample)


def refused(root, split="train"):
    with pytest.raises(InputError) as caught:
        GazeFolder(root, split)
    message = str(caught.value)
    assert str(root) in message and "\n" not in message
    return message


def test_missing_folder_and_unknown_split(points_folder, tmp_path):
    assert "meta.json" in refused(tmp_path / "none")
    assert 'did you mean "train"' in refused(points_folder, "trian")


@pytest.mark.parametrize("name", ["meta.json", "splits.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", "3", '"x"', "\udcff"])
def test_damaged_json(points_folder, name, content):
    (points_folder / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert name in refused(points_folder)


@pytest.mark.parametrize("names", [[], 3, None, [7], "a.jpg"])
def test_split_that_is_no_list_of_pictures(points_folder, names):
    write_json(points_folder / "splits.json", {"train": names})
    assert "splits.json" in refused(points_folder)


@pytest.mark.parametrize("key", ["images", "conditions"])
def test_meta_without_a_key(points_folder, key):
    meta = json.loads((points_folder / "meta.json").read_text())
    del meta[key]
    write_json(points_folder / "meta.json", meta)
    assert key in refused(points_folder)


def change_meta(root, **changes):
    write_json(root / "meta.json", {**json.loads((root / "meta.json").read_text()), **changes})


def test_sentences_are_the_projects_unless_the_folder_has_its_own(maps_folder):
    own = ["A viewer counts.", "Somebody counts.", "Counting."]
    change_meta(maps_folder, sentences={"count_people": own})
    folder = GazeFolder(maps_folder)
    assert folder.prompts.of("count_people") == own and folder.prompts.held_out("count_people") is None
    assert prompt_of(folder, 0) == image_sample(folder, 0).prompt == own[0]
    assert folder.prompts.of("judge_emotion") == prompts.training_prompts("taskfix", "judge_emotion")
    assert folder.prompts.held_out("judge_emotion") == prompts.held_out_prompt("taskfix", "judge_emotion")
    change_meta(maps_folder, held_out={"count_people": "One counts.", "judge_emotion": "One feels."})
    folder = pickle.loads(pickle.dumps(GazeFolder(maps_folder)))
    assert (folder.prompts.held_out("count_people"), folder.prompts.held_out("judge_emotion")) == (
        "One counts.",
        "One feels.",
    )
    folder.prompts.of("count_people").clear()
    assert folder.prompts.of("count_people") == own


def test_a_condition_nobody_knows_needs_sentences(points_folder):
    change_meta(points_folder, conditions={"free_viewing": "x", "find_cats": "y"})
    message = refused(points_folder)
    assert '"find_cats"' in message and 'add "sentences": {"find_cats": ["A viewer ...' in message
    change_meta(points_folder, sentences={"find_cats": ["A viewer seeks cats."]})
    assert GazeFolder(points_folder).conditions == ("free_viewing", "find_cats")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sentences": ["x"]}, '"sentences" must give a list of sentences for each condition'),
        ({"sentences": {"free_viewing": "x"}}, 'a list of sentences for "free_viewing"'),
        ({"sentences": {"free_viewing": []}}, 'a list of sentences for "free_viewing"'),
        ({"sentences": {"free_viewing": ["x", " "]}}, "none of it empty"),
        ({"sentences": {"free_viewin": ["x"]}}, 'did you mean "free_viewing"'),
        ({"held_out": "x"}, '"held_out" must give a sentence for each condition'),
        ({"held_out": {"free_viewing": ["x"]}}, 'a sentence for "free_viewing"'),
        ({"sentences": {"free_viewing": ["x", "y"]}, "held_out": {"free_viewing": "y"}}, 'among its "sentences"'),
        ({"held_out": {"free_viewing": prompts.default_prompt()}}, 'among its "sentences"'),
        ({"conditions": []}, "one viewing condition or more"),
        ({"conditions": 3}, "one viewing condition or more"),
        ({"px_per_degree_stored": "wide"}, "a number above 0, or null"),
        ({"px_per_degree_stored": -1}, "a number above 0, or null"),
    ],
)
def test_meta_with_sentences_or_values_that_cannot_be(points_folder, changes, says):
    change_meta(points_folder, **changes)
    assert says in refused(points_folder)


@pytest.mark.parametrize("entry", [None, {}, {"size": 3}, {"size": [1]}, {"size": ["a", 2]}])
def test_meta_without_a_pictures_size(points_folder, entry):
    meta = json.loads((points_folder / "meta.json").read_text())
    meta["images"]["b.jpg"] = entry
    write_json(points_folder / "meta.json", meta)
    assert "b.jpg" in refused(points_folder)


def test_picture_of_the_split_missing(points_folder):
    (points_folder / "stimuli" / "b.jpg").unlink()
    assert "b.jpg" in refused(points_folder)
    assert len(GazeFolder(points_folder, "val")) == 1


def test_picture_without_gaze(points_folder, maps_folder):
    write_rows(points_folder, [HEADER, *ROWS[:2]])
    assert "b.jpg" in refused(points_folder)
    for condition in ("count_people", "judge_emotion"):
        (maps_folder / "maps" / condition / "a.png").unlink()
    assert "a.jpg" in refused(maps_folder)


@pytest.mark.parametrize(
    "lines, hint",
    [
        (["image,condition,x", "a.jpg,free_viewing,1"], "column 'y'"),
        ([HEADER, *ROWS, "a.jpg,s01,free_viewing,left,4,1,,"], "line 6"),
        ([HEADER, *ROWS, "a.jpg,s01,free_viewing"], "line 6"),
        ([HEADER, *ROWS, "a.jpg,s01,free_viewing,nan,4,1,,"], "line 6"),
        ([HEADER, *ROWS, "a.jpg,s01,free_viewing,1,5,4,5,1,,"], "line 6: the row has 10 cells, but"),
        ([HEADER, *ROWS, "", "a.jpg,s01,free_viewing,1,4"], "line 7: the row has 5 cells, but the header 8 columns"),
        ([HEADER, *ROWS, "a.jpg,s01,free_viewing,1_0,4,1,,"], "line 6: x and y must be numbers"),
        ([HEADER, *ROWS, "a.jpg,s01,free_viewing,١,4,1,,"], "line 6: x and y must be numbers"),
        ([HEADER, *ROWS, "a.jpg,s01,free_viewing,1e999,4,1,,"], "line 6: x and y must be numbers"),
        ([HEADER, *ROWS, 'a.jpg,s01,free_viewing,1,4,1,,"9'], "damaged"),
        ([HEADER + ",x", *(row + ",1" for row in ROWS)], "more than one column 'x'"),
    ],
)
def test_damaged_fixation_rows(points_folder, lines, hint):
    write_rows(points_folder, lines)
    assert hint in refused(points_folder)


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[: len(b) // 2],
        lambda b: b"plain text",
        lambda b: b[:30] + b"?" + b[31:],
        lambda b: gzip.compress(b"\xff\xfe"),
    ],
)
def test_damaged_fixation_archive(points_folder, damage):
    path = points_folder / "fixations.csv.gz"
    path.write_bytes(damage(path.read_bytes()))
    assert "damaged" in refused(points_folder)


def test_damaged_pictures_and_maps_are_named_when_loaded(points_folder, maps_folder):
    Image.new("RGB", (61, 40)).save(points_folder / "stimuli" / "a.jpg")
    with pytest.raises(InputError, match="61x40.*60x40"):
        image_sample(GazeFolder(points_folder), 0)
    Image.new("L", (16, 12)).save(maps_folder / "maps" / "count_people" / "a.png")
    with pytest.raises(InputError, match="a.png.*blank"):
        GazeFolder(maps_folder).density(0)


PAIRS = {  # folder: (train pictures, val pictures, conditions), as its README counts them
    "osie": (480, 80, 1),
    "eyecrowd": (320, 80, 1),
    "scene500": (320, 80, 1),
    "taskfix": (315, 79, 4),
    "fiwi": (95, 24, 1),
    "interiors_search": (86, 21, 1),
}


@pytest.mark.gaze
@pytest.mark.parametrize("name", PAIRS)
def test_real_folders_are_complete(gaze_root, name):
    train, val, conditions = PAIRS[name]
    for split, pictures in (("train", train), ("val", val)):
        folder = GazeFolder(gaze_root / name, split)
        assert len(folder) == pictures * conditions and len(folder.conditions) == conditions
        sample = image_sample(folder, len(folder) - 1)
        assert sample.image.shape[:2] == sample.density.shape
        assert (sample.fixations is None) == (name == "taskfix")
        assert sample.prompt in prompts.training_prompts(sample.dataset, sample.condition)


# SIM and KLD of a uniform map against each ground truth, published beside the data: they depend on the density alone.
UNIFORM = {
    "osie": (0.2882, 1.6537),
    "eyecrowd": (0.3834, 1.2167),
    "scene500": (0.3507, 1.3185),
    "fiwi": (0.4149, 1.0802),
    "interiors_search": (0.4594, 0.8936),
    "taskfix/count_people": (0.1771, 2.1531),
    "taskfix/judge_emotion": (0.1628, 2.3340),
    "taskfix/describe_occasion": (0.1806, 2.1643),
    "taskfix/free_viewing": (0.1859, 2.1561),
}


@pytest.mark.gaze
@pytest.mark.parametrize("name", UNIFORM)
def test_densities_are_the_ones_the_baselines_were_measured_with(gaze_root, name):
    place, _, condition = name.partition("/")
    folder = GazeFolder(gaze_root / place, "val")
    scores = []
    for index, (_, of) in enumerate(folder.entries):
        if condition in ("", of):
            density = folder.density(index, transforms.fit_within(folder.size(index), 400)).astype(np.float64)
            stretched = density - density.min()
            similarity = np.minimum(stretched / stretched.sum(), 1 / density.size).sum()
            inside = density[density > 0]
            scores.append((similarity, (inside * np.log(inside * density.size)).sum()))
    np.testing.assert_allclose(np.mean(scores, axis=0), UNIFORM[name], atol=1e-4)


def test_fixations_outside_their_picture_are_left_out_and_counted(points_folder):
    write_rows(points_folder, [HEADER, *ROWS, "a.jpg,s03,free_viewing,60,5,1,,9", "b.jpg,s03,free_viewing,-1,5,1,,9"])
    folder = GazeFolder(points_folder, "train")
    assert [len(folder.fixations(index)) for index in range(2)] == [2, 1] and folder.outside == 2
    assert GazeFolder(points_folder, "val").outside == 0


def test_fixations_that_mostly_miss_their_picture_are_refused(points_folder):
    write_rows(points_folder, [HEADER, *ROWS, *["a.jpg,s03,free_viewing,5,45,1,,9"] * 3])
    folder = GazeFolder(points_folder, "train")
    with pytest.raises(InputError, match=r"csv.gz: 3 of 5 fixations of a.jpg are outside the image, which is 60x40"):
        image_sample(folder, 0)
    assert len(folder.fixations(1)) == 1


@pytest.mark.parametrize("mode", ["LA", "RGBA", "I;16"])
def test_a_map_with_alpha_or_16_bits_is_the_same_density(maps_folder, mode):
    before = GazeFolder(maps_folder, "train").density(0)
    path = GazeFolder(maps_folder, "train").map_path(0)
    gray = np.asarray(Image.open(path).convert("L"))
    if mode == "I;16":
        Image.fromarray(gray.astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(np.stack([gray] * len(mode), 2), mode).save(path)
    np.testing.assert_allclose(GazeFolder(maps_folder, "train").density(0), before, rtol=1e-5)


@pytest.mark.parametrize("name", ["../evil", "a/b", "a\\b", "", ".hidden", 5, None, "a\nb"])
def test_a_name_that_would_lead_elsewhere_is_refused(points_folder, name):
    meta = json.loads((points_folder / "meta.json").read_text())
    write_json(points_folder / "meta.json", meta | {"name": name})
    with pytest.raises(InputError, match='meta.json: "name" must be a plain name'):
        GazeFolder(points_folder)


def test_files_that_begin_with_a_byte_order_mark(points_folder):
    expected = image_sample(GazeFolder(points_folder), 0)
    for name in ("meta.json", "splits.json"):
        (points_folder / name).write_text((points_folder / name).read_text(), encoding="utf-8-sig")
    text = "\r\n".join([HEADER, *ROWS])
    (points_folder / "fixations.csv.gz").write_bytes(gzip.compress(text.encode("utf-8-sig")))
    assert np.array_equal(image_sample(GazeFolder(points_folder), 0).fixations, expected.fixations)
