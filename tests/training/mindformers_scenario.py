"""All that needs MindFormers imported, in one process because that takes long; argument: SHIPPED.

SHIPPED: the YAML file in configs/. Prints one line of JSON; works in the current folder, in which it makes `run`.
"""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import mindspore as ms
import numpy as np
import yaml

from mindaam import runtime
from mindaam.data.audio.cutting import cut_of
from mindaam.errors import ConfigError
from mindaam.training import mindformers as bridge
from mindaam.training import mindformers_data
from mindaam.training.feeding.corpus_source import AudioEncoding
from mindaam.training.optim.adamw import AdamW
from mindaam.training.optim.schedule import cosine
from tests.gold import tensor
from tests.models.tiny_video import AUDIO_WIDTH, CHANGES, NAME, SIZE, TEXT_WIDTH
from tests.training.corpus_root import make_corpus

BATCH, BATCHES, EPOCHS, CLIP = 2, 3, 2, 4
STEPS = BATCHES * EPOCHS
GOLDEN = Path(__file__).parent / "goldens" / "optim.npz"


def tiny(shipped):
    """The shipped file with a tiny model, in float32 on a CPU, as `run/tiny.yaml`."""
    data = yaml.safe_load(Path(shipped).read_text())
    changes = {key: list(value) if isinstance(value, tuple) else value for key, value in CHANGES.items()}
    changes["temporal"] = {**changes["temporal"], "clip": CLIP}
    data["model"]["model_config"].update(name=NAME, changes=changes, precision="float32")
    data["context"] = {"mode": 0, "device_target": "CPU"}
    data["output_dir"] = "run"
    data["runner_config"].update(epochs=EPOCHS, batch_size=BATCH)
    data["train_dataset"]["batch_size"] = BATCH
    data["callbacks"][1].update(save_checkpoint_steps=BATCHES, checkpoint_format="safetensors")
    Path("run").mkdir()
    path = Path("run/tiny.yaml")
    path.write_text(yaml.safe_dump(data))
    return path


def encoded(windows):
    """Embeddings of audio [n,S] -> [n,AUDIO_WIDTH]."""
    return np.repeat(windows.std(1, keepdims=True), AUDIO_WIDTH, 1).astype(np.float32)


def corpus_runs(path):
    """{kind: [checkpoints, whether the part of the model that only this kind trains is there]} of runs on a corpus."""
    text = SimpleNamespace(encode=lambda texts: np.ones((len(texts), TEXT_WIDTH), np.float32))
    mindformers_data.sentence_encoder = lambda name: text
    changes = (
        f"data_root={make_corpus(Path('data').resolve())}", "corpus={osie: 1, diem: 1, dhf1k: 1}", "unseen=[]",
        "sampling.batch_size=2", "sampling.clips=2", f"sampling.clip={CLIP}", "sampling.steps=2", "answered=2",
        "train_dataset.recipe=corpus", "runner_config.epochs=1",
    )  # fmt: skip
    found = {}
    for kind, part in (("images", "head.neck."), ("videos", "head.temporal."), ("audio", "head.fusion.")):
        config = bridge.load_config(path, (*changes, f"model.model_config.kind={kind}"))
        settings = bridge.build_network(config).aam.config
        audio = AudioEncoding(encoded, cut_of(settings.sound), False) if kind == "audio" else None
        out = Path("run", kind)
        bridge.launch(path, None, (*changes, f"model.model_config.kind={kind}"), out, audio)
        written = sorted((out / "checkpoint").rglob("*.safetensors"))
        state = ms.load_checkpoint(str(written[-1]), format="safetensors")
        found[kind] = [len(written), any(part in name for name in state)]
    return found


class Batches:
    """The same batch, three times an epoch."""

    def __len__(self):
        return BATCHES

    def __getitem__(self, index):
        rng = np.random.default_rng(0)
        truth = rng.random((BATCH, 1, *SIZE))
        arrays = (
            rng.standard_normal((BATCH, 3, *SIZE)),
            rng.standard_normal((BATCH, TEXT_WIDTH)),
            truth / truth.sum((2, 3), keepdims=True),
        )
        return tuple(array.astype(np.float32) for array in arrays)


def parameter(name, values):
    return ms.Parameter(ms.Tensor(np.asarray(values, np.float32)), name=name)


def golden_steps(optimizer_class):
    """Greatest distance from the reference's parameters after twelve steps at its rates."""
    golden = np.load(GOLDEN, allow_pickle=False)
    p, q = parameter("p", tensor("L/p", (5, 7))), parameter("q", tensor("L/q", (4,)))
    rates = ms.Tensor(golden["rates"][:12].astype(np.float32))
    optimizer = optimizer_class([{"params": [p, q], "weight_decay": 5e-3}], learning_rate=rates)
    for k in range(12):
        optimizer(ms.mutable((ms.Tensor(tensor(f"L/gp{k}", (5, 7))), ms.Tensor(tensor(f"L/gq{k}", (4,))))))
    return max(float(np.abs(one.asnumpy() - golden[name]).max()) for one, name in ((p, "p"), (q, "q")))


