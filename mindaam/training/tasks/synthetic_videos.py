"""Training a model's temporal blocks on pseudo-films, told from top to bottom.

Everything else of the model stays as it is, so that photographs keep their maps to the bit. A step shows the blocks one
window of a film and asks for the maps of a few of its frames: the frames bear on one another in the blocks, which are
cheap, and only the few go through the decoder, which is not.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from pydantic import Field, model_validator

from mindaam import graphs, runtime
from mindaam.data.synthetic.synthetic_videos import KINDS
from mindaam.encoders.tables import stored_parameters
from mindaam.errors import CheckpointError, ConfigError, TrainingError
from mindaam.models.flops import training_flops
from mindaam.models.registry import build_model, model_config
from mindaam.objectives import task
from mindaam.schema import (
    Count,
    CountOrNone,
    Few,
    Positive,
    Rate,
    RateOrNone,
    Schema,
    Seed,
    Weight,
    merge,
    override,
    read_yaml,
    validate,
)
from mindaam.training.feeding.folders import open_folders
from mindaam.training.feeding.synthetic_videos import COARSER, Films
from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.schedule import cosine
from mindaam.training.reporting.dry_run import outline
from mindaam.training.reporting.log import CsvLog, Progress
from mindaam.training.tasks.phases_config import OptimizerConfig
from mindaam.zoo.checkpoints import read_all, sha256_of, write_safetensors
from mindaam.zoo.factory import sentence_encoder
from mindaam.zoo.model_files import checkpoint_file
from mindaam.zoo.run_checkpoints import MODEL, table_in
from mindaam.zoo.weights import checkpoint_config, load_weights, notice_unchecked, save_trained

COLUMNS = ("step", "rate", "loss", "kld", "cc", "sim", "change", "seconds")

TEMPORAL = "head.temporal."  # how the names of what is trained here begin

# What `--tiny` lays over a configuration.
TINY = {
    "model_changes": {"temporal": {"clip": 4}},
    "films": {"train": 5, "val": 5},
    "frames": 6,
    "pairs": 1,
    "steps": 4,
}


class FilmTrainConfig(Schema):
    """A whole run on films.

    start: the model whose head and adapters are taken and kept, as `zoo.model_files` takes it. model_changes: its
    `temporal` section and `dynamics`. folders: the gaze folders that the films are made from. films: how many a split;
    frames: of each. shares: how often each kind of film is drawn against the others, 1 where it is not named. pairs:
    pairs of neighbouring frames a step whose maps, and whose change from one to the next, are compared with their
    truth. calm: weight of that change in the loss.
    """

    start: str
    model_changes: dict
    seed: Seed = 0
    data_root: str | None = None
    folders: tuple[str, ...] = Field(min_length=1)
    films: dict[str, Few]
    frames: int = Field(ge=2, le=10_000)
    shares: dict[str, Positive] = {}
    pairs: Few
    calm: Weight
    steps: Count
    learning_rate: Rate
    final_rate: RateOrNone
    warmup_steps: CountOrNone
    optimizer: OptimizerConfig
    checkpoint_every: Count = 100

    @model_validator(mode="after")
    def _fits(self):
        if set(self.films) != {"train", "val"}:
            raise ValueError('films must say how many there are of "train" and of "val", 1 or more')
        temporal = self.model_changes.get("temporal") or {}
        clip = temporal.get("clip", 16) if isinstance(temporal, dict) else None
        if not isinstance(clip, int):
            raise ValueError("model_changes.temporal must be a section, and its clip a number of frames")
        if not 2 * self.pairs < clip <= self.frames:
            raise ValueError(f"2 x pairs {self.pairs}, the temporal clip {clip} and frames {self.frames} must rise")
        if not set(self.shares) <= set(KINDS):
            raise ValueError(f"shares must be of kinds among {', '.join(KINDS)}; got {', '.join(self.shares)}")
        return self


class FilmObjective(nn.Cell):
    """KLD - CC - SIM of a window's chosen frames, plus `calm` times the difference of their change; the terms apart."""

    def __init__(self, model, calm):
        super().__init__(auto_prefix=False)
        self.calm = calm
        self.head, self.size = model.head, tuple(model.config.image_size)
        self.widths = model.config.head.neck_widths
        self.coarser = nn.AvgPool2d(COARSER, COARSER)

    def construct(self, together, sentence, truth, chosen):
        """The neck's maps side by side [T,sum of C_i,h,w]; sentence [K,E]; truth [K,1,h,w]; chosen [K] frames, in
        pairs -> loss, [4]."""
        maps = ops.split(together, self.widths, 1)
        few = tuple([ops.gather(each, chosen, 0) for each in self.head.along_video(maps)])
        prediction = self.coarser(self.head.from_maps(few, sentence, self.size)[0])
        kld, cc, similarity = (
            task.kld(prediction, truth),
            task.cc(prediction, truth),
            task.similarity(prediction, truth),
        )
        apart = change_apart(prediction, truth)
        return kld - cc - similarity + self.calm * apart, ops.stack((kld, cc, similarity, apart))


