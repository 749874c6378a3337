"""The task `phases`: an AAM on images of gaze folders, in phases with a rate, trained blocks and an optimizer each.

Phases are epochs in a row. The outputs of blocks that never change are computed once per image and cached.
"""

import mindspore as ms
import numpy as np

from mindaam.data.prompts import generic_prompt, granularities
from mindaam.data.prompts.corpus import GRANULARITIES
from mindaam.data.sampling.plan import SamplerState
from mindaam.data.search.folder import open_search
from mindaam.encoders.lora import without_adapters
from mindaam.errors import ConfigError
from mindaam.models.flops import training_flops
from mindaam.models.registry import build_model, model_config
from mindaam.training.feeding.corpus import Corpus, described, fingerprint, strata_of
from mindaam.training.feeding.folder_batches import epoch_plan, steps_per_epoch
from mindaam.training.feeding.folders import Source, data_root, feature_cache, open_folders
from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.ema import Ema
from mindaam.training.optim.groups import PARTS, GroupsConfig, for_adamw, groups
from mindaam.training.optim.schedule import cosine
from mindaam.training.reporting.dry_run import outline
from mindaam.training.reporting.progress import clock
from mindaam.training.starting import TEMPORAL
from mindaam.training.step import TrainStep
from mindaam.training.tasks import phases_scores
from mindaam.training.tasks.phases_config import PhasesConfig
from mindaam.training.tasks.phases_objective import TERMS, AdaptedBlocks, PhaseObjective, cached_taps, frozen_outputs
from mindaam.training.tasks.task import Part, Scored, Task
from mindaam.zoo.factory import sentence_encoder
from mindaam.zoo.model_files import checkpoint_file
from mindaam.zoo.weights import load_backbone, load_trained

CONFIG = PhasesConfig
KIND = "images"  # of all steps
PLACE = ("phase", "epoch")  # columns: the phase's name, and the epoch within it, from 1


def dry_run(config):
    """What a run would do, as text; nothing is read but its configuration."""
    model = build_model(config.model, config.preset, changes=config.model_changes)
    # the outputs of blocks that no phase changes are computed once and cached, so a step costs less than this
    adapted = {phase.name: None if phase.adapt else 0 for phase in config.phases}
    flops = {name: training_flops(model, adapted=blocks) for name, blocks in adapted.items()}
    whole = {
        name: {part: config.batch_size * flop for part, flop in each.items()} for name, each in flops.items()
    }  # fmt: skip
    return outline(model, config, whole)


def open_task(config, setup):
    """The Phases of a PhasesConfig: data opened, encoder loaded, frozen features computed where they are not cached."""
    encoder = model_config(config.model, config.preset, config.model_changes).encoder
    if encoder.stages:
        raise ConfigError(
            f"{config.model}: a run in phases stores frozen features of one width, and the taps of {encoder.name} "
            "differ; train it on a corpus"
        )
    train = open_folders(config, "train", config.images)
    val = open_folders(config, "val", config.validation_images, config.scored or config.folders)
    searched = sorted({name for phase in config.phases for name in phase.search})
    searches = {name: open_search(train[name], data_root(config)) for name in searched}
    epoch_steps = [steps_per_epoch(train, config, index, searches) for index in range(len(config.phases))]
    model = build_model(config.model, config.preset, changes=config.model_changes)
    load_backbone(model)
    if config.start is not None:
        load_trained(model, checkpoint_file(config.start), TEMPORAL, partly=True)
    return Phases(config, model, Corpus(train, val, []), epoch_steps, setup, searches)


