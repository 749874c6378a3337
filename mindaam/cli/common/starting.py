"""The start of a command that predicts: what comes before the first import of MindSpore."""

from mindaam.streams import print_message


def started(model):
    """Starts loading `model` (None: the default one) in the background and configures MindSpore; returns the model's
    name or path."""
    from mindaam import graphs, runtime
    from mindaam.inference.predictor import DEFAULT_MODEL
    from mindaam.zoo import ahead

    graphs.announce(print_message)
    graphs.compile_aside()
    model = DEFAULT_MODEL if model is None else model
    ahead.begin(model)
    runtime.configure(mode="graph")  # before any other import of MindSpore, which prints lines otherwise
    return model
