import numpy as np
import pytest
from scipy.io import savemat

from mindaam.data.datasets.forms.matlab_lists import names_in_mat
from mindaam.data.datasets.forms.video_forms import VIDEO_FORMS, VideoFacts, by_frame, from_screen
from mindaam.errors import InputError

AITE = {"screen": (1280, 1024), "columns": (0, 3, 4, 5)}


def film(count=10, rate=25.0, size=(32, 48), name="clip_1.avi", start=0, skip=0):
    return VideoFacts(name, np.arange(start + skip, start + count), rate, size, start)


def check(found, expected):
    """expected: {frame: rows (x, y) or (x, y, viewer)}."""
    assert found.keys() == expected.keys()
    for number, points in expected.items():
        assert found[number].dtype == np.float32
        np.testing.assert_allclose(found[number][:, : np.shape(points)[-1]], points, atol=1e-4)


def text(path, *rows):
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_points_are_grouped_by_frame_and_those_of_other_frames_are_left_out():
    points = np.array([[1, 2], [3, 4], [5, 6], [7, 8]], float)
    found = by_frame(film(4, skip=1), np.array([2, 0, 2, 9]), points)
    check(found, {2: [[1, 2], [5, 6]]})
    check(by_frame(film(4, start=1), np.array([2, 0]), points[:2]), {3: [[1, 2]], 1: [[3, 4]]})
    assert by_frame(film(4), np.zeros(0, int), np.zeros((0, 2))) == {}


def test_a_screen_has_the_film_in_its_middle_unscaled_or_filling_it():
    points = np.array([[640.0, 480.0], [0.0, 0.0]])
    np.testing.assert_allclose(from_screen(points, (1280, 960), (720, 1280), fitted=False), [[640, 360], [0, -120]])
    np.testing.assert_allclose(from_screen(points, (1280, 960), (180, 320), fitted=True), [[160, 90], [0, -30]])
    np.testing.assert_allclose(from_screen(points, (1280, 960), (480, 320), fitted=True), [[160, 240], [-160, 0]])


def test_a_form_knows_that_a_film_s_first_frames_are_left_out(tmp_path):
    path = tmp_path / "d.mat"
    cube = np.arange(2 * 6).reshape(2, 6, 1).astype(float)
    savemat(path, {"eye_data_all": {"clip_1": cube / np.array([48, 32])[:, None, None]}})
    check(VIDEO_FORMS["eye_data_mat"]([path], film(6, skip=4)), {4: [[4, 10]], 5: [[5, 11]]})


class TestDiem:
    def test_the_eyes_that_fixate_are_averaged_and_others_do_not_count(self, tmp_path):
        one = text(
            tmp_path / "a_film.txt",
            "1\t640\t480\t900\t1\t644\t482\t900\t1",  # both rest
            "2\t640\t480\t900\t2\t650\t470\t900\t1",  # the right one
            "3\t640\t480\t900\t2\t650\t470\t900\t-1",
            "4\t0\t0\t0\t0\t0\t0\t0\t0",
            "5\t630\t490\t900\t1\tnan\tnan\t0\t0",
        )
        two = text(tmp_path / "b_film.txt", "2 0 0 900 1 0 0 900 1")
        found = VIDEO_FORMS["diem_events"]([one, two], film())
        # A film 48x32 in the middle of 1280x960 begins at (616, 464).
        check(found, {0: [[26, 17, 0]], 1: [[34, 6, 0], [-616, -464, 1]], 4: [[14, 26, 0]]})

    @pytest.mark.parametrize(
        ("rows", "reason"),
        [
            (["1 2 3"], "is no table of gaze"),
            (["1 2 3 4 5 6 7 8 x"], "is no table of gaze"),
            (["nan 2 3 4 1 6 7 8 1"], "no frame number"),
        ],
    )
    def test_a_damaged_file_is_named(self, tmp_path, rows, reason):
        path = text(tmp_path / "diem1s01_film.txt", *rows)
        with pytest.raises(InputError, match=f"diem1s01_film.txt.*{reason}"):
            VIDEO_FORMS["diem_events"]([path], film())

    def test_a_file_from_windows(self, tmp_path):
        path = tmp_path / "a_film.txt"
        path.write_bytes("1 0 0 900 1 0 0 900 1\r\n2 0 0 900 1 0 0 900 1\r\n".encode("utf-8-sig"))
        assert sorted(VIDEO_FORMS["diem_events"]([path], film())) == [0, 1]

    def test_an_empty_a_missing_and_a_binary_file_are_named(self, tmp_path):
        empty, binary = tmp_path / "empty.txt", tmp_path / "binary.txt"
        empty.touch()
        binary.write_bytes(b"\xff\xfe\x00\x01\xff")
        for path in (empty, binary, tmp_path / "gone.txt"):
            with pytest.raises(InputError, match=path.name):
                VIDEO_FORMS["diem_events"]([path], film())

    def test_a_viewer_who_never_fixates_gives_nothing(self, tmp_path):
        path = text(tmp_path / "a.txt", "1 0 0 0 0 0 0 0 0")
        assert VIDEO_FORMS["diem_events"]([path], film()) == {}
        assert VIDEO_FORMS["diem_events"]([text(tmp_path / "b.txt", "", "")], film()) == {}


