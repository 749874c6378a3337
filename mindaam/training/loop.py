"""What the steps of a run share: model, data, optimizers, logs, checkpoints, and the place reached."""

import json
import resource
import time
from contextlib import nullcontext

import mindspore as ms
import numpy as np
import yaml

from mindaam import graphs
from mindaam.data.sampling.plan import SamplerState
from mindaam.encoders.dropout import set_dropout_step
from mindaam.errors import CheckpointError, TrainingError
from mindaam.files import prepare_folder, write_text
from mindaam.training import checkpoints
from mindaam.training.feeding.corpus import described
from mindaam.training.feeding.corpus_source import CorpusSource
from mindaam.training.optim.ema import Ema
from mindaam.training.optim.schedule import rate_at
from mindaam.training.prompting import header_entry
from mindaam.training.ranks import distributed, sharding
from mindaam.training.reporting.events import Events
from mindaam.training.reporting.log import CsvLog, Progress
from mindaam.training.step import (
    HEARD,
    SHARED,
    TAKING_PART,
    TERMS,
    CorpusObjective,
    CorpusStep,
    optimizers,
    rescale_positions,
)
from mindaam.training.tasks.corpus_config import begun_config
from mindaam.training.tasks.corpus_scores import METRICS, audio_sets, held_out_scores
from mindaam.zoo.factory import sentence_encoder
from mindaam.zoo.run_checkpoints import MODEL, table_in
from mindaam.zoo.weights import save_trained

COLUMNS = (
    "step", "epoch", "set", "kind", "rate", *TERMS, "norm", "samples", "seconds", "waiting", "computing", "memory_mb"
)  # fmt: skip
# keys that a resume may change
FREE = ("data_root", "checkpoint_every", "keep_last", "keep_best", "shard_optimizer", "validation", "score_unseen")
LISTED = 10  # lines about what was left out that are shown
SMALLEST_SCALE = 2.0**-10


