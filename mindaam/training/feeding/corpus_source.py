"""The steps of a run as arrays: what the plan draws, read ahead by other processes, divided into parts.

Nothing here imports MindSpore: the processes that decode images import this module.
"""

import os
from collections import deque
from typing import NamedTuple

import numpy as np

from mindaam.data import transforms
from mindaam.data.audio.cutting import Cut
from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.loader import Loader
from mindaam.data.packs.embeddings import HEADER as EMBEDDED
from mindaam.data.packs.embeddings import EncodedBy
from mindaam.data.prompts.prompting import prompts_for
from mindaam.data.sampling.plan import ImageBatch, draw, make_plan, prompt_choice, steps_in
from mindaam.data.sampling.strata import unusable
from mindaam.errors import InputError
from mindaam.files import first_of
from mindaam.runtime import RANKS_HERE
from mindaam.training.feeding.corpus import fingerprint, modality, strata_of
from mindaam.training.feeding.negative_samples import noise_like
from mindaam.training.tasks.task import Part

IMAGES, CLIPS, CLIPS_WITH_AUDIO = "pictures", "clips", "heard"  # kinds of steps, as metrics.csv and events name them
ANSWERED, ATTACK = 9, 10  # first words of the random generators, beyond those of `sampling`
MOST_WORKERS = 16  # that `loader_workers` chooses


