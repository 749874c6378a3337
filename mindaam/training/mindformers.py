"""AAM for MindFormers: its registry, its YAML, its optimizers and schedules, its context for Ascend, its Trainer.

    mindaam train configs/mindformers/aam_dinov3_vitl16.yaml --mindformers --data PACKS

MindFormers is imported here alone, inside functions: it takes long, and everything else works without it. All of this
has been run on a CPU with a tiny model, on images, videos and videos with audio. On Ascend, for which it is meant, it
has NOT BEEN RUN, and neither with several ranks.
"""

import atexit
import functools
import importlib
import math
import os
import re
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

import mindspore as ms
from mindspore import nn, ops

from mindaam import runtime, yaml_files
from mindaam.errors import ConfigError, InputError
from mindaam.models.aam import AAM
from mindaam.models.registry import model_config
from mindaam.schema import mapping, merge, validate
from mindaam.training.config import LossConfig
from mindaam.training.mindformers_data import KINDS, columns, corpus_dataset
from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.groups import GroupsConfig, groups
from mindaam.training.ranks import distributed
from mindaam.training.ranks.distributed import World
from mindaam.training.tasks.corpus_objective import CorpusObjective, prepare
from mindaam.turns import turn
from mindaam.zoo.model_files import checkpoint_file
from mindaam.zoo.weights import load_backbone, load_weights

RELEASE, MINDSPORE = "1.9", "2.9"  # a pair: each MindFormers release is for one MindSpore
CORPUS = "AAMCorpus"  # the type of a dataset in its YAML: the data of `mindaam train`
WITHOUT = {"images": {"temporal": None, "audio": None}, "videos": {"audio": None}, "audio": {}}  # of kinds: not trained


def mindformers():
    """The imported MindFormers. Raises ConfigError when it, or the MindSpore that belongs to it, is not there."""
    for name, wanted in (("mindformers", RELEASE), ("mindspore", MINDSPORE)):
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            raise ConfigError(_advice(f"{name} is not installed")) from None
        if found.split(".")[:2] != wanted.split("."):
            raise ConfigError(_advice(f"{name} {found} is installed"))
    if "LOCAL_DEFAULT_PATH" not in os.environ:
        # on import it makes its log files there; without the variable, in ./output
        place = tempfile.mkdtemp(prefix="mindformers-")
        os.environ["LOCAL_DEFAULT_PATH"] = place
        atexit.register(shutil.rmtree, place, ignore_errors=True)
    try:
        return importlib.import_module("mindformers")
    except ImportError as error:
        raise ConfigError(_advice(f"MindFormers cannot be imported ({' '.join(str(error).split())})")) from error


def _advice(problem):
    return (
        f"{problem}; this needs MindFormers {RELEASE} with MindSpore {MINDSPORE}: "
        f"pip install 'mindformers=={RELEASE}.*' 'mindspore=={MINDSPORE}.*', or train without --mindformers"
    )


