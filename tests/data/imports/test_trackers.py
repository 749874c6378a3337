"""Tables as eye trackers write them are read without options; which rows are fixations."""

import json

import numpy as np
import pytest
from PIL import Image

from mindaam.cli.main import run
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.imports.importing import Wanted, import_gaze
from mindaam.errors import InputError

WIDTH, HEIGHT = 200, 100
PUPIL_CORE = """world_timestamp,world_index,fixation_id,start_timestamp,duration,dispersion,norm_pos_x,norm_pos_y,\
x_scaled,y_scaled,on_surf
10.0,300,1,9.9,120.5,0.9,0.24,0.74,0.24,0.74,True
10.03,301,1,9.9,120.5,0.9,0.26,0.76,0.26,0.76,True
10.5,315,2,10.4,90.0,0.9,1.50,0.50,1.5,0.5,False
10.6,318,3,10.55,210.0,0.9,0.50,0.10,0.5,0.1,True
"""
MARKER_MAPPER = """section id,recording id,fixation id,start timestamp [ns],end timestamp [ns],duration [ms],\
fixation detected on surface,fixation x [normalized],fixation y [normalized]
s,r1,1,1700000000000000000,1700000000200000000,200,True,0.25,0.25
s,r1,2,1700000000300000000,1700000000400000000,100,False,,
s,r2,1,1700000001000000000,1700000001150000000,150,true,0.5,0.9
"""
REFERENCE_IMAGE = """section id,recording id,fixation id,start timestamp [ns],end timestamp [ns],duration [ms],\
fixation detected in reference image,fixation x [px],fixation y [px]
s,r1,1,1700000000000000000,1700000000200000000,200,True,50,25
s,r1,2,1700000000300000000,1700000000400000000,100,True,100,90
"""
GAZEPOINT = """MEDIA_ID,MEDIA_NAME,CNT,TIME(2026/01/02 03:04:05.678),FPOGX,FPOGY,FPOGS,FPOGD,FPOGID,FPOGV,
0,a.png,1,0.10,0.24,0.24,0.05,0.05,1,1,
0,a.png,2,0.12,0.26,0.26,0.05,0.20,1,1,
0,a.png,3,0.30,0.90,0.90,0.25,0.02,2,0,
1,b.png,4,0.60,0.50,0.90,0.40,0.15,3,1,
"""
TOBII = """Participant name\tPresented Stimulus name\tEye movement type\tGaze event duration [ms]\t\
Eye movement type index\tGaze point X [MCS px]\tGaze point Y [MCS px]
P1\ta\tFixation\t200\t1\t50\t25
P1\ta\tSaccade\t30\t1\t75\t60
P1\ta\tUnclassified\t10\t1\t80\t60
P1\tb\tFixation\t150\t2\t100\t90
P1\tb\tEyesNotFound\t90\t1\t\t
"""