def change_apart(maps, truths):
    """How differently two films change from frame to frame: half the sum over pixels of the difference, the mean of
    the pairs.

    maps, truths: [2K,1,h,w], K pairs of neighbouring frames in a row, each scaled here to sum 1. Where nothing moves
    it is the flicker; a map that stays behind a cut or a moving camera is as far off as one that flickers.
    """
    moved = []
    for each in (maps, truths):
        pairs = (each / each.sum((1, 2, 3), keepdims=True)).reshape((-1, 2, each.shape[2] * each.shape[3]))
        moved.append(pairs[:, 1] - pairs[:, 0])
    return 0.5 * ops.abs(moved[0] - moved[1]).sum(1).mean()


class FilmStep(nn.Cell):
    """loss, terms = step(settings, together, sentence, truth, chosen): the temporal blocks' parameters move once."""

    def __init__(self, model, optimizer, calm):
        super().__init__(auto_prefix=False)
        self.objective = FilmObjective(model, calm)
        parameters = model.head.temporal.trainable_params()
        decay = optimizer.weight_decay
        groups = [
            ([p for p in parameters if p.ndim > 1], decay, 1.0),
            ([p for p in parameters if p.ndim <= 1], 0.0, 1.0),
        ]
        self.optimizer = AdamW(groups, optimizer.betas, optimizer.eps)
        self.gradient = ms.value_and_grad(self.objective, None, self.optimizer.parameters, has_aux=True)

    def construct(self, settings, together, sentence, truth, chosen):
        """settings [3] from the optimizer, the rest as in FilmObjective -> loss, terms."""
        (loss, terms), gradients = self.gradient(together, sentence, truth, chosen)
        return ops.depend(loss, self.optimizer(gradients, settings)), terms


class Trained(NamedTuple):
    """A finished run: its folder, the AAM in evaluation mode, and the held Films that it can be scored on."""

    folder: Path
    model: object
    held: Films


def train(config_path, assignments=(), *, tiny=False, out=None, resume=False):
    """Runs or continues the training that a YAML file with a `films` section describes; returns what was Trained.

    assignments: "key=value" changes; tiny: shrink it to a smoke run; out, resume: as in `run.train`.
    The folder gets last.safetensors, model.safetensors (as `create_model` takes it), steps.csv and maps/.
    Raises ConfigError, InputError, CheckpointError, OutputError or TrainingError, each a sentence.
    """
    # ---- configuration and place -----------------------------------------------------------------------------------
    config = load_config(config_path, assignments, tiny)
    folder = Path(out) if out else Path("runs") / (Path(config_path).stem + ("_tiny" if tiny else ""))
    last = folder / "last.safetensors"
    if os.path.exists(last) and not resume:
        raise ConfigError(f"{folder} holds a run already; continue it with --resume, or name another folder with --out")
    source = checkpoint_file(config.start)
    model_config(*named_model(config.start, source, config.model_changes))  # refused before any data are read
    splits = {split: open_folders(config, split, None) for split in config.films}

    # ---- the model, and what it makes of every frame ---------------------------------------------------------------
    runtime.configure(mode="graph", seed=config.seed)
    model = film_model(config.start, source, config.model_changes)
    progress = Progress(config.steps)
    encode, origin = sentence_encoder(model.config.text.name).encode, sha256_of(source)

    def films(split):
        return Films(
            model, splits[split], split, config.films[split], config.frames,
            config.seed + (split == "val"), folder / "maps", origin, encode,
            lambda variant, done, total, pace: progress.passing(f"maps of {split}: {done}/{total}, {pace:.2f} s each"),
        )  # fmt: skip

    train_films, held_films = films("train"), films("val")

    # ---- steps -----------------------------------------------------------------------------------------------------
    step = FilmStep(model, config.optimizer, config.calm).set_train(True)
    done = restore(last, step, config) if os.path.exists(last) else 0
    log = CsvLog(folder / "steps.csv", COLUMNS, done)
    progress.lap()
    for number in range(done, config.steps):
        rate = cosine(number, config.steps, config.learning_rate, config.final_rate, config.warmup_steps)
        settings = step.optimizer.settings(number, rate)
        arrays = window(train_films, config, model.config.temporal.clip, number)
        loss, terms = graphs.run(step, settings, *arrays)
        note(log, progress, "films", number + 1, rate, float(loss.asnumpy()), terms.asnumpy().tolist())
        if (number + 1) % config.checkpoint_every == 0 or number + 1 == config.steps:
            save(last, step, config, number + 1, model)

    # ---- the model, ready for use ----------------------------------------------------------------------------------
    model.set_train(False)
    save_trained(model, folder / "model.safetensors")
    return Trained(folder, model, held_films)


def load_config(path, assignments=(), tiny=False):
    """The FilmTrainConfig in a YAML file with `key=value` assignments over it; ConfigError for a wrong one."""
    data = merge(read_yaml(path), TINY if tiny else {})
    return validate(FilmTrainConfig, override(data, assignments), str(path))


