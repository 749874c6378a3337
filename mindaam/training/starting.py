"""What a run starts from: the model, with the weights of another or of its encoder alone, and the audio encoder."""

from mindaam.data.audio.cutting import RATE, cut_of
from mindaam.data.packs.embeddings import EncodedBy
from mindaam.errors import ConfigError
from mindaam.models.registry import build_model, model_config
from mindaam.schema import merge
from mindaam.training.feeding.corpus_source import AudioEncoding
from mindaam.zoo.model_files import checkpoint_file
from mindaam.zoo.weights import checkpoint_config, load_backbone, load_weights

TEMPORAL = "head.temporal."  # how the names of the temporal blocks' parameters begin


def shaped_model(config):
    """The AAM of a CorpusConfig without weights. Raises ConfigError if positions are to be rescaled that its encoder
    does not compute."""
    return _shaped(config, None if config.start is None else checkpoint_file(config.start))[0]


def start_model(config):
    """The AAM of a CorpusConfig, its encoder's weights loaded, and those of the checkpoint to start from, if any."""
    # the file is looked up once: the run that it belongs to may continue meanwhile
    path = None if config.start is None else checkpoint_file(config.start)
    model, temporal = _shaped(config, path)
    if path is None:
        load_backbone(model)
    else:
        # temporal blocks that the start lacks, or has in another form, keep their initial values
        load_weights(model, path, apart=None if temporal == model.config.temporal else TEMPORAL)
    return model


def require_model(config):
    """Raises ConfigError or CheckpointError, before any data are read, for a model or a start that is not possible."""
    config.loss.require_fit(model_settings(config))


def _named(config, path):
    """(name, preset, the configuration of the checkpoint at `path`, {} for None) of a CorpusConfig's model."""
    if path is None:
        return config.model, config.preset, {}
    owner, found = checkpoint_config(path)
    theirs = found or {}
    return owner or config.model, merge(theirs, config.model_changes).get("preset", config.preset), theirs


def _shaped(config, path):
    """The AAM that starts from the checkpoint at `path`, or None, and the TemporalConfig that the latter has."""
    name, preset, theirs = _named(config, path)
    temporal = None if path is None else model_config(name, preset, theirs).temporal
    model = build_model(name, preset, changes=merge(theirs, config.model_changes))
    if config.rescale_positions is not None and not hasattr(model.backbone, "set_rescale"):
        raise ConfigError(
            f"rescale_positions: the encoder {model.config.encoder.name} learned its positions and has no coordinates "
            "to rescale, as DINOv3 has; leave the key out"
        )
    return model, temporal


def open_audio_encoding(settings, progress):
    """The AudioEncoding of a ModelConfig, or None if the weights of its audio encoder are not installed, which
    `progress.say` states."""
    from mindaam.zoo.factory import audio_encoder, is_installed

    if settings.audio is None:
        return None
    if not is_installed(settings.audio.name):
        progress.say(
            f"videos are trained and scored without audio: the weights of {settings.audio.name} are not installed"
        )
        return None
    encoder, cut = audio_encoder(settings.audio.name, settings.sound.normalise), cut_of(settings.sound)
    return AudioEncoding(
        lambda windows: encoder.encode(windows, RATE), cut, settings.sound.fusion == "released",
        encoded_by(settings),
    )  # fmt: skip


def encoded_by(settings):
    """The EncodedBy of a ModelConfig with audio; None where spectrograms are normalized over all windows of a clip, so
    that one window changes another's embedding, and for an encoder without a trusted hash."""
    from mindaam.zoo.index import record

    name = settings.audio.name
    sha256 = record(name).sha256
    if settings.sound.normalise != "window" or sha256 is None:
        return None
    return EncodedBy(encoder=name, sha256=sha256, **cut_of(settings.sound)._asdict())


def model_settings(config):
    """The ModelConfig of a CorpusConfig, without its weights."""
    name, preset, theirs = _named(config, None if config.start is None else checkpoint_file(config.start))
    return model_config(name, preset, merge(theirs, config.model_changes))
