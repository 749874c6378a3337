"""Fetching from a server on this machine: whatever it does, the right file gets its name, or none does."""

import errno
import hashlib
import json
import os
import ssl
import subprocess
import sys
import textwrap
from collections import namedtuple

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mindaam.errors import CheckpointError, ConfigError, OutputError
from mindaam.zoo import index
from mindaam.zoo.fetching import cache, transfer
from mindaam.zoo.fetching.fetch import fetch
from tests.zoo import https_site

WEIGHTS = bytes(range(256)) * 3000  # 768000 bytes, three pieces
HASH = hashlib.sha256(WEIGHTS).hexdigest()
OTHER = WEIGHTS[:-1] + b"!"
FILE = "/a/a.safetensors"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with https_site.serving(tmp_path_factory.getbasetemp()) as site:
        yield site


@pytest.fixture
def site(server, monkeypatch):
    """The server with one good file and nothing asked yet; no proxy, no waiting between tries."""
    monkeypatch.setattr(transfer, "TIMEOUT", 5)
    return https_site.reset(server, {FILE: WEIGHTS}, monkeypatch)


def write_zoo(folder, site, **changes):
    """An index with `a`, known in full; `b`, of unknown hash; `c`, a foreign original; `d`, behind a licence."""
    known = {"kind": "encoder", "licence": "MIT", "source": "made here"}
    unknown = {**known, "sha256": None, "bytes": None}
    a = {"file": "a/a.safetensors", "sha256": HASH, "bytes": len(WEIGHTS), "url": site.address + FILE}
    original = {"kind": "clip", "sha256": HASH, "bytes": len(WEIGHTS)}
    records = {
        "a": {**known, **a, **changes},
        "b": {**unknown, "file": "b.safetensors", "url": site.address + FILE},
        "c": {
            **unknown,
            "file": "c.safetensors",
            "original": {**original, "file": "originals/c.pt", "url": site.address + FILE},
        },
        "d": {
            **unknown,
            "file": "d.safetensors",
            "accept": "the licence on https://publisher.invalid/terms",
            "obtain": "ask for the file there",
            "original": {"kind": "dinov3", "file": "originals/d.pth", "sha256": None, "bytes": None, "url": None},
        },
    }
    (folder / "index.yaml").write_text(yaml.safe_dump({"files": records}))


@pytest.fixture
def zoo(site, tmp_path, monkeypatch):
    """The user's folder; the index is `write_zoo`'s."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    write_zoo(folder, site)
    monkeypatch.setattr(index, "model_zoo_dir", lambda: folder)
    monkeypatch.setenv("MINDAAM_CACHE", str(tmp_path / "own"))
    monkeypatch.delenv("MINDAAM_OFFLINE", raising=False)
    monkeypatch.delenv("MINDAAM_MIRRORS", raising=False)
    return tmp_path / "own"


def left_behind(folder):
    """Files in the user's folder, but for locks."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")


def test_a_file_arrives_whole_and_once(site, zoo):
    seen = []
    done = fetch("a", context=site.context, report=lambda *progress: seen.append(progress))
    assert done == (zoo / "a/a.safetensors", HASH, None) and done.path.read_bytes() == WEIGHTS
    assert seen[-1] == (len(WEIGHTS), len(WEIGHTS)) and [n for n, _ in seen] == sorted({n for n, _ in seen})
    assert left_behind(zoo) == ["a/a.safetensors"]
    assert index.verified("a") == done.path
    assert fetch("a", context=site.context) == done and len(site.asked) == 1


def test_a_file_goes_to_the_disk_before_it_gets_its_name(site, zoo, monkeypatch):
    order, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: order.append("fsync") or fsync(handle))
    monkeypatch.setattr(os, "replace", lambda *paths: order.append("replace") or replace(*paths))
    fetch("a", context=site.context)
    assert order == ["fsync", "replace", "fsync"]


