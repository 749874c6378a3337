"""The forms of fixations of pictures: exact points from small files, and clear words about damaged ones."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mindaam.data.datasets.forms.image_forms import IMAGE_FORMS, TABLE_FORMS, from_screen
from mindaam.data.datasets.forms.json_stream import members
from mindaam.errors import InputError
from tests.data.datasets.drawn import mask_of, picture
from tests.data.datasets.image_trees import cell, osie_struct

SIZE = (30, 40)


def save_dots(path, dots, value=255, size=SIZE, **options):
    pixels = np.zeros(size, np.uint8)
    for x, y in dots:
        pixels[y, x] = value
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.mark.parametrize("value", [255, 1])
def test_a_picture_of_points_gives_the_centres_of_its_bright_pixels(tmp_path, value):
    path = save_dots(tmp_path / "a.png", [(39, 0), (0, 29), (3, 4)], value)
    points = IMAGE_FORMS["points_image"](path, SIZE)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points, [[39.5, 0.5], [3.5, 4.5], [0.5, 29.5]])


@pytest.mark.parametrize("quality", [75, 95])
def test_dots_are_found_again_in_a_jpeg(tmp_path, quality):
    mask, points = mask_of(3, picture(0, 96, 72))
    Image.fromarray(mask.astype(np.uint8) * 255).save(tmp_path / "a.jpg", quality=quality)
    np.testing.assert_array_equal(IMAGE_FORMS["points_image"](tmp_path / "a.jpg", (72, 96)), points)


def test_a_blank_picture_of_points_has_none(tmp_path):
    assert IMAGE_FORMS["points_image"](save_dots(tmp_path / "a.png", []), SIZE).shape == (0, 2)


def test_a_picture_of_points_of_another_size_is_refused(tmp_path):
    path = save_dots(tmp_path / "a.png", [(1, 1)], size=(20, 40))
    with pytest.raises(InputError, match=r"a.png is 40x20 but its image is 40x30"):
        IMAGE_FORMS["points_image"](path, SIZE)


def test_a_mask_gives_the_centres_of_its_pixels_x_before_y(tmp_path):
    mask = np.zeros(SIZE, bool)
    mask[2, 30] = mask[29, 5] = True
    savemat(tmp_path / "a.mat", {"fixLocs": mask})
    points = IMAGE_FORMS["mask_mat"](tmp_path / "a.mat", SIZE, variable="fixLocs")
    np.testing.assert_array_equal(points, [[30.5, 2.5], [5.5, 29.5]])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.zeros((40, 30)), "30x40"),
        ("text", "no matrix"),
        (np.zeros((2, 3, 4)), "no matrix"),
        (np.full(SIZE, np.nan), "no matrix"),
        (np.full(SIZE, 1j), "no matrix"),
    ],
)
def test_a_mask_that_is_none_is_refused(tmp_path, value, reason):
    savemat(tmp_path / "a.mat", {"fixLocs": value})
    with pytest.raises(InputError, match=f"a.mat.*{reason}"):
        IMAGE_FORMS["mask_mat"](tmp_path / "a.mat", SIZE, variable="fixLocs")


def gaze(*viewers):
    structs = np.zeros((len(viewers), 1), [(name, object) for name in ("location", "timestamp", "fixations")])
    for row, (track, fixations) in zip(structs[:, 0], viewers, strict=True):
        row["location"], row["timestamp"], row["fixations"] = track, np.arange(len(track)), fixations
    return {"image": "COCO", "resolution": [[30, 40]], "gaze": structs}


def salicon(path, **options):
    return IMAGE_FORMS["salicon_gaze"](path, SIZE, **options)


def test_salicon_gives_the_fixations_of_all_viewers_as_centres_of_pixels(tmp_path):
    first = (np.array([[7.0, 8.0]] * 3), np.array([[1, 1], [40, 30]], np.uint16))
    savemat(tmp_path / "a.mat", gaze(first, (np.array([[9.0, 9.0]]), np.zeros((0, 0)))))
    np.testing.assert_array_equal(salicon(tmp_path / "a.mat"), [[0.5, 0.5, 0], [39.5, 29.5, 0]])
    track = salicon(tmp_path / "a.mat", field="location")
    np.testing.assert_array_equal(track, [[6.5, 7.5, 0]] * 3 + [[8.5, 8.5, 1]])


def test_salicon_without_viewers_has_no_fixations(tmp_path):
    savemat(tmp_path / "a.mat", {"gaze": np.zeros((0, 0))})
    assert salicon(tmp_path / "a.mat").shape == (0, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"gaze": {"location": [[1, 2]]}}, "has no fixations"),
        ({"gaze": {"fixations": [[1.0], [2.0]]}}, r"fixations is no list of points but of shape \(2, 1\)"),
        ({"gaze": {"fixations": "none"}}, "fixations holds something else than numbers"),
        ({"other": 1.0}, "lacks the variable gaze"),
    ],
)
def test_salicon_that_lacks_something_is_refused(tmp_path, content, reason):
    savemat(tmp_path / "a.mat", content)
    with pytest.raises(InputError, match=f"a.mat.*{reason}"):
        IMAGE_FORMS["salicon_gaze"](tmp_path / "a.mat", SIZE)


def test_osie_gives_what_its_viewers_saw_one_after_another(tmp_path):
    pictures = [
        osie_struct("1001.jpg", [[[395.5, 265.7], [-3.0, np.nan]], [], [[1.0, 2.0]]]),
        osie_struct("1002.jpg", []),
    ]
    savemat(tmp_path / "fixations.mat", {"fixations": cell(pictures)})
    table = TABLE_FORMS["osie_fixations"]([tmp_path / "fixations.mat"])
    assert list(table) == ["1001.jpg", "1002.jpg"]
    np.testing.assert_array_equal(table["1001.jpg"], np.float32([[395.5, 265.7, 0], [-3, np.nan, 0], [1, 2, 2]]))
    assert table["1002.jpg"].shape == (0, 3) and table["1002.jpg"].dtype == np.float32


@pytest.mark.parametrize(
    ("struct", "reason"),
    [
        ({"img": "a.jpg"}, "has no subjects"),
        ({"img": 3.0, "subjects": cell([])}, "img is no text"),
        ({"img": "a.jpg", "subjects": cell([{"fix_x": [1.0, 2.0], "fix_y": [1.0]}])}, "fix_x has 2 values but fix_y 1"),
        ({"img": "a.jpg", "subjects": cell([{"fix_x": "left", "fix_y": [1.0]}])}, "something else than numbers"),
    ],
)
def test_osie_that_is_not_as_it_should_be_is_refused(tmp_path, struct, reason):
    savemat(tmp_path / "fixations.mat", {"fixations": cell([struct])})
    with pytest.raises(InputError, match=f"fixations.mat.*{reason}"):
        TABLE_FORMS["osie_fixations"]([tmp_path / "fixations.mat"])


def test_figrim_gives_the_first_showing_and_no_repetition(tmp_path):
    viewers = np.zeros((1, 2), [(name, object) for name in ("trial", "fixations", "SDT")])
    showings = {"enc": [[1.5, 2.5], [3.5, 4.5]], "rec": [[9.0, 9.0]], "rec2": np.zeros((0, 0))}
    viewers[0, 0] = ([[1.0]], showings, [[1.0, 2.0, 3.0]])
    viewers[0, 1] = (np.zeros((0, 0)),) * 3
    images = np.zeros((1, 2), [(name, object) for name in ("filename", "category", "userdata")])
    images[0, 0], images[0, 1] = ("a.jpg", "tower", viewers), ("b.jpg", "tower", viewers[:, 1:])
    savemat(tmp_path / "allImages_release.mat", {"allImages": images})
    table = TABLE_FORMS["figrim_images"]([tmp_path / "allImages_release.mat"])
    np.testing.assert_array_equal(table["tower/a.jpg"], [[1.5, 2.5, 0], [3.5, 4.5, 0]])
    assert table["tower/b.jpg"].shape == (0, 3)
    again = TABLE_FORMS["figrim_images"]([tmp_path / "allImages_release.mat"], time="rec")
    np.testing.assert_array_equal(again["tower/a.jpg"], [[9, 9, 0]])


def test_a_trackers_logs_give_valid_fixations_as_fractions_of_the_screen(tmp_path):
    header = "MEDIA_ID,MEDIA_NAME,TIME(2022/03/28 14:28:03.787),FPOGX,FPOGY,FPOGV,BPOGX,\n"
    (tmp_path / "00_kh000_fixations.csv").write_text(
        header
        + "6,a.jpg,0.1,0.50000,0.25000,1,0.4,\n6,a.jpg,0.2,0.9,0.9,0,0.4,\n6,b.png,0.3,-0.01,1.2,1,0.1,\n6,a.jpg,0.4\n"
    )
    (tmp_path / "01_kh001_fixations.csv").write_bytes(
        header.encode() + b"6,a.jpg,0.1,0.1,0.2,1,0.4,\n6,c\xe4.jpg,x,y\n"
    )
    table = TABLE_FORMS["gazepoint_logs"](sorted(tmp_path.iterdir()))
    np.testing.assert_array_equal(table["a.jpg"], np.float32([[0.5, 0.25, 0], [0.1, 0.2, 1]]))
    np.testing.assert_array_equal(table["b.png"], np.float32([[-0.01, 1.2, 0]]))


def test_a_trackers_row_that_is_too_long_is_refused_with_its_line(tmp_path):
    header = "MEDIA_NAME,FPOGX,FPOGY,FPOGV,\n"
    (tmp_path / "log.csv").write_text(header + "a.jpg,0.1,0.2,1,\n\nb.jpg,0.1,0.2,1\nb.jpg,0,5,0,25,1\n")
    with pytest.raises(InputError, match="log.csv, line 5: the row has 6 cells, but the header 4 columns"):
        TABLE_FORMS["gazepoint_logs"]([tmp_path / "log.csv"])
    (tmp_path / "log.csv").write_text(header + "a.jpg,0.1,0.2,1\na.jpg,0_1,0.2,1,\na.jpg,nan,0.2,1,\na.jpg,1,0.2\n")
    table = TABLE_FORMS["gazepoint_logs"]([tmp_path / "log.csv"])
    np.testing.assert_array_equal(table["a.jpg"], np.float32([[0.1, 0.2, 0]]))


def test_a_trackers_log_without_its_columns_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text("MEDIA_NAME,X\na.jpg,1\n")
    with pytest.raises(InputError, match="log.csv has no column FPOGX, FPOGY, FPOGV"):
        TABLE_FORMS["gazepoint_logs"]([tmp_path / "log.csv"])
    with pytest.raises(InputError, match="absent.csv cannot be read"):
        TABLE_FORMS["gazepoint_logs"]([tmp_path / "absent.csv"])


@pytest.mark.parametrize("size", [(1200, 1920), (600, 960)])
def test_a_picture_of_the_screens_shape_fills_it(size):
    np.testing.assert_allclose(
        from_screen([[0.5, 0.25], [1, 1]], size, (1920, 1200)), [[size[1] / 2, size[0] / 4], size[::-1]]
    )


def test_a_narrow_picture_lies_in_the_screens_middle():
    # 600x1200 on 1920x1200: shown as it is, from the 660th column to the 1260th
    points = from_screen(np.array([[660, 0], [1260, 1200], [630, 600]]) / [1920, 1200], (1200, 600), (1920, 1200))
    np.testing.assert_allclose(points, [[0, 0], [600, 1200], [-30, 600]], atol=1e-3)


def test_a_flat_picture_is_enlarged_to_the_screens_width():
    # 192x60 on 1920x1200: ten times as large, from the 300th row to the 900th
    points = from_screen([[0.5, 0.25], [0.1, 0.5]], (60, 192), (1920, 1200))
    np.testing.assert_allclose(points, [[96, 0], [19.2, 30]], atol=1e-4)


def annotations(*rows):
    images = [{"id": 7, "file_name": "COCO_train2014_000000000007.jpg", "height": 30, "width": 40}]
    return {"info": {}, "images": images, "annotations": list(rows), "type": "fixations"}


def test_annotations_give_columns_before_rows_as_centres_of_pixels(tmp_path):
    rows = [{"image_id": 7, "fixations": [[1, 40], [30.0, 1.0]]}, {"image_id": 7, "fixations": []}]
    (tmp_path / "fixations_train2014.json").write_text(json.dumps(annotations(*rows), indent=1))
    table = TABLE_FORMS["salicon_json"]([tmp_path / "fixations_train2014.json"])
    np.testing.assert_array_equal(table["COCO_train2014_000000000007.jpg"], [[39.5, 0.5, 0], [0.5, 29.5, 0]])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"image_id": 8, "fixations": []}, "images lacks the id 8 of an annotation"),
        ({"image_id": 7}, "annotations lacks 'fixations'"),
        ({"image_id": 7, "fixations": [[1], [2]]}, "fixations is no list of points"),
        ({"image_id": 7, "fixations": [["a", "b"]]}, "fixations holds something else than numbers"),
        ({"image_id": 7, "fixations": [[1, 2], [3]]}, "fixations holds something else than numbers"),
    ],
)
def test_annotations_that_lack_something_are_refused(tmp_path, row, reason):
    (tmp_path / "a.json").write_text(json.dumps(annotations(row)))
    with pytest.raises(InputError, match=f"a.json.*{reason}"):
        TABLE_FORMS["salicon_json"]([tmp_path / "a.json"])


def test_a_long_list_comes_element_by_element(tmp_path):
    (tmp_path / "a.json").write_text('\n{ "a" : [1, 2],\t"long":[ {"x":1} , 2,[3]],"b":{} , "long2" : [ ] }\n')
    assert list(members(tmp_path / "a.json", "long")) == [
        ("a", [1, 2]),
        ("long", {"x": 1}),
        ("long", 2),
        ("long", [3]),
        ("b", {}),
        ("long2", []),
    ]
    (tmp_path / "b.json").write_text('{"long": []}')
    assert list(members(tmp_path / "b.json", "long")) == []


def test_json_cut_short_anywhere_is_refused(tmp_path):
    text = json.dumps(annotations({"image_id": 7, "fixations": [[1, 2]]}))
    for length in range(1, len(text)):
        (tmp_path / "a.json").write_text(text[:length])
        with pytest.raises(InputError, match="a.json is damaged or truncated"):
            list(members(tmp_path / "a.json", "annotations"))


@pytest.mark.parametrize(
    "content", [b"[1, 2]", b"\xff\xfe", b'{"a" 1}', b'{"a": 1 "b": 2}', b'{"long": {}}', b"[" * 100000]
)
def test_what_is_no_object_in_json_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match="a.json is damaged or truncated"):
        list(members(tmp_path / "a.json", "long"))


def test_missing_and_empty_json_is_refused(tmp_path):
    (tmp_path / "empty.json").touch()
    for name, reason in (("empty.json", "is empty"), ("absent.json", "the JSON file .* does not exist")):
        with pytest.raises(InputError, match=reason):
            list(members(tmp_path / name, "long"))
