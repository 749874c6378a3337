"""A decoded frame of a video as the image that a player shows: upright, with square pixels, 8 bits RGB."""

import numpy as np

MAX_FRAME_PIXELS = 8192 * 8192  # 200 MB as RGB
MAX_STRETCH = 4  # non-square pixels beyond 4:1 are an error of the file
UNTOLD = 2  # FFmpeg's number of colours that a film does not name; from HD_LINES on they are those of high definition
HD_LINES, HD_COLOURS = 720, "ITU709"


def shown_size(frame, aspect):
    """(H, W) of the upright image of a frame (PyAV's). aspect: width of a pixel over its height; pixels that are not
    square are made so by widening, as players do."""
    width, height = frame.width, frame.height
    if 1 / MAX_STRETCH <= aspect <= MAX_STRETCH and width * height * max(aspect, 1) <= MAX_FRAME_PIXELS:
        width = max(1, round(width * aspect))
    return (width, height) if _turns(frame) % 2 else (height, width)


def upright_rgb(frame, size):
    """uint8 RGB [H, W, 3] of a frame (PyAV's), upright. size: its (H, W). Raises FFmpegError when it cannot be made."""
    turns = _turns(frame)
    height, width = size[::-1] if turns % 2 else size
    is_hd = max(frame.height, frame.width * 9 // 16) >= HD_LINES
    colours = HD_COLOURS if is_hd and frame.colorspace == UNTOLD else None
    image = frame.reformat(width=width, height=height, format="rgb24", src_colorspace=colours).to_ndarray()
    return np.ascontiguousarray(np.rot90(image, turns))


def _turns(frame):
    """Quarter turns to the left that make a frame upright."""
    return round(frame.rotation / 90) % 4
