"""What a run on the corpus reads: all sets that are there, each under its own sentences."""

import json

import numpy as np
import pytest

from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.packs.packing import pack
from mindaam.data.prompts import corpus as prompts
from mindaam.data.sampling import ClipBatch, PictureBatch, SamplerState
from mindaam.errors import InputError
from mindaam.places import configs_dir
from mindaam.schema import merge, read_yaml, validate
from mindaam.training.corpus_config import CorpusConfig
from mindaam.training.corpus_data import CorpusSource, described, fingerprint, open_corpus, read, strata_of
from mindaam.training.corpus_run import TINY_RUN
from tests.data.datasets import film_trees
from tests.training.corpus_root import FILMS, PICTURES, make_corpus

SIZE = (28, 42)


def config(**changes):
    data = merge(read_yaml(configs_dir() / "train" / "corpus.yaml"), TINY_RUN)
    return validate(CorpusConfig, merge(data, changes), "test")


class Settings:
    image_size, resize, mean, std = SIZE, "area", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def encode(texts):
    """Embeddings that tell the sentence: its length and its first letters."""
    return np.array([[len(text), *map(ord, text[:3])] for text in texts], np.float32)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("ein Ordner"))


@pytest.fixture
def source(root):
    settings = config(sampling={"steps": 10})
    found = open_corpus(root, None, ("avad",), GroundTruth())
    source = CorpusSource(found.train, settings, Settings, encode, workers=0)
    yield source
    source.close()


def test_all_sets_under_the_folder_are_found_with_their_held_out_splits(root):
    corpus = open_corpus(root, None, (), GroundTruth())
    assert set(corpus.train) == {*PICTURES, *FILMS}
    assert {name: reader.split for name, reader in corpus.val.items()} == {
        "cat2000": "val", "salicon": "val", "dhf1k": "val", "diem": "test"
    }  # fmt: skip
    assert corpus.skipped == []


def test_unseen_sets_are_never_trained_on_and_wanted_ones_must_be_there(root):
    assert "diem" not in open_corpus(root, None, ("diem",), GroundTruth()).train
    assert set(open_corpus(root, ("osie",), (), GroundTruth()).train) == {"osie"}
    with pytest.raises(InputError, match="does not hold ledov; see `mindaam data check"):
        open_corpus(root, ("osie", "ledov"), (), GroundTruth())


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="holds no pack, gaze folder or data set"):
        open_corpus(tmp_path, None, (), GroundTruth())


def test_damage_stops_the_start_and_is_listed_when_it_may_be_skipped(tmp_path):
    root = make_corpus(tmp_path)
    damaged = root / "SALICON/images/train/COCO_train2014_000000000009.jpg"
    damaged.write_bytes(b"")
    with pytest.raises(InputError, match=r"COCO_train2014_000000000009.jpg: the picture is empty.*--skip-damaged"):
        open_corpus(root, None, (), GroundTruth())
    corpus = open_corpus(root, None, (), GroundTruth(), skip_damaged=True)
    assert len(corpus.train["salicon"]) == 1
    assert corpus.skipped == ["salicon: images/train/COCO_train2014_000000000009.jpg: the picture is empty (0 bytes)"]


def test_steps_have_one_set_each_its_own_sentence_and_arrays_of_one_shape(source):
    kinds = []
    for step in source.steps(SamplerState(), 1):
        pictures, sentences, truth, *answered = step.arrays
        pool = encode(prompts.pool(step.batch.set, "G4"))
        assert all((sentence == pool).all(1).any() for sentence in sentences)
        count = len(answered[0]) if answered else 2
        assert truth.shape == (count, 1, *SIZE) and sentences.shape == (count, 4)
        assert pictures.shape == (4 if answered else 2, 3, *SIZE) and pictures.dtype == np.float32
        assert np.allclose(truth.sum((1, 2, 3)), 1, atol=1e-5)
        kinds.append(type(step.batch))
    assert kinds.count(PictureBatch) == 4 and kinds.count(ClipBatch) == 6


def test_a_run_that_goes_on_in_the_middle_sees_what_it_would_have_seen(source):
    whole = list(source.steps(SamplerState(), 2))
    for first in (3, 12):
        rest = list(source.steps(whole[first].state, 2))
        assert [step.batch for step in rest] == [step.batch for step in whole[first:]]
        for one, other in zip(rest[0].arrays, whole[first].arrays, strict=True):
            assert np.array_equal(one, other)


