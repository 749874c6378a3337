"""Names and shapes of published checkpoints, from the structure that their code gives them."""

from mindaam.encoders.dinov3 import VARIANTS
from tests.encoders.dinov3_files import official_shapes

NECK = (96, 192, 384, 768)
SENTENCE, SOUND, POINT, RANK = 768, 512, 128, 32


def official_aam(name):
    """{official name: shape} of the model "aam_dinov3_vits16", say; an adapted layer stands there twice."""
    settings = VARIANTS[name.removeprefix("aam_")]
    return _backbone(settings) | {f"head.{part}": shape for part, shape in _head(settings["width"]).items()}


def alias_of(name):
    """The other name of the same array, for the copy that does not have ".base." in it; None for other names."""
    for layer in ("attn.qkv", "attn.proj"):
        for leaf in ("weight", "bias"):
            if name.startswith("backbone.") and name.endswith(f".{layer}.{leaf}"):
                return name.replace(f"{layer}.{leaf}", f"{layer}.base.{leaf}")
    return None


def official_clip():
    """{official name: shape} of CLIP ViT-L/14: the text tower whole, a sample of the rest."""
    width = SENTENCE
    shapes = {"positional_embedding": (77, width), "text_projection": (width, width), "logit_scale": ()}
    shapes |= {"token_embedding.weight": (49408, width)} | _layer("ln_final", (width,))
    block = {"attn.in_proj_weight": (3 * width, width), "attn.in_proj_bias": (3 * width,)}
    block |= _layer("attn.out_proj", (width, width)) | _layer("ln_1", (width,)) | _layer("ln_2", (width,))
    block |= _layer("mlp.c_fc", (4 * width, width)) | _layer("mlp.c_proj", (width, 4 * width))
    for index in range(12):
        shapes |= _under(f"transformer.resblocks.{index}", block)
    return shapes | {"visual.class_embedding": (1024,), "visual.conv1.weight": (1024, 3, 14, 14)}


def official_wav2clip(encoder="audio_encoder", transform="audio_transform"):
    """{official name: shape} of Wav2CLIP: a ResNet-18 on spectrograms and two layers."""
    shapes = {"conv1.weight": (64, 1, 7, 7)} | _norm("bn1", 64)
    for stage, (inside, own) in enumerate(((64, 64), (64, 128), (128, 256), (256, 512)), 1):
        for block, into in enumerate((inside, own)):
            place = f"layer{stage}.{block}"
            shapes |= {f"{place}.conv1.weight": (own, into, 3, 3), f"{place}.conv2.weight": (own, own, 3, 3)}
            shapes |= _norm(f"{place}.bn1", own) | _norm(f"{place}.bn2", own)
            if into != own:
                shapes |= {f"{place}.downsample.0.weight": (own, into, 1, 1)} | _norm(f"{place}.downsample.1", own)
    shapes |= {"spectrogram.window": (512,)}
    perceptron = _layer("sequential.0", (SOUND, SOUND)) | _layer("sequential.3", (SOUND, SOUND))
    return _under(encoder, shapes) | _under(transform, perceptron)


def _norm(name, channels):
    statistics = {f"{name}.running_mean": (channels,), f"{name}.running_var": (channels,)}
    return _layer(name, (channels,)) | statistics | {f"{name}.num_batches_tracked": ()}


def _backbone(settings):
    shapes = {}
    for part, shape in official_shapes(**settings).items():
        name = f"backbone.{part}"
        layer, _, leaf = name.rpartition(".")
        if not layer.endswith((".attn.qkv", ".attn.proj")):
            shapes[name] = shape
            continue
        shapes[f"{layer}.base.{leaf}"] = shape
        if leaf != "bias_mask":
            shapes[name] = shape
        if leaf == "weight":
            shapes |= {f"{layer}.lora_A.weight": (RANK, shape[1]), f"{layer}.lora_B.weight": (shape[0], RANK)}
    return shapes


