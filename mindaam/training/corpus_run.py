"""Training on the corpus, told from top to bottom: pictures and films together, each under its set's sentence."""

import json
from contextlib import closing
from pathlib import Path

import mindspore as ms
import numpy as np

from mindaam import runtime
from mindaam.data.media import prepare_folder, replacing
from mindaam.data.sampling import PictureBatch, SamplerState
from mindaam.errors import CheckpointError, ConfigError, TrainingError
from mindaam.models.registry import build_model
from mindaam.schema import merge, override, read_yaml, validate
from mindaam.training.config import TINY
from mindaam.training.corpus_config import CorpusConfig
from mindaam.training.corpus_data import CorpusSource, described, open_corpus
from mindaam.training.corpus_scores import held_out_scores
from mindaam.training.corpus_step import CLIPS, PICTURES, CorpusObjective, CorpusStep, optimizers
from mindaam.training.log import CsvLog, Progress
from mindaam.training.optimizer import cosine
from mindaam.training.sources import data_root
from mindaam.zoo.checkpoints import read_metadata, read_safetensors, write_safetensors
from mindaam.zoo.factory import sentence_encoder
from mindaam.zoo.index import records, verified
from mindaam.zoo.weights import checkpoint_config, load_backbone, load_trained, save_trained

COLUMNS = ("step", "set", "kind", "rate", "loss", "kld", "cc", "sim", "entailment", "distance", "seconds")
FREE_TO_CHANGE = ("data_root", "checkpoint_every")
METRICS = ("CC", "SIM", "KLD")
LISTED = 10  # lines about what was left out that are shown
TINY_RUN = {
    "start": None,
    "model_changes": {
        **TINY["model_changes"],
        "temporal": {"taps": [2, 3], "frames": 16, "heads": 2, "mlp_ratio": 1, "clip": 4},
    },
    "sampling": {"batch_size": 2, "clip": 4, "steps": 5, "audio_visual_after": 0, "strides": [1, 2]},
    "answered": 2,
    "epochs": 1,
    "validation": {"pictures": 2, "films": 1},
}  # fmt: skip


def train(config_path, assignments=(), *, tiny=False, out=None, resume=False, skip_damaged=False):
    """Runs or continues the training that a YAML file with a `corpus` section describes; returns the run's folder.

    assignments: "key=value" changes; tiny: shrink it to a smoke run; out, resume: as in `run.train`; skip_damaged:
    leave out what is damaged, and list it, rather than refuse to start.
    The folder gets data.json (what is trained on), steps.csv, epochs.csv, last.safetensors and best.safetensors (as
    `create_model` takes it). Raises ConfigError, InputError, CheckpointError, OutputError or TrainingError.
    """
    # ---- configuration and place -----------------------------------------------------------------------------------
    data = merge(read_yaml(config_path), TINY_RUN if tiny else {})
    config = validate(CorpusConfig, override(data, assignments), str(config_path))
    folder = Path(out) if out else Path("runs") / (Path(config_path).stem + ("_tiny" if tiny else ""))
    last = folder / "last.safetensors"
    if last.exists() and not resume:
        raise ConfigError(f"{folder} holds a run already; continue it with --resume, or name another folder with --out")

    # ---- data ------------------------------------------------------------------------------------------------------
    names = None if config.corpus is None else tuple(config.corpus)
    line = Progress(0)
    corpus = open_corpus(
        data_root(config), names, config.unseen, config.ground_truth, skip_damaged=skip_damaged,
        report=lambda done, total: line.passing(f"looking at the data: {done}/{total}"),
    )  # fmt: skip
    if config.corpus:
        weights = {**config.sampling.weights, **config.corpus}
        config = config.model_copy(update={"sampling": config.sampling.model_copy(update={"weights": weights})})

    # ---- model -----------------------------------------------------------------------------------------------------
    runtime.configure(mode="graph", seed=config.seed)
    model = start_model(config)
    if any(hasattr(reader, "clip") for reader in corpus.train.values()):
        require_films(model, config)
    run = Run(config, model, corpus, folder, last if last.exists() else None)

    # ---- epochs ----------------------------------------------------------------------------------------------------
    with closing(run.source):
        for step in run.source.steps(run.state, config.epochs):
            run.step(step)
            if run.state.step == 0:
                run.score()
                run.save()
            elif sum(run.done.values()) % config.checkpoint_every == 0:
                run.save()
    run.progress.say(f"done: {folder / 'best.safetensors'} has mean CC {run.best:.4f} on the held-out splits")
    return folder


