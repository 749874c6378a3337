"""Every graph of the package, compiled by one process: `python -m tests.graph_scenario OUT.npz [PART ...]`.

Writes what each graph computed, and how many graphs were read back and how many compiled and kept. The parts are run in
the order given, so that two processes compile in different orders; what a part computes does not depend on that.
"""

import sys
import tempfile
import time
from pathlib import Path

import mindspore as ms
import numpy as np

from mindaam import graphs, runtime
from mindaam.data.audio.cutting import Cut
from mindaam.encoders.clip_text import ClipText
from mindaam.encoders.dinov2 import DINOv2
from mindaam.encoders.dinov3 import DINOv3
from mindaam.encoders.dropout import set_dropout_step
from mindaam.encoders.lora import apply_lora, merge_lora
from mindaam.encoders.minilm import MiniLM
from mindaam.encoders.wav2clip import AudioEncoder, Wav2CLIP
from mindaam.models.registry import build_model
from mindaam.places import configs_dir
from mindaam.schema import merge
from mindaam.training.checkpoint_content import first_state, trained_state
from mindaam.training.feeding.corpus import open_data
from mindaam.training.feeding.corpus_source import CLIPS_WITH_AUDIO, AudioEncoding
from mindaam.training.feeding.sounding_objects import clips_of
from mindaam.training.loop import after_step, forward_backward
from mindaam.training.ranks.distributed import ALONE
from mindaam.training.reporting.progress import Progress
from mindaam.training.starting import start_model
from mindaam.training.step import TrainStep
from mindaam.training.tasks.corpus import CorpusTask
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.training.tasks.phases import optimizer_of
from mindaam.training.tasks.phases_config import PhasesConfig
from mindaam.training.tasks.phases_objective import PhaseObjective, frozen_outputs
from mindaam.training.tasks.sounding_object import SoundingObjectTask, build
from mindaam.training.tasks.sounding_object_scores import predict
from mindaam.training.tasks.synthetic_videos import SyntheticVideosTask
from tests.models import tiny, tiny_video
from tests.training.corpus_root import make_corpus
from tests.training.feeding.test_corpus_source import loudness
from tests.training.small import CONFIG, MODEL, NAME, SIZE, TEXT_WIDTH, build_small
from tests.training.sounding import config as sounding
from tests.training.tasks.test_synthetic_videos import SMALL as SMALL_VIDEOS
from tests.training.tasks.test_synthetic_videos import RandomVideos
from tests.training.tasks.test_synthetic_videos import config as synthetic_videos

TRAINING = PhasesConfig(**CONFIG)
BACKBONE = {"width": 24, "heads": 3, "depth": 2, "taps": (0, 1)}


def filled(cell, seed=0):
    """The Cell in evaluation mode, its weights drawn by their names, its tables made from them."""
    for name, parameter in cell.parameters_and_names():
        if "table_" not in name and "periods" not in name:
            draw = np.random.default_rng([seed, *name.encode()])
            values = draw.standard_normal(parameter.shape) * 0.2
            positive = name.endswith(("moving_variance", "gamma"))
            parameter.set_data(ms.Tensor((np.abs(values) + 0.5 if positive else values).astype(np.float32)))
    for part in (cell, getattr(cell, "backbone", None)):
        if hasattr(part, "set_image_size"):
            part.set_image_size(part.image_size)  # its tables follow from the new weights
    return cell.set_train(False)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def run(cell, *inputs):
    """What `cell` makes of NumPy arrays, as one graph, one array after the other."""
    outputs = graphs.run(cell, *(ms.Tensor(each) if isinstance(each, np.ndarray) else each for each in inputs))
    return [each.asnumpy() for each in (outputs if isinstance(outputs, tuple) else (outputs,))]


def backbones():
    """Both backbones at several sizes, two of them of as many patches; with adapters, and merged."""
    for kind, patch in ((DINOv2, 14), (DINOv3, 16)):
        backbone = filled(kind(image_size=(2 * patch, 3 * patch), **BACKBONE))
        for grid in ((2, 3), (3, 2), (4, 4), (2, 3)):
            size = (grid[0] * patch, grid[1] * patch)
            backbone.set_image_size(size)
            yield run(backbone, noise(1, 3, *size))
        wider = filled(kind(image_size=(2 * patch, 3 * patch), **{**BACKBONE, "width": 48}))
        wider.set_image_size((2 * patch, 3 * patch))
        yield run(wider, noise(1, 3, 2 * patch, 3 * patch))
        yield [frozen_outputs(wider)(noise(1, 3, 2 * patch, 3 * patch))]
        adapted = filled(kind(image_size=(2 * patch, 3 * patch), **BACKBONE))
        apply_lora(adapted, 2, 4.0)
        filled(adapted, seed=1).set_image_size((2 * patch, 3 * patch))
        yield run(adapted, noise(1, 3, 2 * patch, 3 * patch))
        merge_lora(adapted)
        yield run(adapted, noise(1, 3, 2 * patch, 3 * patch, seed=1))


