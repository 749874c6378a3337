"""Interlaced video made progressive, one frame for each."""

import av


def progressive(frames):
    """Frames (PyAV's) without interlacing: from the first interlaced one on, all pass through FFmpeg's yadif."""
    graph, shape = None, None
    for frame in frames:
        if graph is None and not frame.interlaced_frame:
            yield frame
            continue
        if shape != (frame.width, frame.height, frame.format.name):
            if graph is not None:
                yield from _drained(graph)
            graph, shape = _yadif(frame), (frame.width, frame.height, frame.format.name)
        graph.push(frame)
        yield from _ready(graph)
    if graph is not None:
        yield from _drained(graph)


def _yadif(frame):
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("yadif", "deint=interlaced"), graph.add("buffersink")).configure()
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
