"""Naming and writing results: collisions found before work, files whole or absent."""

import numpy as np
import pytest
from PIL import Image

from mindaam.errors import ConfigError, InputError, OutputError
from mindaam.inference import results
from mindaam.inference.predictor import Prediction


def photo(path, size=(12, 9)):
    """A small random photograph of `size` (width, height) at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def prediction(height, width):
    values = np.random.default_rng(0).random((height, width), np.float32)
    return Prediction(values, values / values.sum(), "someone looks")


def test_kinds():
    assert results.parse_kinds("map, npy,map") == ["map", "npy"]
    with pytest.raises(ConfigError, match='unknown kind of result "overly".*did you mean "overlay"'):
        results.parse_kinds("overly")
    assert results.parse_kinds("submission") == ["submission"]
    with pytest.raises(ConfigError, match="choose from overlay, map, npy, uncertainty, submission"):
        results.parse_kinds(" , ")


def test_photos_of_files_and_folders_in_order(tmp_path):
    b, a, c = photo(tmp_path / "f/b.png"), photo(tmp_path / "f/a.png"), photo(tmp_path / "c.jpg")
    (tmp_path / "f/notes.txt").write_text("no image")
    (tmp_path / "bare").mkdir()
    photos, problems = results.find_sources([c, tmp_path / "f", tmp_path / "gone.png", tmp_path / "bare"])
    assert photos == [c, a, b]
    assert "gone.png" in str(problems[0]) and "no images or videos" in str(problems[1]) and len(problems) == 2


def test_what_folders_hold_besides_is_told_of_each(tmp_path):
    used, raw = photo(tmp_path / "f/a.png"), tmp_path / "f/b.nef"
    raw.touch()
    photo(tmp_path / "clean/a.png")
    sources, _ = results.find_sources([tmp_path / "f", tmp_path / "clean", used])
    inputs = [tmp_path / "f", tmp_path / "clean", tmp_path / "f", used]
    assert results.skipped(inputs, sources) == [f"{tmp_path / 'f'}: skipped 1 camera raw (.nef) file"]


def test_content_says_whether_a_file_is_a_film_and_else_the_suffix(tmp_path):
    photo(tmp_path / "a.png").rename(tmp_path / "a.mp4")
    (tmp_path / "b.jpg").write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    (tmp_path / "c.mkv").write_bytes(b"text")
    assert [results.is_video(tmp_path / name) for name in ("a.mp4", "b.jpg", "c.mkv", "gone.mp4", "gone.jpg")] == [
        False, True, True, True, False,
    ]  # fmt: skip


def test_a_submission_is_of_videos_and_never_takes_the_place_of_its_source(tmp_path):
    image, video = photo(tmp_path / "a.png"), tmp_path / "0813.mp4"
    video.write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    out = tmp_path / "out"
    jobs = results.plan([image, video], out, ["map", "submission"])
    assert [list(job.targets.values()) for job in jobs] == [
        [out / "a.map.png"], [out / "0813.map.mp4", out / "0813.mp4"]
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"a submission has videos only, and .*a.png is an image"):
        results.plan([image, video], out, ["submission"])
    with pytest.raises(ConfigError, match=r"an uncertainty has images only, and .*0813.mp4 is a video; give images"):
        results.plan([image, video], out, ["uncertainty"])
    with pytest.raises(OutputError, match="would overwrite .*0813.mp4; choose another output folder"):
        results.plan([video], tmp_path, ["submission"])


def test_sources_that_differ_in_their_suffix_keep_it(tmp_path):
    first, second, other = photo(tmp_path / "a/cat.jpg"), photo(tmp_path / "b/cat.png"), photo(tmp_path / "b/dog.png")
    jobs = results.plan([first, second, other], tmp_path, ["map"])
    assert [job.targets["map"].name for job in jobs] == ["cat.jpg.map.png", "cat.png.map.png", "dog.map.png"]
    (tmp_path / "b/cat.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    jobs = results.plan([second, tmp_path / "b/cat.mp4"], tmp_path, ["map"])  # their results differ by themselves
    assert [job.targets["map"].name for job in jobs] == ["cat.map.png", "cat.map.mp4"]


def test_two_photos_with_one_result_are_refused(tmp_path):
    first, second = photo(tmp_path / "a/cat.jpg"), photo(tmp_path / "b/cat.jpg")
    with pytest.raises(OutputError, match="a/cat.jpg and .*b/cat.jpg would both be written to .*cat.map.png"):
        results.plan([first, second], tmp_path / "out", ["map"])
    with pytest.raises(OutputError, match="given twice"):
        results.plan([first, tmp_path / "b/../a/cat.jpg"], tmp_path / "out", ["npy"])
    odd = [photo(tmp_path / "c" / name) for name in ("x.jpg", "x.png", "x.jpg.bmp")]
    with pytest.raises(OutputError, match="would both be written to .*x.jpg.map.png"):
        results.plan(odd, tmp_path / "out", ["map"])


def test_names_of_several_prompts_differ_and_those_of_one_have_no_part(tmp_path):
    assert results.tags([("people look", None)]) == results.tags([(None, "free_viewing")]) == [""]
    found = results.tags([(None, "free_viewing"), ("Someone counts.", None), (None, "../evil"), ("\ud800", None)])
    assert found[0] == "free_viewing" and len(set(found)) == 4
    assert all(len(tag) == 8 and int(tag, 16) >= 0 for tag in found[1:])
    jobs = results.plan([photo(tmp_path / "cat.png"), photo(tmp_path / "dog.png")], tmp_path, ["npy"], tags=found[:2])
    assert [(job.source.name, job.number) for job in jobs] == [("cat.png", 0), ("cat.png", 1), ("dog.png", 0),
                                                               ("dog.png", 1)]  # fmt: skip
    assert [jobs[at].targets["npy"].name for at in (0, 3)] == ["cat.free_viewing.npy", f"dog.{found[1]}.npy"]


def test_a_source_may_have_prompts_of_its_own(tmp_path):
    cat, dog = photo(tmp_path / "cat.png"), photo(tmp_path / "dog.png")
    jobs = results.plan([cat, dog], tmp_path, ["npy"], tags=["x", "y"], of={cat: [1], dog: [0, 1]})
    assert [(job.number, job.targets["npy"].name) for job in jobs] == [(1, "cat.y.npy"), (0, "dog.x.npy"),
                                                                       (1, "dog.y.npy")]  # fmt: skip


def test_folders_below_are_found_and_repeated_below_the_output(tmp_path):
    root = tmp_path / "in"
    used = [photo(root / "a.png"), photo(root / "deep/b/a.png"), photo(root / "deep/c.png")]
    photo(root / ".hidden/d.png")
    (root / "deep/notes.txt").write_text("no image")
    (root / "loop").symlink_to(root)
    assert results.find_sources([root])[0] == used[:1]
    sources, problems = results.find_sources([root], recursive=True)
    assert sources == used and problems == []
    assert results.skipped([root], sources, recursive=True) == [
        f"{root}: skipped 1 folder", f"{root / 'deep'}: skipped 1 text (.txt) file"  # the link
    ]  # fmt: skip
    jobs = results.plan(sources, tmp_path / "out", ["map"], roots=[root])
    assert [str(job.targets["map"].relative_to(tmp_path / "out")) for job in jobs] == [
        "a.map.png", "deep/b/a.map.png", "deep/c.map.png"
    ]  # fmt: skip
    (tmp_path / "bare/x").mkdir(parents=True)
    assert "bare and its subfolders" in str(results.find_sources([tmp_path / "bare"], recursive=True)[1][0])


def test_a_result_never_replaces_a_photograph(tmp_path):
    cat, old = photo(tmp_path / "cat.png"), photo(tmp_path / "cat.overlay.jpg")
    with pytest.raises(OutputError, match="would overwrite .*cat.overlay.jpg"):
        results.plan([cat, old], tmp_path, ["overlay"])
    assert len(results.plan([cat, old], tmp_path, ["map"])) == 2


def test_files_hold_what_they_promise(tmp_path):
    (job,) = results.plan([photo(tmp_path / "cat.one.png")], tmp_path, list(results.SUFFIXES))
    image, said = np.zeros((9, 12, 3), np.uint8), prediction(9, 12)
    results.write(job, image, said, np.linspace(0, 1.5, 108, dtype=np.float32).reshape(9, 12))
    made = sorted(p.name for p in tmp_path.iterdir())
    assert made == [f"cat.one.{end}" for end in ("map.png", "npy", "overlay.jpg", "png", "uncertainty.png")]
    spread = np.asarray(Image.open(tmp_path / "cat.one.uncertainty.png"))
    assert spread.dtype == np.uint8 and spread.min() == 0 and spread.max() == 255 and spread[3, 0] == 129
    density = np.load(tmp_path / "cat.one.npy", allow_pickle=False)
    assert density.dtype == np.float32 and np.array_equal(density, said.density)
    gray = np.asarray(Image.open(tmp_path / "cat.one.map.png"))
    assert gray.dtype == np.uint8 and gray.shape == (9, 12) and gray.min() == 0 and gray.max() == 255
    assert np.unravel_index(gray.argmax(), gray.shape) == np.unravel_index(said.map.argmax(), gray.shape)
    overlay = Image.open(tmp_path / "cat.one.overlay.jpg")
    assert overlay.format == "JPEG" and overlay.size == (12, 9) and overlay.mode == "RGB"


def test_a_side_too_long_for_a_jpeg_leaves_nothing_behind(tmp_path):
    job = results.Job(tmp_path / "strip.png", {k: tmp_path / ("strip" + s) for k, s in results.SUFFIXES.items()})
    with pytest.raises(InputError, match="65500"):
        results.write(job, np.zeros((1, 65501, 3), np.uint8), prediction(1, 65501))
    assert list(tmp_path.iterdir()) == []
