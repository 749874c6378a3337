"""How much a model computes, on paper: multiply-adds of its matrix products and convolutions, from its configuration.

One multiply-add is two floating-point operations (FLOP). Norms, activations, softmax, resizing and the hyperbolic maps
are skipped: about a hundredth of the arithmetic, though not of the time, since memory bounds them. The encoders of
sentences and sound are skipped too: a sentence, and a video's sound, is encoded once and kept.
"""

FLOP = 2  # of a multiply-add
SQUEEZE, GATE, SCALES, HIDDEN = 8, 64, 3, 128  # hidden widths of the decoder's small layers
KERNEL = 9  # places of a 3x3 convolution
PARTS = ("backbone", "adapters", "neck", "temporal", "fusion", "hierarchy", "decoder")


def forward_flops(config, frames=None, answered=None, sound=None):
    """FLOP of one forward pass by part, {part: int} with all of PARTS.

    config: ModelConfig. frames: None for one image, else the frames of a clip, for all of which the result is.
    answered: frames of the clip that are decoded, by default all. sound: whether the clip has any, by default when the
    model has a branch for it. Raises ValueError for a clip without a temporal section.
    """
    blocks = _backbone(config)
    rest = _head(config, frames, answered, sound)
    count = frames or 1
    return {
        "backbone": count * (blocks["embedding"] + config.encoder.depth * (blocks["weights"] + blocks["attention"])),
        "adapters": count * config.lora.last_n_blocks * blocks["adapters"],
        **rest,
    }


def training_flops(config, frames=None, answered=None, sound=None, *, adapted=None, recompute=False):
    """FLOP of one training step on one image, or on one clip, forward and backward, by part as `forward_flops`.

    adapted: of the last how many blocks the adapters are trained, by default all that have them; below the first of
    them no gradient flows, and the backbone costs its forward pass alone. recompute: these blocks are computed a second
    time for the backward pass.

    Where gradients flow, a layer costs its forward pass twice more: for the gradients of its inputs and of its weights.
    A frozen layer saves the second. So does the neck the first, when no gradient goes on into the backbone. The losses
    and the optimizer, which are a few operations a value, are skipped.
    """
    adapted = config.lora.last_n_blocks if adapted is None else min(adapted, config.lora.last_n_blocks)
    count, depth, blocks = frames or 1, config.encoder.depth, _backbone(config)
    again = 1 if recompute else 0
    through = adapted * ((2 + again) * blocks["weights"] + (3 + again) * blocks["attention"])
    below = blocks["embedding"] + (depth - adapted) * (blocks["weights"] + blocks["attention"])
    adapters = adapted * (3 + again) + (config.lora.last_n_blocks - adapted)
    rest = {part: 3 * flop for part, flop in _head(config, frames, answered, sound).items()}
    if not adapted:
        rest["neck"] = rest["neck"] * 2 // 3
    return {"backbone": count * (below + through), "adapters": count * adapters * blocks["adapters"], **rest}


def _backbone(config):
    """FLOP an image of the patch embedding, and of a block: its dense layers, its attention, its adapters."""
    encoder, patches = config.encoder, _patches(config)
    tokens, width = encoder.prefix + patches, encoder.width
    adapters = config.lora.rank * (width + 3 * width + width + width)  # of qkv, D to 3D, and of proj, D to D
    return {
        "embedding": FLOP * patches * 3 * encoder.patch**2 * width,
        # queries, keys, values, output: 4 D^2; a perceptron of four times the width: 8 D^2
        "weights": FLOP * tokens * 12 * width * width,
        "attention": FLOP * 2 * tokens * tokens * width,  # scores, and the weighted sum of values
        "adapters": FLOP * tokens * adapters,
    }


