"""The frames of one video of a dataset, which is a folder of images or a video file."""

from mindaam.data import media
from mindaam.errors import InputError


def shape_of(tree, layout, video):
    """((height, width), frames per second) of a video: of its file, or of its first frame and `Video.rate`.

    tree: Tree; layout: Layout; video: Video. InputError when the file is missing or damaged.
    """
    if layout.frames:
        return media.image_size(frame_path(tree, layout, video, 0)), video.rate
    from mindaam.data.videos.reading import video_info

    info = video_info(tree.path(video.path))
    return (info.height, info.width), info.rate


def read_frames(tree, layout, video, positions, shape):
    """Yields (position, uint8 RGB [H,W,3], seconds since the start of the video) once for each of some positions, in
    order.

    shape: as of `shape_of`; InputError for a frame that is missing, damaged or of another size.
    """
    (size, rate), positions = shape, sorted(set(positions))
    read = _from_images if layout.frames else _from_file
    if positions:
        yield from read(tree, layout, video, positions, size, rate)


def frame_path(tree, layout, video, position):
    """The image file of a frame; InputError when it does not exist."""
    number = int(video.numbers[position])
    path = tree.first([layout.frames], {**video.fields, "frame": number})
    if path is None:
        raise InputError(f"{tree.path(video.path)}: frame {number} no longer exists; restore it")
    return tree.path(path)


def _from_images(tree, layout, video, positions, size, _rate):
    for position in positions:
        path = frame_path(tree, layout, video, position)
        image = media.read_image(path)
        if image.shape[:2] != size:
            raise InputError(
                f"{path}: the frame is {image.shape[1]}x{image.shape[0]} but the first frame of the video is "
                f"{size[1]}x{size[0]}; restore the original frames"
            )
        yield position, image, (int(video.numbers[position]) - video.start) / video.rate


def _from_file(tree, _layout, video, positions, size, rate):
    """Frames with the decoder's times, as in prediction."""
    from mindaam.data.videos.numbered import frames_by_rate, numbered_frames

    path, numbers = tree.path(video.path), [int(video.numbers[position]) for position in positions]
    if video.timeline is None:
        found = frames_by_rate(path, rate, numbers, size)
    else:
        found = numbered_frames(path, video.timeline, numbers, size)
    for position, (_, frame) in zip(positions, found, strict=True):
        yield position, *frame
