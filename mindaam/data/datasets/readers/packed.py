"""Readers of packs, which `mindaam data pack` writes; they give what the readers of the packed data give."""

from functools import partial

import numpy as np

from mindaam.data import transforms
from mindaam.data.audio.cutting import ClipAudio, shared_windows
from mindaam.data.audio.stored import StoredTrack
from mindaam.data.datasets.readers.sample import Sample, clip_audio_of, prompt_of
from mindaam.data.datasets.set_prompts import SetPrompts
from mindaam.data.packs.pack import Pack


def open_packed(folder):
    """The reader of a pack: PackedImages, or PackedVideos where its records are frames. InputError for a folder without
    a pack."""
    pack = Pack(folder)
    return PackedVideos(pack) if pack.entry(0).frame is not None else PackedImages(pack)


class PackedImages:
    """The images of a pack, as `images.ImageSet` gives those of a folder; all have the size of the pack."""

    is_video, is_pack = False, True

    def __init__(self, pack):
        self.pack, self.root, self.name, self.split = pack, pack.folder, pack.name, pack.split
        self.ground_truth, self.conditions = pack.header.ground_truth, tuple(pack.conditions)
        self.prompts, self.entries = _prompts(pack), pack.entries

    def __len__(self):
        """Number of (image, condition) pairs."""
        return len(self.entries)

    def size(self, index):
        """(height, width) of the packed image."""
        return self.pack.size(index)

    def image(self, index):
        """The image, uint8 RGB [H,W,3]."""
        return self.pack.image(index)

    def density(self, index, size=None):
        """The ground truth, float32 [H,W] that sums to 1; size: (height, width), None for that of the image."""
        return self.pack.density(index, size)

    def fixations(self, index):
        """float32 [n,2] (x, y) in pixels of the packed image, or None where only maps were published."""
        return self.pack.fixations(index)

    def viewers(self, index):
        """None: packs do not keep viewers apart."""


class PackedVideos:
    """The videos of a pack, as `videos.VideoSet` gives those of a folder; all frames have the size of the pack and a
    ground truth."""

    is_video, is_pack = True, True

    def __init__(self, pack):
        self.pack, self.root, self.name, self.split = pack, pack.folder, pack.name, pack.split
        self.ground_truth, self.conditions = pack.header.ground_truth, tuple(pack.conditions)
        self.prompts, self.entries = _prompts(pack), list(dict.fromkeys(pack.entries))
        records = {entry: [] for entry in self.entries}
        for record, entry in enumerate(pack.entries):
            records[entry].append(record)
        self._records = [np.array(records[entry]) for entry in self.entries]

    def __len__(self):
        """Number of (video, condition) pairs."""
        return len(self.entries)

    def frames(self, index):
        """Number of frames of a video."""
        return len(self._records[index])

    def skipped(self, index):
        """0: frames that are not usable were not packed."""
        return 0

    def file_rate(self, index):
        """Frames per second of the video file; in packs without it, of the packed frames."""
        records = self._records[index]
        packed = self.pack.header.rates.get(self.entries[index][0])
        return packed or _rate(self.pack.entry(records[0]), self.pack.entry(records[-1]))

    def size(self, index):
        """(height, width) of the packed frames."""
        return self.pack.header.size

    def labelled(self, index):
        """bool [n], all true: a frame without a ground truth was packed with that of the nearest frame."""
        return np.ones(self.frames(index), bool)

    def has_audio(self, index):
        """Whether the audio of a video was packed."""
        return self.pack.audio_rate(self.entries[index][0]) is not None

    def fixations(self, index, position):
        """float32 [n,2] (x, y) in pixels of the packed frame, n >= 0; None where only maps were published."""
        return self.pack.fixations(self._records[index][position])

    def viewers(self, index, position):
        """None: packs do not keep viewers apart."""

    def density(self, index, position, size=None):
        """The ground truth of one frame, float32 [H,W] that sums to 1; size: (height, width), None for its own."""
        return self.pack.density(self._records[index][position], size)

    def clip(self, index, positions, size=None, *, resize="area", audio=None):
        """The Sample of some frames, as `videos.VideoSet.clip` gives it."""
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
            audio=clip_audio_of(self, index, times, audio) if audio and self.has_audio(index) else None,
        )

    def times(self, index):
        """The seconds at which a video's frames are shown, float64 [n]."""
        return np.array([self.pack.entry(record).time for record in self._records[index]])

    def embedded_audio(self, index, times, cut):
        """The ClipAudio of frames shown at `times`, with the pack's embeddings in place of windows; cut: the Cut that
        they were made with. InputError for windows that were not embedded."""
        positions, of_frame = shared_windows(cut, times, self.file_rate(index))
        return ClipAudio(None, of_frame, self.pack.embeddings.of(self.entries[index][0], positions))

    def stream(self, index, positions=None):
        """Yields Frames at the size of the pack: those of the rising `positions`, None for all."""
        from mindaam.data.videos.picks import Frame

        wanted = range(self.frames(index)) if positions is None else positions
        for record in self._records[index][list(wanted)].tolist():
            yield Frame(self.pack.image(record), self.pack.entry(record).time)

    def audio_track(self, index, rate=None):
        """The StoredTrack of a video's audio at `rate` samples per second, None for the packed one."""
        name, _ = self.entries[index]
        length = self.pack.audio_length(name)  # InputError for a video without audio
        return StoredTrack(partial(self.pack.audio, name), length, self.pack.audio_rate(name), rate)


def _rate(first, last):
    """Frames per second from two Entries of a video; 25 for a single frame."""
    return (last.frame - first.frame) / (last.time - first.time) if last.time > first.time else 25.0


def _prompts(pack):
    return SetPrompts(pack.name, pack.header.sentences, pack.header.held_out)
