"""The released models against golden outputs of the authors' code: maps, points, losses, gradients, adapters."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from mindaam import runtime
from mindaam.geometry.entailment import entailment_loss
from mindaam.geometry.lorentz import RELEASED
from mindaam.models.registry import build_model
from mindaam.objectives.total import LossTerms, weighted
from tests.gold import audio_emb, check, gt_map, image, tensor, text_emb, video
from tests.models.released import NAMES, golden, inputs, released

GOLDEN = golden("released")
slow = pytest.mark.slow


def both_modes(case, *marks):
    return [pytest.param(case, mode, marks=marks) for mode in ("pynative", "graph")]


CASES = [
    pytest.param("image_s_448x448", "pynative"),
    pytest.param("image_s_448x448", "graph", marks=slow),  # 6 GB
    *both_modes("video_s_T1_224x224", slow),
    pytest.param("video_s_T4_224x224_audio", "pynative", marks=slow),
    pytest.param("video_s_T4_224x224_audio", "graph", marks=slow),
    *both_modes("video_s_T4_224x224", slow),
    pytest.param("video_s_T16_224x224", "pynative", marks=slow),
    *both_modes("video_s_T16_224x224_audio", slow),
    pytest.param("image_b_224x224", "pynative", marks=slow),
    pytest.param("video_b_T3_112x128_audio", "pynative", marks=slow),
    pytest.param("image_l_224x224", "pynative", marks=slow),  # 4 GB; in a graph it would be 10
    pytest.param("video_l_T3_112x128_audio", "pynative", marks=slow),
]


@pytest.fixture
def running(request):
    """MindSpore in the test's `mode`."""
    runtime.configure(mode=request.getfixturevalue("mode"))
    yield
    runtime.configure(mode="pynative")


@pytest.mark.parametrize(("case", "mode"), CASES)
def test_maps_and_points(running, case, mode):
    pictures, sentences, sound, film = inputs(case)
    answer = released(case.split("_")[1])[0].infer(pictures, sentences, sound, clip=film)
    check(GOLDEN, f"{case}/out", answer.map, atol=2e-5, rtol=0)
    for name, point in zip(("z_img", "z_txt", "z_anc"), answer[1:4], strict=True):
        check(GOLDEN, f"{case}/{name}", point, atol=1e-5, rtol=0)
    check(GOLDEN, f"{case}/curv", answer.curvature, atol=1e-6)


def test_steps_of_a_film_with_sound():
    case = "video_s_T4_224x224_audio"
    pictures, _, sound, _ = inputs(case)
    model = released("s")[0]
    features, size = model.image_features(pictures)
    head = model.head

    def expect(probe, value):
        check(GOLDEN, f"{case}/probe/{probe}", value.asnumpy(), atol=5e-5)

    maps = head.neck(tuple(Tensor(tap) for tap in features), model.grid(size))
    expect("project3", maps[3])
    mixed = head.along_video(maps)
    for tap in (2, 3):
        expect(f"fpd{tap}", mixed[tap].swapaxes(0, 1).expand_dims(0))
    for tap in (0, 1):
        assert mixed[tap] is maps[tap]
    expect("av_fusion", head.with_audio(mixed, Tensor(sound))[0][3])


# --- losses and gradients


def loss_inputs(kind):
    if kind == "image":
        return image("G/loss/img", (2, 3, 224, 224)), text_emb("G/loss/image/text", 2), None
    text = np.repeat(text_emb("G/loss/video/text", 1), 4, 0)
    return video("G/loss/vid", 4, 224, 224), text, Tensor(audio_emb("G/loss/audio", 4))


def losses_and_gradients(model, kind):
    """({value name: number}, {our parameter: gradient}) in evaluation mode, as the goldens were made."""
    pictures, sentences, sound = loss_inputs(kind)
    truth = Tensor(gt_map(f"G/loss/{kind}/gt", (len(pictures), 1, 224, 224)))
    pictures, sentences = Tensor(pictures), Tensor(sentences)
    model.backbone.set_image_size((224, 224))
    terms_of = LossTerms(RELEASED)

    def total():
        saliency, image_point, text, anchor, curvature = model(pictures, sentences, sound, kind == "video")
        terms = terms_of(saliency, truth, image_point, text, anchor, curvature)
        outside = (
            entailment_loss(text, image_point, curvature, 0.8, RELEASED).mean(),
            entailment_loss(anchor, text, curvature, 1.0, RELEASED).mean(),
        )
        return (weighted(terms), *terms, *outside)

    parameters = model.trained_parameters()
    values, gradients = ms.value_and_grad(total, None, parameters, has_aux=True)()
    loss, kld, cc, similarity, entailment, distance, text_image, anchor_text = (float(value) for value in values)
    values = {
        "total": loss, "task": kld - cc - similarity, "kld": kld, "cc": cc, "sim": similarity, "contrast": distance,
        "entail": entailment, "loss_ti": text_image, "loss_at": anchor_text,
    }  # fmt: skip
    gradients = {p.name: g.asnumpy().astype(np.float64) for p, g in zip(parameters, gradients, strict=True)}
    return values, gradients


def by_official_name(gradients, report):
    """{official name: gradient}; the two halves of a fusion's kernel are joined again."""
    renamed = {name: (name,) for name in report.matched} | report.renamed
    joined = {}
    for ours, gradient in gradients.items():
        joined.setdefault(renamed[ours][0], []).append(gradient)
    return {name: parts[0] if len(parts) == 1 else np.concatenate(parts, 1) for name, parts in joined.items()}


