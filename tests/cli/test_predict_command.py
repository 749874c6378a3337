"""`mindaam predict` on a stand-in model: which files appear, what is said where, and every kind of bad input."""

import errno
import hashlib
import json
import os
from functools import partial

import numpy as np
import pytest
from PIL import Image

from mindaam import runtime
from mindaam.cli import main
from mindaam.data import media, prompts
from mindaam.errors import shortened
from mindaam.files import cannot_write
from mindaam.inference import predictor, results
from mindaam.zoo.checkpoints import write_safetensors
from tests.data.images.test_pdf import LOCKED, document
from tests.fakes import FakeEncoder, FakeModel


@pytest.fixture
def mindaam(monkeypatch, capsys):
    """Runs `mindaam predict ...` with a FakeModel; gives exit code, stdout, stderr.

    `.models` lists models loaded; `.options` is what they are made with.
    """
    models, options = [], {}

    def load(name):
        models.append(FakeModel(**options))
        return models[-1]

    monkeypatch.setattr(predictor, "_load", load)
    monkeypatch.setattr("mindaam.zoo.sentence_encoder", lambda name: FakeEncoder(), raising=False)
    monkeypatch.setattr(runtime, "configure", lambda *_, **__: None)

    def run(*arguments):
        code = main.run(["predict", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    run.models, run.options = models, options
    return run


@pytest.fixture
def photos(tmp_path):
    """A folder with three photographs."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate(["a.png", "b.jpg", "c.webp"]):
        pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def names(folder):
    """The files of a folder but for the origins beside .npy files; None without a folder."""
    if not folder.exists():
        return None
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".npy.json"))


def one_sentence(stderr):
    """Asserts that stderr is one line from mindaam, and returns it."""
    assert stderr.startswith("mindaam: ") and stderr.count("\n") == 1 and "Traceback" not in stderr
    return stderr


def test_a_folder_gives_overlays_and_maps_by_default(mindaam, photos, tmp_path):
    code, out, err = mindaam(photos, "-o", tmp_path / "new/out")
    assert (code, err) == (0, "")
    assert names(tmp_path / "new/out") == [f"{stem}.{kind}" for stem in "abc" for kind in ("map.png", "overlay.jpg")]
    assert prompts.default_prompt() in out and "3 images" in out and str(tmp_path / "new/out") in out
    assert len(mindaam.models) == 1 and mindaam.models[0].backbone_passes == 3


def test_what_is_passed_over_left_or_tone_mapped_is_a_line_each(mindaam, photos, tmp_path):
    (photos / "d.nef").touch()
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(photos / "e.gif", save_all=True, append_images=frames[1:])
    Image.new("RGB", (8, 8), "gray").save(photos / "f.avif")
    content = (photos / "f.avif").read_bytes()
    at = content.index(b"colrnclx") + 8
    (photos / "f.avif").write_bytes(content[:at] + b"\0\x09\0\x12" + content[at + 4 :])
    code, out, err = mindaam(photos, "-o", tmp_path / "out")
    assert code == 0 and "5 images" in out
    assert err.splitlines() == [
        f"mindaam: {photos}: skipped 1 camera raw (.nef) file",
        f"mindaam: {photos / 'e.gif'} holds several frames, of which the first is used; save it as mp4 for all of them",
        f"mindaam: {photos / 'f.avif'}: tone-mapped from HLG",
    ]
    code, _, err = mindaam(photos / "d.nef", photos / "a.png", "-o", tmp_path / "out")
    assert code == 2 and "d.nef" in one_sentence(err)


def test_no_exception_of_one_photograph_loses_the_others(mindaam, photos, tmp_path, monkeypatch):
    read = media.read_image

    def fails(path):
        if path.stem == "a":
            raise RuntimeError("a decoder's\nown")
        if path.stem == "b":
            raise MemoryError
        return read(path)

    monkeypatch.setattr(media, "read_image", fails)
    code, out, err = mindaam(photos, "-o", tmp_path / "out")
    assert code == 1 and names(tmp_path / "out") == ["c.map.png", "c.overlay.jpg"] and "1 image" in out
    fault, memory = err.splitlines()
    assert all(said in fault for said in ("a.png", "RuntimeError", "a decoder's own", "report")) and "line" in fault
    assert "b.jpg does not fit into memory" in memory


def test_a_place_that_is_taken_costs_one_photograph(mindaam, photos, tmp_path):
    (tmp_path / "out/a.map.png").mkdir(parents=True)
    code, _, err = mindaam(photos, "-o", tmp_path / "out", "--save", "map")
    assert code == 2 and "a.map.png" in one_sentence(err)
    assert names(tmp_path / "out") == ["a.map.png", "b.map.png", "c.map.png"]


def test_overlays_have_a_legend_a_style_and_an_opacity(mindaam, tmp_path):
    Image.new("RGB", (400, 300), "white").save(tmp_path / "page.png")
    pixels = {}
    for name, options in {"usual": [], "fog": ["--style", "fog"], "bare": ["--no-legend", "--opacity", "0"]}.items():
        code, _, err = mindaam(tmp_path / "page.png", "-o", tmp_path / name, "--save", "overlay", *options)
        assert (code, err) == (0, "")
        pixels[name] = np.asarray(Image.open(tmp_path / name / "page.overlay.jpg"))
    assert pixels["usual"].shape == pixels["fog"].shape and 320 < pixels["usual"].shape[0] < 370
    assert pixels["bare"].shape == (300, 400, 3) and pixels["bare"].min() > 250
    assert not np.array_equal(pixels["usual"], pixels["fog"])


def test_tall_pages_are_predicted_in_tiles_and_it_is_reported(mindaam, photos, tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (710, 110, 3), dtype=np.uint8)).save(photos / "page.png")
    code, _, err = mindaam(photos / "page.png", "-o", tmp_path / "out", "--save", "npy,uncertainty", "--tta", "mirror")
    assert code == 0 and "page.png is predicted in 7 tiles; --tiles off" in one_sentence(err)
    assert names(tmp_path / "out") == ["page.npy", "page.uncertainty.png"]
    assert np.load(tmp_path / "out/page.npy").sum() == pytest.approx(1, abs=1e-4)
    passes = mindaam.models[-1].backbone_passes
    assert passes == 4 * 7
    code, _, err = mindaam(photos / "page.png", "-o", tmp_path / "out", "--save", "npy", "--tiles", "off")
    assert (code, err) == (0, "") and mindaam.models[-1].backbone_passes == 1


def test_pages_of_a_document(mindaam, photos, tmp_path):
    pytest.importorskip("pypdfium2")
    document(photos / "doc.pdf", 2)
    code, out, err = mindaam(photos / "doc.pdf", "-o", tmp_path / "out", "--save", "map")
    assert (code, err) == (0, "") and "2 images" in out
    assert names(tmp_path / "out") == ["doc.p001.map.png", "doc.p002.map.png"]
    code, _, err = mindaam(f"{photos}/doc.pdf#page=2", "-o", tmp_path / "one", "--save", "map")
    assert (code, err) == (0, "") and names(tmp_path / "one") == ["doc.p002.map.png"]
    code, _, err = mindaam(f"{photos}/doc.pdf#page=9", photos / "a.png", "-o", tmp_path / "bad", "--save", "map")
    assert code == 2 and "page 9 does not exist" in one_sentence(err) and names(tmp_path / "bad") == ["a.map.png"]
    (photos / "doc.pdf").write_bytes(LOCKED)
    code, out, err = mindaam(photos / "doc.pdf", "-o", tmp_path / "locked")
    assert code == 2 and out == "" and "protected by a password" in one_sentence(err)


def test_a_document_of_many_pages_gives_the_first(mindaam, photos, tmp_path, monkeypatch):
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr("mindaam.data.images.pdf.MOST", 2)
    document(photos / "doc.pdf", 3)
    code, out, err = mindaam(photos / "doc.pdf", "-o", tmp_path / "out", "--save", "map")
    assert code == 2 and "2 images" in out and "has 3 pages, of which the first 2 are used" in one_sentence(err)


def test_kinds_and_sentence_are_the_callers(mindaam, photos, tmp_path):
    code, out, _ = mindaam(photos / "a.png", "-o", tmp_path, "--save", "npy", "--condition", "count_people")
    assert code == 0 and prompts.default_prompt("count_people") in out and str(tmp_path / "a.npy") in out
    density = np.load(tmp_path / "a.npy", allow_pickle=False)
    assert density.shape == (30, 40) and density.dtype == np.float32
    assert density.sum(dtype=np.float64) == pytest.approx(1.0, abs=1e-5)
    other = tmp_path / "other"
    code, out, _ = mindaam(photos / "a.png", "-o", other, "--prompt", "Someone seeks the exit.", "--save", "npy")
    assert code == 0 and "Someone seeks the exit." in out
    assert not np.array_equal(density, np.load(other / "a.npy", allow_pickle=False))


def test_several_prompts_are_results_of_one_pass(mindaam, photos, tmp_path):
    text = "Someone seeks the exit."
    code, out, err = mindaam(
        photos, "-o", tmp_path / "out", "--save", "npy", "--condition", "count_people", "--prompt", text
    )
    assert (code, err) == (0, "")
    tag = hashlib.sha256(text.encode()).hexdigest()[:8]
    assert names(tmp_path / "out") == sorted(f"{stem}.{part}.npy" for stem in "abc" for part in ("count_people", tag))
    assert mindaam.models[0].backbone_passes == 3 and mindaam.models[0].head_passes == 6
    assert "3 images, 2 prompts:" in out and f'  {tag}: "{text}"' in out and f"<name>.{tag}.npy" in out
    assert mindaam(photos / "a.png", "-o", tmp_path / "alone", "--save", "npy", "--prompt", text)[0] == 0
    pair = [np.load(path, allow_pickle=False) for path in (tmp_path / f"out/a.{tag}.npy", tmp_path / "alone/a.npy")]
    assert np.array_equal(*pair)


def test_one_result_that_cannot_be_written_does_not_cost_the_other_prompts(mindaam, photos, tmp_path):
    (tmp_path / "out/a.count_people.npy").mkdir(parents=True)
    given = ["--condition", "count_people", "--condition", "free_viewing", "--save", "npy"]
    code, out, err = mindaam(photos / "a.png", "-o", tmp_path / "out", *given)
    assert code == 2 and "a.count_people.npy" in one_sentence(err) and "1 image" in out
    assert names(tmp_path / "out") == ["a.count_people.npy", "a.free_viewing.npy"]


def save_exif(path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    Image.fromarray(np.zeros((20, 50, 3), np.uint8)).save(path, exif=exif)


ODD = {
    "exif.jpg": (save_exif, (50, 20)),
    "grey.png": (lambda p: Image.fromarray(np.zeros((20, 50), np.uint8)).save(p), (20, 50)),
    "alpha.png": (lambda p: Image.fromarray(np.zeros((20, 50, 4), np.uint8)).save(p), (20, 50)),
    "deep.png": (lambda p: Image.fromarray(np.full((20, 50), 40000, np.uint16)).save(p), (20, 50)),
    "palette.gif": (lambda p: Image.new("P", (50, 20)).save(p), (20, 50)),
    "wide.png": (lambda p: Image.new("RGB", (9000, 3), "red").save(p), (3, 9000)),
    "tall.png": (lambda p: Image.new("RGB", (2, 5000), "red").save(p), (5000, 2)),
    "dot.png": (lambda p: Image.new("RGB", (1, 1), "red").save(p), (1, 1)),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_work(mindaam, tmp_path, name):
    make, (height, width) = ODD[name]
    make(tmp_path / name)
    code, _, err = mindaam(tmp_path / name, "-o", tmp_path / "out", "--save", "overlay,map,npy", "--tiles", "off")
    assert (code, err) == (0, "")
    stem = tmp_path / "out" / name.split(".")[0]
    assert np.load(f"{stem}.npy", allow_pickle=False).shape == (height, width)
    assert Image.open(f"{stem}.map.png").size == Image.open(f"{stem}.overlay.jpg").size == (width, height)


def make_bad(kind, folder):
    path = folder / f"bad_{kind}.jpg"
    if kind == "overlong":
        return folder / ("x" * 300 + path.name)
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("not a picture at all")
    elif kind == "truncated":
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)).save(path)
        os.truncate(path, path.stat().st_size // 2)
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize("kind", ["missing", "overlong", "empty", "text", "truncated", "folder"])
def test_one_bad_input_alone(mindaam, tmp_path, kind):
    bad = make_bad(kind, tmp_path)
    code, out, err = mindaam(bad, "-o", tmp_path / "out")
    assert code == 2 and shortened(str(bad)) in one_sentence(err) and out == ""
    assert not (tmp_path / "out").exists()


def test_bad_inputs_are_reported_and_the_rest_is_done(mindaam, photos, tmp_path):
    bad = [make_bad(kind, photos) for kind in ("missing", "empty", "text", "truncated")]
    code, out, err = mindaam(photos, bad[0], "-o", tmp_path / "out", "--save", "map")
    assert code == 2 and "3 images" in out
    assert err.count("\n") == 4 and all(path.name in err for path in bad)
    assert names(tmp_path / "out") == ["a.map.png", "b.map.png", "c.map.png"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--save", "overly"], 'did you mean "overlay"'),
        (["--save", ""], "no kind of result"),
        (["--condition", "free_vieving"], 'did you mean "free_viewing"'),
        (["--condition", ""], 'unknown condition ""'),
        (["--prompt", "look", "--prompt", "see", "--prompt", " look"], "--prompt and --prompt are the same prompt"),
        (["--condition", "free_viewing", "--condition", "free_viewing"], "are the same prompt"),
        (["--condition", "free_viewing", "--prompt", prompts.default_prompt()], "--prompt and --condition free_view"),
        (["--prompt", ""], ""),
        (["--prompt", "z" * 10_000], "has 10,000 characters and may have 5,000 at most"),
        (["--prompt", "people " + "z" * 10_000], "characters"),
        (["--prompt", "look " * 500], "has 502 tokens"),
        (["--prompt", "\N{GRINNING FACE}"], ""),
        (["--colour"], "--colour"),
        (["--style", "haze"], "unknown style of overlay"),
        (["--audio-track", "2"], "--audio-track is for videos"),
        (["--plot-gate"], "--plot-gate is for videos"),
        (["--tiles", "yes"], "unknown value of --tiles"),
        (["--tta", "rotate"], "unknown value of --tta"),
        (["--opacity", "72"], "--opacity must be between 0 and 1, not 72"),
    ],
)
def test_bad_options(mindaam, photos, tmp_path, arguments, says):
    code, out, err = mindaam(photos, "-o", tmp_path / "out", *arguments)
    assert code == 2 and says in one_sentence(err) and out == "" and len(err) < 600
    assert not (tmp_path / "out").exists()
    assert not mindaam.models or not mindaam.models[0].backbone_passes


def test_the_prompts_of_a_checkpoint_are_conditions(mindaam, photos, tmp_path):
    own = {"Posters": "A wall of posters.", "None": "Anybody looks at anything."}
    weights = tmp_path / "theirs.safetensors"
    header = {"naming": "mindaam", "kind": "aam", "prompts": json.dumps(own)}
    write_safetensors(weights, {"head.x": np.ones(1, np.float32)}, header)
    run = partial(mindaam, photos / "a.png", "--model", weights, "-o", tmp_path / "out")
    assert own["None"] in run()[1] and own["Posters"] in run("--condition", "Posters", "-o", tmp_path / "posters")[1]
    for wrong in ("", "Poster"):
        code, _, err = run("--condition", wrong)
        assert code == 2 and "None, Posters" in one_sentence(err) and "free_viewing" in err


def test_missing_options_are_named(mindaam, photos):
    code, _, err = mindaam(photos)
    assert code == 2 and "'-o'" in one_sentence(err)


def test_two_formats_of_one_name_are_no_reason_to_refuse_a_folder(mindaam, photos, tmp_path):
    Image.new("RGB", (5, 5)).save(photos / "a.jpg")
    code, out, err = mindaam(photos, "-o", tmp_path / "out", "--save", "map")
    assert (code, err) == (0, "") and "4 images" in out
    assert names(tmp_path / "out") == ["a.jpg.map.png", "a.png.map.png", "b.map.png", "c.map.png"]


def test_subfolders_are_repeated_below_the_output(mindaam, photos, tmp_path):
    (photos / "deep/er").mkdir(parents=True)
    Image.new("RGB", (5, 5)).save(photos / "deep/er/a.png")
    assert mindaam(photos, "-o", tmp_path / "flat", "--save", "map")[0] == 0
    assert names(tmp_path / "flat") == ["a.map.png", "b.map.png", "c.map.png"]
    code, out, err = mindaam(photos, "-o", tmp_path / "out", "--save", "map", "--recursive")
    assert (code, err) == (0, "") and "4 images" in out
    assert names(tmp_path / "out") == ["a.map.png", "b.map.png", "c.map.png", "deep"]
    assert names(tmp_path / "out/deep/er") == ["a.map.png"]
    (photos / "deep/er/a.png").write_text("damaged")
    code, _, err = mindaam(photos / "deep", "-o", tmp_path / "none", "--recursive")
    assert code == 2 and "a.png" in one_sentence(err) and names(tmp_path / "none") is None


def test_collisions_stop_before_any_work(mindaam, photos, tmp_path):
    Image.new("RGB", (5, 5)).save(tmp_path / "a.png")
    code, _, err = mindaam(photos, tmp_path / "a.png", "-o", tmp_path / "out")
    assert code == 2 and "would both be written to" in one_sentence(err)
    assert not (tmp_path / "out").exists() and not mindaam.models


@pytest.mark.parametrize("place", ["a_file", "a_file/below", "x" * 300])
def test_an_output_folder_that_cannot_be(mindaam, photos, tmp_path, place):
    (tmp_path / "a_file").write_text("mine")
    code, _, err = mindaam(photos, "-o", tmp_path / place)
    assert code == 2 and shortened(str(tmp_path / place)) in one_sentence(err) and not mindaam.models
    assert (tmp_path / "a_file").read_text() == "mine"


def test_a_full_disk_stops_the_run_with_one_sentence_and_whole_files_only(mindaam, photos, tmp_path, monkeypatch):
    real, calls = results.media.write_png, []

    def full(path, image, texts):
        calls.append(path)
        if len(calls) == 2:
            error = OSError(errno.ENOSPC, "No space left on device")
            raise cannot_write(path, error) from error
        real(path, image, texts)

    monkeypatch.setattr(results.media, "write_png", full)
    code, _, err = mindaam(photos, "-o", tmp_path / "out", "--save", "map")
    assert code == 2 and "b.map.png" in one_sentence(err) and names(tmp_path / "out") == ["a.map.png"]


def test_a_crash_while_writing_leaves_no_partial_file(mindaam, photos, tmp_path, monkeypatch):
    def crash(self, stream, **_):
        stream.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", crash)
    code, _, err = mindaam(photos, "-o", tmp_path / "out", "--save", "map")
    assert code == 130 and one_sentence(err) and names(tmp_path / "out") is None


def test_an_existing_empty_folder_stays(mindaam, tmp_path):
    (tmp_path / "out").mkdir()
    code, _, _ = mindaam(make_bad("text", tmp_path), "-o", tmp_path / "out")
    assert code == 2 and (tmp_path / "out").is_dir()


def test_a_second_run_replaces_the_first(mindaam, photos, tmp_path):
    assert mindaam(photos / "a.png", "-o", tmp_path, "--save", "map")[0] == 0
    Image.new("RGB", (7, 5), "white").save(photos / "a.png")
    assert mindaam(photos / "a.png", "-o", tmp_path, "--save", "map")[0] == 0
    assert Image.open(tmp_path / "a.map.png").size == (7, 5)


def test_a_result_of_another_prompt_or_of_anybody_is_not_replaced(mindaam, photos, tmp_path):
    run = [photos / "a.png", "-o", tmp_path, "--save", "overlay,map,npy"]
    assert mindaam(*run)[0] == mindaam(*run)[0] == 0
    assert {"a.map.png", "a.npy", "a.npy.json", "a.overlay.jpg"} < {path.name for path in tmp_path.iterdir()}
    before, loaded = (tmp_path / "a.npy").read_bytes(), len(mindaam.models)
    code, out, err = mindaam(*run, "--prompt", "Someone looks for the exit.")
    assert code == 2 and out == "" and "is the result of another prompt" in one_sentence(err)
    (photos / "b.png").write_bytes((photos / "a.png").read_bytes())
    (tmp_path / "b.map.png").write_bytes((photos / "a.png").read_bytes())
    code, _, err = mindaam(photos / "b.png", "-o", tmp_path)
    assert code == 2 and "b.map.png already exists and is not a result" in one_sentence(err)
    assert len(mindaam.models) == loaded and (tmp_path / "a.npy").read_bytes() == before
    origin = json.loads((tmp_path / "a.npy.json").read_text())
    assert origin["prompt"] == prompts.default_prompt() and origin["source"] == "a.png" and len(origin["weights"]) == 64


def test_one_strange_name_among_the_photographs_does_not_cost_the_others(mindaam, photos, tmp_path):
    for name, target in {"loop.jpg": "loop.jpg", "to.jpg": "fro.jpg", "fro.jpg": "to.jpg", "gone.jpg": "x"}.items():
        os.symlink(target, photos / name)
    os.symlink(".", photos / "dot.jpg")
    os.mkfifo(photos / "pipe.png")
    os.mkfifo(photos / "pipe.mp4")
    code, out, err = mindaam(photos, "-o", tmp_path / "out", "--save", "npy")
    assert code == 2 and "3 images" in out and names(tmp_path / "out") == ["a.npy", "b.npy", "c.npy"]
    for name in ("loop.jpg", "to.jpg", "fro.jpg", "gone.jpg", "dot.jpg", "pipe.png", "pipe.mp4"):
        assert sum(f"{name} " in line for line in err.splitlines()) == 1, name
    assert "5 frames per second" in err  # of pipe.mp4, a video by its name
    assert err.count("leads in a circle") == 3 and len(err.splitlines()) == 8
