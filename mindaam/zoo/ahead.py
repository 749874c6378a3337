"""Encoders that are read and verified in a thread while MindSpore is imported, which leaves the other cores idle."""

from threading import Thread

from mindaam.models.registry import list_models, model_config
from mindaam.zoo.checkpoints import read_all
from mindaam.zoo.index import verified

_begun = {}  # name of an encoder: its Reading


class Reading(Thread):
    """A thread that reads the encoder of that name."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.encoder, self.result, self.error = name, None, None
        self.start()

    def run(self):
        """Reads the file, in the thread."""
        try:
            self.result = _read(self.encoder)
        except Exception as error:  # raised where the encoder is needed
            self.error = error


def begin(model):
    """Begins to read the encoder of the model of that name, to be used by the next `read`; does nothing for a path."""
    if model in list_models():
        name = model_config(model).encoder.name
        if name not in _begun or _begun[name].error:  # its file may have come since
            _begun[name] = Reading(name)


def read(name):
    """(path, arrays, metadata) of the verified encoder of that name. Raises CheckpointError as `index.verified`."""
    reading = _begun.pop(name, None)
    if reading is None:
        return _read(name)
    reading.join()
    if reading.error is not None:
        raise reading.error
    return reading.result or _read(name)  # a fork has no such thread


def _read(name):
    path = verified(name)
    return path, *read_all(path)
