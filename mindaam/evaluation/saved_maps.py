"""Maps that another tool saved, as a MapSource: files in a folder that are found by the names of images and videos."""

from collections import Counter
from itertools import islice
from pathlib import Path, PurePosixPath

from mindaam.data.datasets.tree import FOLDER, Tree
from mindaam.data.map_files import OF_FRAMES, OF_IMAGES, OF_VIDEOS, count_maps, read_map, video_maps
from mindaam.data.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from mindaam.errors import InputError
from mindaam.files import lies_in, listed

GENERIC = ("images", "frames", "video", "videos")  # names of folders that name no video
SHOWN, EXAMPLES = 3, 4  # datasets and suffixes in messages


class SavedMaps:
    """The maps in a folder, of any size and scale; prompts do not change them.

    The map of an image is [DATASET/][CONDITION/]STEM and a suffix of `map_files.OF_IMAGES`, that of a video one of
    `OF_VIDEOS`, or a folder STEM of numbered frames; of several the first in these lists counts. STEM is the name
    without its suffix, with the folders it lies in or without them where that is unique. Files directly in the folder
    are of one dataset. `mindaam predict` writes such folders.
    """

    def __init__(self, folder):
        """Raises InputError unless the folder exists and can be listed."""
        self.folder, self._tree = Path(folder), Tree(folder)
        self.name = f"maps in {self.folder.name or self.folder}"
        self._shared, self._owners = {}, {}
        if not self.folder.is_dir():
            raise InputError(f"{folder} is not a folder of maps; check the path")
        if not self._tree.listing("") and self._tree.problems:
            raise InputError(f"{folder}: {self._tree.problems[0].reason}")

    def require(self, readers):
        """InputError, with what was looked for, unless an image or video of one of the readers has a map."""
        if any(self._place(reader, index) for reader in readers for index in range(len(reader))):
            return
        reader = readers[0]
        sets, stems = [each.name for each in readers], list(self._stems(reader, 0))
        raise InputError(
            f"{self.folder} has no map of any image or video of {listed(sets, SHOWN)}; the map of "
            f"{reader.entries[0][0]}, for example, is {' or '.join(stems)} with a suffix such as "
            f"{', '.join(_suffixes(reader)[:EXAMPLES])}"
        )

    def image_maps(self, reader, index, prompts):
        """As of MapSource: one map for all prompts. InputError where it does not exist, or is damaged."""
        return [read_map(self._found(reader, index))] * len(prompts)

    def video_maps(self, reader, index, prompts):
        """As of MapSource: one map of each frame for all prompts.

        Frames that the dataset skips at the start of a video may have maps or not. InputError where no maps exist, for
        damage, and for another number of maps than frames.
        """
        path, frames, skipped = self._found(reader, index), reader.frames(index), reader.skipped(index)
        first = skipped if skipped and count_maps(path) == skipped + frames else 0
        count = 0
        for count, values in enumerate(islice(video_maps(path), first, None), 1):
            if count <= frames:
                yield [values] * len(prompts)
        if count != frames:
            name = reader.entries[index][0]
            raise InputError(f"{path} has {first + count} map(s), but {name} has {frames} frames; save one of each")

    def described(self):
        """As of MapSource: the folder."""
        return {"model": None, "maps": str(self.folder)}

    def notes(self, name):
        """As of MapSource: none."""
        return []

    def _found(self, reader, index):
        """The path of the map or maps of an entry; InputError where none exist, and where they may be another's."""
        place, entry = self._place(reader, index), reader.entries[index][0]
        if place is None:
            stem = next(self._stems(reader, index))
            raise InputError(f"{self.folder} has no map of {entry}, such as {stem}{_suffixes(reader)[0]}; add it")
        path = self._tree.path(place)
        inside = [path / name for name in self._tree.listing(place)]  # frames
        if not all(lies_in(each, self.folder) for each in (path, *inside)):
            raise InputError(f"{path} leads out of the folder of maps by a link; copy the files there")
        owner = self._owners.setdefault(place, (reader.name, entry))
        if owner != (reader.name, entry):
            raise InputError(
                f"{path} would be the map of {owner[1]} of {owner[0]} and of {entry} of {reader.name}; put the maps of "
                "each dataset into a folder with its name"
            )
        return path

    def _place(self, reader, index):
        """The path under the folder of the map or maps of an entry, None where none exist."""
        for stem in self._stems(reader, index):
            folder, _, start = stem.rpartition("/")
            listing = self._tree.listing(folder)
            for suffix in _suffixes(reader):
                for name in (start + suffix, start + suffix.upper()):
                    if listing.get(name, FOLDER) != FOLDER:
                        return f"{folder}/{name}" if folder else name
            if reader.is_video and any(each.lower().endswith(OF_FRAMES) for each in self._tree.listing(stem)):
                return stem
        return None

    def _stems(self, reader, index):
        """Yields the paths without suffixes at which maps of an entry may lie, the preferred first."""
        name, condition = reader.entries[index]
        for folder in (f"{reader.name}/{condition}/", f"{reader.name}/", f"{condition}/", ""):
            for tail in self._tails(reader, name):
                yield folder + tail

    def _tails(self, reader, name):
        """The ends of a name, the longest first, that belong to no other image or video of the reader; then the name
        with its suffix."""
        if reader not in self._shared:
            names = {each for each, _ in reader.entries}
            self._shared[reader] = Counter(tail for each in names for tail in _ends(each))
        return [*(tail for tail in _ends(name) if self._shared[reader][tail] == 1), name]


def _ends(name):
    """The ends of a name at its folders, the longest first, without the suffix of a file; those of the folders alone
    too, where the last one names no video."""
    suffix = PurePosixPath(name).suffix
    parts = name.removesuffix(suffix if suffix.lower() in IMAGE_SUFFIXES + VIDEO_SUFFIXES else "").split("/")
    ends = _tails_of(parts)
    if len(parts) > 1 and parts[-1].lower() in GENERIC:
        ends = [*ends[:-1], *_tails_of(parts[:-1])]
    return ends


def _tails_of(parts):
    return ["/".join(parts[first:]) for first in range(len(parts))]


def _suffixes(reader):
    return OF_VIDEOS if reader.is_video else OF_IMAGES
