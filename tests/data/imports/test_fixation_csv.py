"""Tables as trackers and spreadsheets write them: what is read, what is left out, what is refused."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.data.imports.fixation_csv import MISSING, NAMELESS, read_table
from mindaam.data.imports.import_remarks import remarks
from mindaam.errors import ConfigError, InputError

TOBII = """Recording timestamp [µs]\tParticipant name\tPresented Stimulus name\tEye movement type\t\
Gaze event duration [ms]\tEye movement type index\tFixation point X [DACS px]\tFixation point Y [DACS px]
1000\tP01\tpark\tFixation\t240\t1\t120\t80
17000\tP01\tpark\tFixation\t240\t1\t120\t80
33000\tP01\tpark\tSaccade\t40\t1\t\t
49000\tP01\tdesk\tFixation\t300\t2\t100\t200
"""
EYELINK = """RECORDING_SESSION_LABEL\tTRIAL_INDEX\timage\tCURRENT_FIX_START\tCURRENT_FIX_X\tCURRENT_FIX_Y\t\
CURRENT_FIX_DURATION
sub1\t1\tpark.jpg\t10\t100.5\t80.2\t220
sub1\t1\tpark.jpg\t250\t.\t.\t180
sub1\t1\tpark.jpg\t450\t150.1\t60.0\t.
sub1\t2\tdesk.jpg\t8\t150.1\t160.0\t200
"""
SMI = """## [BeGaze]
## Converted from:\tC:\\data\\p1.idf, p2.idf, p3.idf
## Date:\t06.11.2019