def loader_workers():
    """Processes, or threads, that decode for one rank where the configuration names no number: one per core of the
    rank, up to MOST_WORKERS, and 2 or more. The launcher sets how many ranks share this machine; on a CPU each already
    has only its own cores."""
    ranks = int(os.environ.get(RANKS_HERE, 1))
    return min(MOST_WORKERS, max(2, len(os.sched_getaffinity(0)) // ranks))


class AudioEncoding(NamedTuple):
    """How a run encodes audio. encode: float32 [n,32000] at 16 kHz -> embeddings [n,A]; cut: the Cut by which these
    windows are cut about a clip's frames; released: whether the fusion takes one embedding per frame, [T,A], rather
    than [T,K,A]. encoded_by: its EncodedBy, None where a window's embedding depends on the clip's other windows: only
    embeddings of this one are taken from packs."""

    encode: object
    cut: Cut
    released: bool
    encoded_by: EncodedBy | None = None

    def by_frame(self, audio, windows=None):
        """The embeddings of a ClipAudio as the model takes them, float32 [T,K,A], or [T,A] as released; windows: what
        is encoded in place of the audio's own, such as noise."""
        values = audio.embeddings if windows is None else None
        if values is None:
            values = self.encode(audio.windows if windows is None else windows)
        embedded = audio.by_frame(values)
        return np.ascontiguousarray(embedded[:, 0] if self.released else embedded, np.float32)


class CorpusSource:
    """The Parts of a run's steps, as this rank takes them. Close it after use.

    readers: {name: reader}; config: CorpusConfig; settings: ModelConfig; encode: list of prompts -> [n,E];
    audio_encoding: AudioEncoding, or None for a run without audio; world: (rank, ranks); workers: processes that
    decode, or threads where all readers are packs, None for `loader_workers`. InputError for a pack with audio
    embeddings of another encoder.

    The arrays of a Part are images [B,3,H,W], prompts [B,E], densities [B,1,H,W]; of a clip also the frames that are
    decoded [K], with their prompts and densities; of one with audio its embeddings, which of its frames have noise
    instead [T], and the weight [] of the gate there.
    """

    def __init__(self, readers, config, settings, encode, *, audio_encoding=None, world=(0, 1), workers=None):
        self.readers, self.config, self.settings, self.encode = readers, config, settings, encode
        self.audio_encoding, self.world = audio_encoding, tuple(world)
        strata, self._members = strata_of(readers, config.warm_start)
        self.left_out = [self._unused(video) for video in unusable(strata, config.sampling)]
        self.fingerprint = fingerprint(strata)
        self.plan = make_plan(strata, config.sampling, known=catalogue())
        self._pools = {
            (each.set, each.condition): prompts_for(
                config.prompting, each.set, readers[each.set], each.condition, trained=True
            )
            for each in strata
        }
        self._with_audio = {name for name, reader in readers.items() if modality(name, reader) == "audio_video"}
        self._embedded = {name for name in self._with_audio if has_embeddings(readers[name], audio_encoding)}
        # all prompts now: MindSpore cannot run one graph while another is being compiled
        encode(sorted({prompt for pool in self._pools.values() for prompt in pool}))
        packed = all(reader.is_pack for reader in readers.values())
        ahead = max(8, 2 * config.sampling.batch_size // self.world[1])
        workers = loader_workers() if workers is None else workers
        self._loader = Loader(readers, read, workers=workers, ahead=max(ahead, workers), threads=packed)

    def kinds(self):
        """The kinds of steps that the run has, each with the number of its parts."""
        sampling, ranks = self.config.sampling, self.world[1]
        found = {}
        for stratum in self.plan.strata:
            if stratum.modality == "image":
                found[IMAGES] = sampling.batch_size // ranks // self._part_size(IMAGES)
            else:
                found[self._kind(stratum.set, video=True)] = sampling.clips // ranks
        return found

    def total(self, epochs):
        """Steps of so many epochs."""
        return sum(steps_in(self.plan, epoch) for epoch in range(epochs))

    def parts(self, first, epochs):
        """Yields the Parts of each step from the place `first` to the end of the last epoch, reading ahead."""
        coming = deque()

        def items():
            for place in self._places(first, epochs):
                coming.append((place, draw(self.plan, *place, *self.world)))
                yield from self._items(*coming[-1])

        reads = self._loader(items())
        for first in reads:
            place, batch = coming.popleft()
            yield from self._parts(place, batch, first, reads)

    def close(self):
        """Ends the worker processes."""
        self._loader.close()

    def _names(self, batch):
        """The names of a batch's images or videos."""
        members = self._members[batch.set, batch.condition]
        numbers = batch.entries if isinstance(batch, ImageBatch) else [clip.entry for clip in batch.clips]
        return tuple(self.readers[batch.set].entries[members[number]][0] for number in numbers)

    def _kind(self, name, *, video):
        if not video:
            return IMAGES
        return CLIPS_WITH_AUDIO if self.audio_encoding and name in self._with_audio else CLIPS

    def _part_size(self, kind):
        """Number of images, or of clips, of a part."""
        share = self.config.sampling.batch_size // self.world[1]
        return min(self.config.part or share, share) if kind == IMAGES else 1

    def _unused(self, video):
        entry = self._members[video.set, video.condition][video.entry]
        return f"{video.set}: {self.readers[video.set].entries[entry][0]}: {video.why}"

    def _places(self, place, epochs):
        while place.epoch < epochs:
            yield place
            place = place.advance(self.plan)

    def _items(self, place, batch):
        """The arguments of `read`, one tuple per image or clip."""
        members, size = self._members[batch.set, batch.condition], tuple(self.settings.image_size)
        how = self.settings.resize
        if isinstance(batch, ImageBatch):
            pairs = zip(batch.entries, batch.mirrored, strict=True)
            return [(batch.set, members[entry], None, size, how, flip, None) for entry, flip in pairs]
        cut = self.audio_encoding.cut if self._kind(batch.set, video=True) == CLIPS_WITH_AUDIO else None
        items, first = [], self.world[0] * len(batch.clips)
        for number, clip in enumerate(batch.clips, first):
            # noise takes the level of the audio itself, which is then read
            embedded = batch.set in self._embedded and not self._attack(place, number)[0]
            what = members[clip.entry], clip.frames, size, how, clip.mirrored, cut, embedded
            items.append((batch.set, *what))
        return items

    def _parts(self, place, batch, first, reads):
        pool = self._pools[batch.set, batch.condition]
        chosen = prompt_choice(self.plan, *place, len(pool), self.config.scored_share, *self.world)
        kind = self._kind(batch.set, video=not isinstance(batch, ImageBatch))
        size, names = self._part_size(kind), self._names(batch)
        count = len(chosen) // size
        for number in range(count):
            read_now = [first if number == place_in == 0 else next(reads) for place_in in range(size)]
            mine = [pool[each] for each in chosen[number * size : (number + 1) * size]]
            whole = self.world[0] * count + number  # what is drawn for a part does not depend on the rank
            arrays = self._images(read_now, mine) if kind == IMAGES else self._clip(place, whole, read_now[0], mine[0])
            labels, samples = {"set": batch.set, "kind": kind}, count * len(arrays[0])
            yield Part(place, kind, whole, number == count - 1, arrays, labels, samples, names)

    def _images(self, read_now, texts):
        images = np.stack([self._normalized(image) for image, _, _ in read_now])
        densities = np.stack([density for _, density, _ in read_now])[:, None]
        return images, self.encode(texts), densities

    def _clip(self, place, number, read_now, text):
        images, densities, audio = read_now
        frames = np.stack([self._normalized(image) for image in images])
        words = (self.plan.config.seed, *place, number)
        count = min(self.config.answered, len(frames))
        answered = np.sort(np.random.default_rng((ANSWERED, *words)).choice(len(frames), count, replace=False))
        prompt = np.repeat(self.encode([text]), count, 0)
        arrays = frames, prompt, np.ascontiguousarray(densities[answered][:, None]), answered.astype(np.int32)
        return arrays if audio is None else (*arrays, *self._audio(place, number, audio))

    def _attack(self, place, number):
        """(whether a clip has noise instead of its audio, the generator of that noise)."""
        draw_now, attack = np.random.default_rng((ATTACK, self.plan.config.seed, *place, number)), self.config.attack
        return attack is not None and draw_now.random() < attack.p.at(self._done(place)), draw_now

    def _done(self, place):
        """Steps before the place."""
        return self.total(place.epoch) + place.step

    def _audio(self, place, number, audio):
        """The embeddings of a clip's ClipAudio, which frames have noise instead (all of them or none), and the weight
        of the gate under it."""
        noisy, draw_now = self._attack(place, number)
        windows = None
        if noisy:  # noise replaces the audio itself, which is scaled afterwards
            scale = np.float32(self.audio_encoding.cut.scale)
            windows = noise_like(draw_now, audio.windows / scale) * scale
        attack, attacked = self.config.attack, np.full(len(audio.of_frame), noisy, np.float32)
        weight = np.array(0.0 if attack is None else attack.weight.at(self._done(place)), np.float32)
        return self.audio_encoding.by_frame(audio, windows), attacked, weight

    def _normalized(self, image):
        return transforms.normalize(image, self.settings.mean, self.settings.std)


def has_embeddings(reader, audio_encoding):
    """Whether a reader's audio is embedded already as an AudioEncoding would. InputError for a pack whose embeddings
    were made otherwise."""
    stored = reader.pack.embeddings if reader.is_pack and audio_encoding is not None else None
    if stored is None or audio_encoding.encoded_by is None:
        return False
    theirs, ours = stored.encoded_by.model_dump(), audio_encoding.encoded_by.model_dump()
    differing = [f"{key} {theirs[key]} rather than {ours[key]}" for key in ours if theirs[key] != ours[key]]
    if differing:
        raise InputError(
            f"{reader.root} has embeddings of its audio that were made with {first_of(differing)}; make them again for "
            f"this configuration with `mindaam data embed`, or remove {reader.root / EMBEDDED}"
        )
    return True


def read(reader, entry, frames, size, how, mirrored, cut, embedded=False):
    """An image [H,W,3] with its density [H,W], or a clip [T,H,W,3] with its densities [T,H,W], and the ClipAudio of a
    clip, None without `cut`. A module's function, for processes.

    frames: of the clip, None for an image; how: to resize to `size`; mirrored: whether images and densities are; cut:
    Cut of the audio, or None; embedded: take the pack's embeddings of the audio instead of cutting windows. Raises
    InputError for what is damaged, and for a video without the audio of `cut`.
    """
    audio = None
    if frames is None:
        image, density = transforms.as_seen(reader.image(entry), size, how), reader.density(entry, size)
    else:
        sample = reader.clip(entry, frames, size, resize=how, audio=None if embedded else cut)
        image, density, audio = sample.image, sample.density, sample.audio
        if embedded:
            audio = reader.embedded_audio(entry, sample.times, cut)
        if cut is not None and audio is None:
            raise InputError(
                f"{reader.root}: {sample.name} of {sample.dataset} has no audio, which the dataset is trained with; "
                "restore it, or remove the dataset from corpus"
            )
    if mirrored:
        image, density = image[..., ::-1, :], density[..., ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(density), audio
