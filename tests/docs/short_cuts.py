"""What every process that a document's block starts does otherwise, beside the sizes in `tiny_package`.

No graph is compiled, no processes are started to decode pictures, and the decoder, which takes more than half of the
time, is replaced by a mean. What models compute has tests of its own.
"""

from functools import partial


def take():
    """Lets MindSpore run operator by operator on one thread, pictures be decoded in this process, and nothing decode
    maps."""
    import mindspore as ms

    from mindaam import graphs, runtime
    from mindaam.decoder.decoder import HyperbolicDecoder
    from mindaam.training.feeding import folders
    from mindaam.training.tasks import corpus

    configure = runtime.configure

    def at_once(device=None, mode="pynative", **more):
        configure(device, "pynative", **more)
        ms.set_context(runtime_num_threads=1)
        ms.runtime.launch_blocking()  # a queue of operators as tiny as these takes ten times as long as they do

    runtime.configure = at_once
    graphs.run = lambda cell, *inputs, by=None: cell(*inputs)
    corpus.CorpusSource = partial(corpus.CorpusSource, workers=0)
    folders.WORKERS = 0
    HyperbolicDecoder.construct = mean_in_its_place


def mean_in_its_place(self, maps, sentence, text, image, curvature):
    """What the decoder takes in -> logits [B,1,h,w] that depend on the picture and on the prompt."""
    return maps[0].mean(1, True) + text.mean(1).reshape(-1, 1, 1, 1)