class TestGazeSamples:
    def test_of_a_viewer_and_frame_the_fixation_nearest_to_the_frame_s_middle_is_taken(self, tmp_path):
        # A film 640x512 fills 1280x1024 at twice its size. Frames last 40 ms.
        path = text(
            tmp_path / "001_clip.avi.txt",
            "0 1 20.5 100 100 F",
            "18000 1 20.5 200 300 F",
            "20000 1 20.5 400 400 S",
            "39999 1 20.5 100 100 F",
            "40000 1 20.5 -10 1200 F",
            "80000 1 20.5 0 0 B",
        )
        found = VIDEO_FORMS["gaze_samples"]([path, path], film(size=(512, 640)), **AITE)
        check(found, {number: [[*point, 0], [*point, 1]] for number, point in ((0, (100, 150)), (1, (-5, 600)))})

    def test_dhf1k_s_clock_begins_with_the_first_sample_and_a_line_of_heads_is_passed_over(self, tmp_path):
        path = text(
            tmp_path / "P001_Trail0001.txt",
            "Time x y Event",
            "7000000 720 450 Blink",
            "7050000 720 450 Fixation",
            "7085000 0 45 Fixation",
        )
        options = {"screen": (1440, 900), "columns": (0, 1, 2, 3), "header": 1, "from_first": True}
        # 640x360 fills the width: a scale of 2.25, and 45 lines above it.
        found = VIDEO_FORMS["gaze_samples"]([path], film(rate=30, size=(360, 640)), **options)
        check(found, {1: [[320, 180]], 2: [[0, 0]]})

    def test_what_comes_before_the_film_after_it_or_without_a_time_is_left_out(self, tmp_path):
        path = text(tmp_path / "a.txt", "-1000 1 1 640 512 F", "nan 1 1 640 512 F", "900000000 1 1 640 512 F")
        assert VIDEO_FORMS["gaze_samples"]([path], film(), **AITE) == {}

    def test_a_file_with_nothing_but_heads_gives_nothing(self, tmp_path):
        path = text(tmp_path / "a.txt", "Time x y Event")
        options = {"screen": (1440, 900), "columns": (0, 1, 2, 3), "header": 1, "from_first": True}
        assert VIDEO_FORMS["gaze_samples"]([path], film(), **options) == {}

    @pytest.mark.parametrize("row", ["0 1 2 3", "0 1 20.5 hundred 100 F", "zero 1 20.5 100 100 F"])
    def test_a_damaged_row_is_named(self, tmp_path, row):
        path = text(tmp_path / "001_clip.avi.txt", "0 1 20.5 100 100 F", row)
        with pytest.raises(InputError, match="001_clip.avi.txt is no table of gaze"):
            VIDEO_FORMS["gaze_samples"]([path], film(), **AITE)


