"""The cache of frozen features: computed once, resumed exactly, never trusted when anything differs."""

import json
from collections import namedtuple

import numpy as np
import pytest

from mindaam.errors import OutputError
from mindaam.training.feeding import features
from mindaam.training.feeding.features import FeatureCache

NAMES = [f"{i}.jpg" for i in range(10)]
SHAPE = (2, 3, 4)
RECIPE = {"encoder_sha256": "ab", "image_size": (28, 42), "taps": (0, 1)}


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(features, "SAVE_EVERY", 4)


class Work:
    """Counts what is computed; may break off like a killed process."""

    def __init__(self, breaks_at=None):
        self.calls, self.breaks_at = 0, breaks_at

    def compute(self, picture):
        assert picture.shape == (1, 3, 2, 5) and picture.flags.c_contiguous
        self.calls += 1
        if self.calls == self.breaks_at:
            raise KeyboardInterrupt
        rows = picture[0, 0, 0]  # not symmetric: a mirrored picture gives other features
        return np.arange(24, dtype=np.float32).reshape(SHAPE) * 0.01 + rows[0] + 0.1 * rows[4]


class Trap:
    """Shows that it was unpickled."""

    def __reduce__(self):
        return eval, ("1 / 0",)


def picture(row):
    return np.random.default_rng(row).standard_normal((3, 2, 5)).astype(np.float32)


def cache(place, names=NAMES, recipe=RECIPE, shape=SHAPE, mirrored=True):
    return FeatureCache(place, "osie.train", names, recipe, shape, mirrored)


def filled(place, work=None, **changes):
    """A filled cache, and how many pictures that took."""
    work, made = work or Work(), cache(place, **changes)
    made.fill(work.compute, picture)
    return made, work.calls


def everything(made):
    return {mirrored: made.read(made.names, SHAPE[0], mirrored) for mirrored in (False, True)}


def assert_equal(made, other):
    for mirrored, values in everything(made).items():
        np.testing.assert_array_equal(values, everything(other)[mirrored])


def test_features_are_those_of_the_picture_and_of_the_mirrored_picture(tmp_path):
    made, calls = filled(tmp_path)
    assert calls == 20
    for mirrored in (False, True):
        values = made.read(["7.jpg", "2.jpg"], 2, mirrored)
        assert values.dtype == np.float32 and values.shape == (2, *SHAPE)
        for got, row in zip(values, (7, 2), strict=True):
            pixels = picture(row)[:, :, ::-1] if mirrored else picture(row)
            expected = Work().compute(np.ascontiguousarray(pixels)[None])
            np.testing.assert_allclose(got, expected, rtol=2**-11, atol=2**-24)  # half a unit of float16
            np.testing.assert_array_equal(got, expected.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(made.read(["7.jpg"], 1, False), made.read(["7.jpg"], 2, False)[:, :1])


def test_a_second_run_computes_nothing(tmp_path):
    first, _ = filled(tmp_path)
    again, calls = filled(tmp_path)
    assert calls == 0
    assert_equal(first, again)


@pytest.mark.parametrize(("breaks_at", "left"), [(1, 20), (4, 20), (5, 16), (9, 12), (11, 10), (16, 6)])
def test_an_interrupted_computation_goes_on_where_it_stopped(tmp_path, breaks_at, left):
    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path / "a", Work(breaks_at))
    resumed, calls = filled(tmp_path / "a")
    assert calls == left
    assert_equal(resumed, filled(tmp_path / "b")[0])


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": {**RECIPE, "encoder_sha256": "cd"}},
        {"recipe": {**RECIPE, "image_size": (42, 42)}},
        {"names": [*NAMES[1:], NAMES[0]]},
        {"names": NAMES[:9]},
    ],
)
def test_a_cache_of_something_else_is_made_anew(tmp_path, changes):
    filled(tmp_path)
    _, calls = filled(tmp_path, **changes)
    assert calls == 2 * len(changes.get("names", NAMES))
    assert filled(tmp_path, **changes)[1] == 0


def test_another_shape_is_made_anew(tmp_path):
    filled(tmp_path)
    assert cache(tmp_path, shape=(1, 3, 4)).done == {"plain": 0, "mirrored": 0}


def test_a_computation_for_something_else_that_breaks_off_leaves_no_false_note(tmp_path):
    filled(tmp_path)
    other = {**RECIPE, "encoder_sha256": "cd"}
    with pytest.raises(KeyboardInterrupt):
        filled(tmp_path, Work(1), recipe=other)
    _, calls = filled(tmp_path)  # the first recipe again: its arrays were replaced
    assert calls == 20


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"recipe": 1}', "\xff\xfe"])
def test_a_damaged_note_is_made_anew(tmp_path, content):
    filled(tmp_path)
    (tmp_path / "osie.train.json").write_text(content, encoding="latin-1")
    made, calls = filled(tmp_path)
    assert calls == 20
    assert_equal(made, filled(tmp_path)[0])


@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "other"])
def test_a_damaged_array_is_made_anew_alone(tmp_path, damage):
    before, _ = filled(tmp_path)
    path = tmp_path / "osie.train.mirrored.npy"
    whole = path.read_bytes()
    path.unlink()  # rather than changed in place: `before` still has it mapped
    if damage == "other":
        np.save(path, np.zeros((10, *SHAPE), np.float32))
    elif damage != "gone":
        path.write_bytes(whole[: 0 if damage == "empty" else len(whole) - 8])
    made, calls = filled(tmp_path)
    assert calls == 10
    assert_equal(made, before)


def test_a_pickled_array_is_not_opened(tmp_path):
    filled(tmp_path)
    path = tmp_path / "osie.train.plain.npy"
    path.unlink()
    np.save(path, np.array([Trap()], dtype=object), allow_pickle=True)
    assert filled(tmp_path)[1] == 10


def test_the_val_split_has_no_mirrored_pictures(tmp_path):
    made, calls = filled(tmp_path, mirrored=False)
    assert calls == 10 and sorted(path.name for path in tmp_path.iterdir()) == [
        "osie.train.json",
        "osie.train.plain.npy",
    ]
    assert json.loads((tmp_path / "osie.train.json").read_text())["done"] == {"plain": 10}


def test_progress_is_reported(tmp_path):
    told = []
    made = cache(tmp_path)
    made.fill(Work().compute, picture, lambda *progress: told.append(progress[:3]))
    steps = [(4, 10), (8, 10), (10, 10)]
    assert told == [(variant, *step) for variant in ("plain", "mirrored") for step in steps]


def test_a_place_that_cannot_be_written_or_is_full_is_an_output_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write features"):
        cache(tmp_path / "file")
    monkeypatch.setattr(features.shutil, "disk_usage", lambda place: namedtuple("Usage", "free")(950))
    with pytest.raises(OutputError, match=r"osie.train take .* GB"):
        cache(tmp_path / "full")  # 2 * 10 * 24 numbers of two bytes are 960
    monkeypatch.setattr(features.shutil, "disk_usage", lambda place: namedtuple("Usage", "free")(960))
    assert filled(tmp_path / "full")[1] == 20
