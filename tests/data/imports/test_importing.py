"""Importing one's own recordings: what is written equals the table, and what cannot be used is named."""

import gzip
import json
import os

import numpy as np
import pytest
from PIL import Image

from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.gaze_videos import open_gaze_videos
from mindaam.data.imports.fixation_csv import read_table
from mindaam.data.imports.importing import Wanted, import_gaze, split_by_hash
from mindaam.errors import ConfigError, InputError, OutputError
from tests.clips import make_clip, pictures

SIZES = {"a.jpg": (60, 40), "b.png": (30, 50), "c.jpg": (20, 20)}
TABLE = """Subject,Image,X,Y,Duration (ms)
s1,a.jpg,10.5,20.25,100
s2,a.jpg,30,5,
s1,b.png,3,4,90
s1,c.jpg,1,1,80
"""


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "my photos é"
    folder.mkdir()
    for name, size in SIZES.items():
        Image.new("RGB", size, (200, 100, 50)).save(folder / name)
    (folder / "notes.txt").write_text("not an image")
    return folder


def write(folder, text, encoding="utf-8"):
    path = folder.parent / "fixations.csv"
    path.write_bytes(text.encode(encoding))
    return path


def state(folder):
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.iterdir())}


def every(root):
    """{(name, condition): fixations} of all splits of a gaze folder."""
    found = {}
    for split in json.loads((root / "splits.json").read_text()):
        folder = GazeFolder(root, split)
        found |= {entry: folder.fixations(index) for index, entry in enumerate(folder.entries)}
    return found


def refused(error, photos, text=TABLE, wanted=Wanted(), encoding="utf-8"):  # noqa: B008 - an immutable tuple
    """The sentence with which an import is refused; nothing is left of it."""
    out = photos.parent / "out" / "mine"
    with pytest.raises(error) as caught:
        import_gaze(photos, write(photos, text, encoding), out, wanted)
    assert not out.parent.exists() and "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_opened_equals_the_table(photos):
    before = state(photos)
    done = import_gaze(photos, write(photos, TABLE), photos.parent / "new" / "mine", Wanted(px_per_degree=8))
    root = photos.parent / "new" / "mine"
    got = every(root)
    assert set(got) == {(name, "free_viewing") for name in SIZES}
    np.testing.assert_array_equal(got["a.jpg", "free_viewing"], np.float32([[10.5, 20.25], [30, 5]]))
    assert GazeFolder(root).px_per_degree_stored == 8 and GazeFolder(root).name == "mine"
    rows = gzip.decompress((root / "fixations.csv.gz").read_bytes()).decode().splitlines()
    assert rows[:3] == [
        "image,subject,condition,x,y,order,t_ms,duration_ms",
        "a.jpg,s1,free_viewing,10.5,20.25,,,100",
        "a.jpg,s2,free_viewing,30,5,,,",
    ]
    for name in SIZES:
        assert (root / "stimuli" / name).read_bytes() == (photos / name).read_bytes()
        assert not (root / "stimuli" / name).is_symlink()
    assert done.outside == 0 and done.without == [] and len(done.fixations) == 4
    assert state(photos) == before
    assert sorted(path.name for path in root.parent.iterdir()) == ["mine"]


def test_links_in_place_of_copies(photos):
    import_gaze(photos, write(photos, TABLE), photos.parent / "mine", Wanted(link=True))
    link = photos.parent / "mine" / "stimuli" / "a.jpg"
    assert link.is_symlink() and link.samefile(photos / "a.jpg")
    assert len(every(photos.parent / "mine")) == 3


