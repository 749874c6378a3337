"""Stand-ins for Ascend's own kernels, which a CPU lacks: the same signatures and layouts, computed in float32 with
MindSpore's plain operators. Each raises AssertionError for what the kernel's documentation (MindSpore 2.9) excludes."""

import mindspore as ms
from mindspore import mint, ops

from mindaam.kernels import device, rotary

HALF = (ms.float16, ms.bfloat16)


def flash_attention_score(
    query, key, value, head_num, real_shift=None, drop_mask=None, padding_mask=None, attn_mask=None, prefix=None,
    actual_seq_qlen=None, actual_seq_kvlen=None, keep_prob=1.0, scalar_value=1.0, pre_tokens=2147483647,
    next_tokens=2147483647, inner_precise=0, input_layout="BSH", sparse_mode=0,
):  # fmt: skip
    """`ops.flash_attention_score` in the layout BSH, without a mask."""
    width = query.shape[2] // head_num
    assert input_layout == "BSH" and attn_mask is None and query.ndim == 3 and width % 16 == 0
    assert query.dtype in HALF and query.dtype == key.dtype == value.dtype and key.shape == value.shape
    q, k, v = (each.astype(ms.float32).reshape(each.shape[:2] + (head_num, width)) for each in (query, key, value))
    scores = ops.matmul(q.transpose((0, 2, 1, 3)), k.transpose((0, 2, 3, 1))) * scalar_value
    mixed = ops.matmul(ops.softmax(scores, -1), v.transpose((0, 2, 1, 3)))
    return mixed.transpose((0, 2, 1, 3)).reshape(query.shape).astype(query.dtype)


def rotary_position_embedding(x, cos, sin, mode=0):
    """`ops.rotary_position_embedding` in the layout BSND, by halves."""
    assert mode == 0 and x.dtype == cos.dtype == sin.dtype == ms.float32 and x.shape[3] % 2 == 0 and x.shape[3] < 896
    assert cos.shape == sin.shape == (1, x.shape[1], 1, x.shape[3]) and x.shape[0] < 1000 and x.shape[2] < 1000
    low, high = ops.split(x, x.shape[3] // 2, -1)
    return x * cos + ops.concat((-high, low), -1) * sin


def gelu(input, *, approximate="none"):
    """`mint.nn.functional.gelu`, exact."""
    assert approximate == "none"
    x = input.astype(ms.float32)
    return (0.5 * x * (1.0 + ops.erf(x * 0.5**0.5))).astype(input.dtype)


def softplus(input, beta=1, threshold=20):
    """`mint.nn.functional.softplus`."""
    assert beta == 1 and threshold == 20
    return ops.select(input > threshold, input, ops.log1p(ops.exp(ops.clamp(input, max=threshold))))


def stand_in(monkeypatch):
    """Graphs are then built as for Ascend, with these in the place of its kernels."""
    monkeypatch.setattr(device, "target", lambda: "Ascend")
    monkeypatch.setattr(ops, "flash_attention_score", flash_attention_score)
    monkeypatch.setattr(rotary, "_rotary", rotary_position_embedding)
    monkeypatch.setattr(mint.nn.functional, "gelu", gelu)
    monkeypatch.setattr(mint.nn.functional, "softplus", softplus)
