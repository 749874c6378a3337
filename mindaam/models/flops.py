"""How much a model computes: multiply-adds of its matrix products and convolutions, counted from its Cells.

Each weight is multiplied once at every place of the map, token sequence or vector that its layer is applied to. Sizes
are read from the model; the products of two activations follow from the sizes of both.

One multiply-add is two floating-point operations (FLOP). Norms, activations, softmax, resizing and the hyperbolic maps
are not counted: about a hundredth of the arithmetic, though not of the time, since memory bounds them. The encoders of
prompts and audio are not counted either: their embeddings are computed once and kept.
"""

from mindaam.models.backbone_flops import FLOP, backbone_flops, size

PARTS = ("backbone", "adapters", "neck", "temporal", "fusion", "hierarchy", "decoder")


def forward_flops(model, frames=None, decoded=None, audio=None):
    """FLOP of one forward pass by part, {part: int} with all of PARTS.

    model: AAM. frames: None for one image, else the frames of a clip. decoded: frames of the clip that are decoded, by
    default all. audio: whether the clip has any, by default when the model has a branch for it. Raises ValueError for a
    clip without a temporal section.
    """
    count, (embedding, blocks) = frames or 1, backbone_flops(model)
    return {
        "backbone": count * (embedding + sum(each.weights + each.attention for each in blocks)),
        "adapters": count * sum(each.adapters for each in blocks),
        **_head(model, frames, decoded, audio),
    }


def training_flops(model, frames=None, decoded=None, audio=None, *, adapted=None, recompute=False):
    """FLOP of one training step on one image, or on one clip, forward and backward, by part as `forward_flops`.

    adapted: the number of last blocks whose adapters are trained, by default all that have them; below the first of
    them no gradient flows, and the backbone costs its forward pass alone. recompute: these blocks are computed a second
    time for the backward pass.

    Where gradients flow, a layer costs its forward pass twice more: for the gradients of its inputs and of its weights.
    A frozen layer saves the second. So does the neck the first, when no gradient flows on into the backbone. The losses
    and the optimizer, which are a few operations per value, are not counted.
    """
    having, (embedding, blocks) = model.config.lora.last_n_blocks, backbone_flops(model)
    adapted = having if adapted is None else min(adapted, having)
    count, frozen, again = frames or 1, len(blocks) - adapted, int(recompute)
    below = embedding + sum(each.weights + each.attention for each in blocks[:frozen])
    through = sum((2 + again) * each.weights + (3 + again) * each.attention for each in blocks[frozen:])
    adapters = sum(each.adapters for each in blocks[:frozen])
    adapters += (3 + again) * sum(each.adapters for each in blocks[frozen:])
    head = {part: 3 * flop for part, flop in _head(model, frames, decoded, audio).items()}
    if not adapted:
        head["neck"] = head["neck"] * 2 // 3
    return {"backbone": count * (below + through), "adapters": count * adapters, **head}


def _patches(model):
    height, width = model.grid(model.config.image_size)
    return height * width


def _head(model, frames, decoded, audio):
    """{part: FLOP} of everything behind the backbone."""
    if frames is not None and model.config.temporal is None:
        raise ValueError(f"the model {model.config.name} has no temporal section, so it takes no clips")
    head, patches, count = model.head, _patches(model), frames or 1
    fused = frames is not None and head.fusion is not None and audio is not False
    decoded = min(decoded or count, count)
    return {
        "neck": FLOP * count * patches * size(head.neck),
        "temporal": FLOP * sum(_temporal(block, frames, patches) for block in head.temporal) if frames else 0,
        "fusion": FLOP * frames * _fusion(model, patches) if fused else 0,
        "hierarchy": FLOP * decoded * size(head.hierarchy),
        "decoder": FLOP * decoded * _decoder(model, patches),
    }


def _temporal(block, frames, patches):
    """Multiply-adds of a FokkerPlanckBlock on a clip."""
    heads, (_, points, channels) = block.attention.heads, block.time_embedding.shape
    each = size(block) + 2 * frames * channels  # the transition kernel, and the weighted sum of values
    each += frames * heads if heads > 1 else 0  # the mean of the heads' kernels
    if block.variant.dynamics:
        each += block.variant.steps * frames  # drift
    else:
        each -= sum(map(size, (block.observation, block.nu_head, block.lam_head)))  # not computed
    resampled = frames * points * channels if frames != points else 0
    return frames * patches * each + resampled


def _fusion(model, patches):
    """Multiply-adds of the AudioVisualFusion on a frame, as in training."""
    fusion, tokens = model.head.fusion, model.config.sound.tokens
    attention, width = fusion.attention, fusion.attention.out.in_channels
    total = patches * (size(fusion.visual_proj) + size(fusion.out_proj)) + tokens * size(fusion.audio_proj)
    total += size(fusion.relevance) + (patches + (tokens if tokens > 1 else 0)) * width  # means of pixels and tokens
    if tokens == 1 and not attention.dropout_rate:  # the attention is the value of one token, the same for all pixels
        return total + width * width + size(attention.out) + size(fusion.film)
    total += (patches + 2 * tokens) * width * width + 2 * patches * tokens * width  # in_weight; scores, weighted sum
    return total + patches * (size(attention.out) + size(fusion.film))


def _decoder(model, patches):
    """Multiply-adds of the decoder on a frame: dense layers once, convolutions at each place of their maps."""
    decoder, total = model.head.decoder, 0
    for path, weight in decoder.parameters_and_names():
        if path.endswith(".weight"):
            total += weight.size * (_places(path, patches) if weight.ndim == 4 else 1)
    for i, stage in enumerate(decoder.stages):
        if stage.focused:  # the direction times the feature at every place
            total += patches * 4 ** (i + 1) * stage.focus.project.out_channels
    if decoder.focused:  # the points of all positions, each compared with the prompt's
        points = size(decoder.cone.project)
        total += (patches - 1) * points + patches * decoder.cone.project.out_channels
    height, width = model.config.image_size
    blur = height * width * (height + width) if model.config.smoothing else 0
    return total + patches * 4 ** len(decoder.stages) * decoder.head.gaussians + blur


def _places(path, patches):
    """Places of the map that a convolution of the decoder is applied to; each of the three stages has four times more.

    An up-sampling is applied to the map before its stage; a skip connection is reduced at its own size.
    """
    part, *rest = path.split(".")
    if "global_mix" in rest:
        return 1
    if part == "start" or "from_skip" in rest:
        return patches
    if part == "cone":
        return patches * 4 ** int(rest[1])
    doublings = 3 if part == "head" else int(rest[0]) + ("up" not in rest)
    places = patches * 4**doublings
    return 2 * places + 1 if "mix" in rest else places  # the mix of the three scales is applied to each of them
