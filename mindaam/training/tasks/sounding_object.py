"""The sounding-object experiment, told from top to bottom: does the fusion learn which of two things is heard?

A small model is trained from nothing on generated clips (`data.sounding_objects`), with Negative Sample Attack or, with
attack.p=0, without. Then it is asked about scenes that it has not seen: with their sound, another clip's, noise, none.
"""

import json
import os
from pathlib import Path
from typing import Annotated

import mindspore as ms
import numpy as np
from pydantic import Field, model_validator

from mindaam import graphs, runtime
from mindaam.data.media import IMAGE_SUFFIXES, list_files, read_image
from mindaam.data.synthetic.sounding_objects import Clip, make, parts, plan, truth
from mindaam.data.transforms import resize_image
from mindaam.errors import ConfigError
from mindaam.files import prepare_folder
from mindaam.metrics.videos import frame_cc
from mindaam.schema import (
    Count,
    CountOrNone,
    Few,
    Rate,
    RateOrNone,
    Schema,
    Seed,
    merge,
    override,
    read_yaml,
    validate,
)
from mindaam.training.feeding.negative_samples import Attack, attacked, mean_gates, noise_like, swapped
from mindaam.training.optim.schedule import cosine
from mindaam.training.reporting.dry_run import outline
from mindaam.training.reporting.log import CsvLog, Progress
from mindaam.training.tasks.phases_config import OptimizerConfig
from mindaam.training.tasks.sounding_model import FINER, STRIDE, SoundingModel, SoundingStep, listen
from mindaam.training.tasks.synthetic_videos import note, restore, save

COLUMNS = ("step", "rate", "loss", "kld", "cc", "sim", "gate_attacked", "seconds")
GATE_COLUMNS = ("step", "true", "swapped", "noise")
SCORES = ("share", "lean", "accuracy", "gate")

AT_ONCE = 8  # clips that are predicted together
GATED = 16  # held clips whose gates are logged
WIDEST = 4096  # of the small model
Side = Annotated[int, Field(ge=1, le=4096)]
OTHER_LEVELS = (0.3, 3.0)  # noise is tested at these times the sound's level too

# What `--tiny` lays over a configuration.
TINY = {"clips": {"train": 16, "held": 8}, "frames": 6, "model": {"reach": 2}, "steps": 6, "gates_every": 3}


class SoundingModelConfig(Schema):
    """The small model. width: of features and fusion; sound_width: of the embeddings of sound; heads: of the fusion's
    attention; tokens: windows of sound a frame, `spacing` seconds apart; reach: frames seen before and after each."""

    width: int = Field(gt=0, le=WIDEST, multiple_of=2)
    sound_width: int = Field(gt=0, le=WIDEST)
    heads: int = Field(gt=0, le=WIDEST)
    tokens: int = Field(gt=0, le=99)
    spacing: float = Field(gt=0, le=10)
    reach: int = Field(ge=0, le=100)

    @model_validator(mode="after")
    def _fits(self):
        if self.width % self.heads or self.tokens % 2 == 0:
            raise ValueError(f"width {self.width} must be a multiple of heads {self.heads}, tokens {self.tokens} odd")
        return self


