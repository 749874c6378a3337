"""The steps of a run as arrays: what the plan draws, read ahead by other processes, cut into parts.

Nothing here imports MindSpore: the processes that decode pictures import this module.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from mindaam.data import transforms
from mindaam.data.audio.cutting import Cut
from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.loader import Loader
from mindaam.data.prompts.prompting import prompts_for
from mindaam.data.sampling.plan import ImageBatch, SamplerState, draw, make_plan, prompt_choice, steps_in
from mindaam.data.sampling.strata import unusable
from mindaam.errors import InputError
from mindaam.training.feeding.corpus import fingerprint, modality, strata_of
from mindaam.training.feeding.negative_samples import noise_like

PICTURES, CLIPS, HEARD = "pictures", "clips", "heard"  # kinds of steps
ANSWERED, ATTACK = 9, 10  # first words of the random generators, beyond those of `sampling`
WORKERS = 2  # processes that decode


class AudioEncoding(NamedTuple):
    """How a run hears. encode: float32 [n,32000] at 16 kHz -> embeddings [n,A]; cut: the Cut by which these windows are
    cut about a clip's frames; released: whether the fusion takes one embedding a frame, [T,A], rather than [T,K,A]."""

    encode: object
    cut: Cut
    released: bool

    def by_frame(self, audio, windows=None):
        """The embeddings of a ClipAudio as the model takes them, float32 [T,K,A], or [T,A] as released; windows: what
        is encoded in place of the audio's own, such as noise."""
        embedded = audio.by_frame(self.encode(audio.windows if windows is None else windows))
        return np.ascontiguousarray(embedded[:, 0] if self.released else embedded, np.float32)


class Part(NamedTuple):
    """A part of a step. state: the step's place; batch: all that this rank sees in it; kind: of PICTURES, CLIPS, HEARD;
    number: which part it is among those of all ranks; last: whether it is this rank's last. arrays: pictures [B,3,H,W],
    sentences [B,E], truth [B,1,H,W]; of a clip also the frames that are answered [K], for which sentences and truth
    are; of one with sound its embeddings, and which of its frames hear noise instead [T]."""

    state: SamplerState
    batch: object
    kind: str
    number: int
    last: bool
    arrays: tuple


