"""Damaged, foreign, unfinished and costly image files are one sentence that names the file, never another error."""

import io
import os
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import AvifImagePlugin, Image

from mindaam.data import kinds, media
from mindaam.data.checks.near_duplicates import fingerprint_file
from mindaam.data.images import limits, opening
from mindaam.errors import InputError
from tests.data.images.odd_files import iso_file, page, png, progressive_jpeg, tiff

FAULTS = (RuntimeError, zlib.error, AttributeError, ZeroDivisionError, RecursionError, AssertionError, struct.error)


def refused(path, read=media.read_image):
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def written(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_a_decoder_raises_is_damage(tmp_path, monkeypatch, fault):
    def broken(self):
        raise fault("line 1\nline 2")

    Image.new("RGB", (8, 8)).save(tmp_path / "x.avif")
    monkeypatch.setattr(AvifImagePlugin.AvifImageFile, "load", broken)
    for read in (media.read_image, media.read_map, fingerprint_file):
        assert "damaged or truncated (line 1 line 2)" in refused(tmp_path / "x.avif", read)
    monkeypatch.setattr(AvifImagePlugin.AvifImageFile, "_open", broken)
    refused(tmp_path / "x.avif", media.image_size)
    monkeypatch.setattr(AvifImagePlugin.AvifImageFile, "_open", lambda self: (_ for _ in ()).throw(MemoryError))
    assert "memory" in refused(tmp_path / "x.avif")


@pytest.mark.parametrize("form", ["avif", "jp2", "png", "tif", "webp", "gif", "jpg", "ppm", "bmp"])
def test_mutated_files_are_read_or_refused(tmp_path, form):
    # 30 a format here; 2,000 of each of ten kinds were tried in the same way: 6,388 read, 13,612 refused, no other end
    rng = np.random.default_rng(17)
    whole = io.BytesIO()
    noise = Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8))
    noise.save(whole, {"jpg": "JPEG", "jp2": "JPEG2000", "tif": "TIFF"}.get(form, form.upper()))
    for number in range(30):
        content = np.frombuffer(whole.getvalue(), np.uint8).copy()
        places = rng.integers(0, len(content), rng.integers(1, 12))
        content[places] = rng.integers(0, 256, len(places))
        path = written(tmp_path / f"m.{form}", content[: len(content) - number % 4 * 9].tobytes())
        for read in (media.read_image, media.image_size, media.read_map, media.image_remarks):
            with suppress(InputError):
                read(path)


def test_damaged_exif_turns_nothing_and_hurts_nothing(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4), "red").save(tmp_path / "e.jpg", exif=exif)
    content = (tmp_path / "e.jpg").read_bytes()
    for damaged in (content.replace(b"MM\0*", b"XX\0*"), content.replace(b"\x01\x12\0\x03", b"\x01\x12\xff\xff")):
        path = written(tmp_path / "d.jpg", damaged)
        assert media.read_image(path).shape == (4, 6, 3) and media.image_size(path) == (4, 6)
    for value in (0, 9, 65535):
        exif[0x0112] = value
        Image.new("RGB", (6, 4)).save(tmp_path / "e.jpg", exif=exif)
        assert media.read_image(tmp_path / "e.jpg").shape == (4, 6, 3)


THUMBNAIL = page(4, 2, 2, [8] * 3, tag254=(4, [1]), tag271=(2, b"NIKON CORPORATION\0"))
SENSOR = page(400, 300, 32803, [14], 34713, tag254=(4, [0]))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.nef", tiff(THUMBNAIL | {330: (4, [SENSOR])}, order=">", strip=bytes(24))),
        ("misnamed.tif", tiff(THUMBNAIL | {330: (4, [page(9, 9), SENSOR])}, strip=bytes(24))),
        ("a.dng", tiff(page(4, 2, 2, [8] * 3, tag50706=(1, [1, 4, 0, 0])), strip=bytes(24))),
        ("a.pef", tiff(page(4, 2, 32803, [12], 65535, tag271=(2, b"PENTAX\0")), strip=bytes(24))),
        ("a.srw", tiff(THUMBNAIL, page(400, 300, 32803, [12], 32770), strip=bytes(24))),
        ("a.arw", tiff(page(4, 2, 2, [8] * 3), strip=bytes(24))),  # the suffix tells what the tags do not
        ("a.cr2", b"II*\0\x10\0\0\0CR\x02\0" + bytes(100)),
        ("a.cr3", iso_file(b"crx ", b"isom")),
        ("a.raf", b"FUJIFILMCCD-RAW 0201" + bytes(100)),
        ("a.orf", b"IIRO\x08\0\0\0" + bytes(100)),
        ("a.rw2", b"IIU\0\x18\0\0\0" + bytes(100)),
        ("a.x3f", b"FOVb" + bytes(100)),
        ("a.crw", b"II\x1a\0\0\0HEAPCCDR" + bytes(100)),
        ("a.mrw", b"\0MRM" + bytes(100)),
        ("unknown.kdc", bytes(100)),
    ],
)
def test_camera_raws_are_refused_by_name_and_never_their_thumbnails_read(tmp_path, name, content):
    path = written(tmp_path / name, content)
    for read in (media.read_image, media.image_size):
        assert "camera raw file" in (message := refused(path, read)) and "develop it" in message
    assert ("(.nef)" in message) == name.endswith(".nef")


