"""The transparency of VP8 and VP9 in WebM and Matroska: a second, gray video beside the packets of the first one.

FFmpeg's own decoders ignore it. Where it cannot be decoded the frame counts as opaque.
"""

import av
import numpy as np

from mindaam.data.videos.decoding.containers import FAULTS

CODECS = ("vp8", "vp9")
SIDE_DATA = "matroska_block_additional"
IDENTITY = (1).to_bytes(8, "big")  # of side data with opacity
WAITING = 64  # most frames between a packet and its image


class AlphaTrack:
    """Decodes the opacity beside a stream's packets, in step with its frames; starts again wherever reading
    does. stream: PyAV's, of `CODECS`."""

    def __init__(self, stream):
        self._decoder = av.CodecContext.create(stream.codec_context.name, "r")
        self._decoder.options = dict(stream.codec_context.options)
        self._found = {}

    def sent(self, packet):
        """Takes the opacity beside a packet that is about to be decoded."""
        if not packet.has_sidedata(SIDE_DATA):
            return
        beside = bytes(packet.get_sidedata(SIDE_DATA))
        if not beside.startswith(IDENTITY):
            return
        try:
            second = av.Packet(beside[len(IDENTITY) :])
            second.pts, second.dts, second.time_base = packet.pts, packet.dts, packet.time_base
            for frame in self._decoder.decode(second):
                self._found[frame.pts] = frame
        except FAULTS:
            return  # the image itself is intact
        while len(self._found) > WAITING:
            self._found.pop(next(iter(self._found)))

    def of(self, frame):
        """The opacity of a decoded frame as PyAV's gray frame of its size, or None."""
        found = self._found.pop(frame.pts, None)
        if found is None or (found.width, found.height) != (frame.width, frame.height):
            return None
        plane = found.planes[0]
        levels = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: found.height, : found.width]
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(levels), format="gray")


def alpha_track(stream):
    """The AlphaTrack of a stream whose file declares one; else None."""
    if stream.codec_context.name in CODECS and stream.metadata.get("alpha_mode") == "1":
        return AlphaTrack(stream)
    return None