def test_processes_read_the_same(source, root):
    found = open_corpus(root, None, ("avad",), GroundTruth())
    other = CorpusSource(found.train, source.config, Settings, encode, workers=1)
    try:
        for one, two in zip(source.steps(SamplerState(), 1), other.steps(SamplerState(), 1), strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one.arrays, two.arrays, strict=True))
    finally:
        other.close()


def test_a_mirrored_clip_is_mirrored_with_its_truth(source):
    reader = source.readers["dhf1k"]
    plain, mirrored = (read(reader, 0, (1, 3), SIZE, "area", flip) for flip in (False, True))
    assert np.array_equal(mirrored[0], plain[0][:, :, ::-1]) and np.array_equal(mirrored[1], plain[1][:, :, ::-1])
    plain, mirrored = (read(source.readers["osie"], 0, None, SIZE, "area", flip) for flip in (False, True))
    assert np.array_equal(mirrored[0], plain[0][:, ::-1]) and np.array_equal(mirrored[1], plain[1][:, ::-1])


def test_films_that_are_too_short_are_named(root):
    readers = open_corpus(root, ("dhf1k",), (), GroundTruth()).train
    source = CorpusSource(readers, config(sampling={"clip": 4, "strides": [1]}), Settings, encode, workers=0)
    short = [reader.entries[i][0] for reader in readers.values() for i in range(len(reader)) if reader.frames(i) < 4]
    assert [line.split(": ")[1] for line in source.left_out] == short and len(short) == 1


def test_what_is_trained_on_can_be_written_down(root):
    told = json.loads(json.dumps(described(open_corpus(root, None, (), GroundTruth()), ["a line"])))
    assert told["left_out"] == ["a line"] and told["train"]["diem"]["modality"] == "audio_video"
    assert told["train"]["osie"]["ground_truth"].startswith("fixations blurred with a Gaussian of sigma 1 degree = 24")
    assert told["held_out"]["dhf1k"]["split"] == "val" and told["train"]["dhf1k"]["frames"] > 0


def test_the_fingerprint_tells_other_data(root):
    readers = open_corpus(root, None, (), GroundTruth()).train
    strata = strata_of(readers)[0]
    fewer = strata_of(readers | {"osie": readers["osie"].only(["1001.jpg"])})[0]
    assert fingerprint(strata) == fingerprint(strata[::-1]) != fingerprint(fewer)


def test_packs_take_the_place_of_the_folders_that_they_were_made_from(root, tmp_path):
    corpus = open_corpus(root, ("osie", "diem"), (), GroundTruth())
    for name, reader in corpus.train.items():
        pack(reader, tmp_path / f"{name}.train", SIZE, workers=0, quality=100)
    packed = open_corpus(tmp_path, None, (), GroundTruth())
    assert packed.train.keys() == corpus.train.keys() and packed.val == {}
    settings = config(sampling={"steps": 10})
    sources = [CorpusSource(each.train, settings, Settings, encode, workers=0) for each in (corpus, packed)]
    for one, other in zip(*(source.steps(SamplerState(), 1) for source in sources), strict=True):
        assert one.batch == other.batch and np.array_equal(one.arrays[1], other.arrays[1])
        assert np.abs(one.arrays[0] - other.arrays[0]).max() < 0.25  # JPEG
        assert np.abs(one.arrays[2] - other.arrays[2]).sum((1, 2, 3)).max() < 0.02


def test_the_bundled_configuration_fits_its_model():
    settings = validate(CorpusConfig, read_yaml(configs_dir() / "train" / "corpus.yaml"), "corpus.yaml")
    assert settings.start == settings.model and settings.unseen == ("avad",)


def test_a_set_whose_split_list_is_gone_is_named_or_left_out(tmp_path):
    root = make_corpus(tmp_path)
    film_trees.build("ledov", "official", root)
    (root / "LEDOV" / "namelist.mat").unlink()
    with pytest.raises(InputError, match=r"namelist\.mat.*--skip-damaged leaves ledov out"):
        open_corpus(root, None, (), GroundTruth())
    corpus = open_corpus(root, None, (), GroundTruth(), skip_damaged=True)
    assert "ledov" not in corpus.train and any("namelist.mat" in line for line in corpus.skipped)
