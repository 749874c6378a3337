"""SAM2's encoder against transformers' with random weights; skipped where torch or transformers are not installed."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="4.56")

import mindspore as ms  # noqa: E402

from mindaam.encoders.sam2 import SAM2, VARIANTS, from_official  # noqa: E402
from mindaam.zoo.checkpoints import load_strict  # noqa: E402
from tests import gold  # noqa: E402

pytestmark = pytest.mark.slow
THEIRS = {  # transformers' names of what differs from the official ones
    "patch_embed.projection": "patch_embed.proj", "layer_norm": "norm", "mlp.proj_in": "mlp.layers.0",
    "mlp.proj_out": "mlp.layers.1",
}  # fmt: skip


def foreign_model(settings, size):
    """transformers' model of these settings with weights that all matter."""
    taps, width, heads = settings["taps"], settings["width"], settings["heads"]
    config = transformers.Sam2HieraDetConfig(
        hidden_size=width,
        num_attention_heads=heads,
        image_size=list(size),
        window_positional_embedding_background_size=[settings["background"]] * 2,
        blocks_per_stage=[tap - before for tap, before in zip(taps, (-1, *taps[:-1]), strict=True)],
        embed_dim_per_stage=[width << stage for stage in range(4)],
        num_attention_heads_per_stage=[heads << stage for stage in range(4)],
        window_size_per_stage=list(settings["windows"]),
        global_attention_blocks=list(settings["global_blocks"]),
        attn_implementation="eager",
    )
    model = transformers.Sam2HieraDetModel(config).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif name.startswith("pos_embed"):
                parameter.copy_(0.5 * torch.randn_like(parameter))
            else:
                parameter.copy_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    return model


def official(name):
    """The official name of transformers' parameter."""
    for theirs, ours in THEIRS.items():
        name = name.replace(theirs, ours)
    return name


@pytest.mark.parametrize("size", [(448, 448), (224, 320)])
@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_the_published_models_give_the_same_tokens(name, size):
    settings, images = VARIANTS[name], gold.image("sam2", (1, 3, *size))
    model = foreign_model(settings, size)
    with torch.no_grad():
        want = [each.numpy() for each in model(torch.from_numpy(images)).intermediate_hidden_states]
    conversion = from_official({official(key): each.numpy() for key, each in model.state_dict().items()})
    assert not conversion.unexpected
    encoder = SAM2(image_size=size, **settings).set_train(False)
    load_strict(encoder, conversion.state, source="transformers")
    encoder.set_image_size(size)
    got, _ = encoder.run_blocks(encoder.embed(ms.Tensor(images)), 0, encoder.depth)
    worst = max(np.abs(ours.asnumpy() - theirs).max() / np.ptp(theirs) for ours, theirs in zip(got, want, strict=True))
    print(f"{name} {size}: {worst:.1e} of the range")
    assert worst < 1e-5
