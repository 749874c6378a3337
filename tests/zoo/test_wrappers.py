"""What training programs put around weights comes off by a list of words, in one line; no choice is silent."""

import numpy as np
import pytest

from mindaam.errors import CheckpointError
from mindaam.zoo.convert import files
from mindaam.zoo.convert.wrappers import unwrap
from mindaam.zoo.torch_files.reading import read_torch
from tests.zoo.torch_archive import write_torch

NAMES = ("cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.0.norm1.weight")
ENCODER = {name: i for i, name in enumerate(NAMES)}


def under(place, state=ENCODER):
    return {f"{place}{name}": array for name, array in state.items()}


PLACES = (
    "state_dict.", "model.", "model_state_dict.", "teacher.", "student.", "ema.", "model_ema.", "network.", "net.",
    "backbone.", "encoder.", "teacher.backbone.", "student.backbone.", "state_dict.model.backbone.", "model.encoder.",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("within", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_it_is_taken_off_and_told_in_a_line(place, within):
    for official in (under(place + within), under(within + place), {**under(place + within), "optimizer.state.0.m": 9}):
        found = unwrap(official, "dinov2", "x.pth")
        assert found.state == ENCODER
        assert f'under "{place}"' in found.note and "\n" not in found.note
        assert ("optimizer" in found.note) == ("optimizer.state.0.m" in official)
        assert all(f'without "{word}."' in found.note for word in within.split(".")[:-1])


def test_a_word_within_the_names_comes_off_alone():
    found = unwrap({"cls_token": 0, "pos_embed": 1, "blocks.0._orig_mod.norm1.weight": 2}, "dinov2", "x.pth")
    assert set(found.state) == {"cls_token", "pos_embed", "blocks.0.norm1.weight"} and "_orig_mod" in found.note


def test_plain_names_stay_as_they_are():
    assert unwrap(ENCODER, "dinov2", "x.pth") == (ENCODER, "")
    found = unwrap({**ENCODER, **under("ema.")}, "dinov2", "x.pth")  # strictness speaks of what is left
    assert set(found.state) == set(ENCODER) | set(under("ema.")) and not found.note


@pytest.mark.parametrize(
    ("places", "taken"),
    [
        (("teacher.backbone.", "student.backbone."), "teacher.backbone."),
        (("model.", "model_ema."), "model_ema."),
        (("state_dict.", "state_dict_ema."), "state_dict_ema."),
        (("model.", "student."), "model."),
    ],
)
def test_of_several_the_average_is_taken_and_said(places, taken):
    official = {}
    for number, place in enumerate(places):
        official |= {f"{place}{name}": (number, array) for name, array in ENCODER.items()}
    found = unwrap(official, "dinov2", "x.pth")
    assert {array[0] for array in found.state.values()} == {places.index(taken)}
    left = ({place.split(".")[0] for place in places} - {taken.split(".")[0]}).pop()
    assert f'"{taken}"' in found.note and f"{len(ENCODER)} other arrays are skipped, of {left}" in found.note


def test_of_two_alike_neither_is_taken():
    with pytest.raises(CheckpointError, match='x.pth holds such weights under "model." and "network."'):
        unwrap({**under("model."), **under("network.")}, "dinov2", "x.pth")


def test_unknown_words_are_not_guessed():
    official = under("somebodys.")
    assert unwrap(official, "dinov2", "x.pth") == (official, "")


def test_a_whole_model_in_a_wrapper_is_not_taken_for_its_encoder():
    whole = under("model.", {"backbone.cls_token": 0, "backbone.storage_tokens": 1, "head.curv": 2})
    assert set(unwrap(whole, "aam", "x.pth").state) == {"backbone.cls_token", "backbone.storage_tokens", "head.curv"}
    with pytest.raises(CheckpointError, match="give --kind aam"):
        unwrap(whole, "dinov3", "x.pth")
    with pytest.raises(CheckpointError, match="give --kind dinov2"):
        unwrap(under("model."), "dinov3", "x.pth")


def test_names_that_would_become_one_stay_apart():
    official = {**ENCODER, "module.cls_token": 9}
    assert set(unwrap(official, "dinov2", "x.pth").state) == set(official)


def test_a_pytorch_file_with_an_average_beside_its_state_dict_keeps_both(tmp_path):
    one = np.ones(2, np.float32)
    write_torch(tmp_path / "plain.pth", {"a": one}, ("state_dict",))
    assert set(read_torch(tmp_path / "plain.pth")) == {"a"}
    write_torch(tmp_path / "nested.pth", {"a": one}, ("model", "state_dict"))
    assert set(read_torch(tmp_path / "nested.pth")) == {"model.state_dict.a"}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "a Git LFS pointer"),
        (b"<html><body>log in</body></html>", "a web page"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
        (b"\x08\x07\x12\x07pytorch" + bytes(99), "an ONNX model"),
        (b"", "an empty file"),
        (b"plain words", "a text file"),
    ],
)
def test_what_is_no_weights_is_named(tmp_path, content, named):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"weights.pth is {named}"):
        files.read_foreign(path)
    with pytest.raises(CheckpointError, match=f"weights.pth is {'empty' if not content else named}"):
        read_torch(path)
