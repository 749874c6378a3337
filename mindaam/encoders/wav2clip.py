"""Wav2CLIP (Wu et al. 2022): two seconds of sound to 512 numbers, by a ResNet-18 over its spectrogram. Frozen."""

import mindspore as ms
import numpy as np
from mindspore import nn, ops

from mindaam.encoders import spectrogram
from mindaam.encoders.conversion import Conversion
from mindaam.encoders.minilm import load_weights
from mindaam.errors import InputError

WIDTHS, DEPTH = (64, 128, 256, 512), 2  # channels of the four stages, blocks in each
WIDTH = 512
_AT_ONCE = 32  # windows of sound that the network takes in one call


def _convolution(channels_in, channels_out, side, stride):
    return nn.Conv2d(channels_in, channels_out, side, stride, pad_mode="pad", padding=side // 2, has_bias=False)


def _norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-5, use_batch_statistics=False)


class Block(nn.Cell):
    """Two 3x3 convolutions around which the input goes, resized by a third where the shape changes."""

    def __init__(self, channels_in, channels_out, stride):
        super().__init__()
        self.conv1, self.norm1 = _convolution(channels_in, channels_out, 3, stride), _norm(channels_out)
        self.conv2, self.norm2 = _convolution(channels_out, channels_out, 3, 1), _norm(channels_out)
        self.resized = stride != 1 or channels_in != channels_out
        if self.resized:
            self.shortcut, self.shortcut_norm = _convolution(channels_in, channels_out, 1, stride), _norm(channels_out)

    def construct(self, x):
        """[B,C_in,h,w] -> [B,C_out,h/stride,w/stride]."""
        y = self.norm2(self.conv2(ops.relu(self.norm1(self.conv1(x)))))
        around = self.shortcut_norm(self.shortcut(x)) if self.resized else x
        return ops.relu(y + around)


class Wav2CLIP(nn.Cell):
    """Standardised log spectrograms [B,1,257,F] -> embeddings [B,512], not normalised."""

    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = _convolution(1, WIDTHS[0], 7, 2), _norm(WIDTHS[0])
        self.pool = nn.MaxPool2d(3, 2, pad_mode="pad", padding=1)
        blocks, channels = [], WIDTHS[0]
        for stage, width in enumerate(WIDTHS):
            for place in range(DEPTH):
                blocks.append(Block(channels, width, 2 if stage and not place else 1))
                channels = width
        self.blocks = nn.CellList(blocks)
        self.fc1, self.fc2 = nn.Dense(WIDTH, WIDTH), nn.Dense(WIDTH, WIDTH)
        for parameter in self.get_parameters():
            parameter.requires_grad = False

    def summary(self, x):
        """The ResNet alone: [B,1,257,F] -> [B,512], the mean over the last maps."""
        x = self.pool(ops.relu(self.norm1(self.conv1(x))))
        for block in self.blocks:
            x = block(x)
        return x.reshape((x.shape[0], WIDTH, -1)).mean(-1)

    def construct(self, x):
        """[B,1,257,F] -> [B,512]."""
        return self.fc2(ops.relu(self.fc1(self.summary(x))))


class SoundEncoder:
    """Windows of sound, one a film's frame, to embeddings.

    weights: Wav2CLIP's arrays by our names, as `from_official(...).state` has them. normalise: "window" standardises
    each window's spectrogram by itself; "batch" all together, as released, so that one frame's sound changes another's
    embedding. Raises CheckpointError when names or shapes of the weights do not fit.
    """

    width = WIDTH

    def __init__(self, weights, normalise="window"):
        self.normalise = normalise
        self.model = Wav2CLIP().set_train(False)
        load_weights(self.model, weights)
        self._run = ms.jit(self.model.construct)  # compiled whatever the mode, after loading

    def encode(self, waves, rate):
        """waves: float32 [T,samples] in -1..1, mono, at `rate` samples a second -> float32 [T,512], in their order.

        Raises InputError for another shape, or sound that is shorter than 16 ms or not finite.
        """
        waves = np.asarray(waves, np.float32)
        shortest = spectrogram.WINDOW // 2 * rate // spectrogram.RATE + 1
        if waves.ndim != 2 or waves.shape[1] <= shortest:
            raise InputError(
                f"sound must be [T,samples] of more than {shortest} samples at {rate} Hz, got {list(waves.shape)}"
            )
        if not np.isfinite(waves).all():
            raise InputError("the sound has samples that are not finite; decode it again")
        if not len(waves):
            return np.zeros((0, self.width), np.float32)
        seen = spectrogram.features(waves, rate, self.normalise)
        parts = [seen[start : start + _AT_ONCE] for start in range(0, len(seen), _AT_ONCE)]
        return np.concatenate([self._run(ms.Tensor(part)).asnumpy() for part in parts])


# --- The published checkpoints: official name -> ours. The file of Wav2CLIP and the authors' code begin their names
# differently and are alike after that.

_BEGINNINGS = (("audio_encoder.", "audio_transform."), ("encoder.", "transform."))
_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
_PARTS = {"conv1": "conv1", "conv2": "conv2", "downsample.0": "shortcut"}
_NORMS = {"bn1": "norm1", "bn2": "norm2", "downsample.1": "shortcut_norm"}
_TRANSFORM = {
    f"sequential.{place}.{part}": f"{ours}.{part}"
    for place, ours in ((0, "fc1"), (3, "fc2"))
    for part in ("weight", "bias")
}
_IGNORED = {
    "num_batches_tracked": "counts training steps; nothing reads it afterwards",
    "spectrogram.window": "is the Hann window, which is computed here",
}


def _names():
    """{official name without its beginning: ours} of the ResNet."""
    names = {"conv1.weight": "conv1.weight", **{f"bn1.{part}": f"norm1.{ours}" for part, ours in _NORM.items()}}
    for index in range(len(WIDTHS) * DEPTH):
        official, ours = f"layer{index // DEPTH + 1}.{index % DEPTH}", f"blocks.{index}"
        names |= {f"{official}.{part}.weight": f"{ours}.{mine}.weight" for part, mine in _PARTS.items()}
        names |= {
            f"{official}.{norm}.{part}": f"{ours}.{mine}.{name}"
            for norm, mine in _NORMS.items()
            for part, name in _NORM.items()
        }
    return names


_ENCODER = _names()


def from_official(state):
    """All arrays of a Wav2CLIP by their official names, of either family, to a Conversion, float32."""
    converted, origin, ignored, unexpected = {}, {}, {}, []
    encoder, transform = _BEGINNINGS[0] if any(name.startswith(_BEGINNINGS[0]) for name in state) else _BEGINNINGS[1]
    for name, array in state.items():
        rest = name.removeprefix(encoder)
        ours = _ENCODER.get(rest) if rest != name else _TRANSFORM.get(name.removeprefix(transform))
        reason = next((why for end, why in _IGNORED.items() if rest != name and rest.endswith(end)), None)
        if reason:
            ignored[name] = reason
        elif ours is None or not name.startswith((encoder, transform)):
            unexpected.append(name)
        else:
            converted[ours] = np.asarray(array, np.float32)
            origin[ours] = (name,)
    return Conversion(converted, origin, ignored, tuple(unexpected))