@pytest.mark.parametrize(
    ("header", "cut"),
    [
        ("subject,image,x,y,duration", ","),
        ("Participant Name;FileName;Fixation Point X;FixationPointY;Dur", ";"),
        ("observer\tSTIMULUS\tX_pos\tYpos\tduration_ms", "\t"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_usual_names_separators_and_line_ends_are_known(photos, header, cut, encoding, newline):
    rows = [line.replace(",", cut) for line in TABLE.splitlines()[1:]]
    table = read_table(write(photos, newline.join([header, "", *rows, ""]), encoding))
    assert [(row.stimulus, row.x, row.y, row.subject) for row in table.rows][0] == ("a.jpg", 10.5, 20.25, "s1")
    assert [row.duration_ms for row in table.rows] == [100, None, 90, 80]
    assert [row.line for row in table.rows] == [3, 4, 5, 6]


def test_decimal_commas_where_the_cut_is_no_comma(photos):
    table = read_table(write(photos, "image;x;y\na.jpg;10,5;20.25\n"))
    assert (table.rows[0].x, table.rows[0].y) == (10.5, 20.25)


def test_quoted_cells_hold_separators(photos):
    table = read_table(write(photos, 'image,x,y\n"a, or ""b"".jpg",1,2\n'))
    assert table.rows[0].stimulus == 'a, or "b".jpg'


def test_columns_may_be_named(photos):
    text = "x,y,where across,where down,pic\n9,9,1,2,a.jpg\n"
    table = read_table(write(photos, text), {"x": "where across", "y": "Where Down", "image": "pic"})
    assert (table.rows[0].x, table.rows[0].y, table.rows[0].stimulus) == (1, 2, "a.jpg")
    assert table.columns == {"x": "where across", "y": "where down", "image": "pic"}


def test_times_in_seconds(photos):
    table = read_table(write(photos, "image,x,y,start,duration_s\na,1,2,0.5,0.25\n"), {"t_s": "start"})
    assert (table.rows[0].t_ms, table.rows[0].duration_ms) == (500, 250)


def test_pictures_are_found_by_path_stem_and_in_any_case(photos):
    text = "image,x,y\nC:\\lab\\A.JPG,1,2\n/home/me/b,3,4\nc.jpg,5,6\n"
    import_gaze(photos, write(photos, text), photos.parent / "mine")
    assert {name for name, _ in every(photos.parent / "mine")} == set(SIZES)


def test_accents_may_be_composed_or_not(photos):
    Image.new("RGB", (9, 9)).save(photos / "cafe\u0301.png")
    import_gaze(photos, write(photos, "image,x,y\ncaf\u00e9.png,1,2\n"), photos.parent / "mine")
    assert list(every(photos.parent / "mine")) == [("cafe\u0301.png", "free_viewing")]


def test_fractions_become_pixels(photos):
    text = "image,x,y\na.jpg,0.5,0.25\na.jpg,0,0.999\nb.png,1,0.5\n"
    done = import_gaze(photos, write(photos, text), photos.parent / "mine", Wanted(fractions=True))
    np.testing.assert_allclose(every(photos.parent / "mine")["a.jpg", "free_viewing"], [[30, 10], [0, 39.96]])
    assert done.outside == 1 and done.without == ["b.png", "c.jpg"]
    assert "--fractions" in refused(InputError, photos, text)


@pytest.mark.parametrize("fractions", [False, True])
def test_y_may_count_from_the_bottom(photos, fractions):
    rows = ["0.5,0.75", "0,1", "0,0"] if fractions else ["30,30", "0,40", "0,0"]
    wanted = Wanted(fractions=fractions, origin="bottom-left")
    text = "image,x,y\n" + "".join(f"a.jpg,{row}\n" for row in [*rows, "9,-1"])
    done = import_gaze(photos, write(photos, text), photos.parent / "mine", wanted)
    found = every(photos.parent / "mine")["a.jpg", "free_viewing"]
    np.testing.assert_allclose(found, [[30, 10], [0, 0], [0, 39.5]])  # 0 of the bottom: the lowest row of pixels
    assert done.outside == 1
    assert json.loads((photos.parent / "mine" / "meta.json").read_text())["imported_from"]["origin"] == "bottom-left"


def test_what_lies_outside_is_counted_and_left_out(photos):
    text = TABLE + "s1,a.jpg,60,1,5\ns1,a.jpg,-1,1,5\n"
    done = import_gaze(photos, write(photos, text), photos.parent / "mine")
    assert done.outside == 2 and len(every(photos.parent / "mine")["a.jpg", "free_viewing"]) == 2
    assert json.loads((photos.parent / "mine" / "meta.json").read_text())["dropped_outside"] == 2


def test_most_outside_is_refused(photos):
    said = refused(InputError, photos, "image,x,y\na.jpg,10,1\na.jpg,10,50\nb.png,900,2\n")
    assert "2 of 3 fixations lie outside, the first on line 3 at x 10, y 50 of a.jpg, which is 60x40" in said


CONDITIONS = "image,x,y,task\na.jpg,1,1,count_people\nb.png,1,1,find the cat\na.jpg,2,2,find the cat\n"


def test_conditions_come_with_sentences_of_their_own(photos):
    sentences = ("find the cat=A viewer seeks a cat.", "find the cat=Where is the cat?")
    import_gaze(photos, write(photos, CONDITIONS), photos.parent / "mine", Wanted(sentences=sentences, val=0))
    folder = GazeFolder(photos.parent / "mine")
    assert folder.conditions == ("count_people", "find the cat") and len(folder) == 3
    assert folder.prompts.of("find the cat") == ["A viewer seeks a cat.", "Where is the cat?"]
    assert folder.prompts.held_out("find the cat") is None and folder.prompts.held_out("count_people")
    assert "counting" in folder.prompts.of("count_people")[0]


def test_a_condition_nobody_knows_needs_a_sentence(photos):
    said = refused(InputError, photos, CONDITIONS)
    assert '"find the cat"' in said and "--sentence" in said
    assert "names no condition" in refused(ConfigError, photos, CONDITIONS, Wanted(sentences=("Find it.",)))
    assert "empty" in refused(ConfigError, photos, TABLE, Wanted(sentences=(" ",)))


def test_one_condition_for_all(photos):
    wanted = Wanted(condition="mine", sentences=("Two = one and one.",), val=1)
    import_gaze(photos, write(photos, CONDITIONS), photos.parent / "mine", wanted)
    folder = GazeFolder(photos.parent / "mine", "val")
    assert folder.conditions == ("mine",) and folder.prompts.of("mine") == ["Two = one and one."]


def test_the_split_depends_on_names_alone():
    names = [f"{k}.jpg" for k in range(50)]
    splits = split_by_hash(names, 0.2)
    assert splits == split_by_hash(names[::-1], 0.2) and len(splits["val"]) == 10
    assert sorted(splits["train"] + splits["val"]) == sorted(names)
    png = split_by_hash([name.replace("jpg", "png") for name in names], 0.2)
    assert [name[:-4] for name in png["val"]] == [name[:-4] for name in splits["val"]]
    assert split_by_hash(["a", "b", "c"], 0.01) == split_by_hash(["a", "b", "c"], 0.3)
    assert split_by_hash(["a"], 0.2) == {"train": ["a"]} and split_by_hash(["a", "b"], 1) == {"val": ["a", "b"]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("image,x,y\n", "no fixations"),
        ("name,x,y\na.jpg,1,2\n", "known as image; its columns are name, x, y: say which one it is with --columns"),
        ("image,x,z\na.jpg,1,2\n", "known as y"),
        ("a.jpg,1,2\nb.png,3,4\n", "its columns are a.jpg, 1, 2"),
        ("image,x,X,y\na.jpg,1,1,2\n", "2 columns that may be x, x and X"),
        ("image,x,y\na.jpg,1,2\na.jpg,left,2\n", 'line 3: x is "left"'),
        ("image,x,y\na.jpg,1,\na.jpg,nan,2\n", "x or y is missing in all of its 2 rows"),
        ("image,x,y\na.jpg,1\n", "line 2: the row has 2 cells, but the header 3 columns"),
        ("image,x,y\na.jpg,120,5,80,25\n", "line 2: the row has 5 cells, but the header 3 columns; where numbers have"),
        ("image;x;y\na.jpg;1;2;3\n", "but the header 3 columns; correct or remove the row"),
        ('image,x,y\na.jpg,"1,5",2\n', 'x is "1,5", which is not a number in plain digits; cells are cut at commas'),
        ("image,x,y\na.jpg,inf,2\n", 'line 2: x is "inf", which is not a number'),
        ("image,x,y\na.jpg,1e400,2\n", 'x is "1e400"'),
        ("image,x,y\na.jpg,1_000,2\n", 'x is "1_000"'),
        ("image,x,y\na.jpg,١٢,2\n", "which is not a number"),
        ("image;x;y\na.jpg;1.234,5;2\n", 'x is "1.234,5"'),
        ("image;x;y\na.jpg;1,234;2.5\n", "does the comma part thousands? write 1234 or 1.234, in all rows alike"),
        ("image;x;y\na.jpg;1;2\na.jpg;1,234;2\n", 'line 3: is x "1,234" with a decimal comma'),
        ("image;x;y\na.jpg;567,8;2\na.jpg;1.234;2\n", "does the point part thousands? write 1234 or 1.234"),
        ("image,x,y,duration\na.jpg,1,2,inf\n", 'duration_ms is "inf"'),
        ("image,x,y\na.jpg," + "9" * 5000 + ",2\n", '99...", which is not a number'),
        ('image,x,y\na.jpg,"1\n\x1b[2J",2\n', 'line 3: x is "1\\n\\x1b[2J", which is not a number'),
        ('image,x,y\n"a\n.jpg",1,2\n', "does not contain a\\n.jpg"),
        ('image,x,y,note\na.jpg,1,2,"so\nb.jpg,1,2,\n', "line 3: the row is no CSV"),
        ('image,x,y\na.jpg,1,2\n"b.jpg",1,"2\n', "line 3: the row is no CSV"),
        ("image,x,y,duration\na.jpg,1,2,-3\n", "line 2: a duration of -3"),
        ("image,x,y\n,1,2\n", "line 2: the column image is empty"),
        ("image,x,y,condition\na.jpg,1,2,\n", "line 2: the column condition is empty"),
        ('image,x,y,task\na.jpg,1,2,a\na.jpg,1,2,"b\nc"\n', 'line 4: the condition "b\\nc" has control characters'),
        ("image x y\na.jpg 1 2\n", "no columns but image x y; cut all lines at commas"),
        ("image,x,y\na.jpg,1,2\nd.jpg,1,2\n", "line 3:"),
        ('image,x,y\na.jpg,1,2\n"' + "a" * 200_000 + '",1,2\n', "line 3"),
    ],
)
def test_tables_that_cannot_be_read(photos, text, says):
    assert says in refused(InputError, photos, text)


def test_tables_that_are_no_utf8(photos):
    assert "line 3: the table is not UTF-8" in refused(
        InputError, photos, "image,x,y\na,1,2\né,1,2\n", encoding="latin-1"
    )
    assert "line 1: the table is not UTF-8" in refused(InputError, photos, TABLE, encoding="utf-16-le")
    assert "workbook" in refused(InputError, photos, "PK\3\4")


def test_a_missing_picture_names_the_nearest(photos):
    assert 'does not contain aa.jpg (did you mean "a.jpg"?)' in refused(InputError, photos, "image,x,y\naa.jpg,1,2\n")


def test_names_that_differ_in_suffix_or_case_only(photos):
    Image.new("RGB", (9, 9)).save(photos / "A.png")
    assert "A.png and a.jpg" in refused(InputError, photos)


def test_damaged_pictures_and_folders_without_any(photos):
    (photos / "b.png").write_bytes(b"no picture")
    assert "b.png is not an image" in refused(InputError, photos)
    for name in SIZES:
        (photos / name).unlink()
    assert "holds no images" in refused(InputError, photos)


def test_films_and_pictures_in_one_folder(photos):
    (photos / "d.mp4").write_bytes(b"x")
    assert "import one kind at a time" in refused(InputError, photos)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Wanted(val=1.5), "--val"),
        (Wanted(px_per_degree=0), "--px-per-degree"),
        (Wanted(condition=" "), "--condition"),
        (Wanted(condition="a\x07"), "--condition"),
        (Wanted(condition="a\udc80"), "--condition"),
        (Wanted(sentences=("who\x1b[2J looks",)), "has characters that cannot be read"),
        (Wanted(origin="bottom"), 'unknown corner that x and y count from "bottom" (did you mean "bottom-left"?)'),
        (Wanted(columns={"t_s": "Duration (ms)"}), 't_s is in seconds, but "Duration (ms)" in milliseconds'),
        (Wanted(columns={"xx": "X"}), 'unknown column role "xx"'),
        (Wanted(columns={"x": "Z"}), 'no column "Z" for x; its columns are Subject'),
    ],
)
def test_options_that_do_not_fit(photos, wanted, says):
    assert says in refused(ConfigError, photos, TABLE, wanted)


