"""Wav2CLIP against golden embeddings, in both modes, and the conversion of its published names."""

import mindspore as ms
import numpy as np
import pytest

from mindaam.encoders import spectrogram
from mindaam.encoders.wav2clip import AudioEncoder, Wav2CLIP, from_official
from mindaam.errors import CheckpointError, InputError
from tests import gold
from tests.encoders.encoder_files import golden, running_in

GOLDEN = golden("wav2clip.npz")
TOLERANCE = 1e-5  # of the golden's range; 2e-6 was measured
W48 = gold.waveform("I/w48", 3, 96000, 48000)
W16 = gold.waveform("I/w16", 3, 32000, 16000)


def official_shapes():
    """{official name: shape}, named as in the authors' code."""
    shapes = {"encoder.conv1.weight": (64, 1, 7, 7), "encoder.spectrogram.window": (512,)}

    def norm(name, width):
        leaves = ("weight", "bias", "running_mean", "running_var")
        return {**{f"{name}.{leaf}": (width,) for leaf in leaves}, f"{name}.num_batches_tracked": ()}

    shapes |= norm("encoder.bn1", 64)
    before = 64
    for stage, width in enumerate((64, 128, 256, 512)):
        for place in range(2):
            block = f"encoder.layer{stage + 1}.{place}"
            shapes |= {f"{block}.conv1.weight": (width, before, 3, 3), f"{block}.conv2.weight": (width, width, 3, 3)}
            shapes |= {**norm(f"{block}.bn1", width), **norm(f"{block}.bn2", width)}
            if before != width:
                shapes |= {
                    f"{block}.downsample.0.weight": (width, before, 1, 1),
                    **norm(f"{block}.downsample.1", width),
                }
            before = width
    for place in (0, 3):
        shapes |= {f"transform.sequential.{place}.weight": (512, 512), f"transform.sequential.{place}.bias": (512,)}
    return shapes


@pytest.fixture(scope="module")
def official():
    return {name: gold.weight(f"wav2clip.{name}", shape) for name, shape in official_shapes().items()}


@pytest.fixture(scope="module")
def weights(official):
    return from_official(official).state


@pytest.fixture(scope="module")
def encoder(weights):
    return AudioEncoder(weights, "batch")


def near(key, got):
    gold.check(GOLDEN, key, got, atol=TOLERANCE * np.ptp(GOLDEN[key]), rtol=0)


@pytest.mark.parametrize(
    ("case", "waves", "rate"), [("w16", W16, 16000), ("w16_row0", W16[:1], 16000), ("w48", W48, 48000)]
)
def test_embeddings_as_the_reference(encoder, case, waves, rate):
    near(f"{case}/embedding", encoder.encode(waves, rate))


# half a minute in a graph, of which most is its compilation
@pytest.mark.parametrize("mode", ["pynative", pytest.param("graph", marks=pytest.mark.slow)])
def test_the_network_as_the_reference(encoder, mode):
    seen = ms.Tensor(spectrogram.features(W16[:1], 16000, "batch"))
    with running_in(mode):
        near("w16_row0/backbone", encoder.model.summary(seen).asnumpy())
        near("w16_row0/embedding", encoder.model(seen).asnumpy())


@pytest.mark.slow
def test_frames_apart_only_when_each_is_standardised_by_itself(encoder, weights):
    apart = AudioEncoder(weights)  # by window, unless asked otherwise
    np.testing.assert_allclose(apart.encode(W16[:1], 16000), apart.encode(W16, 16000)[:1], atol=1e-5)
    assert np.abs(encoder.encode(W16[:1], 16000) - encoder.encode(W16, 16000)[:1]).max() > 1e-3


@pytest.mark.slow
def test_many_windows_are_those_one_by_one(weights):
    apart = AudioEncoder(weights)
    waves = gold.waveform("many", 35, 2000, 16000)
    together = apart.encode(waves, 16000)
    assert together.shape == (35, 512)
    np.testing.assert_allclose(together[[0, 31, 32, 34]], apart.encode(waves[[0, 31, 32, 34]], 16000), atol=1e-5)
    assert apart.encode(waves[:0], 16000).shape == (0, 512)


@pytest.mark.parametrize(
    ("waves", "message"),
    [
        (np.zeros(32000), r"\[32000\]"),
        (np.zeros((2, 200)), "more than 257 samples"),
        (np.full((1, 4000), np.nan), "not finite"),
    ],
)
def test_what_is_no_sound_is_refused(encoder, waves, message):
    with pytest.raises(InputError, match=message):
        encoder.encode(waves, 16000)


@pytest.mark.parametrize("rate", [0, -16000, 16000.5])
def test_a_rate_that_is_none_is_refused(encoder, rate):
    with pytest.raises(InputError, match="whole number of samples per second"):
        encoder.encode(np.zeros((1, 4000)), rate)


def test_silence_has_an_embedding(encoder):
    heard = encoder.encode(np.zeros((3, 32000)), 16000)
    assert np.isfinite(heard).all() and heard.any()


def test_every_official_name_is_accounted_for(official):
    conversion = from_official(official)
    shapes = {name: tuple(parameter.shape) for name, parameter in Wav2CLIP().parameters_and_names()}
    assert {name: array.shape for name, array in conversion.state.items()} == shapes
    used = [name for names in conversion.origin.values() for name in names]
    assert sorted([*used, *conversion.ignored]) == sorted(official) and not conversion.unexpected
    assert {name.rsplit(".", 1)[-1] for name in conversion.ignored} == {"num_batches_tracked", "window"}


def test_the_published_file_differs_only_in_how_names_begin(official):
    def published(name):
        return name.replace("encoder.", "audio_encoder.", 1).replace("transform.", "audio_transform.", 1)

    theirs = {published(name): array for name, array in official.items()}
    assert all(name.startswith("audio_") for name in theirs)
    conversion = from_official(theirs)
    assert not conversion.unexpected
    for name, array in from_official(official).state.items():
        np.testing.assert_array_equal(conversion.state[name], array)


def test_what_only_training_needs_is_ignored_with_a_reason(official):
    theirs = {name.replace("encoder.", "audio_encoder.", 1): array for name, array in official.items()}
    theirs = {name.replace("transform.", "audio_transform.", 1): array for name, array in theirs.items()}
    extra = ["audio_encoder.fc.weight", "loss_fn_i.logit_scale", "loss_fn_a.logit_scale"]
    extra += [f"image_transform.sequential.{place}.{part}" for place in (0, 3) for part in ("weight", "bias")]
    conversion = from_official(theirs | {name: np.zeros(3) for name in extra})
    assert not conversion.unexpected and set(extra) <= set(conversion.ignored)
    assert len(conversion.state) == len(from_official(official).state)


@pytest.mark.parametrize(
    "stray",
    [
        "encoder.fc.weight",
        "conv1.weight",
        "transform.sequential.1.weight",
        "layer1.0.bn1.bias",
        "encoder.layer1.0.downsample.0.weight",
        "encoder.layer9.0.bn1.num_batches_tracked",
        "encoder.other.spectrogram.window",
        "loss_fn.logit_scale",
    ],
)
def test_strangers_are_unexpected(official, stray):
    assert from_official({**official, stray: np.zeros(3)}).unexpected == (stray,)


def test_weights_that_do_not_fit_are_refused(weights):
    with pytest.raises(CheckpointError, match="fc2.bias"):
        AudioEncoder({name: array for name, array in weights.items() if name != "fc2.bias"})


def test_nothing_of_it_is_trained():
    assert not [parameter.name for parameter in Wav2CLIP().get_parameters() if parameter.requires_grad]
