"""Small images of twelve kinds, before anything is done to them."""

import io
from functools import cache

import numpy as np
from PIL import Image

# kind: (suffix, Pillow's mode, Pillow's options)
KINDS = {
    "jpeg": (".jpg", "RGB", {"format": "JPEG", "quality": 80}),
    "progressive jpeg": (".jpg", "CMYK", {"format": "JPEG", "progressive": True}),
    "png": (".png", "RGBA", {"format": "PNG"}),
    "palette png": (".png", "P", {"format": "PNG", "transparency": 3}),
    "16-bit png": (".png", "I;16", {"format": "PNG"}),
    "webp": (".webp", "RGBA", {"format": "WEBP", "quality": 60}),
    "bmp": (".bmp", "RGB", {"format": "BMP"}),
    "gif": (".gif", "P", {"format": "GIF"}),
    "tiff": (".tif", "RGB", {"format": "TIFF", "compression": "tiff_lzw"}),
    "ppm": (".ppm", "RGB", {"format": "PPM"}),
    "avif": (".avif", "RGB", {"format": "AVIF", "quality": 60}),
    "jpeg 2000": (".jp2", "RGB", {"format": "JPEG2000"}),
}
NAMES = tuple(KINDS)


@cache
def image(kind, size=(28, 36)):
    """(suffix, bytes) of an image of that kind; size: (height, width) in pixels. JPEGs and WebPs have an orientation,
    GIFs and WebPs two frames."""
    suffix, mode, options = KINDS[kind]
    options = dict(options)
    if options["format"] in ("JPEG", "WEBP"):
        exif = Image.Exif()
        exif[0x0112] = 6
        options["exif"] = exif
    if options["format"] in ("GIF", "WEBP"):
        options |= {"save_all": True, "append_images": [_picture(mode, size, 1)]}
    stream = io.BytesIO()
    _picture(mode, size, 0).save(stream, **options)
    return suffix, stream.getvalue()


def _picture(mode, size, seed):
    """Smooth colours with some noise, so that all of a coder is used."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(seed).integers(0, 40, (height, width, 3))
    colors = np.stack([rows * 5, columns * 5, rows + columns], -1) % 210 + noise
    picture = Image.fromarray(colors.astype(np.uint8))
    if mode == "I;16":
        return Image.fromarray(colors[..., 0].astype(np.uint16) * 257)
    if mode == "RGBA":
        picture.putalpha(Image.fromarray((colors[..., 1]).astype(np.uint8)))
        return picture
    return picture.convert(mode)
