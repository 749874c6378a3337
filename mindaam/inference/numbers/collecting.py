"""Collects the numbers of many images and videos, and the images of their report, while they are predicted."""

from typing import NamedTuple

from mindaam.data import media
from mindaam.data.images import pdf
from mindaam.data.transforms import resize_image
from mindaam.errors import InputError
from mindaam.files import write_text
from mindaam.inference.numbers import panels
from mindaam.inference.numbers.records import FrameNumbers, of_image
from mindaam.inference.numbers.regions import areas, overlaps
from mindaam.inference.numbers.tables import curves_text
from mindaam.inference.results import SUFFIXES_OF_VIDEOS

CURVES = ".curves.csv"  # of a video: the shares of its regions over time
MOST = 20_000_000  # bytes of the images of one report; further sources have numbers only


class Section(NamedTuple):
    """What a report shows of one source under some prompts, or of two designs under one prompt (by_input).

    title: name of the source, or the prompt. records: one per column. images: [(kind, number of the column, JPEG)],
    kind "image", "map" or "difference" from the first column. moved: for each column after the first, the share of
    attention that is elsewhere than in the first; empty for designs of different sizes. numbers: the FrameNumbers of a
    video, one per prompt, else empty.
    """

    title: str
    records: list
    images: list
    moved: list
    numbers: list
    by_input: bool = False


class Collector:
    """regions: a list of Regions; conditions: the name of each prompt's condition or None; with_images: for a report.

    records: the Records so far; sections: of the report; notes: sentences on the regions, each once."""

    def __init__(self, regions=(), conditions=(None,), with_images=False):
        self.regions, self.conditions, self.with_images = list(regions), list(conditions), with_images
        self.records, self.sections, self.notes = [], [], []
        self._areas, self._budget = {}, MOST

    def check(self, source, is_video):
        """Raises InputError for regions that do not fit an image or video. Only its header is read; a source that
        cannot be read passes, since its prediction reports it."""
        if not self.regions:
            return
        try:
            size = _video_size(source) if is_video else _image_size(source)
        except InputError:
            return
        self._areas_of(source, size)

    def add_image(self, jobs, image, predictions):
        """Adds an image uint8 RGB [H, W, 3], its Jobs and their Predictions."""
        source, found = jobs[0].source, self._areas_of(jobs[0].source, image.shape[:2])
        records = [
            of_image(source, prediction, found, self.conditions[job.number], job.targets)
            for job, prediction in zip(jobs, predictions, strict=True)
        ]
        self._add(source.name, records, image, [each.density for each in predictions], found)

    def frames(self, jobs, size):
        """A VideoCollector for a video with frames of `size` (H, W) and its Jobs."""
        return VideoCollector(jobs, self._areas_of(jobs[0].source, size))

    def add_video(self, video, prompts):
        """Adds a VideoCollector with at least one frame; prompts: of its Jobs. With regions the curves are written
        beside the results; OutputError when that is impossible."""
        records = [
            numbers.record(job.source, prompt, self.conditions[job.number], job.targets)
            for job, prompt, numbers in zip(video.jobs, prompts, video.numbers, strict=True)
        ]
        means = [resize_image(each.mean(), video.frame.shape[:2]) for each in video.numbers]
        means = [mean / mean.sum() for mean in means]
        if self.regions:
            for job, each in zip(video.jobs, video.numbers, strict=True):
                write_text(_beside(job, CURVES), curves_text(each))
        self._add(video.jobs[0].source.name, records, video.frame, means, video.areas, video.numbers)

    def _add(self, title, records, image, densities, found, numbers=()):
        self.records += records
        if not self.with_images:
            return
        images = _images(image, records, densities, found)
        size = sum(len(data) for *_, data in images)
        if size > self._budget:
            images = []
        self._budget -= size if images else 0
        moved = [panels.moved(densities[0], each) for each in densities[1:]]
        self.sections.append(Section(title, records, images, moved, list(numbers)))

    def _areas_of(self, source, size):
        key = tuple(size)
        if key not in self._areas:
            found = areas(self.regions, key, str(source))
            note = overlaps(found)
            if note and note not in self.notes:
                self.notes.append(note)
            self._areas = {key: found}  # of the last size only: many images may have as many sizes
        return self._areas[key]


class VideoCollector:
    """Collects the frames of one video. frame: one from the second half of those so far, at most `panels.SIDE` pixels a
    side, None before the first."""

    def __init__(self, jobs, found):
        self.jobs, self.areas = jobs, found
        self.numbers, self.frame = [FrameNumbers(found) for _ in jobs], None

    def add(self, frame, predictions):
        """Adds a Frame and its Predictions, one per Job."""
        for numbers, prediction in zip(self.numbers, predictions, strict=True):
            numbers.add(frame.time, prediction.density)
        count = len(self.numbers[0].times)
        if count & (count - 1) == 0:  # a power of two, whose last one is in the second half
            self.frame = panels.reduced(frame.image)


def _images(image, records, densities, found):
    """The images of a Section: the image with its regions, a map per prompt, the differences from the first."""
    size = records[0].size
    made = [("image", 0, panels.outlined(image, found, size))]
    for number, (density, record) in enumerate(zip(densities, records, strict=True)):
        made.append(("map", number, panels.mapped(image, density, record.points, size)))
    for number, density in enumerate(densities[1:], 1):
        made.append(("difference", number, panels.difference(image, densities[0], density)))
    return [(kind, number, panels.jpeg(each)) for kind, number, each in made]


def _beside(job, end):
    """The path of a Job's result whose name ends with `end`."""
    kind, target = next(iter(job.targets.items()))
    return target.with_name(target.name.removesuffix(SUFFIXES_OF_VIDEOS[kind]) + end)


def _image_size(source):
    """(H, W) of an image, or of a page of a PDF document, which is read for it."""
    return media.read_image(source).shape[:2] if pdf.page_of(source) else media.image_size(source)


def _video_size(source):
    from mindaam.data.videos.reading import video_info

    info = video_info(source)
    return info.height, info.width
