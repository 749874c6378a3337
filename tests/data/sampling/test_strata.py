"""Strata and the configuration of sampling: defaults, what films with sound may not have, what cannot be drawn."""

import numpy as np
import pytest
import yaml

from mindaam.data.sampling.clips import ClipRules
from mindaam.data.sampling.strata import SamplingConfig, Stratum, Unusable, check, clip_rules, unusable
from mindaam.errors import ConfigError, InputError
from mindaam.schema import validate

FILMS = Stratum("dhf1k", "video", "free_viewing", (40, 20, 16, 100))
SOUND = Stratum("diem", "audio_video", "free_viewing", (40, 50))
YAML = """
batch_size: 8
clip: 32
weights: {salicon: 0.25}
rules:
  dhf1k: {skip: 5, samples: 3.5}
  fiwi: {mirror: false}
"""


def test_the_defaults_are_the_papers():
    config = SamplingConfig()
    assert (config.image_share, config.audio_visual_after, config.batch_size) == (0.4, 10, 32)
    assert (config.strides, config.mirror, config.reverse, config.clip) == ((1, 2, 3, 4), 0.5, 0.5, 16)


def test_a_configuration_is_read_from_yaml():
    config = validate(SamplingConfig, yaml.safe_load(YAML), "corpus.yaml")
    assert config.rules["dhf1k"].skip == 5 and not config.rules["fiwi"].mirror
    assert clip_rules(FILMS, config) == ClipRules(32, 5, (1, 2, 3, 4), 0.5, 0.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image_shares": 0.4}, 'unknown key "image_shares" \\(did you mean "image_share"'),
        ({"image_share": 1.0}, '"image_share": .* less than 1'),
        ({"strides": [0]}, '"strides.0": .* greater than or equal to 1'),
        ({"strides": []}, '"strides": .* at least 1 item'),
        ({"weights": {"osie": 0}}, '"weights.osie": .* greater than 0'),
        ({"rules": {"dhf1k": {"skip": -1}}}, '"rules.dhf1k.skip": .* greater than or equal to 0'),
        ({"seed": 2**32}, '"seed": .* less than 4294967296'),
    ],
)
def test_values_that_cannot_be_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        validate(SamplingConfig, values, "corpus.yaml")


def test_a_sets_own_rules_go_before_the_general_ones():
    config = SamplingConfig(rules={"dhf1k": {"strides": (2,), "mirror": False, "reverse": False}})
    assert clip_rules(FILMS, config) == ClipRules(16, 0, (2,), 0.0, 0.0)


def test_films_with_sound_are_neither_strided_nor_mirrored_nor_reversed():
    config = SamplingConfig(rules={"diem": {"skip": 10}})
    assert clip_rules(SOUND, config) == ClipRules(16, 10, (1,), 0.0, 0.0)
    with pytest.raises(ConfigError, match="rules.diem.strides: videos with sound have the stride 1; leave the key out"):
        clip_rules(SOUND, SamplingConfig(rules={"diem": {"strides": (1, 2)}}))


def test_films_without_a_clip_are_listed_with_the_reason():
    known = np.ones(50, bool)
    known[::15] = False
    gaps = SOUND._replace(labelled=(np.ones(40, bool), known))
    config = SamplingConfig(rules={"dhf1k": {"skip": 5}})
    pictures = Stratum("osie", "image", "free_viewing", 3)
    assert unusable([FILMS, gaps, pictures], config) == [
        Unusable("dhf1k", "free_viewing", 1, "a clip needs 16 frames after the first 5, and the video has 15"),
        Unusable("dhf1k", "free_viewing", 2, "a clip needs 16 frames after the first 5, and the video has 11"),
        Unusable("diem", "free_viewing", 1, "no clip of 16 frames has gaze in all of them"),
    ]
    assert len(unusable([FILMS, gaps], config.model_copy(update={"short": "repeat"}))) == 1  # the gaps remain


@pytest.mark.parametrize(
    ("stratum", "error", "message"),
    [
        (FILMS._replace(modality="film"), ConfigError, 'unknown modality "film" .*; known: audio_video, image, video'),
        (FILMS._replace(members=4), ConfigError, "dhf1k, free_viewing: members must be a number of images, or"),
        (FILMS._replace(modality="image"), ConfigError, "dhf1k, free_viewing: members must be a number of images"),
        (FILMS._replace(members=()), ConfigError, "there is nothing to draw from; leave the set out"),
        (Stratum("osie", "image", "free_viewing", -1), ConfigError, "osie, .* nothing to draw from"),
        (FILMS._replace(weight=0.0), ConfigError, "the weight must be above 0, the epoch in which it joins 0 or more"),
        (FILMS._replace(weight=float("nan")), ConfigError, "the weight must be above 0"),
        (FILMS._replace(joins=-1), ConfigError, "the epoch in which it joins 0 or more"),
        (SOUND._replace(labelled=([True] * 40, [True] * 49)), InputError, "every video needs one label a frame"),
        (SOUND._replace(labelled=([True] * 40,)), InputError, "every video needs one label a frame"),
    ],
)
def test_a_stratum_that_cannot_be_is_refused_in_one_sentence(stratum, error, message):
    with pytest.raises(error, match=message):
        check(stratum)