@pytest.mark.parametrize("kind", ["image", pytest.param("video", marks=slow)])
def test_losses_and_every_gradient(kind):
    model, report = released("s")
    place = f"loss_{kind}"
    values, gradients = losses_and_gradients(model, kind)
    assert list(values) == GOLDEN[f"{place}/value_names"].tolist()
    check(GOLDEN, f"{place}/values", list(values.values()), atol=1e-5, rtol=1e-5)
    ours, names = by_official_name(gradients, report), GOLDEN["grad_names"].tolist()
    assert len(names) == 369 and set(names) - set(ours) == {name for name in report.ignored if name.startswith("head.")}
    norms = GOLDEN[f"{place}/grad_norms"]
    untouched = np.isnan(norms)  # nothing of this kind of input flows through these
    assert not any(ours[name].any() for name, still in zip(names, untouched, strict=True) if still and name in ours)
    reached = [ours[name] if not still else np.full(1, np.nan) for name, still in zip(names, untouched, strict=True)]
    # The released log map reads a pixel's length from 1 + 1e-4 and the like, of which float32 keeps three digits,
    # and a scalar's gradient sums up all pixels, mostly against each other: what is left agrees to that.
    close, spread = np.array([(5e-3 if each.size == 1 else 1e-3, 3e-4 * each.size**0.5) for each in reached]).T
    check(GOLDEN, f"{place}/grad_norms", [np.linalg.norm(each) for each in reached], close * norms + 3e-8, 0)
    check(GOLDEN, f"{place}/grad_sums", [each.sum() for each in reached], (close + spread) * norms + 3e-8, 0)
    for key in GOLDEN:
        if key.startswith(f"{place}/grad/") and not key.endswith(("@k", "@size")):
            name = key.removeprefix(f"{place}/grad/").removesuffix("@sample")
            largest = np.abs(GOLDEN[key]).max()
            check(GOLDEN, f"{place}/grad/{name}", ours[name].reshape(shape_of(name, ours)), atol=1e-3 * largest + 1e-8)


def shape_of(name, gradients):
    """The official shape of a gradient: that of the neck's weights is a 1x1 convolution's."""
    shape = gradients[name].shape
    return (*shape, 1, 1) if name.startswith("head.projects.") and len(shape) == 2 else shape


# --- adapters


@pytest.mark.parametrize("layer", ["qkv", "proj"])
def test_an_adapted_layer_of_the_model(layer):
    want, model = golden("adapters"), released("s")[0]
    cell = getattr(model.backbone.blocks[3].attn, layer)
    parameters = {"lora_A": cell.lora_a, "lora_B": cell.lora_b, "weight": cell.base.weight, "bias": cell.base.bias}
    x = Tensor(tensor(f"F/{layer}", (2, 17, 384)))

    def total(x):
        out = cell(x)
        return (out * Tensor(tensor(f"F/{layer}/cot", out.shape))).sum(), out

    frozen = [parameter for parameter in parameters.values() if not parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad = True
    try:
        (_, out), (dx, gradients) = ms.value_and_grad(total, 0, list(parameters.values()), has_aux=True)(x)
    finally:
        for parameter in frozen:
            parameter.requires_grad = False
    assert len(frozen) == 2
    got = {"out": out, "base_out": cell.base(x), "dx": dx}
    got |= {f"d_{name}": gradient for name, gradient in zip(parameters, gradients, strict=True)}
    got = {name: value.asnumpy() for name, value in got.items()}
    if layer == "qkv":  # the mask on the keys' bias was multiplied in when it was loaded
        got["d_bias"][384:768] = 0
    for name, value in got.items():
        check(want, f"{layer}/{name}", value, atol=2e-5)


def test_adapters_on_the_last_blocks_only():
    model = build_model(NAMES["s"], "released", changes={"lora": {"last_n_blocks": 4}, "encoder": {"width": 48}})
    ours = [parameter.name for parameter in model.trained_parameters() if not parameter.name.startswith("head.")]
    official = golden("adapters")["last4_keys"].tolist()
    renamed = {name.replace(".lora_A.weight", ".lora_a").replace(".lora_B.weight", ".lora_b") for name in official}
    assert len(official) == 16 and set(ours) == renamed


# --- as it is built


def test_initial_values_are_those_of_the_released_code():
    encoder = {"width": 16, "depth": 4, "heads": 1, "taps": [0, 1, 2, 3]}
    model = build_model(NAMES["s"], "released", changes={"encoder": encoder, "lora": {"last_n_blocks": 4}})
    initial = {name: parameter.asnumpy() for name, parameter in model.parameters_and_names()}

    def all_are(suffix, value):
        found = [array for name, array in initial.items() if name.endswith(suffix)]
        assert found and all(np.allclose(array, value, rtol=1e-6, atol=0) for array in found), suffix

    all_are("lora_b", 0)
    all_are("ls1.gamma", 1e-5)
    all_are("attention_scale", 1e-3)
    all_are("feed_forward_scale", 1e-3)
    all_are("alpha_logit", 0)
    all_are("hierarchy.anchor", 0)
    all_are("curv.value", 0)
    all_are("hierarchy.curvature.value", 0)
    all_are("visual_map.alpha.value", np.log(128**-0.5))
    all_are("film.predict.weight", 0)
    all_are("relevance.predict.bias", -1)
    for stage, width in enumerate((128, 64, 32)):
        all_are(f"stages.{stage}.modulation.operators.pixel_gate.map.alpha.value", np.log(width**-0.5))
    embedding = initial["head.temporal.0.time_embedding"]
    assert embedding.shape == (1, 64, 384) and 0.019 < embedding.std() < 0.021
