"""The index: every bundled file is recorded and whole; a changed, missing or unknown one is an error with a cure."""

import hashlib
import math
import os
import re
import subprocess
import sys

import pytest
import yaml

from mindaam.errors import CheckpointError, ConfigError, OutputError
from mindaam.models.registry import list_models, model_config
from mindaam.places import configs_dir, model_zoo_dir
from mindaam.schema import validate
from mindaam.zoo import index, listing
from mindaam.zoo.convert.kinds import KINDS
from mindaam.zoo.fetching import cache

ROOT = model_zoo_dir().parent


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """An empty user's folder, so that nothing on this machine plays a part."""
    monkeypatch.setenv("MINDAAM_CACHE", str(tmp_path / "own"))
    return tmp_path / "own"


def entry(**changes):
    record = {
        "file": "encoders/a.safetensors", "kind": "encoder", "sha256": None, "bytes": None,
        "licence": "MIT", "source": "made here",
    }  # fmt: skip
    return {**record, **changes}


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A zoo of one file, `a`, recorded rightly; and `b`, announced only."""
    tmp_path = tmp_path / "zoo"
    tmp_path.mkdir()
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
        with pytest.raises(CheckpointError, match="not installed|no weights"):
            index.verified(name)
    else:
        assert index.verified(name).stat().st_size < 100 * 2**20


def test_both_encoders_are_bundled():
    for name in ("dinov2_vits14", "minilm_l6", "minilm_l6.tokenizer"):
        assert index.verified(name).is_file()


def test_every_weights_file_is_recorded_and_credited():
    recorded = {record.file for record in index.records().values() if record.sha256}
    notice = (ROOT / "NOTICE").read_text()
    for path in model_zoo_dir().rglob("*.safetensors"):
        # a table of embeddings is computed here, and belongs to the encoder that it names
        file = path.relative_to(model_zoo_dir()).as_posix().replace(".prompts.safetensors", ".safetensors")
        assert file in recorded
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
    with pytest.raises(CheckpointError, match="11999 bytes instead of 12000"):
        index.verified("a")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "a Git LFS pointer.*git lfs pull"),
        (b"<html>log in</html>", "a web page"),
    ],
)
def test_what_lies_in_a_files_place_is_named_and_nobody_can_vouch_for_it(zoo, content, named):
    (zoo / "encoders" / "a.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=f"a.safetensors is {named}"):
        index.verified("a")
    (zoo / "b.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=f"b.safetensors is {named}"):
        index.trust("b")


def test_a_missing_file_is_noticed_and_keeps_its_hash(zoo):
    (zoo / "encoders" / "a.safetensors").unlink()
    before = (zoo / "index.yaml").read_bytes()
    with pytest.raises(CheckpointError, match="is missing; restore it"):
        index.verified("a")
    with pytest.raises(CheckpointError, match="no longer exists"):
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
        index.verified("dinov2_vitb14")


def test_an_update_touches_nothing_but_hashes_and_sizes(zoo):
    text = (zoo / "index.yaml").read_text().replace("licence: MIT", "licence: MIT # as its author says", 1)
    (zoo / "index.yaml").write_text(text)
    (zoo / "encoders" / "a.safetensors").write_bytes(b"trained anew")
    before = index.record("a")
    assert index.update() == ["a"]
    after = index.record("a")
    expected = text.replace(before.sha256, after.sha256).replace("bytes: 12000", "bytes: 12")
    assert (zoo / "index.yaml").read_text() == expected


def test_an_index_that_cannot_be_rewritten_stays_as_it_is(zoo):
    text = yaml.safe_dump({"files": {"a": entry()}}, default_flow_style=True)
    (zoo / "index.yaml").write_text(text)
    with pytest.raises(ConfigError, match="lines of its own"):
        index.update()
    assert (zoo / "index.yaml").read_text() == text


def test_a_changed_index_is_read_anew(zoo):
    assert "c" not in index.records()
    (zoo / "index.yaml").write_text(yaml.safe_dump({"files": {"c": entry()}}))
    assert list(index.records()) == ["c"]


def test_a_file_that_nobody_vouches_for_is_not_used(zoo, own_folder):
    (zoo / "b.safetensors").write_bytes(b"from somewhere")
    with pytest.raises(CheckpointError, match="no trusted hash yet.*--sha256.*--accept"):
        index.verified("b")
    wrong, right = "0" * 64, digest(b"from somewhere")
    with pytest.raises(CheckpointError, match=f"no file of b has the SHA-256 {wrong}.*{right}"):
        index.trust("b", wrong)
    assert index.record("b").sha256 is None
    assert index.trust("b", right) == {zoo / "b.safetensors": right}
    assert index.verified("b").read_bytes() == b"from somewhere" and index.record("b").bytes == 14
    assert [path.name for path in own_folder.iterdir() if path.is_file()] == ["pins.json"]
    (zoo / "b.safetensors").write_bytes(b"from somewhere!")
    with pytest.raises(CheckpointError, match="15 bytes instead of 14; restore it, or.*mindaam zoo verify b --accept"):
        index.verified("b")
    index.trust("b")
    assert index.verified("b").read_bytes() == b"from somewhere!"


def test_nobody_can_vouch_for_what_the_index_knows_to_be_wrong_or_for_nothing(zoo):
    with pytest.raises(CheckpointError, match="does not exist; put the file there"):
        index.trust("b")
    with pytest.raises(ConfigError, match="64 hexadecimal digits"):
        index.trust("b", "abc")
    with pytest.raises(ConfigError, match="unknown file of the model zoo"):
        index.trust("bb")
    assert index.trust("a") == {zoo / "encoders" / "a.safetensors": index.record("a").sha256}
    (zoo / "encoders" / "a.safetensors").write_bytes(b"weights of b" * 1000)
    with pytest.raises(CheckpointError, match="changed or damaged"):
        index.trust("a")
    assert cache.pins() == {}


def test_an_update_does_not_make_a_users_word_everybodys(zoo, own_folder):
    (own_folder).mkdir()
    (own_folder / "b.safetensors").write_bytes(b"mine")
    index.trust("b")
    assert index.record("b").sha256 and index.verified("b") == own_folder / "b.safetensors"
    assert index.update() == [] and index.announced()["b"].sha256 is None


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"b.safetensors": "0"}', '{"b.safetensors": {"sha256": "0", "bytes": 1}}']
)
def test_damaged_pins_are_told(zoo, own_folder, text):
    own_folder.mkdir()
    (own_folder / "pins.json").write_text(text)
    with pytest.raises(CheckpointError, match="pins.json.*pin your files again"):
        index.records()


def test_a_users_folder_that_cannot_be_does_not_stop_the_bundled_files(zoo, monkeypatch):
    (zoo / "file").write_text("")
    monkeypatch.setenv("MINDAAM_CACHE", str(zoo / "file" / "below"))
    assert index.verified("a").is_file()


def test_the_users_folder_is_where_the_environment_says(monkeypatch):
    monkeypatch.delenv("MINDAAM_CACHE")
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert str(cache.cache_dir()) == "/home/someone/.cache/mindaam"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which its specification has ignored
    assert str(cache.cache_dir()) == "/home/someone/.cache/mindaam"
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert str(cache.cache_dir()) == "/caches/mindaam"
    monkeypatch.setenv("MINDAAM_CACHE", "~/weights")
    assert str(cache.cache_dir()) == "/home/someone/weights"


def test_where_nobodys_home_is_known_nothing_is_kept(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINDAAM_CACHE", "~nobody-of-that-name/weights")  # as "~" is of a user whom no list has
    assert cache.pins() == {}
    with pytest.raises(OutputError, match="MINDAAM_CACHE"):
        cache.pin("a", "0" * 64, 1)
    assert list(tmp_path.iterdir()) == []


NEGATIVE = '{"a": {"sha256": "' + "0" * 64 + '", "bytes": -1}}'


@pytest.mark.parametrize("content", ["[" * 100_000, "9" * 5000, NEGATIVE, "{"])
def test_pins_that_are_damaged_are_one_sentence(monkeypatch, tmp_path, content):
    monkeypatch.setenv("MINDAAM_CACHE", str(tmp_path))
    (tmp_path / "pins.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"pins\.json"):
        cache.pins()


def test_the_list_has_everything_that_a_model_needs():
    known = index.announced()
    for model in list_models():
        config = model_config(model)
        assert {config.encoder.name, config.text.name} <= set(known)
    for name in ("dinov3_vits16", "dinov3_vitl16_sat", "dinov3_vith16plus", "clip_vitl14", "wav2clip"):
        assert name in known


def test_of_the_authors_checkpoints_only_the_published_one_is_listed():
    theirs = [name for name, entry in index.announced().items() if entry.original and entry.original.kind == "aam"]
    assert theirs == ["aam_dinov3_vitl16"]
    entry = index.announced()["aam_dinov3_vitl16"]
    assert entry.url is entry.original.url is entry.original.sha256 is None
    assert "file-sharing page" in entry.obtain and "prompts.py" in entry.obtain


@pytest.mark.parametrize("name", sorted(index.announced()))
def test_a_record_is_of_use(name):
    entry = index.announced()[name]
    assert entry.sha256 or entry.url or entry.original, "no way to the file"
    assert (entry.sha256 is None) == (entry.bytes is None)
    if entry.config:
        assert (configs_dir() / entry.config).is_file()
    if entry.original:
        assert entry.original.file.startswith("originals/") and entry.page
        assert entry.original.url or entry.obtain, "no address, and not a word about how to get it"
        assert name in KINDS[entry.original.kind].variants()
    if "DINOv3" in entry.licence:
        assert "DINOv3 License" in entry.accept and entry.original.url is None
    for metrics in entry.figures.values.values() if entry.figures else ():
        assert all(0 < metrics[key] <= 1 for key in metrics.keys() & {"CC", "AUC", "SIM"}) and metrics.keys() <= {
            "CC", "AUC", "SIM", "KLD", "NSS",
        }  # fmt: skip


def test_files_have_places_of_their_own():
    places = [part.file for entry in index.announced().values() for part in (entry, entry.original) if part]
    assert len(places) == len(set(places))


def test_the_state_says_what_is_to_be_done(zoo, own_folder):
    def states():
        return {row.name: row.state for row in listing.rows()}

    original = {"file": "originals/c.pt", "kind": "clip", "sha256": None, "bytes": None, "url": None}
    files = {
        "a": index.announced()["a"].model_dump(exclude_unset=True),
        "b": entry(file="b.safetensors"),
        "c": entry(file="c.safetensors", original=original),
        "d": entry(file="d.safetensors", url="https://publisher.invalid/d"),
    }
    (zoo / "index.yaml").write_text(yaml.safe_dump({"files": files}))
    assert states() == {"a": "here", "b": "to come", "c": "by hand", "d": "to fetch"}
    (own_folder / "originals").mkdir(parents=True)
    (own_folder / "originals" / "c.pt").write_bytes(b"theirs")
    (zoo / "encoders" / "a.safetensors").write_bytes(b"short")
    assert states() == {"a": "damaged", "b": "to come", "c": "to convert", "d": "to fetch"}
    (own_folder / "c.safetensors").write_bytes(b"ours")
    (zoo / "encoders" / "a.safetensors").unlink()
    assert states() == {"a": "missing", "b": "to come", "c": "not pinned", "d": "to fetch"}
    index.trust("c")
    assert states()["c"] == "here"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sha256": "beef"}, "sha256"),
        ({"licens": "MIT"}, 'unknown key "files.a.licens"'),
        ({"bytes": 0}, "bytes"),
        ({"file": "../a"}, "file"),
        ({"file": "/etc/a"}, "file"),
        ({"url": "http://publisher.invalid/a"}, "url"),
    ],
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


@pytest.mark.parametrize(
    "change",
    [
        *({"file": name} for name in ("../a", "/etc/a", "a/../b", "a//b", "a\nb", "a\x1b[31m", "x" * 300, "a/", "ä")),
        *({"config": name} for name in ("../models/a.yaml", "/a.yaml")),
        *({"bytes": size} for size in (-1, 0, True, 1.5, 10**30)),
        *({"sha256": text} for text in ("0" * 63, "G" * 64, "0" * 64 + "\n", 5)),
        *({"url": f"https://{rest}"} for rest in ("", "a", "u:p@a/b", "a/b\nc", "a/b c", "a/b\n", "a:0/b", "[/b")),
        *({"page": url} for url in ("http://a/b", "file:///a", "javascript:a", "https://a/\x1b[31m", "https://a/é")),
        *({"licence": text} for text in ("MIT\nx", "MIT\x1b[31m", "MIT\u202e", "x" * 5000)),
        {"source": "a\rb"}, {"accept": "a\x07"}, {"obtain": "a\x9b"},
        {"figures": {"source": "a", "values": {"b": {"CC": math.nan}}}},
        {"figures": {"source": "a", "values": {"b\x1b": {"CC": 1.0}}}},
        {"original": {"file": "../a", "kind": "aam", "sha256": None, "bytes": None, "url": None}},
        {"original": {"file": "a", "kind": "aam", "sha256": None, "bytes": None, "url": "https://a/\n"}},
    ],
)  # fmt: skip
def test_no_record_leads_out_of_the_folder_or_to_the_terminal(change):
    files = {"a": {**entry(), **change}}
    with pytest.raises(ConfigError) as caught:
        validate(index.Index, {"files": files}, "index.yaml")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["../a", "a/b", "a\x1b[31m", "a\n", "", "x" * 101])
def test_no_name_of_a_record_is_more_than_a_name(name):
    with pytest.raises(ConfigError):
        validate(index.Index, {"files": {name: entry()}}, "index.yaml")
