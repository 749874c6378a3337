"""The released models with the stand-in weights that the golden outputs were computed from, and the goldens' inputs."""

import functools
from pathlib import Path

import numpy as np

from mindaam.models.registry import build_model
from mindaam.zoo.reference import load_reference
from mindaam.zoo.weights import blank
from tests.gold import audio_emb, image, text_emb, video, weight
from tests.zoo.official_names import alias_of, official_aam

NAMES = {"s": "aam_dinov3_vits16", "b": "aam_dinov3_vitb16", "l": "aam_dinov3_vitl16"}


def golden(name):
    """Golden arrays by name."""
    return dict(np.load(Path(__file__).parent / "goldens" / f"{name}.npz", allow_pickle=False))


@functools.lru_cache(maxsize=1)  # L takes 1.3 GB
def released(size):
    """(AAM in evaluation mode with its adapters, Report) of size s, b or l; a test must not change its weights."""
    with blank():
        model = build_model(NAMES[size], "released")
    arrays = {name: weight(name, shape) for name, shape in official_aam(NAMES[size]).items() if not alias_of(name)}
    return model.set_train(False), load_reference(model, arrays)


def inputs(case):
    """(pictures, sentences, sound or None, whether they are a film) of a golden case such as "video_s_T4_224x224"."""
    kind, size, *rest = case.split("_")
    if kind == "image":
        height, width = map(int, rest[0].split("x"))
        return image(f"G/{size}", (2, 3, height, width)), text_emb(f"G/{size}/text", 2), None, False
    frames, (height, width) = int(rest[0][1:]), map(int, rest[1].split("x"))
    if size != "s":
        film, text, sound = f"G/{size}/vid", f"G/{size}/vtext", f"G/{size}/audio"
    else:
        place = f"G/vid{16 if frames == 1 else frames}"  # the film of one frame is the first of the longest
        film, text, sound = place, f"{place}/text", f"{place}/audio"
    sound = audio_emb(sound, frames) if rest[-1] == "audio" else None
    return video(film, frames, height, width), text_emb(text, 1), sound, True