def _head(config, frames, answered, sound):
    """{part: FLOP} of all that stands on the backbone."""
    if frames is not None and config.temporal is None:
        raise ValueError(f"the model {config.name} has no temporal section, so it has no clips")
    count = frames or 1
    decoded = min(answered or count, count)
    heard = frames is not None and config.audio is not None and sound is not False
    widths = config.head.neck_widths
    return {
        "neck": FLOP * count * _patches(config) * config.encoder.width * sum(widths),
        "temporal": FLOP * _temporal(config, frames) if frames else 0,
        "fusion": FLOP * frames * _fusion(config) if heard else 0,
        "hierarchy": FLOP * decoded * config.head.point_width * (widths[-1] + config.text.width),
        "decoder": FLOP * decoded * _decoder(config),
    }


def _patches(config):
    height, width = config.image_size
    return (height // config.encoder.patch) * (width // config.encoder.patch)


def _temporal(config, frames):
    """Multiply-adds of the temporal blocks on a clip."""
    temporal, total = config.temporal, 0
    dynamics = config.dynamics != "attention"
    for tap in temporal.taps:
        width = config.head.neck_widths[tap]
        mixing = 4 * width * width + 2 * frames * width  # queries, keys, values, output; kernel and weighted sum
        mixing += frames * temporal.heads  # the mean of the heads' kernels
        feed = width * width + 2 * temporal.mlp_ratio * width * width  # the attention's second output, feed-forward
        spatial = width * width + KERNEL * width
        density = (3 * width + temporal.steps * frames) if dynamics else 0  # observation, nu, lambda; drift
        total += frames * _patches(config) * (mixing + feed + spatial + density)
        total += frames * temporal.frames * width if frames != temporal.frames else 0  # its time embedding, resampled
    return total


def _fusion(config):
    """Multiply-adds of the audio-visual fusion on a frame."""
    audio, tokens, patches = config.audio, config.sound.tokens, _patches(config)
    channels, width = config.head.neck_widths[-1], audio.attention_width
    projected = patches * channels * width * 2 + tokens * audio.width * width  # in and out; sounds
    relevance = 2 * width * width + width
    # of one sound the attention is its value alone, unless a weight may be dropped, and FiLM is the same everywhere;
    # counted as in training
    by_pixel = patches if tokens > 1 or audio.dropout else 1
    keyed = width * width * (2 * patches + 2 * tokens) + 2 * patches * tokens * width
    attention = keyed if by_pixel > 1 else 2 * width * width
    means = (patches + (tokens if tokens > 1 else 0)) * width
    return projected + attention + by_pixel * 3 * width * width + relevance + means


def _decoder(config):
    """Multiply-adds of the decoder on a frame."""
    head, patches = config.head, _patches(config)
    total = patches * head.neck_widths[-1] * head.start_width
    widths, skips = (head.start_width, *head.stage_widths), head.neck_widths[-2::-1]
    text, point, places = config.text.width, head.point_width, patches
    for i in range(len(head.stage_widths)):
        before, after = widths[i], widths[i + 1]
        total += places * before * after * 4  # a 2x2 transposed convolution: each place gives four
        places *= 4
        total += text * 2 * after + _modulation(config, after, places, mix=not config.spatial_focus)
        if config.spatial_focus:
            total += point * after + places * after  # the direction, and its product with every place
        total += places * after * after + patches * skips[i] * after  # the skip at its own small size
        total += 2 * after * SQUEEZE
    height, width = config.image_size
    blur = height * width * (height + width) if config.smoothing else 0
    return total + _gaussian_head(config, widths[-1], places) + blur


def _modulation(config, channels, places, *, mix):
    """Multiply-adds of a ScaleModulation on a frame; mix: with the 1x1 convolution behind it."""
    text = config.text.width
    gate = text * HIDDEN + HIDDEN * SCALES
    depth = GATE + GATE * channels
    local = 2 * places * (KERNEL * channels + channels * channels) + channels * channels
    return gate + depth + local + (places * channels * channels if mix else 0)


def _gaussian_head(config, channels, places):
    text, point, gaussians = config.text.width, config.head.point_width, config.head.gaussians
    shapes = text * HIDDEN + HIDDEN * 4 * gaussians
    joint = channels * point + (2 * point + 3) * 2 * HIDDEN + 2 * HIDDEN * gaussians
    drawn = places * gaussians
    return places * KERNEL * channels + shapes + joint + drawn + _modulation(config, 1, places, mix=True)
