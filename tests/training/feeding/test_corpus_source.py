"""The steps of a run as arrays: one set and condition a step, cut into parts, shared by ranks, resumed to the bit."""

import numpy as np
import pytest

from mindaam.data.audio.cutting import Cut
from mindaam.data.datasets.ground_truth import GroundTruth
from mindaam.data.datasets.readers.packed import open_packed
from mindaam.data.packs.embedding import embed
from mindaam.data.packs.embeddings import EncodedBy
from mindaam.data.packs.packing import pack
from mindaam.data.prompts import corpus as prompts
from mindaam.data.sampling.plan import SamplerState
from mindaam.errors import InputError
from mindaam.training.feeding.corpus import open_corpus
from mindaam.training.feeding.corpus_source import (
    CLIPS,
    CLIPS_WITH_AUDIO,
    IMAGES,
    AudioEncoding,
    CorpusSource,
    loader_workers,
    read,
)
from tests.training.corpus_root import make_corpus
from tests.training.feeding.test_corpus import config

SIZE = (28, 42)
RELEASED = Cut(1, 0.5, "frames", "sinc", 2.0**-23)


class Settings:
    image_size, resize, mean, std = SIZE, "area", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def encode(texts):
    """Embeddings that tell the sentence: its length and its first letters."""
    return np.array([[len(text), *map(ord, text[:3])] for text in texts], np.float32)


def loudness(waves):
    """Embeddings that tell the sound: how loud it is, and how it goes on."""
    return np.stack([waves.std(1), (waves[:, 1:] * waves[:, :-1]).mean(1)], 1)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("data"))


def opened(root, names=None, audio_encoding=None, world=(0, 1), workers=0, **changes):
    settings = config(**{"sampling": {"steps": 10}, **changes})
    found = open_corpus(root, names, ("avad",), GroundTruth())
    return CorpusSource(
        found.train, settings, Settings, encode, audio_encoding=audio_encoding, world=world, workers=workers
    )  # fmt: skip


def parts(source, first=None, epochs=1):
    try:
        return list(source.parts(first or SamplerState(), epochs))
    finally:
        source.close()


def shown(part):
    return part.place, part.labels, part.names


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.arrays, other.arrays, strict=True))


def test_steps_have_one_set_each_its_own_sentences_and_arrays_of_one_shape(root):
    kinds = []
    for part in parts(opened(root)):
        pictures, sentences, truth, *answered = part.arrays
        pool = encode(prompts.pool(part.labels["set"], "G4"))
        assert all((sentence == pool).all(1).any() for sentence in sentences)
        count = len(answered[0]) if answered else 2
        assert truth.shape == (count, 1, *SIZE) and sentences.shape == (count, 4)
        assert pictures.shape == (4 if answered else 2, 3, *SIZE) and pictures.dtype == np.float32
        assert np.allclose(truth.sum((1, 2, 3)), 1, atol=1e-5)
        assert part.last and part.number == 0
        kinds.append(part.kind)
    assert kinds.count(IMAGES) == 4 and kinds.count(CLIPS) == 6


def test_a_run_that_goes_on_in_the_middle_sees_what_it_would_have_seen(root):
    whole = parts(opened(root), epochs=2)
    for first in (3, 12):
        rest = parts(opened(root), whole[first].place, epochs=2)
        assert [shown(part) for part in rest] == [shown(part) for part in whole[first:]]
        assert same(rest[0], whole[first])


def test_processes_read_the_same(root):
    for one, two in zip(parts(opened(root)), parts(opened(root, workers=1)), strict=True):
        assert shown(one) == shown(two) and same(one, two)


def test_a_batch_in_parts_is_the_batch(root):
    sampling = {"steps": 6, "batch_size": 4, "clips": 2}
    whole = parts(opened(root, sampling=sampling))
    cut = parts(opened(root, sampling=sampling, part=2))
    assert opened(root, sampling=sampling, part=2).kinds() == {IMAGES: 2, CLIPS: 2}
    assert [part.last for part in cut] == [False, True] * 6
    at = 0
    for step in (part for part in whole if part.kind == IMAGES):
        while cut[at].place != step.place:
            at += 1
        for number, array in enumerate(step.arrays):
            assert np.array_equal(np.concatenate([cut[at].arrays[number], cut[at + 1].arrays[number]]), array)
    clips = [part for part in whole if part.kind == CLIPS]
    assert all(same(a, b) for a, b in zip(clips, (part for part in cut if part.kind == CLIPS), strict=True))


