"""The index: every bundled file is recorded and whole; a changed, missing or unknown one is an error with a cure."""

import os
import re
import subprocess
import sys

import pytest
import yaml

from mindaam.errors import CheckpointError, ConfigError
from mindaam.places import model_zoo_dir
from mindaam.zoo import index

ROOT = model_zoo_dir().parent


def entry(**changes):
    record = {
        "file": "encoders/a.safetensors", "kind": "encoder", "sha256": None, "bytes": None,
        "licence": "MIT", "source": "made here",
    }  # fmt: skip
    return {**record, **changes}


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A zoo of one file, `a`, recorded rightly; and `b`, announced only."""
    (tmp_path / "encoders").mkdir()
    (tmp_path / "encoders" / "a.safetensors").write_bytes(b"weights of a" * 1000)
    files = {"a": entry(), "b": entry(file="b.safetensors", kind="model")}
    (tmp_path / "index.yaml").write_text("# why this file\n# is here\n" + yaml.safe_dump({"files": files}))
    monkeypatch.setattr(index, "model_zoo_dir", lambda: tmp_path)
    assert index.update() == ["a"]
    return tmp_path


@pytest.mark.parametrize("name", sorted(index.records()))
def test_every_bundled_file_is_whole(name):
    if index.record(name).sha256 is None:
        with pytest.raises(CheckpointError, match="no weights"):
            index.verified(name)
    else:
        assert index.verified(name).stat().st_size < 100 * 2**20


def test_both_encoders_are_bundled():
    for name in ("dinov2_vits14", "minilm_l6", "minilm_l6.tokenizer"):
        assert index.verified(name).is_file()


def test_every_weights_file_is_recorded_and_credited():
    recorded = {record.file for record in index.records().values()}
    notice = (ROOT / "NOTICE").read_text()
    for path in model_zoo_dir().rglob("*.safetensors"):
        assert path.relative_to(model_zoo_dir()).as_posix() in recorded
    for file in recorded:
        assert f"model_zoo/{file}" in notice or f"model_zoo/{file.rpartition('/')[0]}/\n" in notice


def test_a_right_file_is_found(zoo):
    assert index.verified("a") == zoo / "encoders" / "a.safetensors"


def test_a_flipped_byte_is_noticed(zoo):
    path = zoo / "encoders" / "a.safetensors"
    content, expected = bytearray(path.read_bytes()), index.record("a").sha256
    content[500] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        index.verified("a")
    message = str(caught.value)
    assert str(path) in message and expected in message and "git checkout" in message
    assert set(re.findall("[0-9a-f]{64}", message)) > {expected}  # what it got is told as well


def test_a_truncated_file_is_noticed(zoo):
    path = zoo / "encoders" / "a.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="11999 bytes, the index says 12000"):
        index.verified("a")


def test_a_missing_file_is_noticed_and_keeps_its_hash(zoo):
    (zoo / "encoders" / "a.safetensors").unlink()
    before = (zoo / "index.yaml").read_bytes()
    with pytest.raises(CheckpointError, match="is missing; restore it"):
        index.verified("a")
    with pytest.raises(CheckpointError, match="is gone"):
        index.update()
    assert (zoo / "index.yaml").read_bytes() == before


def test_an_announced_file_has_no_weights_until_it_is_there(zoo):
    with pytest.raises(CheckpointError, match='no weights for "b" yet'):
        index.verified("b")
    (zoo / "b.safetensors").write_bytes(b"trained")
    assert index.update() == ["b"]
    assert index.verified("b").read_bytes() == b"trained"
    assert index.update() == []


def test_an_update_keeps_the_comment_on_top_and_leaves_no_other_file(zoo):
    assert (zoo / "index.yaml").read_text().startswith("# why this file\n# is here\nfiles:\n")
    assert sorted(os.listdir(zoo)) == ["encoders", "index.yaml"]


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(ConfigError, match='did you mean "dinov2_vits14"'):
        index.verified("dinov2_vits16")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"sha256": "beef"}, "sha256"), ({"licens": "MIT"}, 'unknown key "files.a.licens"'), ({"bytes": 0}, "bytes")],
)
def test_a_malformed_index_says_where(zoo, change, message):
    (zoo / "index.yaml").write_text(yaml.safe_dump({"files": {"a": entry(**change)}}))
    with pytest.raises(ConfigError, match=message):
        index.records()


def test_the_command_checks_updates_and_fails_in_one_line(zoo, capsys):
    assert index.main([]) == 0
    assert capsys.readouterr().out == "a: verified\nb: not there yet\n"
    (zoo / "encoders" / "a.safetensors").write_bytes(b"x")
    assert index.main([]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert index.main(["--update"]) == 0
    assert capsys.readouterr().out.startswith("a: updated, verified\n")
    assert index.main(["--upgrade"]) == 2


def test_the_command_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "mindaam.zoo.index"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "minilm_l6: verified" in done.stdout and done.stderr == ""
