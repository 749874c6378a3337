"""Times at which frames are shown, for containers that hold only the times at which they are decoded.

AVI and ASF give each packet one time, in the order of decoding. A decoder gives frames in the order in which they are
shown. The frame shown n-th is therefore shown at the n-th decoding time, counted over the packets that give a frame:
where decoding times are even, frame i is shown at i / rate. FFmpeg's guess for such files is wrong for packed
B-frames (DivX, Xvid) and for H.264.
"""

from heapq import heappop, heappush
from itertools import islice, pairwise

import av

from mindaam.data.videos.decoding.containers import packets

KINDS = ("avi", "asf")  # FFmpeg's names of containers without times of presentation
# Containers that have them, but wrong ones in files that were copied from an AVI packet by packet.
AMISS = ("mov", "matroska", "flv", "mxf")
LOOKED_AT = 16  # packets with rising times, after which that is possible
DECODED = 32  # packets within which the decoder reveals it
AS_IN_AVI = ("mpeg4", "h264", "vc1", "wmv3", "mpeg2video")  # codecs that Matroska may hold as AVI does, by a tag


def lacks_times(kind, context):
    """Whether a container (FFmpeg's name) has times of decoding only for the video of a codec context (PyAV's)."""
    tagged = kind == "matroska" and context.name in AS_IN_AVI and context.codec_tag.strip("\0")
    return kind in KINDS or bool(tagged)


def may_be_amiss(ahead):
    """Whether the times of a video's first packets rise as they are decoded, which they do not beside B-frames."""
    times = [packet.pts for packet in ahead if packet.size]
    return len(times) > 2 and None not in times and all(one < two for one, two in pairwise(times))


def is_amiss(container, index):
    """Whether the first frames of a video (the stream's index in a container that was just opened) are shown in
    another order than the times of their packets are in. Raises one of FAULTS for damage."""
    stream, latest = container.streams[index], None
    stream.codec_context.copy_opaque = True
    for packet in islice(packets(container, stream), DECODED):
        packet.opaque = packet.pts
        for frame in packet.decode():
            if latest is not None and frame.opaque is not None and frame.opaque < latest:
                return True
            latest = frame.opaque
    return False


class ShownInTurn:
    """Gives decoded frames their times; starts again wherever reading starts. name: of the packets' times, "dts", or
    "pts" where these are wrong."""

    def __init__(self, name="dts"):
        self._waiting, self._latest, self.name = [], None, name

    def sent(self, packet):
        """Notes a packet that goes to the decoder, which must copy its `opaque` to the frame."""
        packet.opaque = getattr(packet, self.name)
        if packet.opaque is not None:
            heappush(self._waiting, packet.opaque)

    def lost(self, packet):
        """Notes that a packet gave an error and no frame."""
        self._waiting = sorted(set(self._waiting) - {packet.opaque})

    def show(self, frame):
        """Sets a decoded frame's `pts`, None if there are more frames than packets."""
        own = frame.opaque
        if own is not None:
            is_b = frame.pict_type == av.video.frame.PictureType.B
            if not is_b and (self._latest is None or own > self._latest):
                while self._waiting and self._waiting[0] < own:  # of packets without an image of their own
                    heappop(self._waiting)
            self._latest = own if self._latest is None else max(own, self._latest)
        frame.pts = heappop(self._waiting) if self._waiting else None