class Phases(Task):
    """The Task of a PhasesConfig.

    model: AAM with the weights that it starts with; data: Corpus of gaze folders; epoch_steps: of an epoch of each
    phase; setup: Setup; searches: {name: SearchFolder} of training.
    """

    terms, columns = TERMS, (*PLACE, "folder", "condition")

    def __init__(self, config, model, data, epoch_steps, setup, searches=None):
        self.config, self.model, self.data, self.epoch_steps = config, model, data, epoch_steps
        self.searches = searches or {}
        self.epochs = sum(phase.epochs for phase in config.phases)
        self.total = sum(phase.epochs * steps for phase, steps in zip(config.phases, epoch_steps, strict=True))
        self.fingerprint = fingerprint(strata_of(data.train)[0])
        scores = [f"{name}_{metric}" for name in data.val for metric in phases_scores.METRICS]
        self.logs = {"epochs.csv": ("step", *PLACE, "mean_CC", *scores)}
        # adapters that were trained once are applied in later phases too, trained there or not
        begun = config.start is not None
        adapted = [
            begun or any(each.adapt for each in config.phases[: index + 1]) for index in range(len(config.phases))
        ]  # fmt: skip
        self.taps = [cached_taps(model.config, each) for each in adapted]
        outputs = frozen_outputs(model.backbone)

        def compute(image):
            with without_adapters(model.backbone):  # those of a start: the features serve every run
                return outputs(image)

        self.train, self.val = (self._source(split, setup, compute) for split in (data.train, data.val))
        self.optimizers, self._entered, self._step, self._blocks = {}, None, None, None
        trained = [parameter for parameter in model.trained_parameters() if parameter.requires_grad]
        self.ema = Ema(trained, config.ema.decay, config.ema.warmup) if config.ema else None

    def parameters(self):
        """The Parameters of head and adapters."""
        return self.model.trained_parameters()

    def enter(self, place):
        """At a phase's start: its step, with a fresh optimizer."""
        index = self.config.phase_at(place.epoch)[0]
        if index == self._entered:
            return
        self._entered = index
        self.optimizers, self._step, self._blocks = {}, None, None
        if index < len(self.config.phases):
            phase, taps, name = self.config.phases[index], self.taps[index], f"phase_{index}"
            self.optimizers = {name: optimizer_of(self.model, phase, self.config.optimizer)}
            levels = levels_of_detail(self.train.encode) if phase.order_weight else None
            objective = PhaseObjective(
                self.model, taps, self.config.loss, phase.condition_weight, cone_weight=phase.cone_weight,
                order_weight=phase.order_weight, levels=levels,
            )  # fmt: skip
            self._step = TrainStep(self.model, objective, [self.optimizers[name]])
            self._blocks = AdaptedBlocks(self.model, taps)

    def step(self, kind):
        """(TrainStep, names of its optimizers) of the phase that was entered."""
        return self._step, tuple(self.optimizers)

    def parts(self, place):
        """The Parts from `place` to the end of the run, one per step, each read while the one before is computed."""
        while place.epoch < self.epochs:
            index, epoch = self.config.phase_at(place.epoch)
            phase = {"phase": self.config.phases[index].name, "epoch": epoch + 1}
            plan = epoch_plan(self.data.train, self.config, index, epoch, self.searches)[place.step :]
            for step, (batch, arrays) in enumerate(self.train.ahead(plan, self.taps[index]), place.step):
                labels = {"folder": batch.folder, "condition": batch.condition, **phase}
                names = tuple(self.data.train[batch.folder].entries[i][0] for i in batch.entries)
                here = SamplerState(place.epoch, step)
                yield Part(here, KIND, 0, True, arrays, labels, len(batch.entries), names)
            place = SamplerState(place.epoch + 1, 0)

    def following(self, place):
        """The place after one step at `place`."""
        steps = self.epoch_steps[self.config.phase_at(place.epoch)[0]]
        return SamplerState(place.epoch, place.step + 1) if place.step + 1 < steps else SamplerState(place.epoch + 1, 0)

    def rate(self, number, place):
        """A cosine per phase."""
        index, epoch = self.config.phase_at(place.epoch)
        phase, steps = self.config.phases[index], self.epoch_steps[index]
        done = epoch * steps + place.step
        return cosine(done, phase.epochs * steps, phase.learning_rate, phase.final_rate, phase.warmup_steps)

    def score(self, number, epoch):
        """The Scored of the held-out images; `epoch` epochs are done."""
        self.model.set_train(False)
        self._blocks.set_train(False)
        index, within = self.config.phase_at(epoch - 1)
        scores = phases_scores.validate(self.model, self._blocks, self.val, self.taps[index])
        own = {name: each for name, each in scores.items() if name in self.data.train}
        mean = phases_scores.summary(own or scores)
        phase = self.config.phases[index]
        row = {"step": number, "phase": phase.name, "epoch": within + 1, "mean_CC": mean}
        row |= {f"{name}_{metric}": value for name, each in scores.items() for metric, value in each.items()}
        label = f"{phase.name} {within + 1}/{phase.epochs}"
        return Scored(row, mean, f"{label}: mean CC {mean:.4f} | {phases_scores.line(scores)}")

    def finish(self, folder, best):
        """The closing line."""
        return [f"done: {folder / 'best.safetensors'} has mean CC {best:.4f} on the val splits"]

    def described(self):
        """What is trained and scored on."""
        return described(self.data, list(self.left_out))

    def close(self):
        """Ends the processes that decode images."""
        self.train.close()
        self.val.close()

    def _source(self, folders, setup, compute):
        """The Source of a split, with the frozen features that some phase reads."""
        caches = None
        if any(self.taps):
            caches = {
                name: feature_cache(
                    name, folder, self.model.config, setup.features or setup.folder / "features",
                    mirrored=folders is self.data.train, compute=compute, report=reporter(setup.progress),
                )
                for name, folder in folders.items()
            }  # fmt: skip
        encode = sentence_encoder(self.model.config.text.name).encode
        searches = self.searches if folders is self.data.train else {}
        further = [generic_prompt()] if any(phase.film_dropout for phase in self.config.phases) else []
        decoded = not all(self.taps)
        return Source(
            folders, self.model.config, encode, caches, decoded=decoded, searches=searches, further=further
        )  # fmt: skip


def levels_of_detail(encode):
    """Mean embeddings of the prompts of each bundled condition at each granularity: Tensor [conditions, 4, E]."""
    pools = [[granularities.pool(name, each) for each in GRANULARITIES] for name in granularities.conditions()]
    means = [[encode(pool).mean(0) for pool in levels] for levels in pools]
    return ms.Tensor(np.array(means, np.float32))


def optimizer_of(model, phase, config):
    """AdamW of the head, and of the adapters if the phase trains them; config: OptimizerConfig."""
    found = groups(model, GroupsConfig(weight_decay=config.weight_decay, lora_rate=phase.rate_factor_lora))
    trained = PARTS if phase.adapt else [part for part in PARTS if part != "lora"]
    return AdamW(for_adamw(found, trained), config.betas, config.eps)


def reporter(progress):
    """How far a computation of features is, as `feature_cache` reports it, on a Progress."""

    def report(stem, variant, done, total, pace):
        line = (
            f"features {stem} ({variant}): {done}/{total}, {pace:.2f} s per image, {clock(pace * (total - done))} left"
        )
        (progress.say if done == total else progress.passing)(line)

    return report
