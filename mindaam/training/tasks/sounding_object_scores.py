"""Predictions of the sounding-object model on held-out clips, and their scores under each kind of audio."""

import mindspore as ms
import numpy as np

from mindaam import graphs
from mindaam.data.synthetic.sounding_objects import Clip
from mindaam.data.transforms import resize_image
from mindaam.metrics.videos import frame_cc
from mindaam.training.feeding.negative_samples import mean_gates, noise_like, swapped
from mindaam.training.feeding.sounding_objects import as_input, audio_features

SCORES = ("share", "lean", "accuracy", "gate")
AT_ONCE = 8  # clips that are predicted together
GATED = 16  # held-out clips whose gates are logged
OTHER_LEVELS = (0.3, 3.0)  # noise is tested at these multiples of the audio's level too


def predict(model, config, clips, waves):
    """The model on clips with the audio `waves` [n,samples], or without audio (None): maps [n,T,h,w], each sums to 1,
    and gates [n,T], or None."""
    count = len(clips.frames)
    maps, gates = [], []
    for first in range(0, count, AT_ONCE):
        some = np.arange(first, first + AT_ONCE) % count  # filled up with the first ones, so that one graph serves all
        audio = None
        if waves is not None:
            features = audio_features(waves[some], clips.times[some], config.model.tokens, config.model.spacing)
            audio = ms.Tensor(features)
        densities, opened = graphs.run(model, ms.Tensor(as_input(clips.frames[some])), audio)
        maps.append(densities.asnumpy())
        gates += [] if opened is None else [opened.asnumpy()]
    return np.concatenate(maps)[:count], np.concatenate(gates)[:count] if gates else None


def gates_at(model, config, clips, number):
    """The mean gates of `negative_samples.mean_gates` on the first held-out clips, with noise of step `number`."""
    some = Clip(*(each[:GATED] for each in clips[1]))
    draw = np.random.default_rng((config.seed, number, 1))
    return mean_gates(lambda waves: predict(model, config, some, waves)[1], draw, some.wave)


def score(model, config, clips):
    """Scores on held-out clips with each kind of audio, {kind: {score: value}}, and how close noise is to silence.

    share: of the attention on the two objects, the share on the one that sounds in truth. lean: mean distance of that
    share from a half. accuracy: share of clips in which the right object gets more. gate: its mean. Where the maps of a
    scene's two clips are equal, share and accuracy are 0.5, and lean measures how far the model prefers one object.
    """
    specs, held = clips
    noise = noise_like(np.random.default_rng((config.seed, config.steps, 2)), held.wave)
    kinds = {"true sound": held.wave, "another clip's sound": swapped(held.wave), "noise": noise}
    kinds |= {f"noise, {level:g} x as loud": np.float32(level) * noise for level in OTHER_LEVELS} | {"no sound": None}
    scores, maps = {}, {}
    for kind, waves in kinds.items():
        maps[kind], gates = predict(model, config, held, waves)
        shares = right_shares(maps[kind], held.masks, [spec.sounding for spec in specs])
        values = [float(each.mean()) for each in (shares, abs(shares - 0.5), shares > 0.5)]
        values.append(None if gates is None else float(gates.mean()))
        scores[kind] = dict(zip(SCORES, values, strict=True))
    flat = (-1, *config.map_size)
    alike = frame_cc(maps["noise"].reshape(flat), maps["no sound"].reshape(flat)).mean()
    return {"kinds": scores, "CC of noise with no sound": float(alike)}


def right_shares(maps, masks, sounding):
    """Of the attention that maps [n,T,h,w] have on both objects, the share on the one that sounds, [n].

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
