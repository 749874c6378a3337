"""Every set of pictures in every layout, read back from small trees; and recorded gaze, rewritten as published."""

import csv
import gzip
import pickle
from typing import NamedTuple

import numpy as np
import pytest

from mindaam.data import media, prompts, transforms
from mindaam.data.datasets.catalogue import catalogue, record
from mindaam.data.datasets.forms import image_forms
from mindaam.data.datasets.ground_truth import GroundTruth, pixels_per_degree
from mindaam.data.datasets.opening import open_found, open_set
from mindaam.data.datasets.published import find_set
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.image_index import table_names
from mindaam.data.datasets.readers.sample import Sample, image_sample
from mindaam.errors import InputError
from tests.data.datasets import image_trees
from tests.data.datasets.official_gaze import write_fiwi, write_osie

SETS = [(key, layout.name) for key, each in catalogue().items() if each.modality == "image" for layout in each.layouts]
RASTERS = ("points_image", "mask_mat")  # their points are in no promised order
JPEG = 3.0  # grey levels by which a smooth picture may differ in a JPEG
# Sigmas of a degree in pixels, worked out by hand from the records and the made pictures' sizes.
SIGMAS = {
    ("salicon", "annotations", "train/COCO_train2014_000000000009.jpg"): 19 * 64 / 640,
    ("mit1003", "official", "i05june05_static_street_boston_p1010764.jpeg"): 35,
    ("osie", "official", "1001.jpg"): 24 * 80 / 800,
    ("figrim", "official", "Targets/tower/sun_t1.jpg"): 33 * 100 / 1000,
    ("fiwi", "official", "bbc.png"): 33.6 * 86 / 1360,
    # 54x96 fills the screen's 1200 lines, 96x60 its whole 1920x1200
    ("ueyes", "official", "f639bf.jpg"): 40 * 96 / 1200,
    ("ueyes", "official", "27d67e.png"): 40 * 96 / 1920,
}


class Made(NamedTuple):
    key: str
    layout: str
    root: object
    found: object
    entries: dict
    atol: float

    def readers(self, truth=None):
        """Readers of all splits with gaze."""
        splits = [split for split in self.found.splits() if self.found.labelled(split)]
        return [open_found(self.found, split, truth) for split in splits]

    def each(self, truth=None):
        """(reader, index, Entry) of all pictures with gaze."""
        return [
            (reader, index, self.entries[reader.entries[index][0]])
            for reader in self.readers(truth)
            for index in range(len(reader))
        ]


@pytest.fixture(scope="module", params=SETS, ids="-".join)
def made(request, tmp_path_factory):
    key, layout = request.param
    root = tmp_path_factory.mktemp("Datensätze é 1")
    expected = image_trees.build(key, layout, root / record(key).folders[0])
    entries = {entry.name: entry for entry in expected.entries}
    return Made(key, layout, root, find_set(root, key), entries, expected.atol)


def inside(points, size):
    """Those of the points [n,2] in a picture of `size`, one by one."""
    kept = [(x, y) for x, y in points.tolist() if 0 <= x < size[1] and 0 <= y < size[0]]
    return np.array(kept, np.float32).reshape(-1, 2)


def by_place(points):
    return points[np.lexsort(points.T)]


def close(image, original, exact):
    assert image.shape == original.shape
    assert np.abs(image.astype(float) - original).mean() <= (0 if exact else JPEG)


def test_the_set_and_its_layout_are_found_with_all_names_and_nothing_wrong(made):
    found = made.found
    assert (found.record.key, found.layout.name, found.is_video, found.problems) == (made.key, made.layout, False, [])
    assert {each.name: each.path for each in found.stimuli} == {name: e.path for name, e in made.entries.items()}
    assert [each.path for each in found.stimuli] == sorted(entry.path for entry in made.entries.values())


def test_splits_are_the_publishers_or_a_share_by_name(made):
    for each in made.found.stimuli:
        expected = made.entries[each.name].split
        assert each.split == expected if expected else each.split in ("train", "val")
    listed = [entry[0] for reader in made.readers() for entry in reader.entries]
    blind = {name for name, entry in made.entries.items() if entry.split in made.found.layout.splits.unlabelled}
    assert sorted(listed) == sorted(made.entries.keys() - blind)
    for split in {made.entries[name].split for name in blind}:
        with pytest.raises(InputError, match=f"no images or videos with gaze data in the split {split}"):
            open_found(made.found, split)


