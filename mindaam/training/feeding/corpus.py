"""The data of a run on the corpus: the readers of its datasets, and the strata that its plan draws from.

Nothing here imports MindSpore: the processes that decode images import this module.
"""

import hashlib
import os
from functools import partial
from pathlib import Path
from typing import NamedTuple

from mindaam.data.checks.probing import damaged
from mindaam.data.datasets.catalogue import catalogue
from mindaam.data.datasets.finding import GAZE, TRAINING, NothingHere, find_data, not_here
from mindaam.data.datasets.opening import read_data
from mindaam.data.prompts import corpus as corpus_prompts
from mindaam.data.sampling.strata import Stratum
from mindaam.errors import InputError, nearest
from mindaam.files import first_of
from mindaam.training.feeding.folders import data_root

VALIDATION = ("val", "test")  # the first of these splits with gaze data is a dataset's validation split


class Corpus(NamedTuple):
    """The readers of a run: train and val by the datasets' names; skipped: lines on what was skipped and why."""

    train: dict
    val: dict
    skipped: list


def open_corpus(root, names, unseen, truth, *, exclude=(), score_unseen=False, skip_damaged=False, report=None):
    """The Corpus under a folder: packs (`NAME.SPLIT/pack.json`), gaze folders and datasets of the catalogue.

    names: the datasets requested, None for all that exist; unseen: datasets that are never trained on, and held out
    only with `score_unseen`, whether they have a training split or not; exclude: datasets that are not used at all;
    truth: GroundTruth. report: called as
    report(done, in all) while the data are checked. Raises InputError when a requested dataset does not exist, when
    none does, and for damage unless `skip_damaged`.
    """
    root, train, val, skipped = Path(root), {}, {}, []
    for name, readers, lines in _readers(root, names, (*unseen, *exclude), truth, skip_damaged):
        if "train" in readers:
            train[name] = readers["train"]
        held = next((readers[split] for split in VALIDATION if split in readers), None)
        if held is not None:
            val[name] = held
        skipped += [f"{name}: {line}" for line in lines]
    if score_unseen:
        found, lines = _unseen(root, unseen, truth, skip_damaged)
        val, skipped = val | found, skipped + lines
    accounted_for = {*train, *(line.partition(":")[0] for line in skipped)}
    missing = [name for name in names or () if name not in accounted_for]
    if missing:
        hint = "" if missing[0] in catalogue() else nearest(missing[0], [*catalogue(), *train])
        raise InputError(
            f"{root} does not contain {missing[0]}{hint}; see `mindaam data check {root}`, or remove it from corpus"
        )
    corpus = _probed(Corpus(train, val, skipped), skip_damaged, report)
    if not (corpus.train or corpus.val or corpus.skipped):
        raise not_here(root, kinds=TRAINING)
    if not corpus.train:
        why = f": {corpus.skipped[0]}" if corpus.skipped else ""
        raise (InputError if why else NothingHere)(
            f"{root} contains no pack, gaze folder or dataset to train on; see `mindaam data check {root}`{why}"
        )
    return corpus


def open_data(config, skip_damaged, progress):
    """The Corpus of a CorpusConfig and the weights of its datasets, {name: weight}; progress: Progress."""

    def report(done, total):
        progress.passing(f"checking the data: {done}/{total}")

    names = None if config.corpus is None else tuple(config.corpus)
    how = {"exclude": config.exclude, "skip_damaged": skip_damaged, "report": report}
    unseen = {"score_unseen": config.score_unseen}
    corpus = open_corpus(data_root(config), names, config.unseen, config.ground_truth, **unseen, **how)
    weights = {name: weight for name, weight in (config.corpus or {}).items() if name in corpus.train}
    if config.mix is None:
        return corpus, weights
    missing = old_data_missing(config.mix)
    if missing:
        progress.say(f"no old data are added: {missing}")
        return corpus, weights
    try:
        old = open_corpus(data_root(config.mix), config.mix.sets, config.unseen, config.ground_truth, **how)
    except NothingHere as error:
        if config.mix.data_root is not None:  # a folder that is given must contain some
            raise
        progress.say(f"no old data are added: {error}")
        return corpus, weights
    if set(old.train) <= set(corpus.train):
        progress.say(f"no old data are added: all of {data_root(config.mix)} is already part of the training data")
    mine, theirs = (sum(map(len, each.train.values())) for each in (corpus, old))
    weight = config.mix.share / (1 - config.mix.share) * mine / theirs
    weights |= {name: weight for name in old.train if name not in corpus.train}
    mixed = Corpus({**old.train, **corpus.train}, {**old.val, **corpus.val}, [*corpus.skipped, *old.skipped])
    return mixed, weights