def test_an_unknown_authority_is_not_trusted(site, zoo):
    with pytest.raises(CheckpointError, match="cannot be trusted.*SSL_CERT_FILE"):
        fetch("a", context=ssl.create_default_context())
    assert site.asked == [] and left_behind(zoo) == []


def test_tls_cannot_be_switched_off(site, zoo):
    for weaken in (
        lambda c: setattr(c, "check_hostname", False),
        lambda c: [setattr(c, "check_hostname", False), setattr(c, "verify_mode", ssl.CERT_NONE)],
    ):
        context = ssl.create_default_context(cafile=site.pem)
        weaken(context)
        with pytest.raises(ConfigError, match="does not check"):
            fetch("a", context=context)
    assert site.asked == []


def test_a_certificate_of_another_name_is_not_trusted(site, zoo):
    port = site.address.rpartition(":")[2]
    with pytest.raises(CheckpointError, match="cannot be trusted"):
        fetch("b", url=f"https://localhost:{port}{FILE}", accept=True, context=site.context)
    assert site.asked == []


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "file:///etc/hostname", "ftp://x/y", "a", "https://", "//x/y"])
def test_nothing_but_https_is_fetched(zoo, url):
    with pytest.raises(ConfigError, match="not an https address"):
        fetch("b", url=url, accept=True)
    with pytest.raises(ConfigError, match="not an https address"):
        fetch("a", mirrors=[url])


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/x", "file:///etc/hostname", "ftp://127.0.0.1:9/x"])
def test_a_redirect_out_of_https_is_refused(site, zoo, target):
    site.odd[FILE] = https_site.to(target)
    with pytest.raises(CheckpointError):
        fetch("a", context=site.context)
    assert left_behind(zoo) == [] and len(site.asked) == 1


def test_a_redirect_to_http_is_told(site, zoo):
    site.odd[FILE] = https_site.to("http://127.0.0.1:9/x?secret=1")
    with pytest.raises(CheckpointError, match="redirects to http://127.0.0.1:9/x, which is not https"):
        fetch("a", context=site.context)


def test_a_redirect_within_https_is_followed_with_the_range(site, zoo):
    site.files["/elsewhere"] = WEIGHTS
    site.odd[FILE] = https_site.to(f"{site.address}/elsewhere")
    part = zoo / "a/a.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(WEIGHTS[:1000])
    assert fetch("a", context=site.context).path.read_bytes() == WEIGHTS
    assert site.ranges("/elsewhere") == ["bytes=1000-"]


def test_a_circle_of_redirects_ends(site, zoo):
    site.odd[FILE] = https_site.to(site.address + FILE)
    with pytest.raises(CheckpointError):
        fetch("a", context=site.context)
    assert len(site.asked) < 20


BAD_MANNERS = {
    "404": (lambda h: h.say(404, b"none"), "the file does not exist .404."),
    "403": (lambda h: h.say(403), "refuses it .403.; it may require a license"),
    "500": (lambda h: h.say(500), "answers 500"),
    "a web page": (lambda h: h.say(200, b"<html>log in</html>", Content_Type="text/html; charset=utf-8"), "a web page"),
    "a web page in disguise": (lambda h: h.say(200, b"\n <!DOCTYPE html>".ljust(len(WEIGHTS))), "a web page"),
    "too short": (lambda h: h.say(200, WEIGHTS[:-1]), f"{len(WEIGHTS) - 1} bytes instead of {len(WEIGHTS)}"),
    "too long": (lambda h: h.say(200, WEIGHTS + b"!"), f"{len(WEIGHTS) + 1} bytes instead of {len(WEIGHTS)}"),
    "another file": (lambda h: h.say(200, OTHER), hashlib.sha256(OTHER).hexdigest()),
    "compressed": (lambda h: h.say(200, WEIGHTS, Content_Encoding="gzip"), "compressed"),
    "nothing": (lambda h: h.say(200), "an empty file"),
    "no answer": (lambda h: setattr(h, "close_connection", True), "the connection|cannot be reached"),
    "no http": (lambda h: h.wfile.write(b"hello\r\n\r\n"), "cannot be reached"),
}


