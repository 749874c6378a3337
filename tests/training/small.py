"""A training run small enough for tests: made-up gaze, a shrunken model, and stand-ins for both frozen encoders."""

import gzip
import json
import zlib

import cv2
import mindspore as ms
import numpy as np
import yaml
from mindspore import Parameter, nn, ops

from mindaam.encoders.tables import stored_parameters
from mindaam.geometry.cells import BoundedScalar
from mindaam.models.registry import build_model
from mindaam.training.tasks import phases

NAME = "aam_dinov2_vits14"
SIZE = (28, 42)
TEXT_WIDTH = 24
TRAIN, VAL = ("a.png", "b.png", "c.png", "d.png"), ("e.png", "f.png")
TASKS = ("count_people", "judge_emotion")
STORED = (40, 60)  # height and width of the pictures
MODEL = {
    "image_size": list(SIZE),
    "encoder": {"width": 32, "depth": 4, "heads": 2, "taps": [0, 1, 2, 3]},
    "text": {"width": TEXT_WIDTH},
    "lora": {"rank": 2, "last_n_blocks": 2},
    "head": {"neck_widths": [8, 8, 8, 8], "start_width": 8, "stage_widths": [8, 8, 8], "gaussians": 2},
}
FROZEN = {
    "name": "frozen", "epochs": 1, "adapt": False, "learning_rate": 1e-2, "final_rate": 1e-3, "warmup_steps": 2,
}  # fmt: skip
ADAPTED = {**FROZEN, "name": "adapted", "adapt": True, "learning_rate": 5e-3, "rate_factor_lora": 0.5}
CONFIG = {
    "model": NAME,
    "model_changes": MODEL,
    "folders": {"osie": 4, "taskfix": 2},
    "batch_size": 2,
    "phases": [FROZEN, ADAPTED],
    "optimizer": {"weight_decay": 5e-3},
    "checkpoint_every": 3,
}


def _pictures(root, rng):
    (root / "stimuli").mkdir(parents=True)
    for name in (*TRAIN, *VAL):
        coarse = rng.integers(0, 256, (5, 7, 3), np.uint8)
        cv2.imwrite(str(root / "stimuli" / name), cv2.resize(coarse, STORED[::-1], interpolation=cv2.INTER_CUBIC))
    (root / "splits.json").write_text(json.dumps({"train": TRAIN, "val": VAL}))


def _meta(root, conditions, **more):
    images = {name: {"size": STORED[::-1]} for name in (*TRAIN, *VAL)}
    meta = {"name": root.name, "conditions": dict.fromkeys(conditions, ""), "images": images, **more}
    (root / "meta.json").write_text(json.dumps(meta))


def make_gaze(place):
    """Two gaze folders of four training and two validation pictures: osie with fixations, taskfix with two tasks."""
    rng = np.random.default_rng(0)
    osie, taskfix = place / "osie", place / "taskfix"
    _pictures(osie, rng)
    _meta(osie, ["free_viewing"], px_per_degree_stored=5.0)
    rows = ["image,subject,condition,x,y"]
    for name in (*TRAIN, *VAL):
        for x, y in rng.uniform(0, 1, (6, 2)) * STORED[::-1]:
            rows.append(f"{name},s01,free_viewing,{x:.1f},{y:.1f}")
    (osie / "fixations.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    _pictures(taskfix, rng)
    _meta(taskfix, TASKS)
    for task in TASKS:
        (taskfix / "maps" / task).mkdir(parents=True)
        for name in (*TRAIN, *VAL):
            density = cv2.resize(rng.integers(0, 256, (4, 6), np.uint8), STORED[::-1])
            cv2.imwrite(str(taskfix / "maps" / task / name), density)
    return place


def write_config(place, **changes):
    """Path of a YAML file with CONFIG and its changes."""
    path = place / "small.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, **changes}))
    return path


class FakeSentenceEncoder:
    """A sentence's embedding is normal numbers drawn by its text."""

    def encode(self, sentences):
        draws = [np.random.default_rng(zlib.crc32(text.encode())).standard_normal(TEXT_WIDTH) for text in sentences]
        return np.array(draws, np.float32).reshape(-1, TEXT_WIDTH)


def fill_backbone(model):
    """Stand-in for `load_backbone`: normal numbers drawn by each parameter's name; the adapters keep their values."""
    for name, parameter in stored_parameters(model.backbone):
        if "lora" not in name:
            rng = np.random.default_rng(zlib.crc32(name.replace(".base.", ".").encode()))
            value = rng.standard_normal(parameter.shape) * (parameter.shape[-1] ** -0.5)
            parameter.set_data(ms.Tensor((value + name.endswith("gamma")).astype(np.float32)))
    model.backbone.set_image_size(model.config.image_size)


class SmallHead(nn.Cell):
    """Takes in and gives back what the real head does, and compiles in a fifth of its time."""

    def __init__(self, config):
        super().__init__()
        width, text, point = config.encoder.width, config.text.width, 4
        self.taps = nn.CellList([nn.Dense(width, 1) for _ in range(4)])
        self.by_sentence = nn.Dense(text, 1)
        self.image, self.text = nn.Dense(width, point), nn.Dense(text, point)
        self.anchor = Parameter(ms.Tensor(np.full((1, point), 0.1, np.float32)), name="anchor")
        self.curvature = BoundedScalar(0.0, -0.001, 0.001)

    def neck(self, features, grid):
        """Features [B,N,D] of four taps -> maps [B,1,h,w] of each, and the mean [B,D,1,1] of the deepest."""
        maps = tuple(self.taps[i](features[i]).reshape((-1, 1, grid[0], grid[1])) for i in range(4))
        return maps + (features[3].mean(1).expand_dims(-1).expand_dims(-1),)

    def prepare(self, maps):
        """As of `AttentionHead`."""
        return (self.image(maps[4].squeeze((2, 3))), maps[0] + maps[1] + maps[2] + maps[3])

    def condition(self, sentences, grid):
        """As of `AttentionHead`."""
        text = self.text(sentences)
        anchor, gain = ops.broadcast_to(self.anchor, text.shape), ops.tanh(self.by_sentence(sentences))
        return text, anchor, ops.exp(self.curvature()), gain

    def answer(self, prepared, conditions, size):
        """As of `AttentionHead`."""
        text, anchor, curvature, gain = conditions
        logits = prepared[1] * gain.expand_dims(-1).expand_dims(-1)
        maps = ops.sigmoid(ops.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False))
        return maps, prepared[0], text, anchor, curvature

    def construct(self, features, sentences, grid, size):
        """As of `AttentionHead`."""
        return self.answer(self.prepare(self.neck(features, grid)), self.condition(sentences, grid), size)


def build_small(name, preset="paper", *, changes=None):
    """Stand-in for `build_model`: the structure asked for, under a SmallHead."""
    model = build_model(name, preset, changes=changes)
    model.head = SmallHead(model.config)
    return model


def use_stand_ins(monkeypatch):
    """Runs in phases with stand-ins for head and frozen encoders: nothing to load and little to compile."""
    monkeypatch.setattr(phases, "build_model", build_small)
    monkeypatch.setattr(phases, "load_backbone", fill_backbone)
    monkeypatch.setattr(phases, "sentence_encoder", lambda name: FakeSentenceEncoder())
