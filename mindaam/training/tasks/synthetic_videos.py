"""The task `synthetic_videos`: a model's temporal blocks are trained on synthetic videos, all else is frozen.

So the maps of images do not change, bit for bit. A step gives the blocks one window of a video and decodes a few of its
frames: all frames of the window interact in the blocks, which are cheap, and only the few pass through the decoder,
which is not.
"""

from typing import ClassVar

from mindspore import nn, ops
from pydantic import Field, model_validator

from mindaam.data.synthetic.synthetic_videos import KINDS
from mindaam.encoders.tables import stored_parameters
from mindaam.errors import ConfigError
from mindaam.models.flops import training_flops
from mindaam.models.registry import build_model, model_config
from mindaam.objectives import task
from mindaam.schema import Few, Positive, Seed, Weight, merge
from mindaam.training.feeding.folders import open_folders
from mindaam.training.feeding.synthetic_videos import COARSER, SyntheticVideoSet, batch
from mindaam.training.reporting.dry_run import outline
from mindaam.training.tasks.one_epoch import OneEpochConfig, OneEpochTask
from mindaam.zoo.checkpoints import sha256_of
from mindaam.zoo.factory import sentence_encoder
from mindaam.zoo.model_files import checkpoint_file
from mindaam.zoo.weights import checkpoint_config, load_weights, save_trained

# ---- configuration ---------------------------------------------------------------------------------------------------


class SyntheticVideosConfig(OneEpochConfig):
    """A whole run on synthetic videos.

    start: the model whose head and adapters are kept, a name or path as in `zoo.model_files`. model_changes: its
    `temporal` section and `dynamics`. folders: the gaze folders that the videos are made from. videos: number per
    split; frames: of each. videos_seed: of the videos, null for `seed`: with a number, runs of several seeds have the
    same videos. shares: how often each kind of video is drawn relative to the others, by default 1. pairs:
    pairs of neighboring frames per step whose maps, and whose change from one to the next, are compared with the ground
    truth. change_weight: of that change in the loss.
    """

    TASK: ClassVar = "synthetic_videos"
    TINY: ClassVar = {
        "model_changes": {"temporal": {"clip": 4}},
        "videos": {"train": 5, "val": 5},
        "frames": 6,
        "pairs": 1,
        "steps": 4,
    }

    start: str
    model_changes: dict
    data_root: str | None = None
    folders: tuple[str, ...] = Field(min_length=1)
    videos: dict[str, Few]
    videos_seed: Seed | None = None
    frames: int = Field(ge=2, le=10_000)
    shares: dict[str, Positive] = {}
    pairs: Few
    change_weight: Weight

    @model_validator(mode="after")
    def _fits(self):
        if set(self.videos) != {"train", "val"}:
            raise ValueError('videos must give the numbers of "train" and of "val", 1 or more each')
        temporal = self.model_changes.get("temporal") or {}
        clip = temporal.get("clip", 16) if isinstance(temporal, dict) else None
        if not isinstance(clip, int):
            raise ValueError("model_changes.temporal must be a section, and its clip a number of frames")
        if not 2 * self.pairs < clip <= self.frames:
            raise ValueError(f"2 x pairs {self.pairs} < temporal clip {clip} <= frames {self.frames} does not hold")
        if not set(self.shares) <= set(KINDS):
            raise ValueError(f"shares must be of kinds among {', '.join(KINDS)}; got {', '.join(self.shares)}")
        return self


CONFIG = SyntheticVideosConfig


# ---- model -----------------------------------------------------------------------------------------------------------


def named_model(config, path):
    """(name, preset, changes to it) of the model that is trained, as `model_config` takes them.

    path: the checkpoint that the run starts from. Raises ConfigError without a temporal section.
    """
    owner, theirs = checkpoint_config(path)
    changes = merge(theirs or {}, config.model_changes)
    if not changes.get("temporal"):
        raise ConfigError("training on synthetic videos needs model_changes.temporal: taps, frames, heads, clip")
    return owner or config.start, changes.get("preset", "paper"), changes


def shaped_model(config, path):
    """The AAM without weights, its temporal blocks alone trainable."""
    name, preset, changes = named_model(config, path)
    model = build_model(name, preset, changes=changes)
    for parameter in model.get_parameters():
        parameter.requires_grad = False
    for _, parameter in stored_parameters(model.head.temporal):
        parameter.requires_grad = True
    return model


# ---- objective -------------------------------------------------------------------------------------------------------


