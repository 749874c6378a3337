"""A checkpoint's configuration is held against its arrays before anything of its sizes is made."""

import json

import numpy as np
import pytest

from mindaam.errors import CheckpointError, ConfigError
from mindaam.models.registry import model_config
from mindaam.zoo import factory, weights
from mindaam.zoo.agreement import require_agreement
from mindaam.zoo.checkpoints import write_safetensors
from tests.models import tiny_video

PAPER = tiny_video.CHANGES | {"sound": {"tokens": 3}}


def parts(preset):
    """The configuration of a small model with all branches, that of the model's file, and the shapes it goes with."""
    changes = PAPER if preset == "paper" else tiny_video.CHANGES
    config = model_config(tiny_video.NAME, preset, changes)
    head, widths = config.head, config.head.neck_widths
    shapes = {
        "head.hierarchy.textual_proj.weight": (head.point_width, config.text.width),
        "head.hierarchy.visual_proj.weight": (head.point_width, widths[3]),
        "head.decoder.start.weight": (head.start_width, widths[3], 1, 1),
        "head.decoder.head.amplitude_out.weight": (head.gaussians, 256),
        "backbone.blocks.3.attn.qkv.lora_a": (config.lora.rank, 32),
        "head.fusion.audio_proj.weight": (config.audio.attention_width, config.audio.width),
        "head.fusion.positions": (1, config.sound.tokens, config.audio.attention_width),
    }
    for i, width in enumerate(widths):
        shapes[f"head.neck.projects.{i}.weight"] = width, config.encoder.width
    for i, width in enumerate(head.stage_widths):
        above = (head.start_width, *head.stage_widths)[i]
        shapes[f"head.decoder.stages.{i}.up.weight"] = (above, width, 2, 2)
    for i, tap in enumerate(config.temporal.taps):
        shapes[f"head.temporal.{i}.time_embedding"] = (1, config.temporal.frames, widths[tap])
        shapes[f"head.temporal.{i}.feed_forward.fc1.weight"] = config.temporal.mlp_ratio * widths[tap], widths[tap]
    return config, model_config(tiny_video.NAME, preset), shapes


def test_the_shapes_are_those_of_the_model():
    model = tiny_video.tiny_video_model()
    actual = {parameter.name: tuple(parameter.shape) for parameter in model.trained_parameters()}
    require_agreement("x", model.config, model_config(tiny_video.NAME, "released"), actual)
    _, _, shapes = parts("released")
    shapes.pop("head.fusion.positions")  # the released fusion has none
    assert {name: actual[name] for name in shapes} == shapes


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"encoder": {"width": 64}}, "encoder.width"),
        ({"text": {"width": 16384}}, "text.width"),
        ({"lora": {"rank": 4096}}, "lora.rank"),
        ({"head": {"neck_widths": [8, 8, 16, 16384]}}, "head.neck_widths.3"),
        ({"head": {"start_width": 16384}}, "head.start_width"),
        ({"head": {"stage_widths": [16, 16384, 8]}}, "head.stage_widths.1"),
        ({"head": {"point_width": 16384}}, "head.point_width"),
        ({"head": {"gaussians": 1024}}, "head.gaussians"),
        ({"temporal": {"frames": 16384}}, "temporal.frames"),
        ({"temporal": {"mlp_ratio": 32}}, "temporal.mlp_ratio"),
        ({"audio": {"width": 16384}}, "audio.width"),
        ({"audio": {"attention_width": 16384}}, "audio.attention_width"),
        ({"sound": {"tokens": 255}}, "sound.tokens"),
    ],
)
def test_a_size_that_is_not_the_arrays_is_named(changes, key):
    config, usual, shapes = parts("paper")
    require_agreement("x", config, usual, shapes)
    other = config.model_validate({**config.model_dump(), **{
        section: {**config.model_dump()[section], **values} for section, values in changes.items()
    }})  # fmt: skip
    with pytest.raises(CheckpointError, match=f"x: its configuration does not fit its arrays: {key} "):
        require_agreement("x", other, usual, shapes)
    with pytest.raises(CheckpointError, match="x lacks"):
        require_agreement("x", other, usual, {})


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"head": {"point_width": 10**9}}, ConfigError, "head.point_width"),
        ({"head": {"point_width": 16384}}, CheckpointError, "head.point_width"),
        ({"image_size": [14 * 10**6, 14]}, ConfigError, "image_size"),
        ({"encoder": {"depth": 10**12}}, ConfigError, "encoder.depth"),
        ({"name": "../../etc/passwd"}, ConfigError, '"name"'),
        ({"mean": [float("nan"), 0, 0]}, ConfigError, "mean"),
        ({"head": []}, ConfigError, "head"),
    ],
)
def test_an_absurd_configuration_is_refused_with_file_and_key_before_anything_is_built(
    tmp_path, monkeypatch, changes, error, words
):
    monkeypatch.setattr(factory, "build_model", lambda *a, **k: pytest.fail("built"))
    path = tmp_path / "x.safetensors"
    head = {"head.hierarchy.visual_proj.weight": np.zeros((128, 128), np.float32)}
    write_safetensors(path, head, {"model": "aam_dinov2_vits14", "config": json.dumps(changes)})
    with pytest.raises(error, match="x.safetensors") as caught:
        factory.create_model("aam_dinov2_vits14", path)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "metadata",
    [
        {"model": "\x1b[2J", "config": "{}"},
        {"model": "aam_dinov2_vits14", "config": "[" * 100_000},
        {"model": "aam_dinov2_vits14", "config": "9" * 5000},
        {"corpus": "{}", "config": '{"model": 3}'},
        {"corpus": "{}", "config": '{"model": "aam_dinov2_vits14", "model_changes": [1]}'},
        {"corpus": "{}", "config": '{"model": "aam_dinov2_vits14", "start": 3}'},
        {"corpus": "{}", "model": "aam_dinov2_vits14", "model_config": "[]"},
        {"place": "{}", "config": "3"},
    ],
)
def test_a_header_of_wrong_types_is_one_sentence(tmp_path, metadata):
    path = tmp_path / "x.safetensors"
    write_safetensors(path, {"head.a": np.zeros(1, np.float32)}, metadata)
    with pytest.raises(CheckpointError, match="x.safetensors") as caught:
        weights.checkpoint_config(path)
    assert str(caught.value).isprintable()
