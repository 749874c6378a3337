"""The backbone in two parts: the frozen blocks, which are run once a picture, and those that training may change."""

import mindspore as ms
from mindspore import nn, ops

from mindaam import graphs


def cached_taps(config, adapted):
    """How many of the four taps never change in a run, so that their outputs can be kept.

    config: ModelConfig; adapted: whether the adapters have been or are being trained. Without that all four are
    frozen; with it, those below the first adapted block.
    """
    first_adapted = config.encoder.depth - (config.lora.last_n_blocks if adapted else 0)
    return sum(tap < first_adapted for tap in config.encoder.taps)


class FrozenTaps(nn.Cell):
    """A backbone's tapped outputs before their norm, as one compiled graph."""

    def __init__(self, backbone):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.backbone, self.depth = backbone, backbone.depth

    def construct(self, pictures):
        """[B,3,H,W] -> [B,taps,1+N,D]."""
        tapped, _ = self.backbone.run_blocks(self.backbone.embed(pictures), 0, self.depth)
        return ops.stack(tapped, 1)


def frozen_outputs(backbone):
    """A function of one picture, [1,3,H,W] -> [taps,1+N,D] arrays, for `FeatureCache.fill`."""
    taps = FrozenTaps(backbone).set_train(False)
    return lambda picture: graphs.run(taps, ms.Tensor(picture)).asnumpy()[0]


class AdaptedBlocks(nn.Cell):
    """The part of the backbone that a run may change: from the outputs of its frozen taps to the head's features.

    model: AAM; count: how many taps are handed in, 0 for pictures.
    """

    def __init__(self, model, count):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.backbone, self.count = model.backbone, count
        self.taps, self.depth = model.config.encoder.taps, model.config.encoder.depth

    def construct(self, inputs):
        """inputs: raw outputs of the first `count` taps [B,count,1+N,D], or pictures [B,3,H,W] when `count` is 0.

        Returns four [B,N,D].
        """
        if self.count == 0:
            tapped, _ = self.backbone.run_blocks(self.backbone.embed(inputs), 0, self.depth)
        else:
            frozen = ops.unstack(inputs, axis=1)
            rest, _ = self.backbone.run_blocks(frozen[-1], self.taps[self.count - 1] + 1, self.depth)
            tapped = frozen + rest
        features = ()
        for tokens in tapped:
            features = features + (self.backbone.finish(tokens),)
        return features
