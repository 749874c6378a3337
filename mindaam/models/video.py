"""A model's head in parts, each a compiled graph of its own.

What no prompt touches is computed once per image and kept; the prompt's part is small, and a second prompt costs that
alone. The frames of a video are mixed along time first, which is cheap, and then take the same two parts one by one: a
graph over all T frames would hold every layer's values for all of them at once.
"""

from collections import OrderedDict
from functools import partial

import mindspore as ms
import numpy as np
from mindspore import nn, ops

from mindaam import graphs
from mindaam.compilation import jit
from mindaam.models import along
from mindaam.turns import turn

KEPT_PROMPTS = 8  # one prompt's tensors take half a megabyte


class _Image(nn.Cell):
    """The neck and the part of the head that no prompt touches."""

    def __init__(self, head):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.head = head

    def construct(self, grid, *taps):
        """grid (h, w), four features [B,N,D] -> what `AttentionHead.prepare` returns."""
        return self.head.prepare(self.head.neck(taps, grid))


class _Frames(nn.Cell):
    """The same from the neck's maps, side by side in one array."""

    def __init__(self, head, widths):
        super().__init__(auto_prefix=False)
        self.head, self.widths = head, widths

    def construct(self, together):
        """[B,sum of C_i,h,w] -> what `AttentionHead.prepare` returns."""
        return self.head.prepare(ops.split(together, self.widths, 1))


class _Condition(nn.Cell):
    """The prompt's part of the head."""

    def __init__(self, head):
        super().__init__(auto_prefix=False)
        self.head = head

    def construct(self, grid, prompt):
        """grid (h, w), prompt [B,E] -> what `AttentionHead.condition` returns."""
        return self.head.condition(prompt, grid)


class _Recombined(nn.Cell):
    """The prompt's part of the head with the points of another prompt."""

    def __init__(self, head):
        super().__init__(auto_prefix=False)
        self.head = head

    def construct(self, grid, prompt, other):
        """grid (h, w), prompts [B,E] -> what `AttentionHead.recombined` returns for the points of the other."""
        return self.head.recombined(prompt, self.head.hierarchy(other), grid)


class _Answer(nn.Cell):
    """Where image and prompt meet. prepared: how many tensors `AttentionHead.prepare` returns."""

    def __init__(self, head):
        super().__init__(auto_prefix=False)
        self.head, self.prepared = head, 2 + len(head.decoder.stages)

    def construct(self, size, *tensors):
        """size (H, W), what `prepare` and `condition` return -> map, image, text, anchor points, curvature."""
        return self.head.answer(tensors[: self.prepared], tensors[self.prepared :], size)


class _Audio(nn.Cell):
    """The audio of a video's frames, fused with their deepest map."""

    def __init__(self, head):
        super().__init__(auto_prefix=False)
        self.fusion = head.fusion

    def construct(self, deepest, audio):
        """Deepest map [T,C,h,w], audio as `AttentionHead.with_audio` takes it -> the map, its gate [T,1,1]."""
        return self.fusion(deepest, audio)


class _Neck(nn.Cell):
    """The neck's maps side by side."""

    def __init__(self, head):
        super().__init__(auto_prefix=False)
        self.neck = head.neck

    def construct(self, grid, *taps):
        """grid (h, w), four features [B,N,D] -> [B,sum of C_i,h,w]."""
        return ops.concat(self.neck(taps, grid), 1)


