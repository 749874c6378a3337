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
    with pytest.raises(ConfigError, match="choose from overlay, map, npy, submission"):
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
    with pytest.raises(OutputError, match="would overwrite .*0813.mp4; choose another output folder"):
        results.plan([video], tmp_path, ["submission"])


def test_two_photos_with_one_result_are_refused(tmp_path):
    first, second = photo(tmp_path / "a/cat.jpg"), photo(tmp_path / "b/cat.png")
    with pytest.raises(OutputError, match="a/cat.jpg and .*b/cat.png would both be written to .*cat.map.png"):
        results.plan([first, second], tmp_path / "out", ["map"])
    with pytest.raises(OutputError, match="given twice"):
        results.plan([first, tmp_path / "b/../a/cat.jpg"], tmp_path / "out", ["npy"])


def test_a_result_never_replaces_a_photograph(tmp_path):
    cat, old = photo(tmp_path / "cat.png"), photo(tmp_path / "cat.overlay.jpg")
    with pytest.raises(OutputError, match="would overwrite .*cat.overlay.jpg"):
        results.plan([cat, old], tmp_path, ["overlay"])
    assert len(results.plan([cat, old], tmp_path, ["map"])) == 2


def test_files_hold_what_they_promise(tmp_path):
    (job,) = results.plan([photo(tmp_path / "cat.one.png")], tmp_path, list(results.SUFFIXES))
    image, said = np.zeros((9, 12, 3), np.uint8), prediction(9, 12)
    results.write(job, image, said)
    made = sorted(p.name for p in tmp_path.iterdir())
    assert made == ["cat.one.map.png", "cat.one.npy", "cat.one.overlay.jpg", "cat.one.png"]
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
