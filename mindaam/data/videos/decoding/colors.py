"""A decoded frame of a video as the image that a player shows: upright, with square pixels, 8 bits of sRGB, transparent
parts composited on white."""

import numpy as np

from mindaam.data.images.tone_mapping import TRANSFERS, tone_mapped

MAX_FRAME_PIXELS = 8192 * 8192  # 200 MB as RGB
MAX_STRETCH = 4  # non-square pixels beyond 4:1 are an error of the file
UNSPECIFIED = 2  # FFmpeg's number of unspecified colors; from HD_LINES on they are those of high definition
MATRICES = (0, 1, UNSPECIFIED, *range(4, 18))  # all that exist
HD_LINES, HD_COLORS, HDR_COLORS = 720, "ITU709", "BT2020"
WHITE = 255
UNSURE_ALPHA = ("bgra", "rgba", "argb", "abgr")  # 32 bits per pixel, of which some programs leave the last 8 at 0


def shown_size(frame, aspect):
    """(H, W) of the upright image of a frame (PyAV's). aspect: width of a pixel over its height; pixels that are not
    square become square by widening, as players do."""
    width, height = frame.width, frame.height
    if 1 / MAX_STRETCH <= aspect <= MAX_STRETCH and width * height * max(aspect, 1) <= MAX_FRAME_PIXELS:
        width = max(1, round(width * aspect))
    return (width, height) if _turns(frame) % 2 else (height, width)


def upright_rgb(frame, size, alpha=None):
    """uint8 RGB [H, W, 3] of a frame (PyAV's), upright. size: its (H, W). alpha: its opacity where another frame holds
    that, as gray of the stored size. Frames in PQ or HLG are tone-mapped, transparent ones composited on white. Raises
    FFmpegError when it cannot be made."""
    if frame.colorspace not in MATRICES:  # damage, which FFmpeg cannot convert
        frame.colorspace = UNSPECIFIED
    turns = _turns(frame)
    height, width = size[::-1] if turns % 2 else size
    image = _hdr(frame, width, height) if TRANSFERS.get(frame.color_trc) else _sdr(frame, width, height)
    image = _on_white(image, _opacity(frame, alpha, width, height))
    return np.ascontiguousarray(np.rot90(image, turns))


def dynamic_range(context):
    """ "PQ" or "HLG", by the codec context of a stream of which a frame was decoded; None for all other videos."""
    return TRANSFERS.get(context.color_trc)


def _sdr(frame, width, height):
    is_hd = max(frame.height, frame.width * 9 // 16) >= HD_LINES
    colors = HD_COLORS if is_hd and frame.colorspace == UNSPECIFIED else None
    return frame.reformat(width=width, height=height, format="rgb24", src_colorspace=colors).to_ndarray()


def _hdr(frame, width, height):
    colors = HDR_COLORS if frame.colorspace == UNSPECIFIED else None
    codes = frame.reformat(width=width, height=height, format="rgb48le", src_colorspace=colors).to_ndarray()
    return tone_mapped(codes, TRANSFERS[frame.color_trc], frame.color_primaries)


def _opacity(frame, alpha, width, height):
    """uint8 [height, width], or None for a frame that is opaque."""
    if alpha is not None:
        return alpha.reformat(width=width, height=height).to_ndarray()
    pixels = frame.format
    if not (pixels.name == "pal8" or any(component.is_alpha for component in pixels.components)):
        return None
    rgba = frame.reformat(width=width, height=height, format="rgba").to_ndarray()
    opacity = rgba[..., 3]
    if pixels.name in UNSURE_ALPHA and not opacity.any() and np.ptp(rgba[..., :3].reshape(-1, 3), axis=0).any():
        return None  # it would hide the whole image
    return opacity


def _on_white(image, opacity):
    if opacity is None or opacity.min() == WHITE:
        return image
    weight = opacity[..., None].astype(np.uint16)
    return ((image * weight + WHITE * (WHITE - weight) + 127) // WHITE).astype(np.uint8)


def _turns(frame):
    """Quarter turns to the left that make a frame upright."""
    return round(frame.rotation / 90) % 4
