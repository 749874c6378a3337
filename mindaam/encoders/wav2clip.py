"""Wav2CLIP (Wu et al. 2022): two seconds of audio to 512 numbers, by a ResNet-18 over its spectrogram. Frozen."""

import mindspore as ms
import numpy as np
from mindspore import nn, ops

from mindaam import graphs
from mindaam.compilation import jit
from mindaam.encoders import spectrogram
from mindaam.encoders.conversion import Conversion
from mindaam.encoders.minilm import load_weights
from mindaam.errors import InputError
from mindaam.kernels.convolutions import Convolution
from mindaam.turns import turn

WIDTHS, DEPTH = (64, 128, 256, 512), 2  # channels of the four stages, blocks in each
WIDTH = 512
_AT_ONCE = 8  # windows of audio that the network takes in one call, always: on a CPU one alone takes half as long


def _convolution(channels_in, channels_out, side, stride):
    return Convolution(channels_in, channels_out, side, stride, padding=side // 2, has_bias=False)


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
    """Standardized log spectrograms [B,1,257,F] -> embeddings [B,512], not normalized."""

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


class AudioEncoder:
    """Windows of audio, one per frame of a video, to embeddings.

    weights: Wav2CLIP's arrays by our names, as `from_official(...).state` has them. normalize: "window" standardizes
    each window's spectrogram by itself; "batch" all together, as released, so that one frame's audio changes another's
    embedding. Raises CheckpointError when names or shapes of the weights do not fit.
    """

    width = WIDTH

    def __init__(self, weights, normalize="window"):
        self.normalize = normalize
        self.model = Wav2CLIP().set_train(False)
        load_weights(self.model, weights)
        self._run = jit(self.model.construct)  # compiled in every mode, after loading

    @turn()
    def encode(self, waves, rate):
        """waves: float32 [T,samples] in -1..1, mono, at `rate` samples per second -> float32 [T,512], in their order.

        Raises InputError for another shape, audio that is shorter than 16 ms or not finite, and a rate that is not a
        positive integer.
        """
        waves = np.asarray(waves, np.float32)
        if rate < 1 or rate != int(rate):
            raise InputError(f"audio needs a whole number of samples per second, got {rate}")
        rate = int(rate)
        shortest = spectrogram.WINDOW // 2 * rate // spectrogram.RATE + 1
        if waves.ndim != 2 or waves.shape[1] <= shortest:
            raise InputError(
                f"audio must be [T,samples] of more than {shortest} samples at {rate} Hz, got {list(waves.shape)}"
            )
        if not np.isfinite(waves).all():
            raise InputError("the audio contains samples that are not finite; decode it again")
        if not len(waves):
            return np.zeros((0, self.width), np.float32)
        seen = spectrogram.features(waves, rate, self.normalize)
        seen = np.pad(seen, [(0, -len(seen) % _AT_ONCE)] + [(0, 0)] * 3)  # a shape of its own would be compiled again
        parts = [seen[start : start + _AT_ONCE] for start in range(0, len(seen), _AT_ONCE)]
        found = [graphs.run(self.model, ms.Tensor(part), by=self._run).asnumpy() for part in parts]
        return np.concatenate(found)[: len(waves)]


# --- The published checkpoints: official name -> name here. The file of Wav2CLIP, which is one of its training, and the
# authors' code begin their names differently and are alike after that.

_BEGINNINGS = (("audio_encoder.", "audio_transform."), ("encoder.", "transform."))
_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
_LAYERS = [f"sequential.{place}.{part}" for place in (0, 3) for part in ("weight", "bias")]
_COUNTER = "counts training steps; not used afterwards"
_OF_TRAINING = {
    "audio_encoder.fc.weight": "is a classifier behind the embedding",
    "audio_encoder.fc.bias": "is a classifier behind the embedding",
    "loss_fn_i.logit_scale": "is the temperature of the training loss",
    "loss_fn_a.logit_scale": "is the temperature of the training loss",
    **{f"image_transform.{name}": "takes CLIP's image embeddings, in training only" for name in _LAYERS},
}


def _tables(encoder, transform):
    """{official name: name here} and {official name: why it is not needed} of the names with these beginnings."""
    norms, names = {"bn1": "norm1"}, {"conv1.weight": "conv1.weight"}
    for index in range(len(WIDTHS) * DEPTH):
        stage, place = divmod(index, DEPTH)
        official, ours = f"layer{stage + 1}.{place}", f"blocks.{index}"
        for part in ("1", "2"):
            names[f"{official}.conv{part}.weight"] = f"{ours}.conv{part}.weight"
            norms[f"{official}.bn{part}"] = f"{ours}.norm{part}"
        if stage and not place:
            names[f"{official}.downsample.0.weight"] = f"{ours}.shortcut.weight"
            norms[f"{official}.downsample.1"] = f"{ours}.shortcut_norm"
    names |= {f"{norm}.{part}": f"{mine}.{name}" for norm, mine in norms.items() for part, name in _NORM.items()}
    ours = {encoder + name: mine for name, mine in names.items()}
    for name in _LAYERS:
        ours[transform + name] = name.replace("sequential.0", "fc1").replace("sequential.3", "fc2")
    ignored = {f"{encoder}{norm}.num_batches_tracked": _COUNTER for norm in norms}
    return ours, ignored | {f"{encoder}spectrogram.window": "is the Hann window, which is computed here"}


def from_official(state):
    """All arrays of a Wav2CLIP by their official names, of either family, to a Conversion, float32."""
    published = any(name.startswith(_BEGINNINGS[0]) for name in state)
    ours, reasons = _tables(*_BEGINNINGS[0 if published else 1])
    reasons = reasons | (_OF_TRAINING if published else {})
    return Conversion(
        {ours[name]: np.asarray(array, np.float32) for name, array in state.items() if name in ours},
        {ours[name]: (name,) for name in state if name in ours},
        {name: reasons[name] for name in state if name in reasons},
        tuple(name for name in state if name not in ours and name not in reasons),
    )
