"""The tiny runs: their configurations, written out whole, so that no default or `--tiny` of a tree has a part in them.

Keys have the spelling of the first tree; later ones still read it.
"""

from typing import NamedTuple

from tests.equal_bits.data import MODEL, SMALL


class Run(NamedTuple):
    """One training. configuration: of its YAML file; half: the step of the checkpoint that a resumed run continues;
    models, scores: files that it leaves; ranks: how many share it; start: the run whose best model it starts from."""

    configuration: dict
    half: int
    models: tuple = ()
    scores: tuple = ()
    ranks: int = 1
    start: str | None = None


_ADAMW = {"betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 5e-3}
_PHASE = {"epochs": 1, "learning_rate": 1e-2, "final_rate": 1e-3, "warmup_steps": 2}
_TEMPORAL = {"taps": [3], "frames": 16, "heads": 2, "mlp_ratio": 1, "clip": 4}
_AUDIO = {"name": "wav2clip", "width": 512, "attention_width": 8, "heads": 2, "dropout": 0.1}


def _corpus(data, sets, **changes):
    """A run on published data sets, three steps an epoch, two epochs."""
    return {
        "model": MODEL, "start": None, "preset": "paper", "seed": 3, "data_root": str(data / "sets"), "corpus": sets,
        "ground_truth": {"source": None, "sigma_degrees": 1.0}, "granularity": "G4",
        "model_changes": {**SMALL, "temporal": _TEMPORAL},
        "sampling": {
            "batch_size": 2, "clip": 4, "clips": 2, "image_share": 0.4, "strides": [1, 2], "mirror": 0.5,
            "reverse": 0.5, "audio_visual_after": 0, "steps": 5,
        },
        "answered": 2, "part": None, "scored_share": 0.5, "warm_start": 0, "epochs": 2,
        "schedule": {"kind": "cosine", "learning_rate": 3e-3, "final_rate": 1e-4, "warmup_steps": 2},
        "groups": {"weight_decay": 5e-3}, "betas": [0.9, 0.999], "eps": 1e-8, "precision": "float32",
        "clip_norm": None, "ema": None, "attack": None, "recompute": False, "shard_optimizer": False,
        "checkpoint_every": 2, "keep_last": 99, "keep_best": 1, "validation": {"pictures": 1, "films": 1},
        **changes,
    }  # fmt: skip


def _phases(data):
    return {
        "model": MODEL, "preset": "paper", "model_changes": SMALL, "seed": 3, "data_root": str(data / "gaze"),
        "folders": {"taskfix": 4}, "batch_size": 2, "scored_share": 0.5,
        "phases": [
            {**_PHASE, "name": "frozen", "adapt": False, "condition_weight": 1.0},
            {**_PHASE, "name": "adapted", "adapt": True, "rate_factor_lora": 0.5},
        ],
        "optimizer": _ADAMW, "loss": {"kld": 1.0, "cc": 1.0, "similarity": 1.0, "entailment": 1.0, "distance": 0.4},
        "checkpoint_every": 2, "validation_pictures": None, "pictures": None,
    }  # fmt: skip


def _videos(data):
    return {
        "start": "", "model_changes": {"dynamics": "paper", "temporal": _TEMPORAL},
        "seed": 3, "data_root": str(data / "gaze"), "folders": ["osie", "taskfix"], "films": {"train": 5, "val": 2},
        "frames": 6, "shares": {"cut": 3}, "pairs": 1, "calm": 3, "steps": 6, "learning_rate": 2e-3,
        "final_rate": 2e-5, "warmup_steps": 2, "optimizer": _ADAMW, "checkpoint_every": 2,
    }  # fmt: skip


def _sounding(data):
    return {
        "seed": 3, "photographs": str(data / "photographs"), "clips": {"train": 12, "held": 8}, "frames": 4,
        "picture": [32, 32],
        "model": {"width": 16, "sound_width": 8, "heads": 4, "tokens": 3, "spacing": 0.125, "reach": 1},
        "with_sound": 4, "silent": 1, "attack": {"p": 0.5, "weight": {"start": 0, "end": 0.1, "first": 1, "last": 4}},
        "steps": 6, "learning_rate": 3e-3, "final_rate": 3e-5, "warmup_steps": 2, "optimizer": _ADAMW,
        "checkpoint_every": 2, "gates_every": 2,
    }  # fmt: skip


def runs(data):
    """{name: Run} of runs on the data in a folder, in an order in which each comes after what it starts from."""
    best, sets = ("best.safetensors",), {"osie": 1, "diem": 1}
    audio = {"temporal": _TEMPORAL, "audio": _AUDIO, "sound": {"tokens": 3}}
    audio = {"model_changes": {**SMALL, **audio}, "attack": {"p": 0.5, "weight": 0.5}}
    ranks = {"part": 1, "clip_norm": 2.0, "ema": {"decay": 0.9}, "shard_optimizer": True}
    return {
        "phases": Run(_phases(data), 6, best),
        "corpus": Run(_corpus(data, sets, **audio), 6, best),
        "videos": Run(_videos(data), 2, ("model.safetensors",), ("scores.json",), start="phases"),
        "sounding": Run(_sounding(data), 2, scores=("scores.json",)),
        "ranks": Run(_corpus(data, {"osie": 1, "dhf1k": 1}, **ranks), 6, best, ranks=2),
    }