@pytest.mark.parametrize("case", BAD_MANNERS)
def test_a_server_that_does_not_give_the_file(site, zoo, case):
    site.odd[FILE], message = BAD_MANNERS[case]
    with pytest.raises(CheckpointError, match=message) as caught:
        fetch("a", context=site.context)
    assert f"127.0.0.1:{site.address.rpartition(':')[2]}{FILE}" in str(caught.value) and "\n" not in str(caught.value)
    assert left_behind(zoo) == []


def test_a_refused_connection_is_tried_again_and_told(site, zoo):
    with pytest.raises(CheckpointError, match="cannot be reached"):
        fetch("b", url="https://127.0.0.1:9/x", accept=True, context=site.context)


def test_a_server_that_was_busy_is_asked_again(site, zoo):
    site.odd[FILE] = lambda h: h.say(503) if len(site.asked) < 3 else https_site.well(h)
    assert fetch("a", context=site.context).sha256 == HASH


def test_a_connection_that_breaks_again_and_again_is_gone_on_with(site, zoo):
    site.odd[FILE] = https_site.broken_off(200_000)
    assert fetch("a", context=site.context).path.read_bytes() == WEIGHTS
    assert site.ranges(FILE) == [None, "bytes=200000-", "bytes=400000-", "bytes=600000-"]
    assert left_behind(zoo) == ["a/a.safetensors"]


def test_a_pointer_in_the_place_of_weights_is_not_taken(site, zoo):
    site.files[FILE] = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    with pytest.raises(CheckpointError, match="a Git LFS pointer"):
        fetch("b", accept=True, context=site.context)
    assert not left_behind(zoo)


def test_truncation_is_noticed_and_what_came_is_kept(site, zoo):
    full = https_site.broken_off(300_000)
    site.odd[FILE] = lambda h: full(h) if len(site.asked) == 1 else h.say(503)
    with pytest.raises(CheckpointError, match="300000 bytes are kept, and the next attempt continues from there"):
        fetch("a", context=site.context)
    assert left_behind(zoo) == ["a/a.safetensors.part", "a/a.safetensors.part.json"]
    site.odd.clear()
    assert fetch("a", context=site.context).path.read_bytes() == WEIGHTS
    assert site.ranges(FILE)[-1] == "bytes=300000-" and left_behind(zoo) == ["a/a.safetensors"]


def test_an_interrupted_one_is_kept_and_gone_on_with(site, zoo):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("a", context=site.context, report=interrupt)
    kept = (zoo / "a/a.safetensors.part").read_bytes()
    assert 0 < len(kept) < len(WEIGHTS) and WEIGHTS.startswith(kept)
    assert fetch("a", context=site.context).path.read_bytes() == WEIGHTS
    assert site.ranges(FILE) == [None, f"bytes={len(kept)}-"]


def test_a_server_without_ranges_starts_anew(site, zoo):
    part = zoo / "a/a.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(WEIGHTS[:1000])
    site.odd[FILE] = https_site.without_ranges
    assert fetch("a", context=site.context).path.read_bytes() == WEIGHTS
    assert site.ranges(FILE) == ["bytes=1000-"]


def test_another_part_than_was_asked_for_is_refused(site, zoo):
    part = zoo / "a/a.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(WEIGHTS[:1000])
    size = len(WEIGHTS)
    site.odd[FILE] = lambda h: h.say(206, WEIGHTS[900:], Content_Range=f"bytes 900-{size - 1}/{size}")
    with pytest.raises(CheckpointError, match="another part"):
        fetch("a", context=site.context)
    assert part.read_bytes() == WEIGHTS[:1000]