def scalar_step(make):
    """The value 0.5 after one step with gradient 1 at rate 0.01, or the error's first words."""
    scalar = parameter("scalar", 0.5)
    try:
        make(scalar)(ms.mutable((ms.Tensor(np.float32(1.0)),)))
    except RuntimeError as error:
        return str(error).split(",")[0]
    return float(scalar.asnumpy())


def refusals():
    """{case: message} of what is refused."""
    unknown = bridge.load_config("run/tiny.yaml")
    unknown.model.model_config.name = "aam_dinov3_vitl17"
    cases = {
        "missing": lambda: bridge.load_config("run/absent.yaml"),
        "model": lambda: bridge.build_network(unknown),
    }
    said = {}
    for case, act in cases.items():
        try:
            act()
        except ConfigError as error:
            said[case] = str(error)
    return said


def main(shipped):
    runtime.configure(mode="graph", seed=0)
    found = {}
    classes = bridge.register()
    library = bridge.mindformers()
    kinds = library.MindFormerModuleType
    found["registered"] = [
        library.MindFormerRegister.is_exist(kinds.MODELS, "AAMForTraining"),
        library.MindFormerRegister.is_exist(kinds.CONFIG, "AAMConfig"),
        bridge.register() is classes,
    ]
    large = bridge.load_config(shipped)
    found["large"] = [large.model.model_config.name, large.optimizer.type, large.context.device_target]
    path = tiny(shipped)
    config = bridge.load_config(path)
    found["ranks"] = bridge.set_up(config)

    network = bridge.build_network(config)
    found["class"] = type(network) is classes[1]
    found["names"] = sorted(p.name for p in network.trainable_params()) == sorted(
        p.name for p in network.aam.trained_parameters() if p.requires_grad
    )
    optimizer = bridge.build_optimizer(config, network, STEPS)
    found["optimized"] = len(optimizer.parameters) == len(network.trainable_params())
    found["order"] = [p.name for p in optimizer.parameters] == [p.name for p in optimizer.ours.parameters]
    found["undecayed"] = sorted(
        {p.ndim for p, decay in zip(optimizer.ours.parameters, optimizer.ours.decays, strict=True) if decay == 0}
    )
    schedule = bridge.build_schedule(config, STEPS)
    theirs = [float(schedule(ms.Tensor(k, ms.int32)).asnumpy()) for k in range(STEPS)]
    found["rates"] = float(np.abs(np.array(theirs) / [cosine(k, STEPS, 3e-4, 1e-5) for k in range(STEPS)] - 1).max())

    found["golden"] = {"ours": golden_steps(bridge.AAMAdamW), "theirs": golden_steps(library.AdamW)}
    ours = scalar_step(lambda scalar: bridge.AAMAdamW([scalar], learning_rate=0.01))
    found["scalar"] = [ours, scalar_step(lambda scalar: library.AdamW([scalar], learning_rate=0.01))]
    found["steps"] = direct_steps()
    found["refused"] = refusals()

    bridge.load_backbone = lambda model: None  # random weights do
    batches = ms.dataset.GeneratorDataset(Batches(), bridge.columns("images"), shuffle=False)
    bridge.launch(path, batches)
    found["kinds"] = corpus_runs(path)
    written = sorted(Path("run/checkpoint").rglob("*.safetensors"))
    found["checkpoints"] = len(written)
    state = ms.load_checkpoint(str(written[-1]), format="safetensors")
    found["kept"] = ["head.hierarchy.anchor" in state, any(".lora_a" in name for name in state)]
    found["moved"] = moved(state, bridge.build_network(config))
    found["folder"] = sorted(os.listdir("."))
    print("\n" + json.dumps(found))


def direct_steps():
    """Greatest difference between AAMAdamW and AdamW itself over 300 steps, where 1 - 0.999^t is most delicate."""
    start = np.linspace(-1, 1, 8, dtype=np.float32)
    one, other = parameter("one", start), parameter("other", start)
    wrapped, direct = bridge.AAMAdamW([one], learning_rate=1e-2), AdamW([([other], 0.0, 1.0)])
    rng = np.random.default_rng(0)
    for k in range(300):
        gradient = ms.Tensor(rng.standard_normal(8).astype(np.float32))
        wrapped(ms.mutable((gradient,)))
        direct(ms.mutable((gradient,)), direct.settings(k, 1e-2))
    return float(np.abs(one.asnumpy() - other.asnumpy()).max())


def moved(state, fresh):
    """Whether the anchor, which always starts as in a fresh network, has moved."""
    anchor = next(p for p in fresh.get_parameters() if p.name == "head.hierarchy.anchor")
    return bool(np.abs(state["head.hierarchy.anchor"].asnumpy() - anchor.asnumpy()).max() > 1e-5)


if __name__ == "__main__":
    main(sys.argv[1])