class TestCoutrot:
    OPTIONS = {"variable": "Coutrot_Database1", "condition": "OriginalSounds"}

    def database(self, path, data, condition="OriginalSounds"):
        clips = {"clip_1": {"data": data, "info": {"vidwidth": 48}}}
        savemat(path, {"Coutrot_Database1": {"Header": "x", condition: clips}})
        return path

    def test_each_viewer_has_a_place_a_frame_and_nan_stays(self, tmp_path):
        data = np.array([[[1, 10], [2, np.nan]], [[3, 30], [4, np.nan]]])  # [x or y, frame, viewer]
        path = self.database(tmp_path / "d.mat", data)
        found = VIDEO_FORMS["coutrot_mat"]([path], film(2), **self.OPTIONS)
        check(found, {0: [[1, 3], [10, 30]], 1: [[2, 4], [np.nan, np.nan]]})

    def test_a_single_viewer_and_frames_beyond_the_film_do_no_harm(self, tmp_path):
        path = self.database(tmp_path / "d.mat", np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
        check(VIDEO_FORMS["coutrot_mat"]([path], film(2), **self.OPTIONS), {0: [[1, 4]], 1: [[2, 5]]})

    def test_a_file_that_changed_is_read_again(self, tmp_path):
        path = self.database(tmp_path / "d.mat", np.full((2, 2, 1), 3.0))
        VIDEO_FORMS["coutrot_mat"]([path], film(2), **self.OPTIONS)
        self.database(path, np.full((2, 2, 2), 7.0))
        found = VIDEO_FORMS["coutrot_mat"]([path], film(2), **self.OPTIONS)
        check(found, {0: [[7, 7]] * 2, 1: [[7, 7]] * 2})

    def test_what_the_file_does_not_hold_is_named(self, tmp_path):
        path = self.database(tmp_path / "d.mat", np.zeros((2, 2, 1)))
        with pytest.raises(InputError, match=r"d.mat has no gaze of clip_9"):
            VIDEO_FORMS["coutrot_mat"]([path], film(name="clip_9.avi"), **self.OPTIONS)
        with pytest.raises(InputError, match=r"d.mat has no condition Visual"):
            VIDEO_FORMS["coutrot_mat"]([path], film(), variable="Coutrot_Database1", condition="Visual")
        with pytest.raises(InputError, match="lacks the variable Coutrot_Database2"):
            VIDEO_FORMS["coutrot_mat"]([path], film(), variable="Coutrot_Database2", condition="Visual")
        with pytest.raises(InputError, match="0 files of fixations"):
            VIDEO_FORMS["coutrot_mat"]([], film(), **self.OPTIONS)
        with pytest.raises(InputError, match="gone.mat cannot be read"):
            VIDEO_FORMS["coutrot_mat"]([tmp_path / "gone.mat"], film(), **self.OPTIONS)

    @pytest.mark.parametrize("data", ["text", np.zeros((1, 2, 2)), np.zeros((2, 2, 2, 2)), np.zeros((2, 2, 2)) + 1j])
    def test_gaze_of_another_shape_or_kind_is_refused(self, tmp_path, data):
        path = self.database(tmp_path / "d.mat", data)
        with pytest.raises(InputError, match=r"d.mat: the gaze of clip_1.avi is no array"):
            VIDEO_FORMS["coutrot_mat"]([path], film(), **self.OPTIONS)


def test_the_athens_eye_tracking_is_in_parts_of_the_frame(tmp_path):
    path = tmp_path / "all_videos.mat"
    cube = np.zeros((3, 2, 2))
    cube[0], cube[1], cube[2] = [[0.5, 1.25], [0.25, 0]], [[0.5, 0.75], [1, 0]], [[1, 2], [1, 2]]
    savemat(path, {"eye_data_all": {"CHI_1_color": cube}})
    found = VIDEO_FORMS["eye_data_mat"]([path], film(2, name="CHI_1_color.mp4"))
    check(found, {0: [[24, 16, 0], [60, 24, 1]], 1: [[12, 32, 0], [0, 0, 1]]})


class TestLedov:
    def data(self, path, rows, size=(200, 100), **changes):
        fields = {"VideoName": "a", "VideoFrameRate": 25, "VideoFrames": 10, "VideoSize": size}
        fields["fixdata"] = np.array(rows, float).reshape(-1, 5)
        savemat(path, {"Data": {name: value for name, value in (fields | changes).items() if value is not None}})
        return path

    def read(self, path, **facts):
        return VIDEO_FORMS["ledov_mat"]([path], film(**{"size": (100, 200), **facts}))

    def test_a_fixation_lies_on_the_frames_from_its_start_to_its_end(self, tmp_path):
        rows = [[1, 0, 80, 10, 20], [1, 81, 39, 30, 90], [1, 320, 400, 5, 7]]
        found = self.read(self.data(tmp_path / "Data.mat", rows))
        # Of ten frames of 40 ms: 1 to 2, 3 to 3, 8 to the last one, counted from 1.
        check(found, {0: [[10, 20]], 1: [[10, 20]], 2: [[30, 90]], 7: [[5, 7]], 8: [[5, 7]], 9: [[5, 7]]})

    def test_before_a_viewer_s_first_move_off_the_middle_nothing_counts(self, tmp_path):
        # The middle is (100, 50), the margin 5.
        rows = [
            [1, 0, 40, 100, 50],
            [1, 40, 1, 160, 52],  # off it across only
            [1, 80, 1, 106, 56],  # off it both ways: begins
            [1, 120, 1, 100, 50],  # counts now
            [2, 120, 1, 100, 50],  # the next viewer, whose times go on
            [2, 160, 1, -5, 300],  # beside the film: does not begin
            [2, 200, 1, 94, 44],
            [3, 10, 1, 101, 51],  # times go back
        ]
        found = self.read(self.data(tmp_path / "Data.mat", rows))
        both = [[106, 56, 1], [100, 50, 1]]
        check(found, {1: [[106, 56]], 2: both, 3: [[100, 50]], 4: [[94, 44]], 5: [[94, 44]]})

    def test_places_are_scaled_to_frames_of_another_size_and_number(self, tmp_path):
        path = self.data(tmp_path / "Data.mat", [[1, 0, 40, 20, 10], [1, 40, 0, 300, -4]])
        check(self.read(path, size=(50, 50), start=1), {1: [[5, 5], [75, -2]]})

    def test_blinks_and_numbers_beyond_all_films_are_left_out(self, tmp_path):
        lost = [[1, np.nan, 40, 1, 1], [1, 40, np.inf, 1, 1], [1, 1e300, 1, 1, 1]]
        rows = [[1, 0, 40, 20, 10], *lost, [1, 80, 1e11, 3, 4]]
        path = self.data(tmp_path / "Data.mat", rows, VideoFrames=1e15)
        check(self.read(path), {0: [[20, 10]], **{frame: [[3, 4]] for frame in range(1, 10)}})

    def test_a_film_that_nobody_looked_at_gives_nothing(self, tmp_path):
        assert self.read(self.data(tmp_path / "Data.mat", [])) == {}

    @pytest.mark.parametrize(
        "changes",
        [
            {"fixdata": np.zeros((3, 4))},
            {"fixdata": "text"},
            {"fixdata": None},
            {"VideoSize": None},
            {"VideoSize": 5},
            {"VideoSize": (0, 0)},
            {"VideoFrameRate": 0},
            {"VideoFrames": "many"},
            {"VideoFrames": np.inf},
            {"VideoFrameRate": np.nan},
            {"VideoFrameRate": np.inf},
            {"VideoSize": (np.nan, 100)},
        ],
    )
    def test_a_damaged_record_is_named(self, tmp_path, changes):
        path = self.data(tmp_path / "Data.mat", [[1, 0, 40, 20, 10]], **changes)
        with pytest.raises(InputError, match=r"Data.mat: (Data has no|fixdata needs)"):
            self.read(path)

    def test_a_file_cut_short_is_named(self, tmp_path):
        path = self.data(tmp_path / "Data.mat", [[1, 0, 40, 20, 10]])
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(InputError, match="Data.mat"):
            self.read(path)


class TestListsInMatlabFiles:
    def write(self, root, numbers, names=("a", "b", "c")):
        savemat(root / "VideoNameList.mat", {"VideoNameList": np.array(list(names), object)[:, None]})
        savemat(root / "namelist.mat", {"testlist": np.array(numbers)})

    def read(self, root):
        return names_in_mat(root, "namelist.mat:testlist", "VideoNameList.mat:VideoNameList")

    def test_numbers_count_into_the_names_from_one(self, tmp_path):
        self.write(tmp_path, [[3.0], [1.0]])
        assert self.read(tmp_path) == ["c", "a"]
        self.write(tmp_path, [1], ["only"])
        assert self.read(tmp_path) == ["only"]

    @pytest.mark.parametrize("numbers", [[0], [4], [1.5], ["a"]])
    def test_numbers_that_no_name_has_are_refused(self, tmp_path, numbers):
        self.write(tmp_path, numbers)
        with pytest.raises(InputError, match=r"namelist.mat is no list of numbers from 1 to 3"):
            self.read(tmp_path)

    def test_a_missing_file_and_names_that_are_none_are_named(self, tmp_path):
        with pytest.raises(InputError, match="VideoNameList.mat"):
            self.read(tmp_path)
        self.write(tmp_path, [1], [1.0, 2.0])
        with pytest.raises(InputError, match=r"VideoNameList.mat is no list of names"):
            self.read(tmp_path)
