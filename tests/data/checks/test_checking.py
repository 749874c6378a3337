"""`examine` names every bad input with the file and the reason, and changes nothing."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from mindaam.data.checks import checking
from mindaam.data.checks.content_checks import disagreeing, judged, sample_indices, straying
from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.datasets.published import find_sets
from tests.data.datasets import image_trees, video_trees
from tests.data.datasets.image_trees import cell, osie_struct


@pytest.fixture
def root(tmp_path):
    """A folder whose path has spaces and letters that are not ASCII."""
    place = tmp_path / "Blick daten – 視線 ünï"
    place.mkdir()
    return place


def pictures(root, key="cat2000", layout="official"):
    image_trees.build(key, layout, root / catalogue()[key].folders[0])
    return root / catalogue()[key].folders[0]


def films(root, key="ucf_sports", layout="official"):
    return video_trees.build(key, layout, root).folder


def checked(root, key, deep=False):
    [report] = [checking.examine(found, deep=deep) for found in find_sets(root, [key])]
    return report


def said(report, severity="damaged"):
    return [(problem["path"], problem["reason"]) for problem in report["problems"] if problem["severity"] == severity]


def only(found, path, *words):
    """There is just one problem, with this file and these words."""
    [(file, reason)] = found
    assert file == path
    for word in words:
        assert word in reason


def some(folder, pattern):
    return sorted(folder.rglob(pattern))[0]


def test_a_whole_set_is_without_problems_and_counted(root):
    pictures(root)
    report = checked(root, "cat2000")
    assert report["state"] == "incomplete" and report["problems"] == []
    counts = report["counts"]
    assert (counts["present"], counts["usable"], counts["expected"], counts["missing"]) == (3, 3, 2000, 1997)
    assert sum(split["present"] for split in counts["by_split"].values()) == 3
    assert report["looked"]["fixations"] == 18 and report["looked"]["outside"] == 0
    assert report["tried"] == "described" and report["licence"]["name"] == "research only"
    assert "38 pixels" in report["ground_truth"]["sentence"]


def test_as_many_as_published_are_complete(root):
    pictures(root)
    [found] = find_sets(root, ["cat2000"])
    for total, distributed, state in (
        (3, None, "complete"),
        (9, 3, "complete"),
        (3, 9, "complete"),
        (2, 4, "incomplete"),
    ):
        published = found.record.published.model_copy(update={"total": total, "distributed": distributed})
        changed = found._replace(record=found.record.model_copy(update={"published": published}))
        assert checking.examine(changed)["state"] == state


def test_pictures_of_the_blind_test_are_neither_expected_nor_missed(root):
    pictures(root, "salicon")
    report = checked(root, "salicon")
    assert report["counts"]["expected"] == 15000 and report["counts"]["with_gaze"] == 4
    assert report["counts"]["by_split"]["test"] == {"present": 1, "usable": 1, "published": 5000, "gaze": False}
    assert report["problems"] == []


def test_a_set_half_downloaded_names_what_is_missing(root):
    folder = pictures(root)
    picture = some(folder / "trainSet/Stimuli", "*.jpg")
    locations = folder / "trainSet/FIXATIONLOCS" / picture.parent.name / f"{picture.stem}.mat"
    locations.unlink()
    report = checked(root, "cat2000")
    where = picture.relative_to(folder).as_posix()
    only(said(report), where, "no file of fixations", locations.relative_to(folder).as_posix())
    assert report["state"] == "damaged, incomplete"
    assert report["counts"]["usable"] == 2


def test_a_set_of_which_only_maps_came_is_unrecognized(root):
    shutil.rmtree(pictures(root) / "trainSet/Stimuli")
    assert find_sets(root, ["cat2000"]) == []
    report = checking.absent(catalogue()["cat2000"], [root / "CAT2000"])
    assert report["state"] == "unrecognized" and report["folders"] == [str(root / "CAT2000")]
    assert checking.absent(catalogue()["cat2000"])["state"] == "not here"


def test_a_map_without_its_picture_is_named(root):
    folder = pictures(root)
    picture = some(folder / "trainSet/Stimuli", "*.jpg")
    picture.unlink()
    found = said(checked(root, "cat2000"))
    tail = f"{picture.parent.name}/{picture.stem}"
    assert (f"trainSet/FIXATIONMAPS/{tail}.jpg", "the map has no image") in found
    assert (f"trainSet/FIXATIONLOCS/{tail}.mat", "the file of fixations has no image") in found


@pytest.mark.parametrize(("layout", "severity"), [("official", "note"), ("released", "damaged")])
def test_a_map_of_another_shape_is_damaged_where_it_is_the_truth(root, layout, severity):
    folder = pictures(root, layout=layout)
    place = some(folder, "FIXATIONMAPS/*/*.jpg" if layout == "official" else "*_saliency/*")
    Image.new("L", (90, 20), 99).save(place)
    found = said(checked(root, "cat2000"), severity)
    only(found, place.relative_to(folder).as_posix(), "sizes disagree", "the map is 90x20")


def test_a_map_of_another_size_but_the_same_shape_is_a_note(root):
    folder = pictures(root)
    place = some(folder, "FIXATIONMAPS/*/*.jpg")
    with Image.open(place) as image:
        image.resize((image.width // 2, image.height // 2)).save(place)
    report = checked(root, "cat2000")
    only(said(report, "note"), place.relative_to(folder).as_posix(), "it is resized")
    assert said(report) == []


def test_fixations_for_another_size_are_named(root):
    folder = pictures(root)
    place = some(folder, "FIXATIONLOCS/*/*.mat")
    savemat(place, {"fixLocs": np.eye(17, dtype=np.uint8)})
    only(said(checked(root, "cat2000")), place.relative_to(folder).as_posix(), "17")


def test_an_empty_file_of_fixations_is_named(root):
    folder = pictures(root)
    place = some(folder, "FIXATIONLOCS/*/*.mat")
    place.write_bytes(b"")
    only(said(checked(root, "cat2000")), place.relative_to(folder).as_posix(), "empty (0 bytes)")


def test_a_file_without_a_single_fixation_is_named(root):
    folder = pictures(root)
    place = some(folder, "FIXATIONLOCS/*/*.mat")
    picture = folder / "trainSet/Stimuli" / place.parent.name / f"{place.stem}.jpg"
    with Image.open(picture) as image:
        savemat(place, {"fixLocs": np.zeros((image.height, image.width), np.uint8)})
    only(said(checked(root, "cat2000")), place.relative_to(folder).as_posix(), "holds no fixation")


def test_a_picture_cut_short_is_found_when_everything_is_opened(root):
    folder = pictures(root)
    picture = some(folder / "trainSet/Stimuli", "*.jpg")
    picture.write_bytes(picture.read_bytes()[:-300])
    assert said(checked(root, "cat2000")) == []
    only(said(checked(root, "cat2000", deep=True)), picture.relative_to(folder).as_posix(), "damaged or truncated")


def test_a_picture_whose_header_is_gone_is_found_at_once(root):
    folder = pictures(root)
    picture = some(folder / "trainSet/Stimuli", "*.jpg")
    picture.write_bytes(b"no picture")
    only(said(checked(root, "cat2000")), picture.relative_to(folder).as_posix(), "not an image")


def test_a_blank_map_is_damaged_where_it_is_the_truth(root):
    folder = pictures(root, layout="released")
    place = some(folder, "*_saliency/*")
    with Image.open(place) as image:
        Image.new("L", image.size).save(place)
    only(said(checked(root, "cat2000")), place.relative_to(folder).as_posix(), "blank")


def osie(root, points, size=(60, 40)):
    """An official OSIE of pictures of `size` (width, height) with given points each, twelve of them."""
    folder = root / "OSIE"
    (folder / "data/stimuli").mkdir(parents=True)
    (folder / "data/eye").mkdir()
    structs = []
    for number, each in enumerate(points):
        noise = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"data/stimuli/{1001 + number}.jpg")
        structs.append(osie_struct(f"{1001 + number}.jpg", [np.asarray(each, np.float64)]))
    savemat(folder / "data/eye/fixations.mat", {"fixations": cell(structs)})
    return folder


def test_fixations_outside_the_picture_are_counted_in_a_note(root):
    osie(root, [[(5, 5), (70, 5), (30, 20)], [(1, 1)]])
    report = checked(root, "osie")
    [(path, reason)] = said(report, "note")
    assert path == "data/eye/fixations.mat" and reason.startswith("1 of 3 fixations lies outside the image")
    assert report["looked"]["outside"] == 1 and said(report) == []


def test_a_picture_most_of_whose_fixations_lie_outside_is_damaged(root):
    osie(root, [[(20, 55), (30, 50), (10, 45), (10, 10)], [(1, 1)] * 40])
    [(path, reason)] = said(checked(root, "osie"))
    assert path == "data/eye/fixations.mat" and "3 of 4" in reason and "x and y seem to be swapped" in reason


def test_a_set_with_x_and_y_swapped_is_suspected_by_what_lies_outside(root):
    draw = np.random.default_rng(0)
    osie(root, [draw.uniform(0, 1, (20, 2)) * (40, 60) for _ in range(6)])
    assert any(path == "." and "x and y seem to be swapped" in reason for path, reason in said(checked(root, "osie")))


def mapped_set(root, swapped):
    """A released CAT2000 of twelve square pictures whose gaze and maps lie right above the middle."""
    folder = root / "CAT2000" / "train"
    for part in ("stimuli", "saliency", "fixation"):
        (folder / f"train_{part}").mkdir(parents=True)
    for number in range(12):
        draw = np.random.default_rng(number)
        x, y = np.clip(draw.normal((48, 14), 4, (10, 2)), 0, 63).astype(int).T
        rows, columns = (x, y) if swapped else (y, x)
        fixated = np.zeros((64, 64), np.uint8)
        fixated[rows, columns] = 255
        ys, xs = np.mgrid[:64, :64]
        bump = (255 * np.exp(-((xs - 48) ** 2 + (ys - 14) ** 2) / 100)).astype(np.uint8)
        for part, pixels in (("stimuli", draw.integers(0, 256, (64, 64, 3), dtype=np.uint8)), ("saliency", bump)):
            Image.fromarray(pixels).save(folder / f"train_{part}" / f"{number:03}.png")
        Image.fromarray(fixated).save(folder / "train_fixation" / f"{number:03}.png")


def test_x_and_y_swapped_in_square_pictures_show_on_the_published_maps(root):
    mapped_set(root, swapped=True)
    report = checked(root, "cat2000")
    assert any(path == "." and "swapped" in reason for path, reason in said(report, "note"))
    assert report["looked"]["on_maps_swapped"] > 2 > report["looked"]["on_maps"]


def test_gaze_that_lies_on_its_maps_raises_no_suspicion(root):
    mapped_set(root, swapped=False)
    report = checked(root, "cat2000")
    assert report["problems"] == [] and report["looked"]["on_maps"] > 2


def test_a_table_that_lacks_a_picture_and_has_another_names_both(root):
    folder = osie(root, [[(5, 5)], [(6, 6)], [(7, 7)]])
    (folder / "data/stimuli/1001.jpg").rename(folder / "data/stimuli/2001.jpg")
    report = checked(root, "osie")
    only(said(report), "data/stimuli/2001.jpg", "data/eye/fixations.mat has no fixations of it")
    only(said(report, "note"), "data/eye/fixations.mat", "has fixations of 1 image that is not here (1001.jpg)")
    assert report["counts"]["usable"] == 2


@pytest.mark.parametrize("damage", [lambda place: place.unlink(), lambda place: place.write_bytes(b"MATLAB 5.0" * 20)])
def test_a_table_that_is_missing_or_damaged_leaves_nothing_usable(root, damage):
    folder = osie(root, [[(5, 5)], [(6, 6)]])
    damage(folder / "data/eye/fixations.mat")
    report = checked(root, "osie")
    assert [path for path, _ in said(report)] == ["data/eye/fixations.mat"]
    assert report["counts"]["usable"] == 0 and report["counts"]["present"] == 2


def test_a_frame_of_0_bytes_in_the_middle_of_a_film_is_named(root):
    folder = films(root)
    frames = sorted((folder / "training").rglob("images/*.png"))
    frames[3].write_bytes(b"")
    report = checked(root, "ucf_sports")
    [(path, reason)] = said(report)
    assert path == frames[3].parent.relative_to(folder).as_posix() and "1 frame is empty (0 bytes)" in reason
    assert report["counts"]["usable"] == report["counts"]["present"] - 1


def test_frames_of_one_film_that_differ_in_size_are_named(root):
    folder = films(root)
    frames = sorted((folder / "training").rglob("images/*.png"))
    Image.new("RGB", (30, 20), "red").save(frames[-1])
    for deep in (False, True):
        [(_, reason)] = said(checked(root, "ucf_sports", deep))
        assert frames[-1].name in reason and "30x20" in reason


def test_a_frame_cut_short_is_found_when_everything_is_opened(root):
    folder = films(root)
    frame = sorted((folder / "training").rglob("images/*.png"))[1]
    frame.write_bytes(frame.read_bytes()[:60])
    [(_, reason)] = said(checked(root, "ucf_sports", deep=True))
    assert frame.name in reason and "truncated" in reason


def test_frames_that_are_missing_and_maps_without_a_frame_are_named(root):
    folder = films(root)
    frame = sorted((folder / "training").rglob("images/*.png"))[2]
    frame.unlink()
    reasons = [reason for _, reason in said(checked(root, "ucf_sports"))]
    assert any("frames are missing" in reason for reason in reasons)
    assert any("map" in reason and "without the frame" in reason for reason in reasons)


def test_a_film_file_that_is_no_film_is_named(root):
    folder = films(root, "dhf1k")
    film = some(folder / "video", "*.AVI")
    film.write_bytes(b"")
    found = said(checked(root, "dhf1k"))
    assert [path for path, _ in found] == [film.relative_to(folder).as_posix()]
    assert "empty" in found[0][1]


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("key", ["dhf1k", "ledov", "diem", "coutrot1", "ucf_sports"])
def test_films_of_every_kind_are_opened_without_damage(root, key, deep):
    films(root, key)
    report = checked(root, key, deep)
    assert said(report) == [] and report["looked"]["pictures"] > 0 and report["looked"]["fixations"] > 0
    if deep:
        assert report["looked"]["stimuli"] == report["looked"]["of"]


def test_two_layouts_that_are_mixed_are_named(root):
    pictures(root, layout="official")
    pictures(root, layout="released")
    [(_, reason)] = said(checked(root, "cat2000"))
    assert "two layouts are mixed" in reason and "official" in reason and "released" in reason


def test_links_in_circles_are_named_and_not_followed(root):
    folder = pictures(root)
    (folder / "trainSet/Stimuli/again").symlink_to(folder / "trainSet", target_is_directory=True)
    (folder / "back").symlink_to(root, target_is_directory=True)
    report = checked(root, "cat2000")
    only(said(report), "trainSet/Stimuli/again", "link to a folder that contains it")
    assert report["counts"]["present"] == 3


def test_a_link_that_leads_nowhere_is_named(root):
    folder = pictures(root)
    picture = some(folder / "trainSet/Stimuli", "*.jpg")
    picture.unlink()
    picture.symlink_to(root / "gone.jpg")
    found = dict(said(checked(root, "cat2000")))
    assert "is a broken link" in found[picture.relative_to(folder).as_posix()]


def listing(root):
    return {
        place: (os.lstat(place).st_mtime_ns, os.lstat(place).st_size, os.lstat(place).st_mode)
        for folder, names, files in os.walk(root)
        for place in [folder, *(os.path.join(folder, name) for name in (*names, *files))]
    }


def test_nothing_in_the_data_folders_is_changed(root):
    pictures(root)
    films(root)
    before = listing(root)
    for found in find_sets(root):
        checking.examine(found, deep=True)
    assert listing(root) == before


def test_only_a_sample_is_opened_and_the_same_one_each_time(root, monkeypatch):
    osie(root, [[(5, 5)]] * 9)
    monkeypatch.setattr(checking, "PICTURES", 4)
    titles = []
    [found] = find_sets(root, ["osie"])
    report = checking.examine(found, progress=titles.append)
    assert report["looked"]["stimuli"] == len(titles) == checking.to_open(found) == 4
    assert checking.examine(found) == report
    assert checking.to_open(found, deep=True) == 9 == checking.examine(found, deep=True)["looked"]["stimuli"]


def test_samples_are_spread_evenly():
    assert sample_indices(3, 5) == [0, 1, 2] and sample_indices(0, 5) == []
    assert sample_indices(101, 5) == [0, 25, 50, 75, 100]


def test_fixations_are_judged_against_picture_and_map():
    published = np.zeros((40, 60), np.float32)
    published[10, 50] = 1
    look = judged(np.array([[50.5, 10.2], [10, 50]]), (40, 60), published)
    assert (look.fixations, look.outside, look.outside_swapped) == (2, 1, 1)
    [(straight, turned)] = look.fits
    assert straight == pytest.approx(turned) == pytest.approx(1 / published.std() - published.mean() / published.std())
    assert straying("a", None, look, (40, 60))[0].severity == "note"


def test_sizes_may_differ_by_rounding():
    assert disagreeing("a", None, (480, 640), (480, 640)) == []
    assert disagreeing("a", None, (192, 256), (480, 640))[0].severity == "note"
    assert disagreeing("a", None, (191, 256), (480, 640))[0].severity == "note"
    assert disagreeing("a", None, (256, 256), (480, 640))[0].severity == "damaged"


def test_statistics_are_shares_of_what_is_here_and_of_what_is_published(root):
    pictures(root)
    films(root)
    reports = [checking.examine(found) for found in find_sets(root)]
    found = checking.statistics(reports, catalogue().values())
    modality = found["here"]["modality"]
    assert modality["image"]["stimuli"] == 3 and modality["video"]["stimuli"] == 2
    assert modality["image"]["stimuli_share"] == pytest.approx(0.6)
    assert modality["video"]["instances"] == 14
    assert found["published"]["modality"]["image"]["stimuli"] == 24093
    assert sum(cell["instances_share"] for cell in found["published"]["level"].values()) == pytest.approx(1)
    assert found["fixations"] == sum(report["looked"]["fixations"] for report in reports) > 0


def test_problems_of_one_kind_are_counted_together(root):
    osie(root, [[(5, 5), (70, 5), (30, 20)], [(1, 1), (61, 3), (2, 2), (3, 3)]])
    [group] = checked(root, "osie")["groups"]
    assert group["count"] == 2 and group["severity"] == "note" and "N of N fixations" in group["kind"]


def test_sound_that_is_empty_damaged_or_missing_is_named(root):
    folder = films(root, "diem", "released")
    empty, damaged, missing = sorted(folder.rglob("*.wav"))
    empty.write_bytes(b"")
    damaged.write_bytes(b"RIFF" + bytes(60))
    missing.unlink()
    report = checked(root, "diem")
    found = dict(said(report))
    assert "the audio file is empty" in found.pop(str(empty.relative_to(folder)))
    assert list(found) == [str(damaged.relative_to(folder))]
    [(_, reason)] = said(report, "note")
    assert reason == f"the video has no audio file ({missing.relative_to(folder)})"


def test_a_film_that_cannot_be_opened_is_named_once(root):
    folder = films(root, layout="original")
    path = some(folder, "*.avi")
    path.write_bytes(b"")
    only(said(checked(root, "ucf_sports")), str(path.relative_to(folder)), "is empty")
    assert not any(str(folder) in reason for _, reason in said(checked(root, "ucf_sports")))


def test_a_frame_s_map_of_another_shape_is_named(root):
    folder = films(root, "dhf1k", "released")
    for path in (folder / "DHF1K_train/annotation/001/maps").iterdir():
        Image.open(path).resize((40, 40)).save(path)
    path, reason = said(checked(root, "dhf1k"), "note")[0]
    assert path.startswith("DHF1K_train/annotation/001/maps/") and "sizes disagree" in reason


def test_pictures_that_a_table_has_and_nobody_else_are_told_together(root):
    folder = osie(root, [[(5, 5)], [(6, 6)], [(7, 7)]])
    for name in ("1001.jpg", "1002.jpg"):
        (folder / "data/stimuli" / name).unlink()
    only(said(checked(root, "osie"), "note"), "data/eye/fixations.mat", "2 images that are not here (1001.jpg, 1002")


def test_films_of_another_set_in_the_same_folder_are_not_counted(root):
    folder = films(root, "etmd")  # which writes one of SumMe's too, or more
    mine = [film for film in find_sets(root, ["etmd"])[0].stimuli if film.split]
    report = checked(root, "etmd")
    assert len(list((folder / "video").iterdir())) > len(mine)
    counts = report["counts"]
    assert counts["present"] == counts["usable"] == counts["with_gaze"] == len(mine)
    assert counts["missing"] == 12 - len(mine) and counts["more"] == 0
    assert counts["frames"] == sum(len(film.numbers) + 10 for film in mine)
    assert counts["by_split"][""]["present"] > 0
