"""Learning rates: the reference's numbers, PyTorch's one-cycle numbers, and what holds by construction."""

from pathlib import Path

import numpy as np
import pytest

from mindaam.errors import ConfigError
from mindaam.schema import validate
from mindaam.training.optim.schedule import ScheduleConfig, cosine, cosine_epochs, one_cycle, rate_at

GOLDEN = Path(__file__).parents[1] / "goldens" / "optim.npz"  # "rates": 45 epochs of the reference's scheduler
PAPER = {"kind": "cosine_epochs", "learning_rate": 3e-4, "final_rate": 1e-5}
# CosineAnnealingLR of PyTorch, T_max = 10, eta_min = 1e-5, from 3e-4: the rate of each of the first 31 epochs, by its
# formula eta_min + (3e-4 - eta_min) (1 + cos(pi epoch / T_max)) / 2
ANNEALED = [
    3e-04, 2.929031949e-04, 2.723074642e-04, 2.402288616e-04, 1.998074642e-04, 1.55e-04, 1.101925358e-04,
    6.977113841e-05, 3.769253582e-05, 1.709680514e-05,
]  # fmt: skip
ANNEALED = [*ANNEALED, 1e-05, *ANNEALED[:0:-1], *ANNEALED, 1e-05]
# OneCycleLR of PyTorch, max_lr 3e-4: {(steps, rise, anneal): a rate a step}
ONE_CYCLE = {
    (10, 0.3, "cosine"): [
        1.2e-05, 1.56e-04, 3e-04, 2.8514539e-04, 2.43523696e-04, 1.83378607e-04, 1.16622593e-04, 5.64775038e-05,
        1.48558104e-05, 1.2e-09,
    ],
    (10, 0.45, "linear"): [
        1.2e-05, 9.42857143e-05, 1.76571429e-04, 2.58857143e-04, 2.72727382e-04, 2.18182145e-04, 1.63636909e-04,
        1.09091673e-04, 5.45464364e-05, 1.2e-09,
    ],
    (3, 0.3, "cosine"): [2.98324631e-04, 1.38791131e-04, 1.2e-09],
}  # fmt: skip


def rates(count, steps_per_epoch=1, steps=None, **values):
    config = ScheduleConfig(**values)
    return [rate_at(config, k, epoch=k // steps_per_epoch, steps=steps or count) for k in range(count)]


def test_the_released_schedule_equals_the_reference_for_45_epochs():
    golden = np.load(GOLDEN, allow_pickle=False)["rates"]
    np.testing.assert_allclose(rates(45, **PAPER, afterwards="climb"), golden, rtol=1e-6)
    assert golden[20] == pytest.approx(3e-4) and golden[10] == pytest.approx(1e-5)  # the numbers are cyclic


def test_the_papers_schedule_equals_the_reference_for_ten_epochs_and_stays():
    golden = np.load(GOLDEN, allow_pickle=False)["rates"]
    ours = rates(45, **PAPER)
    np.testing.assert_allclose(ours[:11], golden[:11], rtol=1e-6)
    np.testing.assert_allclose(ours[10:], 1e-5, rtol=1e-12)


def test_a_cosine_that_climbs_is_pytorchs_and_thirty_epochs_of_it_end_in_a_trough():
    ours = rates(31, **PAPER, afterwards="climb")
    np.testing.assert_allclose(ours, ANNEALED, rtol=1e-8)
    assert len(ANNEALED) == 31 and ours[20] == 3e-4 and ours[30] == pytest.approx(1e-5) == ours[10]
    assert ours[29] < 2e-5 < ours[28]  # the last epochs of thirty


def test_a_rate_by_epochs_is_the_same_for_all_steps_of_an_epoch():
    ours = rates(12, steps_per_epoch=4, **PAPER)
    assert [len(set(ours[k : k + 4])) for k in (0, 4, 8)] == [1, 1, 1] and len(set(ours)) == 3


def test_the_rate_repeats_every_two_periods_when_it_climbs():
    for epoch in range(20):
        once, again = (cosine_epochs(e, 10, 3e-4, 1e-5, climb=True) for e in (epoch, epoch + 20))
        assert again == pytest.approx(once, rel=1e-9)


@pytest.mark.parametrize(("steps", "rise", "anneal"), ONE_CYCLE)
def test_one_cycle_equals_pytorchs(steps, rise, anneal):
    ours = [one_cycle(k, steps, 3e-4, rise=rise, anneal=anneal) for k in range(steps)]
    np.testing.assert_allclose(ours, ONE_CYCLE[steps, rise, anneal], rtol=1e-7)


@pytest.mark.parametrize("steps", [1, 2, 10, 20])
def test_one_cycle_is_defined_for_any_length_and_beyond_its_end(steps):
    ours = [one_cycle(k, steps, 1.0, rise=0.1) for k in range(steps + 3)]  # with 10 steps the top is step 0
    assert all(0 < rate <= 1 for rate in ours)
    assert ours[steps - 1 :] == [pytest.approx(1 / 25e4)] * 4


def test_one_cycle_is_chosen_by_configuration():
    values = {"kind": "one_cycle", "learning_rate": 0.5, "rise": 0.5, "start_divisor": 5, "final_divisor": 2}
    ours = rates(10, **values)
    assert ours[0] == pytest.approx(0.1) and max(ours) == ours[4] == pytest.approx(0.5)
    assert ours[-1] == pytest.approx(0.05)


def test_cosine_rises_evenly_then_falls_from_start_to_end():
    ours = [cosine(step, 100, 1e-2, 1e-4, warmup=10) for step in range(101)]
    np.testing.assert_allclose(ours[:10], 1e-2 * np.arange(1, 11) / 10)
    assert ours[10] == pytest.approx(1e-2) and ours[100] == pytest.approx(1e-4)
    assert ours[55] == pytest.approx((1e-2 + 1e-4) / 2)
    assert all(later < earlier for earlier, later in zip(ours[10:], ours[11:], strict=False))


def test_a_run_shorter_than_its_warmup_only_rises():
    assert [cosine(step, 2, 1.0, 0.0, warmup=4) for step in range(3)] == [0.25, 0.5, 0.75]


def test_cosine_by_configuration_does_not_climb_beyond_its_end():
    ours = rates(14, steps=10, kind="cosine", learning_rate=1.0, final_rate=0.1)
    assert ours[10:] == [pytest.approx(0.1)] * 4


@pytest.mark.parametrize("kind", ["constant", "cosine_epochs", "cosine"])
def test_warmup_rises_evenly_to_the_highest_rate(kind):
    ours = rates(6, steps_per_epoch=100, steps=600, kind=kind, learning_rate=2.0, warmup_steps=4)
    np.testing.assert_allclose(ours[:4], [0.5, 1.0, 1.5, 2.0])
    assert ours[4] == pytest.approx(2.0)


def test_a_constant_rate_is_constant():
    assert set(rates(5, kind="constant", learning_rate=0.3)) == {0.3}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "cosin_epochs"}, "kind"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"final_rate": 1.0}, "final_rate 1.0 is above learning_rate 0.0003"),
        ({"peroid": 3}, 'did you mean "period"'),
        ({"rise": 1.0}, "rise"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        validate(ScheduleConfig, {**PAPER, **changes}, "small.yaml")
