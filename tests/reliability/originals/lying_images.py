"""Images whose headers say what is not so, and small files that claim, or become, much: {name: (suffix, function that
makes its bytes)}. Sizes are those of `SIZES`, in all kinds that have a field for them."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from tests.reliability.originals.images import image

# (width, height)
SIZES = (
    (0, 0), (0, 28), (36, 0), (1, 28), (36, 1), (37, 28), (36, 29), (3600, 28), (36, 2800), (4000, 4000),
    (12_247, 12_247), (12_248, 12_248), (15_000, 10_000), (65_535, 2_288), (65_535, 65_535), (1, 0x7FFFFFFF),
    (0x7FFFFFFF, 1), (0x7FFFFFFF, 0x7FFFFFFF), (0x80000000, 28), (0xFFFFFFFF, 0xFFFFFFFF), (100_000, 1_499),
)  # fmt: skip


def chunk(kind, data):
    """One chunk of a PNG with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *, depth=8, color=2, rows=None, extra=b"", interlaced=0):
    """A PNG of zeros. depth, colour: as in its header. rows: how many rows of pixels it has, None for all. extra:
    chunks before the pixels."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    row = bytes(1 + (width * channels * depth + 7) // 8)
    packer, packed = zlib.compressobj(1), b""
    for _ in range(height if rows is None else rows):
        packed += packer.compress(row)
    packed += packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(range(6))) if color == 3 else b""
    body = palette + extra + chunk(b"IDAT", packed)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def _sized_png(width, height):
    content = bytearray(image("png")[1])
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def _sized_jpeg(width, height, kind="jpeg"):
    content = bytearray(image(kind)[1])
    place = max(content.find(b"\xff\xc0\x00\x11"), content.find(b"\xff\xc2\x00\x14"))
    content[place + 5 : place + 9] = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    return bytes(content)


def _sized_bmp(width, height):
    content = bytearray(image("bmp")[1])
    content[18:26] = struct.pack("<II", width, height)
    return bytes(content)


def _sized_gif(width, height):
    content = bytearray(image("gif")[1])
    size = struct.pack("<HH", width & 0xFFFF, height & 0xFFFF)
    place = content.index(b"\x2c", 13 + 3 * 2 ** ((content[10] & 7) + 1))
    content[6:10] = content[place + 5 : place + 9] = size
    return bytes(content)


def _sized_webp(width, height):
    content = bytearray(image("webp")[1])
    place = content.index(b"VP8X") + 12
    content[place : place + 6] = b"".join((side - 1 & 0xFFFFFF).to_bytes(3, "little") for side in (width, height))
    return bytes(content)


def _sized_tiff(width, height):
    return tagged({256: width, 257: height})


def tagged(values):
    """A TIFF of which the fields of those numbers have other values."""
    content = bytearray(image("tiff")[1])
    first = struct.unpack_from("<I", content, 4)[0]
    for index in range(struct.unpack_from("<H", content, first)[0]):
        place = first + 2 + 12 * index
        tag = struct.unpack_from("<H", content, place)[0]
        if tag in values:
            content[place + 2 : place + 12] = struct.pack("<HII", 4, 1, values[tag])
    return bytes(content)


def _sized_ppm(width, height):
    return f"P6\n{width} {height}\n255\n".encode() + image("ppm")[1][-3000:]


def _sized_jp2(width, height):
    content = bytearray(image("jpeg 2000")[1])
    place, codestream = content.index(b"ihdr") + 4, content.index(b"\xff\x51") + 6
    content[place : place + 8] = struct.pack(">II", height, width)
    content[codestream : codestream + 8] = struct.pack(">II", width, height)
    return bytes(content)


def _sized_avif(width, height):
    content = bytearray(image("avif")[1])
    place = content.index(b"ispe") + 8
    content[place : place + 8] = struct.pack(">II", width, height)
    return bytes(content)


SIZED = {
    ".png": _sized_png, ".jpg": _sized_jpeg, ".bmp": _sized_bmp, ".gif": _sized_gif, ".webp": _sized_webp,
    ".tif": _sized_tiff, ".ppm": _sized_ppm, ".jp2": _sized_jp2, ".avif": _sized_avif,
}  # fmt: skip


def scans(size, count, blank=True):
    """A progressive JPEG of size x size pixels whose last scan is there `count` times more: each is decoded."""
    pixels = np.zeros((size, size), np.uint8)
    if not blank:
        pixels[::8, ::8] = 200
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG", progressive=True, quality=50)
    content = stream.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * count + content[-2:]


def _text(kind, size):
    packed = zlib.compress(bytes(size), 9)
    middle = {b"zTXt": b"a\0\0", b"iCCP": b"a\0\0", b"iTXt": b"a\0\1\0\0\0"}[kind]
    return png(36, 28, extra=chunk(kind, middle + packed))


def _ifd_loop(to):
    """A TIFF whose directory is followed by itself, or by a place where none is."""
    content = bytearray(image("tiff")[1])
    first = struct.unpack_from("<I", content, 4)[0]
    after = first + 2 + 12 * struct.unpack_from("<H", content, first)[0]
    content[after : after + 4] = struct.pack("<I", first if to is None else to)
    return bytes(content)


def _many_frames(form, count):
    stream = io.BytesIO()
    frames = [Image.new("P", (8, 8), number % 7) for number in range(count)]
    frames[0].save(stream, format=form, save_all=True, append_images=frames[1:])
    return stream.getvalue()


def _exif(value, place=0):
    """A JPEG whose orientation is `value`, or whose Exif directory begins at `place`."""
    content = bytearray(image("jpeg")[1])
    start = content.index(b"Exif\0\0") + 6
    little = content[start : start + 2] == b"II"
    field = content.index(b"\x12\x01\x03\0" if little else b"\x01\x12\0\x03", start) + 8
    content[field : field + 2] = value.to_bytes(2, "little" if little else "big")
    if place:
        content[start + 4 : start + 8] = place.to_bytes(4, "little" if little else "big")
    return bytes(content)


BOMBS = {
    **{f"scans {size} {count}": (".jpg", lambda size=size, count=count: scans(size, count))
       for size, count in ((1000, 100), (1000, 3000), (2000, 2000), (3000, 1000), (6000, 300), (6000, 900))},
    **{f"noisy scans {size}": (".jpg", lambda size=size: scans(size, 500, blank=False)) for size in (500, 1500)},
    **{f"{kind.decode()} {size}": (".png", lambda kind=kind, size=size: _text(kind, size))
       for kind in (b"zTXt", b"iTXt", b"iCCP") for size in (1 << 20, 1 << 26, 1 << 28)},
    **{f"png of zeros {depth} bits, color {color}":
       (".png", lambda depth=depth, color=color: png(12_000, 12_400, depth=depth, color=color))
       for depth, color in ((1, 0), (8, 0), (8, 2), (8, 3), (8, 6), (16, 0), (8, 4))},
    "png without rows": (".png", lambda: png(12_000, 12_400, rows=3)),
    "interlaced png": (".png", lambda: png(6_000, 6_000, interlaced=1)),
    **{f"tiff directory at {to}": (".tif", lambda to=to: _ifd_loop(to)) for to in (None, 1, 8, 0xFFFFFFFF)},
    **{f"tiff field {tag} = {value}": (".tif", lambda tag=tag, value=value: tagged({tag: value}))
       for tag in (258, 259, 262, 273, 277, 278, 279, 317) for value in (0, 0xFFFF, 0xFFFFFFFF)},
    "gif of 2000 frames": (".gif", lambda: _many_frames("GIF", 2000)),
    "tiff of 1000 pages": (".tif", lambda: _many_frames("TIFF", 1000)),
    **{f"orientation {value}": (".jpg", lambda value=value: _exif(value)) for value in (0, 9, 255, 65535)},
    **{f"exif directory at {place}": (".jpg", lambda place=place: _exif(1, place))
       for place in (4, 0xFFFF, 0xFFFFFFFF)},
}  # fmt: skip
FILES = {
    **{f"{width} x {height}{suffix}": (suffix, lambda sized=sized, size=(width, height): sized(*size))
       for suffix, sized in SIZED.items() for width, height in SIZES},
    **BOMBS,
}  # fmt: skip