def encoders():
    """The encoders of sentences, small, and of sound; compiled by `jit`."""
    ids = np.arange(8, dtype=np.int32)[None]
    for model, *inputs in (
        (MiniLM(vocabulary=30, positions=16, width=24, depth=1, heads=2), ids, np.ones((1, 8), np.float32)),
        (MiniLM(vocabulary=30, positions=16, width=24, depth=1, heads=3), ids, np.ones((1, 8), np.float32)),
        (ClipText(vocabulary=30, context=8, width=24, depth=1, heads=2), ids),
    ):
        by = ms.jit(filled(model).construct)
        yield [graphs.run(model, *map(ms.Tensor, inputs), by=by).asnumpy()]
    yield [graphs.run(model, ms.Tensor(ids + 3), by=by).asnumpy()]
    arrays = {name: parameter.asnumpy() for name, parameter in filled(Wav2CLIP()).parameters_and_names()}
    yield [AudioEncoder(arrays).encode(noise(2, 16_000), 16_000)]


def models():
    """An image by one model, a video with its sound and without by another."""
    model = filled(build_model(tiny.NAME, "paper", changes=tiny.CHANGES))
    yield list(model.infer(tiny.images(1), tiny.prompts(1))[:-1])
    model = filled(build_model(tiny_video.NAME, "released", changes=tiny_video.CHANGES))
    frames = noise(3, 3, *tiny_video.SIZE)
    for audio in (noise(3, tiny_video.AUDIO_WIDTH), None):
        yield list(model.infer(frames, tiny.prompts(1), audio, clip=True)[:-1])


def phases():
    """Steps of images without and with adapters, of the temporal blocks, and of the sounding object."""
    for phase, taps in zip(TRAINING.phases, (4, 2), strict=True):
        model = build_small(NAME, changes={**MODEL, "lora": {"rank": 2, "last_n_blocks": 2, "dropout": 0.5}})
        filled(model).set_train(True)
        optimizer = optimizer_of(model, phase, TRAINING.optimizer)
        step = TrainStep(model, PhaseObjective(model, taps, TRAINING.loss), [optimizer]).set_train(True)
        truth = np.abs(noise(2, 1, *SIZE))
        truth /= truth.sum((2, 3), keepdims=True)
        for number in range(3):
            set_dropout_step(number)
            settings = optimizer.settings(number, 1e-2).asnumpy()[None]
            yield run(step, settings, np.array(1, np.float32), True, noise(2, taps, 7, 32), noise(2, TEXT_WIDTH), truth)
        yield values(step)
    model = filled(build_model(tiny_video.NAME, "paper", changes=merge(tiny_video.CHANGES, {"temporal": {"clip": 4}})))
    yield from two_steps(SyntheticVideosTask(synthetic_videos(**SMALL_VIDEOS), model, RandomVideos(), None))
    settings = sounding()
    model, clips = filled(build(settings)), clips_of(settings, "train")
    yield from two_steps(SoundingObjectTask(settings, model, clips, None))
    model.set_train(False)
    for waves in (clips[1].wave, None):
        yield [each for each in predict(model, settings, clips[1], waves) if each is not None]


def two_steps(task):
    """The terms of a task's first two steps, then its parameters and optimizer state."""
    state = first_state(task)
    for part, _ in zip(task.parts(state.place), range(2), strict=False):
        yield [forward_backward(task, state, part, 3e-3)[0].asnumpy()]
        state = state._replace(number=state.number + 1, done=dict.fromkeys(task.optimizers, state.number + 1))
    yield [parameter.asnumpy() for _, parameter in sorted(trained_state(task).items())]


def corpus():
    """Steps of a video with its sound, in half precision with a loss scale, and their average."""
    with tempfile.TemporaryDirectory() as place:
        changes = [f"data_root={make_corpus(Path(place) / 'data')}", "corpus={diem: 1}"]
        changes += ["model_changes.lora.dropout=0.1", "sampling.steps=40", "ema.decay=0.9", "precision=float16"]
        changes += ["loss_scale.start=128"]
        changes += ["model_changes.audio={name: wav2clip, width: 2, attention_width: 8, heads: 2, dropout: 0.1}"]
        config = CorpusConfig.load(configs_dir() / "train" / "corpus.yaml", changes, tiny=True)
        data, _ = open_data(config, False, Progress(0, quiet=True))
        audio_encoding = AudioEncoding(loudness, Cut(5, 0.5, "times", "polyphase", 1.0), released=False)
        runtime.configure(mode="graph", seed=config.seed)  # whatever was drawn before
        task = CorpusTask(config, start_model(config), data, ALONE, audio_encoding)
        state = first_state(task)
        part = next(part for part in task.parts(state.place) if part.kind == CLIPS_WITH_AUDIO)
        task.close()
        for _ in range(2):
            _, norm = forward_backward(task, state, part, task.rate(state.number, part.place))
            state = after_step(task, state, part, norm, ALONE)
        yield [parameter.asnumpy() for _, parameter in sorted(trained_state(task).items())]


def values(step):
    return [parameter.asnumpy() for parameter in step.get_parameters()]


PARTS = {part.__name__: part for part in (backbones, encoders, models, phases, corpus)}


def main(out, names):
    runtime.configure("CPU", mode="graph", seed=0)
    found = {}
    for name in names:
        begun = time.monotonic()
        for number, arrays in enumerate(PARTS[name]()):
            found |= {f"{name}/{number:02}/{index:03}": array for index, array in enumerate(arrays)}
        print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
    kept = graphs.kept()
    print(f"{kept.found} graphs were read back, {kept.made} made" if kept else "no graph was kept")
    np.savez(out, **found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or list(PARTS))
