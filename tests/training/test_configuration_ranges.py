"""Every number of a configuration has a range; whatever is written into one, it is valid or refused in a sentence."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.errors import ConfigError
from mindaam.places import configs_dir, recipes
from mindaam.schema import merge, override, read_yaml
from mindaam.training.run import task_of
from mindaam.training.tasks.corpus_config import CorpusConfig


def keys(data, above=()):
    """All keys of a configuration as "a.b.c", sections too."""
    for key, value in data.items():
        yield ".".join((*above, key))
        if isinstance(value, dict):
            yield from keys(value, (*above, key))


LOADERS = {name: (path, task_of(path).CONFIG.load) for name, path in recipes().items()}
VALUES = ["true", "-1", "0", "1.5", "1e14", "1.0e+300", ".nan", ".inf", "-.inf", "9" * 99, "2001-99-99", "null", "x"]
VALUES += ["[.nan, 2]", "[0.9, 1]", "[[[[1]]]]", "[]", "{}", "{a: .nan}", "{temporal: 5}", "{temporal: {clip: x}}"]
INSERTED = ["", ":", " ", "\n", "&a ", "*a", "!!int ", "{", "]", "-", "\t", "\0", "<<: ", "\\e", ".nan", "1e99", "é"]


@pytest.mark.parametrize("name", LOADERS)
def test_every_bundled_configuration_is_valid_and_so_is_its_smoke_run(name):
    path, load = LOADERS[name]
    load(path)
    if load != CorpusConfig.load:  # the tiny form of these looks at the weights that they start from
        load(path, tiny=True)


@pytest.mark.parametrize(
    ("recipe", "change"),
    [
        *(("aam_dinov2_vits14", f"loss.kld={value}") for value in (".nan", ".inf", "-1", "true")),
        ("aam_dinov2_vits14", "optimizer.betas=[.nan, 2]"),
        ("aam_dinov2_vits14", "optimizer.betas=[0.9, 1]"),
        ("aam_dinov2_vits14", "optimizer.eps=.inf"),
        ("aam_dinov2_vits14", "optimizer.weight_decay=.inf"),
        ("aam_dinov2_vits14", "batch_size=1e14"),
        ("aam_dinov2_vits14", "batch_size=true"),
        ("aam_dinov2_vits14", "seed=4294967296"),
        ("aam_dinov2_vits14", "seed=2001-99-99"),
        ("aam_dinov2_vits14", "preset=papr"),
        ("aam_dinov2_vits14", "model=aam"),
        ("aam_dinov2_vits14", "model_changes.lora.rank=-1"),
        ("corpus", "validation.images=-5"),
        ("corpus", "epochs=1e14"),
        ("corpus", "epochs=1.0e+14"),
        ("corpus", "betas=[.nan, 2]"),
        ("corpus", "loss.cc=.nan"),
        ("corpus", "schedule.learning_rate=.inf"),
        ("corpus", "schedule.start_divisor=.inf"),
        ("corpus", "groups.weight_decay=.nan"),
        ("corpus", "loss_scale.start=.inf"),
        ("corpus", "clip_norm=.inf"),
        ("corpus", "corpus={salicon: .nan}"),
        ("corpus", "ground_truth.sigma_degrees=.nan"),
        ("corpus", "attack.p=.nan"),
        ("corpus", "sampling.clip=1.0e+9"),
        ("aam_dinov3_vitl16_paper", "preset=papr"),
        ("aam_dinov3_vitl16_paper", "model=aam_dinov3_vitl17"),
        ("aam_dinov2_vits14_films", "shares.cut=.inf"),
        ("aam_dinov2_vits14_films", "model_changes.temporal=5"),
        ("aam_dinov2_vits14_films", "model_changes.temporal.clip=x"),
        ("aam_dinov2_vits14_films", "change_weight=.nan"),
        ("aam_dinov2_vits14_films", "calm=.nan"),
        ("sounding_object", "clips.train=1.0e+14"),
        ("sounding_object", "model.width=1000000000"),
        ("sounding_object", "size=[1000000000, 48]"),
        ("sounding_object", "picture=[1000000000, 48]"),
    ],
)
def test_numbers_out_of_range_and_unknown_names_are_refused_at_once(recipe, change):
    path, load = LOADERS[recipe]
    with pytest.raises(ConfigError) as caught:
        load(path, [change])
    assert len(str(caught.value).splitlines()) == 1


def test_validation_of_one_kind_keeps_the_other():
    path, load = LOADERS["aam_dinov3_vitl16_paper"]
    data = {key: value for key, value in read_yaml(path).items() if key != "validation"}
    assert load(path, ["validation={images: 7}"]).validation["images"] == 7
    assert data and load(path).validation == {"images": 200, "videos": 8}


def numbers(value):
    """All numbers in a nest of dicts and lists."""
    if isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from numbers(each)
    elif isinstance(value, int | float):
        yield value


@settings(max_examples=40)
@given(st.data())
def test_whatever_is_assigned_is_valid_or_refused(data):
    path, load = LOADERS[data.draw(st.sampled_from(sorted(LOADERS)))]
    known = list(keys(read_yaml(path)))
    changes = data.draw(st.lists(st.tuples(st.sampled_from(known), st.sampled_from(VALUES)), min_size=1, max_size=3))
    try:
        config = load(path, [f"{key}={value}" for key, value in changes])
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1
    else:
        mine = config.model_dump(exclude={"model_changes"})  # which is checked with the model that it changes
        assert all(math.isfinite(each) for each in numbers(mine))


@settings(max_examples=40)
@given(st.data())
def test_a_file_that_was_changed_anywhere_is_valid_or_refused(tmp_path_factory, data):
    path, load = LOADERS[data.draw(st.sampled_from(sorted(LOADERS)))]
    text = path.read_text(encoding="utf-8")
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        inserted = data.draw(st.sampled_from(INSERTED))
        text = text[:start] + inserted + text[start + data.draw(st.integers(0, 3)) :]
    place = tmp_path_factory.mktemp("changed") / "mine.yaml"
    place.write_text(text.replace("base: ", f"base: {configs_dir()}/train/"), encoding="utf-8")
    try:
        load(place)
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1


def test_changes_lie_over_the_file():
    path, _ = LOADERS["corpus"]
    assert override(merge(read_yaml(path), {"epochs": 3}), ["epochs=4"])["epochs"] == 4
