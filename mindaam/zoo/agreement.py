"""Whether a checkpoint's configuration and its arrays agree in their sizes, before anything of that size is made.

The arrays are limited by the length of the file. A configuration may have any value, and a model is built by it.
"""

from mindaam.errors import CheckpointError


def require_agreement(path, config, usual, shapes):
    """Raises CheckpointError, which names the key, for a size in a ModelConfig that is not that of the file's array.

    usual: the model's ModelConfig without the changes of the checkpoint. shapes: {name: shape} of the model's arrays in
    the checkpoint at `path`, its encoder aside; loading refuses a missing array of a usual size.
    """
    usual = _sizes(usual)
    for key, (wanted, name, axis) in _sizes(config).items():
        shape = shapes.get(name, ())
        if name not in shapes and usual.get(key) == (wanted, name, axis):
            continue
        if not -len(shape) <= axis < len(shape):
            raise CheckpointError(f"{path} lacks {name}, which its configuration requires; download it again")
        if shape[axis] != wanted:
            raise CheckpointError(
                f"{path}: its configuration does not fit its arrays: {key} is for a side of {wanted}, and {name} has "
                f"{shape[axis]} there; download it again"
            )


def _sizes(config):
    """{key of the configuration: (a side that follows from it, an array that has that side, which side it is)}."""
    head, temporal, audio = config.head, config.temporal, config.audio
    sizes = {
        "text.width": (config.text.width, "head.hierarchy.textual_proj.weight", 1),
        "head.start_width": (head.start_width, "head.decoder.start.weight", 0),
        "head.point_width": (head.point_width, "head.hierarchy.visual_proj.weight", 0),
        "head.gaussians": (head.gaussians, "head.decoder.head.amplitude_out.weight", 0),
    }
    for i, width in enumerate(config.encoder.widths):
        key = f"encoder.stages.widths.{i}" if config.encoder.stages else "encoder.width"
        sizes[key] = width, f"head.neck.projects.{i}.weight", 1
    for i, width in enumerate(head.neck_widths):
        sizes[f"head.neck_widths.{i}"] = width, f"head.neck.projects.{i}.weight", 0
    for i, width in enumerate(head.stage_widths):
        sizes[f"head.stage_widths.{i}"] = width, f"head.decoder.stages.{i}.up.weight", 1
    if config.lora.last_n_blocks:
        adapted = f"backbone.blocks.{config.encoder.depth - 1}.attn.qkv.lora_a"
        sizes["lora.rank"] = config.lora.rank, adapted, 0
    for i, tap in enumerate(temporal.taps if temporal else ()):
        prefix = f"head.temporal.{i}"
        sizes[f"temporal.frames of block {i}"] = temporal.frames, f"{prefix}.time_embedding", 1
        inner = temporal.mlp_ratio * head.neck_widths[tap]
        sizes[f"temporal.mlp_ratio of block {i}"] = inner, f"{prefix}.feed_forward.fc1.weight", 0
    if audio:
        sizes["audio.width"] = audio.width, "head.fusion.audio_proj.weight", 1
        sizes["audio.attention_width"] = audio.attention_width, "head.fusion.audio_proj.weight", 0
        if config.sound.fusion == "paper":
            sizes["sound.tokens"] = config.sound.tokens, "head.fusion.positions", 1
    return sizes
