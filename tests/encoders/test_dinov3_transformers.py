"""DINOv3 against transformers' model with random weights; skipped where torch or transformers are not installed."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="4.56")

import mindspore as ms  # noqa: E402

from mindaam.encoders.dinov3 import VARIANTS  # noqa: E402
from mindaam.encoders.dinov3_checkpoints import from_huggingface  # noqa: E402
from tests.encoders.dinov3_files import build, narrow, pictures, tiny_settings  # noqa: E402

# The configurations of the published models where they differ from one another, written down from transformers.
PUBLISHED = {
    "dinov3_vits16": (384, 1536, 12, 6, False),
    "dinov3_vits16plus": (384, 1536, 12, 6, True),
    "dinov3_vitb16": (768, 3072, 12, 12, False),
    "dinov3_vitl16": (1024, 4096, 24, 16, False),
    "dinov3_vitl16_sat": (1024, 4096, 24, 16, False),
    "dinov3_vith16plus": (1280, 5120, 32, 20, True),
}


def foreign_model(settings):
    """transformers' model of these settings with weights that all matter."""
    torch.manual_seed(0)
    config = transformers.DINOv3ViTConfig(
        hidden_size=settings["width"],
        intermediate_size=settings["hidden"],
        num_hidden_layers=settings["depth"],
        num_attention_heads=settings["heads"],
        use_gated_mlp=settings["swiglu"],
        hidden_act="silu" if settings["swiglu"] else "gelu",
        num_register_tokens=4,
        layer_norm_eps=1e-5,
        pos_embed_rescale=None,
        attn_implementation="eager",
    )
    model = transformers.DINOv3ViTModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif "token" in name:
                parameter.copy_(0.5 * torch.randn_like(parameter))
            else:
                parameter.copy_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    return model


def compare(settings, size):
    """Largest difference of all taps, relative to their range."""
    model, images, raw = foreign_model(settings), pictures(*size, batch=2), []
    for tap in settings["taps"]:  # not `hidden_states`, the last of which is normalised in some versions
        model.layer[tap].register_forward_hook(lambda _, __, out: raw.append(out[0] if isinstance(out, tuple) else out))
    with torch.no_grad():
        model(torch.from_numpy(images))
        want = [model.norm(tokens)[:, 5:].numpy() for tokens in raw]
    arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    conversion = from_huggingface(arrays, head_width=settings["width"] // settings["heads"])
    assert not conversion.unexpected and set(conversion.ignored) == {"embeddings.mask_token"}
    got = build(settings, size, conversion.state)(ms.Tensor(images))
    return max(np.abs(g.asnumpy() - w).max() / np.ptp(w) for g, w in zip(got, want, strict=True))


@pytest.mark.parametrize("size", [(32, 32), (48, 112)])
@pytest.mark.parametrize("swiglu", [False, True])
def test_a_small_model_gives_the_same_tokens(swiglu, size):
    assert compare(tiny_settings(swiglu=swiglu), size) < 2e-6


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_two_blocks_of_every_published_width_give_the_same_tokens(name):
    width, hidden, depth, heads, swiglu = PUBLISHED[name]
    ours = VARIANTS[name]
    assert (ours["width"], ours["hidden"], ours["depth"], ours["heads"], ours["swiglu"]) == PUBLISHED[name]
    assert compare(narrow(name), (64, 96)) < 2e-6
