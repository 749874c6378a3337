"""Training temporal blocks: only they move, they learn, and a run goes on where it stopped."""

import json
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.errors import ConfigError
from mindaam.evaluation.synthetic_video_scores import report
from mindaam.models.registry import build_model
from mindaam.places import configs_dir
from mindaam.schema import merge, read_yaml, validate
from mindaam.training.config import OptimizerConfig
from mindaam.training.tasks import synthetic_videos
from mindaam.training.tasks.synthetic_videos import FilmStep, FilmTrainConfig, restore, save, window
from tests.models.tiny_video import CHANGES, NAME, SIZE

CONFIG = read_yaml(configs_dir() / "train" / "aam_dinov2_vits14_films.yaml")
WIDTHS, GRID, FRAMES, CLIP = CHANGES["head"]["neck_widths"], (2, 3), 8, 4


def config(**changes):
    return validate(FilmTrainConfig, merge(CONFIG, changes), "test")


SMALL = {"frames": FRAMES, "pairs": 1, "steps": 6, "model_changes": {"temporal": {"clip": CLIP}}}


def film_model():
    ms.set_seed(1)
    model = build_model(NAME, "paper", changes=merge(CHANGES, {"temporal": {"clip": CLIP}}))
    for parameter in model.get_parameters():
        parameter.requires_grad = False
    for parameter in model.head.temporal.get_parameters():
        parameter.requires_grad = True
    return model.set_train(False)


class MadeUp:
    """Films whose maps are noise and whose gaze is one blob."""

    def __init__(self, count=3):
        self.frames, self.truth_size = FRAMES, tuple(side // synthetic_videos.COARSER for side in SIZE)
        draw = np.random.default_rng(0)
        self.maps = draw.standard_normal((count, FRAMES, sum(WIDTHS), *GRID)).astype(np.float32)
        self.sentences = draw.standard_normal((count, CHANGES["text"]["width"])).astype(np.float32)
        self.truths = np.full((count, FRAMES, *self.truth_size), 1e-4, np.float32)
        self.truths[:, :, 2:4, 3:5] = 1.0
        self.truths /= self.truths.sum((2, 3), keepdims=True)
        self.specs = [SimpleNamespace(kind=kind) for kind in ("pan", "cut", "static")][:count]

    def __len__(self):
        return len(self.maps)

    def window(self, index, first, length):
        return self.maps[index, first : first + length]


def taught(step, films, settings, numbers):
    losses = []
    for number in numbers:
        loss, _ = step(step.optimizer.settings(number, 3e-3), *window(films, settings, CLIP, number))
        losses.append(float(loss.asnumpy()))
    return losses


@pytest.mark.slow  # graphs to compile
def test_only_the_temporal_blocks_move_and_they_learn(graph):
    model, films, settings = film_model(), MadeUp(), config(**SMALL)
    before = {p.name: p.asnumpy().copy() for p in model.get_parameters()}
    step = FilmStep(model, OptimizerConfig(weight_decay=0.0), 1.0).set_train(True)
    losses = taught(step, films, settings, range(25))
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.02
    moved = {p.name for p in model.get_parameters() if not np.array_equal(p.asnumpy(), before[p.name])}
    assert moved and all(name.startswith("head.temporal.") for name in moved)


@pytest.mark.slow  # graphs to compile
def test_a_run_goes_on_where_it_stopped(graph, tmp_path):
    films, settings, path = MadeUp(), config(**SMALL), tmp_path / "last.safetensors"
    whole = FilmStep(film_model(), settings.optimizer, settings.calm).set_train(True)
    expected = taught(whole, films, settings, range(4))[2:]
    first = FilmStep(film_model(), settings.optimizer, settings.calm).set_train(True)
    taught(first, films, settings, range(2))
    save(path, first, settings, 2)
    second = FilmStep(film_model(), settings.optimizer, settings.calm).set_train(True)
    assert restore(path, second, settings) == 2
    np.testing.assert_allclose(taught(second, films, settings, range(2, 4)), expected, rtol=1e-5)
    with pytest.raises(ConfigError, match="another configuration"):
        restore(path, second, config(**SMALL | {"steps": 9}))
    assert restore(path, second, config(**SMALL | {"checkpoint_every": 7, "data_root": "elsewhere"})) == 2


def test_a_steps_window_comes_from_seed_and_step():
    films, settings = MadeUp(), config(**SMALL)
    first, again, other = (window(films, settings, CLIP, number) for number in (3, 3, 5))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())
    assert not np.array_equal(first[0].asnumpy(), other[0].asnumpy())
    maps, sentence, truth, chosen = (each.asnumpy() for each in first)
    assert maps.shape == (CLIP, sum(WIDTHS), *GRID) and sentence.shape[0] == truth.shape[0] == len(set(chosen)) == 2
    assert truth.shape[1:] == (1, *films.truth_size) and chosen.max() < CLIP


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"films": {"val": 0}}, "greater than or equal to 1"),
        ({"pairs": 20}, "must rise"),
        ({"frames": 8}, "must rise"),
        ({"step": 5}, "steps"),
    ],
)
def test_configurations_that_cannot_be(changes, said):
    with pytest.raises(ConfigError, match=said):
        config(**changes)


def test_films_need_a_temporal_section():
    from mindaam.zoo.index import verified

    with pytest.raises(ConfigError, match="temporal"):
        synthetic_videos.film_model("aam_dinov2_vits14", verified("aam_dinov2_vits14"), {"temporal": None})


@pytest.mark.slow
def test_a_tiny_run_on_real_gaze_folders(tmp_path, gaze_root):
    recipe = configs_dir() / "train" / "aam_dinov2_vits14_films.yaml"
    run = synthetic_videos.train(recipe, [f"data_root={gaze_root}"], tiny=True, out=tmp_path / "run")
    lines = report(run)
    runtime.configure(mode="pynative")
    files = {path.name for path in run.folder.iterdir()}
    assert {"last.safetensors", "model.safetensors", "steps.csv", "scores.json"} <= files
    scores = json.loads((run.folder / "scores.json").read_text())
    assert set(scores) == {"frame by frame", "with the temporal blocks"} and len(lines) == 2
