"""Every set of films in every layout, read back from small trees: frames, gaze, maps, sound, clips."""

import pickle
import shutil
from io import BytesIO
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from mindaam.data import prompts, transforms
from mindaam.data.audio.cutting import cut_of
from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.datasets.ground_truth import GroundTruth, pixels_per_degree
from mindaam.data.datasets.opening import open_found
from mindaam.data.datasets.published import find_set
from mindaam.data.datasets.readers.video_frames import read_frames
from mindaam.data.datasets.readers.video_index import whole_video
from mindaam.errors import InputError
from mindaam.models.registry import model_config
from tests.clips import number_of
from tests.data.datasets import video_trees
from tests.data.datasets.video_trees import SIZE

PAPER, RELEASED = (cut_of(model_config("aam_dinov3_vits16", preset).sound) for preset in ("paper", "released"))

SETS = [(key, layout.name) for key, each in catalogue().items() if each.modality != "image" for layout in each.layouts]
SOUNDING = [(key, layout) for key, layout in SETS if catalogue()[key].modality == "audio_video"]
ATOL = 2e-3  # pixels: text files give places on a screen 30 times as large with four decimals
JPEG = 3.0  # gray levels by which a map may differ in a JPEG, and of 1,023 in a video


class Made(NamedTuple):
    key: str
    layout: str
    found: object
    expected: object

    def each(self, truth=None):
        """(reader, index, ExpectedFilm) of all films with gaze."""
        films = {film.name: film for film in self.expected.films}
        splits = [split for split in self.found.splits() if self.found.labelled(split)]
        readers = [open_found(self.found, split, truth) for split in splits]
        return [(reader, i, films[reader.entries[i][0]]) for reader in readers for i in range(len(reader))]


def frame_map(reader, index, position):
    """The published map of one frame."""
    return reader.published_map(index, position)


def frames(reader, index, positions):
    """Yields (position, image) of some frames."""
    shape = reader.shape(index)
    for position, image, _ in read_frames(reader.tree, reader.layout, reader.videos[index], positions, shape):
        yield position, image


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """made(key, layout), each tree written once."""
    known = {}

    def made(key, layout):
        if (key, layout) not in known:
            root = tmp_path_factory.mktemp("Filme ü 1")
            expected = video_trees.build(key, layout, root)
            known[key, layout] = Made(key, layout, find_set(root, key), expected)
        return known[key, layout]

    return made


@pytest.fixture(params=SETS, ids="-".join)
def made(request, trees):
    return trees(*request.param)


def inside(points):
    return points[((points >= 0) & (points < SIZE[::-1])).all(1)]  # NaN is never inside


def sorted_rows(points):
    return points[np.lexsort(np.round(points, 1).T)]


def truth_of(film, source):
    """{frame number: fixations inside it, or its map} of the frames that have a usable one."""
    if source == "maps":
        return film.maps
    points = {number: inside(at) for number, at in film.fixations.items()}
    return {number: at for number, at in points.items() if len(at)}


def nearest(number, numbers):
    """The nearest of some numbers, the later of two."""
    return min(numbers, key=lambda each: (abs(each - number), -each))


def test_the_set_its_layout_and_films_are_found_and_nothing_is_wrong(made):
    found = made.found
    assert (found.record.key, found.layout.name, found.is_video, found.problems) == (made.key, made.layout, True, [])
    assert found.tree.root == made.expected.folder
    split = [film for film in found.stimuli if film.split is not None]
    assert [(each.name, each.path, each.split) for each in split] == [
        (film.name, film.path, film.split) for film in made.expected.films
    ]
    assert [film.path for film in found.stimuli if film.split is None] == list(made.expected.unsplit)


def test_numbers_and_rates(made):
    films = {film.name: film for film in made.found.stimuli}
    for film in made.expected.films:
        found = films[film.name]
        assert found.numbers.tolist() == film.numbers
        assert found.rate == pytest.approx(film.rate, rel=1e-6)
        assert film.numbers[0] - found.start == made.found.layout.skip_frames
    for reader, index, film in made.each():
        assert reader.frames(index) == len(film.numbers)
        assert reader.videos[index].rate == pytest.approx(film.rate, rel=1e-6)
        assert reader.size(index) == SIZE


