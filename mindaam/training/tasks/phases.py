"""A training run, told from top to bottom."""

import math
import os
from contextlib import closing
from pathlib import Path

import mindspore as ms

from mindaam import graphs, runtime
from mindaam.encoders.dropout import set_dropout_step
from mindaam.errors import ConfigError, OutputError, TrainingError
from mindaam.models.flops import training_flops
from mindaam.models.registry import build_model
from mindaam.training.feeding.folder_batches import epoch_plan, steps_per_epoch
from mindaam.training.feeding.folders import Source, feature_cache, open_folders
from mindaam.training.optim.schedule import cosine
from mindaam.training.reporting.dry_run import outline
from mindaam.training.reporting.log import PLACE, STEP_COLUMNS, TERMS, CsvLog, Progress, clock
from mindaam.training.tasks import phases_scores
from mindaam.training.tasks.adapted_blocks import AdaptedBlocks, cached_taps, frozen_outputs
from mindaam.training.tasks.phases_config import load_train_config
from mindaam.training.tasks.phases_state import Place, read_place, restore, save_last
from mindaam.training.tasks.phases_step import TrainStep
from mindaam.zoo.factory import sentence_encoder
from mindaam.zoo.weights import load_backbone, save_trained


def train(config_path, assignments=(), *, tiny=False, out=None, resume=False):
    """Runs or continues the training that a YAML file describes; returns the folder with its results.

    assignments: "key=value" changes; tiny: shrink it to a smoke run; out: the run's folder, by default
    runs/<configuration's name>; resume: continue from its last.safetensors, or start when there is none. The folder
    gets last.safetensors, best.safetensors, steps.csv, epochs.csv and features/. Raises ConfigError, InputError,
    CheckpointError, OutputError or TrainingError, each a sentence.
    """
    # ---- configuration and place -----------------------------------------------------------------------------------
    config = load_train_config(config_path, assignments, tiny=tiny)
    folder = Path(out) if out else Path("runs") / (Path(config_path).stem + ("_tiny" if tiny else ""))
    last = folder / "last.safetensors"
    if os.path.exists(last) and not resume:
        raise ConfigError(f"{folder} holds a run already; continue it with --resume, or name another folder with --out")
    place = read_place(last, config) if os.path.exists(last) else Place()

    # ---- data ------------------------------------------------------------------------------------------------------
    splits = {
        "train": open_folders(config, "train", config.pictures),
        "val": open_folders(config, "val", config.validation_pictures),
    }
    epoch_steps = [steps_per_epoch(splits["train"], config, index) for index in range(len(config.phases))]

    # ---- model: verified encoder, everything else at its initial values --------------------------------------------
    runtime.configure(mode="graph", seed=config.seed)
    model = build_model(config.model, config.preset, changes=config.model_changes)
    load_backbone(model)

    # ---- run -------------------------------------------------------------------------------------------------------
    run = Run(config, model, splits, folder, place, epoch_steps)
    if place.total_step:
        restore(last, model)
    for index in range(place.phase, len(config.phases)):
        run.phase(index)
    run.progress.say(f"done: {folder / 'best.safetensors'} has mean CC {run.place.best:.4f} on the val splits")
    return folder


def dry_run(config_path, assignments=(), *, tiny=False):
    """What such a run would do, as text; nothing is read but the configuration. Raises ConfigError."""
    config = load_train_config(config_path, assignments, tiny=tiny)
    runtime.configure(mode="pynative", seed=config.seed)
    model = build_model(config.model, config.preset, changes=config.model_changes)
    # the outputs of blocks that no phase changes are computed once and kept, so a step costs less than this
    adapted = {phase.name: None if phase.adapt else 0 for phase in config.phases}
    flops = {name: training_flops(model, adapted=blocks) for name, blocks in adapted.items()}
    whole = {
        name: {part: config.batch_size * flop for part, flop in each.items()} for name, each in flops.items()
    }  # fmt: skip
    return outline(model, config, whole)