def test_ranks_share_a_step_without_overlap(root):
    sampling = {"steps": 6, "batch_size": 4, "clips": 2}
    whole = parts(opened(root, sampling=sampling, part=2))
    ranks = [parts(opened(root, sampling=sampling, part=2, world=(rank, 2))) for rank in range(2)]
    for number in range(6):
        mine = [each[number] for each in ranks]
        together = [part for part in whole if part.place == mine[0].place]
        assert all(part.last for part in mine)
        for one, other in zip(mine, together, strict=True):
            assert one.number == other.number and same(one, other)


def test_films_with_sound_are_heard_and_some_hear_noise(root):
    audio_encoding = AudioEncoding(loudness, Cut(3, 0.5, "times", "polyphase", 1.0), released=False)
    changes = {"sampling": {"steps": 40}, "attack": {"p": 0.5, "weight": 0.1}}
    source = opened(root, ("dhf1k", "diem"), audio_encoding, **changes)
    assert source.kinds() == {CLIPS: 1, CLIPS_WITH_AUDIO: 1}
    told = {"diem": [], "dhf1k": []}
    for part in parts(source):
        told[part.labels["set"]].append(part)
    assert all(part.kind == CLIPS and len(part.arrays) == 4 for part in told["dhf1k"])
    heard = told["diem"]
    assert all(part.kind == CLIPS_WITH_AUDIO and part.arrays[4].shape == (4, 3, 2) for part in heard)
    noisy = np.array([part.arrays[5].mean() for part in heard])
    assert set(noisy) == {0.0, 1.0} and 0.2 < noisy.mean() < 0.8
    correlated = [np.abs(part.arrays[4][..., 1] / part.arrays[4][..., 0] ** 2).max() for part in heard]
    assert all((each < 0.1) == bool(noise) for each, noise in zip(correlated, noisy, strict=True))
    released = opened(root, ("diem",), audio_encoding._replace(cut=RELEASED, released=True))
    assert parts(released)[0].arrays[4].shape == (4, 2)


def test_the_runs_seed_draws_order_clips_sentences_answered_frames_and_the_attack(root):
    audio_encoding = AudioEncoding(loudness, RELEASED, released=False)

    def drawn(seed):
        """What a run of a seed shows: pictures, clips, sentences, frames that are answered, clips that hear noise."""
        changes = {"seed": seed, "sampling": {"steps": 12}, "answered": 2, "attack": {"p": 0.5, "weight": 0.1}}
        seen = parts(opened(root, ("osie", "diem"), audio_encoding, **changes))
        clips = [part for part in seen if part.kind == CLIPS_WITH_AUDIO]
        return (
            [(part.names, part.arrays[0].tolist()) for part in seen if part.kind == IMAGES],
            [(part.names, part.arrays[0].tolist()) for part in clips],
            [part.arrays[1].tolist() for part in seen],
            [part.arrays[3].tolist() for part in clips],
            [part.arrays[5].tolist() for part in clips],
        )

    zero, again, one = drawn(0), drawn(0), drawn(1)
    assert zero == again and all(a != b for a, b in zip(zero, one, strict=True))


def test_noise_is_as_loud_as_the_sound_that_it_replaces_whatever_its_scale(root):
    levels = []
    for scale in (1.0, 2.0**-23):
        audio_encoding = AudioEncoding(loudness, RELEASED._replace(scale=scale), released=True)
        changes = {"sampling": {"steps": 2}, "attack": {"p": 1.0, "weight": 0.1}}
        heard = parts(opened(root, ("diem",), audio_encoding, **changes))[0].arrays
        assert heard[5].all()
        levels.append(heard[4][:, 0] / scale)
    np.testing.assert_allclose(*levels, rtol=1e-3)


def test_a_mirrored_clip_is_mirrored_with_its_truth(root):
    readers = open_corpus(root, ("dhf1k", "osie"), (), GroundTruth()).train
    plain, mirrored = (read(readers["dhf1k"], 0, (1, 3), SIZE, "area", flip, None) for flip in (False, True))
    assert np.array_equal(mirrored[0], plain[0][:, :, ::-1]) and np.array_equal(mirrored[1], plain[1][:, :, ::-1])
    plain, mirrored = (read(readers["osie"], 0, None, SIZE, "area", flip, None) for flip in (False, True))
    assert np.array_equal(mirrored[0], plain[0][:, ::-1]) and np.array_equal(mirrored[1], plain[1][:, ::-1])