def test_films_without_gaze_are_in_no_reader(made):
    listed = [film.name for _, _, film in made.each()]
    assert sorted(listed) == sorted(f.name for f in made.expected.films if f.fixations or f.maps)
    for split in made.found.layout.splits.unlabelled:
        with pytest.raises(InputError, match=f"no images or videos with gaze data in the split {split}"):
            open_found(made.found, split)


def test_fixations_frame_by_frame(made):
    for reader, index, film in made.each():
        for position, number in enumerate(film.numbers):
            recorded, points = reader.recorded(index, position), reader.fixations(index, position)
            if film.fixations is None:
                assert recorded is None and points is None
                continue
            expected = film.fixations.get(number, np.zeros((0, 2), np.float32))
            assert recorded.dtype == points.dtype == np.float32
            np.testing.assert_allclose(sorted_rows(recorded), sorted_rows(expected), atol=ATOL)
            np.testing.assert_allclose(sorted_rows(points), sorted_rows(inside(expected)), atol=ATOL)


VIEWERS_APART = ("diem_events", "gaze_samples", "coutrot_mat", "eye_data_mat")


def test_viewers_frame_by_frame(made):
    for reader, index, film in made.each():
        form = reader.layout.fixations and reader.layout.fixations.form
        for position, number in enumerate(film.numbers):
            points, viewers = reader.fixations(index, position), reader.viewers(index, position)
            if form not in (*VIEWERS_APART, "ledov_mat"):
                assert viewers is None
                continue
            assert viewers.shape == (len(points),) and viewers.dtype == np.int64
            if form in VIEWERS_APART and len(points):  # the places of a frame are in the order of its two viewers
                places = np.asarray(film.fixations[number])
                assert len(places) == 2
                np.testing.assert_allclose(places[viewers], points, atol=ATOL)


def test_published_maps_frame_by_frame(made):
    for reader, index, film in made.each():
        pattern = next(iter(reader.layout.maps), "")
        for position, number in enumerate(film.numbers):
            if film.maps is None or number not in film.maps:
                with pytest.raises(InputError, match="has no published map"):
                    frame_map(reader, index, position)
                continue
            found = frame_map(reader, index, position)
            assert found.dtype == np.float32 and found.shape == film.maps[number].shape
            off = np.abs(found - film.maps[number]).mean()
            assert off == 0 if pattern.endswith(".png") else off <= JPEG


@pytest.mark.parametrize("source", ["fixations", "maps"])
def test_which_frames_have_a_truth_of_their_own(made, source):
    for reader, index, film in made.each(GroundTruth(source=source)):
        own = film.maps if reader.source == "maps" else film.fixations
        assert reader.labelled(index).tolist() == [number in own for number in film.numbers]


@pytest.mark.parametrize("source", ["fixations", "maps"])
def test_densities_are_the_frame_s_or_those_of_the_nearest_with_a_truth(made, source):
    layout = made.found.layout
    has = {"fixations": layout.fixations is not None, "maps": bool(layout.maps)}
    sigma = 2 * pixels_per_degree(made.found.record.viewing, SIZE)
    for reader, index, film in made.each(GroundTruth(source=source, sigma_degrees=2)):
        assert reader.source == (source if has[source] else next(each for each in has if has[each]))
        truth = truth_of(film, reader.source)
        for position, number in enumerate(film.numbers):
            place = film.numbers.index(nearest(number, truth))
            if reader.source == "maps":
                expected = transforms.resize_density(frame_map(reader, index, place), SIZE)
            else:
                expected = transforms.fixation_density(reader.fixations(index, place), SIZE, sigma)
            found = reader.density(index, position)
            assert found.dtype == np.float32 and found.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
            np.testing.assert_array_equal(found, expected)


def test_frames_with_gaze_beside_them_only_take_the_last_before(trees):
    # Otherwise the test above would show nothing.
    reader, index, film = trees("ledov", "official").each()[0]
    assert set(film.numbers) - truth_of(film, "fixations").keys() == {6, 7}
    assert reader.labelled(index)[7] and len(reader.recorded(index, 7)) and not len(reader.fixations(index, 7))
    np.testing.assert_array_equal(reader.density(index, 7), reader.density(index, 5))