class VideoHead:
    """The head of an AAM, graph by graph. Arrays are NumPy's, float32; the model's weights are not copied."""

    def __init__(self, model):
        self._model, self._weights = model, tuple(model.head.get_parameters())
        self._conditioning = tuple(
            each for part in (model.head.hierarchy, model.head.decoder) for each in part.get_parameters()
        )
        self._graphs, self._places = {}, None
        self._conditions, self._state = OrderedDict(), None  # of these weights

    def _made(self):
        """{name: (cell, its compiled function)}. They are made again when a weight has been replaced, as by `set_data`:
        a compiled function keeps reading the memory that its weights had."""
        places = [weight.data_ptr() for weight in self._weights]
        if places != self._places:
            self._graphs, self._places = self._compiled(), places
        return self._graphs

    def _compiled(self):
        head, widths = self._model.head, self._model.config.head.neck_widths
        cells = {
            "image": _Image(head),
            "frames": _Frames(head, widths),
            "condition": _Condition(head),
            "recombined": _Recombined(head),
            "answer": _Answer(head),
            "neck": _Neck(head),
            "audio": _Audio(head),
        }
        for tap, block in zip(head.temporal_taps, head.temporal, strict=True):
            cells |= {(tap, part): cell for part, cell in along.cells(block).items()}
        return {name: (cell, jit(cell.construct)) for name, cell in cells.items()}

    def _run(self, name, *inputs):
        cell, compiled = self._made()[name]
        return graphs.run(cell, *inputs, by=compiled if self._model.compiles else None)

    @turn()
    def prepare(self, features):
        """`AAM.image_features` of images -> the Tensors of `AttentionHead.prepare`."""
        taps, size = features
        return self._run("image", self._model.grid(size), *(ms.Tensor(tap) for tap in taps))

    @turn()
    def condition(self, prompts, size):
        """Prompts [B,E], size (H, W) of the images -> the Tensors of `AttentionHead.condition`; a few are kept."""
        state, key = self._model.weights.state(), (prompts.shape, prompts.tobytes(), size)
        if state != self._state:  # replaced or trained meanwhile
            self._conditions.clear()
            self._state = state
        if key not in self._conditions:
            cell, compiled = self._made()["condition"]
            self._conditions[key] = graphs.run_or_recall(
                cell,
                self._conditioning,
                self._model.grid(size),
                ms.Tensor(prompts),
                by=compiled if self._model.compiles else None,
            )
            if len(self._conditions) > KEPT_PROMPTS:
                self._conditions.popitem(last=False)
        self._conditions.move_to_end(key)
        return self._conditions[key]

    @turn()
    def recombined(self, prompts, others, size):
        """As `condition`, for the embeddings of prompts [B,E] and the text points of others [B,E]; none are kept."""
        return self._run("recombined", self._model.grid(size), ms.Tensor(prompts), ms.Tensor(others))

    @turn()
    def answer(self, prepared, conditions, size):
        """Tensors of `prepare` and `condition`, size (H, W) -> map [B,1,H,W], 3 points [B,n], curvature []."""
        return tuple(part.asnumpy() for part in self._run("answer", size, *prepared, *conditions))

    @turn()
    def maps(self, features):
        """The neck's maps of `AAM.image_features`, side by side: [B, sum of C_i, h, w]; each image by itself."""
        taps, size = features
        return self._run("neck", self._model.grid(size), *(ms.Tensor(tap) for tap in taps)).asnumpy()

    @turn()
    def along(self, maps, audio=None):
        """Maps [T, sum of C_i, h, w] of frames in a row -> the same, mixed along time and with their audio, gate [T].

        audio: embeddings as `AttentionHead.with_audio` takes them; without it the gate is None.
        """
        head, ends = self._model.head, np.cumsum(self._model.config.head.neck_widths)
        parts = np.split(maps, ends[:-1], 1)
        for tap, block in zip(head.temporal_taps, head.temporal, strict=True):
            parts[tap] = along.through(block, partial(self._part, tap), parts[tap])
        gate = None
        if audio is not None:
            deepest, gate = self._run("audio", ms.Tensor(parts[-1]), ms.Tensor(audio))
            parts[-1], gate = deepest.asnumpy(), gate.asnumpy().reshape(-1)
        return np.concatenate(parts, 1), gate

    def _part(self, tap, part, *inputs):
        return self._run((tap, part), *inputs)

    @turn()
    def decode(self, maps, prompts, size):
        """Maps [B, sum of C_i, h, w], prompts [B,E], size (H, W) -> map [B,1,H,W], 3 points [B,n], curvature []."""
        rows = []
        for i in range(len(maps)):
            prepared = self._run("frames", ms.Tensor(maps[i : i + 1]))
            rows.append(self.answer(prepared, self.condition(prompts[i : i + 1], size), size))
        *parts, curvatures = zip(*rows, strict=True)
        return (*(np.concatenate(part) for part in parts), curvatures[0])
