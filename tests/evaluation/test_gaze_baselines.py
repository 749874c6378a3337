"""The published baselines on real gaze: uniform and center bias on every val image, under the `mit` settings.

These figures were computed by other code, so they hold the reader, the blur, the resizing and the metrics together.
"""

import pytest

from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.evaluation.evaluating import Plan, evaluate
from mindaam.metrics import MIT, PAPER
from mindaam.metrics.protocols import protocol
from tests.evaluation.sets import same

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
CENTER_BIAS = {
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
# The shuffled AUC of the center bias hangs on which other images are drawn: 0.5 by construction, give or take.
SHUFFLED = {"osie": 0.4961, "eyecrowd": 0.4902, "scene500": 0.5152, "interiors_search": 0.5008}

FOLDERS = pytest.mark.parametrize("name", ["osie", "eyecrowd", "scene500", "interiors_search", "fiwi", "taskfix"])


# One half of the viewers predicting the other, with sAUC. FiWI's figures are of a train split of one image more.
PEOPLE = {
    "osie": (0.8707, 0.7171, 0.7828, 3.4351, 0.9265, 0.8792),
    "eyecrowd": (0.7829, 0.6634, 0.9381, 2.1993, 0.8671, 0.7656),
    "scene500": (0.6379, 0.5593, 1.7303, 1.8066, 0.8499, 0.6920),
    "interiors_search": (0.8267, 0.7396, 0.4513, 1.5789, 0.8350, 0.7203),
}

# Maps are compared at a longest side of 400 pixels; the shuffled AUC is the exact one.
SETTINGS = MIT._replace(auc_shuffled=PAPER.auc_shuffled)
PROTOCOL = protocol("paper")._replace(settings=SETTINGS, metrics=("CC", "SIM", "KLD", "NSS", "AUC_Judd", "sAUC"))


@FOLDERS
def test_baselines(gaze_root, name):
    found = evaluate(same((1, 1)), [GazeFolder(gaze_root / name, "val")], Plan(PROTOCOL)).conditions()[name]
    for condition, by_role in found.items():
        for role, published, tolerance in (("uniform", UNIFORM, 1e-3), ("center_bias", CENTER_BIAS, 5e-3)):
            want = dict(zip(PROTOCOL.metrics, published[name, condition], strict=False))
            got = {metric: by_role[role][metric].mean for metric in want}
            assert got == pytest.approx(want, abs=tolerance), (role, condition)
        if name in PEOPLE:
            want = dict(zip(PROTOCOL.metrics, PEOPLE[name], strict=True))
            got = {metric: by_role["people"][metric].mean for metric in want}
            assert got == pytest.approx(want, abs=4e-4)
        if name in SHUFFLED:
            assert by_role["center_bias"]["sAUC"].mean == pytest.approx(SHUFFLED[name], abs=1e-3)
