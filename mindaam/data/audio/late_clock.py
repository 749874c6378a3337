"""Recorders that set their clock back when a stream joins: by how much, so that audio and frames agree."""

from mindaam.data.videos.decoding.containers import FAULTS, LATE, kind, packets

AHEAD = 64  # packets from the stream's first on among which the others' show the new clock too
RESET = 0.5  # seconds back that show a restarted clock


def set_back(container, stream):
    """Seconds by which a video's clock was set back until the packets of one of its streams begin; 0.0 for nearly all.

    container: just opened; its packets are used up, unless its format has no streams that begin late.
    """
    ends, started, total, seen = {}, None, 0.0, 0  # ends: of the other streams, the latest time and step
    reading = packets(container)
    while kind(container) in LATE and seen < AHEAD:
        try:
            packet = next(reading, None)
        except FAULTS:  # its reader records that
            return total
        if packet is None:
            return total
        seen += started is not None
        if packet.dts is None or not packet.time_base:
            continue
        time = float(packet.dts * packet.time_base)
        if packet.stream.index == stream.index:
            started = time if started is None else started
            continue
        last, step = ends.get(packet.stream.index, (time, 0.0))
        if time < last - RESET and (started is None or abs(started - time) < abs(started - last)):
            total += last + step - time  # the new clock's first packet follows the last one
        else:
            step = max(0.0, time - last)
        ends[packet.stream.index] = time, step
    return total
