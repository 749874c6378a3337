"""The model as one graph of fixed shapes that gives the map alone: what is written for other runtimes. Wiring only."""

from mindspore import nn, ops


class MapGraph(nn.Cell):
    """An AAM of which only the map comes out: images and their prompts, or a video's window and one prompt.

    size: (H, W) of the images, multiples of the patch. video: the images are the frames of one window, in order, and
    affect one another. The model keeps its parameters and their names, and must stay at this size while this is used.
    """

    def __init__(self, model, size, video=False):
        super().__init__(auto_prefix=False)
        self.model, self.video = model, video
        model.backbone.set_image_size(size)

    def construct(self, image, sentence):
        """image [B,3,H,W] and sentence [B,E] -> map [B,1,H,W]; of a video image [T,3,H,W], sentence [1,E] -> [T,1,H,W].

        image: normalized float32; map: 0..1.
        """
        if self.video:
            sentence = ops.broadcast_to(sentence, (image.shape[0], sentence.shape[1]))
            return self.model(image, sentence, None, True)[0]
        return self.model(image, sentence)[0]