class CorpusSource:
    """The parts of a run's steps, as this rank sees them. Close it after use.

    readers: {name: reader}; config: CorpusConfig; settings: ModelConfig; encode: list of sentences -> [n,E]; hearing:
    Hearing, or None for a run that does not hear; world: (rank, ranks).
    """

    def __init__(self, readers, config, settings, encode, *, audio_encoding=None, world=(0, 1), workers=WORKERS):
        self.readers, self.config, self.settings, self.encode = readers, config, settings, encode
        self.audio_encoding, self.world = audio_encoding, tuple(world)
        strata, self._members = strata_of(readers, config.warm_start)
        self.left_out = [self._told(film) for film in unusable(strata, config.sampling)]
        self.fingerprint = fingerprint(strata)
        self.plan = make_plan(strata, config.sampling, known=catalogue())
        self._pools = {
            (each.set, each.condition): prompts_for(
                config.prompting, each.set, readers[each.set], each.condition, trained=True
            )
            for each in strata
        }
        self._sounding = {name for name, reader in readers.items() if modality(name, reader) == "audio_video"}
        # all sentences now: MindSpore cannot run one graph while another is being compiled
        encode(sorted({sentence for pool in self._pools.values() for sentence in pool}))
        packed = all(reader.is_pack for reader in readers.values())
        ahead = max(8, 2 * config.sampling.batch_size // self.world[1])
        self._loader = Loader(readers, read, workers=workers, ahead=ahead, threads=packed)

    def kinds(self):
        """The kinds of steps that the run has, each with the number of its parts."""
        sampling, ranks = self.config.sampling, self.world[1]
        found = {}
        for stratum in self.plan.strata:
            if stratum.modality == "image":
                found[PICTURES] = sampling.batch_size // ranks // self._part_size(PICTURES)
            else:
                found[self._kind(stratum.set, films=True)] = sampling.clips // ranks
        return found

    def total(self, epochs):
        """Steps of so many epochs."""
        return sum(steps_in(self.plan, epoch) for epoch in range(epochs))

    def parts(self, state, epochs):
        """Yields the Parts of each step from `state` to the end of the last epoch, reading ahead."""
        coming = deque()

        def items():
            for place in self._places(state, epochs):
                coming.append((place, draw(self.plan, *place, *self.world)))
                yield from self._items(coming[-1][1])

        reads = self._loader(items())
        for first in reads:
            place, batch = coming.popleft()
            yield from self._parts(place, batch, first, reads)

    def names(self, batch):
        """The names of a batch's pictures or films."""
        members = self._members[batch.set, batch.condition]
        numbers = batch.entries if isinstance(batch, ImageBatch) else [clip.entry for clip in batch.clips]
        return [self.readers[batch.set].entries[members[number]][0] for number in numbers]

    def close(self):
        """Ends the worker processes."""
        self._loader.close()

    def _kind(self, name, *, films):
        if not films:
            return PICTURES
        return HEARD if self.audio_encoding and name in self._sounding else CLIPS

    def _part_size(self, kind):
        """How many pictures, or clips, a part has."""
        share = self.config.sampling.batch_size // self.world[1]
        return min(self.config.part or share, share) if kind == PICTURES else 1

    def _told(self, film):
        entry = self._members[film.set, film.condition][film.entry]
        return f"{film.set}: {self.readers[film.set].entries[entry][0]}: {film.why}"

    def _places(self, state, epochs):
        while state.epoch < epochs:
            yield state
            state = state.advance(self.plan)

    def _items(self, batch):
        """What the workers are asked for: (set, entry, frames or None, size, resize, mirrored, Cut of sound)."""
        members, size = self._members[batch.set, batch.condition], tuple(self.settings.image_size)
        how = self.settings.resize
        if isinstance(batch, ImageBatch):
            pairs = zip(batch.entries, batch.mirrored, strict=True)
            return [(batch.set, members[entry], None, size, how, flip, None) for entry, flip in pairs]
        cut = self.audio_encoding.cut if self._kind(batch.set, films=True) == HEARD else None
        return [(batch.set, members[clip.entry], clip.frames, size, how, clip.mirrored, cut) for clip in batch.clips]

    def _parts(self, place, batch, first, reads):
        pool = self._pools[batch.set, batch.condition]
        chosen = prompt_choice(self.plan, *place, len(pool), self.config.scored_share, *self.world)
        kind = self._kind(batch.set, films=not isinstance(batch, ImageBatch))
        size = self._part_size(kind)
        count = len(chosen) // size
        for number in range(count):
            read_now = [first if number == place_in == 0 else next(reads) for place_in in range(size)]
            mine = [pool[each] for each in chosen[number * size : (number + 1) * size]]
            whole = self.world[0] * count + number  # what is drawn for a part does not hang on who computes it
            if kind == PICTURES:
                arrays = self._pictures(read_now, mine)
            else:
                arrays = self._clip(place, whole, read_now[0], mine[0])
            yield Part(place, batch, kind, whole, number == count - 1, arrays)

    def _pictures(self, read_now, texts):
        pictures = np.stack([self._normalized(image) for image, _, _ in read_now])
        truth = np.stack([density for _, density, _ in read_now])[:, None]
        return pictures, self.encode(texts), truth

    def _clip(self, place, number, read_now, text):
        images, densities, audio = read_now
        pictures = np.stack([self._normalized(image) for image in images])
        words = (self.plan.config.seed, *place, number)
        count = min(self.config.answered, len(pictures))
        answered = np.sort(np.random.default_rng((ANSWERED, *words)).choice(len(pictures), count, replace=False))
        sentence = np.repeat(self.encode([text]), count, 0)
        arrays = pictures, sentence, np.ascontiguousarray(densities[answered][:, None]), answered.astype(np.int32)
        return arrays if audio is None else (*arrays, *self._heard(words, audio))

    def _heard(self, words, audio):
        """The embeddings of a clip's ClipAudio, and which frames hear noise: all of them or none."""
        draw_now, scale = np.random.default_rng((ATTACK, *words)), np.float32(self.audio_encoding.cut.scale)
        _, epoch, step, _ = words
        attack = self.config.attack
        noisy = attack is not None and draw_now.random() < attack.p.at(self.total(epoch) + step)
        # noise takes the place of the sound itself, which is scaled afterwards
        windows = noise_like(draw_now, audio.windows / scale) * scale if noisy else audio.windows
        return self.audio_encoding.by_frame(audio, windows), np.full(len(audio.of_frame), noisy, np.float32)

    def _normalized(self, image):
        return transforms.normalize(image, self.settings.mean, self.settings.std)


def read(reader, entry, frames, size, how, mirrored, cut):
    """A picture [H,W,3] with its density [H,W], or a clip [T,H,W,3] with its densities [T,H,W], mirrored if asked, and
    the ClipAudio of a clip by a Cut, None without one. A module's function, for processes.

    Raises InputError for what is damaged, and for a film without the sound that is asked for.
    """
    audio = None
    if frames is None:
        image, density = transforms.as_seen(reader.image(entry), size, how), reader.density(entry, size)
    else:
        sample = reader.clip(entry, frames, size, resize=how, audio=cut)
        image, density, audio = sample.image, sample.density, sample.audio
        if cut is not None and audio is None:
            raise InputError(
                f"{reader.root}: {sample.name} of {sample.dataset} has no sound, which the set is trained with; "
                "restore it, or leave the set out of corpus"
            )
    if mirrored:
        image, density = image[..., ::-1, :], density[..., ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(density), audio
