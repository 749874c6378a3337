"""The contract of readers: what ImageSet, VideoSet, GazeFolder, PackedImages and PackedVideos give.

Whoever holds a reader asks `is_video` and `is_pack` which of the protocols it fits:

| | images | videos |
|---|---|---|
| a dataset or gaze folder | ImageSource | VideoSource |
| a pack | ImageReader | VideoReader |
"""

from pathlib import Path
from typing import Protocol

from mindaam.data.datasets.set_prompts import SetPrompts


class Reader(Protocol):
    """What all readers have.

    name, split: of the dataset or gaze folder; root: its folder, or the pack's. entries: [(name of the image or video,
    condition)], one for each index. conditions: names, in order. prompts: those of each condition. ground_truth:
    what densities are made of, for reports. is_video: entries are videos, not images. is_pack: it reads a pack.
    """

    name: str
    split: str
    root: Path
    entries: list
    conditions: tuple
    prompts: SetPrompts
    ground_truth: str
    is_video: bool
    is_pack: bool

    def __len__(self):
        """Number of entries."""

    def size(self, index):
        """(height, width) of an image, or of a video's frames, as stored."""


class ImageReader(Reader, Protocol):
    """A reader of images."""

    def image(self, index):
        """uint8 RGB [H,W,3]."""

    def density(self, index, size=None):
        """float32 [H,W] that sums to 1, at `size` (height, width) or that of the image."""

    def fixations(self, index):
        """float32 [n,2] (x, y) in pixels of the image, those inside it; None where only maps exist."""

    def viewers(self, index):
        """int [n], whose each of the `fixations` is, by numbers of the viewers of the image; None where the source does
        not keep viewers apart."""


class VideoReader(Reader, Protocol):
    """A reader of videos. Frames are counted by their position, from 0 for the first usable one."""

    def frames(self, index):
        """Number of usable frames."""

    def skipped(self, index):
        """Number of frames of the video file before the first usable one."""

    def file_rate(self, index):
        """Frames per second of the video file, by which prediction counts its frames."""

    def labelled(self, index):
        """bool [frames]: which frames have a ground truth of their own."""

    def has_audio(self, index):
        """Whether the video has audio."""

    def fixations(self, index, position):
        """float32 [n,2] (x, y) in pixels of one frame, those inside it, n >= 0; None where only maps exist."""

    def viewers(self, index, position):
        """int [n], whose each of the `fixations` is, by numbers of the viewers of the video; None where the source does
        not keep viewers apart."""

    def density(self, index, position, size=None):
        """float32 [H,W] of one frame that sums to 1; a frame without a ground truth has that of the nearest one."""

    def clip(self, index, positions, size=None, *, resize="area", audio=None):
        """The Sample of some frames; audio: an `audio.cutting.Cut`, None for a clip without audio."""

    def stream(self, index, positions=None):
        """Yields `data.videos` Frames at their stored size, in one pass: those of the rising `positions`, None for all
        usable ones. One is in memory at a time. InputError for a damaged video."""

    def audio_track(self, index, rate=None):
        """The audio as `audio.cutting.cut_window` reads it, at `rate` samples per second, None for its own; the caller
        closes it. InputError for a video without audio."""


class Source(Reader, Protocol):
    """What a reader of original files has beside, which packing and the checks use.

    truth: GroundTruth; source: "fixations" or "maps", what densities are made of; layout_name: how the files lie.
    """

    truth: object
    source: str
    layout_name: str

    def only(self, names):
        """The same reader with just the images or videos of these names."""

    def sigma(self, index):
        """The standard deviation of the blur of a fixation, in pixels of the stored image or frame."""


class ImageSource(ImageReader, Source, Protocol):
    """A reader of image files."""

    def image_path(self, index):
        """The image's file."""

    def map_path(self, index):
        """The file of the published map."""

    def check_image(self, index):
        """InputError, from the header alone, for an image that is missing, damaged or of another size."""

    def recorded(self, index):
        """Fixations as the source has them, float32 [n,2], also those outside; None where only maps exist."""


class VideoSource(VideoReader, Source, Protocol):
    """A reader of video files or folders of frames; beyond: number of fixations before the first frame of their video
    or after its last."""

    beyond: int

    def audio_path(self, index):
        """The file that holds a video's audio."""

    def recorded(self, index, position):
        """Fixations of one frame as the source has them, float32 [n,2], also those outside; None where only maps
        exist."""
