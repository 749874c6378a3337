"""`mindaam data import`: what it says and does, on a few made pictures and films."""

import pytest
from PIL import Image

from mindaam.cli import main
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from tests.clips import make_clip, pictures


@pytest.fixture
def mindaam(capsys):
    """Runs the command line; gives exit code, stdout, stderr."""

    def run(*arguments):
        code = main.run(["data", "import", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a", "b", "c"):
        Image.new("RGB", (60, 40), (200, 100, 50)).save(folder / f"{name}.jpg")
    (tmp_path / "gaze.csv").write_text("who,image,x,y\n1,a.jpg,10,20\n2,a.jpg,99,5\n1,b.jpg,3,4\n")
    return folder


def test_it_says_what_was_read_and_written_and_what_comes_next(mindaam, photos, tmp_path):
    out = tmp_path / "my gaze"
    code, said, err = mindaam(
        photos, tmp_path / "gaze.csv", "-o", out, "--columns", "subject=who", "--px-per-degree", 8
    )
    assert (code, err) == (0, "")
    lines = said.splitlines()
    assert lines[0] == "columns: subject from who, image from image, x from x, y from y"
    assert lines[1] == f"{out}: 2 images, 2 fixations, 1 viewer"
    assert lines[2].startswith('free_viewing: "A viewer looks freely')
    assert lines[3:6] == [
        "skipped: 1 fixation outside its image",
        "skipped: 1 image without a fixation: c.jpg",
        "splits: train 1, val 1",
    ]
    assert lines[6:8] == [f"next: mindaam data check '{out}'", f"      mindaam evaluate --data '{out}'"]
    assert lines[8] == f"      mindaam train --from aam_dinov2_vits14 --data '{out}'"
    assert len(GazeFolder(out)) == 1


def test_animations_are_said_to_be_read_by_their_first_frame(mindaam, tmp_path):
    (tmp_path / "in").mkdir()
    frames = [Image.new("RGB", (60, 40), color) for color in ("red", "blue")]
    for number in range(7):
        frames[0].save(tmp_path / f"in/{number}.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "gaze.csv").write_text("image,x,y\n" + "".join(f"{number}.gif,1,2\n" for number in range(7)))
    code, said, err = mindaam(tmp_path / "in", tmp_path / "gaze.csv", "-o", tmp_path / "mine")
    assert (code, err) == (0, "") and said.count("holds several frames, of which the first is used") == 5
    assert "\n2 more images are like these\n" in said


def test_what_lies_beside_the_pictures_is_counted(mindaam, photos, tmp_path):
    for name in ("raw.dng", "Thumbs.db", "gaze.csv"):
        (photos / name).write_bytes((tmp_path / "gaze.csv").read_bytes())
    code, said, err = mindaam(photos, photos / "gaze.csv", "-o", tmp_path / "mine")
    assert (code, err) == (0, "") and f"{photos}: skipped 1 camera raw (.dng) file" in said.splitlines()


@pytest.mark.parametrize(
    "columns",
    [
        ["image=pic,x=gaze x, left,y=gaze y=px"],
        ["image=pic", "x=gaze x, left", "y=gaze y=px"],
        ['{"image": "pic", "x": "gaze x, left", "y": "gaze y=px"}'],
        ['{"x": "gaze x, left"}', " image = pic , y = gaze y=px ,"],
    ],
)
def test_columns_may_be_named_in_several_ways(mindaam, photos, tmp_path, columns):
    (tmp_path / "gaze.csv").write_text('pic,"gaze x, left",gaze y=px\na.jpg,10,20\n')
    options = [part for each in columns for part in ("--columns", each)]
    code, said, err = mindaam(photos, tmp_path / "gaze.csv", "-o", tmp_path / "mine", *options)
    assert (code, err) == (0, "")
    assert all(each in said for each in ("image from pic", "x from gaze x, left", "y from gaze y=px"))


def test_what_is_left_out_or_doubtful_is_told_in_a_line_each(mindaam, photos, tmp_path):
    rows = ["a,0,0,80,1"] * 2 + ["b,0,0,80,1"] * 2 + ["a,.,.,80,1", "a,5,,80,2", "a,0,0,80,3", "a,9,9,80,4"]
    (tmp_path / "gaze.csv").write_text("image,x,y,dur,index\n" + "\n".join(rows))
    code, said, err = mindaam(photos, tmp_path / "gaze.csv", "-o", tmp_path / "mine", "--origin", "top-left")
    assert (code, err) == (0, "")
    assert "\nwarning: 3 of 4 fixations are at exactly 0, 0" in said
    assert "\nskipped: 2 rows without gaze, where x or y is missing\n" in said
    assert "\nskipped: 2 further samples of the fixation of the previous row\n" in said


def test_options_reach_the_folder(mindaam, photos, tmp_path):
    options = ["--condition", "cats", "--prompt", "A viewer seeks cats.", "--sentence", "Cats?", "--val", 0, "--link"]
    code, said, _ = mindaam(photos, tmp_path / "gaze.csv", "-o", tmp_path / "mine", *options)
    assert code == 0 and 'cats: "A viewer seeks cats."' in said and "30 degrees wide" in said
    assert "train" not in said.partition("next: ")[2]
    folder = GazeFolder(tmp_path / "mine")
    assert folder.prompts.of("cats") == ["A viewer seeks cats.", "Cats?"]
    assert (tmp_path / "mine" / "stimuli" / "a.jpg").is_symlink()


def test_films(mindaam, tmp_path):
    (tmp_path / "films").mkdir()
    for name in "ab":
        make_clip(tmp_path / "films" / f"{name}.mp4", pictures(5))
    (tmp_path / "gaze.csv").write_text("film,x,y,start\na,1,2,40\nb,1,2,80\n")
    code, said, err = mindaam(tmp_path / "films", tmp_path / "gaze.csv", "-o", tmp_path / "mine")
    assert (code, err) == (0, "") and "2 videos, 2 fixations" in said and "no column of durations" in said
    assert "mindaam evaluate" not in said and "      mindaam train --from aam_dinov2_vits14 --data " in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--columns", "image"], "write --columns image=NAME"),
        (["--columns", "image=nothing"], 'no column "nothing"'),
        (["--columns", '{"image"'], "--columns is not valid JSON"),
        (["--columns", '{"image": 3}'], "--columns must give each role the name of a column"),
        (["--columns", "x=x", "--columns", "x=y"], 'two columns for x, "x" and "y"'),
        (["--columns", "xx=x,y=y"], 'unknown column role "xx"'),
        (["--origin", "bottom"], 'did you mean "bottom-left"'),
        (["--val", "2"], "--val"),
        (["--fractions"], "of 3 fixations lie outside"),
    ],
)
def test_what_is_wrong_is_one_sentence(mindaam, photos, tmp_path, arguments, says):
    code, out, err = mindaam(photos, tmp_path / "gaze.csv", "-o", tmp_path / "mine", *arguments)
    assert code == 2 and out == "" and err.startswith("mindaam: ") and err.count("\n") == 1 and says in err
    assert not (tmp_path / "mine").exists()


def test_a_folder_that_exists_is_left_alone(mindaam, photos, tmp_path):
    code, _, err = mindaam(photos, tmp_path / "gaze.csv", "-o", photos)
    assert code == 2 and "already exists" in err