def test_frames_come_at_their_positions(made):
    for reader, index, film in made.each():
        skipped, every = made.found.layout.skip_frames, range(len(film.numbers))
        shown = dict(frames(reader, index, every))
        assert [number_of(shown[position]) for position in every] == [position + skipped for position in every]
        assert all(image.shape == (*SIZE, 3) and image.dtype == np.uint8 for image in shown.values())
        last = len(film.numbers) - 1
        some = list(frames(reader, index, [last, 0, last]))
        assert [(position, number_of(image)) for position, image in some] == [(0, skipped), (last, last + skipped)]


def test_a_stream_has_the_frames_of_a_clip_in_order(made):
    for reader, index, film in made.each():
        for positions in (None, [0, 2], [len(film.numbers) - 1], []):
            wanted = list(range(len(film.numbers))) if positions is None else positions
            streamed = list(reader.stream(index, positions))
            assert len(streamed) == len(wanted)
            if wanted:
                clip = reader.clip(index, wanted)
                np.testing.assert_array_equal([frame.image for frame in streamed], clip.image)
                np.testing.assert_array_equal([frame.time for frame in streamed], clip.times)


def test_clips_have_their_frames_gaze_and_times(made):
    for reader, index, film in made.each():
        last, start = len(film.numbers) - 1, made.found.layout.skip_frames
        for positions in ([0, 1, 2], list(range(0, last + 1, 2)), [last]):
            clip = reader.clip(index, positions)
            assert [number_of(image) for image in clip.image] == [start + position for position in positions]
            assert clip.density.shape == (len(positions), *SIZE) and clip.density.dtype == np.float32
            times = [(start + position) / film.rate for position in positions]
            np.testing.assert_allclose(clip.times, times, rtol=1e-6)
            assert clip.times.dtype == np.float64 and clip.audio is None
            for place, position in enumerate(positions):
                np.testing.assert_array_equal(clip.density[place], reader.density(index, position))
                if film.fixations is not None:
                    np.testing.assert_array_equal(clip.fixations[place], reader.fixations(index, position))
            assert (clip.fixations is None) == (film.fixations is None)
            assert (clip.name, clip.condition) == reader.entries[index]
            assert (clip.dataset, clip.name) == (made.key, film.name)
            assert clip.prompt == prompts.training_prompts(made.key, clip.condition)[0]


def test_a_clip_backwards_and_smaller_takes_its_gaze_along(made):
    reader, index, _ = made.each()[0]
    size, positions = (20, 24), [0, 1, 2]
    ahead, back = reader.clip(index, positions, size), reader.clip(index, positions[::-1], size)
    assert ahead.image.shape == (3, *size, 3) and ahead.density.shape == (3, *size)
    for one, other in ((ahead.image, back.image), (ahead.density, back.density), (ahead.times, back.times)):
        np.testing.assert_array_equal(one, other[::-1])
    for place, position in enumerate(positions):
        assert ahead.density[place].sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
        if ahead.fixations is not None:
            points = reader.fixations(index, position) * np.float32([size[1] / SIZE[1], size[0] / SIZE[0]])
            np.testing.assert_allclose(ahead.fixations[place], points, atol=1e-5)
            np.testing.assert_array_equal(ahead.fixations[place], back.fixations[2 - place])
            assert ahead.fixations[place].dtype == np.float32


def test_which_films_have_sound(made):
    for reader, index, film in made.each():
        assert reader.has_audio(index) == film.has_audio
        if not film.has_audio:
            assert reader.clip(index, [0], audio=PAPER).audio is None


