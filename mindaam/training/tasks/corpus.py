"""The task `corpus`: images and videos of many datasets together, each set under its own prompts."""

import warnings

import numpy as np

from mindaam.data.packs.fitting import require_fit
from mindaam.data.prompts.prompting import check as check_prompting
from mindaam.data.prompts.prompting import no_prompt
from mindaam.encoders.tables import stored_parameters
from mindaam.errors import ConfigError, Notice
from mindaam.training.feeding.corpus import described, open_data
from mindaam.training.feeding.corpus_source import CorpusSource
from mindaam.training.optim.ema import Ema
from mindaam.training.optim.schedule import rate_at
from mindaam.training.prompting import checkpoint_prompting, header_entry
from mindaam.training.ranks import distributed
from mindaam.training.reporting.dry_run import describe
from mindaam.training.run_folder import EPOCHS
from mindaam.training.starting import open_audio_encoding, require_model, shaped_model, start_model
from mindaam.training.step import TrainStep
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.training.tasks.corpus_objective import (
    TAKING_PART,
    TERMS,
    CorpusObjective,
    optimizers,
    prepare,
    rescale_positions,
)
from mindaam.training.tasks.corpus_scores import METRICS, audio_sets, held_out_scores
from mindaam.training.tasks.task import Scored, Task
from mindaam.zoo.factory import sentence_encoder
from mindaam.zoo.model_files import checkpoint_file

CONFIG = CorpusConfig


def open_task(config, setup):
    """The CorpusTask of a CorpusConfig under a Setup: data looked at, model with its weights, the same on all ranks."""
    config = with_none_prompt(config)
    require_model(config)
    # ---- data ----
    corpus, weights = open_data(config, setup.skip_damaged, setup.progress)
    check_prompting(config.prompting, {**corpus.val, **corpus.train})
    sampling = config.sampling.model_copy(update={"weights": {**config.sampling.weights, **weights}})
    config = config.model_copy(update={"sampling": sampling})
    videos = [reader.is_video for reader in corpus.train.values()]
    problem = config.problem_with_ranks(setup.world.size, images=not all(videos), videos=any(videos))
    if problem:
        raise ConfigError(problem)
    # ---- model ----
    with warnings.catch_warnings():
        if not setup.world.is_first:  # all read the same file, and one shows what there is to show
            warnings.simplefilter("ignore", Notice)
        model = start_model(config)
    # a start brings its own, whatever the configuration names: what is written down is what is trained
    config = config.model_copy(update={"model": model.config.name, "preset": model.config.preset})
    if any(videos) or any(reader.is_video for reader in corpus.val.values()):
        require_temporal(model, config)
    if not setup.tiny:  # a smoke test's images are of a size that packs do not have
        for reader in (*corpus.train.values(), *corpus.val.values()):
            require_fit(reader, model.config.image_size, model.config.resize)
    prepare(model, config.precision, config.recompute, config.rescale_positions)
    distributed.broadcast(model.trained_parameters(), setup.world)  # the frozen ones come from one file
    audio_encoding = setup.audio_encoding or open_audio_encoding(model.config, setup.progress)
    if setup.scorer is None and corpus.val:
        setup.progress.say("no scorer was given: held-out datasets are not scored, and the newest model is the best")
    return CorpusTask(config, model, corpus, setup.world, audio_encoding, setup.scorer)


