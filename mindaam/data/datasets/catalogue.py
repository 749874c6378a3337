"""What is known about the published datasets, as validated data; `sets/*.yaml` are its values. Eighteen of them are the
corpus of the AAM paper.

A set has one record: who published it, what it shows, its license, how many files it should have, how large a degree is
on its screen, and in which layouts it is found. A layout is patterns: paths under the set's folder in which `{field}`
stands for part of one name, `{frame:05}` for a frame's number and `{ext}` for the suffix of an image.
"""

from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field, model_validator

from mindaam import yaml_files
from mindaam.errors import unknown
from mindaam.schema import Schema, validate

MODALITIES = ("image", "video", "audio_video")
LEVELS = ("low", "mid", "high")


class Licence(Schema):
    """name: of the license. redistribution: what may be passed on. source: where this is documented."""

    name: str
    redistribution: str
    source: str


class Viewing(Schema):
    """How the set was recorded. px_per_degree: pixels a degree of visual angle has on an image `width` pixels wide
    (None: as wide as each image is stored), or None where nobody says, and then an image is taken to be 30 degrees
    wide. screen: (width, height) in pixels of the screen in whose middle each image was shown as large as fits, where
    images differ in size: px_per_degree is the screen's then. source: where the figures are documented, or what they
    were worked out from."""

    viewers: int | None = None
    seconds: float | None = None
    px_per_degree: float | None = Field(default=None, gt=0)
    width: int | None = Field(default=None, gt=0)
    screen: tuple[int, int] | None = None
    source: str


class Published(Schema):
    """Counts that the set should have. stimuli: images or videos by split, and in all; frames: of all videos. table:
    of the paper, which gives the total that is compared, None for a dataset that the paper does not use; distributed:
    how many the publisher really gives out, where that is another number; source: of the counts by split."""

    table: int | None = None
    total: int
    by_split: dict[str, int] = {}
    frames: int | None = None
    distributed: int | None = None
    source: str = ""


class Fixations(Schema):
    """form: a name in `picture_forms` or `film_forms`; path: its file's pattern; also: further patterns of files for
    whole videos, for videos of which `path` has none; options: keywords of its reader. of_screen: the form gives
    fractions of the screen of `Viewing`, not pixels of the image."""

    form: str
    path: str
    also: list[str] = []
    options: dict = {}
    of_screen: bool = False


class Splits(Schema):
    """Which stimuli are in which split.

    by: "field" (the value of the stimulus's `field` is looked up in `values`: {split: [values]}), "number" (the field
    is a number in `ranges`: {split: [first, last]}), "list" (files that list names, `lists`: {split: pattern}, the name
    in the comma- or space-separated `column`, compared with `key` of the stimulus), "names" (`values`: {split: [names]}
    compared with `key`, all others are train), "share" (no official split: `val` of all by a hash of the name), "all"
    (everything is train), "json" (the JSON object in `file` lists names, with or without suffix, under the name of a
    part, and `values` has the parts of each split: {split: [parts]}; a part is opened by its own name too). index: of
    lists in MATLAB files, "file:variable" of the names that they count by number (`matlab_lists`). together: of
    "share", groups of keys that show nearly the same and must not part. official: whether the publisher made the split.
    unlabelled: splits without gaze. source: where the split is documented."""

    by: Literal["field", "number", "list", "names", "share", "all", "json"]
    field: str = "split"
    values: dict[str, list[str]] = {}
    ranges: dict[str, tuple[int, int]] = {}
    lists: dict[str, str] = {}
    column: int = 0
    index: str | None = None
    file: str | None = None
    key: str = "{stem}"
    val: float = Field(default=0.2, gt=0, lt=1)
    together: list[list[str]] = []
    official: bool = True
    unlabelled: list[str] = []
    source: str

    def whole(self, part):
        """The split that a part belongs to; of another rule's split itself."""
        if self.by != "json":
            return part
        return next((split for split, parts in self.values.items() if part in parts), None)


class Layout(Schema):
    """One way in which the set's files lie.

    documented: where this layout is described. tried: "real" when somebody has read the real set with it, "described"
    when it was taken from a description or another reader's source. named: the folder must bear one of the set's
    `folders` names; False where the patterns name the set themselves. stimuli: patterns of images; frames: pattern of
    the images of videos (with {frame}); `films`: patterns of video files, the first that has a video is taken: just
    one of the three. maps: patterns of published density maps, the first that exists is taken; those of videos without
    {frame} are videos whose frame k is the map of frame k; fixations: where they are and in which form. sound: pattern
    of an audio file beside frames. rate: frames a second of `frames`, where the files that `rates` names do not say.
    skip_frames: at a video's beginning, which have no useful gaze. first_frame: number of the first map of a video
    file. `mends`: errors of the released code that it fixes. ground_truth: what densities are made of by default
    in this layout, where it is not the record's, as when its images were squeezed and degrees mean nothing in them.
    counted: what published counts count, filled in with the fields, where videos are stored in pieces (None: each
    video).
    """

    name: str
    documented: str
    tried: Literal["real", "described"] = "described"
    named: bool = True
    stimuli: list[str] = []
    frames: str | None = None
    films: list[str] = []
    maps: list[str] = []
    fixations: Fixations | None = None
    sound: str | None = None
    rate: float = Field(default=25.0, gt=0)
    rates: str | None = None
    skip_frames: int = Field(default=0, ge=0)
    first_frame: int = Field(default=1, ge=0)
    counted: str | None = None
    splits: Splits
    mends: list[str] = []
    ground_truth: Literal["fixations", "maps"] | None = None

    @model_validator(mode="after")
    def _one_kind(self):
        if sum(map(bool, (self.stimuli, self.frames, self.films))) != 1:
            raise ValueError(f"layout {self.name}: give one of `stimuli`, `frames` and `films`")
        if not self.maps and self.fixations is None:
            raise ValueError(f"layout {self.name} has neither maps nor fixations")
        return self


class Record(Schema):
    """One dataset.

    key: its name here; folders: names under which its folder is known, without regard to case; scene: as in the
    statistics of the corpus; level: of Table 11; condition: the viewing condition's name; ground_truth: which of
    "fixations" and "maps" its densities are made of by default.
    """

    key: str
    title: str
    paper: str
    home: str
    folders: list[str]
    modality: Literal["image", "video", "audio_video"]
    scene: str
    level: Literal["low", "mid", "high"]
    task: str
    condition: str
    ground_truth: Literal["fixations", "maps"] = "fixations"
    published: Published
    licence: Licence
    viewing: Viewing
    notes: list[str] = []
    layouts: list[Layout] = Field(min_length=1)


@cache
def catalogue():
    """{key: Record} of all sets: images, then videos, then videos with sound."""
    places = sorted(
        (place for place in files(__package__).joinpath("sets").iterdir() if place.name.endswith(".yaml")),
        key=lambda place: place.name,
    )
    records = [validate(Record, yaml_files.parse(place.read_bytes(), place.name), place.name) for place in places]
    records.sort(key=lambda record: MODALITIES.index(record.modality))
    return {record.key: record for record in records}


def record(key):
    """The Record of a set; ConfigError for an unknown name."""
    if key not in catalogue():
        raise unknown("dataset", key, catalogue())
    return catalogue()[key]
