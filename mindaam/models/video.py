"""A model's head on videos, in two parts, for memory.

Compiled as one graph, the head keeps every layer's values for all T frames at once: 7 GB for 16 frames of the bundled
model. What mixes frames is cheap and comes first; the decoder, which is costly, takes one frame at a time.
"""

import mindspore as ms
import numpy as np
from mindspore import nn, ops

from mindaam import graphs
from mindaam.turns import turn


class _Along(nn.Cell):
    """The temporal blocks and the audio, a graph of its own.

    The maps come side by side in one array: given as a tuple, MindSpore 2.9 frees them before they are read.
    """

    def __init__(self, head, widths):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.head, self.widths = head, widths

    def construct(self, together, audio=None):
        """[T,sum of C_i,h,w] -> the same, mixed along the video; with audio, also its gate [T,1,1]."""
        maps = self.head.along_video(ops.split(together, self.widths, 1))
        if audio is None:
            return ops.concat(maps, 1)
        maps, gate = self.head.with_audio(maps, audio)
        return ops.concat(maps, 1), gate


class _Decoded(nn.Cell):
    """The rest of the head, a graph of its own."""

    def __init__(self, head, widths):
        super().__init__(auto_prefix=False)
        self.head, self.widths = head, widths

    def construct(self, together, prompt, size):
        """[B,sum of C_i,h,w], prompt [B,E], size (H, W) -> map, image, text, anchor points, curvature."""
        return self.head.from_maps(ops.split(together, self.widths, 1), prompt, size)


class VideoHead:
    """The head of an AAM on the frames of a video. Arrays are NumPy's, float32; the model's weights are not copied."""

    def __init__(self, model):
        self._model, widths = model, model.config.head.neck_widths
        self._along, self._decoded = _Along(model.head, widths), _Decoded(model.head, widths)

    @turn()
    def maps(self, features):
        """The neck's maps of `AAM.image_features`, side by side: [B, sum of C_i, h, w]; each image by itself."""
        taps, size = features
        taps = ms.mutable(tuple(ms.Tensor(tap) for tap in taps))
        maps = graphs.run(self._model.head.neck, taps, self._model.grid(size))
        return np.concatenate([each.asnumpy() for each in maps], 1)

    @turn()
    def along(self, maps, audio=None):
        """Maps [T, sum of C_i, h, w] of frames in a row -> the same, mixed along time and with their audio, gate [T].

        audio: embeddings as `AttentionHead.with_audio` takes them; without it the gate is None.
        """
        if audio is None:
            return graphs.run(self._along, ms.Tensor(maps)).asnumpy(), None
        mixed, gate = graphs.run(self._along, ms.Tensor(maps), ms.Tensor(audio))
        return mixed.asnumpy(), gate.asnumpy().reshape(-1)

    @turn()
    def decode(self, maps, prompts, size):
        """Maps [B, sum of C_i, h, w], prompts [B,E], size (H, W) -> map [B,1,H,W], 3 points [B,n], curvature []."""
        rows = []
        for i in range(len(maps)):
            one = slice(i, i + 1)
            parts = graphs.run(self._decoded, ms.Tensor(maps[one]), ms.Tensor(prompts[one]), size)
            rows.append([part.asnumpy() for part in parts])
        *parts, curvatures = zip(*rows, strict=True)
        return (*(np.concatenate(part) for part in parts), curvatures[0])
