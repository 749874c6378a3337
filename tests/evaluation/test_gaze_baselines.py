"""The published baselines on real gaze: uniform and centre bias on every val picture, under the `mit` settings.

These figures were computed by other code, so they hold the reader, the blur, the resizing and the metrics together.
"""

import pytest

from mindaam.data import prompts
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.evaluation import baselines, gaze
from mindaam.metrics import MIT

pytestmark = pytest.mark.gaze

# CC, SIM, KLD and, where there are fixations, NSS, AUC-Judd.
UNIFORM = {
    ("osie", "free_viewing"): (0.0, 0.2882, 1.6537, 0.0, 0.5077),
    ("eyecrowd", "free_viewing"): (0.0, 0.3834, 1.2167, 0.0, 0.5003),
    ("scene500", "free_viewing"): (0.0, 0.3507, 1.3185, 0.0, 0.5093),
    ("interiors_search", "visual_search"): (0.0, 0.4594, 0.8936, 0.0, 0.5013),
    ("fiwi", "free_viewing"): (0.0, 0.4149, 1.0802, 0.0, 0.5005),
    ("taskfix", "count_people"): (0.0, 0.1771, 2.1531),
    ("taskfix", "describe_occasion"): (0.0, 0.1806, 2.1643),
    ("taskfix", "free_viewing"): (0.0, 0.1859, 2.1561),
    ("taskfix", "judge_emotion"): (0.0, 0.1628, 2.3340),
}
CENTRE_BIAS = {
    ("osie", "free_viewing"): (0.3111, 0.3731, 1.3062, 0.8540, 0.7389),
    ("eyecrowd", "free_viewing"): (0.4717, 0.5203, 0.7905, 0.9802, 0.7606),
    ("scene500", "free_viewing"): (0.5955, 0.5514, 0.7252, 1.3014, 0.8024),
    ("interiors_search", "visual_search"): (0.5587, 0.6194, 0.5531, 0.8366, 0.7297),
    ("fiwi", "free_viewing"): (0.5011, 0.5392, 0.6892, 0.9585, 0.7532),
    ("taskfix", "count_people"): (0.4015, 0.3366, 1.5671),
    ("taskfix", "describe_occasion"): (0.4504, 0.3558, 1.4605),
    ("taskfix", "free_viewing"): (0.4316, 0.3397, 1.5117),
    ("taskfix", "judge_emotion"): (0.4095, 0.3267, 1.6153),
}
# The shuffled AUC of the centre bias hangs on which other pictures are drawn: 0.5 by construction, give or take.
SHUFFLED = {"osie": 0.4961, "eyecrowd": 0.4902, "scene500": 0.5152, "interiors_search": 0.5008}

FOLDERS = pytest.mark.parametrize("name", ["osie", "eyecrowd", "scene500", "interiors_search", "fiwi", "taskfix"])


def figures(predict_many, folder):
    """{(set, condition): {metric: mean}} with each condition's own sentence."""

    def right(folder, condition):
        return {"right": [prompts.training_prompts(folder.name, condition)[0]]}

    rows = gaze.score_roles(predict_many, folder, right, MIT)
    of = {condition: [row for row in rows if row["condition"] == condition] for condition in folder.conditions}
    return {(folder.name, condition): gaze.means(of[condition]) for condition in folder.conditions}


def assert_close(got, published, tolerance):
    for key, scores in got.items():
        want = dict(zip(gaze.METRICS, published[key], strict=False))
        assert {metric: scores[metric] for metric in want} == pytest.approx(want, abs=tolerance), key


@FOLDERS
def test_uniform(gaze_root, name):
    assert_close(figures(baselines.uniform, GazeFolder(gaze_root / name, "val")), UNIFORM, 1e-3)


@FOLDERS
def test_centre_bias(gaze_root, name):
    bias = baselines.CenterBias(GazeFolder(gaze_root / name, "train"))
    got = figures(bias, GazeFolder(gaze_root / name, "val"))
    assert_close(got, CENTRE_BIAS, 5e-3)
    if name in SHUFFLED:
        assert got[next(iter(got))]["sAUC"] == pytest.approx(SHUFFLED[name], abs=1e-3)