@pytest.mark.parametrize(
    "start", [b"x" * 1000, OTHER, WEIGHTS + b"more", WEIGHTS], ids=["damaged", "wrong", "too long", "whole"]
)
def test_an_earlier_attempt_of_any_kind_leads_to_the_right_file(site, zoo, start):
    part = zoo / "a/a.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(start)
    assert fetch("a", context=site.context).path.read_bytes() == WEIGHTS
    assert left_behind(zoo) == ["a/a.safetensors"]
    assert len(site.asked) == (0 if start == WEIGHTS else len(site.asked))


def test_a_file_of_unknown_length_that_was_whole_already(site, zoo):
    part = zoo / "b.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(WEIGHTS)
    assert fetch("b", sha256=HASH, context=site.context).path.read_bytes() == WEIGHTS
    assert site.ranges(FILE) == [f"bytes={len(WEIGHTS)}-"]


@pytest.mark.parametrize("version", ['"1"', '"2"'])
def test_a_file_without_a_hash_is_continued_only_if_it_is_the_same_still(site, zoo, version):
    site.odd[FILE] = lambda h: https_site.broken_off(100_000)(h) if len(site.asked) == 1 else h.say(503)
    with pytest.raises(CheckpointError, match="are kept"):
        fetch("b", accept=True, context=site.context)
    changed = WEIGHTS if version == https_site.VERSION else WEIGHTS[::-1]
    site.files[FILE] = changed
    site.odd[FILE] = lambda h: https_site.well(h, version)
    site.asked.clear()
    assert fetch("b", accept=True, context=site.context).path.read_bytes() == changed
    assert site.ranges(FILE) == ["bytes=100000-"]  # once: a changed file came whole


def test_a_file_without_a_hash_is_not_continued_when_nothing_vouches_for_the_rest(site, zoo):
    part = zoo / "b.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    assert fetch("b", accept=True, context=site.context).path.read_bytes() == WEIGHTS
    assert site.ranges(FILE) == [None]


def test_a_changed_file_from_a_server_that_ignores_if_range(site, zoo):
    part = zoo / "b.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    memory = {"url": site.address + FILE, "validator": '"0"'}
    part.with_name(part.name + ".json").write_text(json.dumps(memory))

    def careless(handler):
        del handler.headers["If-Range"]
        https_site.well(handler)

    site.odd[FILE] = careless
    assert fetch("b", accept=True, context=site.context).path.read_bytes() == WEIGHTS
    assert site.ranges(FILE) == ["bytes=1000-", None]


def test_a_process_that_dies_between_two_versions_does_not_mix_them(site, zoo, monkeypatch):
    part = zoo / "b.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    memory = {"url": site.address + FILE, "validator": '"0"'}
    part.with_name(part.name + ".json").write_text(json.dumps(memory))
    with monkeypatch.context() as patch:
        patch.setattr(transfer, "open", lambda *a: 1 / 0, raising=False)
        with pytest.raises(ZeroDivisionError):
            fetch("b", accept=True, context=site.context)
    assert fetch("b", accept=True, context=site.context).path.read_bytes() == WEIGHTS


def test_a_useless_earlier_attempt_does_not_use_up_the_tries(site, zoo):
    part = zoo / "a/a.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(OTHER + b"more")
    site.odd[FILE] = https_site.broken_off(150_000)
    assert fetch("a", context=site.context).path.read_bytes() == WEIGHTS


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kept=st.integers(0, len(WEIGHTS) + 5),
    right=st.booleans(),
    after=st.integers(1 << 17, len(WEIGHTS)),
    ranges=st.booleans(),
)
def test_only_the_right_bytes_ever_get_the_name(site, zoo, kept, right, after, ranges):
    for path in [p for p in zoo.rglob("*") if p.is_file()]:
        path.unlink()
    part = zoo / "a/a.safetensors.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(((WEIGHTS if right else OTHER[::-1]) + b"later")[:kept])
    site.odd[FILE] = https_site.broken_off(after) if ranges else https_site.without_ranges
    assert fetch("a", context=site.context).path.read_bytes() == WEIGHTS
    assert left_behind(zoo) == ["a/a.safetensors"]