def test_fixations_are_the_source_s_and_those_inside_are_given_out(made):
    for reader, index, entry in made.each():
        recorded = reader.recorded(index)
        if entry.fixations is None:
            assert recorded is None and reader.fixations(index) is None
            continue
        expected, found = entry.fixations, reader.fixations(index)
        if reader.layout.fixations.form in RASTERS:
            expected, recorded, found = map(by_place, (expected, recorded, found))
        assert recorded.dtype == found.dtype == np.float32
        np.testing.assert_allclose(recorded, expected, rtol=0, atol=made.atol)
        np.testing.assert_allclose(found, inside(expected, entry.image.shape), rtol=0, atol=made.atol)
        assert len(found) > 1


def test_viewers_stand_beside_the_fixations_where_the_form_keeps_them_apart(made):
    for reader, index, _ in made.each():
        form = reader.layout.fixations and reader.layout.fixations.form
        points, viewers = reader.fixations(index), reader.viewers(index)
        if form is None or form in RASTERS:
            assert viewers is None
            continue
        assert viewers.shape == (len(points),) and viewers.dtype == np.int64
        assert (np.diff(viewers) >= 0).all() and viewers[0] >= 0  # one viewer after the other


def test_a_file_of_fixations_is_decoded_once_for_points_and_viewers(trees, monkeypatch):
    reader, calls = open_set(trees("salicon"), "salicon", "train"), []
    form = reader.layout.fixations.form
    read = image_forms.IMAGE_FORMS[form]
    monkeypatch.setitem(image_forms.IMAGE_FORMS, form, lambda *a, **b: calls.append(a) or read(*a, **b))
    points, viewers = reader.fixations(0), reader.viewers(0)
    assert len(points) == len(viewers) > 0 and len(calls) == 1


def test_pictures_and_their_sizes(made):
    for reader, index, entry in made.each():
        assert reader.size(index) == entry.image.shape[:2]
        close(reader.image(index), entry.image, exact=entry.path.endswith(".png"))
        assert reader.image(index).dtype == np.uint8


def test_published_maps(made):
    for reader, index, entry in made.each():
        if entry.map is None:
            with pytest.raises(InputError, match="has no published map"):
                media.read_map(reader.map_path(index))
            continue
        assert media.read_map(reader.map_path(index)).dtype == np.float32
        close(media.read_map(reader.map_path(index)), entry.map, exact=reader.stimuli[index].map.endswith(".png"))


@pytest.mark.parametrize("source", ["fixations", "maps"])
def test_densities_are_blurred_fixations_or_the_maps(made, source):
    layout = made.found.layout
    has = {"fixations": layout.fixations is not None, "maps": bool(layout.maps)}
    for reader, index, entry in made.each(GroundTruth(source=source, sigma_degrees=0.5)):
        size, other, density = entry.image.shape[:2], (20, 31), reader.density(index)
        assert density.dtype == np.float32 and density.shape == size
        assert density.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
        assert reader.source == (source if has[source] else next(each for each in has if has[each]))
        if reader.source == "maps":
            assert reader.ground_truth == "the published density maps"
            published = media.read_map(reader.map_path(index))
            np.testing.assert_array_equal(density, transforms.resize_density(published, size))
            np.testing.assert_array_equal(reader.density(index, other), transforms.resize_density(published, other))
            continue
        sigma = 0.5 * pixels_per_degree(made.found.record.viewing, size)
        np.testing.assert_array_equal(density, transforms.fixation_density(reader.fixations(index), size, sigma))
        scale = np.array([other[1] / size[1], other[0] / size[0]])
        scaled = transforms.fixation_density(
            (reader.fixations(index) * scale).astype(np.float32), other, sigma * scale[::-1]
        )
        np.testing.assert_allclose(reader.density(index, other), scaled, atol=1e-7)


def test_sigmas_are_those_worked_out_by_hand(made):
    named = {name: sigma for (key, layout, name), sigma in SIGMAS.items() if (key, layout) == (made.key, made.layout)}
    for reader, index, entry in made.each(GroundTruth(source="fixations")):
        if entry.name in named:
            size = entry.image.shape[:2]
            expected = transforms.fixation_density(reader.fixations(index), size, named.pop(entry.name))
            np.testing.assert_allclose(reader.density(index), expected, atol=1e-6)
    assert not named


def test_the_default_ground_truth_is_the_layout_s_or_the_record_s(made):
    layout = made.found.layout
    wanted = layout.ground_truth or made.found.record.ground_truth
    only_one = not (layout.maps and layout.fixations)
    for reader in made.readers():
        assert reader.source == made.found.source and (only_one or reader.source == wanted)


