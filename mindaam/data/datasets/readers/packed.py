"""Packs as data sets: readers of what `mindaam data pack` wrote, like those of the folders that it was made from."""

from functools import partial

import numpy as np

from mindaam.data import transforms
from mindaam.data.audio.cutting import clip_audio, track_rate
from mindaam.data.audio.stored import StoredTrack
from mindaam.data.datasets.readers.sample import Sample, prompt_of
from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.data.packs.shards import Pack


def open_packed(folder):
    """The reader of a pack: PackedImages, or PackedVideos where its records are frames. InputError for no pack."""
    pack = Pack(folder)
    return PackedVideos(pack) if pack.entry(0).frame is not None else PackedImages(pack)


class PackedImages:
    """The pictures of a pack, as `pictures.ImageSet` gives those of a folder; all have the pack's size."""

    is_video, is_pack = False, True

    def __init__(self, pack):
        self.pack, self.root, self.name, self.split = pack, pack.folder, pack.name, pack.split
        self.ground_truth, self.conditions = pack.header.ground_truth, tuple(pack.conditions)
        self.prompts, self.entries = _texts(pack), pack.entries

    def __len__(self):
        """Number of (picture, condition) pairs."""
        return len(self.entries)

    def size(self, index):
        """(height, width) of the packed picture."""
        return self.pack.size(index)

    def image(self, index):
        """The picture, uint8 RGB [H,W,3]."""
        return self.pack.image(index)

    def density(self, index, size=None):
        """Where people looked, float32 [H,W] that sums to 1; size: (height, width), None for the picture's."""
        return self.pack.density(index, size)

    def fixations(self, index):
        """float32 [n,2] (x, y) in pixels of the packed picture, or None where only maps were published."""
        return self.pack.fixations(index)


class PackedVideos:
    """The films of a pack, as `films.VideoSet` gives those of a folder; all frames have the pack's size and a truth."""

    is_video, is_pack = True, True

    def __init__(self, pack):
        self.pack, self.root, self.name, self.split = pack, pack.folder, pack.name, pack.split
        self.ground_truth, self.conditions = pack.header.ground_truth, tuple(pack.conditions)
        self.prompts, self.entries = _texts(pack), list(dict.fromkeys(pack.entries))
        records = {entry: [] for entry in self.entries}
        for record, entry in enumerate(pack.entries):
            records[entry].append(record)
        self._records = [np.array(records[entry]) for entry in self.entries]

    def __len__(self):
        """Number of (film, condition) pairs."""
        return len(self.entries)

    def frames(self, index):
        """Number of a film's frames."""
        return len(self._records[index])

    def rate(self, index):
        """Frames a second of a film; 25 of a single frame."""
        first, last = self.pack.entry(self._records[index][0]), self.pack.entry(self._records[index][-1])
        return (last.frame - first.frame) / (last.time - first.time) if last.time > first.time else 25.0

    def file_rate(self, index):
        """Frames a second as the film's own file said; `rate` in packs that do not have it."""
        return self.pack.header.rates.get(self.entries[index][0]) or self.rate(index)

    def size(self, index):
        """(height, width) of the packed frames."""
        return self.pack.header.size

    def labelled(self, index):
        """bool [n], all true: a frame without a truth of its own was packed with its nearest neighbour's."""
        return np.ones(self.frames(index), bool)

    def has_audio(self, index):
        """Whether a film's sound was packed."""
        return self.pack.sound_rate(self.entries[index][0]) is not None

    def fixations(self, index, position):
        """float32 [n,2] (x, y) in pixels of the packed frame, n >= 0; None where only maps were published."""
        return self.pack.fixations(self._records[index][position])

    def density(self, index, position, size=None):
        """Where people looked in one frame, float32 [H,W] that sums to 1; size: (height, width), None for its own."""
        return self.pack.density(self._records[index][position], size)

    def clip(self, index, positions, size=None, *, resize="area", audio=None):
        """The Sample of some frames, as `films.VideoSet.clip` gives it."""
        name, condition = self.entries[index]
        records, stored = self._records[index][list(positions)].tolist(), self.size(index)
        target = tuple(size or stored)
        fixations = [self.pack.fixations(record) for record in records]
        known = fixations[0] is not None
        times = np.array([self.pack.entry(record).time for record in records])
        return Sample(
            image=np.stack([transforms.as_seen(self.pack.image(record), target, resize) for record in records]),
            density=np.stack([self.pack.density(record, target) for record in records]),
            fixations=tuple(transforms.scale_fixations(each, stored, target) for each in fixations) if known else None,
            prompt=prompt_of(self, index),
            condition=condition,
            dataset=self.name,
            name=name,
            times=times,
            audio=self._audio(index, times, audio) if audio and self.has_audio(index) else None,
        )

    def _audio(self, index, times, cut):
        """The ClipAudio of frames shown at `times`."""
        name, _ = self.entries[index]
        read, own_rate = partial(self.pack.sound, name), self.pack.sound_rate(name)
        track = StoredTrack(read, self.pack.sound_length(name), own_rate, track_rate(cut))
        return clip_audio(track, cut, times, self.file_rate(index))


def _texts(pack):
    return SetPrompts(pack.name, pack.header.sentences, pack.header.held_out)
