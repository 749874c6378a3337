"""What a run on the corpus reads: the readers of all its data sets, the plan of its steps, and the steps' arrays.

Nothing here imports MindSpore: the processes that decode pictures import this module.
"""

import hashlib
from collections import deque
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mindaam.data import transforms
from mindaam.data.checks.probing import damaged
from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.datasets.corpus import find_sets, open_found, open_gaze, problems_in
from mindaam.data.datasets.gaze_files import SPLITS, read_json
from mindaam.data.datasets.packed import open_packed
from mindaam.data.loader import Loader
from mindaam.data.prompts import corpus as corpus_prompts
from mindaam.data.sampling import PictureBatch, SamplerState, draw, make_plan, sentence_choice, steps_in
from mindaam.data.strata import Stratum, unusable
from mindaam.errors import InputError, nearest

WORKERS = 2  # processes that decode
VALIDATION = ("val", "test")  # the first of these splits that has gaze is a set's validation split


class Corpus(NamedTuple):
    """The readers of a run: train and val by the sets' names; skipped: lines that say what was left out and why."""

    train: dict
    val: dict
    skipped: list


def open_corpus(root, names, unseen, truth, *, skip_damaged=False, report=None):
    """The Corpus under a folder: packs (`NAME.SPLIT/pack.json`), gaze folders and data sets of the catalogue.

    names: the sets wanted, None for all that are there; unseen: sets that are never trained on; truth: GroundTruth.
    report: called as report(done, in all) while everything is looked at. Raises InputError when a wanted set is not
    there, when none is, and for damage unless `skip_damaged`.
    """
    root, train, val, skipped = Path(root), {}, {}, []
    for name, readers, problems in _readers(root, names, unseen, truth, skip_damaged):
        if "train" in readers:
            train[name] = readers["train"]
        held = next((readers[split] for split in VALIDATION if split in readers), None)
        if held is not None:
            val[name] = held
        skipped += [f"{name}: {problem.path}: {problem.reason}" for problem in problems]
    missing = [name for name in names or () if name not in train]
    if missing:
        hint = "" if missing[0] in catalogue() else nearest(missing[0], [*catalogue(), *train])
        raise InputError(
            f"{root} does not hold {missing[0]}{hint}; see `mindaam data check {root}`, or leave it out of corpus"
        )
    if not train:
        raise InputError(f"{root} holds no pack, gaze folder or data set to train on; see `mindaam data check {root}`")
    return _probed(Corpus(train, val, skipped), skip_damaged, report)


def _probed(corpus, skip_damaged, report):
    """The Corpus without what cannot be read; InputError that names the first of it, unless it may be skipped."""
    kept, skipped = {"train": dict(corpus.train), "val": dict(corpus.val)}, list(corpus.skipped)
    for part, readers in kept.items():
        for name, reasons in damaged(readers, report=report).items():
            if not skip_damaged:
                more = f" ({len(reasons) - 1} more in {name})" if len(reasons) > 1 else ""
                raise InputError(f"{next(iter(reasons.values()))}{more}; --skip-damaged leaves out what is damaged")
            skipped += [f"{name}: {why}" for why in reasons.values()]
            left = {entry for entry, _ in readers[name].entries} - set(reasons)
            if not left:
                raise InputError(f"nothing of {name} can be used: {next(iter(reasons.values()))}")
            kept[part][name] = readers[name].only(left)
    return Corpus(kept["train"], kept["val"], skipped)


