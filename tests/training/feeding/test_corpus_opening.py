"""What a run starts with, when some of what lies under its folder cannot be used, or bears a known set's name."""

import shutil

import pytest

from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.packs.packing import pack
from mindaam.data.prompts import corpus as prompts
from mindaam.data.prompts.prompting import Prompting, prompts_for
from mindaam.errors import InputError
from mindaam.training.feeding.corpus import fingerprint, modality, open_corpus, strata_of
from tests.data.datasets import image_trees
from tests.data.datasets.readers.test_gaze_folder import HEADER, ROWS, make_pictures, write_json, write_rows
from tests.training.mixed_root import make_mixed


def gaze_folder(place):
    images = make_pictures(place, {name: (30, 30) for name in ("a.jpg", "b.jpg", "c.jpg")})
    write_json(place / "meta.json", {"conditions": {"free_viewing": ""}, "images": images})
    write_rows(place, [HEADER, *ROWS])


def test_a_gaze_folder_that_is_damaged_stops_the_run_unless_it_may_be_left_out(tmp_path):
    for name in ("one", "two"):
        gaze_folder(tmp_path / name)
    (tmp_path / "one/stimuli/b.jpg").unlink()
    with pytest.raises(InputError, match=r"lacks b\.jpg"):
        open_corpus(tmp_path, None, (), GroundTruth())
    corpus = open_corpus(tmp_path, None, (), GroundTruth(), skip_damaged=True)
    assert list(corpus.train) == ["two"] and "lacks b.jpg" in corpus.skipped[0]
    corpus = open_corpus(tmp_path, ("one", "two"), (), GroundTruth(), skip_damaged=True)
    assert list(corpus.train) == ["two"]


def test_a_set_of_which_nothing_is_left_does_not_keep_the_others_out(tmp_path):
    gaze_folder(tmp_path / "one")
    image_trees.build("cat2000", "official", tmp_path / "CAT2000")
    shutil.rmtree(tmp_path / "CAT2000/trainSet/FIXATIONLOCS")
    corpus = open_corpus(tmp_path, None, (), GroundTruth(), skip_damaged=True)
    assert list(corpus.train) == ["one"] and any("cat2000" in line for line in corpus.skipped)
    # the maps are there
    corpus = open_corpus(tmp_path, None, (), GroundTruth(source="maps"), skip_damaged=True)
    assert set(corpus.train) == {"one", "cat2000"} and corpus.skipped == []


def test_pictures_that_turn_out_to_be_useless_do_not_stop_a_run_that_may_leave_them_out(tmp_path):
    gaze_folder(tmp_path / "one")
    gaze_folder(tmp_path / "two")
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / "one/stimuli" / name).write_bytes(b"no picture")
    corpus = open_corpus(tmp_path, None, (), GroundTruth(), skip_damaged=True)
    assert list(corpus.train) == ["two"] and len(corpus.skipped) == 3


def named_as(place, **meta):
    images = make_pictures(place, {name: (30, 30) for name in ("a.jpg", "b.jpg", "c.jpg")})
    write_json(place / "meta.json", {"conditions": {"free_viewing": "", "count_people": ""}, "images": images} | meta)
    write_rows(place, [HEADER, *ROWS, *(row.replace("free_viewing", "count_people") for row in ROWS)])
    return GazeFolder(place)


def test_a_folder_that_bears_a_set_s_name_keeps_its_own_conditions_and_sentences(tmp_path):
    folder = named_as(tmp_path / "cat2000")
    assert prompts_for(Prompting("G2"), "cat2000", folder, "free_viewing") == prompts.pool("cat2000", "G2")
    assert prompts_for(Prompting("G4"), "cat2000", folder, "count_people") == folder.prompts.of("count_people")
    own = named_as(tmp_path / "other/cat2000", sentences={"free_viewing": ["Somebody looks for cats."]})
    assert prompts_for(Prompting("G4"), "cat2000", own, "free_viewing") == ["Somebody looks for cats."]


def test_pictures_that_bear_the_name_of_a_set_of_films_are_pictures(tmp_path):
    assert modality("diem", named_as(tmp_path / "diem")) == "image"


@pytest.mark.parametrize(
    ("unseen", "packs", "folders", "letters"),
    [
        (("avad",), ["a-b", "a", "packed-too", "salicon"], ["mine", "osie"], "90e3e1638e421e68"),
        (("avad", "diem", "mine"), ["a-b", "a", "packed-too", "salicon"], ["osie"], "806355b09f85c839"),
    ],
)
def test_a_run_finds_what_runs_found_before_packs_were_found_elsewhere(tmp_path, unseen, packs, folders, letters):
    """Names, order and fingerprint were written down with the code of revision c10de59: such a run goes on."""
    corpus = open_corpus(make_mixed(tmp_path / "root"), None, unseen, GroundTruth())
    published = [name for name in ("cat2000", "dhf1k", "diem") if name not in unseen]
    assert list(corpus.train) == [*packs, *folders, *published]
    assert [type(each).__name__ for each in corpus.train.values()][: len(packs) + len(folders)] == [
        *["PackedImages"] * len(packs), *["GazeFolder"] * len(folders),
    ]  # fmt: skip
    assert [(name, each.split) for name, each in corpus.val.items()] == [
        (name, "test" if name == "diem" else "val") for name in ("a-b", "salicon", *folders, *published)
    ]
    assert corpus.skipped == [] and fingerprint(strata_of(corpus.train)[0]) == letters


def test_a_run_takes_the_gaze_folder_itself_or_its_parent(tmp_path):
    gaze_folder(tmp_path / "gaze" / "mine")
    for root in (tmp_path / "gaze", tmp_path / "gaze" / "mine"):
        corpus = open_corpus(root, ("mine",), (), GroundTruth())
        assert [(name, each.split, len(each)) for name, each in corpus.train.items()] == [("mine", "train", 2)]
        assert [(name, each.split) for name, each in corpus.val.items()] == [("mine", "val")]
        assert corpus.train["mine"].root == tmp_path / "gaze" / "mine"


def test_a_pack_of_another_ground_truth_is_refused(tmp_path):
    gaze_folder(tmp_path / "mine")
    source = GazeFolder(tmp_path / "mine", "train", GroundTruth(sigma_degrees=2))
    pack(source, tmp_path / "packs" / "mine.train", (16, 16), workers=0)
    for skip in (False, True):  # it is no damage
        with pytest.raises(InputError, match=r"mine\.train: ground_truth\.sigma_degrees is 1, but .* sigma 2 degree"):
            open_corpus(tmp_path / "packs", None, (), GroundTruth(), skip_damaged=skip)
    assert list(open_corpus(tmp_path / "packs", None, (), GroundTruth(sigma_degrees=2)).train) == ["mine"]
