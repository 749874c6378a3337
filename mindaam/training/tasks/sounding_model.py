"""A small audio-visual model for the sounding-object experiment, and its train step: trained from nothing in minutes.

Its only way to connect sound and sight is the fusion under test, in its paper form.
"""

import mindspore as ms
import numpy as np
from mindspore import nn, ops

from mindaam.data.synthetic.sounding_objects import RATE
from mindaam.fusion.audio_visual import AudioVisualFusion
from mindaam.objectives import task
from mindaam.objectives.sparsity import gate_sparsity
from mindaam.training.optim.adamw import AdamW

STRIDE, FINER = 4, 2  # pixels a cell of the feature; cells of the map a cell of the feature
SAMPLES, PIECES = 1024, 8  # of a piece of sound, 64 ms; pieces of a window, which is half a second long
BANDS, LOWEST = 16, 60.0  # of its spectrum, evenly spread in the logarithm of frequency, from so many hertz on
HEARD = PIECES + BANDS + 1  # numbers that describe a window
POWER_FLOOR = 1e-6
MIDDLE = -2.0  # of the logarithm of power, roughly: the network is given numbers of order 1


def listen(waves, times, tokens, spacing):
    """What the model hears of `tokens` windows about each frame, float32 [N,T,tokens,HEARD], logarithms of power all:
    how the sound rises and falls from piece to piece, how it is spread over the bands, each less its mean, and how
    loud it is.

    waves: [N,samples] at RATE. times: [N,T], when each frame is shown, in seconds: windows lie about times, `spacing`
    seconds apart, not about frame numbers. Beyond the ends there is silence.
    """
    places = times[:, :, None, None] + spacing * (np.arange(tokens)[:, None] - tokens // 2)
    first = np.rint(places * RATE).astype(int) + SAMPLES * (np.arange(PIECES) - PIECES // 2)
    margin = max(0, -first.min()), max(0, first.max() + SAMPLES - waves.shape[1])
    pieces = np.lib.stride_tricks.sliding_window_view(np.pad(waves, ((0, 0), margin)), SAMPLES, axis=1)
    rows = np.arange(len(waves))[:, None, None, None]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SAMPLES) / SAMPLES)).astype(np.float32)
    spectrum = np.fft.rfft(pieces[rows, first + margin[0]] * hann, axis=-1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) / SAMPLES
    course = np.log10(power.mean(-1) + POWER_FLOOR)
    spread = np.log10(power.mean(-2) @ _bands() + POWER_FLOOR)
    level = course.mean(-1, keepdims=True)
    return np.concatenate([course - level, spread - spread.mean(-1, keepdims=True), level - MIDDLE], -1)


def _bands():
    """Which bins of a spectrum make each band, as weights float32 [bins,BANDS] that sum to 1."""
    edges = np.geomspace(LOWEST, RATE / 2, BANDS + 1)
    low, high = edges[:-1], np.maximum(edges[1:], edges[:-1] + 2 * RATE / SAMPLES)  # never less than two bins
    bins = np.fft.rfftfreq(SAMPLES, 1 / RATE)[:, None]
    inside = ((bins >= low) & (bins <= high)).astype(np.float32)
    return inside / inside.sum(0)