def old_data_missing(mix):
    """Why a Mix without a folder has no data to add, or None; a folder that it names must exist."""
    place = os.environ.get("MINDAAM_GAZE")
    if mix.data_root is not None or (place and os.path.isdir(place)):
        return None
    if place:
        return f"MINDAAM_GAZE names {place}, which is not a folder"
    return "neither mix.data_root nor MINDAAM_GAZE is set"


def _probed(corpus, skip_damaged, report):
    """The Corpus without what cannot be read; InputError that names the first of it, unless it may be skipped."""
    kept, skipped = {"train": dict(corpus.train), "val": dict(corpus.val)}, list(corpus.skipped)
    for part, readers in kept.items():
        for name, reasons in damaged(readers, report=report).items():
            if not skip_damaged:
                first = first_of(list(reasons.values()), f" in {name}")
                raise InputError(f"{first}; --skip-damaged skips what is damaged")
            skipped += [f"{name}: {why}" for why in reasons.values()]
            left = {entry for entry, _ in readers[name].entries} - set(reasons)
            if left:
                kept[part][name] = readers[name].only(left)
            else:
                del kept[part][name]
    return Corpus(kept["train"], kept["val"], skipped)


def _readers(root, names, unseen, truth, skip_damaged):
    """Yields (name, {split: reader}, lines on what was skipped) of what is trained or scored on."""

    def splits_of(data, there):
        # a gaze folder without the split train is not part of the run; a dataset without it is validated on
        known = data.kind != GAZE or "train" in there
        return [split for split in ("train", *VALIDATION) if split in there and known]

    for data in find_data(root, names, TRAINING, split="train", without=unseen):
        yield data.name, *read_data(data, partial(splits_of, data), truth, skip_damaged=skip_damaged)


def _unseen(root, names, truth, skip_damaged):
    """({name: reader of its held-out split}, lines on what was skipped) of datasets that are only scored. Raises
    InputError for one that does not exist, or has no such split."""
    found, lines = {}, []
    for name in names:
        here = find_data(root, [name], TRAINING)
        if not here:
            raise not_here(root, name, TRAINING)
        readers, skipped = read_data(
            here[0], lambda there: [each for each in VALIDATION if each in there][:1], truth, skip_damaged=skip_damaged
        )
        lines += [f"{name}: {line}" for line in skipped]
        if not readers and not skipped:
            raise InputError(
                f"{root} has no gaze data of {name} in {' or '.join(VALIDATION)}, so it cannot be scored unseen; "
                "remove it from unseen, or set score_unseen: false"
            )
        if readers:
            [found[name]] = readers.values()
    return found, lines


def modality(name, reader):
    """ "image", "video" or "audio_video", by a dataset's record, else by the content of the gaze folder or pack."""
    if name in catalogue() and reader.is_video == (catalogue()[name].modality != "image"):
        return catalogue()[name].modality
    if not reader.is_video:
        return "image"
    return "audio_video" if all(map(reader.has_audio, range(len(reader)))) else "video"


def is_free_viewing(name, condition):
    """Whether a dataset's condition is free viewing, as the paper's Tables 7 to 9 call it, or its own name."""
    return corpus_prompts.paradigm(name) == "free_viewing" if name in catalogue() else condition == "free_viewing"


def strata_of(readers, warm_start=0):
    """(strata, members): what the plan draws from, and the numbers in `reader.entries` of each stratum's members, by
    (name, condition). readers: {name: reader}. warm_start: epochs in which only free viewing is drawn, where it
    exists."""
    free = [is_free_viewing(name, each) for name, reader in readers.items() for each in reader.conditions]
    warm_start = warm_start if any(free) else 0
    strata, members = [], {}
    for name, reader in readers.items():
        kind = modality(name, reader)
        for condition in reader.conditions:
            mine = [number for number, entry in enumerate(reader.entries) if entry[1] == condition]
            if not mine:
                continue
            members[name, condition] = mine
            video = kind != "image"
            count = tuple(reader.frames(number) for number in mine) if video else len(mine)
            labelled = tuple(reader.labelled(number) for number in mine) if video else None
            joins = 0 if is_free_viewing(name, condition) else warm_start
            strata.append(Stratum(name, kind, condition, count, labelled, joins=joins))
    return strata, members


def described(corpus, left_out):
    """What a run is trained and scored on, as plain data for data.json."""

    def each(readers):
        return {
            name: {
                "modality": modality(name, reader),
                "split": reader.split,
                "count": len(reader),
                "frames": sum(map(reader.frames, range(len(reader)))) if reader.is_video else None,
                "folder": str(reader.root),
                "ground_truth": reader.ground_truth,
                "licence": catalogue()[name].licence.name if name in catalogue() else None,
            }
            for name, reader in readers.items()
        }

    return {"train": each(corpus.train), "held_out": each(corpus.val), "left_out": left_out}


def fingerprint(strata):
    """A short hash that changes with the data: datasets, conditions, or their numbers of images, videos or frames."""
    parts = [(each.set, each.condition, each.members, each.weight, each.joins) for each in sorted(strata)]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