def test_whole_samples_and_copies_for_other_processes(made):
    for reader in made.readers():
        copy, index = pickle.loads(pickle.dumps(reader)), len(reader) - 1
        sample, again = image_sample(reader, index), image_sample(copy, index)
        assert isinstance(sample, Sample) and sample.times is None and sample.audio is None
        assert (sample.name, sample.condition) == reader.entries[index] == copy.entries[index]
        assert (sample.dataset, sample.condition) == (made.key, made.found.record.condition)
        assert sample.prompt == reader.prompts.of(sample.condition)[0]
        assert sample.prompt == prompts.training_prompts(made.key, sample.condition)[0]
        assert reader.prompts.held_out(sample.condition) not in reader.prompts.of(sample.condition)
        same_samples(sample, again)
        np.testing.assert_array_equal(sample.density, reader.density(index))


def test_a_set_of_fewer_names(made):
    reader = made.readers()[0]
    name = reader.entries[-1][0]
    same_samples(image_sample(reader.only([name, "none"]), 0), image_sample(reader, len(reader) - 1))
    assert len(reader.only([name, "none"])) == 1 and len(reader.only([])) == 0


def same_samples(one, other, rtol=0.0):
    """The same picture, gaze, name and sentence. rtol: by which densities may differ."""
    for field in ("prompt", "condition", "dataset", "name"):
        assert getattr(one, field) == getattr(other, field)
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_allclose(one.density, other.density, rtol=rtol, atol=rtol * 1e-7)
    assert (one.fixations is None) == (other.fixations is None)
    if one.fixations is not None:
        points = (one.fixations, other.fixations)
        np.testing.assert_array_equal(*(map(by_place, points) if rtol else points))


def test_a_table_may_name_a_picture_in_many_ways():
    assert table_names("a/b.c/d.jpg") == ["a/b.c/d.jpg", "b.c/d.jpg", "d.jpg", "a/b.c/d", "b.c/d", "d"]


def official_places(root, key):
    """{picture's name: (reader, index)} of a set in its official layout, of all splits."""
    found = find_set(root, key)
    assert found.layout.name == "official" and found.problems == []
    readers = [open_found(found, split) for split in found.splits()]
    return {reader.entries[index][0]: (reader, index) for reader in readers for index in range(len(reader))}


def compare(folder, official, count, rtol=0.0):
    """All fixations of a gaze folder with those of the official layout, and `count` whole samples of each split."""
    pictures = 0
    for split in ("train", "val"):
        gaze = GazeFolder(folder, split)
        pictures += len(gaze)
        for index, (name, condition) in enumerate(gaze.entries):
            reader, place = official[name]
            assert reader.entries[place] == (name, condition)
            points = gaze.fixations(index), reader.fixations(place)
            np.testing.assert_array_equal(*(map(by_place, points) if rtol else points))
        for index in np.linspace(0, len(gaze) - 1, count).astype(int):
            reader, place = official[gaze.entries[index][0]]
            same_samples(image_sample(gaze, index), image_sample(reader, place), rtol)
    assert pictures == len(official)


@pytest.mark.gaze
def test_osie_as_published_gives_the_samples_of_its_gaze_folder(gaze_root, tmp_path):
    write_osie(gaze_root / "osie", tmp_path / "OSIE")
    compare(gaze_root / "osie", official_places(tmp_path, "osie"), count=12)


@pytest.mark.gaze
def test_fiwi_as_published_gives_the_samples_of_its_gaze_folder(gaze_root, tmp_path):
    # An eye map has a fixation a pixel at most, in no order, so the gaze folder is made so first. Densities then differ
    # by float32's rounding and by the sigma: meta.json rounds 33.6 * 800 / 1360 to 19.765, a relative 1.5e-5, which the
    # square in the exponent makes 16 times as much where the blur ends, four sigma away.
    source, folder = gaze_root / "fiwi", tmp_path / "snapped"
    snapped(source, folder)
    assert all(write_fiwi(folder, tmp_path / "FiWI").values())
    compare(folder, official_places(tmp_path, "fiwi"), count=12, rtol=3e-4)


def snapped(source, folder):
    """A copy of a gaze folder whose fixations are at their pixels' centres, one a pixel."""
    folder.mkdir()
    (folder / "stimuli").symlink_to((source / "stimuli").resolve())
    for name in ("meta.json", "splits.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    with gzip.open(source / "fixations.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        rows = {(row["image"], float(row["x"]) // 1, float(row["y"]) // 1): row for row in csv.DictReader(stream)}
    with gzip.open(folder / "fixations.csv.gz", "wt", encoding="utf-8", newline="", compresslevel=1) as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "subject", "condition", "x", "y"])
        for (image, x, y), row in rows.items():
            writer.writerow([image, row["subject"], row["condition"], x + 0.5, y + 0.5])
