"""Training temporal blocks: only they move, they learn, and a run continues where it stopped."""

import json
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import pytest

from mindaam import runtime
from mindaam.data.sampling.plan import SamplerState
from mindaam.encoders.tables import stored_parameters
from mindaam.errors import CheckpointError, ConfigError
from mindaam.evaluation.synthetic_video_scores import report
from mindaam.models.registry import build_model
from mindaam.places import configs_dir
from mindaam.schema import merge, read_yaml, validate
from mindaam.training import checkpoint_content, run
from mindaam.training.feeding.synthetic_videos import COARSER
from mindaam.training.loop import forward_backward
from mindaam.training.ranks.distributed import ALONE
from mindaam.training.tasks import synthetic_videos
from mindaam.training.tasks.synthetic_videos import SyntheticVideosConfig, SyntheticVideosTask
from tests.models.tiny_video import CHANGES, NAME, SIZE

RECIPE = configs_dir() / "train" / "aam_dinov2_vits14_films.yaml"
WIDTHS, GRID, FRAMES, CLIP = CHANGES["head"]["neck_widths"], (2, 3), 8, 4
SMALL = {"frames": FRAMES, "pairs": 1, "steps": 25, "model_changes": {"temporal": {"clip": CLIP}}}


def config(**changes):
    return validate(SyntheticVideosConfig, merge(read_yaml(RECIPE), changes), "test")


def small_model():
    ms.set_seed(1)
    model = build_model(NAME, "paper", changes=merge(CHANGES, {"temporal": {"clip": CLIP}}))
    for parameter in model.get_parameters():
        parameter.requires_grad = False
    for parameter in model.head.temporal.get_parameters():
        parameter.requires_grad = True
    return model.set_train(False)


class RandomVideos:
    """Videos whose feature maps are noise and whose gaze is one blob."""

    fingerprint = "noise"

    def __init__(self, count=3):
        self.frames, self.truth_size = FRAMES, tuple(side // COARSER for side in SIZE)
        draw = np.random.default_rng(0)
        self.maps = draw.standard_normal((count, FRAMES, sum(WIDTHS), *GRID)).astype(np.float32)
        self.embeddings = draw.standard_normal((count, CHANGES["text"]["width"])).astype(np.float32)
        self.truths = np.full((count, FRAMES, *self.truth_size), 1e-4, np.float32)
        self.truths[:, :, 2:4, 3:5] = 1.0
        self.truths /= self.truths.sum((2, 3), keepdims=True)
        self.specs = [SimpleNamespace(kind=kind) for kind in ("pan", "cut", "static")][:count]

    def __len__(self):
        return len(self.maps)

    def window(self, index, first, length):
        return self.maps[index, first : first + length]


def small_task(settings=None):
    return SyntheticVideosTask(settings or config(**SMALL), small_model(), RandomVideos(), None)


def trained(task, state, until):
    """The losses of the steps from `state` up to the step `until`, at a fixed rate; and the State reached."""
    losses = []
    for part in task.parts(state.place):
        if state.number == until:
            break
        terms, _ = forward_backward(task, state, part, 3e-3)
        losses.append(float(terms.asnumpy()[0]))
        done = {"temporal": state.number + 1}
        state = state._replace(number=state.number + 1, place=task.following(part.place), done=done)
    return losses, state


@pytest.mark.slow  # graphs to compile
def test_only_the_temporal_blocks_move_and_they_learn(graph):
    task = small_task(config(**SMALL, optimizer={"weight_decay": 0.0}, change_weight=1.0))
    before = {p.name: p.asnumpy().copy() for _, p in stored_parameters(task.model)}
    losses, state = trained(task, checkpoint_content.first_state(task), 25)
    assert state.place == (1, 0) and not list(task.parts(state.place))
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.02
    moved = {p.name for _, p in stored_parameters(task.model) if not np.array_equal(p.asnumpy(), before[p.name])}
    assert moved and all(name.startswith("head.temporal.") for name in moved)


@pytest.mark.slow  # graphs to compile
def test_a_run_continues_where_it_stopped(graph, tmp_path):
    whole = small_task()
    expected = trained(whole, checkpoint_content.first_state(whole), 4)[0][2:]
    first = small_task()
    _, state = trained(first, checkpoint_content.first_state(first), 2)
    checkpoint_content.save(tmp_path, first, state, ALONE)
    path = tmp_path / "checkpoints" / "step-00000002.safetensors"
    second = small_task()
    restored = checkpoint_content.restore(path, second, tmp_path)
    assert restored.number == 2 and restored.place == SamplerState(0, 2)
    assert trained(second, restored, 4)[0] == expected
    with pytest.raises(CheckpointError, match="another configuration"):
        checkpoint_content.restore(path, small_task(config(**SMALL | {"steps": 9})), tmp_path)
    other = config(**SMALL | {"checkpoint_every": 7, "data_root": "elsewhere"})
    assert checkpoint_content.restore(path, small_task(other), tmp_path).number == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"videos": {"val": 0}}, "greater than or equal to 1"),
        ({"pairs": 20}, "does not hold"),
        ({"frames": 8}, "does not hold"),
        ({"step": 5}, "steps"),
    ],
)
def test_configurations_that_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        config(**changes)


def test_earlier_keys_are_read_with_a_line_each(tmp_path):
    path, lines = tmp_path / "old.yaml", []
    text = RECIPE.read_text().replace("videos:", "films:").replace("change_weight:", "calm:")
    path.write_text(text)
    loaded = synthetic_videos.CONFIG.load(path, ["films.val=7"], tiny=True, say=lines.append)
    assert loaded == synthetic_videos.CONFIG.load(RECIPE, ["videos.val=7"], tiny=True)
    assert loaded.videos == {"train": 5, "val": 7} and run.task_of(path) is run.task_of(RECIPE) is synthetic_videos
    assert len(lines) == 3 and '"films"' in lines[0] and '"videos"' in lines[0]


def test_a_run_needs_a_temporal_section():
    from mindaam.zoo.index import verified

    without = config().model_copy(update={"model_changes": {"temporal": None}})
    with pytest.raises(ConfigError, match="temporal"):
        synthetic_videos.shaped_model(without, verified("aam_dinov2_vits14"))


@pytest.mark.slow
def test_a_tiny_run_on_real_gaze_folders(tmp_path, gaze_root):
    done = run.train(RECIPE, [f"data_root={gaze_root}"], tiny=True, out=tmp_path / "run")
    lines = report(done.folder, done.task.model, done.task.held)
    runtime.configure(mode="pynative")
    files = {path.name for path in done.folder.iterdir()}
    assert {"checkpoints", "latest", "model.safetensors", "metrics.csv", "scores.json"} <= files
    scores = json.loads((done.folder / "scores.json").read_text())
    assert set(scores) == {"frame by frame", "with the temporal blocks"} and len(lines) == 2
