"""Scores of the sounding-object experiment under each kind of audio."""

import numpy as np
import pytest

from mindaam.training.feeding.sounding_objects import clips_of
from mindaam.training.tasks.sounding_object import build
from mindaam.training.tasks.sounding_object_scores import predict, right_shares, score, table
from tests.training.sounding import config


def test_the_right_share_is_that_within_the_masks():
    masks = np.zeros((2, 2, 8, 8), bool)
    masks[:, 0, :4, :4], masks[:, 1, 4:, 4:] = True, True
    maps = np.full((2, 3, 4, 4), 1.0)
    maps[0, :, :2, :2] = 3.0
    np.testing.assert_allclose(right_shares(maps, masks, [0, 1]), [0.75, 0.5])
    np.testing.assert_allclose(right_shares(maps, masks, [1, 0]), [0.25, 0.5])


def test_scores_of_every_kind_of_audio():
    settings = config()
    model, held = build(settings), clips_of(settings, "held")
    maps, gates = predict(model, settings, held[1], held[1].wave)
    assert maps.shape == (10, 4, 16, 16) and gates.shape == (10, 4)  # more than in one batch
    scores = score(model, settings, held)
    kinds = scores["kinds"]
    assert list(kinds)[:3] == ["true sound", "another clip's sound", "noise"] and len(kinds) == 6
    assert kinds["no sound"]["gate"] is None and 0 < kinds["true sound"]["gate"] < 1
    # untrained, the fusion adds nothing: one map for all audio, and two clips of a scene cancel
    assert all(row["share"] == pytest.approx(0.5, abs=1e-4) for row in kinds.values())
    assert scores["CC of noise with no sound"] == pytest.approx(1, abs=1e-4)
    assert len(table(scores)) == 8