class AAMAdamW(nn.Optimizer):
    """Our AdamW as MindFormers takes an optimizer.

    MindFormers' own is as accurate, but fails on parameters without an axis, such as an AAM's curvatures and scales,
    and takes more than twice as long on a CPU. params: list of Parameter, or of dicts with "params" and "weight_decay".
    """

    def __init__(self, params, learning_rate=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        given = params if isinstance(params[0], dict) else [{"params": params}]
        ours = [(list(each["params"]), each.get("weight_decay", weight_decay), 1.0) for each in given]
        super().__init__(learning_rate, params, weight_decay)
        self.ours, self.eps = AdamW(ours, tuple(betas), eps), eps
        self.logarithms = [math.log(beta) for beta in betas]

    def construct(self, gradients):
        """Moves every parameter once, and counts the step; gradients in the order of the parameters."""
        rate = self.get_lr().astype(ms.float32).reshape(())
        self.assignadd(self.global_step, self.global_step_increase_tensor)
        step = self.global_step.astype(ms.float32).reshape(())
        first = -ops.expm1(step * self.logarithms[0])  # 1 - beta^step, with all of float32's digits
        root = ops.sqrt(-ops.expm1(step * self.logarithms[1]))
        return self.ours(gradients, ops.stack((rate * root / first, self.eps * root, rate)))


class AAMTrainStep(nn.TrainOneStepCell):
    """Loss, gradients, update: MFTrainOneStepCell without its loss scale, which bfloat16 and float32 do not need.

    Unlike the other, whose check for overflow has no kernel there, it runs on a CPU.
    """

    def __init__(self, network, optimizer, **of_other_wrappers):
        super().__init__(network, optimizer)

    def __call__(self, *inputs):
        """One step: the loss, float32 []; inputs as those of AAMForTraining."""
        with turn():  # the thread that reads ahead computes too: embeddings of audio
            return super().__call__(*inputs)


@functools.cache
def register():
    """Makes AAMConfig and AAMForTraining known to MindFormers, once; returns both classes. Errors as `mindformers`."""
    library = mindformers()

    class AAMConfig(library.PretrainedConfig):
        """Which AAM, as `model_config` takes it, the kind of its steps (`mindformers_data.KINDS`), the type that its
        backbone computes in (`corpus_objective.PRECISIONS`), and the weights of the loss (LossConfig)."""

        model_type = "aam"

        def __init__(
            self, name="aam_dinov3_vitl16", preset="paper", changes=None, loss=None, kind="images",
            precision="float32", **known_to_mindformers,
        ):  # fmt: skip
            super().__init__(**known_to_mindformers)
            self.name, self.preset, self.kind, self.precision = name, preset, kind, precision
            self.changes, self.loss = _plain(changes), _plain(loss)

    class AAMForTraining(library.PreTrainedModel):
        """AAM under its loss, on steps of one kind, the form in which MindFormers trains a network."""

        config_class = AAMConfig
        base_model_prefix = "aam"

        def __init__(self, config):
            super().__init__(config, auto_prefix=False)  # the parameters keep AAM's names
            weights = validate(LossConfig, config.loss, "model_config.loss")
            columns(config.kind)  # refuses an unknown one
            changes = merge(config.changes, WITHOUT[config.kind])
            self.aam = AAM(model_config(config.name, config.preset, changes))
            weights.require_fit(self.aam.config)
            if config.kind != "images" and self.aam.config.temporal is None:
                raise ConfigError(f"steps of {config.kind} need a model with a section temporal; see model_config")
            prepare(self.aam, config.precision)
            self.objective = CorpusObjective(self.aam, weights, KINDS[config.kind])
            self.scale = ms.Tensor(1.0, ms.float32)

        def construct(self, images, embeddings, truth, answered=None, audio=None, attacked=None, sparsity=None):
            """What `CorpusObjective` takes after `scale` for steps of the kind -> the loss, float32 []."""
            loss, _ = self.objective(self.scale, images, embeddings, truth, answered, audio, attacked, sparsity)
            return loss

    kinds = library.MindFormerModuleType
    library.MindFormerRegister.register_cls(AAMConfig, kinds.CONFIG)
    library.MindFormerRegister.register_cls(AAMForTraining, kinds.MODELS)
    library.MindFormerRegister.register_cls(AAMAdamW, kinds.OPTIMIZER)
    library.MindFormerRegister.register_cls(AAMTrainStep, kinds.WRAPPER)
    library.MindFormerRegister.register_cls(corpus_dataset, kinds.DATASET, alias=CORPUS)
    return AAMConfig, AAMForTraining


def _plain(section):
    """A section of MindFormers' configuration, in which a missing key reads as None, as ordinary dicts."""
    return {key: _plain(value) if isinstance(value, dict) else value for key, value in dict(section or {}).items()}


def load_config(path, changes=(), out=None):
    """The MindFormerConfig in a YAML file, MindFormers' defaults filled in. Raises ConfigError when it cannot be.

    changes: KEY=VALUE; one whose key begins with a section of the file and a dot, as in runner_config.epochs=2, changes
    the file, any other the recipe of its dataset. out: its output_dir.
    """
    register()
    if not os.path.isfile(path) or Path(path).suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{path} is not a YAML file that exists; configs/mindformers has one to start from")
    mapping(yaml_files.read(path), path)  # MindFormers' own reader has no bounds
    try:
        config = mindformers().MindFormerConfig(str(path))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"MindFormers does not take {path}: {' '.join(str(error).split())}") from error
    for section in ("model", "optimizer", "lr_schedule"):
        if not config.get(section):
            raise ConfigError(f"{path} has no section {section}")
    of_recipe = []
    for change in changes:
        key, _, value = change.partition("=")
        section, dot, _ = key.partition(".")
        if dot and section in config:
            config.merge_from_dict({key: yaml_files.parse(value, f"the value of {key}")})
        else:
            of_recipe.append(change)
    if out is not None:
        config.output_dir = str(out)
    config.recipe_changes = of_recipe
    return config