def test_films_that_are_too_short_are_named(root):
    source = opened(root, ("dhf1k",), sampling={"clip": 4, "strides": [1]})
    reader = source.readers["dhf1k"]
    short = [reader.entries[number][0] for number in range(len(reader)) if reader.frames(number) < 4]
    assert [line.split(": ")[1] for line in source.left_out] == short and len(short) == 1


def test_packs_take_the_place_of_the_folders_that_they_were_made_from(root, tmp_path):
    corpus = open_corpus(root, ("osie", "diem"), (), GroundTruth())
    for name, reader in corpus.train.items():
        pack(reader, tmp_path / f"{name}.train", SIZE, workers=0, quality=100)
    packed = open_corpus(tmp_path, None, (), GroundTruth())
    assert packed.train.keys() == corpus.train.keys() and packed.val == {}
    audio_encoding = AudioEncoding(loudness, RELEASED, released=True)
    both = [parts(opened(place, ("osie", "diem"), audio_encoding)) for place in (root, tmp_path)]
    for one, other in zip(*both, strict=True):
        assert shown(one) == shown(other) and np.array_equal(one.arrays[1], other.arrays[1])
        assert np.abs(one.arrays[0] - other.arrays[0]).max() < 0.25  # JPEG
        assert np.abs(one.arrays[2] - other.arrays[2]).sum((1, 2, 3)).max() < 0.02
        if one.kind == CLIPS_WITH_AUDIO:
            np.testing.assert_allclose(one.arrays[4], other.arrays[4], atol=1e-3)


CUT = Cut(3, 0.5, "times", "polyphase", 1.0)
ENCODED_BY = EncodedBy(encoder="loudness", sha256="0" * 64, **CUT._asdict())


@pytest.fixture(scope="module")
def embedded(root, tmp_path_factory):
    """A folder with a pack of videos with audio, and its embeddings."""
    folder = tmp_path_factory.mktemp("embedded")
    pack(open_corpus(root, ("diem",), (), GroundTruth()).train["diem"], folder / "diem.train", SIZE, workers=0)
    embed(open_packed(folder / "diem.train"), ENCODED_BY, loudness)
    return folder


def test_packed_embeddings_are_what_the_encoder_gives_and_it_runs_for_noise_alone(embedded):
    encoded = []

    def counted(windows):
        encoded.append(len(windows))
        return loudness(windows)

    changes = {"sampling": {"steps": 30}, "attack": {"p": 0.4, "weight": 0.1}}
    without = parts(opened(embedded, ("diem",), AudioEncoding(loudness, CUT, False), **changes))
    audio_encoding = AudioEncoding(counted, CUT, False, ENCODED_BY)
    for workers in (0, 2):
        encoded.clear()
        packed = parts(opened(embedded, ("diem",), audio_encoding, workers=workers, **changes))
        noisy = [bool(part.arrays[5].any()) for part in packed]
        assert len(encoded) == sum(noisy) and 5 < sum(noisy) < 25
        for one, other, noise in zip(without, packed, noisy, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one.arrays[:4], other.arrays[:4], strict=True))
            np.testing.assert_allclose(one.arrays[4], other.arrays[4], rtol=0 if noise else 1e-6)
            assert all(np.array_equal(a, b) for a, b in zip(one.arrays[5:], other.arrays[5:], strict=True))


def test_packed_embeddings_of_another_encoder_or_cut_are_refused_and_unused_where_clips_matter(embedded):
    for change in ({"sha256": "1" * 64}, {"spacing": 0.25}):
        other = ENCODED_BY.model_copy(update=change)
        with pytest.raises(InputError, match=f"{next(iter(change))} .* rather than .*mindaam data embed"):
            opened(embedded, ("diem",), AudioEncoding(loudness, CUT, False, other))
    encoded = []
    opened_now = opened(
        embedded, ("diem",), AudioEncoding(lambda each: encoded.append(1) or loudness(each), CUT, False)
    )
    assert len(parts(opened_now)) == len(encoded)


def test_workers_follow_from_the_cores_of_a_rank(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(192))
    assert loader_workers() == 16
    monkeypatch.setenv("MINDAAM_RANKS_HERE", "16")
    assert loader_workers() == 12
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(2))
    assert loader_workers() == 2