Stimulus\tParticipant\tCategory\tEvent Start Trial Time [ms]\tEvent Duration [ms]\tFixation Position X [px]\t\
Fixation Position Y [px]\tIndex
park.jpg\tp1\tFixation\t12,5\t180,2\t10,25\t20\t1
park.jpg\tp1\tSaccade\t192\t30\t-\t-\t1
park.jpg\tp1\tBlink\t222\t90\t-\t-\t1
"""


@pytest.fixture
def read(tmp_path):
    """The Table of a text or of bytes."""

    def of(text, named=None):
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path, named)

    return of


def places(table):
    return [(row.stimulus, row.x, row.y) for row in table.rows]


def said(table, kind="images"):
    return "\n".join(remarks(table, kind))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_tobii(read, encoding):
    table = read(TOBII.encode(encoding), {"t_ms": "Recording timestamp [µs]"})
    assert places(table) == [("park", 120, 80), ("desk", 100, 200)]
    assert [(row.t_ms, row.duration_ms, row.subject, row.order) for row in table.rows] == [
        (1, 240, "P01", "1"), (49, 300, "P01", "2"),
    ]  # fmt: skip
    assert (table.missing, table.again, table.others) == (0, 1, {"Saccade": 1})
    assert "Recording timestamp [µs] was turned from microseconds into milliseconds" in said(table)
    assert "Fixation point X [DACS px] and Fixation point Y [DACS px] count pixels of the screen" in said(table)
    assert "t_ms" not in read(TOBII).columns  # of the recording, not of the picture


def test_tobii_prefers_pixels_of_the_picture(read):
    text = (
        "Media name,Fixation point X (MCSnorm),FixationPointX (DACSpx),FixationPointX (MCSpx),FixationPointY (MCSpx)\n"
    )
    table = read(text + "a,0.5,900,10,20\n")
    assert places(table) == [("a", 10, 20)] and "screen" not in said(table)
    with pytest.raises(InputError, match="no column that is known as x"):
        read("image,x [deg],y [deg]\na,1,2\n")


def test_eyelink(read):
    table = read(EYELINK)
    assert places(table) == [("park.jpg", 100.5, 80.2), ("park.jpg", 150.1, 60), ("desk.jpg", 150.1, 160)]
    assert [(row.t_ms, row.duration_ms) for row in table.rows] == [(10, 220), (450, None), (8, 200)]
    assert table.missing == 1 and [row.line for row in table.rows] == [2, 4, 5] and said(table) == ""


def test_smi(read):
    table = read(SMI)
    assert places(table) == [("park.jpg", 10.25, 20)]
    assert table.missing == 0 and table.others == {"Saccade": 1, "Blink": 1}
    assert (table.rows[0].t_ms, table.rows[0].duration_ms, table.rows[0].line) == (12.5, 180.2, 6)


def test_pupil(read):
    text = "section id,fixation id,image,start timestamp [ns],duration [ms],fixation x [px],fixation y [px]\n"
    table = read(text + "7a,1,a.jpg,1500000,90,3.5,4\n7a,2,a.jpg,2500000,90,,\n", {"t_ms": "start timestamp [ns]"})
    assert [(row.t_ms, row.x, row.order) for row in table.rows] == [(1.5, 3.5, "1")] and table.missing == 1


@pytest.mark.parametrize(
    ("before", "cut"),
    [
        ("sep=;\n", ";"), ('"sep=;"\r\n', ";"), ("SEP=|\n", "|"), ("sep=\t\n", "\t"), ("\n\n", ";"), ("\ufeff", ";"),
        ("\ufeffsep=;\n", ";"), ("# made by hand; with care; today\n", ";"), ('"# a, b, c"\n', ","),
        ("Fixations\n", ";"), ("Fixations of study 1, by me\n\n", ";"), ("Made,2020\nBy,me\n", ","),
        ('The "5" report\n', ";"), ("#x\n" * 300, ","),
    ],
)  # fmt: skip
def test_lines_before_the_header(read, before, cut):
    table = read(before + f"image{cut}x{cut}y\na.jpg{cut}10{cut}20\n")
    assert places(table) == [("a.jpg", 10, 20)]
    assert table.rows[0].line == before.count("\n") + 2


def test_a_comment_may_be_the_header(read):
    assert read("# image,x,y\na.jpg,10,20\n").columns == {"image": "# image", "x": "x", "y": "y"}
    assert places(read("# made today\n# image,x,y\na.jpg,10,20\n")) == [("a.jpg", 10, 20)]
    assert places(read("# image,x,y\nimage,y,x\na.jpg,10,20\n")) == [("a.jpg", 20, 10)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sep=a\nimageaxay\n", 'line 1: cells cut at "a" cannot be read'),
        ("# a\n# b\n", "no columns but # b"),
        ("Fixations\nOf today\n", "no columns but Fixations; cut all lines at commas"),
        ("image,x\na,1\n", "known as y"),
        ("\nimage,x,y\n# a\n", "line 3: the row has 1 cell, but the header 3 columns"),
        ("image,x,y\na,1,2\nimage,x,y\n", 'line 3: x is "x"'),
    ],
)
def test_headers_that_cannot_be_found(read, text, says):
    with pytest.raises(InputError, match=says):
        read(text)


def test_separators_within_names_are_not_counted(read):
    table = read('image;"gaze, left, in px";y\na;1,5;2\n', {"x": "gaze, left, in px"})
    assert places(table) == [("a", 1.5, 2)]
    table = read("image;x [px, left];y (px, left, up)\na;1,5;2\n", {"x": "x [px, left]", "y": "y (px, left, up)"})
    assert places(table) == [("a", 1.5, 2)]


def test_a_name_of_any_length_costs_no_time(read):
    assert places(read("image,x,y,a" + " " * 100_000 + "b" + "(" * 10_000 + "\na,1,2,3\n")) == [("a", 1, 2)]


@pytest.mark.parametrize("text", sorted(MISSING) + ["NaN", "NA", "NULL", " . "])
def test_missing_gaze_in_every_spelling_is_left_out_and_counted(read, text):
    table = read(f"image,x,y,t,duration\na,{text},{text},1,2\na,1,{text},1,2\na,{text},2,1,2\nb,3,4,{text},{text}\n")
    assert places(table) == [("b", 3, 4)] and table.missing == 3
    assert (table.rows[0].t_ms, table.rows[0].duration_ms) == (None, None)


def test_gaze_on_no_image_is_left_out_unless_it_is_most(read):
    table = read("image,x,y,task\n,1,2,\na,3,4,b\n-,5,6,\nc,7,8,b\n")
    assert [row.stimulus for row in table.rows] == ["a", "c"] and (table.unnamed, table.missing) == (2, 0)
    with pytest.raises(InputError, match="line 3: the column image is empty, as in 2 of 3 rows"):
        read("image,x,y\na,3,4\n,1,2\n.,1,2\n")


def test_a_row_without_gaze_needs_no_image(read):
    assert places(read("image,x,y,task\n,,,\n,.,.,\na,1,2,free\n")) == [("a", 1, 2)]


@pytest.mark.parametrize(
    ("column", "value", "role", "expected"),
    [
        ("Start [ms]", "500", "t_ms", 500),
        ("Start (s)", "0.5", "t_s", 500),
        ("Fixation start [s]", "0.5", "t_ms", 500),
        ("fixation_start_us", "500000", "t_ms", 500),
        ("FixationStart (µs)", "500000", "t_ms", 500),  # micro sign
        ("FixationStart (μs)", "500000", "t_ms", 500),  # Greek letter
        ("Onset [nanoseconds]", "500000000", "t_ms", 500),
        ("Fix Duration [msec.]", "80", "duration_ms", 80),
        ("duration (sec)", "0.08", "duration_ms", 80),
    ],
)
def test_units_of_times_are_taken_from_their_names(read, column, value, role, expected):
    table = read(f"image,x [px],y_px,{column}\na,1,2,{value}\n")
    assert table.columns == {"image": "image", "x": "x [px]", "y": "y_px", role: column}
    row = table.rows[0]
    assert (row.duration_ms if role.startswith("duration") else row.t_ms) == expected
    named = read(f"image,x,y,{column}\na,1,2,{value}\n", {"t_ms": column})
    assert named.rows[0].t_ms == expected
    assert ("into milliseconds" in said(named)) == (expected != float(value))


def test_names_without_a_unit_come_first_and_equal_ones_are_refused(read):
    assert read("image,x,y,fix_duration [us],fix_duration\na,1,2,3,4\n").columns["duration_ms"] == "fix_duration"
    assert read("image,x,y,dur [s],dur [ms]\na,1,2,3,4\n").columns["duration_ms"] == "dur [ms]"
    with pytest.raises(InputError, match=r"2 columns that may be x, x \[px\] and x \(px\)"):
        read("image,x [px],x (px),y\na,1,2,3\n")
    with pytest.raises(ConfigError, match=r'duration_s is in seconds, but "dur \[us\]" in microseconds'):
        read("image,x,y,dur [us]\na,1,2,3\n", {"duration_s": "dur [us]"})


def test_samples_of_one_fixation_are_taken_once_where_the_table_says_which_they_are(read):
    head = "image,subject,x,y,duration,index,t\n"
    same = ["a,s,1,2,80,1,0", "a,s,1,2,80,1,8", "a,s,.,.,20,1,16", "a,s,1,2,80,1,24"]
    table = read(head + "\n".join([*same, "a,s,1,2,80,2,30", "a,t,1,2,80,2,30", "b,t,1,2,80,2,40", "b,t,1,2,90,2,50"]))
    assert [(row.line, row.t_ms) for row in table.rows] == [(2, 0), (6, 30), (7, 30), (8, 40), (9, 50)]
    assert (table.again, table.missing) == (2, 1)
    for head in ("image,x,y,duration\n", "image,x,y,index\n"):
        table = read(head + "a,1,2,80\n" * 4)
        assert table.again == 0 and len(table.rows) == 4
        assert "warning: 3 of 4 rows repeat the place of the row before them" in said(table)


def test_looks_at_the_very_corner_by_many_rows_are_told(read):
    rows = ["a,0.0,0"] * 3 + [f"a,{k},0" for k in range(1, 198)]
    assert said(read("image,x,y\n" + "\n".join(rows))).startswith("warning: 3 of 200 fixations are at exactly 0, 0")
    assert said(read("image,x,y\n" + "\n".join(rows[1:]))) == ""


def test_rows_as_near_in_time_as_samples_are_told(read):
    rows = "".join(f"a,{k},2,{8 * k}\n" for k in range(20))
    assert "warning: by t the rows are 8 ms apart" in said(read("image,x,y,t\n" + rows))
    assert said(read("image,x,y,t\n" + rows), "films") == ""  # there each counts for the frame at its time
    assert said(read("image,x,y,t\n" + "".join(f"a,{k},2,{200 * k}\n" for k in range(20)))) == ""


@pytest.mark.parametrize("cells", [["1,234", "999,5"], ["1,234", "0,250"], ["300,000", "1,250"], ["1,234", "2000"]])
def test_three_digits_behind_a_decimal_comma_are_read_where_nothing_speaks_against_it(read, cells):
    table = read("image;x;y\n" + "".join(f"a;{cell};7\n" for cell in cells))
    assert [row.x for row in table.rows] == [float(cell.replace(",", ".")) for cell in cells]


words = st.text("abcdefgh éß夜,;\t\"'#=.", min_size=1, max_size=8).map(str.strip)
words = words.filter(lambda word: word not in NAMELESS)
numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
table_rows = st.lists(st.tuples(words, numbers, numbers, words, st.floats(0, 1e4)), min_size=1, max_size=6)


def written(rows, cut, unit, before, comma):
    """A table with a column that nobody knows, as `csv` writes it."""
    stream = io.StringIO()
    table = csv.writer(stream, delimiter=cut, lineterminator="\r\n")
    table.writerow(["stimulus", f"x{unit}", f"y{unit}", "the viewer's name, in full", "Gaze event duration [µs]", ""])
    for name, x, y, viewer, lasted in rows:
        shown = [f"{value!r}".replace(".", "," if comma else ".") for value in (x, y, lasted)]
        table.writerow([name, *shown[:2], viewer, shown[2], ""])
    return before + stream.getvalue()


@settings(max_examples=40, deadline=None)
@given(
    rows=table_rows,
    cut=st.sampled_from(",;\t"),
    unit=st.sampled_from(["", " [px]", " (px)", "_px"]),
    before=st.sampled_from(["", "\ufeff", "## [BeGaze]\r\n", "# a,b;c\td\r\n\r\n", "Fixations\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
)
def test_whatever_is_written_well_comes_back(tmp_path_factory, rows, cut, unit, before, encoding):
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(written(rows, cut, unit, before, comma=False).lstrip("\ufeff").encode(encoding))
    table = read_table(path, {"subject": "the viewer's name, in full"})
    got = [(row.stimulus, row.x, row.y, row.subject, row.duration_ms) for row in table.rows]
    assert got == [(name, x, y, viewer, lasted / 1000) for name, x, y, viewer, lasted in rows]


@settings(max_examples=80, deadline=None)
@given(
    rows=table_rows,
    cut=st.sampled_from(",;"),
    place=st.floats(0, 1),
    noise=st.binary(max_size=3),
    gone=st.integers(0, 3),
)
def test_a_changed_table_is_refused_or_read_with_as_many_cells(tmp_path_factory, rows, cut, place, noise, gone):
    data = written(rows, cut, "", "", comma=False).encode()
    at = int(place * len(data))
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(data[:at] + noise + data[at + gone :])
    try:
        table = read_table(path)
    except (InputError, ConfigError) as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error).replace(repr(noise), "")
        return
    assert all(isinstance(row.x, float) and row.stimulus for row in table.rows)
    assert len(table.rows) + table.missing + table.again <= len(rows) + 3


def test_a_decimal_comma_in_a_table_cut_at_commas_never_becomes_a_place(read):
    for empty in ("", ",,", ",0,5"):
        with pytest.raises(InputError, match="cut the cells at semicolons or write a decimal point"):
            read(f"subject,image,x,y,duration\ns1,park.jpg,120,5,80,25,200{empty}\n")


def test_columns_of_json_reach_the_table(read):
    named = json.loads('{"x": "gaze x, left", "y": "gaze y=px"}')
    assert places(read('image,"gaze x, left",gaze y=px\npark.jpg,10,20\n', named)) == [("park.jpg", 10, 20)]