class FullDisk:
    """A file on a disk with room for 100000 bytes more."""

    def __init__(self, path, mode):
        self.file, self.room = open(path, mode), 100_000  # noqa: SIM115 - closed by __exit__

    def write(self, piece):
        taken = piece[: self.room]
        self.file.write(taken)
        self.room -= len(taken)
        if len(taken) < len(piece):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def seek(self, place):
        self.file.seek(place)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


def test_a_disk_that_fills_up_is_told_and_what_came_is_kept(site, zoo, monkeypatch):
    monkeypatch.setattr(transfer, "open", FullDisk, raising=False)
    with pytest.raises(OutputError, match="No space left on device; free some space.*MINDAAM_CACHE"):
        fetch("a", context=site.context)
    assert (zoo / "a/a.safetensors.part").read_bytes() == WEIGHTS[:100_000]
    monkeypatch.undo()
    monkeypatch.setenv("MINDAAM_CACHE", str(zoo))
    monkeypatch.setattr(index, "model_zoo_dir", lambda: zoo.parent / "zoo")
    assert fetch("a", context=site.context).path.read_bytes() == WEIGHTS
    assert site.ranges(FILE) == [None, "bytes=100000-"]


def test_a_disk_without_room_is_told_before_anything_comes(site, zoo, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda folder: usage(10**9, 10**9, 1000))
    with pytest.raises(OutputError, match="1 MB are missing and 0 MB are free"):
        fetch("a", context=site.context)
    assert "a/a.safetensors.part" not in left_behind(zoo)


def test_a_folder_that_cannot_be_written_to_is_told(site, zoo, monkeypatch):
    zoo.write_text("a file in the folder's place")
    with pytest.raises(OutputError, match="cannot make the folder"):
        fetch("a", context=site.context)
    assert site.asked == []


RUN = """
    import pathlib, sys
    from mindaam.zoo import index
    from mindaam.zoo.fetching.fetch import fetch
    index.model_zoo_dir = lambda: pathlib.Path(sys.argv[1])
    print(fetch("a", notice=lambda text: print(text)).path)
"""


def test_two_processes_at_once_fetch_it_once(site, zoo):
    site.odd[FILE] = https_site.slowly
    command = [sys.executable, "-c", textwrap.dedent(RUN), str(index.model_zoo_dir())]
    environment = {**os.environ, "SSL_CERT_FILE": str(site.pem), "PYTHONPATH": os.pathsep.join(sys.path)}
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert [lines[-1] for lines in said] == [str(zoo / "a/a.safetensors")] * 2
    assert len(site.asked) == 1 and (zoo / "a/a.safetensors").read_bytes() == WEIGHTS
    assert left_behind(zoo) == ["a/a.safetensors"]