@pytest.mark.parametrize("name", ["a\nb", "\udc80", ".hidden"])
def test_a_name_that_no_gaze_folder_may_have(photos, tmp_path, name):
    with pytest.raises(OutputError, match="identified by its name; choose another folder") as caught:
        import_gaze(photos, write(photos, TABLE), tmp_path / name)
    assert str(caught.value).isprintable()


def test_a_table_whose_name_is_no_text_is_imported(photos, tmp_path):
    table = write(photos, TABLE).rename(tmp_path / "gaze\udc80.csv")
    import_gaze(photos, table, tmp_path / "mine")
    assert json.loads((tmp_path / "mine" / "meta.json").read_text())["imported_from"]["table"] == "gaze\\udc80.csv"


def test_a_place_that_is_taken_or_among_the_pictures(photos, tmp_path):
    table = write(photos, TABLE)
    with pytest.raises(OutputError, match="already exists"):
        import_gaze(photos, table, tmp_path)
    with pytest.raises(OutputError, match="never modified"):
        import_gaze(photos, table, photos / "mine")
    assert "mine" not in os.listdir(photos)


def test_a_failure_while_writing_leaves_nothing(photos, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mindaam.data.imports.import_writer.shutil.copyfile", full)
    with pytest.raises(OutputError, match="No space left"):
        import_gaze(photos, write(photos, TABLE), tmp_path / "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fixations.csv", "my photos é"]


FILM_TABLE = """film;x;y;t_ms;duration_ms;condition
a;1,5;2;0;80;free_viewing
a;3;4;-100;120;free_viewing
a;5;6;60;10000;count_people
b.mp4;7;8;200;;free_viewing
"""


@pytest.fixture
def films(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    make_clip(folder / "a.mp4", pictures(10), tone=0.4)
    make_clip(folder / "b.mp4", pictures(8))
    return folder


def test_films_are_opened_as_the_table_has_them(films):
    root = films.parent / "mine"
    done = import_gaze(films, write(films, FILM_TABLE), root, Wanted(val=0))
    assert done.kind == "films" and done.outside == 0
    read = open_gaze_videos(root)
    entries = [("a.mp4", "free_viewing"), ("b.mp4", "free_viewing"), ("a.mp4", "count_people")]
    assert read.entries == entries and read.conditions == ("free_viewing", "count_people")
    free = [read.fixations(0, frame).tolist() for frame in range(10)]
    assert free == [[[1.5, 2], [3, 4]], [[1.5, 2]], *[[]] * 8]
    counting = [read.fixations(2, frame).tolist() for frame in range(10)]
    assert counting == [[], *[[[5, 6]]] * 9]
    assert [len(read.fixations(1, frame)) for frame in range(8)] == [0] * 5 + [1, 0, 0]
    assert json.loads((root / "meta.json").read_text())["films"]["a.mp4"] == {
        "size": [64, 48], "frames": 10, "rate": 25.0,
    }  # fmt: skip


def test_sounds_beside_films_are_brought_along(films):
    (films / "sounds").mkdir()
    (films / "a.wav").write_bytes(b"one")
    (films / "sounds" / "b.wav").write_bytes(b"two")
    import_gaze(films, write(films, FILM_TABLE), films.parent / "mine")
    sounds = films.parent / "mine" / "sounds"
    assert {path.name: path.read_bytes() for path in sounds.iterdir()} == {"a.wav": b"one", "b.wav": b"two"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("film,x,y\na,1,2\n", "has no starts of fixations on videos"),
        ("film,x,y,t_ms\na,1,2,.\na,1,2,\n", "has no starts of fixations on videos"),
        ("film,x,y,t_ms\na,1,2,99000\n", "1 of 1 fixations are not within their video's time, the first on line 2"),
        ("film,x,y,t\n" + "".join(f"a,1,2,0.{k}\n" for k in range(4)) * 3, "--columns t_s=t"),
    ],
)
def test_times_that_cannot_be_those_of_films(films, text, says):
    assert says in refused(InputError, films, text)


def test_fixations_on_films_without_a_start_are_left_out_and_counted(films):
    done = import_gaze(films, write(films, "film,x,y,t_ms\na,1,2,0\na,3,4,.\na,.,.,40\n"), films.parent / "mine")
    assert (done.untimed, done.missing, done.outside, len(done.fixations)) == (1, 1, 0, 1)
    meta = json.loads((films.parent / "mine" / "meta.json").read_text())
    assert (meta["dropped_without_start"], meta["dropped_missing"]) == (1, 1) and "dropped_repeated" not in meta


def test_y_of_films_may_count_from_the_bottom(films):
    table = write(films, "film,x,y,t_ms\na,1,2,0\na,1,48,0\n")
    done = import_gaze(films, table, films.parent / "mine", Wanted(origin="bottom-left"))
    assert [(each.x, each.y) for each in done.fixations] == [(1, 46), (1, 0)]


def test_a_damaged_film_is_named(films):
    (films / "b.mp4").write_bytes(b"no film")
    assert "b.mp4 is not a video" in refused(InputError, films, FILM_TABLE)


def test_a_film_that_was_cut_short_is_named_before_its_gaze_is_lost(films):
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    path = make_clip(films / "b.mp4", list(noise), options={"g": "10"}, container_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "b.mp4 is damaged or truncated at second 1" in refused(InputError, films, FILM_TABLE)
