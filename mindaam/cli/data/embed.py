"""`mindaam data embed`: the audio of packed videos, encoded once for a training configuration."""

from typing import Annotated

from typer import Argument

from mindaam.cli.common.terminal import progress
from mindaam.streams import print_line

CONFIG = "A bundled configuration, such as corpus, or a YAML file."


def embed(
    config: Annotated[str, Argument(metavar="CONFIG", help=CONFIG)],
    overrides: Annotated[list[str] | None, Argument(metavar="KEY=VALUE", help="Values that override CONFIG.")] = None,
):
    """Encode the audio of all packs in data_root once, as CONFIG does, so that training need not encode it."""
    from mindaam import runtime
    from mindaam.data.audio.cutting import RATE
    from mindaam.data.packs.embedding import embed as write
    from mindaam.training.starting import encoded_by, model_settings
    from mindaam.training.tasks.corpus_config import CorpusConfig
    from mindaam.zoo.factory import audio_encoder

    config = _of_corpus(CorpusConfig, config, overrides or ())
    settings = model_settings(config)
    _require_separate(settings)
    packs = _packs_with_audio(config)
    runtime.configure(mode="graph")
    encoder = audio_encoder(settings.audio.name)  # CheckpointError if it is not installed
    for reader in packs:
        videos = {name for index, (name, _) in enumerate(reader.entries) if reader.has_audio(index)}
        with progress(len(videos), f"embedding {reader.root.name}") as bars:
            count = write(reader, encoded_by(settings), lambda windows: encoder.encode(windows, RATE), bars.step)
        print_line(f"{reader.root}: {count:,} windows of {len(videos)} video{'s' * (len(videos) != 1)} embedded")


def _of_corpus(schema, config, overrides):
    """The CorpusConfig of a file; ConfigError for a configuration of another task."""
    from mindaam.errors import ConfigError
    from mindaam.places import recipe
    from mindaam.schema import read_yaml

    path = recipe(config)
    if "corpus" not in read_yaml(path):
        raise ConfigError(f"{path} does not train on a corpus; give a configuration with a corpus section")
    return schema.load(path, overrides)


def _require_separate(settings):
    """ConfigError for a model without audio, or one window of whose audio changes the embedding of another."""
    from mindaam.errors import ConfigError

    if settings.audio is None:
        raise ConfigError("the model of this configuration has no audio section, so there is nothing to embed")
    if settings.sound.normalise != "window":
        raise ConfigError(
            "the model of this configuration normalizes the audio of a whole clip (normalise: batch, as released), so "
            "it cannot be embedded window by window; it is encoded in training"
        )


def _packs_with_audio(config):
    """The readers of all packs of videos with audio under data_root; InputError without any."""
    from mindaam.data.datasets.finding import pack_folders
    from mindaam.data.datasets.readers.packed import open_packed
    from mindaam.errors import InputError
    from mindaam.training.feeding.folders import data_root

    readers = [open_packed(folder) for folder in pack_folders(data_root(config))]
    found = [each for each in readers if each.is_video and any(map(each.has_audio, range(len(each))))]
    if not found:
        raise InputError(f"{data_root(config)} contains no pack of videos with audio; make it with `mindaam data pack`")
    return found