class SoundingConfig(Schema):
    """A whole run.

    photographs: the folder that some things are cropped from. clips: how many to learn from and how many held apart,
    even numbers: two a scene. frames, picture: of each clip, and (H, W). with_sound, silent: clips a step; those with
    sound come in pairs that share a scene. gates_every: steps between two looks at the gate on held clips.
    """

    seed: Seed = 0
    photographs: str
    clips: dict[str, Few]
    frames: int = Field(ge=2, le=10_000)
    picture: tuple[Side, Side]
    model: SoundingModelConfig
    with_sound: int = Field(ge=2, le=10_000, multiple_of=2)
    silent: int = Field(ge=1, le=10_000)
    attack: Attack = Attack()
    steps: Count
    learning_rate: Rate
    final_rate: RateOrNone
    warmup_steps: CountOrNone
    optimizer: OptimizerConfig
    checkpoint_every: Count = 100
    gates_every: Count = 50

    @model_validator(mode="after")
    def _fits(self):
        if set(self.clips) != {"train", "held"} or any(count < 4 or count % 2 for count in self.clips.values()):
            raise ValueError('clips must say how many there are of "train" and of "held", even numbers, 4 or more')
        if self.clips["train"] < self.with_sound + 2 * self.silent:
            raise ValueError(f"{self.clips['train']} clips to learn from are fewer scenes than a step shows")
        if min(self.picture) < 8 * STRIDE or any(side % STRIDE for side in self.picture):
            raise ValueError(f"picture {self.picture} must be multiples of {STRIDE}, {8 * STRIDE} or more")
        return self

    @property
    def map_size(self):
        """(h, w) of the maps."""
        return tuple(side * FINER // STRIDE for side in self.picture)


def train(config_path, assignments=(), *, tiny=False, out=None, resume=False):
    """Runs or continues the experiment that a YAML file with a `clips` section describes; returns its folder.

    assignments: "key=value" changes; tiny: shrink it to a smoke run; out, resume: as in `run.train`.
    The folder gets last.safetensors, steps.csv, gates.csv and scores.json.
    Raises ConfigError, InputError, OutputError or TrainingError, each a sentence.
    """
    # ---- configuration and place -----------------------------------------------------------------------------------
    config = load_config(config_path, assignments, tiny)
    folder = Path(out) if out else Path("runs") / (Path(config_path).stem + ("_tiny" if tiny else ""))
    last = folder / "last.safetensors"
    if os.path.exists(last) and not resume:
        raise ConfigError(f"{folder} holds a run already; continue it with --resume, or name another folder with --out")

    # ---- clips and model -------------------------------------------------------------------------------------------
    train_clips, held_clips = clips_of(config, "train"), clips_of(config, "held")
    prepare_folder(folder)
    runtime.configure(mode="graph", seed=config.seed)
    model = build(config)
    step = SoundingStep(model, config.optimizer).set_train(True)
    done = restore(last, step, config) if os.path.exists(last) else 0

    # ---- steps -----------------------------------------------------------------------------------------------------
    log, gates = CsvLog(folder / "steps.csv", COLUMNS, done), CsvLog(folder / "gates.csv", GATE_COLUMNS, done)
    progress = Progress(config.steps)
    progress.lap()
    for number in range(done, config.steps):
        rate = cosine(number, config.steps, config.learning_rate, config.final_rate, config.warmup_steps)
        loss, terms = graphs.run(step, step.optimizer.settings(number, rate), *batch(train_clips, config, number))
        note(log, progress, "clips", number + 1, rate, float(loss.asnumpy()), terms.asnumpy().tolist())
        if (number + 1) % config.gates_every == 0:
            gates.write({"step": number + 1, **gates_at(model, config, held_clips, number)})
        if (number + 1) % config.checkpoint_every == 0 or number + 1 == config.steps:
            save(last, step, config, number + 1)

    # ---- scores ----------------------------------------------------------------------------------------------------
    scores = score(model, config, held_clips)
    (folder / "scores.json").write_text(json.dumps(scores, indent=1), encoding="utf-8")
    for line in table(scores):
        progress.say(line)
    return folder


def load_config(path, assignments=(), tiny=False):
    """The SoundingConfig in a YAML file with `key=value` assignments over it; ConfigError for a wrong one."""
    data = merge(read_yaml(path), TINY if tiny else {})
    return validate(SoundingConfig, override(data, assignments), str(path))


def dry_run(config_path, assignments=(), *, tiny=False):
    """What such a run would do, as text; nothing is read but the configuration. Raises ConfigError."""
    config = load_config(config_path, assignments, tiny)
    runtime.configure(mode="pynative", seed=config.seed)
    return outline(build(config), config)


def build(config):
    """The SoundingModel of a SoundingConfig, at its initial values."""
    shape = config.model
    return SoundingModel(shape.width, shape.sound_width, shape.heads, shape.tokens, shape.reach)


def clips_of(config, split):
    """The clips of a split, "train" or "held": Specs, and a Clip whose arrays have all clips along their first axis.

    Scenes and parts of photographs are others in each split. Raises InputError when there are no photographs.
    """
    held = split == "held"
    paths = list_files(config.photographs, IMAGE_SUFFIXES, "pictures")
    photographs = parts([read_image(path) for path in paths], held)
    specs = plan(config.clips[split], 2 * config.seed + held)
    made = [make(spec, photographs, config.picture, config.map_size, config.frames) for spec in specs]
    return specs, Clip(*(np.stack(each) for each in zip(*made, strict=True)))


def batch(clips, config, number):
    """The arrays of step `number`, drawn from seed and step: what `SoundingStep` takes after its settings.

    First scenes with one of their sources sounding, then the same with the other, then silent films. Who hears noise,
    like who hears nothing, looks at both sources alike.
    """
    specs, all_clips = clips
    draw, pairs, half = np.random.default_rng((config.seed, number)), config.with_sound // 2, len(specs) // 2
    scenes = draw.choice(half, pairs + config.silent, replace=False)
    chosen, heard = np.concatenate([scenes[:pairs], scenes[:pairs] + half, scenes[pairs:]]), slice(config.with_sound)
    waves, noisy = attacked(draw, all_clips.wave[chosen[heard]], config.attack.p.at(number))
    frames = all_clips.frames[chosen]
    known = [specs[index].sounding for index in chosen[heard]]
    listened = [None if noise else source for source, noise in zip(known, noisy, strict=True)] + [None] * config.silent
    truths = np.stack([truth(all_clips.densities[i], source) for i, source in zip(chosen, listened, strict=True)])
    for axis in (1, 2):  # pictures are as good upside down, or mirrored
        if draw.random() < 0.5:
            frames, truths = np.flip(frames, axis + 1), np.flip(truths, axis)
    return (
        as_input(frames),
        ms.Tensor(listen(waves, all_clips.times[chosen[heard]], config.model.tokens, config.model.spacing)),
        ms.Tensor(np.ascontiguousarray(truths)),
        ms.Tensor(noisy),
        ms.Tensor(config.attack.weight.at(number), ms.float32),
    )


def as_input(frames):
    """Frames uint8 [N,T,H,W,3] as the model takes them, about -2..2 [N,T,3,H,W]."""
    return ms.Tensor(np.ascontiguousarray(((frames.astype(np.float32) - 127.5) / 64).transpose(0, 1, 4, 2, 3)))


def predict(model, config, clips, waves):
    """What the model says of clips that are heard with `waves` [n,samples], or seen without sound (None): maps
    [n,T,h,w], each sums to 1, and gates [n,T], or None."""
    count = len(clips.frames)
    maps, gates = [], []
    for first in range(0, count, AT_ONCE):
        some = np.arange(first, first + AT_ONCE) % count  # filled up with the first ones, so that one graph serves all
        heard = None
        if waves is not None:
            heard = ms.Tensor(listen(waves[some], clips.times[some], config.model.tokens, config.model.spacing))
        densities, opened = graphs.run(model, as_input(clips.frames[some]), heard)
        maps.append(densities.asnumpy())
        gates += [] if opened is None else [opened.asnumpy()]
    return np.concatenate(maps)[:count], np.concatenate(gates)[:count] if gates else None


def gates_at(model, config, clips, number):
    """The mean gates of `negative_samples.mean_gates` on the first held clips, with noise of its own at every step."""
    some = Clip(*(each[:GATED] for each in clips[1]))
    draw = np.random.default_rng((config.seed, number, 1))
    return mean_gates(lambda waves: predict(model, config, some, waves)[1], draw, some.wave)


def score(model, config, clips):
    """How the model answers held clips with each kind of sound, {kind: {score: value}}, and how near noise is to none.

    share: of the attention on the two sources, how much is on the one that sounds in truth. lean: how far from a half
    that is in a clip, either way. accuracy: clips in which the right source gets more. gate: its mean. Where a scene's
    two clips are answered alike, share and accuracy are 0.5 and the lean says how far the model prefers one source.
    """
    specs, held = clips
    noise = noise_like(np.random.default_rng((config.seed, config.steps, 2)), held.wave)
    heard = {"true sound": held.wave, "another clip's sound": swapped(held.wave), "noise": noise}
    heard |= {f"noise, {level:g} x as loud": np.float32(level) * noise for level in OTHER_LEVELS} | {"no sound": None}
    scores, maps = {}, {}
    for kind, waves in heard.items():
        maps[kind], gates = predict(model, config, held, waves)
        shares = right_shares(maps[kind], held.masks, [spec.sounding for spec in specs])
        values = [float(each.mean()) for each in (shares, abs(shares - 0.5), shares > 0.5)]
        values.append(None if gates is None else float(gates.mean()))
        scores[kind] = dict(zip(SCORES, values, strict=True))
    flat = (-1, *config.map_size)
    alike = frame_cc(maps["noise"].reshape(flat), maps["no sound"].reshape(flat)).mean()
    return {"kinds": scores, "CC of noise with no sound": float(alike)}


def right_shares(maps, masks, sounding):
    """Of the attention that maps [n,T,h,w] lay on both sources, the share on the one that sounds, [n].

    masks: [n,2,H,W]. sounding: n numbers, 0 or 1.
    """
    shares = []
    for each, places, source in zip(maps, masks, sounding, strict=True):
        held = [(each * resize_image(place.astype(np.float32), each.shape[1:])).sum((1, 2)) for place in places]
        shares.append((held[source] / (held[0] + held[1])).mean())
    return np.array(shares)


def table(scores):
    """The lines of the table of `score`."""
    lines = [f"{'':<24}" + "".join(f"{name:>10}" for name in SCORES)]
    for kind, row in scores["kinds"].items():
        lines.append(f"{kind:<24}" + "".join(f"{'-' if row[s] is None else f'{row[s]:.3f}':>10}" for s in SCORES))
    return [*lines, f"CC of the maps with noise and without sound: {scores['CC of noise with no sound']:.4f}"]