def _head(width):
    shapes = {"curv": (), "visual_alpha": (), "textual_alpha": (), "none_anchor_tan": (1, POINT)}
    for index, channels in enumerate(NECK):
        shapes |= _layer(f"projects.{index}", (channels, width, 1, 1))
    shapes |= _under("av_fusion", _fusion(NECK[-1], 256))
    for index, channels in enumerate((*NECK, 256)):
        shapes |= _under(f"motion_modules.{index}", _temporal(channels))
    shapes |= {"visual_proj.weight": (POINT, NECK[-1]), "textual_proj.weight": (POINT, SENTENCE)}
    stages = ((256, 128), (128, 64), (64, 32))
    for index, (above, own) in enumerate(stages, 1):
        shapes |= _under(f"decoder_stage{index}", _stage(above, own))
        shapes |= {f"fuse{index}.0.weight": (own, own + NECK[3 - index], 1, 1)} | _layer(f"fuse{index}.1", (own,))
        shapes |= {f"se{index}.fc.0.weight": (8, own), f"se{index}.fc.2.weight": (own, 8)}
    shapes |= _under("decoder_out", _output(stages[-1][1]))
    return shapes | {"start_proj.0.weight": (256, NECK[-1], 1, 1)} | _layer("start_proj.1", (256,))


def _fusion(channels, width):
    shapes = _layer("visual_proj", (width, channels)) | _layer("audio_proj", (width, SOUND))
    shapes |= {"cross_attn.in_proj_weight": (3 * width, width), "cross_attn.in_proj_bias": (3 * width,)}
    shapes |= _layer("cross_attn.out_proj", (width, width)) | _layer("film_generator.0", (width, width))
    shapes |= _layer("film_generator.2", (2 * width, width)) | _layer("relevance_selector.0", (width, 2 * width))
    shapes |= _layer("relevance_selector.2", (1, width)) | _layer("out_proj", (channels, width))
    return shapes | _layer("norm", (channels,))


def _temporal(channels):
    shapes = {"temporal_attention_scale": (1,), "temporal_ffn_scale": (1,), "fp_alpha_logit": ()}
    shapes |= {"time_embedding": (1, 64, channels), "spatial_mixer.0.weight": (channels, 1, 3, 3)}
    shapes |= _layer("temporal_norm", (channels,)) | _layer("temporal_ffn_norm", (channels,))
    shapes |= _layer("temporal_attn.qkv", (3 * channels, channels)) | _layer("temporal_attn.proj", (channels, channels))
    shapes |= _layer("temporal_dense", (channels, channels)) | _layer("spatial_mixer.1", (channels, channels, 1, 1))
    shapes |= _layer("temporal_ffn.fc1", (4 * channels, channels)) | _layer(
        "temporal_ffn.fc2", (channels, 4 * channels)
    )
    shapes |= _layer("sal_obs_head", (1, channels, 1, 1))
    return shapes | _layer("nu_head", (1, channels)) | _layer("lam_head", (1, channels))


def _modulation(channels):
    gate = {"scale_anchors_tan": (3, POINT), "map.curv": (), "map.alpha": ()}
    gate |= (
        _layer("scale_mlp.0", (SENTENCE,)) | _layer("scale_mlp.1", (128, SENTENCE)) | _layer("scale_mlp.3", (3, 128))
    )
    operators = {"map.curv": (), "map.alpha": ()} | _layer("cond_gate.mlp.0", (64, 1))
    operators |= _layer("cond_gate.mlp.2", (channels, 64))
    for index in range(2):
        operators |= {f"op{index}.0.weight": (channels, 1, 3, 3)} | _layer(f"op{index}.1", (channels, channels, 1, 1))
    operators |= _layer("op2_proj.1", (channels, channels, 1, 1)) | _layer("mix", (channels, channels, 1, 1))
    return _under("scale_gate", gate) | _under("ms_op", operators)


def _stage(above, own):
    shapes = {"up_conv.weight": (above, own, 2, 2), "up_conv.bias": (own,)} | _layer("norm", (own,))
    return shapes | _layer("style_mlp.1", (2 * own, SENTENCE)) | _modulation(own)


def _output(channels, gaussians=6):
    shapes = {"gauss_anchors_tan": (gaussians, POINT), "img_to_hyp_tan.weight": (POINT, channels)}
    shapes |= {"global_map.curv": (), "global_map.alpha": ()} | _layer("final_conv", (1, channels, 3, 3))
    shapes |= _layer("shape_predictor.0", (128, SENTENCE)) | _layer("shape_predictor.2", (4 * gaussians, 128))
    joined = 2 * POINT + 3
    shapes |= (
        _layer("amp_mlp.0", (joined,)) | _layer("amp_mlp.1", (256, joined)) | _layer("amp_mlp.3", (gaussians, 256))
    )
    return shapes | _modulation(1)


def _layer(name, weight):
    return {f"{name}.weight": weight, f"{name}.bias": weight[:1]}


def _under(place, shapes):
    return {f"{place}.{name}": shape for name, shape in shapes.items()}