class Run:
    """A run: everything that goes from one step to the next.

    config: CorpusConfig; model: AAM; corpus: Corpus; folder: Path; world: World; hearing: Hearing or None.
    state: SamplerState of the next step; number: steps done; best: mean CC so far; heard: names of the held-out sets
    that are scored with their sound; stopping: whether some rank was asked to stop at the step that was just done.
    """

    def __init__(self, config, model, corpus, folder, world, audio_encoding):
        self.config, self.model, self.corpus, self.folder, self.world = config, model, corpus, folder, world
        self.audio_encoding, self.heard = audio_encoding, audio_sets(corpus, audio_encoding)
        self.encode = sentence_encoder(model.config.text.name).encode
        self.source = CorpusSource(
            corpus.train,
            config,
            model.config,
            self.encode,
            audio_encoding=audio_encoding,
            world=(world.rank, world.size),
        )
        self.total = self.source.total(config.epochs)
        self.optimizers = optimizers(model, config, world)
        self.state, self.number, self.best, self.stopping = SamplerState(), 0, -1.0, False
        self.done = dict.fromkeys(self.optimizers, 0)  # steps that each optimizer has taken
        self.scale, self.calm = (config.loss_scale.start, 0) if config.precision == "float16" else (1.0, 0)
        self.steps = {kind: self._compiled(kind, parts) for kind, parts in self.source.kinds().items()}
        self.ema = Ema(self._trained(), config.ema.decay, config.ema.warmup) if config.ema else None
        self.progress, self._sums = Progress(self.total, quiet=not world.is_first), []
        self._waited, self._computed = 0.0, 0.0

    def begin(self):
        """Makes the folder and its logs, and tells what is trained on; on rank 0 alone."""
        self._clock = self._since = time.monotonic()
        if not self.world.is_first:
            return
        prepare_folder(self.folder)
        left_out = [*self.corpus.skipped, *self.source.left_out]
        resolved = yaml.safe_dump(json.loads(self.config.model_dump_json()), sort_keys=False, allow_unicode=True)
        self._write("config.yaml", resolved)
        self._write("environment.json", _json({**checkpoints.environment(), "ranks": self.world.size}))
        self._write("data.json", _json(described(self.corpus, left_out)))
        for line in left_out[:LISTED]:
            self.say(f"left out: {line}")
        if len(left_out) > LISTED:
            self.say(f"left out: {len(left_out) - LISTED} more, all in {self.folder / 'data.json'}")
        self.log = CsvLog(self.folder / "metrics.csv", COLUMNS, self.number)
        columns = [f"{name}_{metric}" for name in self.corpus.val for metric in METRICS]
        columns = ["step", "epoch", "heard", "mean_CC", *columns]
        self.epochs_log = CsvLog(self.folder / "epochs.csv", columns, self.number)
        self.events = Events(self.folder / "events", self.number, self.say)

    def say(self, line):
        """A line that stays, on rank 0 alone."""
        self.progress.say(line)

    def part(self, part, to_stop=False):
        """Takes one Part; returns whether it was its step's last, which is then logged and counted.

        to_stop: whether this rank was asked to stop, in which all ranks then agree. Raises TrainingError, the names of
        the step's pictures or films kept in failed_batch.json, when the loss is not finite on any rank.
        """
        self._waited += time.monotonic() - self._since
        cell, names = self.steps[part.kind].set_train(True), self._taking_part(part.kind)
        rate = rate_at(self.config.schedule, self.number, epoch=part.state.epoch, steps=self.total)
        settings = np.stack([self.optimizers[name].settings(self.done[name], rate).asnumpy() for name in names])
        set_dropout_step(self.config.seed, self.number, part.number)
        rescale_positions(self.model, self.config, self.number)
        arrays = [ms.Tensor(array) for array in part.arrays]
        if part.kind == HEARD:
            weight = self.config.attack.weight.at(self.number) if self.config.attack else 0.0
            arrays.append(ms.Tensor(weight, ms.float32))
        begun = time.monotonic()
        scale = ms.Tensor(self.scale, ms.float32)
        terms, norm = graphs.run(cell, ms.Tensor(settings), scale, part.last, *arrays)
        self._sums.append(terms.asnumpy())
        self._computed += time.monotonic() - begun
        if part.last:
            self._finish(part, cell, names, rate, float(norm.asnumpy()), to_stop)
        self._since = time.monotonic()
        return part.last

    def score(self):
        """Scores the finished epoch on the held-out splits, each rank a part of them, and keeps the model when it is
        the best so far; returns the mean CC."""
        with self._averaged():
            self.model.set_train(False)
            audio_encoding = dict.fromkeys(self.heard, self.audio_encoding)
            rows = [
                held_out_scores(
                    self.model, self.encode, name, reader, self.config, self.world, audio_encoding.get(name)
                )
                for name, reader in self.corpus.val.items()
            ]
            sums = distributed.average(np.array(rows, np.float32).reshape(-1, 4), self.world)
            scores = dict(zip(self.corpus.val, (sums[:, :3] / np.maximum(sums[:, 3:], 1e-9)).tolist(), strict=True))
            # an unseen set that had a say in which model is kept would not be unseen
            seen = [each[0] for name, each in scores.items() if name not in self.config.unseen]
            mean = float(np.mean(seen)) if seen else 0.0
            if mean > self.best or not seen:  # without held-out splits the newest model is the one to take
                self.best = mean
                if self.world.is_first:
                    save_trained(self.model, self.folder / "best.safetensors", header_entry(self.config))
        row = {"step": self.number, "epoch": self.state.epoch, "heard": len(self.heard), "mean_CC": mean}
        for name, each in scores.items():
            row |= dict(zip((f"{name}_{metric}" for metric in METRICS), each, strict=True))
        if self.world.is_first:
            self.epochs_log.write(row)
            self.events.epoch(row)
        line = " | ".join(f"{name} CC {each[0]:.4f}" for name, each in scores.items())
        self.say(f"epoch {self.state.epoch}: mean CC {mean:.4f} | {line}")
        self._since = self._clock = time.monotonic()
        return mean

    def end(self):
        """Says that the run has come to its end."""
        if self.world.is_first:
            self.events.close()
        self.say(f"done: {self.folder / 'best.safetensors'} has mean CC {self.best:.4f} on the held-out splits")

    def save(self, score=None):
        """Writes a checkpoint: what is trained, moments, averages, the place reached, loss scale; on rank 0, to which
        the others give what they alone have."""
        tensors = {name: parameter.asnumpy() for name, parameter in self._kept().items()} | self._others_moments()
        if not self.world.is_first:
            return
        place = {
            "state": self.state, "number": self.number, "done": self.done, "best": self.best,
            "scale": [self.scale, self.calm], "data": self.source.fingerprint, "heard": self.heard,
        }  # fmt: skip
        metadata = {
            "corpus": json.dumps(place), "config": self.config.model_dump_json(), "model": self.config.model,
            MODEL: self.model.config.model_dump_json(), "environment": json.dumps(checkpoints.environment()),
        }  # fmt: skip
        keep = {"keep_last": self.config.keep_last, "keep_best": self.config.keep_best}
        checkpoints.save(self.folder, self.number, tensors, metadata, score=score, **keep)

    def restore(self, path, allow_changes=False):
        """Sets what `save` wrote. Raises CheckpointError when it is of no such run, of other data, or, unless
        `allow_changes`, of another configuration, the difference shown."""
        theirs, ours = begun_config(path), json.loads(self.config.model_dump_json())
        tensors, metadata = checkpoints.load(path)
        changed = checkpoints.differences(theirs, ours, FREE)
        if changed and not allow_changes:
            raise checkpoints.refuse(path, changed)
        place = table_in(path, metadata["corpus"], "the run's place")
        lacking = sorted({"data", "state", "number", "done", "best", "scale"} - set(place))
        if lacking:
            raise CheckpointError(f"{path}: its place lacks {lacking[0]}; take another checkpoint of the run")
        if place["data"] != self.source.fingerprint:
            raise CheckpointError(
                f"{path} was trained on other data: sets, or how many pictures, films or frames they have, changed "
                f"since (see {self.folder / 'data.json'}); bring the data back, or start in another folder"
            )
        kept = self._kept()
        missing = sorted(set(kept) - set(tensors))
        if missing:
            raise CheckpointError(f"{path} lacks {missing[0]}; it is from another version or model")
        for name, parameter in kept.items():
            if tensors[name].shape != tuple(parameter.shape):
                raise CheckpointError(
                    f"{path}: {name} is {list(tensors[name].shape)} and {list(parameter.shape)} in this "
                    "configuration's model; go back to the other configuration, or start in another folder"
                )
            parameter.set_data(ms.Tensor(tensors[name], parameter.dtype))
        self.state, self.number, self.done = SamplerState(*place["state"]), place["number"], place["done"]
        # scores of other pictures do not compare, nor those with sound with those without, as of earlier versions
        if theirs["validation"] == ours["validation"] and place.get("heard", []) == self.heard:
            self.best = place["best"]
        else:
            self.best = -1.0
        if theirs["precision"] == ours["precision"]:
            self.scale, self.calm = place["scale"]

    def require_one_place(self):
        """Raises CheckpointError when the ranks did not resume from the same step, as without shared storage."""
        ours = self.number % 4096  # sums over ranks stay exact in float32
        if distributed.average(ours, self.world) != ours:
            raise CheckpointError(
                f"the ranks found different checkpoints in {self.folder} (this one step {self.number}); the run's "
                "folder must be on storage that all machines share"
            )

    def _compiled(self, kind, parts):
        objective = CorpusObjective(self.model, self.config.loss, kind)
        taking_part = [self.optimizers[name] for name in self._taking_part(kind)]
        together = [parameter for each in taking_part for parameter in each.parameters]
        reduce = distributed.gradient_reducer(together, self.world) if self.world.size > 1 else None
        return CorpusStep(
            self.model, objective, taking_part, parts=parts, reduce=reduce, clip_norm=self.config.clip_norm,
            guarded=self.config.precision == "float16",
        )  # fmt: skip

    def _taking_part(self, kind):
        return [name for name in TAKING_PART[kind] if name in self.optimizers]

    def _finish(self, part, cell, names, rate, norm, to_stop):
        """The end of a step: averages over parts and ranks, counts, log."""
        means = distributed.average([*np.mean(self._sums, 0), float(to_stop)], self.world)
        self._sums, self.stopping = [], bool(means[-1] > 0)
        terms = dict(zip(TERMS, means[:-1].tolist(), strict=True))
        skipped = bool(np.isfinite(means).all()) and self._scaled(norm)  # no scale mends a loss that is lost
        # a loss may be finite under gradients that are not: these end the run before they are in a checkpoint
        if not np.isfinite([*means, norm]).all() and not skipped:
            self._fail(part, terms, norm)
        if not skipped:
            self.done = {name: count + (name in names) for name, count in self.done.items()}
            if self.config.shard_optimizer:
                for name in names:
                    sharding.gather_owned(self.optimizers[name].parameters, self.world)
            cell.project()
            if self.ema:
                graphs.run(self.ema, self.ema.setting(self.done[SHARED] - 1))
        self.number += 1
        self.state = part.state.advance(self.source.plan)
        now = time.monotonic()
        row = {
            "step": self.number, "epoch": part.state.epoch + 1, "set": part.batch.set, "kind": part.kind, "rate": rate,
            **terms, "norm": norm, "samples": self._samples(part), "seconds": now - self._clock,
            "waiting": self._waited, "computing": self._computed,
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }  # fmt: skip
        self._clock, self._waited, self._computed = now, 0.0, 0.0
        if self.world.is_first:
            self.log.write(row)
            self.events.step(row)
        label = f"epoch {row['epoch']}/{self.config.epochs} {row['set']}"
        self.progress.shown(label, row)

    def _scaled(self, norm):
        """Adapts the loss scale to a step's gradients; returns whether they overflowed and the step was left out."""
        if self.config.precision != "float16":
            return False
        if np.isfinite(norm):
            self.calm += 1
            if self.calm >= self.config.loss_scale.every:
                self.scale, self.calm = self.scale * 2, 0
            return False
        if self.scale <= SMALLEST_SCALE:
            return False
        self.scale, self.calm = self.scale / 2, 0
        return True

    def _fail(self, part, terms, norm):
        """Raises TrainingError, the step kept for replay."""
        names = self.source.names(part.batch)
        replay = {"state": part.state, "rank": self.world.rank, "set": part.batch.set, "names": names, "terms": terms}
        place = self.folder / (f"failed_batch_{self.world.rank}.json" if self.world.size > 1 else "failed_batch.json")
        write_text(place, _json(replay))
        raise TrainingError(
            f"the loss is {terms['loss']}, its gradient {norm}, at step {self.number + 1} ({part.batch.set}: "
            f"{', '.join(names[:3])}); the run stopped, {place} has the batch: go on from the last checkpoint with "
            "--resume --allow-changes and a smaller schedule.learning_rate"
        )

    def _samples(self, part):
        """Pictures or frames of the whole step, over all ranks."""
        return len(part.arrays[0]) * self.source.kinds()[part.kind] * self.world.size

    def _averaged(self):
        return self.ema.applied() if self.ema else nullcontext()

    def _trained(self):
        return [parameter for each in self.optimizers.values() for parameter in each.parameters]

    def _kept(self):
        """{name in a checkpoint: Parameter} of all that a resume needs."""
        found = {parameter.name: parameter for parameter in self.model.trained_parameters()}
        for name, optimizer in self.optimizers.items():
            found |= {f"optimizer.{name}.{each.name}": each for each in (*optimizer.first, *optimizer.second)}
        return found | (self.ema.state() if self.ema else {})

    def _others_moments(self):
        """{name in a checkpoint: array} of all moments when they are sharded, complete on rank 0 alone."""
        found = {}
        if not self.config.shard_optimizer:
            return found
        for name, optimizer in self.optimizers.items():
            for prefix, mine in (("first_moment", optimizer.first), ("second_moment", optimizer.second)):
                moments = sharding.collect(optimizer.parameters, [each.asnumpy() for each in mine], self.world)
                for parameter, moment in zip(optimizer.parameters, moments, strict=True):
                    found[f"optimizer.{name}.{prefix}.{parameter.name}"] = moment
        return found

    def _write(self, name, text):
        write_text(self.folder / name, text)


def _json(content):
    return json.dumps(content, ensure_ascii=False, indent=1)