def dry_run(config_path, assignments=(), *, tiny=False):
    """What such a run would do, as text; only the configuration and the header of `start` are read."""
    config = load_config(config_path, assignments, tiny)
    runtime.configure(mode="pynative", seed=config.seed)
    model = shaped_model(config.start, checkpoint_file(config.start), config.model_changes)
    # frames pass backbone and neck once, before the steps
    whole = training_flops(model, model.config.temporal.clip, 2 * config.pairs)
    return outline(model, config, {"films": {part: whole[part] for part in ("temporal", "hierarchy", "decoder")}})


def film_model(name, path, changes):
    """The AAM of a trained checkpoint, with temporal blocks at their initial values even if it has some, which alone
    are trained.

    Raises ConfigError when the changes name no temporal section.
    """
    model = shaped_model(name, path, changes)
    load_weights(model, path, apart=TEMPORAL)
    return model.set_train(False)


def named_model(name, path, changes):
    """(name, preset, changes to it) of the model that is trained, as `model_config` takes them; ConfigError without a
    temporal section."""
    owner, theirs = checkpoint_config(path)
    config = merge(theirs or {}, changes)
    if not config.get("temporal"):
        raise ConfigError("a run on films needs model_changes.temporal: which depths, how many heads")
    return owner or name, config.get("preset", "paper"), config


def shaped_model(name, path, changes):
    """The same without weights."""
    name, preset, config = named_model(name, path, changes)
    model = build_model(name, preset, changes=config)
    for parameter in model.get_parameters():
        parameter.requires_grad = False
    for _, parameter in stored_parameters(model.head.temporal):
        parameter.requires_grad = True
    return model


def window(films, config, clip, number):
    """The arrays of step `number`: a film, a window of it, and the frames to be answered, all drawn from seed and step.

    Returns maps [T,sum of C_i,h,w], sentence [K,E], truth [K,1,h,w], chosen [K] as tensors.
    """
    draw = np.random.default_rng((config.seed, number))
    shares = np.array([config.shares.get(spec.kind, 1.0) for spec in films.specs])
    index, first = int(draw.choice(len(films), p=shares / shares.sum())), int(draw.integers(config.frames - clip + 1))
    offset = int(draw.integers(2))
    starts = offset + 2 * np.sort(draw.choice((clip - offset) // 2, config.pairs, replace=False))
    chosen = np.stack([starts, starts + 1], 1).ravel().astype(np.int32)
    sentence = np.repeat(films.sentences[index][None], len(chosen), 0)
    truth = films.truths[index, first + chosen][:, None]
    return (
        ms.Tensor(films.window(index, first, clip)),
        ms.Tensor(sentence),
        ms.Tensor(np.ascontiguousarray(truth)),
        ms.Tensor(chosen),
    )


def note(log, progress, label, step, rate, loss, terms):
    """Logs a step of a run called `label`; the log's columns are step, rate, loss, the terms (the second is CC) and
    seconds. Raises TrainingError when its loss is not finite."""
    if not np.isfinite([loss, *terms]).all():
        raise TrainingError(f"the loss is {loss} at step {step}; start again elsewhere with a smaller learning_rate")
    seconds = progress.lap()
    log.write(dict(zip(log.columns, (step, rate, loss, *terms, seconds), strict=True)))
    progress.show(label, step, loss, terms[1], seconds)


def _state(step):
    moments = (*step.optimizer.first, *step.optimizer.second)
    return {parameter.name: parameter for parameter in (*step.optimizer.parameters, *moments)}


def save(path, step, config, number, model=None):
    """Writes what a resumed run needs: the parameters that move, the optimizer's moments, the steps done; and the rest
    of the AAM that they belong to, `model`, so that the file is a model as well."""
    tensors = {name: parameter.asnumpy() for name, parameter in _state(step).items()}
    metadata = {"place": json.dumps({"step": number}), "config": config.model_dump_json()}
    if model is not None:
        tensors |= {parameter.name: parameter.asnumpy() for parameter in model.trained_parameters()}
        metadata |= {"model": model.config.name, MODEL: model.config.model_dump_json()}
    write_safetensors(path, tensors, metadata)


def restore(path, step, config):
    """Sets what `save` wrote and returns the steps done.

    Raises ConfigError when it is of another configuration, CheckpointError when it is unusable.
    """
    stored, metadata = read_all(path)
    free = dict.fromkeys(("data_root", "checkpoint_every"))
    if table_in(path, metadata.get("config", "{}")) | free != config.model_dump(mode="json") | free:
        raise ConfigError(f"{path} was trained with another configuration; start in another folder")
    done, state = table_in(path, metadata.get("place"), "the run's place").get("step"), _state(step)
    lacking = [name for name in state if name not in stored or stored[name].shape != tuple(state[name].shape)]
    if lacking or type(done) is not int:
        raise CheckpointError(f"{path} lacks {(lacking or ['its step'])[0]}; it is from another version")
    notice_unchecked(path)
    for name, parameter in state.items():
        parameter.set_data(ms.Tensor(stored[name], parameter.dtype))
    return done