class Run:
    """What the phases of a run share: the model, the data, the logs and the place reached.

    model: AAM with its adapters at their initial values, because the frozen features are computed with it here.
    """

    def __init__(self, config, model, splits, folder, place, epoch_steps):
        self.config, self.model, self.splits, self.folder, self.place = config, model, splits, folder, place
        self.epoch_steps, self.last = epoch_steps, folder / "last.safetensors"
        phases = zip(config.phases, epoch_steps, strict=True)
        self.progress = Progress(sum(phase.epochs * steps for phase, steps in phases))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the run's folder {folder}: {error.strerror or error}") from error
        self.steps_log = CsvLog(folder / "steps.csv", STEP_COLUMNS, place.total_step)
        columns = [f"{name}_{metric}" for name in config.folders for metric in ("CC", "SIM", "KLD", "CC_others")]
        # an epoch's row may be there already when its steps, but not its phases_scores, are behind the checkpoint
        finished = place.total_step - place.step
        self.epochs_log = CsvLog(folder / "epochs.csv", [*PLACE, "mean_CC", *columns], finished)
        self.encoder = sentence_encoder(model.config.text.name)
        # adapters that were trained once stay in the walk, in a later phase without them too
        self.taps = [
            cached_taps(model.config, any(each.adapt for each in config.phases[: index + 1]))
            for index in range(len(config.phases))
        ]
        compute = frozen_outputs(model.backbone)
        self.caches = {split: self.features(split, compute) for split in splits if any(self.taps[place.phase :])}

    def features(self, split, compute):
        """The frozen features of a split, what is missing computed now: {folder: FeatureCache}."""
        return {
            name: feature_cache(
                name, folder, self.model.config, self.folder / "features",
                mirrored=split == "train", compute=compute, report=self.tell_features,
            )
            for name, folder in self.splits[split].items()
        }  # fmt: skip

    def tell_features(self, stem, variant, done, total, pace):
        """Shows how far a computation of features is."""
        line = f"features {stem} ({variant}): {done}/{total}, {pace:.2f} s each, {clock(pace * (total - done))} left"
        (self.progress.say if done == total else self.progress.passing)(line)

    def source(self, split, taps):
        """The Source of one split."""
        return Source(self.splits[split], self.model.config, self.encoder.encode, taps, self.caches.get(split))

    def phase(self, index):
        """One phase, from the place reached to its end."""
        phase, taps = self.config.phases[index], self.taps[index]
        blocks = AdaptedBlocks(self.model, taps)
        step = TrainStep(self.model, taps, phase, self.config)
        if self.place.phase_step:
            restore(self.last, self.model, step.optimizer)
        with closing(self.source("train", taps)) as train, closing(self.source("val", taps)) as val:
            for epoch in range(self.place.epoch, phase.epochs):
                self.epoch(phase, step, train)
                self.score(phase, blocks, val)
                self.place = self.place.after_epoch(phase.epochs)
                self.save(None if epoch + 1 == phase.epochs else step.optimizer)

    def epoch(self, phase, step, source):
        """The rest of one epoch, from the step reached."""
        plan = epoch_plan(source.folders, self.config, self.place.phase, self.place.epoch)[self.place.step :]
        phase_steps = self.epoch_steps[self.place.phase] * phase.epochs
        step.set_train(True)
        self.progress.lap()
        for batch, arrays in source.ahead(plan):
            done = self.place.phase_step
            rate = cosine(done, phase_steps, phase.learning_rate, phase.final_rate, phase.warmup_steps)
            set_dropout_step(self.config.seed, self.place.total_step)
            loss, terms = graphs.run(step, step.optimizer.settings(done, rate), *map(ms.Tensor, arrays))
            self.place = self.place.after_step()
            self.note(phase, batch, rate, float(loss.asnumpy()), terms.asnumpy().tolist())
            step.project()
            if self.place.step % self.config.checkpoint_every == 0:
                self.save(step.optimizer)

    def note(self, phase, batch, rate, loss, terms):
        """Logs a step. Raises TrainingError when its loss or one of its terms is not finite."""
        named, (step, epoch) = dict(zip(TERMS, terms, strict=True)), (self.place.total_step, self.place.epoch + 1)
        if not all(map(math.isfinite, (loss, *terms))):
            raise TrainingError(
                f"the loss is {loss} at step {step} (phase {phase.name}, epoch {epoch}, {batch.folder}: "
                f"{', '.join(f'{name} {value:.4g}' for name, value in named.items())}); the run stopped: start again "
                "in another folder with a smaller learning_rate"
            )
        seconds = self.progress.lap()
        where = {"step": step, "phase": phase.name, "epoch": epoch}
        what = {"folder": batch.folder, "condition": batch.condition, "rate": rate}
        self.steps_log.write({**where, **what, "loss": loss, **named, "seconds": seconds})
        self.progress.show(f"{phase.name} {epoch}/{phase.epochs}", step, loss, named["cc"], seconds)

    def score(self, phase, blocks, source):
        """Scores the epoch, logs it, and keeps the model when it is the best so far."""
        self.model.set_train(False)
        blocks.set_train(False)
        scores = phases_scores.validate(self.model, blocks, source)
        mean = phases_scores.summary(scores)
        row = {f"{name}_{metric}": value for name, each in scores.items() for metric, value in each.items()}
        where = {"step": self.place.total_step, "phase": phase.name, "epoch": self.place.epoch + 1}
        self.epochs_log.write({**where, "mean_CC": mean, **row})
        label = f"{phase.name} {self.place.epoch + 1}/{phase.epochs}"
        self.progress.say(f"{label}: mean CC {mean:.4f} | {phases_scores.line(scores)}")
        if mean > self.place.best:
            self.place = self.place._replace(best=mean)
            save_trained(self.model, self.folder / "best.safetensors")

    def save(self, optimizer):
        """Writes last.safetensors: the place reached, the trained parameters and the optimizer's moments."""
        save_last(self.last, self.model, optimizer, self.place, self.config)
