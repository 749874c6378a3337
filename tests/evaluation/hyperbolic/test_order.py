"""The hierarchy's order: which cones contain what, where a pair counts, and whether detail is deep."""

from itertools import combinations

import numpy as np
import pytest

from mindaam.evaluation.hyperbolic import hierarchy, order
from mindaam.evaluation.hyperbolic.quantities import Points
from tests.evaluation.hyperbolic.small_predictor import small_predictor


@pytest.fixture(scope="module")
def predictor():
    return small_predictor()


def along(*rows):
    """Points in the plane, [N,2]."""
    return np.array(rows, np.float32)


# on one ray: the anchor, a prompt and an image deeper and deeper; a second prompt and image off the ray
POINTS = Points(along((0.3, 0.0))[0], along((0.8, 0.0), (0.0, 0.8)), along((3.0, 0.0), (0.0, 3.0)), 1.0)
EVERY = np.ones((2, 2), bool)


def test_a_chain_holds_where_each_is_in_the_cone_of_the_one_above(predictor):
    found = order.entailment(predictor, POINTS, EVERY)
    # the prompt off the anchor's ray is outside its cone, the image off the prompt's ray outside that prompt's
    assert found["holds"] == {"share": 0.25, "n": 4} and found["reversed"] == {"share": 0.0, "n": 4}
    assert order.entailment(predictor, POINTS, np.eye(2, dtype=bool))["holds"] == {"share": 0.5, "n": 2}


def test_the_reversed_order_holds_where_the_chain_is_reversed(predictor):
    back = Points(along((3.0, 0.0))[0], along((0.8, 0.0)), along((0.3, 0.0)), 1.0)
    found = order.entailment(predictor, back, np.ones((1, 1), bool))
    assert found["holds"]["share"] == 0 and found["reversed"] == {"share": 1.0, "n": 1}


def test_saturated_parents_do_not_count(predictor):
    shallow = POINTS._replace(anchor=along((0.1, 0.0))[0])
    found = order.entailment(predictor, shallow, EVERY)
    assert found["holds"] == {"share": None, "n": 0} and found["reversed"]["n"] == 4
    prompts = POINTS._replace(prompts=along((0.8, 0.0), (0.0, 0.1)))
    assert order.entailment(predictor, prompts, EVERY)["holds"]["n"] == 2


def test_detail_is_measured_on_six_pairs_of_each_condition(predictor):
    found = order.detail(predictor)
    depths = found["depths"].values()
    right = sum(a < b for each in depths for a, b in combinations(each.values(), 2))
    assert found["n"] == 36 and found["share"] == pytest.approx(right / 36)
    assert all(list(each) == ["G1", "G2", "G3", "G4"] for each in depths)


def test_the_findings_are_sentences():
    settings = {
        "finding": "Found.",
        "entailment": {"holds": {"share": 0.25, "n": 4}, "reversed": {"share": None, "n": 0}},
    }
    settings["detail"] = {"share": 0.5, "n": 36}
    assert hierarchy.lines(settings)[1:] == [
        "The anchor's cone contains the prompt, and the prompt's the image: 25% of 4 pairs; in reversed order: no pair "
        "counts, since a parent is where every cone is saturated.",
        "The more detailed of two held-out prompts of a condition is deeper in 50% of 36 pairs.",
    ]