@pytest.fixture
def images(tmp_path):
    """A folder of a.png and b.png."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in "ab":
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def alone(images):
    """The same folder with a.png only."""
    (images / "b.png").unlink()
    return images


def imported(folder, text, name="table.csv", **wanted):
    (folder.parent / name).write_text(text)
    return import_gaze(folder, folder.parent / name, folder.parent / "mine", Wanted(**wanted))


def places(done):
    return [(each.name, round(each.x, 6), round(each.y, 6), each.row.duration_ms) for each in done.fixations]


def test_pupil_core_counts_y_from_the_bottom_and_has_a_row_per_frame(alone):
    done = imported(alone, PUPIL_CORE)
    assert places(done) == [("a.png", 50.0, 25.0, 120.5), ("a.png", 100.0, 90.0, 210.0)]
    assert (done.tracker, done.origin, done.again) == ("Pupil Core, fixations on a surface", "bottom-left", 1)
    assert done.others == {"on_surf not true": 1}
    meta = json.loads((alone.parent / "mine" / "meta.json").read_text())
    assert meta["imported_from"]["origin"] == "bottom-left" and meta["imported_from"]["tracker"] == done.tracker
    assert done.columns["t_s"] == "start_timestamp" and done.fixations[0].row.t_ms == 9900.0


def test_the_name_of_the_table_names_the_surface_and_so_the_image(images):
    done = imported(images, PUPIL_CORE, "fixations_on_surface_b.csv")
    assert {each.name for each in done.fixations} == {"b.png"}


def test_a_table_without_images_is_refused_where_there_are_several(images):
    with pytest.raises(InputError, match="no column that is known as image"):
        imported(images, PUPIL_CORE)
    with pytest.raises(InputError, match="no column that is known as image"):
        imported(images, "x,y,duration\n1,2,3\n")


def test_a_table_of_no_tracker_names_its_image_even_if_there_is_only_one(alone):
    with pytest.raises(InputError, match="no column that is known as image"):
        imported(alone, "x,y,duration\n1,2,3\n")
    with pytest.raises(InputError, match="no column that is known as"):  # of the scene camera, not of a surface
        imported(alone, "id,start_timestamp,duration,norm_pos_x,norm_pos_y,dispersion\n1,2,3,0.5,0.5,1\n")


def test_marker_mapper_counts_from_the_top(alone):
    done = imported(alone, MARKER_MAPPER)
    assert places(done) == [("a.png", 50.0, 25.0, 200.0), ("a.png", 100.0, 90.0, 150.0)]
    assert (done.origin, done.others) == ("top-left", {"fixation detected on surface not true": 1})
    assert {each.row.subject for each in done.fixations} == {"r1", "r2"}


def test_the_reference_image_mapper_has_pixels(alone):
    assert places(imported(alone, REFERENCE_IMAGE)) == [("a.png", 50.0, 25.0, 200.0), ("a.png", 100.0, 90.0, 100.0)]


def test_gazepoint_has_rows_that_grow_and_marks_those_that_are_valid(images):
    done = imported(images, GAZEPOINT)
    assert places(done) == [("a.png", 50.0, 25.0, 200.0), ("b.png", 100.0, 90.0, 150.0)]
    assert (done.again, done.others, done.tracker) == (1, {"FPOGV not true": 1}, "Gazepoint")


def test_rows_of_saccades_with_gaze_are_no_fixations(images):
    done = imported(images, TOBII, columns={"x": "Gaze point X [MCS px]", "y": "Gaze point Y [MCS px]"})
    assert places(done) == [("a.png", 50.0, 25.0, 200.0), ("b.png", 100.0, 90.0, 150.0)]
    assert done.others == {"Saccade": 1, "Unclassified": 1, "EyesNotFound": 1} and done.tracker == ""


def test_a_column_of_categories_of_something_else_skips_nothing(images):
    text = "image,x,y,category\na,1,2,city\nb,3,4,saccade-like\n"
    assert len(imported(images, text).fixations) == 2


def test_only_saccades_are_no_table_of_fixations(images):
    with pytest.raises(InputError, match=r"no fixations \(2 rows of on_surf not true\)"):
        text = "image,norm_pos_x,norm_pos_y,on_surf\na,0.1,0.2,False\nb,0.3,0.4,False\n"
        imported(images, text)


def test_what_the_user_says_goes_first(images):
    text = "image,norm_pos_x,norm_pos_y,px,py\na,0.1,0.2,30,40\nb,0.3,0.4,50,60\n"
    done = imported(images, text, columns={"x": "px", "y": "py"})
    assert places(done) == [("a.png", 30.0, 40.0, None), ("b.png", 50.0, 60.0, None)] and done.tracker == ""
    other = import_gaze(images, images.parent / "table.csv", images.parent / "other", Wanted(origin="top-left"))
    assert [(each.x, round(each.y, 6)) for each in other.fixations] == [(20.0, 20.0), (60.0, 40.0)]


def test_the_command_states_what_was_recognized(images, tmp_path, capsys):
    (tmp_path / "table.csv").write_text(GAZEPOINT)
    assert run(["data", "import", str(images), str(tmp_path / "table.csv"), "-o", str(tmp_path / "mine")]) == 0
    out = capsys.readouterr().out
    assert "\ntracker: Gazepoint; x and y count from the top left\n" in out
    assert "\nskipped: 1 row that is no fixation: FPOGV not true\n" in out


def samples(rate, spots, per_spot=300.0):
    """Rows of a tracker with so many samples per second, that looks at each spot for so many ms."""
    draw, rows, time = np.random.default_rng(0), ["subject,image,time_ms,x,y"], 0.0
    for image, x, y in spots:
        for _ in range(int(per_spot * rate / 1000)):
            noise = draw.normal(0, 0.3, 2)
            rows.append(f"p1,{image},{time:.3f},{x + noise[0]:.3f},{y + noise[1]:.3f}")
            time += 1000 / rate
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("rate", [60, 250])
def test_fixations_are_found_in_samples(images, rate, capsys):
    spots = [("a", 50, 25), ("a", 150, 60), ("b", 100, 90)]
    (images.parent / "raw.csv").write_text(samples(rate, spots))
    arguments = ["data", "import", images, images.parent / "raw.csv", "-o", images.parent / "mine", "--samples"]
    assert run([*map(str, arguments), "--px-per-degree", "10"]) == 0
    out = capsys.readouterr().out
    assert "fixations: 3 fixations in" in out and "within 1 degree for 100 ms or longer" in out
    assert "may be samples" not in out
    folders = [GazeFolder(images.parent / "mine", split) for split in ("train", "val")]
    found = np.concatenate([folder.fixations(0) for folder in folders])
    np.testing.assert_allclose(found[np.argsort(found[:, 0])], [[50, 25], [100, 90], [150, 60]], atol=0.5)


def test_samples_in_fractions_with_a_gap_are_two_fixations(images):
    lines = samples(250, [("a", 50, 25), ("a", 50, 25)]).splitlines()
    rows = [line.split(",") for line in lines[1:]]
    late = [[*row[:2], str(float(row[2]) + (500 if number >= 75 else 0)), *row[3:]] for number, row in enumerate(rows)]
    parts = [[*row[:3], str(float(row[3]) / WIDTH), str(float(row[4]) / HEIGHT)] for row in late]
    text = "\n".join([lines[0], *map(",".join, parts)])
    done = imported(images, text, samples=True, px_per_degree=10.0, fractions=True)
    assert len(done.fixations) == 2 and done.samples == 150
    for each in done.fixations:
        assert (each.x, each.y) == pytest.approx((50, 25), abs=0.5)
        assert each.row.duration_ms == pytest.approx(296, abs=1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("image,x,y\na,1,2\n", "the sample has no time"),
        ("image,t_ms,x,y\na,0,1,2\na,4,1,2\n", "none of its 2 samples are part of a fixation"),
        ("image,t_ms,x,y\na,7,1,2\na,7,1,2\n", "none of its 2 samples"),
    ],
)
def test_samples_without_fixations_are_refused(images, text, says):
    with pytest.raises(InputError, match=says):
        imported(images, text, samples=True)
    assert not (images.parent / "mine").exists()


def test_without_pymovements_samples_are_refused_in_one_sentence(images, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "pymovements", None)
    (images.parent / "t.csv").write_text(samples(60, [("a", 1, 2)]))
    arguments = ["data", "import", images, images.parent / "t.csv", "-o", images.parent / "mine", "--samples"]
    assert run([*map(str, arguments)]) == 2
    assert capsys.readouterr().err == (
        'mindaam: samples need the library pymovements, which is not installed; pip install "mindaam[recordings]"\n'
    )
