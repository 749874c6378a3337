"""Interlaced video made progressive, one frame for each."""

import av

from mindaam.data.videos.decoding.containers import FAULTS


def progressive(frames):
    """Frames (PyAV's) without interlacing: from the first interlaced one on, all pass through FFmpeg's yadif. One comes
    for each, at its time; where FFmpeg cannot do it, the frame as it is."""
    woven, graph, shape = False, None, None
    for frame in frames:
        woven = woven or frame.interlaced_frame
        if not woven:
            yield frame
            continue
        if shape != (frame.width, frame.height, frame.format.name):
            if graph is not None:
                yield from _drained(graph)
            graph, shape = _yadif(frame), (frame.width, frame.height, frame.format.name)
        if graph is None:
            yield frame
            continue
        graph.push(frame)
        yield from _ready(graph)
    if graph is not None:
        yield from _drained(graph)


def _yadif(frame):
    """A graph for frames of this size and kind, None where FFmpeg cannot make one."""
    graph = av.filter.Graph()
    try:
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        graph.link_nodes(source, graph.add("yadif", "deint=interlaced"), graph.add("buffersink")).configure()
    except FAULTS:
        return None
    return graph


def _ready(graph):
    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return


def _drained(graph):
    graph.push(None)
    yield from _ready(graph)
