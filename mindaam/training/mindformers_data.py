"""The data of `mindaam train` as a dataset that MindFormers builds by its registry: one kind of step per run."""

from mindspore.dataset import GeneratorDataset

from mindaam.data.packs.fitting import require_fit
from mindaam.data.sampling.plan import SamplerState, steps_in
from mindaam.errors import ConfigError, unknown
from mindaam.places import recipe
from mindaam.training.feeding.corpus import modality, open_data
from mindaam.training.feeding.corpus_source import CLIPS, CLIPS_WITH_AUDIO, IMAGES, CorpusSource
from mindaam.training.reporting.progress import Progress
from mindaam.training.starting import open_audio_encoding
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.zoo.factory import sentence_encoder

KINDS = {"images": IMAGES, "videos": CLIPS, "audio": CLIPS_WITH_AUDIO}  # in YAML: the kind of step
_MODALITIES = {"images": ("image",), "videos": ("video", "audio_video"), "audio": ("audio_video",)}
_COLUMNS = ("images", "embeddings", "truth", "answered", "audio", "attacked", "sparsity")
_COUNTS = {"images": 3, "videos": 4, "audio": 7}  # of _COLUMNS


def columns(kind):
    """The columns of a dataset of that kind, under the names and in the order in which AAMForTraining takes them."""
    if kind not in KINDS:
        raise unknown("kind of step", kind, KINDS)
    return list(_COLUMNS[: _COUNTS[kind]])


class Steps:
    """The arrays of a CorpusSource with steps of one kind, one epoch per iteration, for GeneratorDataset. A row is a
    part of a step: a micro-batch of images, or a clip; all epochs have the length of the first."""

    def __init__(self, source, kind):
        self.source, self.epoch = source, 0
        self.length = steps_in(source.plan, 0) * source.kinds()[KINDS[kind]]

    def __len__(self):
        return self.length

    def __iter__(self):
        first, self.epoch = self.epoch, self.epoch + 1
        for part in self.source.parts(SamplerState(first, 0), first + 1):
            yield part.arrays


def corpus_dataset(kind, recipe_name, changes, settings, world, audio_encoding=None):
    """A GeneratorDataset with the `columns` of a kind: the steps that this rank of `mindaam train` takes.

    recipe_name, changes: a configuration of the task corpus and its KEY=VALUE; only data of the kind are drawn, from
    the first epoch on, and the model in it is not used. settings: ModelConfig of the model; world: World.
    Raises ConfigError, or InputError for data that cannot be used or are not there.
    """
    names, progress = columns(kind), Progress(0, quiet=not world.is_first)
    config = CorpusConfig.load(recipe(recipe_name), list(changes))
    if kind == "audio":
        audio_encoding = audio_encoding or open_audio_encoding(settings, progress)
        if audio_encoding is None:
            raise ConfigError("steps with audio need a model with an audio branch, and the weights of its encoder")
    else:
        audio_encoding = None
    corpus, weights = open_data(config, False, progress)
    readers = {name: each for name, each in corpus.train.items() if modality(name, each) in _MODALITIES[kind]}
    if not readers:
        raise ConfigError(f"the data have no training split of {kind}; choose another train_dataset, or model kind")
    if kind != "images" and config.sampling.clip != settings.temporal.clip:
        raise ConfigError(
            f"sampling.clip is {config.sampling.clip} and the model's temporal.clip {settings.temporal.clip}: a clip "
            "in training must be as long as in prediction"
        )
    for reader in readers.values():
        require_fit(reader, settings.image_size, settings.resize)
    weights = {name: weight for name, weight in {**config.sampling.weights, **weights}.items() if name in readers}
    sampling = config.sampling.model_copy(update={"weights": weights, "audio_visual_after": 0})
    config = config.model_copy(update={"sampling": sampling, "warm_start": 0})
    problem = config.problem_with_ranks(world.size, images=kind == "images", videos=kind != "images")
    if problem:
        raise ConfigError(problem)
    encode = sentence_encoder(settings.text.name).encode
    source = CorpusSource(
        readers, config, settings, encode, audio_encoding=audio_encoding, world=(world.rank, world.size)
    )
    return GeneratorDataset(Steps(source, kind), names, shuffle=False, python_multiprocessing=False)
