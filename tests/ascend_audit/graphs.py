"""The package's graphs in their Ascend form, compiled on a CPU up to the validated graph and listed; nothing runs.

Widths and depths are small: they change no primitive, but how often it occurs. S and L differ in them alone
(`test_audit` checks it), so one model stands for both.
"""

from collections import Counter, defaultdict

import mindspore as ms
import numpy as np
from mindspore.common.api import _cell_graph_executor as executor
from mindspore.train.mind_ir_pb2 import ModelProto, TensorProto

from mindaam.encoders.lora import merge_lora
from mindaam.kernels import device
from mindaam.models.one_graph import MapGraph
from mindaam.models.registry import build_model
from mindaam.training.feeding.corpus_source import CLIPS_WITH_AUDIO, IMAGES
from mindaam.training.ranks.distributed import BUCKET, World, gradient_reducer
from mindaam.training.step import TrainStep
from mindaam.training.tasks.corpus_config import CorpusConfig
from mindaam.training.tasks.corpus_objective import TAKING_PART, CorpusObjective, optimizers, prepare

MODELS = {"S": "aam_dinov3_vits16", "L": "aam_dinov3_vitl16"}
PRESETS = ("paper", "released")
SIZE, FRAMES, ANSWERED = (64, 96), 4, 2
SMALL = {
    "image_size": SIZE,
    "encoder": {"width": 128, "depth": 4, "heads": 2, "taps": [0, 1, 2, 3]},
    "lora": {"rank": 2, "last_n_blocks": 4},
    "audio": {"width": 12, "attention_width": 8, "heads": 2},
    "temporal": {"frames": 6, "heads": 4, "mlp_ratio": 2},
}
FREE = ("Return", "Depend", "Load", "UpdateState", "MakeTuple", "TupleGetItem", "Reshape")  # no kernel is launched
TYPES = {number: name.lower() for name, number in TensorProto.DataType.items()}
MODEL_GRAPHS = tuple(
    f"{kind}, {preset}" for preset in PRESETS for kind in ("image", "window", "image step", "clip step")
)
MEANS = "means over two ranks"  # of gradients, which a step of several ranks has beside the graph of one
GRAPHS = (*MODEL_GRAPHS, MEANS)


def listed(name):
    """{primitive: (how often, types of its results)} of one of GRAPHS."""
    device.target = lambda: "Ascend"
    ms.set_context(mode=ms.GRAPH_MODE)
    if name == MEANS:
        return primitives(*means())
    kind, preset = name.split(", ")
    model = build_model(MODELS["S"], preset, changes=SMALL)
    cell, inputs = (step if kind.endswith("step") else inference)(model, kind)
    return primitives(cell, *inputs)


def inference(model, kind):
    """The graph that is exported, of a batch of two images or of a window with audio; and its inputs."""
    merge_lora(model.backbone)
    model.set_train(False)
    if kind == "image":
        return MapGraph(model, SIZE), (zeros(2, 3, *SIZE), zeros(2, model.config.text.width))
    inputs = zeros(FRAMES, 3, *SIZE), zeros(1, model.config.text.width), audio(model)
    return MapGraph(model, SIZE, clip=True), inputs


def step(model, kind):
    """A step of the task `corpus` with a backbone in bfloat16, of images or of a clip with audio; and its inputs."""
    config = CorpusConfig(
        model=model.config.name, corpus=None, epochs=1, precision="bfloat16", clip_norm=1.0,
        schedule={"kind": "constant", "learning_rate": 1e-3},
    )  # fmt: skip
    prepare(model, config.precision)
    kind, text = IMAGES if kind == "image step" else CLIPS_WITH_AUDIO, model.config.text.width
    moved = [optimizers(model, config)[name] for name in TAKING_PART[kind]]
    cell = TrainStep(model, CorpusObjective(model, config.loss, kind), moved, clip_norm=config.clip_norm)
    count, shown = (2, 2) if kind == IMAGES else (FRAMES, ANSWERED)
    arrays = [zeros(count, 3, *SIZE), zeros(shown, text), zeros(shown, 1, *SIZE)]
    if kind != IMAGES:
        arrays += [ms.Tensor(np.arange(shown, dtype=np.int32)), audio(model), zeros(FRAMES), zeros()]
    return cell.set_train(), (zeros(len(moved), 3), zeros(), True, *arrays)


def means():
    """The graph that averages gradients, in two buckets, and its input. No other rank is needed to compile it."""
    gradients = [zeros(3, 2), zeros(5), zeros(BUCKET)]
    parameters = [ms.Parameter(each, name=str(i)) for i, each in enumerate(gradients)]
    return gradient_reducer(parameters, World(0, 2)), ms.mutable(tuple(gradients))


def zeros(*shape):
    return ms.Tensor(np.zeros(shape, np.float32))


def audio(model):
    """Embeddings of the audio of FRAMES frames."""
    windows = () if model.config.sound.fusion == "released" else (model.config.sound.tokens,)
    return zeros(FRAMES, *windows, model.config.audio.width)


def primitives(cell, *inputs):
    """{primitive: (how often, types of its results)} of the validated graph of a Cell, its backward pass included."""
    graph, _ = executor.compile(cell, *inputs, phase="export.mindir", do_convert=False)
    model = ModelProto()
    model.ParseFromString(executor._get_func_graph_proto(cell, graph, "mind_ir"))
    counts, types = Counter(), defaultdict(set)
    for function in (model.graph, *model.functions):
        for node in function.node:
            name = node.op_type.removeprefix("REF::").partition(":")[0]
            if name == "Constant":  # a value
                continue
            counts[name] += 1
            types[name] |= {TYPES[each.data_type] for given in node.attribute for each in given.tensors}
    return {name: (counts[name], sorted(types[name])) for name in sorted(counts)}
