"""Odd pictures become upright 8-bit RGB; unusable files and places are errors that name the path and the cure."""

import errno
import os
import resource
import warnings

import numpy as np
import pytest
from PIL import Image

from mindaam.data import media
from mindaam.errors import InputError, OutputError, shortened

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def smooth(height, width):
    """A picture that JPEG keeps nearly unchanged: uint8 [H,W,3]."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([255 * y / max(1, height - 1), 255 * x / max(1, width - 1), 128 + 0 * x], -1).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (2000, 1), (48, 64)])
@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm"])
def test_reads_every_size_exactly(tmp_path, size, suffix):
    path = tmp_path / f"picture{suffix}"
    Image.fromarray(smooth(*size)).save(path)
    pixels = media.read_image(path)
    assert pixels.dtype == np.uint8 and pixels.flags.writeable
    np.testing.assert_array_equal(pixels, smooth(*size))


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_reads_lossy_formats_closely(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    Image.fromarray(smooth(48, 64)).save(path, quality=95)
    assert np.abs(media.read_image(path).astype(int) - smooth(48, 64)).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_applies_exif_orientation(tmp_path, orientation):
    upright = np.zeros((4, 6, 3), np.uint8)
    upright[0, 0], upright[0, -1], upright[-1, 0] = RED, GREEN, BLUE
    # What a camera stores for each orientation: the inverse of what the tag asks the viewer to do.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright[::-1, ::-1].transpose(1, 0, 2), 0),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    np.testing.assert_array_equal(media.read_image(path), upright)


def test_grey_one_bit_and_palette(tmp_path):
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    Image.fromarray(gray).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(media.read_image(tmp_path / "grey.png"), np.repeat(gray[..., None], 3, 2))
    Image.fromarray(gray > 100).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(media.read_image(tmp_path / "bits.png")[..., 1], np.where(gray > 100, 255, 0))
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, *BLUE])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "palette.gif")
    np.testing.assert_array_equal(media.read_image(tmp_path / "palette.gif"), [[RED, BLUE]])


def test_transparent_pixels_become_white(tmp_path):
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0] = [(*RED, 255), (*RED, 0), (0, 0, 0, 51)]
    Image.fromarray(rgba).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(media.read_image(tmp_path / "alpha.png"), [[RED, WHITE, (204, 204, 204)]])
    Image.fromarray(rgba).convert("LA").save(tmp_path / "grey_alpha.png")
    assert media.read_image(tmp_path / "grey_alpha.png")[0, 1].tolist() == list(WHITE)
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, *BLUE])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "clear.png", transparency=1)
    np.testing.assert_array_equal(media.read_image(tmp_path / "clear.png"), [[RED, WHITE]])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path, suffix):
    deep = np.array([[0, 128, 129, 257, 300, 32768, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / f"deep{suffix}")
    expected = np.round(deep / 257).astype(np.uint8)
    np.testing.assert_array_equal(media.read_image(tmp_path / f"deep{suffix}")[..., 0], expected)


def test_cmyk(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "print.jpg", quality=100)
    red, green, blue = media.read_image(tmp_path / "print.jpg")[4, 4]
    assert red > 240 and green < 15 and blue < 15


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (4, 4), color) for color in (RED, BLUE)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert media.read_image(tmp_path / "moving.gif")[0, 0].tolist() == list(RED)


def refused(path):
    with pytest.raises(InputError) as caught:
        media.read_image(path)
    message = str(caught.value)
    assert shortened(str(path)) in message and "\n" not in message
    return message


def test_missing_empty_folder_and_foreign_files(tmp_path):
    assert "does not exist" in refused(tmp_path / "none.jpg")
    assert "is a folder" in refused(tmp_path)
    (tmp_path / "empty.jpg").touch()
    assert "is empty" in refused(tmp_path / "empty.jpg")
    (tmp_path / "text.jpg").write_text("not a picture at all")
    assert "not an image" in refused(tmp_path / "text.jpg")
    # A real picture in a format that is left out on purpose: Pillow would hand it to Ghostscript.
    Image.new("RGB", (4, 4)).save(tmp_path / "script.jpg", format="EPS")
    assert "a PostScript drawing" in refused(tmp_path / "script.jpg")


def test_a_name_that_is_too_long_and_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    assert "a name that is too long" in refused(tmp_path / ("x" * 300 + ".jpg"))
    Image.new("RGB", (4, 4)).save(tmp_path / "locked.jpg")

    def locked(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", locked)
    assert "permissions" in refused(tmp_path / "locked.jpg")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".gif", ".bmp"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
def test_a_truncated_file_is_an_error_not_half_a_picture(tmp_path, suffix, kept):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = tmp_path / f"cut{suffix}"
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert "damaged" in (message := refused(path)) or "not an image" in message


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.999])
def test_a_large_truncated_jpeg_is_an_error(tmp_path, progressive, kept):
    noise = np.random.default_rng(0).integers(0, 255, (900, 1200, 3), np.uint8)
    path = tmp_path / "large.jpg"
    Image.fromarray(noise).save(path, progressive=progressive)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert "damaged or truncated" in refused(path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".gif", ".bmp"])
def test_damaged_bytes_never_escape_as_other_errors(tmp_path, suffix):
    rng = np.random.default_rng(1)
    whole = tmp_path / f"whole{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(smooth(32, 32)).save(whole, **({} if suffix in (".bmp", ".gif") else {"exif": exif}))
    content = np.frombuffer(whole.read_bytes(), np.uint8)
    path, outcomes = tmp_path / f"damaged{suffix}", set()
    for _ in range(60):
        damaged = content.copy()
        places = rng.integers(0, min(200, len(damaged)), 6)
        damaged[places] = rng.integers(0, 256, 6)
        path.write_bytes(damaged.tobytes())
        try:
            outcomes.add(media.read_image(path).dtype.name)
        except InputError:
            outcomes.add("refused")
    assert "refused" in outcomes and outcomes <= {"refused", "uint8"}


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (13000, 13000)).save(path)
    assert path.stat().st_size < 100_000
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow's own warning must not reach the user beside ours
        assert "million pixels" in refused(path)
    Image.new("1", (20000, 20000)).save(path)
    assert "million pixels" in refused(path)


def test_float_pictures_are_refused_with_the_cure(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "float.tif")
    assert "8 or 16 bits" in refused(tmp_path / "float.tif")


def test_listed_files_are_sorted_flat_and_of_known_suffixes_only(tmp_path):
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.jpg", "sub"):
        (tmp_path / name).touch() if name != "sub" else (tmp_path / name).mkdir()
    (tmp_path / "sub" / "c.jpg").touch()
    assert [path.name for path in media.list_files(tmp_path, media.IMAGE_SUFFIXES, "images")] == ["a.png", "b.JPG"]


def test_what_a_folder_holds_besides_is_counted_by_kind(tmp_path):
    files = ["a.nef", "b.NEF", "c.nef", "d.HEIC", "e.heic", "notes.txt", "x.xyz", "README", "used.png", "used.wav"]
    litter = [".hidden.jpg", "._a.nef", "Thumbs.db", "desktop.ini", "~$notes.docx", "Icon\r"]
    for name in files + litter:
        (tmp_path / name).touch()
    for name in ("sub", "holiday.jpg", "@eaDir", "__MACOSX"):
        (tmp_path / name).mkdir()
    os.symlink("nowhere", tmp_path / "gone.csv")
    used = [tmp_path / "used.png", tmp_path / "sub/../used.wav"]
    assert media.list_files(tmp_path, media.IMAGE_SUFFIXES, "pictures") == [tmp_path / "used.png"]
    assert media.skipped(tmp_path, used) == (
        f"{tmp_path}: skipped 3 camera raw (.nef), 2 HEIC (.heic), 1 other (.xyz), 1 other (no suffix), "
        "1 table (.csv) and 1 text (.txt) files, 2 folders"
    )
    alone = tmp_path / "sub"
    assert media.skipped(alone, []) == "" and media.skipped(tmp_path / "none", []) == ""
    (alone / "b.m4a").touch()
    assert media.skipped(alone, []) == f"{alone}: skipped 1 audio (.m4a) file"
    with pytest.raises(InputError, match=r"has no pictures \(1 audio \(.m4a\) file\); put files such as"):
        media.list_files(alone, media.IMAGE_SUFFIXES, "pictures")
    for number in range(12):
        (alone / f"x.s{number:02}").touch()
    (alone / "x.\x1b[2J").touch()
    assert media.skipped(alone, []).endswith(
        "1 audio (.m4a), 1 other, 1 other (.s00), 1 other (.s01), 1 other (.s02), "
        "1 other (.s03), 1 other (.s04), 1 other (.s05) and 6 more files"
    )


def test_a_listing_refuses_what_is_no_folder_of_such_files(tmp_path):
    with pytest.raises(InputError, match="has no pictures"):
        media.list_files(tmp_path, media.IMAGE_SUFFIXES, "pictures")
    with pytest.raises(InputError, match="not a folder"):
        media.list_files(tmp_path / "none", media.IMAGE_SUFFIXES, "images")


def test_results_are_written_whole(tmp_path):
    media.write_png(tmp_path / "x.png", smooth(5, 7))
    np.testing.assert_array_equal(media.read_image(tmp_path / "x.png"), smooth(5, 7))
    media.write_jpeg(tmp_path / "x.jpg", smooth(50, 70))
    assert np.abs(media.read_image(tmp_path / "x.jpg").astype(int) - smooth(50, 70)).mean() < 3
    density = np.random.default_rng(0).random((3, 4)).astype(np.float32)
    media.write_npy(tmp_path / "x.npy", density)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy", allow_pickle=False), density)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.jpg", "x.npy", "x.png"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    media.write_npy(tmp_path / "x.npy", np.zeros(3))
    before = (tmp_path / "x.npy").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        media.write_npy(tmp_path / "x.npy", np.ones(3))
    monkeypatch.undo()
    with pytest.raises(TypeError):
        media.write_png(tmp_path / "x.npy", np.zeros((2, 2, 7)))
    assert (tmp_path / "x.npy").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.npy"]


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        media.write_png(tmp_path / "file" / "x.png", smooth(2, 2))
    with pytest.raises(OutputError, match="cannot write"):
        media.write_png(tmp_path / "folder.png", smooth(2, 2))
    with pytest.raises(OutputError, match="too long"):
        media.write_png(tmp_path / ("x" * 300 + ".png"), smooth(2, 2))
    with pytest.raises(OutputError, match="65500"):
        media.write_jpeg(tmp_path / "wide.jpg", smooth(1, 70000))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.png"]


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npy_is_numpys_own_and_a_full_disk_is_told_as_such(tmp_path, order):
    array = np.asarray(np.random.default_rng(0).random((60, 50), np.float32), order=order)
    media.write_npy(tmp_path / "a.npy", array)
    np.save(tmp_path / "b.npy", np.ascontiguousarray(array))
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, before[1]))
    try:
        with pytest.raises(OutputError, match="c.npy") as caught:
            media.write_npy(tmp_path / "c.npy", array)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.__cause__.errno == errno.EFBIG and len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("write", [media.write_jpeg, media.write_png])
def test_a_disk_that_takes_a_part_leaves_nothing(tmp_path, write):
    image = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)  # longer than what Pillow holds back
    write(tmp_path / "whole", image)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "whole").stat().st_size - 20, before[1]))
    try:
        with pytest.raises(OutputError, match="cannot write .*part"):
            write(tmp_path / "part", image)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole"]
