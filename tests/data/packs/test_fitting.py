"""A pack that does not hold what a model takes is refused, with the command that makes one that does."""

from types import SimpleNamespace

import pytest

from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.opening import open_found
from mindaam.data.datasets.published import find_set
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.packs.contents import Header
from mindaam.data.packs.fitting import require_fit, require_truth
from mindaam.data.packs.packing import pack
from mindaam.errors import ConfigError, InputError
from tests.data.datasets import image_trees, video_trees

SIZE = (24, 32)


def header(**changes):
    return Header(**{"dataset": "osie", "layout": "official", "split": "train", "size": (336, 336),
                     "source": "fixations", **changes})  # fmt: skip


def test_what_fits_passes():
    require_fit(header(), [336, 336], "area")
    require_fit(header(resize="antialiased"), (336, 336), "antialiased")
    require_fit(SimpleNamespace(is_pack=False), (1, 1), "area")


@pytest.mark.parametrize(
    ("changes", "size", "resize", "command"),
    [
        ({}, (448, 448), "area", "--set osie --split train --size 448 --resize area --truth fixations"),
        ({}, (336, 336), "antialiased", "--set osie --split train --size 336 --resize antialiased --truth fixations"),
        ({"resize": "bilinear", "source": "maps"}, (336, 448), "area", "--size 336x448 --resize area --truth maps"),
        ({"sigma_degrees": 0.5, "quality": 80}, (448, 448), "area", "--truth fixations --sigma 0.5 --quality 80"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_command(changes, size, resize, command):
    with pytest.raises(InputError) as told:
        require_fit(header(**changes), size, resize)
    said = str(told.value)
    assert said.endswith(command) and "mindaam data pack ROOT -o NEW" in said and "\n" not in said
    assert f"336 x 336, resized by '{changes.get('resize', 'area')}'" in said
    assert f"{size[0]} x {size[1]} by '{resize}'" in said


def test_the_reader_of_a_pack_is_looked_at(tmp_path):
    image_trees.build("mit1003", "official", tmp_path / "MIT1003")
    reader = open_found(find_set(tmp_path, "mit1003"), "train")
    require_fit(reader, (448, 448), "area")  # the folder itself suits any model
    for how in ("area", "antialiased"):
        pack(reader, tmp_path / how, SIZE, resize=how, workers=0)
        packed = open_packed(tmp_path / how)
        require_fit(packed, SIZE, how)
        with pytest.raises(InputError, match=rf"{how} has images of 24 x 32, resized by '{how}'"):
            require_fit(packed, SIZE, "bilinear")
    one, other = (open_packed(tmp_path / how).image(0) for how in ("area", "antialiased"))
    assert one.dtype == other.dtype and (one != other).any()


def test_a_pack_of_every_second_frame_is_packed_so_again(tmp_path):
    video_trees.build("diem", "released", tmp_path / "sets")
    reader = open_found(find_set(tmp_path / "sets", "diem"), "train", GroundTruth(source="maps"))
    pack(reader, tmp_path / "pack", SIZE, every=2, sound=False, workers=0)
    with pytest.raises(InputError, match="--truth maps --every 2$"):
        require_fit(open_packed(tmp_path / "pack"), (448, 448), "area")


def test_a_way_of_resizing_that_there_is_none_leaves_nothing(tmp_path):
    image_trees.build("mit1003", "official", tmp_path / "MIT1003")
    reader = open_found(find_set(tmp_path, "mit1003"), "train")
    with pytest.raises(ConfigError, match="'cubic'; use one of area, antialiased, bilinear"):
        pack(reader, tmp_path / "pack", SIZE, resize="cubic", workers=0)
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize(
    ("changes", "truth"),
    [
        ({"sigma_degrees": 1.0}, {}),
        ({"sigma_degrees": 1.0}, {"source": "fixations"}),
        ({"dataset": "salicon", "source": "maps"}, {}),  # a run that asks for nothing takes what was packed
        ({"dataset": "salicon", "source": "maps"}, {"source": "maps", "sigma_degrees": 3}),
        ({"sigma_degrees": 1.0}, {"source": "maps"}),  # OSIE has none: unpacked it gives fixations too
        ({"dataset": "mine", "layout": "gaze folder", "sigma_degrees": 1.0}, {"source": "maps"}),
    ],
)
def test_a_ground_truth_that_a_set_gives_packed_or_not_passes(changes, truth):
    require_truth(header(**changes), GroundTruth(**truth), "here")


@pytest.mark.parametrize(
    ("changes", "truth", "asked", "command"),
    [
        ({"sigma_degrees": 2.0}, {}, "ground_truth.sigma_degrees is 1", "--truth fixations --sigma 1"),
        ({"dataset": "salicon", "source": "maps"}, {"source": "fixations", "sigma_degrees": 2},
         "ground_truth.source is fixations", "--truth fixations --sigma 2"),
        ({"dataset": "mit1003", "sigma_degrees": 1.0}, {"source": "maps"}, "ground_truth.source is maps",
         "--truth maps --sigma 1"),
    ],
)  # fmt: skip
def test_another_ground_truth_than_the_run_s_is_refused(changes, truth, asked, command):
    with pytest.raises(InputError) as told:
        require_truth(header(ground_truth="as packed", **changes), GroundTruth(**truth), "PACKS/x.train")
    said = str(told.value)
    assert said.startswith(f"PACKS/x.train: {asked}, but the pack's densities are as packed; pack ") and command in said
