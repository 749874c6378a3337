"""What a run on the corpus reads: all sets that are there, each under its own sentences."""

import json
import shutil
from functools import partial
from types import SimpleNamespace

import pytest

from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.packs.packing import pack
from mindaam.data.sampling.plan import SamplerState
from mindaam.errors import ConfigError, InputError
from mindaam.models.registry import model_config
from mindaam.places import configs_dir
from mindaam.schema import merge, read_yaml, validate
from mindaam.training import loop
from mindaam.training.checkpoint_content import State
from mindaam.training.feeding.corpus import described, fingerprint, modality, open_corpus, strata_of
from mindaam.training.ranks.distributed import ALONE
from mindaam.training.tasks import corpus as corpus_task
from mindaam.training.tasks.corpus_config import TINY_RUN, CorpusConfig
from mindaam.training.tasks.task import Setup
from tests.data.datasets import video_trees
from tests.training.corpus_root import FILMS, PICTURES, make_corpus

PAPER = ("aam_dinov3_vitl16_paper", "aam_dinov3_vitl16_paper_flat", "aam_dinov3_vitl16_released")
RECIPES = ("corpus", "finetune", *PAPER, "aam_dinov3_vitl16_ntire26")


def config(**changes):
    data = merge(read_yaml(configs_dir() / "train" / "corpus.yaml"), TINY_RUN)
    return validate(CorpusConfig, merge(data, changes), "test")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("ein Ordner"))


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
    with pytest.raises(InputError, match="does not contain ledov; see `mindaam data check"):
        open_corpus(root, ("osie", "ledov"), (), GroundTruth())


def test_excluded_sets_are_not_part_of_the_run(tmp_path):
    video_trees.build("ntire26", "archives", tmp_path)
    video_trees.build("diem", "official", tmp_path)
    beyond = open_corpus(tmp_path, None, (), GroundTruth())
    assert set(beyond.train) == set(beyond.val) == {"diem", "ntire26"} and beyond.val["ntire26"].split == "test"
    assert [modality(name, reader) for name, reader in beyond.train.items()] == ["audio_video"] * 2
    papers = open_corpus(tmp_path, None, (), GroundTruth(), exclude=("ntire26",))
    assert set(papers.train) == set(papers.val) == {"diem"}
    assert described(beyond, [])["train"]["ntire26"]["licence"] == "CC BY 4.0"


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="contains no pack, gaze folder or dataset"):
        open_corpus(tmp_path, None, (), GroundTruth())


def test_damage_stops_the_start_and_is_listed_when_it_may_be_skipped(tmp_path):
    root = make_corpus(tmp_path)
    damaged = root / "SALICON/images/train/COCO_train2014_000000000009.jpg"
    damaged.write_bytes(b"")
    with pytest.raises(InputError, match=r"COCO_train2014_000000000009.jpg: the image is empty.*--skip-damaged"):
        open_corpus(root, None, (), GroundTruth())
    corpus = open_corpus(root, None, (), GroundTruth(), skip_damaged=True)
    assert len(corpus.train["salicon"]) == 1
    assert corpus.skipped == ["salicon: images/train/COCO_train2014_000000000009.jpg: the image is empty (0 bytes)"]


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


def test_a_set_whose_split_list_is_gone_is_named_or_left_out(tmp_path):
    root = make_corpus(tmp_path)
    video_trees.build("ledov", "official", root)
    (root / "LEDOV" / "namelist.mat").unlink()
    with pytest.raises(InputError, match=r"namelist\.mat.*--skip-damaged skips ledov"):
        open_corpus(root, None, (), GroundTruth())
    corpus = open_corpus(root, None, (), GroundTruth(), skip_damaged=True)
    assert "ledov" not in corpus.train and any("namelist.mat" in line for line in corpus.skipped)


def test_a_warm_start_is_of_free_viewing_only(root):
    readers = open_corpus(root, None, (), GroundTruth()).train
    video_trees.build("hollywood2", "official", root)
    readers |= open_corpus(root, ("hollywood2",), (), GroundTruth()).train
    joins = {each.set: each.joins for each in strata_of(readers, warm_start=2)[0]}
    assert joins == {**dict.fromkeys((*PICTURES, *FILMS), 0), "hollywood2": 2}
    assert strata_of({"hollywood2": readers["hollywood2"]}, warm_start=2)[0][0].joins == 0  # there is nothing else