def test_a_thumbnail_before_its_image_is_not_taken_for_it(tmp_path):
    path = written(tmp_path / "t.tif", tiff(page(4, 2, tag254=(4, [1])), page(400, 300), strip=bytes(8)))
    assert "is a thumbnail of a larger one" in refused(path)
    path = written(
        tmp_path / "pyramid.tif", tiff(page(4, 2) | {330: (4, [page(2, 1, tag254=(4, [1]))])}, strip=bytes(8))
    )
    assert media.read_image(path).shape == (2, 4, 3) and media.image_remarks(path) == []
    path = written(tmp_path / "alone.tif", tiff(page(4, 2, tag254=(4, [1])), strip=bytes(8)))
    assert media.read_image(path).shape == (2, 4, 3)
    loop = bytearray(tiff(page(4, 2), strip=bytes(8)))
    loop[-4:] = loop[4:8]  # the directory follows itself
    assert media.read_image(written(tmp_path / "loop.tif", bytes(loop))).shape == (2, 4, 3)


@pytest.mark.parametrize(
    ("name", "content", "phrase"),
    [
        ("a.heic", iso_file(b"heic", b"mif1", b"heic"), "a HEIC image"),
        ("a.jpg", iso_file(b"mif1", b"heix"), "a HEIC image"),
        ("a.psd", b"8BPS\0\x01" + bytes(40), "a Photoshop document"),
        ("a.svg", b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg width="4">', "an SVG drawing"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript drawing"),
        ("a.pdf", b"%PDF-1.7\n", "a PDF document"),
        ("a.jxl", b"\xff\x0a\xfa\x1f", "a JPEG XL image"),
        ("a.png", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20), "a JPEG XL image"),
        ("a.jpg", b"<!DOCTYPE html><html>", "a web page"),
        ("a.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n", "a Git LFS pointer"),
        ("a.jpg", b"PK\x03\x04" + bytes(30), "an archive"),
        ("clip.jpg", iso_file(b"isom", b"mp42"), "a video"),
        ("clip.png", b"\x1aE\xdf\xa3" + bytes(30), "a video"),
        ("song.jpg", b"RIFF\0\0\0\0WAVEfmt ", "an audio file"),
        ("a.ico", b"\0\0\x01\0\x01\0" + bytes(30), "an icon"),
        ("a.exr", b"v/1\x01" + bytes(30), "floating-point light"),
        ("cut.heic", b"\0", "a HEIC image"),
        ("wide.tif", tiff(page(2, 1, 1, [16, 16]), strip=bytes(8)), "pixels of an unsupported kind"),
    ],
)
def test_other_kinds_are_called_by_their_name(tmp_path, monkeypatch, name, content, phrase):
    monkeypatch.setattr(opening, "_reads_heif", lambda: False)
    assert phrase in refused(written(tmp_path / name, content))


def test_heic_is_read_where_pillow_has_the_plug_in(tmp_path, monkeypatch):
    from PIL import PngImagePlugin

    class Plugin(PngImagePlugin.PngImageFile):
        def _open(self):
            self.fp.seek(len(start))
            self.fp = io.BytesIO(self.fp.read())
            super()._open()

    start = iso_file(b"heic")
    monkeypatch.setitem(Image.OPEN, "HEIF", (Plugin, None))
    if "HEIF" not in Image.ID:
        monkeypatch.setattr(Image, "ID", [*Image.ID, "HEIF"])
    path = written(tmp_path / "a.heic", start + png(b"\0\1\2\3", (1, 1), 8, 2))
    assert media.read_image(path).tolist() == [[[1, 2, 3]]]


