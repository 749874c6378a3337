"""Times at which frames are shown, for containers that hold only the times at which they are decoded.

AVI and ASF give each packet one time, in the order of decoding. A decoder gives frames in the order in which they are
shown. The frame shown n-th is therefore shown at the n-th decoding time, counted over the packets that give a frame:
where decoding times are even, frame i is shown at i / rate. What FFmpeg guesses of such files is wrong for packed
B-frames (DivX, Xvid) and for H.264.
"""

from heapq import heappop, heappush

import av

KINDS = ("avi", "asf")  # FFmpeg's names of containers without times of presentation


class ShownInTurn:
    """Gives decoded frames their times; starts anew wherever reading starts."""

    def __init__(self):
        self._waiting, self._latest = [], None

    def sent(self, packet):
        """Notes a packet that goes to the decoder, which must copy its `opaque` to the frame."""
        packet.opaque = packet.dts
        if packet.dts is not None:
            heappush(self._waiting, packet.dts)

    def lost(self, packet):
        """Notes that a packet gave an error and no frame."""
        if packet.dts in self._waiting:
            self._waiting = sorted(set(self._waiting) - {packet.dts})

    def show(self, frame):
        """Sets a decoded frame's `pts`, None if there are more frames than packets."""
        own = frame.opaque
        if own is not None:
            is_b = frame.pict_type == av.video.frame.PictureType.B
            if not is_b and (self._latest is None or own > self._latest):
                while self._waiting and self._waiting[0] < own:  # of packets that mean: as before
                    heappop(self._waiting)
            self._latest = own if self._latest is None else max(own, self._latest)
        frame.pts = heappop(self._waiting) if self._waiting else None
