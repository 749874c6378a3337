"""The model as one graph, from pixels to the map: of a batch of images, or of a window of a video with its audio.

Nothing is read back in between. It is the form of Ascend, and what is exported. A CPU computes in several graphs
(`features`, `video`), which take less memory. Wiring only.
"""

import mindspore as ms
from mindspore import nn, ops

from mindaam import graphs
from mindaam.compilation import jit
from mindaam.encoders.folded import FoldedViT
from mindaam.encoders.sam2 import SAM2
from mindaam.kernels.device import cpu_form
from mindaam.turns import turn


class OneGraph(nn.Cell):
    """Images and their prompts, or the frames of a video's window and their prompts, and the frames' audio if given.

    backbone: that of the model, or its FoldedViT. clip: the images are the frames of one window, in order, and affect
    one another. The model keeps its parameters and their names; its backbone must be set to the size of the images.
    """

    def __init__(self, model, backbone, clip=False):
        super().__init__(auto_prefix=False)
        self.backbone, self.head, self.clip, self.patch = backbone, model.head, clip, model.config.encoder.patch

    def construct(self, images, prompts, audio=None):
        """Normalized images [B,3,H,W], prompts [B,E], audio as `AttentionHead.with_audio` takes it -> the fields of
        Attention: map [B,1,H,W], points, curvature, and the gate [B,1,1] with audio."""
        size, gate = images.shape[2:], ()
        maps = self.head.neck(self.backbone(images), (size[0] // self.patch, size[1] // self.patch))
        if self.clip:
            maps = self.head.along_video(maps)
        if audio is not None:
            maps, gates = self.head.with_audio(maps, audio)
            gate = (gates,)
        return self.head.from_maps(maps, prompts, size) + gate


class MapGraph(nn.Cell):
    """A OneGraph of which only the map comes out, and which takes one prompt for a window: what is exported."""

    def __init__(self, model, size, clip=False):
        super().__init__(auto_prefix=False)
        self.whole, self.clip = OneGraph(model, inference_backbone(model), clip), clip
        model.backbone.set_image_size(size)

    def construct(self, image, sentence, audio=None):
        """image [B,3,H,W] and sentence [B,E] -> map [B,1,H,W]; of a window image [T,3,H,W], sentence [1,E] and the
        frames' audio, if given -> [T,1,H,W].

        image: normalized float32; map: 0..1.
        """
        if self.clip:
            sentence = ops.broadcast_to(sentence, (image.shape[0], sentence.shape[1]))
        return self.whole(image, sentence, audio)[0]


def inference_backbone(model):
    """The Cell that computes a model's features in one graph; a FoldedViT in the Ascend form, except for SAM2."""
    if cpu_form() or isinstance(model.backbone, SAM2):
        return model.backbone
    return FoldedViT(model.backbone)


class Whole:
    """The OneGraphs of an AAM, compiled at their first use, for NumPy arrays."""

    def __init__(self, model):
        self._model, self._state = model, None
        self._backbone, self._graphs = None, {}

    @turn()
    def infer(self, images, prompts, audio=None, clip=False):
        """images [B,3,H,W], prompts [B,E], audio or None, as AAM.infer checks them -> map, points, curvature, and the
        gate [B] or None."""
        model = self._model
        model.backbone.set_image_size(images.shape[2:])
        inputs = [ms.Tensor(each) for each in (images, prompts, audio) if each is not None]
        cell, compiled = self._made(clip)
        found = [each.asnumpy() for each in graphs.run(cell, *inputs, by=compiled if model.compiles else None)]
        return (*found[:5], None if audio is None else found[5].reshape(-1))

    def _made(self, clip):
        """(OneGraph, its compiled function) of images or of clips. They are made again when a weight has been replaced;
        after a step of training the folded weights alone are computed again."""
        places, values = state = self._model.weights.state()
        if self._state is None or places != self._state[0]:
            self._backbone, self._graphs = inference_backbone(self._model), {}
        elif values != self._state[1] and isinstance(self._backbone, FoldedViT):
            self._backbone.refresh()
        self._state = state
        if clip not in self._graphs:
            cell = OneGraph(self._model, self._backbone, clip).set_train(False)
            self._graphs[clip] = cell, jit(cell.construct)
        return self._graphs[clip]