def test_a_lock_keeps_others_out_and_says_so(zoo):
    order = []
    with cache.locked("a/b"):
        code = (
            "from mindaam.zoo.fetching import cache\n"
            "with cache.locked('a/b', lambda: print('waiting', flush=True)): print('in', flush=True)"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        other = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        order += [other.stdout.readline().strip(), "out"]
    order += other.communicate(timeout=30)[0].split()
    assert order == ["waiting", "out", "in"]


def test_offline_is_offline(site, zoo, monkeypatch):
    with pytest.raises(CheckpointError, match="a was not found, and offline mode fetches nothing"):
        fetch("a", offline=True, context=site.context)
    monkeypatch.setenv("MINDAAM_OFFLINE", "1")
    with pytest.raises(CheckpointError, match="offline"):
        fetch("a", context=site.context)
    assert site.asked == []
    monkeypatch.setenv("MINDAAM_OFFLINE", "0")
    done = fetch("a", context=site.context)
    monkeypatch.setenv("MINDAAM_OFFLINE", "yes")
    assert fetch("a", context=site.context) == done  # what is here needs no network


def test_mirrors_come_first_and_the_publisher_last(site, zoo, monkeypatch):
    site.files |= {"/good/a/a.safetensors": WEIGHTS, "/evil/a/a.safetensors": OTHER}
    mirrors, notices = [f"{site.address}/{name}/" for name in ("gone", "evil", "good")], []
    fetch("a", mirrors=mirrors, context=site.context, notice=notices.append)
    paths = ["/gone/a/a.safetensors", "/evil/a/a.safetensors", "/good/a/a.safetensors"]
    assert [path for path, _ in site.asked] == paths
    assert len(notices) == 2 and "404" in notices[0] and "trying the next" in notices[1]
    (zoo / "a/a.safetensors").unlink()
    site.asked.clear()
    monkeypatch.setenv("MINDAAM_MIRRORS", f"{site.address}/gone  {site.address}/evil")
    assert fetch("a", context=site.context).sha256 == HASH
    assert [path for path, _ in site.asked] == [*paths[:2], FILE]


def test_a_file_of_unknown_hash_needs_a_word_from_the_user_before_anything_is_asked(site, zoo):
    with pytest.raises(CheckpointError, match="the hash of b is not known.*--sha256.*--accept"):
        fetch("b", context=site.context)
    assert site.asked == [] and index.record("b").sha256 is None
    with pytest.raises(CheckpointError, match='weights of "b" are not installed; run "mindaam zoo fetch b"'):
        index.verified("b")


def test_a_given_hash_is_checked_and_pinned(site, zoo):
    wrong = hashlib.sha256(b"").hexdigest()
    with pytest.raises(CheckpointError, match=f"{HASH}, expected {wrong}; it was deleted"):
        fetch("b", sha256=wrong, context=site.context)
    assert left_behind(zoo) == []
    done = fetch("b", sha256=f"SHA256:{HASH.upper()}", context=site.context)
    assert index.record("b").sha256 == HASH and index.record("b").bytes == len(WEIGHTS)
    assert index.verified("b") == done.path and index.announced()["b"].sha256 is None
    done.path.write_bytes(OTHER)
    with pytest.raises(CheckpointError, match="changed or damaged.*zoo verify b --accept"):
        index.verified("b")
    done.path.unlink()
    site.files[FILE] = OTHER  # from now on, the pin is as good as a hash in the index
    with pytest.raises(CheckpointError, match="it was deleted"):
        fetch("b", context=site.context)
    assert fetch("b", accept=True, context=site.context).sha256 == hashlib.sha256(OTHER).hexdigest()


def test_an_accepted_file_is_pinned_as_it_came(site, zoo):
    assert fetch("b", accept=True, context=site.context).sha256 == HASH
    assert index.verified("b").read_bytes() == WEIGHTS


def test_a_hash_that_contradicts_the_index_is_an_error(site, zoo):
    with pytest.raises(ConfigError, match=f"is {HASH} in the index"):
        fetch("a", sha256="0" * 64, context=site.context)
    with pytest.raises(ConfigError, match="64 hexadecimal digits"):
        fetch("b", sha256="beef", context=site.context)
    site.files[FILE] = OTHER
    with pytest.raises(CheckpointError, match="it was deleted"):  # nobody can accept what the index knows to be wrong
        fetch("a", accept=True, context=site.context)
    assert site.files[FILE] == OTHER and left_behind(zoo) == []


def test_a_foreign_original_comes_with_the_command_that_converts_it(site, zoo):
    done = fetch("c", context=site.context)
    assert done.path == zoo / "originals/c.pt" and done.path.read_bytes() == WEIGHTS
    assert done.convert == f"mindaam convert --kind clip --name c {done.path} {zoo / 'c.safetensors'}"
    assert index.record("c").sha256 is None and not (zoo / "pins.json").exists()
    (zoo / "c.safetensors").write_bytes(b"converted")
    with pytest.raises(CheckpointError, match="no trusted hash yet"):
        index.verified("c")
    index.trust("c")
    assert index.verified("c").read_bytes() == b"converted"
    assert fetch("c", context=site.context).convert is None and len(site.asked) == 1


def test_what_needs_a_licence_says_what_to_do_and_takes_the_address_that_the_user_got(site, zoo):
    with pytest.raises(CheckpointError) as caught:
        fetch("d", context=site.context)
    message = str(caught.value)
    steps = ("accept the licence on https://publisher.invalid/terms", "ask for the file there", "mindaam convert")
    places = [message.index(step) for step in (*steps, "mindaam zoo verify d --accept")]
    assert places == sorted(places) and "\n" not in message and site.asked == []
    site.odd[f"{FILE}?Signature=secret"] = lambda h: h.say(403)
    with pytest.raises(CheckpointError) as caught:
        fetch("d", url=f"{site.address}{FILE}?Signature=secret", sha256=HASH, context=site.context)
    assert "secret" not in str(caught.value)
    site.odd.clear()
    done = fetch("d", url=f"{site.address}{FILE}?Signature=secret", sha256=HASH, context=site.context)
    assert done.path == zoo / "originals/d.pth" and "--kind dinov3 --name d" in done.convert


def test_what_travels_with_the_package_is_not_fetched_from_nowhere(site, zoo):
    write_zoo(index.model_zoo_dir(), site, url=None)
    with pytest.raises(CheckpointError, match="has no address: it travels with the package"):
        fetch("a", context=site.context)
    site.files["/m/a/a.safetensors"] = WEIGHTS
    assert fetch("a", mirrors=[f"{site.address}/m"], context=site.context).sha256 == HASH
    assert index.verified("a") == zoo / "a/a.safetensors"


def test_a_server_that_breaks_off_a_wrong_file_is_not_asked_for_ever(site, zoo):
    site.files[FILE] = OTHER
    site.odd[FILE] = https_site.broken_off(300_000)
    with pytest.raises(CheckpointError, match="it was deleted"):
        fetch("a", context=site.context)
    assert len(site.asked) == 6 and left_behind(zoo) == []


def test_what_is_here_needs_no_folder(site, zoo):
    write_zoo(index.model_zoo_dir(), site)
    bundled = index.model_zoo_dir() / "a/a.safetensors"
    bundled.parent.mkdir()
    bundled.write_bytes(WEIGHTS)
    zoo.write_text("a file in the folder's place")
    assert fetch("a", offline=True).path == bundled


def test_what_a_server_says_cannot_paint_the_terminal(site, zoo):
    site.odd[FILE] = https_site.to("http://127.0.0.1/\x1b[31mred")
    with pytest.raises(CheckpointError) as caught:
        fetch("a", context=site.context)
    assert str(caught.value).isprintable()
    assert transfer.shown("https://user:word@host/a\x1b[2Jb?key=1#there") == "https://host/a?[2Jb"


def test_an_endless_answer_is_cut_off(site, zoo):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(10_000):
            handler.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    site.odd[FILE] = endless
    with pytest.raises(CheckpointError, match="does not send the length"):
        fetch("b", accept=True, context=site.context)
    with pytest.raises(CheckpointError, match="sends more than"):
        fetch("a", context=site.context)
    assert sum(p.stat().st_size for p in zoo.rglob("*") if p.is_file()) <= len(WEIGHTS) + 1000


@pytest.mark.parametrize(
    "rest", ["", "a b/c", "a/b\n", "a/b\nHost: x", "a/\x1b[31m", "a/é", "ä/b", "a:0/b", "a:99999/b", "a:x/b", "[::/b"]
)
def test_addresses_that_are_none_are_refused_before_anything_is_asked(rest):
    with pytest.raises(ConfigError, match="not an https address"):
        transfer.check_address(f"https://{rest}")


@pytest.mark.parametrize(
    "url", ["https://a", "https://a.b:8443/c/d%20e?f=g", "https://user:secret@a/", "https://[::1]/b"]
)
def test_addresses_that_can_be(url):
    assert transfer.check_address(url) == url