@pytest.mark.parametrize("name", RECIPES)
def test_the_bundled_configurations_fit_their_models(name):
    settings = CorpusConfig.load(configs_dir() / "train" / f"{name}.yaml")
    model = model_config(settings.model, settings.preset, changes=settings.model_changes)
    if settings.start is None:
        assert model.temporal.clip == settings.sampling.clip
    for ranks in (1, 2, 4, 8) if "vitl16" in name and "released" not in name else (1,):
        assert settings.problem_with_ranks(ranks) is None


@pytest.mark.parametrize("name", RECIPES)
def test_each_bundled_configuration_can_be_tried_tiny(name):
    settings = CorpusConfig.load(configs_dir() / "train" / f"{name}.yaml", tiny=True)
    model = model_config(settings.model, settings.preset, changes=settings.model_changes)
    assert model.image_size == (4 * model.encoder.patch,) * 2 and model.temporal.clip == settings.sampling.clip
    size = ["model_changes.image_size=[112,112]"]
    other = CorpusConfig.load(configs_dir() / "train" / f"{name}.yaml", size, tiny=True)
    assert other.model_changes["image_size"] == [112, 112]


def test_steps_that_ranks_cannot_share_are_refused():
    assert "batch_size: 2 cannot be shared evenly by 4 ranks" in config().problem_with_ranks(4)
    assert "clips: 1 cannot be shared" in config(sampling={"batch_size": 4}).problem_with_ranks(2)
    assert config(sampling={"batch_size": 4}).problem_with_ranks(2, videos=False) is None
    assert config(sampling={"clips": 3}).problem_with_ranks(3, images=False) is None
    assert "not a multiple of 4" in config(sampling={"batch_size": 12, "clips": 2}, part=4).problem_with_ranks(2)
    with pytest.raises(ConfigError, match="must be a multiple of part 3"):
        config(part=3)


def test_unseen_sets_are_held_out_where_that_is_asked_for(tmp_path):
    root = make_corpus(tmp_path / "data")
    video_trees.build("avad", "released", root)
    corpus = open_corpus(root, None, ("avad",), GroundTruth())
    assert "avad" not in {**corpus.train, **corpus.val}
    corpus = open_corpus(root, ("osie",), ("avad",), GroundTruth(), score_unseen=True)
    assert set(corpus.train) == {"osie"} and corpus.val["avad"].split == "test"
    # packs of its held-out split are enough: nothing of it is trained on
    pack(corpus.val["avad"], root / "avad.test", (28, 42), workers=0)
    shutil.rmtree(root / "AVAD", ignore_errors=True)
    shutil.rmtree(root / "data", ignore_errors=True)
    corpus = open_corpus(root, ("osie",), ("avad",), GroundTruth(), score_unseen=True)
    assert hasattr(corpus.val["avad"], "pack")


def test_an_unseen_set_that_is_to_be_scored_must_be_there_with_a_split_for_it(root):
    with pytest.raises(InputError, match="does not contain avad"):
        open_corpus(root, None, ("avad",), GroundTruth(), score_unseen=True)
    with pytest.raises(InputError, match="no gaze data of osie in val or test, so it cannot be scored unseen"):
        open_corpus(root, None, ("osie",), GroundTruth(), score_unseen=True)


def test_unseen_sets_have_no_say_in_which_model_is_the_best(tmp_path, monkeypatch):
    said = []
    sums = lambda scorer, model, encode, name, reader, *_: [reader, 0, 0, 1]  # noqa: E731
    monkeypatch.setattr(corpus_task, "held_out_scores", sums)
    monkeypatch.setattr(loop, "save_trained", lambda *_: said.append("kept"))
    task = SimpleNamespace(
        model=SimpleNamespace(set_train=lambda _: None), heard=(), audio_encoding=None, encode=None, ema=None,
        config=config(unseen=["avad"]), world=ALONE, scorer=None, held_out={"osie": 0.5, "avad": 0.9}, header={},
    )  # fmt: skip
    task.score = partial(corpus_task.CorpusTask.score, task)
    state = State(number=3, place=SamplerState(1, 0))
    more = Setup(tmp_path, ALONE, SimpleNamespace(say=said.append)), SimpleNamespace(epoch=said.append)
    state, score = loop.scored(task, state, *more)
    assert score == state.best == pytest.approx(0.5)
    assert said[1]["avad_CC"] == pytest.approx(0.9) and "avad CC 0.9000" in said[2]
    task.held_out = {"osie": 0.4, "avad": 1.0}
    assert loop.scored(task, state, *more)[0] == state
    assert said.count("kept") == 1