class VisualEncoder(nn.Cell):
    """Each frame's feature at a quarter of its sides, from itself and `reach` frames before and after it."""

    def __init__(self, width, reach):
        super().__init__()
        self.reach, seen = reach, 2 * reach + 1
        self.edges = nn.Conv2d(3, width // 2, 4, stride=2, pad_mode="pad", padding=1, has_bias=True)
        self.shapes = nn.Conv2d(width // 2, width // 2, 4, stride=2, pad_mode="pad", padding=1, has_bias=True)
        self.along = nn.Conv2d(seen * (width // 2), width, 1, has_bias=True)
        self.around = nn.Conv2d(width, width, 3, pad_mode="pad", padding=1, has_bias=True)

    def construct(self, frames):
        """[N,T,3,H,W] -> [N,T,width,H/4,W/4]; before the first frame and after the last, that frame again."""
        count, length, _, height, width = frames.shape
        frames = frames - frames.mean(1, keep_dims=True)
        cells = self.shapes(ops.relu(self.edges(frames.reshape((count * length, 3, height, width)))))
        cells = cells.reshape((count, length, -1, height // STRIDE, width // STRIDE))
        first, last = cells[:, :1], cells[:, length - 1 :]
        padded = ops.concat((first,) * self.reach + (cells,) + (last,) * self.reach, 1)
        seen = ops.concat([padded[:, shift : shift + length] for shift in range(2 * self.reach + 1)], 2)
        seen = seen.reshape((count * length, -1, height // STRIDE, width // STRIDE))
        feature = self.along(seen)
        feature = feature + self.around(ops.relu(feature))
        return feature.reshape((count, length, -1, height // STRIDE, width // STRIDE))


class AudioEncoder(nn.Cell):
    """What is heard in a window, [...,HEARD] -> its embedding [...,width]."""

    def __init__(self, width):
        super().__init__()
        self.hide = nn.Dense(HEARD, 2 * width)
        self.embed = nn.Dense(2 * width, width)

    def construct(self, heard):
        """[...,HEARD] -> [...,width]."""
        return self.embed(ops.relu(self.hide(heard)))


class SoundingModel(nn.Cell):
    """Clips, some of them with sound -> where one looks in each frame.

    width: of the features. sound_width: of the embeddings. heads: of the fusion. tokens: windows of sound a frame.
    reach: frames seen before and after each.
    """

    def __init__(self, width, sound_width, heads, tokens, reach):
        super().__init__()
        self.visual = VisualEncoder(width, reach)
        self.sound = AudioEncoder(sound_width)
        # no dropout, so that nothing is random but the batches: a resumed run goes on exactly
        self.fusion = AudioVisualFusion(width, sound_width, width, heads, dropout=0.0, form="paper", tokens=tokens)
        self.readout = nn.Conv2d(width, 1, 1, has_bias=True)

    def construct(self, frames, heard):
        """frames [N,T,3,H,W] in about -2..2. heard: of `listen`, [S,T,K,HEARD], for the first S clips; the other clips,
        or with None all, are silent films, which skip the fusion. Returns densities [N,T,h,w] at half of the sides,
        and gates [S,T] or None.
        """
        feature, gates = self.visual(frames), None
        count, length, channels, height, width = feature.shape
        feature = feature.reshape((count * length, channels, height, width))
        if heard is not None:
            sounds = heard.shape[0] * length
            embedded = self.sound(heard).reshape((sounds, heard.shape[2], -1))
            if sounds == count * length:
                feature, gates = self.fusion(feature, embedded)
            else:
                with_sound, silent = ops.split(feature, [sounds, count * length - sounds], 0)
                fused, gates = self.fusion(with_sound, embedded)
                feature = ops.concat((fused, silent), 0)
            gates = gates.reshape((heard.shape[0], length))
        # what was found in the course of the clip counts in each of its frames
        apart = feature.reshape((count, length, -1))
        feature = (apart + apart.mean(1, keep_dims=True)).reshape(feature.shape)
        size = (height * FINER, width * FINER)
        logits = ops.interpolate(self.readout(feature), size=size, mode="bilinear", align_corners=False)
        density = ops.softmax(logits.reshape((count, length, -1)), -1)
        return density.reshape((count, length, *size)), gates


class SoundingObjective(nn.Cell):
    """KLD - CC - SIM of all frames plus weight * mean gate over the attacked clips; the terms apart."""

    def __init__(self, model):
        super().__init__(auto_prefix=False)
        self.model = model

    def construct(self, frames, heard, truths, attacked, weight):
        """frames, heard as in SoundingModel; truths [N,h,w], the same in all frames; attacked [S]; weight, 0-d ->
        loss, terms [4]."""
        maps, gates = self.model(frames, heard)
        truths = ops.broadcast_to(truths.expand_dims(1), maps.shape).reshape((-1, *maps.shape[2:]))
        maps = maps.reshape(truths.shape)
        kld, cc, similarity = task.kld(maps, truths), task.cc(maps, truths), task.similarity(maps, truths)
        sparsity = gate_sparsity(gates, attacked)
        return kld - cc - similarity + weight * sparsity, ops.stack((kld, cc, similarity, sparsity))


class SoundingStep(nn.Cell):
    """loss, terms = step(settings, frames, heard, truths, attacked, weight): all parameters move once, in one graph."""

    def __init__(self, model, optimizer):
        super().__init__(auto_prefix=False)
        self.objective = SoundingObjective(model)
        parameters = model.trainable_params()
        groups = [
            ([p for p in parameters if p.ndim > 1], optimizer.weight_decay, 1.0),
            ([p for p in parameters if p.ndim <= 1], 0.0, 1.0),
        ]
        self.optimizer = AdamW(groups, optimizer.betas, optimizer.eps)
        self.gradient = ms.value_and_grad(self.objective, None, self.optimizer.parameters, has_aux=True)

    def construct(self, settings, frames, heard, truths, attacked, weight):
        """As the class says; settings: of `AdamW.settings`."""
        (loss, terms), gradients = self.gradient(frames, heard, truths, attacked, weight)
        return ops.depend(loss, self.optimizer(gradients, settings)), terms