def test_jpegs_of_many_large_scans_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    # 6,000 x 6,000 pixels with 800 scans ran for 90 s; a scan costs up to 10 ns a pixel, so that 15 s are the most.
    # libjpeg reads a scan without data more quickly: the one of 41 below took 1.2 s.
    assert "42 scans" in refused(written(tmp_path / "bomb.jpg", progressive_jpeg(6000, 6000, 42)))
    few = written(tmp_path / "few.jpg", progressive_jpeg(6000, 6000, 41))
    assert media.image_size(few) == (6000, 6000)
    assert media.read_image(written(tmp_path / "tiny.jpg", progressive_jpeg(16, 16, 800))).shape == (16, 16, 3)
    # Scans of thumbnails and of what phones append do not count
    Image.fromarray(np.zeros((600, 600, 3), np.uint8)).save(tmp_path / "real.jpg", progressive=True)
    real = (tmp_path / "real.jpg").read_bytes()
    thumbnail = b"\xff\xe1" + struct.pack(">H", 60002) + b"\xff\xda" * 30000
    monkeypatch.setattr(limits, "MAX_SCANNED", 12 * 600 * 600)
    path = written(tmp_path / "phone.jpg", real[:2] + thumbnail + real[2:] + b"\xff\xda" * 30000)
    assert media.read_image(path).shape == (600, 600, 3)


def test_tiffs_whose_tiles_lie_on_each_other_or_hold_many_scans_are_refused(tmp_path):
    # A strip costs 1 ns a pixel: 100 over 4,000 x 4,000 pixels ran for 0.7 s, and each further one is 8 bytes of file.
    # 90 scans of 8,000 x 8,000 without data ran for 3 s in a TIFF, where libtiff ends at 100.
    strips = page(200, 200) | {278: (3, [150]), 273: (4, [8] * 10000), 279: (4, [40000] * 10000)}
    assert "many times over" in refused(written(tmp_path / "tiles.tif", tiff(strips, strip=bytes(40000))))
    inside = progressive_jpeg(8000, 8000, 90)
    path = written(tmp_path / "scans.tif", tiff(page(8000, 8000, 1, [8], 7), strip=inside))
    assert "many scans" in refused(path)


def test_large_images_written_as_text_are_refused(tmp_path):
    # 12 million numbers took 8 s
    assert "written as text" in refused(written(tmp_path / "large.ppm", b"P3 4000 4000 255\n1 2 3 "))
    assert media.read_image(written(tmp_path / "small.ppm", b"P3 1 1 255\n1 2 3 ")).tolist() == [[[1, 2, 3]]]


def test_frames_and_pages_that_are_not_read_are_named(tmp_path):
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    for form in ("gif", "png", "webp", "avif", "tif"):
        frames[0].save(tmp_path / f"a.{form}", save_all=True, append_images=frames[1:])
        (remark,) = media.image_remarks(tmp_path / f"a.{form}")
        assert str(tmp_path) in remark and ("several pages" if form == "tif" else "save it as mp4") in remark
        frames[0].save(tmp_path / f"one.{form}")
        assert media.image_remarks(tmp_path / f"one.{form}") == []
    frames[0].save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=frames[1:])
    assert media.image_remarks(tmp_path / "phone.jpg") == []  # a phone's second picture is a gain map or the like
    path = written(tmp_path / "a.gif", (tmp_path / "a.gif").read_bytes()[:-12])  # amidst the second frame
    assert media.read_image(path).shape == (16, 16, 3) and len(media.image_remarks(path)) <= 1


def test_a_video_whose_list_of_brands_names_its_codec_is_no_heic(tmp_path):
    assert kinds.kind_of_content(iso_file(b"iso6", b"hev1", b"dash")) is kinds.VIDEO
    assert kinds.kind_of_content(iso_file(b"isom", b"hvc1")) is kinds.VIDEO
    assert not kinds.is_image(iso_file(b"qt  ")) and kinds.is_image(iso_file(b"msf1", b"hevc"))
    assert kinds.is_image(iso_file(b"mif1", b"avif")) and kinds.kind_of_content(iso_file(b"avis")) is None


def test_content_and_not_the_suffix_says_what_an_image_is(tmp_path):
    Image.new("RGB", (4, 2)).save(tmp_path / "x.png")
    for name in ("x.nef", "x.heic", "x.mp4", "x.txt", "x"):
        os.replace(next(tmp_path.iterdir()), tmp_path / name)
        assert media.read_image(tmp_path / name).shape == (2, 4, 3)
    assert kinds.kind_of_name("x.mp4") is kinds.VIDEO and kinds.kind_of_name("x.JPG") is None
