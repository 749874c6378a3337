"""What pack.json lists: where the records of a pack come from, how they were made, and the other files of the pack."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from mindaam.data.listed import CONTROL, read_object, shown
from mindaam.data.media import MAX_PIXELS
from mindaam.errors import ConfigError, InputError
from mindaam.schema import Schema, validate

VERSION = 2
READ = (1, 2)  # versions that can be read; in the first one audio was WAV
AGAIN = "copy it again, or pack the dataset again"


class Header(Schema):
    """The content of a pack.

    dataset, layout, split: its source; size: (height, width) of its images and densities; resize: the resizing method,
    of `transforms.RESIZING`; source: "fixations" or "maps", what densities are made of, with sigma_degrees, the blur in
    degrees of visual angle (None for maps); ground_truth: the same in words; quality: of the JPEGs, 1..100. rates:
    frames per second of videos with audio, from their files, by name; packs of earlier versions have none. sentences,
    held_out: prompts of the dataset's own, as `set_prompts.SetPrompts` has them.
    """

    dataset: str
    layout: str
    split: str
    size: tuple[Annotated[int, Field(ge=1, le=MAX_PIXELS)], Annotated[int, Field(ge=1, le=MAX_PIXELS)]]
    source: Literal["fixations", "maps"]
    sigma_degrees: float | None = Field(default=None, gt=0, le=10)
    ground_truth: str = ""
    resize: str = "area"
    quality: int = Field(default=92, ge=1, le=100)
    rates: dict[str, Annotated[float, Field(gt=0, lt=1e6)]] = {}
    sentences: dict[str, list[str]] = {}
    held_out: dict[str, str] = {}

    @field_validator("size")
    @classmethod
    def _fits_memory(cls, size):
        if size[0] * size[1] > MAX_PIXELS:
            raise ValueError(f"an image has at most {MAX_PIXELS // 1_000_000} million pixels")
        return size

    @field_validator("dataset", "layout", "split")
    @classmethod
    def _can_be_shown(cls, name):
        if CONTROL.search(name):
            raise ValueError("a name has no control characters")
        return name


class File(Schema):
    """A file of a pack: its length, its SHA-256 in hexadecimal, and how many records it contains or lists."""

    bytes: int
    sha256: str
    records: int


class Contents(Schema):
    """pack.json."""

    version: int
    header: Header
    index: File
    shards: list[File]


def read_contents(path):
    """The Contents of a pack.json; InputError when it does not exist, or is damaged or of an unknown version."""
    try:
        data = read_object(path)
    except FileNotFoundError:
        raise InputError(
            f"{path.parent} is not a pack: it has no pack.json; check the path, and pack again if packing was "
            "interrupted"
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}); {AGAIN}") from error
    version = data.get("version")
    if version not in READ:
        raise InputError(
            f"{path} has version {shown(version)} and this MindAAM reads {READ[0]} to {READ[-1]}; pack the dataset "
            "again"
        )
    try:
        return validate(Contents, data, path)
    except ConfigError as error:
        raise InputError(f"{CONTROL.sub('?', str(error))}; {AGAIN}") from error
