"""`mindaam convert`: a report and a file, or one sentence, exit code 2 and nothing written."""

import os

import numpy as np
import pytest

from mindaam.encoders import dinov3, dinov3_checkpoints
from mindaam.zoo.checkpoints import read_metadata, read_safetensors, write_safetensors
from tests.cli.running import runner
from tests.encoders.dinov3_files import official_state, tiny_settings

TINY = tiny_settings()


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def mindaam(capsys):
    """Runs the command line; gives exit code, stdout, stderr."""
    return runner(capsys)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with `in.safetensors`, a DINOv3 of the variant "tiny"; "twin" is built alike but for its depth."""
    monkeypatch.setattr(dinov3, "VARIANTS", {"tiny": TINY, "twin": {**TINY, "depth": 2}})
    write_safetensors(tmp_path / "in.safetensors", official_state(TINY))
    return tmp_path


def test_a_checkpoint_becomes_a_file_and_a_report(mindaam, folder):
    source, target = folder / "in.safetensors", folder / "out.safetensors"
    code, out, err = mindaam("convert", "--kind", "dinov3", source, target)
    assert (code, err) == (0, "")
    metadata, state = read_metadata(target), read_safetensors(target)
    assert metadata["kind"] == "dinov3" and metadata["name"] == "tiny" and metadata["naming"] == "mindaam"
    expected = dinov3_checkpoints.from_official(read_safetensors(source)).state
    assert set(state) == set(expected)
    assert all(np.array_equal(state[name], expected[name]) for name in expected)
    lines = out.splitlines()
    assert metadata["source_sha256"] in lines[0] and "tiny" in lines[0]
    assert "missing:        0" in lines and "unexpected:     0" in lines
    assert "    mask_token: stands for hidden patches, in pre-training only" in lines
    assert lines[-1].startswith(f"written: {target}, {len(state)} arrays")


def test_the_full_report_has_every_name(mindaam, folder):
    source = folder / "in.safetensors"
    code, out, _ = mindaam("convert", "--kind", "dinov3", "--full", source, folder / "out.safetensors")
    assert code == 0 and all(name in out for name in official_state(TINY))
    assert "    blocks.2.norm1.weight -> blocks.2.norm1.gamma" in out.splitlines()


def test_a_file_that_is_there_is_replaced_only_by_force(mindaam, folder):
    source, target = folder / "in.safetensors", folder / "out.safetensors"
    target.write_bytes(b"mine")
    code, out, err = mindaam("convert", "--kind", "dinov3", source, target)
    assert code == 2 and out == "" and "already exists" in err and target.read_bytes() == b"mine"
    assert mindaam("convert", "--kind", "dinov3", source, target, "--force")[0] == 0
    assert read_metadata(target)["name"] == "tiny"


def test_names_are_allowed_one_by_one(mindaam, folder):
    state = official_state(TINY) | {"spare": np.zeros(2, np.float32)}
    del state["norm.bias"]
    source, target = folder / "in.safetensors", folder / "out.safetensors"
    write_safetensors(source, state)
    command = ("convert", "--kind", "dinov3", source, target)
    for allowed, says in ([], "1 missing (norm.beta); 1 unexpected (spare)"), (["norm.beta"], "1 unexpected (spare)"):
        options = [part for name in allowed for part in ("--allow", name)]
        code, out, err = mindaam(*command, *options)
        assert code == 2 and err.count("\n") == 1 and says in err and "unexpected:     1" in out
        assert os.listdir(folder) == ["in.safetensors"]
    code, out, err = mindaam(*command, "--allow", "norm.beta", "--allow", "spare")
    assert (code, err) == (0, "") and "allowed:        2\n    norm.beta, spare" in out
    assert not {"norm.beta", "spare"} & set(read_safetensors(target))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--kind", "dinov4", "in.safetensors", "out.safetensors"], 'did you mean "dinov3"'),
        (["--kind", "dinov3", "in.safetensors", "out.pth"], "does not end in .safetensors"),
        (["--kind", "dinov3", "in.safetensors", "no/out.safetensors"], "does not exist; create it first"),
        (["--kind", "dinov3", "in.safetensors", "in.safetensors", "--force"], "is the input; choose another name"),
        (["--kind", "dinov3", "nowhere.pth", "out.safetensors"], "cannot read nowhere.pth"),
        (["--kind", "dinov3", "cut.safetensors", "out.safetensors"], "is truncated or damaged"),
        (["--kind", "dinov2", "in.safetensors", "out.safetensors"], "give --kind dinov3"),
        (["--kind", "dinov3", "--name", "twin", "in.safetensors", "out.safetensors"], "that is tiny, not twin"),
        (["in.safetensors", "out.safetensors"], "--kind"),
        (["--kind", "dinov3", "page.pth", "out.safetensors"], "page.pth"),
    ],
)
def test_misuse_is_one_sentence_and_leaves_nothing(mindaam, folder, monkeypatch, arguments, says):
    monkeypatch.chdir(folder)
    (folder / "cut.safetensors").write_bytes((folder / "in.safetensors").read_bytes()[:-1])
    (folder / "page.pth").write_bytes(b"<!DOCTYPE html><html>not found</html>")
    before = sorted(os.listdir())
    code, out, err = mindaam("convert", *arguments)
    assert code == 2 and out == "" and err.startswith("mindaam: ") and err.count("\n") == 1 and says in err
    assert sorted(os.listdir()) == before


def test_two_variants_of_the_same_sizes_are_asked_for(mindaam, folder, monkeypatch):
    monkeypatch.setattr(dinov3, "VARIANTS", {"land": TINY, "sea": TINY})
    command = ("convert", "--kind", "dinov3", folder / "in.safetensors", folder / "out.safetensors")
    code, _, err = mindaam(*command)
    assert code == 2 and "as land and sea both have; choose one with --name" in err
    assert mindaam(*command, "--name", "sea")[0] == 0
    assert read_metadata(folder / "out.safetensors")["name"] == "sea"


def test_a_full_disk_leaves_nothing(mindaam, folder, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = mindaam("convert", "--kind", "dinov3", folder / "in.safetensors", folder / "out.safetensors")
    assert code == 2 and "No space left on device" in err and os.listdir(folder) == ["in.safetensors"]


PROMPTS = 'PROMPTS = {"Posters": "A wall of posters.", "None": "Anybody looks at anything."}\n'


def test_the_authors_prompts_go_with_their_checkpoint(mindaam, folder, monkeypatch):
    from mindaam.zoo.convert import files, report
    from mindaam.zoo.weights import checkpoint_prompts

    arrays = {"head.hierarchy.anchor": np.ones((1, 4), np.float32)}
    account = report.Report(tuple(arrays), {}, (), {}, (), (), (), (), ())
    made = files.Converted("aam", "aam_dinov3_vitl16", arrays, account, folder / "in.safetensors", "0" * 64)
    monkeypatch.setattr(files, "convert", lambda *_, **__: made)
    (folder / "prompts.py").write_text(PROMPTS)
    command = ("convert", "--kind", "aam", folder / "in.safetensors", folder / "out.safetensors", "--force")
    code, out, err = mindaam(*command, "--prompts", folder / "prompts.py")
    assert (code, err) == (0, "") and out.splitlines()[-1] == "prompts: Posters, None"
    prompts = {"Posters": "A wall of posters.", "None": "Anybody looks at anything."}
    assert checkpoint_prompts(folder / "out.safetensors") == prompts
    assert mindaam(*command)[0] == 0 and checkpoint_prompts(folder / "out.safetensors") == {}


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("dinov3", PROMPTS, "--prompts is for a whole model"),
        ("aam", PROMPTS + "import os\n", "prompts.py, line 2"),
        ("aam", None, "cannot read the prompts"),
    ],
)
def test_prompts_that_cannot_be_are_refused_before_the_work(mindaam, folder, kind, text, says):
    if text is not None:
        (folder / "prompts.py").write_text(text)
    before = sorted(os.listdir(folder))
    source, target = folder / "in.safetensors", folder / "out.safetensors"
    code, out, err = mindaam("convert", "--kind", kind, source, target, "--prompts", folder / "prompts.py")
    assert code == 2 and out == "" and err.startswith("mindaam: ") and err.count("\n") == 1 and says in err
    assert sorted(os.listdir(folder)) == before