def _readers(root, names, unseen, truth, skip_damaged):
    """Yields (name, {split: reader}, Problems) of what is trained or scored on, or left out."""

    def wanted(name):
        return name not in unseen and (names is None or name in names)

    done = set()
    for place in sorted(root.glob("*.train/pack.json")):
        name = place.parent.name.removesuffix(".train")
        if wanted(name):
            done.add(name)
            splits = [split for split in ("train", *VALIDATION) if (root / f"{name}.{split}" / "pack.json").is_file()]
            yield name, {split: open_packed(root / f"{name}.{split}") for split in splits}, []
    for place in sorted(root.glob("*/meta.json")):
        name = place.parent.name
        if wanted(name) and name not in done:
            done.add(name)
            there = [split for split in ("train", *VALIDATION) if split in read_json(place.parent, SPLITS)]
            if "train" in there:
                yield name, {split: open_gaze(place.parent, split, truth) for split in there}, []
    keys = [key for key in catalogue() if wanted(key) and key not in done]
    for found in find_sets(root, keys) if keys else ():
        readers, problems = {}, []
        for split in ("train", *VALIDATION):
            if found.labelled(split):
                readers[split] = open_found(found, split, truth, skip_damaged=skip_damaged)
                problems += problems_in(found, split)
        if not found.stimuli and found.problems:  # a list of its split is gone, say
            if not skip_damaged:
                raise InputError(f"{found.problems[0].reason}; --skip-damaged leaves {found.record.key} out")
            problems = found.problems
        if readers or problems:
            yield found.record.key, readers, list(dict.fromkeys(problems))


def modality(name, reader):
    """ "image", "video" or "audio_video", as its record says; of gaze folders and packs, as what they hold says."""
    if name in catalogue():
        return catalogue()[name].modality
    if not hasattr(reader, "clip"):
        return "image"
    return "audio_video" if all(map(reader.has_sound, range(len(reader)))) else "video"


def sentences(name, reader, condition, granularity):
    """The sentences that a set's condition is trained with, the scored one first: the corpus's for its sets."""
    if name in corpus_prompts.sets():
        return corpus_prompts.pool(name, granularity)
    return reader.sentences(condition)


def strata_of(readers):
    """(strata, members): what the plan draws from, and the numbers in `reader.entries` of each stratum's members, by
    (name, condition). readers: {name: reader}."""
    strata, members = [], {}
    for name, reader in readers.items():
        kind = modality(name, reader)
        for condition in reader.conditions:
            mine = [number for number, entry in enumerate(reader.entries) if entry[1] == condition]
            if not mine:
                continue
            members[name, condition] = mine
            films = kind != "image"
            count = tuple(reader.frames(number) for number in mine) if films else len(mine)
            labelled = tuple(reader.labelled(number) for number in mine) if films else None
            strata.append(Stratum(name, kind, condition, count, labelled))
    return strata, members


def described(corpus, left_out):
    """What a run is trained and scored on, as plain data for data.json."""

    def each(readers):
        return {
            name: {
                "modality": modality(name, reader),
                "split": reader.split,
                "count": len(reader),
                "frames": sum(map(reader.frames, range(len(reader)))) if hasattr(reader, "frames") else None,
                "folder": str(reader.root),
                "ground_truth": reader.ground_truth,
                "licence": catalogue()[name].licence.name if name in catalogue() else None,
            }
            for name, reader in readers.items()
        }

    return {"train": each(corpus.train), "held_out": each(corpus.val), "left_out": left_out}