class SyntheticVideosObjective(nn.Cell):
    """KLD - CC - SIM of a window's chosen frames plus `change_weight` times the difference of their change, all times
    `scale`; and the terms [5]: the loss, KLD, CC, SIM, the difference."""

    def __init__(self, model, change_weight):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.change_weight = change_weight
        self.head, self.size = model.head, tuple(model.config.image_size)
        self.widths = model.config.head.neck_widths
        self.coarser = nn.AvgPool2d(COARSER, COARSER)

    def construct(self, scale, together, embeddings, truth, chosen):
        """The neck's maps side by side [T,sum of C_i,h,w]; embeddings [K,E]; truth [K,1,h,w]; chosen [K] frames, in
        pairs; scale [] -> [], [5]."""
        maps = ops.split(together, self.widths, 1)
        few = tuple([ops.gather(each, chosen, 0) for each in self.head.along_video(maps)])
        prediction = self.coarser(self.head.from_maps(few, embeddings, self.size)[0])
        kld, cc = task.kld(prediction, truth), task.cc(prediction, truth)
        similarity, change = task.similarity(prediction, truth), change_difference(prediction, truth)
        loss = kld - cc - similarity + self.change_weight * change
        return loss * scale, ops.stack((loss, kld, cc, similarity, change))


def change_difference(maps, truths):
    """Half the L1 distance between the frame-to-frame changes of maps and ground truth, mean over pairs.

    maps, truths: [2K,1,h,w], K pairs of neighboring frames in a row, each scaled here to sum 1. Where nothing moves it
    is the flicker; a map that lags behind a cut or a moving camera differs as much as one that flickers.
    """
    moved = []
    for each in (maps, truths):
        pairs = (each / each.sum((1, 2, 3), keepdims=True)).reshape((-1, 2, each.shape[2] * each.shape[3]))
        moved.append(pairs[:, 1] - pairs[:, 0])
    return 0.5 * ops.abs(moved[0] - moved[1]).sum(1).mean()


# ---- task ------------------------------------------------------------------------------------------------------------


def open_task(config, setup):
    """The SyntheticVideosTask of a SyntheticVideosConfig; setup: Setup. Raises ConfigError or InputError, each a
    sentence; the feature maps of all frames are computed here, or read from the run's folder."""
    source = checkpoint_file(config.start)
    model_config(*named_model(config, source))  # refused before any data are read
    folders = {split: open_folders(config, split, None) for split in config.videos}
    model = shaped_model(config, source)
    load_weights(model, source, apart="head.temporal.")  # temporal blocks start from their initial values
    model.set_train(False)
    seed = config.seed if config.videos_seed is None else config.videos_seed
    encode, origin = sentence_encoder(model.config.text.name).encode, sha256_of(source)

    def neck_maps(image):
        return model.video.maps(model.image_features(image))[0]

    def videos(split):
        def report(variant, done, total, pace):
            setup.progress.passing(f"maps of {split}: {done}/{total}, {pace:.2f} s per frame")

        return SyntheticVideoSet(
            model.config, folders[split], split, config.videos[split], config.frames, seed + (split == "val"),
            setup.features or setup.folder / "maps", origin, neck_maps, encode, report,
        )  # fmt: skip

    return SyntheticVideosTask(config, model, videos("train"), videos("val"))


class SyntheticVideosTask(OneEpochTask):
    """Steps of one window each. train, held: SyntheticVideoSets; the model can be scored on the second afterwards."""

    terms = ("loss", "kld", "cc", "sim", "change")

    def __init__(self, config, model, train, held):
        objective = SyntheticVideosObjective(model, config.change_weight)
        super().__init__(config, "temporal", model.head.temporal, objective)
        self.model, self.train, self.held, self.fingerprint = model, train, held, train.fingerprint

    def parameters(self):
        """All that a checkpoint of an AAM holds, so that a run's checkpoint is a model as well."""
        return self.model.trained_parameters()

    def batch(self, number):
        """A step's window."""
        clip = self.model.config.temporal.clip
        arrays, index = batch(self.train, self.config, clip, number)
        return arrays, clip, (f"video {index}, {self.train.specs[index].kind}",)

    def finish(self, folder, best):
        """Writes model.safetensors, as `create_model` takes it."""
        self.model.set_train(False)
        save_trained(self.model, folder / "model.safetensors")
        return []


def dry_run(config):
    """What such a run would do, as text; of the data and weights, only the header of `start` is read."""
    model = shaped_model(config, checkpoint_file(config.start))
    # frames pass through backbone and neck once, before the steps
    whole = training_flops(model, model.config.temporal.clip, 2 * config.pairs)
    return outline(model, config, {"videos": {part: whole[part] for part in ("temporal", "hierarchy", "decoder")}})