class CorpusTask(Task):
    """The Task of a CorpusConfig.

    model: AAM after `prepare`; corpus: feeding.corpus.Corpus; world: World; audio_encoding: AudioEncoding or None;
    scorer: Scorer, None to score nothing. Beside what a Task has, `held_out` are the readers that are scored, by the
    names of their sets, and `heard` the names of those that are scored with their audio.
    """

    terms, columns = TERMS, ("set", "kind")

    def __init__(self, config, model, corpus, world, audio_encoding, scorer=None):
        self.config, self.model, self.corpus, self.world = config, model, corpus, world
        self.scorer, self.held_out = scorer, corpus.val if scorer else {}
        self.audio_encoding, self.heard = audio_encoding, audio_sets(corpus, self.held_out, audio_encoding)
        self.encode = sentence_encoder(model.config.text.name).encode
        self.source = CorpusSource(
            corpus.train, config, model.config, self.encode, audio_encoding=audio_encoding,
            world=(world.rank, world.size), workers=config.workers,
        )  # fmt: skip
        self.total, self.epochs = self.source.total(config.epochs), config.epochs
        self.fingerprint, self.scoring = self.source.fingerprint, self._scoring()
        self.left_out = [*corpus.skipped, *self.source.left_out]
        scores = [f"{name}_{metric}" for name in self.held_out for metric in METRICS]
        self.logs = {EPOCHS: ("step", "epoch", "heard", "mean_CC", *scores)}
        self.header = header_entry(config)
        self.optimizers = optimizers(model, config, world)
        self.steps = {kind: self._compiled(kind, parts) for kind, parts in self.source.kinds().items()}
        trained = [parameter for each in self.optimizers.values() for parameter in each.parameters]
        self.ema = Ema(trained, config.ema.decay, config.ema.warmup) if config.ema else None
        self.loss_scale = config.loss_scale if config.precision == "float16" else None

    def parameters(self):
        return self.model.trained_parameters()

    def step(self, kind):
        return self.steps[kind], self.taking_part(kind)

    def taking_part(self, kind):  # the names of the optimizers that a kind of step moves
        return [name for name in TAKING_PART[kind] if name in self.optimizers]

    def parts(self, place):
        return self.source.parts(place, self.config.epochs)

    def following(self, place):
        return place.advance(self.source.plan)

    def rate(self, number, place):
        return rate_at(self.config.schedule, number, epoch=place.epoch, steps=self.total)

    def before_step(self, number):
        rescale_positions(self.model, self.config, number)

    def score(self, number, epoch):
        """On the held-out splits, each rank a part of them; the score is the mean CC."""
        self.model.set_train(False)
        encodings = dict.fromkeys(self.heard, self.audio_encoding)
        rows = [
            held_out_scores(
                self.scorer, self.model, self.encode, name, reader, self.config, self.world, encodings.get(name)
            )
            for name, reader in self.held_out.items()
        ]
        sums = distributed.average(np.array(rows, np.float32).reshape(-1, 4), self.world)
        scores = dict(zip(self.held_out, (sums[:, :3] / np.maximum(sums[:, 3:], 1e-9)).tolist(), strict=True))
        # an unseen set that affected which model is kept would not be unseen
        seen = [each[0] for name, each in scores.items() if name not in self.config.unseen]
        mean = float(np.mean(seen)) if seen else 0.0
        row = {"step": number, "epoch": epoch, "heard": len(self.heard), "mean_CC": mean}
        row |= {f"{name}_{metric}": each[i] for name, each in scores.items() for i, metric in enumerate(METRICS)}
        of_sets = [f"{name} CC {each[0]:.4f}" for name, each in scores.items()]
        first = f"mean CC {mean:.4f}" if seen else "the newest model is kept"
        return Scored(row, mean, f"epoch {epoch}: {' | '.join([first, *of_sets])}", newest=not seen)

    def finish(self, folder, best):
        seen = set(self.held_out) - set(self.config.unseen)
        found = f"has mean CC {best:.4f} on the held-out splits" if seen else "is the newest model"
        return [f"done: {folder / 'best.safetensors'} {found}"]

    def described(self):
        return described(self.corpus, self.left_out)

    def close(self):
        self.source.close()

    def _scoring(self):
        """What scores depend on: sets with audio, and the ways in which held-out images and videos are scored."""
        kinds = {"videos" if reader.is_video else "images" for reader in self.held_out.values()}
        return {"heard": self.heard} | {f"{kind}_scored": getattr(self.scorer, kind) for kind in sorted(kinds)}

    def _compiled(self, kind, parts):
        optimizers = [self.optimizers[name] for name in self.taking_part(kind)]
        together = [parameter for each in optimizers for parameter in each.parameters]
        place = {id(parameter): number for number, (_, parameter) in enumerate(stored_parameters(self.model))}
        uses = [place[id(parameter)] for parameter in together]
        reduce = distributed.gradient_reducer(together, self.world, uses) if self.world.size > 1 else None
        return TrainStep(
            self.model, CorpusObjective(self.model, self.config.loss, kind), optimizers, parts=parts, reduce=reduce,
            clip_norm=self.config.clip_norm, guarded=self.config.precision == "float16",
        )  # fmt: skip


def dry_run(config):
    """The text of --dry-run: neither data nor weights are read, but the header of `start`."""
    model = shaped_model(config)
    prepare(model, config.precision)  # which the table of types reads
    return describe(model, config)


def with_none_prompt(config):
    """The CorpusConfig with the prompt that `none` means, where any set has none; it is written down like that."""
    if config.none_prompt is not None or not config.prompting.has_none():
        return config
    theirs = None if config.start is None else checkpoint_prompting(checkpoint_file(config.start)).without
    return config.model_copy(update={"none_prompt": theirs or no_prompt()})


def require_temporal(model, config):
    """ConfigError when the model has no temporal blocks for videos, or clips that they cannot take."""
    temporal = model.config.temporal
    if temporal is None:
        raise ConfigError(
            f"the corpus has videos and {config.model} no branch for them: give model_changes.temporal, or name the "
            "sets of images in corpus"
        )
    if config.sampling.clip != temporal.clip:
        raise ConfigError(
            f"sampling.clip is {config.sampling.clip} and model_changes.temporal.clip {temporal.clip}: a clip in "
            "training must be as long as in prediction"
        )