def start_model(config):
    """The AAM of a CorpusConfig, its encoder's weights loaded, and those of the checkpoint to start from, if any."""
    if config.start is None:
        model = build_model(config.model, config.preset, changes=config.model_changes)
        load_backbone(model)
        return model
    path = verified(config.start) if config.start in records() else Path(config.start)
    changes = merge(checkpoint_config(path)[1] or {}, config.model_changes)
    model = build_model(config.model, changes.get("preset", config.preset), changes=changes)
    load_backbone(model)
    load_trained(model, path)
    return model


def require_films(model, config):
    """ConfigError when the model has no temporal blocks, or clips that they cannot take."""
    temporal = model.config.temporal
    if temporal is None:
        raise ConfigError(
            f"the corpus has films and {config.model} no branch for them: give model_changes.temporal, or name the "
            "sets of pictures in corpus"
        )
    if config.sampling.clip != temporal.clip:
        raise ConfigError(
            f"sampling.clip is {config.sampling.clip} and model_changes.temporal.clip {temporal.clip}: a clip in "
            "training must be as long as in prediction"
        )


class Run:
    """A run's model, data, logs and the place reached. checkpoint: a last.safetensors to go on from, or None.

    state: SamplerState of the next step; done: {"pictures", "clips": steps done}; best: mean CC so far.
    """

    def __init__(self, config, model, corpus, folder, checkpoint):
        self.config, self.model, self.corpus, self.folder = config, model, corpus, folder
        self.encode = sentence_encoder(model.config.text.name).encode
        self.optimizers = optimizers(model, config.optimizer)
        self.state, self.done, self.best = SamplerState(), {PICTURES: 0, CLIPS: 0}, -1.0
        self.source = CorpusSource(corpus.train, config, model.config, self.encode)
        if checkpoint:
            self.restore(checkpoint)
        self.total = self.source.total(config.epochs)
        self.steps = {kind: self._compiled(kind) for kind in (PICTURES, CLIPS)}
        self.progress = Progress(self.total)
        prepare_folder(folder)
        self._tell_data()
        done = sum(self.done.values())
        self.log = CsvLog(folder / "steps.csv", COLUMNS, done)
        columns = [f"{name}_{metric}" for name in corpus.val for metric in METRICS]
        self.epochs_log = CsvLog(folder / "epochs.csv", ["step", "epoch", "mean_CC", *columns], done)

    def _compiled(self, kind):
        clip = kind == CLIPS
        taking_part = [each for name, each in self.optimizers.items() if clip or name == PICTURES]
        return CorpusStep(self.model, CorpusObjective(self.model, self.config.loss, clip=clip), taking_part)

    def step(self, step):
        """Takes one Step, logs it and moves on. Raises TrainingError when its loss is not finite."""
        kind = PICTURES if isinstance(step.batch, PictureBatch) else CLIPS
        cell, number = self.steps[kind].set_train(True), sum(self.done.values())
        warmup, final = self.config.warmup_steps, self.config.final_rate
        rate = cosine(number, self.total, self.config.learning_rate, final, warmup)
        # what moves in every step counts all of them, the temporal blocks their own
        counts = {PICTURES: number, CLIPS: self.done[CLIPS]}
        settings = [
            each.settings(counts[name], rate).asnumpy()
            for name, each in self.optimizers.items()
            if kind == CLIPS or name == PICTURES
        ]
        loss, terms = cell(ms.Tensor(np.stack(settings)), *map(ms.Tensor, step.arrays))
        self.done[kind] += 1
        self.state = step.state.advance(self.source.plan)
        label = f"epoch {step.state.epoch + 1}/{self.config.epochs} {step.batch.set}"
        self._note(label, step, (number + 1, step.batch.set, kind, rate, float(loss.asnumpy()), *terms.asnumpy()))
        cell.project()

    def score(self):
        """Scores the finished epoch on the held-out splits, and keeps the model when it is the best so far."""
        self.model.set_train(False)
        scores = {
            name: held_out_scores(self.model, self.encode, name, reader, self.config)
            for name, reader in self.corpus.val.items()
        }
        mean = float(np.mean([each[0] for each in scores.values()])) if scores else 0.0
        row = {
            f"{name}_{m}": v for name, each in scores.items() for m, v in zip(("CC", "SIM", "KLD"), each, strict=True)
        }
        self.epochs_log.write({"step": sum(self.done.values()), "epoch": self.state.epoch, "mean_CC": mean, **row})
        line = " | ".join(f"{name} CC {each[0]:.4f}" for name, each in scores.items())
        self.progress.say(f"epoch {self.state.epoch}: mean CC {mean:.4f} | {line}")
        if mean > self.best:
            self.best = mean
            save_trained(self.model, self.folder / "best.safetensors")

    def save(self):
        """Writes last.safetensors: what was trained, the optimizers' moments, the place reached."""
        place = {"state": self.state, "done": self.done, "best": self.best, "data": self.source.fingerprint}
        tensors = {name: parameter.asnumpy() for name, parameter in self._parameters().items()}
        metadata = {"corpus": json.dumps(place), "config": self.config.model_dump_json(), "model": self.config.model}
        write_safetensors(self.folder / "last.safetensors", tensors, metadata)

    def restore(self, path):
        """Sets what `save` wrote. Raises CheckpointError when it is of another configuration or of no such run."""
        metadata = read_metadata(path)
        free = dict.fromkeys(FREE_TO_CHANGE)
        theirs = json.loads(metadata.get("config", "{}")) | free
        ours = json.loads(self.config.model_dump_json()) | free
        changed = sorted(key for key in {*theirs, *ours} if theirs.get(key) != ours.get(key))
        if changed or "corpus" not in metadata:
            raise CheckpointError(
                f"{path} was trained with another configuration ({', '.join(changed) or 'no run on the corpus'}); "
                "continue with the same one, or start in another folder"
            )
        place = json.loads(metadata["corpus"])
        if place["data"] != self.source.fingerprint:
            raise CheckpointError(
                f"{path} was trained on other data: sets, or how many pictures, films or frames they have, changed "
                f"since (see {path.parent / 'data.json'}); bring the data back, or start in another folder"
            )
        stored = read_safetensors(path)
        for name, parameter in self._parameters().items():
            parameter.set_data(ms.Tensor(stored[name], parameter.dtype))
        self.state, self.done, self.best = SamplerState(*place["state"]), place["done"], place["best"]

    def _note(self, label, step, values):
        """Logs a step, `values` in the order of COLUMNS. Raises TrainingError when one is not finite."""
        row = dict(zip(COLUMNS, (*values, self.progress.lap()), strict=True))
        if not np.isfinite([float(row[name]) for name in COLUMNS[4:]]).all():
            seen = ", ".join(self.source.names(step.batch))
            raise TrainingError(
                f"the loss is {row['loss']} at step {row['step']} ({row['set']}: {seen}); the run stopped: start again "
                "in another folder with a smaller learning_rate"
            )
        self.log.write({name: float(value) if isinstance(value, np.floating) else value for name, value in row.items()})
        self.progress.show(label, row["step"], row["loss"], float(row["cc"]), row["seconds"])

    def _tell_data(self):
        """Writes data.json, what is trained and scored on, and names what was left out."""
        left_out = [*self.corpus.skipped, *self.source.left_out]
        with replacing(self.folder / "data.json") as stream:
            stream.write(json.dumps(described(self.corpus, left_out), ensure_ascii=False, indent=1).encode())
        for line in left_out[:LISTED]:
            self.progress.say(f"left out: {line}")
        if len(left_out) > LISTED:
            self.progress.say(f"left out: {len(left_out) - LISTED} more, all in {self.folder / 'data.json'}")

    def _parameters(self):
        found = {parameter.name: parameter for parameter in self.model.trained_parameters()}
        for name, optimizer in self.optimizers.items():
            found |= {f"optimizer.{name}.{each.name}": each for each in (*optimizer.first, *optimizer.second)}
        return found