def fingerprint(strata):
    """A few letters that change when what is drawn from changes: sets, conditions, or how many there are of them."""
    parts = [(each.set, each.condition, each.members, each.weight, each.joins) for each in sorted(strata)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


class Step(NamedTuple):
    """One step: where it is, what it draws, and its arrays: pictures [B,3,H,W], sentences [B,E], truth [B,1,H,W], and
    of a clip the numbers of the frames that are answered [K], for which sentences and truth are."""

    state: SamplerState
    batch: object
    arrays: tuple


class CorpusSource:
    """The steps of a run as arrays. Close it after use.

    readers: {name: reader}; config: CorpusConfig; settings: ModelConfig; encode: list of sentences -> [n,E].
    """

    def __init__(self, readers, config, settings, encode, workers=WORKERS):
        self.readers, self.config, self.settings, self.encode = readers, config, settings, encode
        strata, self._members = strata_of(readers)
        self.left_out = [self._told(film) for film in unusable(strata, config.sampling)]
        self.fingerprint = fingerprint(strata)
        self.plan = make_plan(strata, config.sampling, known=catalogue())
        self._pools = {
            (each.set, each.condition): sentences(each.set, readers[each.set], each.condition, config.granularity)
            for each in strata
        }
        # all sentences now: MindSpore cannot run one graph while another is being compiled
        encode(sorted({sentence for pool in self._pools.values() for sentence in pool}))
        packed = all(hasattr(reader, "pack") for reader in readers.values())
        ahead = max(8, 2 * config.sampling.batch_size)
        self._loader = Loader(readers, read, workers=workers, ahead=ahead, threads=packed)

    def total(self, epochs):
        """Steps of so many epochs."""
        return sum(steps_in(self.plan, epoch) for epoch in range(epochs))

    def steps(self, state, epochs):
        """Yields a Step for each one from `state` to the end of the last epoch, reading ahead."""
        coming = deque()

        def items():
            for place in self._places(state, epochs):
                coming.append((place, draw(self.plan, *place)))
                yield from self._items(coming[-1][1])

        reads = self._loader(items())
        for first in reads:
            place, batch = coming.popleft()
            rest = [next(reads) for _ in range(len(self._items(batch)) - 1)]
            yield Step(place, batch, self._arrays(place, batch, [first, *rest]))

    def names(self, batch):
        """The names of a batch's pictures or films."""
        members = self._members[batch.set, batch.condition]
        numbers = batch.entries if isinstance(batch, PictureBatch) else [clip.entry for clip in batch.clips]
        return [self.readers[batch.set].entries[members[number]][0] for number in numbers]

    def close(self):
        """Ends the worker processes."""
        self._loader.close()

    def _told(self, film):
        entry = self._members[film.set, film.condition][film.entry]
        return f"{film.set}: {self.readers[film.set].entries[entry][0]}: {film.why}"

    def _places(self, state, epochs):
        while state.epoch < epochs:
            yield state
            state = state.advance(self.plan)

    def _items(self, batch):
        """What the workers are asked for: (set, entry, frames or None, size, resize, mirrored)."""
        members, size = self._members[batch.set, batch.condition], tuple(self.settings.image_size)
        if isinstance(batch, PictureBatch):
            pairs = zip(batch.entries, batch.mirrored, strict=True)
            return [(batch.set, members[entry], None, size, self.settings.resize, flip) for entry, flip in pairs]
        return [
            (batch.set, members[clip.entry], clip.frames, size, self.settings.resize, clip.mirrored)
            for clip in batch.clips
        ]

    def _arrays(self, place, batch, parts):
        pool, config = self._pools[batch.set, batch.condition], self.config
        chosen = sentence_choice(self.plan, *place, len(pool), config.scored_share)
        images = [image for part in parts for image in (part[0] if part[0].ndim == 4 else part[0][None])]
        pictures = np.stack([transforms.normalise(each, self.settings.mean, self.settings.std) for each in images])
        truth = np.concatenate([part[1].reshape((-1, 1, *part[1].shape[-2:])) for part in parts])
        if isinstance(batch, PictureBatch):
            return pictures, self.encode([pool[number] for number in chosen]), truth
        rng = np.random.default_rng((config.sampling.seed, *place, 9))
        answered = np.sort(rng.choice(len(pictures), min(config.answered, len(pictures)), replace=False))
        embedded = np.repeat(self.encode([pool[chosen[0]]]), len(answered), 0)
        return pictures, embedded, np.ascontiguousarray(truth[answered]), answered.astype(np.int32)


def read(reader, entry, frames, size, how, mirrored):
    """A picture [H,W,3] with its density [H,W], or a clip [T,H,W,3] with its densities [T,H,W], mirrored if asked.

    A module's function, for processes.
    """
    if frames is None:
        image, density = transforms.as_seen(reader.image(entry), size, how), reader.density(entry, size)
    else:
        sample = reader.clip(entry, frames, size)
        image, density = sample.image, sample.density
    if mirrored:
        image, density = image[..., ::-1, :], density[..., ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(density)
