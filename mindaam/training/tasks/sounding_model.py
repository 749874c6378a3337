"""A small audio-visual model for the sounding-object experiment, and its objective: trained from scratch in minutes.

Audio reaches the map only through the fusion under test, in its paper form.
"""

from mindspore import nn, ops

from mindaam.fusion.audio_visual import AudioVisualFusion
from mindaam.kernels.convolutions import Convolution, Pointwise
from mindaam.kernels.resizing import bilinear
from mindaam.objectives import task
from mindaam.objectives.sparsity import gate_sparsity
from mindaam.training.feeding.sounding_objects import FEATURES

STRIDE, FINER = 4, 2  # pixels per cell of the feature; cells of the map per cell of the feature


class VisualEncoder(nn.Cell):
    """Each frame's feature at a quarter of its sides, from itself and `reach` frames before and after it."""

    def __init__(self, width, reach):
        super().__init__()
        self.reach, seen = reach, 2 * reach + 1
        self.edges = Convolution(3, width // 2, 4, stride=2, padding=1, has_bias=True)
        self.shapes = Convolution(width // 2, width // 2, 4, stride=2, padding=1, has_bias=True)
        self.along = Pointwise(seen * (width // 2), width)
        self.around = Convolution(width, width, 3, padding=1, has_bias=True)

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
    """Features of a window of audio, [...,FEATURES] -> its embedding [...,width]."""

    def __init__(self, width):
        super().__init__()
        self.hide = nn.Dense(FEATURES, 2 * width)
        self.embed = nn.Dense(2 * width, width)

    def construct(self, audio):
        """[...,FEATURES] -> [...,width]."""
        return self.embed(ops.relu(self.hide(audio)))


class SoundingModel(nn.Cell):
    """Clips, some of them with audio -> the density of attention in each frame.

    width: of the features. audio_width: of the embeddings. heads: of the fusion. tokens: windows of audio per frame.
    reach: frames used before and after each.
    """

    def __init__(self, width, audio_width, heads, tokens, reach):
        super().__init__()
        self.visual = VisualEncoder(width, reach)
        self.sound = AudioEncoder(audio_width)
        # no dropout: only the batches are random
        self.fusion = AudioVisualFusion(width, audio_width, width, heads, dropout=0.0, form="paper", tokens=tokens)
        self.readout = Pointwise(width, 1)

    def construct(self, frames, audio):
        """frames [N,T,3,H,W] in about -2..2. audio: of `audio_features`, [S,T,K,FEATURES], for the first S clips; the
        other clips, or with None all, are silent and skip the fusion. Returns densities [N,T,h,w] at half of the sides,
        and gates [S,T] or None.
        """
        feature, gates = self.visual(frames), None
        count, length, channels, height, width = feature.shape
        feature = feature.reshape((count * length, channels, height, width))
        if audio is not None:
            audible = audio.shape[0] * length
            embedded = self.sound(audio).reshape((audible, audio.shape[2], -1))
            if audible == count * length:
                feature, gates = self.fusion(feature, embedded)
            else:
                with_audio, silent = ops.split(feature, [audible, count * length - audible], 0)
                fused, gates = self.fusion(with_audio, embedded)
                feature = ops.concat((fused, silent), 0)
            gates = gates.reshape((audio.shape[0], length))
        # each frame also gets the mean of its clip
        apart = feature.reshape((count, length, -1))
        feature = (apart + apart.mean(1, keep_dims=True)).reshape(feature.shape)
        size = (height * FINER, width * FINER)
        logits = bilinear(self.readout(feature), size)
        density = ops.softmax(logits.reshape((count, length, -1)), -1)
        return density.reshape((count, length, *size)), gates


class SoundingObjective(nn.Cell):
    """KLD - CC - SIM of all frames plus weight * mean gate over the attacked clips, all times `scale`; and the terms:
    the loss, KLD, CC, SIM, the mean gate."""

    def __init__(self, model):
        super().__init__(auto_prefix=False)
        self.model = model

    def construct(self, scale, frames, audio, truths, attacked, weight):
        """scale []; frames, audio as in SoundingModel; truths [N,h,w], the same in all frames; attacked [S]; weight []
        -> [], [5]."""
        maps, gates = self.model(frames, audio)
        truths = ops.broadcast_to(truths.expand_dims(1), maps.shape).reshape((-1, *maps.shape[2:]))
        maps = maps.reshape(truths.shape)
        kld, cc, similarity = task.kld(maps, truths), task.cc(maps, truths), task.similarity(maps, truths)
        sparsity = gate_sparsity(gates, attacked)
        loss = kld - cc - similarity + weight * sparsity
        return loss * scale, ops.stack((loss, kld, cc, similarity, sparsity))