@pytest.mark.parametrize("name", SOUNDING, ids="-".join)
def test_sound_is_the_two_seconds_about_each_frame(trees, name):
    reader, index, _ = trees(*name).each()[0]
    positions = [2, 0, 1]
    for cut in (PAPER, RELEASED):
        clip = reader.clip(index, positions, audio=cut)
        middle = clip.audio.by_frame(clip.audio.windows)[:, cut.tokens // 2] / cut.scale
        assert middle.shape == (3, 32_000) and middle.dtype == np.float32
        for time, window in zip(clip.times, middle, strict=True):
            # where the film's second 0 is, to half a mark of the grid, or a frame
            begin, near = 16_000 - round(time * 16_000), 520 if cut is PAPER else 160
            assert np.abs(window[: begin - near]).max() < 0.05 and np.abs(window).max() < 0.7
            assert window[begin + 800 : begin + 2400].std() == pytest.approx(0.5 / 2**0.5, abs=0.05)
    # A later frame's window is the same sound, further left, to a sample of the file (0.06 at 16 kHz and 440 Hz).
    shift = round((clip.times[0] - clip.times[1]) * 16_000)
    assert np.abs(middle[0][: 32_000 - shift] - middle[1][shift:]).mean() < 0.01


def test_a_copy_for_another_process_gives_the_same(made):
    reader, index, _ = made.each()[0]
    before = reader.clip(index, [1, 0])
    after = pickle.loads(pickle.dumps(reader)).clip(index, [1, 0])
    np.testing.assert_array_equal(before.image, after.image)
    np.testing.assert_array_equal(before.density, after.density)
    assert (before.prompt, before.name) == (after.prompt, after.name)


def test_a_set_of_fewer_films(trees):
    (reader, index, film), *_ = trees("hollywood2", "official").each()
    fewer = reader.only([film.name, "none"])
    assert fewer.entries == [reader.entries[index]] and fewer.split == reader.split
    np.testing.assert_array_equal(fewer.clip(0, [1]).density, reader.clip(index, [1]).density)


@pytest.fixture
def copied(trees, tmp_path):
    """copied(key, layout) -> (a copy that may be changed, the set's folder in it)."""

    def copy(key, layout):
        folder = trees(key, layout).expected.folder
        return tmp_path, shutil.copytree(folder, tmp_path / folder.name)

    return copy


def test_blank_and_missing_maps_are_replaced_by_the_nearest(copied):
    root, folder = copied("dhf1k", "released")
    maps = folder / "DHF1K_train/annotation/001/maps"
    (maps / "0007.png").write_bytes(dark(maps / "0008.png"))
    (maps / "0009.png").unlink()
    found = find_set(root, "dhf1k")
    [problem] = found.problems
    assert (problem.reason, problem.severity) == ("1 of 4 frames have no maps", "note")
    assert problem.stimulus == found.labelled("train")[0].name
    reader = open_found(found, "train", GroundTruth(source="maps"))
    assert reader.videos[0].numbers.tolist() == [6, 7, 8, 9]
    assert reader.labelled(0).tolist() == [True, True, True, False]
    np.testing.assert_array_equal(reader.density(0, 1), reader.density(0, 2))
    np.testing.assert_array_equal(reader.density(0, 3), reader.density(0, 2))
    assert np.abs(reader.density(0, 0) - reader.density(0, 2)).max() > 0
    for number in (6, 8):
        (maps / f"{number:04}.png").write_bytes((maps / "0007.png").read_bytes())
    with pytest.raises(InputError, match="no frame has a ground truth"):
        reader.density(0, 0)


def dark(path):
    """A picture file of the same size that is all black."""
    with Image.open(path) as picture:
        Image.new("L", picture.size).save(stream := BytesIO(), "PNG")
    return stream.getvalue()


def test_frames_that_differ_in_size_are_damaged(copied):
    root, folder = copied("hollywood2", "official")
    frames = sorted((folder / "training/actioncliptrain00001_1/images").iterdir())
    Image.new("RGB", (40, 32)).save(frames[2])
    reader = open_found(find_set(root, "hollywood2"), "train")
    with pytest.raises(InputError, match=f"{frames[2].name}: the frame is 40x32 but the first .* is 48x32"):
        reader.clip(0, [0, 1, 2])
    assert len(reader.clip(0, [0, 1]).image) == 2


def test_numbers_padded_otherwise_are_read_all_the_same(copied):
    root, folder = copied("dhf1k", "released")
    for path in folder.glob("DHF1K_train/*/001/*/*.png"):
        path.rename(path.with_name(f"{int(path.stem):06}.png"))
    found = find_set(root, "dhf1k")
    assert found.problems == []
    reader = open_found(found, "train")
    assert number_of(reader.clip(0, [3]).image[0]) == 8
    assert frame_map(reader, 0, 3).shape == SIZE and len(reader.recorded(0, 3)) == 3


def test_gaze_of_whole_films_is_kept_for_the_last_one_only(trees):
    reader, *_ = trees("coutrot1", "official").each()[0]
    assert whole_video(reader.layout)
    first, other = [reader.recorded(index, 0) for index in (0, 1)]
    np.testing.assert_array_equal(reader.recorded(0, 0), first)
    np.testing.assert_array_equal(reader.recorded(1, 0), other)
