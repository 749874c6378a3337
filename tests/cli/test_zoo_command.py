"""`mindaam zoo`: a table that reads well, files fetched and pinned, one sentence and exit code 2 otherwise."""

import contextlib
import hashlib
import os
import pty
import shlex
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import yaml

from mindaam.cli import main
from mindaam.cli.common import terminal
from mindaam.zoo import index
from tests.zoo import https_site
from tests.zoo.official_names import official_wav2clip
from tests.zoo.torch_archive import write_torch

WEIGHTS = b"weights of some size" * 10_000
HASH = hashlib.sha256(WEIGHTS).hexdigest()
FILE = "/a.safetensors"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with https_site.serving(tmp_path_factory.getbasetemp()) as site:
        yield site


@pytest.fixture
def site(server, monkeypatch):
    """The server, trusted through SSL_CERT_FILE as an authority of one's own would be."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.pem))
    return https_site.reset(server, {FILE: WEIGHTS}, monkeypatch)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """An empty user's folder."""
    monkeypatch.setenv("MINDAAM_CACHE", str(tmp_path / "own"))
    for name in ("MINDAAM_OFFLINE", "MINDAAM_MIRRORS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "own"


@pytest.fixture
def zoo(site, own, tmp_path, monkeypatch):
    """`a` can be fetched, `b` is of unknown hash, `c` is a foreign original, `d` travels with the package."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    (folder / "d.json").write_bytes(b"{}")
    known = {"kind": "encoder", "licence": "MIT", "source": "made here"}
    url, nothing = site.address + FILE, {"sha256": None, "bytes": None}
    whole = {"sha256": HASH, "bytes": len(WEIGHTS), "url": url}
    original = {**whole, "file": "originals/c.pt", "kind": "clip"}
    figures = {"source": "nowhere", "values": {"OSIE": {"CC": 0.5, "KLD": 1.25}}}
    records = {
        "a": {**known, **whole, "file": "a.safetensors", "figures": figures},
        "b": {**known, **nothing, "file": "b.safetensors", "url": url},
        "c": {**known, **nothing, "file": "c.safetensors", "original": original},
        "d": {**known, "kind": "tokenizer", "file": "d.json", "sha256": hashlib.sha256(b"{}").hexdigest(), "bytes": 2},
    }  # fmt: skip
    (folder / "index.yaml").write_text(yaml.safe_dump({"files": records}))
    monkeypatch.setattr(index, "model_zoo_dir", lambda: folder)
    return folder


@pytest.fixture
def mindaam(capsys):
    """Runs `mindaam zoo ...`; gives exit code, stdout, stderr."""

    def run(*arguments):
        code = main.run(["zoo", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_list_fits_a_terminal_and_a_pipe(mindaam, own):
    code, out, err = mindaam("list")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["name", "kind", "size", "licence", "state"]
    assert [line.split()[0] for line in lines[1:]] == list(index.announced())
    assert max(map(len, lines)) <= 80 and "\x1b" not in out and not any(line.endswith(" ") for line in lines)
    column = lines[0].index("state")
    rows = {line.split()[0]: line[column:] for line in lines[1:]}
    assert rows["minilm_l6"] == "here" and rows["dinov3_vitl16"] == "by hand" and rows["clip_vitl14"] == "to fetch"


@pytest.mark.parametrize("name", ["aam_dinov3_vitl16", "clip_vitl14", "minilm_l6", "dinov3_vitl16_sat"])
def test_a_card_says_all_and_cuts_nothing(mindaam, own, name):
    code, out, err = mindaam("list", name)
    assert (code, err) == (0, "")
    entry = index.record(name)
    for text in (entry.page, entry.licence, entry.original and entry.original.url, entry.config, entry.sha256):
        assert text is None or text in out
    for line in out.splitlines():
        assert len(line) <= 80 or len(line.split()) == 1 + (line[0] != " ")  # one long address or path
    if name == "aam_dinov3_vitl16":
        assert "DHF1K: AUC 0.919, SIM 0.421, CC 0.563, NSS 3.272" in out


def test_verify_checks_what_is_there(mindaam, zoo, own):
    code, out, err = mindaam("verify")
    assert (code, out, err) == (0, f"d: verified, {zoo / 'd.json'}\n1 file verified\n", "")
    (zoo / "d.json").write_bytes(b"[]")
    (own / "x").parent.mkdir()
    (own / "b.safetensors").write_bytes(WEIGHTS)
    code, out, err = mindaam("verify")
    assert code == 2 and out == "0 files verified, 2 failed\n" and err.count("\n") == 2
    assert "d.json was changed or damaged" in err and "no trusted hash yet" in err
    (zoo / "d.json").unlink()
    assert "is missing; restore it" in mindaam("verify")[2]


def test_verify_by_name(mindaam, zoo, own):
    assert mindaam("verify", "d")[:2] == (0, f"d: verified, {zoo / 'd.json'}\n")
    code, out, err = mindaam("verify", "a", "d")
    assert code == 2 and "zoo fetch a" in err and out.startswith("d: verified")
    code, out, err = mindaam("verify", "e")
    assert code == 2 and "unknown file of the model zoo" in err and err.count("\n") == 1


def test_a_file_brought_by_hand_is_pinned(mindaam, zoo, own):
    own.mkdir()
    (own / "b.safetensors").write_bytes(WEIGHTS)
    code, out, err = mindaam("path", "b")
    assert code == 2 and out == "" and "mindaam zoo verify b --sha256" in err
    assert mindaam("verify", "b", "--sha256", "0" * 64)[0] == 2
    code, out, err = mindaam("verify", "b", "--sha256", HASH)
    assert (code, out, err) == (0, f"{own / 'b.safetensors'}: pinned, SHA-256 {HASH}\n", "")
    assert mindaam("path", "b")[:2] == (0, f"{own / 'b.safetensors'}\n")
    (own / "b.safetensors").write_bytes(WEIGHTS + b"!")
    assert mindaam("verify", "b")[0] == 2
    assert mindaam("verify", "b", "--accept")[0] == 0 and mindaam("path", "b")[0] == 0


def test_pinning_is_for_one_file(mindaam, zoo):
    for arguments in (["--accept"], ["a", "b", "--accept"]):
        code, out, err = mindaam("verify", *arguments)
        assert code == 2 and "for one file" in err


def test_fetch_and_path(mindaam, zoo, own, site):
    code, out, err = mindaam("fetch", "a")
    assert (code, out, err) == (0, f"{own / 'a.safetensors'}: verified, SHA-256 {HASH}\n", "")
    assert mindaam("path", "a") == (0, f"{own / 'a.safetensors'}\n", "")
    assert (own / "a.safetensors").read_bytes() == WEIGHTS


def test_fetch_of_a_foreign_file_says_what_is_next(mindaam, zoo, own, site):
    code, out, err = mindaam("fetch", "c")
    assert code == 0 and out.splitlines()[1:] == [
        f"next: mindaam convert --kind clip --name c {own / 'originals/c.pt'} {own / 'c.safetensors'}",
        "then: mindaam zoo verify c --accept",
    ]


def command_in(text):
    """The words of the command that a sentence names: from `mindaam zoo` on, between quotes."""
    return text.split('"mindaam zoo ')[1].split('"')[0].split()


def test_the_way_to_wav2clip_is_the_one_that_its_commands_print(mindaam, own, site, tmp_path, monkeypatch, capsys):
    weights = {name: np.full(shape, 0.5, np.float32) for name, shape in official_wav2clip().items()}
    write_torch(tmp_path / "theirs.pt", weights)
    site.files["/m/originals/Wav2CLIP.pt"] = (tmp_path / "theirs.pt").read_bytes()
    monkeypatch.setenv("MINDAAM_MIRRORS", f"{site.address}/m")

    code, out, err = mindaam("fetch", "wav2clip")  # nobody knows its hash
    assert (code, out) == (2, "") and err.count("\n") == 1 and site.asked == []
    code, out, err = mindaam(*command_in(err))
    assert code == 0
    for line in out.splitlines()[1:]:  # next: mindaam convert ..., then: mindaam zoo verify ...
        words = shlex.split(line.partition(": ")[2])
        assert words[0] == "mindaam" and main.run(words[1:]) == 0
    capsys.readouterr()
    code, out, err = mindaam("list")
    assert next(line for line in out.splitlines() if line.startswith("wav2clip")).endswith(" here")
    assert mindaam("path", "wav2clip")[:2] == (0, f"{own / 'encoders' / 'wav2clip.safetensors'}\n")
    assert mindaam("verify", "wav2clip")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["b"], '"mindaam zoo fetch b --accept"'),
        (["b"], "give the publisher's with --sha256"),
        (["b", "--url", "http://127.0.0.1/x", "--accept"], "not an https address"),
        (["a", "--mirror", "http://127.0.0.1/x"], "not an https address"),
        (["a", "--offline"], "offline mode fetches nothing"),
        (["e"], "unknown file of the model zoo"),
        (["a", "--sha256", "0" * 64], "in the index"),
        (["a", "--insecure"], "No such option"),
        ([], "NAME"),
    ],
)
def test_misuse_is_one_sentence_and_code_2(mindaam, zoo, own, site, arguments, says):
    code, out, err = mindaam("fetch", *arguments)
    assert code == 2 and out == "" and says in err and err.count("\n") == 1 and site.asked == []


def test_a_mirror_that_fails_is_told_and_passed_over(mindaam, zoo, own, site):
    code, out, err = mindaam("fetch", "a", "--mirror", f"{site.address}/m")
    assert code == 0 and "404" in err and "trying the next address" in err
    assert [path for path, _ in site.asked] == ["/m/a.safetensors", FILE]


def test_offline_by_the_environment(mindaam, zoo, own, site, monkeypatch):
    monkeypatch.setenv("MINDAAM_OFFLINE", "1")
    assert mindaam("fetch", "a")[0] == 2 and site.asked == []


RUN = """
    import pathlib, signal, sys
    from mindaam.cli import main
    from mindaam.zoo import index

    # a suite that runs in a shell's background hands on a SIGINT that is ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    index.model_zoo_dir = lambda: pathlib.Path(sys.argv[1])
    sys.exit(main.run(["zoo", "fetch", "a"]))
"""


def process(zoo, **options):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", textwrap.dedent(RUN), str(zoo)]
    return subprocess.Popen(command, env=environment, start_new_session=True, **options)


def test_ctrl_c_keeps_what_came(zoo, own, site):
    def half(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(WEIGHTS)))
        handler.end_headers()
        handler.wfile.write(WEIGHTS[:100_000])
        time.sleep(20)

    site.odd[FILE] = half
    running = process(zoo, stderr=subprocess.PIPE, text=True)
    part, deadline = own / "a.safetensors.part", time.monotonic() + 30
    while time.monotonic() < deadline and not (part.is_file() and part.stat().st_size):
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    err = running.communicate(timeout=30)[1]
    assert running.returncode == 130 and err == "mindaam: stopped\n"
    kept = part.read_bytes()
    assert kept and WEIGHTS.startswith(kept)
    site.odd.clear()
    assert process(zoo).wait(timeout=60) == 0
    assert site.asked[-1] == (FILE, f"bytes={len(kept)}-") and (own / "a.safetensors").read_bytes() == WEIGHTS
    assert not part.exists()


def test_a_terminal_shows_how_far_it_is(zoo, own, site):
    site.odd[FILE] = https_site.slowly
    ours, theirs = pty.openpty()
    running = process(zoo, stderr=theirs, stdout=subprocess.PIPE, text=True)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal's other end closes with the process
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert running.communicate(timeout=60)[0].endswith(f"SHA-256 {HASH}\n") and running.returncode == 0
    assert b"MB/s" in shown or b"kB/s" in shown
    assert b"\x1b[?25h" in shown  # the cursor is back


def test_no_terminal_no_progress(capsys):
    with terminal.transfer_line("a") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")
