"""Every depth, transparency and meaning of an image's values becomes the 8-bit RGB that a viewer shows."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mindaam.data import media
from mindaam.errors import InputError
from tests.data.images.odd_files import page, png, tiff, words

KEY = b"tRNS"


def gray(*values):
    return [[value] * 3 for value in values]


def read(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    return media.read_image(tmp_path / name)[0].tolist()


@pytest.mark.parametrize(
    ("rows", "width", "depth", "color", "key", "expected"),
    [
        (words(0, 300, 65535), 3, 16, 0, (300,), gray(0, 255, 255)),
        (words(0, 300, 301), 3, 16, 0, (300,), gray(0, 255, 1)),
        (b"\0\x01\x02", 2, 8, 0, (1,), gray(255, 2)),
        (b"\0\x12", 2, 4, 0, (1,), gray(255, 34)),
        (b"\0\x1b", 4, 2, 0, (1,), gray(0, 255, 170, 255)),
        (b"\0\x40", 2, 1, 0, (0,), gray(255, 255)),
        (b"\0\x40", 2, 1, 0, (1,), gray(0, 255)),
        (bytes([0, 1, 2, 3, 4, 5, 6]), 2, 8, 2, (1, 2, 3), [[255] * 3, [4, 5, 6]]),
        # Of 16-bit colours Pillow keeps the high bytes, and the second has those of the transparent one
        (words(1000, 2000, 3000, 1001, 2000, 3000), 2, 16, 2, (1000, 2000, 3000), [[255] * 3, [3, 7, 11]]),
    ],
)
def test_the_one_transparent_value_of_a_png_becomes_white(tmp_path, rows, width, depth, color, key, expected):
    content = png(rows, (width, 1), depth, color, [(KEY, struct.pack(f">{len(key)}H", *key))])
    assert read(tmp_path, "key.png", content) == expected


def test_a_transparent_sixteen_bit_colour_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    rows = words(1000, 2000, 3000, 1001, 2000, 3000)
    chunks = [(KEY, struct.pack(">3H", 1000, 2000, 3000)), (b"eXIf", exif.tobytes()[6:])]
    (tmp_path / "turned.png").write_bytes(png(rows, (2, 1), 16, 2, chunks))
    assert media.read_image(tmp_path / "turned.png").tolist() == [[[255] * 3], [[3, 7, 11]]]
    assert media.read_image(tmp_path / "turned.png", upright=False).tolist() == [[[255] * 3, [3, 7, 11]]]


def test_alpha_of_sixteen_bits_and_of_palettes(tmp_path):
    assert read(tmp_path, "la.png", png(words(0, 65535, 1000, 0), (2, 1), 16, 4)) == gray(0, 255)
    assert read(tmp_path, "rgba.png", png(words(1, 2, 3, 0, 0, 0, 0, 65535), (2, 1), 16, 6)) == gray(255, 0)
    palette = [(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255])), (KEY, b"\0\x80")]
    expected = [[255] * 3, [127, 255, 127], [0, 0, 255]]
    assert read(tmp_path, "p8.png", png(b"\0\0\x01\x02", (3, 1), 8, 3, palette)) == expected
    assert read(tmp_path, "p4.png", png(b"\0\x01\x20", (3, 1), 4, 3, palette)) == expected


@pytest.mark.parametrize("form", ["webp", "gif", "avif"])
def test_alpha_of_other_formats(tmp_path, form):
    image = Image.new("RGBA", (16, 16), (0, 0, 255, 255))
    image.paste((255, 0, 0, 0), (0, 0, 8, 16))
    image.save(tmp_path / f"a.{form}", **({} if form == "gif" else {"lossless": True}))
    seen = media.read_image(tmp_path / f"a.{form}").astype(int)
    assert np.abs(seen[8, 3] - 255).max() < 5 and np.abs(seen[8, 12] - (0, 0, 255)).max() < 5


@pytest.mark.parametrize(
    ("bits", "strip", "white_is_high", "white_is_low"),
    [
        (1, b"\x40", (0, 255), (255, 0)),
        (4, b"\x0c", (0, 204), (255, 51)),
        (8, b"\0\xc8", (0, 200), (255, 55)),
        (16, struct.pack("<2H", 0, 50000), (0, 195), (255, 60)),
    ],
)
@pytest.mark.parametrize("squeezed", [False, True])
def test_grey_tiffs_in_which_the_least_value_is_white(tmp_path, bits, strip, white_is_high, white_is_low, squeezed):
    strip, compression = (zlib.compress(strip), 8) if squeezed else (strip, 1)
    for photometric, expected in ((1, white_is_high), (0, white_is_low)):
        content = tiff(page(2, 1, photometric, [bits], compression), strip=strip)
        assert read(tmp_path, "grey.tif", content) == gray(*expected)


def test_twelve_bits_are_scaled(tmp_path):
    assert read(tmp_path, "12.tif", tiff(page(2, 1, 1, [12]), strip=b"\0\x0f\xff")) == gray(0, 255)
    assert read(tmp_path, "12.pgm", b"P5 2 1 4095\n" + struct.pack(">2H", 0, 2048)) == gray(0, 128)
    assert read(tmp_path, "16.pgm", b"P5 2 1 65535\n" + struct.pack(">2H", 0, 32768)) == gray(0, 128)


@pytest.mark.parametrize(("extra", "expected"), [(1, 177), (2, 152)])
def test_alpha_of_a_tiff_may_be_in_its_colours_already(tmp_path, extra, expected):
    sample = (3, [extra])
    pixels = bytes([50, 128, 0, 0])
    assert read(tmp_path, "la.tif", tiff(page(2, 1, 1, [8, 8], tag338=sample), strip=pixels)) == gray(expected, 255)
    for bits, kind, scale in (([8] * 4, "8B", 1), ([16] * 4, "<8H", 257)):
        pixels = struct.pack(kind, *(each * scale for each in (50, 50, 50, 128, 0, 0, 0, 0)))
        content = tiff(page(2, 1, 2, bits, tag338=sample), strip=pixels)
        assert read(tmp_path, "rgba.tif", content) == gray(expected, 255)


def test_inks_of_a_tiff(tmp_path):
    content = tiff(page(2, 1, 5, [8] * 4), strip=bytes([0, 255, 255, 0, 0, 0, 0, 0]))
    assert read(tmp_path, "print.tif", content) == [[255, 0, 0], [255, 255, 255]]


def test_32_bits_have_no_white(tmp_path):
    for name, bits, form, strip in (("f.tif", 32, 3, struct.pack("<2f", 0, 9)), ("u.tif", 32, 1, bytes(8))):
        (tmp_path / name).write_bytes(tiff(page(2, 1, 1, [bits], tag339=(3, [form])), strip=strip))
        with pytest.raises(InputError, match=f"{name}: 32-bit pixels .* 8 or 16 bits"):
            media.read_image(tmp_path / name)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["tif", "jpg", "png"])
def test_sizes_agree_with_images_for_every_orientation(tmp_path, orientation, form):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    Image.fromarray(stored).save(tmp_path / f"o.{form}", exif=exif)
    for upright in (True, False):
        image = media.read_image(tmp_path / f"o.{form}", upright=upright)
        assert image.shape[:2] == media.image_size(tmp_path / f"o.{form}", upright=upright)
    assert np.abs(image[..., 0].astype(int) - stored).max() <= (9 if form == "jpg" else 0)  # not upright: as stored


@pytest.mark.parametrize("transfer", [16, 18])
def test_an_hdr_png_is_tone_mapped_and_a_common_one_is_not(tmp_path, transfer):
    rows = b"\0" + bytes([128] * 3 + [192] * 3)
    bright = read(tmp_path, "hdr.png", png(rows, (2, 1), 8, 2, [(b"cICP", bytes([9, transfer, 0, 1]))]))
    assert read(tmp_path, "srgb.png", png(rows, (2, 1), 8, 2, [(b"cICP", bytes([1, 13, 0, 1]))])) == gray(128, 192)
    assert bright != gray(128, 192)
    assert media.image_remarks(tmp_path / "hdr.png") == [
        f"{tmp_path / 'hdr.png'}: tone-mapped from {'PQ' if transfer == 16 else 'HLG'}"
    ]
    assert media.image_remarks(tmp_path / "srgb.png") == []


def test_an_hdr_avif_is_tone_mapped_with_its_alpha_laid_on_white(tmp_path):
    image = Image.new("RGBA", (16, 16), (150, 150, 150, 255))
    image.paste((150, 150, 150, 0), (0, 0, 8, 16))
    image.save(tmp_path / "sdr.avif", quality=100, subsampling="4:4:4")
    content = (tmp_path / "sdr.avif").read_bytes()
    at = content.index(b"colrnclx") + 8
    (tmp_path / "hdr.avif").write_bytes(content[:at] + struct.pack(">HH", 9, 16) + content[at + 4 :])
    image = media.read_image(tmp_path / "hdr.avif")
    assert image[8, 3].tolist() == [255] * 3 and image[8, 12].tolist() == [232] * 3
    assert media.image_remarks(tmp_path / "hdr.avif") == [f"{tmp_path / 'hdr.avif'}: tone-mapped from PQ"]


def test_large_images_are_converted_in_pieces_to_the_same(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (41, 30, 4), np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    Image.fromarray(rng.integers(0, 65536, (41, 30), np.uint16)).save(tmp_path / "b.png")
    palette = Image.fromarray(rgba[..., :3]).quantize(16)
    palette.save(tmp_path / "c.png", transparency=bytes(range(0, 256, 16)))
    hdr = b"".join(b"\0" + row.tobytes() for row in rgba)
    (tmp_path / "d.png").write_bytes(png(hdr, (30, 41), 8, 6, [(b"cICP", bytes([9, 16, 0, 1]))]))
    whole = [media.read_image(tmp_path / f"{name}.png") for name in "abcd"]
    monkeypatch.setattr("mindaam.data.images.conversion._PIXELS_AT_ONCE", 300)
    for name, image in zip("abcd", whole, strict=True):
        np.testing.assert_array_equal(media.read_image(tmp_path / f"{name}.png"), image)