def build_network(config):
    """The network of a `load_config`, with its initial values: AAMForTraining.

    Raises ConfigError for a model that does not exist or cannot be.
    """
    register()
    from mindformers.models.build_model import build_model

    try:
        return build_model(config.model)
    except ValueError as error:  # of MindFormers' registry, for an unknown class
        raise ConfigError(f"MindFormers cannot build the model: {' '.join(str(error).split())}") from error


def build_schedule(config, steps):
    """MindFormers' schedule of a `load_config`, a Cell from step to rate; steps: of the run, if it is -1 there."""
    mindformers()
    from mindformers.core.lr import build_lr

    section = config.lr_schedule.copy()
    if section.get("total_steps") in (None, -1):
        section["total_steps"] = steps
    return build_lr(section)


def build_optimizer(config, network, steps):
    """MindFormers' optimizer over the trained parameters of AAMForTraining, in the groups of `parameter_groups`.

    Its own rule for what is decayed ignores parameters without an axis, so curvatures and scales would be decayed.
    """
    mindformers()
    from mindformers.core.optim import build_optim

    found = groups(network.aam, GroupsConfig(weight_decay=config.optimizer.weight_decay or 0.0))
    parameters = [{"params": each.parameters, "weight_decay": each.weight_decay} for each in found]
    section = config.optimizer.copy()
    return build_optim(section, default_args={"params": parameters, "learning_rate": build_schedule(config, steps)})


def set_up(config):
    """Sets MindSpore up as the `context` and `parallel` sections say, by MindFormers: device, memory, ranks.

    It takes the place of `runtime.configure` on Ascend. Returns the World of this rank.
    """
    mindformers()
    from mindformers.core.context import build_context

    context = build_context(config)
    if config.context.device_target == "Ascend":
        runtime.keep_float32(ms.device_context.ascend.op_precision)
    return World(context.rank_id, context.device_num)


def build_data(config, network, world, audio_encoding=None):
    """The dataset of a `load_config`, by MindFormers' registry: its section train_dataset, for this rank of the World.

    network: AAMForTraining; audio_encoding: AudioEncoding, None for that of the model.
    """
    mindformers()
    from mindformers.dataset.build_dataset import build_dataset

    section = config.train_dataset
    if section.get("type") != CORPUS:
        raise ConfigError(f"train_dataset.type is {section.get('type')}: it must be {CORPUS}")
    given = {
        "type": CORPUS, "kind": network.config.kind, "recipe_name": section.recipe,
        "changes": [*(section.changes or ()), *config.recipe_changes],
    }  # fmt: skip
    return build_dataset(
        given, default_args={"settings": network.aam.config, "world": world, "audio_encoding": audio_encoding}
    )


def launch(path, dataset=None, changes=(), out=None, audio_encoding=None):
    """Trains by MindFormers' Trainer. NOT RUN on Ascend, or with several ranks; on one CPU with a tiny model it was.

    path: a YAML file such as configs/mindformers/aam_dinov3_vitl16.yaml; changes, out: as in `load_config`. dataset: a
    MindSpore Dataset with the columns that AAMForTraining takes, this rank's own part of the data; None for that of the
    section train_dataset. Checkpoints are MindFormers' own, in its output_dir. Raises ConfigError, InputError or
    CheckpointError.
    """
    config = load_config(path, changes, out)
    kind = config.model.model_config.kind or "images"
    config.train_dataset.input_columns = columns(kind)
    world = set_up(config)
    network = build_network(config)
    start = config.model.model_config.checkpoint_name_or_path
    if start:
        load_weights(network.aam, checkpoint_file(start))
    else:
        load_backbone(network.aam)
    distributed.broadcast(network.aam.trained_parameters(), world)
    if dataset is None:
        dataset = build_data(config, network, world, audio_encoding)
    steps = config.runner_config.epochs * dataset.get_dataset_size()
    optimizer = build_optimizer(config, network, steps)
    network.set_train(True)
    try:
        mindformers().Trainer(args=config, model=network, optimizers=optimizer, train_dataset=dataset).train()
    except RuntimeError as error:
        found = _of_data(error)
        if found is None:
            raise
        raise found from error


def _of_data(error):
    """The InputError for an error of this package that MindSpore's dataset wrapped into a trace; None for others."""
    found = re.search(r"^(?:MindAAM|Input|Config)Error: (.+)$", str(error), re.MULTILINE)
    return InputError(found[1]) if found else None
