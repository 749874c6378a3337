"""Sampling: the ratio, one condition a batch, nothing lost or doubled, the same for every world, resumed as if never
stopped."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mindaam.data.sampling.plan import (
    ClipBatch,
    ImageBatch,
    SamplerState,
    draw,
    in_due_order,
    make_plan,
    prompt_choice,
    steps_in,
)
from mindaam.data.sampling.strata import SamplingConfig, Stratum
from mindaam.errors import ConfigError

CORPUS = (
    Stratum("osie", "image", "free_viewing", 70),
    Stratum("cocosearch", "image", "search_mug", 45),
    Stratum("cocosearch", "image", "search_fork", 30),
    Stratum("ucf", "video", "recognise_actions", (60, 45, 20, 99, 30)),
    Stratum("dhf1k", "video", "free_viewing", tuple(range(80, 95))),
    Stratum("diem", "audio_video", "free_viewing", (100, 120, 90)),
)
CONFIG = SamplingConfig(batch_size=8, clips=8, clip=8, audio_visual_after=2, seed=5)
KEYS = {(stratum.set, stratum.condition): stratum for stratum in CORPUS}


def config(**changes):
    return CONFIG.model_copy(update=changes)


def epoch_of(plan, epoch, **where):
    return [draw(plan, epoch, step, **where) for step in range(steps_in(plan, epoch))]


def walk(plan, state, count):
    """The next `count` draws, and the state after them."""
    seen = []
    for _ in range(count):
        seen.append(draw(plan, *state))
        state = state.advance(plan)
    return seen, state


@settings(deadline=None, max_examples=40)
@given(st.floats(0.05, 0.95), st.integers(1, 60), st.integers(1, 6))
def test_the_ratio_of_pictures_to_films_holds_in_every_stretch_of_steps(share, steps, epochs):
    plan = make_plan(CORPUS, config(image_share=share, steps=steps))
    is_image = [isinstance(seen, ImageBatch) for epoch in range(epochs) for seen in epoch_of(plan, epoch)]
    drift = np.cumsum([0, *is_image]) - share * np.arange(len(is_image) + 1)
    assert drift.max() - drift.min() < 1 + 1e-9  # the difference of any two is that of the stretch between them


def test_four_picture_steps_go_with_six_film_steps():
    plan = make_plan(CORPUS, config(steps=10))
    for epoch in range(4):
        assert Counter(type(seen) for seen in epoch_of(plan, epoch)) == {ImageBatch: 4, ClipBatch: 6}


def test_a_batch_is_of_one_set_and_one_condition_and_always_as_large():
    plan = make_plan(CORPUS, CONFIG)
    seen = [each for epoch in range(4) for each in epoch_of(plan, epoch)]
    assert {(each.set, each.condition) for each in seen} == set(KEYS)
    for each in seen:
        stratum = KEYS[each.set, each.condition]
        if isinstance(each, ImageBatch):
            assert stratum.modality == "image" and len(each.entries) == len(each.mirrored) == 8
            assert all(0 <= entry < stratum.members for entry in each.entries)
        else:
            assert stratum.modality != "image" and len(each.clips) == 8
            for clip in each.clips:
                assert len(clip.frames) == 8 and min(clip.frames) >= 0
                assert max(clip.frames) < stratum.members[clip.entry]


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 60), st.integers(1, 16), st.integers(0, 2**32 - 1))
def test_no_picture_comes_again_before_all_have_come_as_often(count, batch_size, seed):
    strata = [Stratum("a", "image", "free", count), Stratum("b", "image", "free", 37)]
    plan = make_plan(strata, config(batch_size=batch_size, seed=seed))
    drawn = [e for epoch in range(5) for b in epoch_of(plan, epoch) if b.set == "a" for e in b.entries]
    for start in range(0, len(drawn) - count + 1, count):
        assert sorted(drawn[start : start + count]) == list(range(count))
    assert len(set(drawn[len(drawn) // count * count :])) == len(drawn) % count


def test_no_film_comes_again_before_all_have_come_as_often():
    plan = make_plan(CORPUS, config(short="leave_out", clip=25, strides=(1,)))  # one film of ucf is too short
    drawn = [c.entry for epoch in range(9) for b in epoch_of(plan, epoch) if b.set == "ucf" for c in b.clips]
    assert len(drawn) > 40
    for start in range(0, len(drawn) - 3, 4):
        assert sorted(drawn[start : start + 4]) == [0, 1, 3, 4]


def test_cycles_and_epochs_have_different_orders():
    plan = make_plan([Stratum("a", "image", "free", 64)], config(seed=1))
    cycles = [tuple(e for b in epoch_of(plan, epoch) for e in b.entries) for epoch in range(3)]
    assert [sorted(cycle) for cycle in cycles] == [list(range(64))] * 3
    assert len(set(cycles)) == 3
    other = make_plan([Stratum("a", "image", "free", 64)], config(seed=2))
    assert tuple(e for b in epoch_of(other, 0) for e in b.entries) != cycles[0]


@pytest.mark.parametrize("world", [1, 2, 4, 8])
def test_the_ranks_parts_are_the_batch_of_one_rank_without_overlap_or_loss(world):
    plan = make_plan(CORPUS, CONFIG)
    for step in range(steps_in(plan, 2)):
        whole = draw(plan, 2, step)
        parts = [draw(plan, 2, step, rank, world) for rank in range(world)]
        assert {part[:2] for part in parts} == {whole[:2]}
        assert tuple(sum(values, ()) for values in zip(*(part[2:] for part in parts), strict=True)) == whole[2:]
        choice = prompt_choice(plan, 2, step, 9)
        assert sum((prompt_choice(plan, 2, step, 9, rank=r, world=world) for r in range(world)), ()) == choice


def test_any_step_can_be_drawn_without_those_before_it():
    forwards = epoch_of(make_plan(CORPUS, CONFIG), 3)
    fresh = make_plan(CORPUS[::-1], CONFIG)  # in whichever order the strata are listed
    backwards = [draw(fresh, 3, step) for step in reversed(range(steps_in(fresh, 3)))]
    assert forwards == backwards[::-1]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 150), st.integers(1, 60))
def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(before, after):
    whole, _ = walk(make_plan(CORPUS, CONFIG), SamplerState(), before + after)
    _, state = walk(make_plan(CORPUS, CONFIG), SamplerState(), before)
    kept = [int(number) for number in state]  # what a checkpoint holds
    resumed, _ = walk(make_plan(CORPUS, CONFIG), SamplerState(*kept), after)
    assert resumed == whole[before:]


def test_films_with_sound_join_in_exactly_their_epoch():
    plan = make_plan(CORPUS, CONFIG)
    assert [any(seen.set == "diem" for seen in epoch_of(plan, epoch)) for epoch in range(5)] == [False] * 2 + [True] * 3
    late = make_plan([stratum._replace(joins=3 * (stratum.set == "ucf")) for stratum in CORPUS], CONFIG)
    assert [any(seen.set == "ucf" for seen in epoch_of(late, epoch)) for epoch in range(5)] == [False] * 3 + [True] * 2


def test_what_joins_does_not_disturb_the_cycles_of_the_others():
    plan = make_plan(CORPUS, CONFIG)
    drawn = [e for epoch in range(8) for b in epoch_of(plan, epoch) if b.set == "osie" for e in b.entries]
    for start in range(0, len(drawn) - 69, 70):
        assert sorted(drawn[start : start + 70]) == list(range(70))


def test_films_with_sound_keep_their_pace_and_direction_and_have_gaze_in_every_frame():
    known = tuple(np.arange(count) % 30 != 29 for count in (100, 120, 90))
    strata = [s._replace(labelled=known) if s.set == "diem" else s for s in CORPUS]
    plan = make_plan(strata, config(rules=CONFIG.model_validate({"rules": {"diem": {"skip": 10}}}).rules))
    clips = [clip for epoch in (2, 3, 4, 5) for b in epoch_of(plan, epoch) if b.set == "diem" for clip in b.clips]
    assert len(clips) > 8
    for clip in clips:
        assert not clip.reversed and not clip.mirrored
        assert set(np.diff(clip.frames)) == {1} and clip.frames[0] >= 10
        assert known[clip.entry][list(clip.frames)].all()


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 300), st.floats(0.1, 4)), min_size=1, max_size=6), st.integers(1, 12))
def test_a_weight_draws_a_set_so_many_times_its_size(sets, epochs):
    strata = [Stratum(f"set{k}", "image", "free", count, weight=k + 1.0) for k, (count, _) in enumerate(sets)]
    weights = {f"set{k}": weight / (k + 1) for k, (_, weight) in enumerate(sets)}  # both together are the weight
    plan = make_plan(strata, config(weights=weights))
    seen = Counter(batch.set for epoch in range(epochs) for batch in epoch_of(plan, epoch))
    total = sum(count * weight / 8 for count, weight in sets)
    assert steps_in(plan, 0) == int(np.ceil(total - 1e-9))
    for k, (count, weight) in enumerate(sets):
        ideal = steps_in(plan, 0) * epochs * (count * weight / 8) / total
        assert abs(seen[f"set{k}"] - ideal) < 1 + len(sets) / 2


def test_an_epoch_shows_each_picture_once_and_as_many_films_as_the_ratio_asks_for():
    plan = make_plan(CORPUS, SamplingConfig(batch_size=5, clip=8))
    seen = epoch_of(plan, 0)
    shown = Counter((b.set, b.condition, e) for b in seen if isinstance(b, ImageBatch) for e in b.entries)
    assert len(shown) == 145 and set(shown.values()) == {1}
    assert len(seen) == 73  # 29 batches of pictures / 0.4, rounded up
    films = make_plan(CORPUS[3:], SamplingConfig(clip=8, rules={"ucf": {"samples": 3}}))
    assert Counter(batch.set for batch in epoch_of(films, 0)) == {"ucf": 15, "dhf1k": 15}


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.integers(0, 400), st.integers(0, 100))
def test_batches_in_due_order_are_the_same_from_wherever_they_are_asked_for(weights, first, count):
    shares = np.array(weights) / sum(weights)
    strata, numbers = in_due_order(shares, 0, first + count)
    for part, whole in zip(in_due_order(shares, first, first + count), (strata, numbers), strict=True):
        assert np.array_equal(part, whole[first:])
    for stratum, share in enumerate(shares):
        assert np.array_equal(numbers[strata == stratum], np.arange((strata == stratum).sum()))
        drift = np.cumsum(strata == stratum) - share * np.arange(1, len(strata) + 1)
        assert np.abs(drift).max(initial=0) < 1 + share * len(shares) / 2


def test_pictures_of_a_set_whose_sides_matter_are_not_mirrored():
    plan = make_plan(CORPUS, SamplingConfig(batch_size=8, clip=8, rules={"osie": {"mirror": False}}))
    seen = [b for epoch in range(40) for b in epoch_of(plan, epoch) if isinstance(b, ImageBatch)]
    assert not any(flag for batch in seen if batch.set == "osie" for flag in batch.mirrored)
    assert abs(np.mean([batch.mirrored for batch in seen if batch.set != "osie"]) - 0.5) < 0.05


def test_sentences_are_drawn_as_often_as_asked():
    plan = make_plan(CORPUS[:1], config(batch_size=512))
    drawn = np.bincount(prompt_choice(plan, 0, 0, 8) + prompt_choice(plan, 1, 0, 8), minlength=8) / 1024
    assert abs(drawn[0] - (0.5 + 0.5 / 8)) < 0.06 and np.abs(drawn[1:] - 0.5 / 8).max() < 0.04
    assert set(prompt_choice(plan, 0, 0, 8, scored_share=1.0)) == {0}
    assert prompt_choice(plan, 0, 0, 8) != prompt_choice(plan, 1, 0, 8)


@pytest.mark.parametrize(
    ("strata", "changes", "message"),
    [
        ([], {}, "there is nothing to draw from; add a set"),
        (CORPUS[:1] * 2, {}, "osie has free_viewing twice; put its members into one stratum"),
        (CORPUS, {"weights": {"osei": 2.0}}, 'unknown dataset "osei" \\(did you mean "osie"'),
        (CORPUS, {"clip": 100}, "dhf1k, .*: no video can be drawn from \\(the first: a clip needs 100 frames, and"),
        ((CORPUS[0]._replace(members=0),), {}, "osie, free_viewing: there is nothing to draw from"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_one_sentence(strata, changes, message):
    with pytest.raises(ConfigError, match=message):
        make_plan(strata, config(**changes))


def test_films_with_sound_that_are_all_there_is_join_at_once():
    plan = make_plan(CORPUS[5:], config(steps=4))
    assert {draw(plan, 0, step).set for step in range(4)} <= {stratum.set for stratum in CORPUS[5:]}


def test_a_configuration_may_name_sets_that_are_known_but_not_there():
    make_plan(CORPUS, config(weights={"salicon": 0.5}), known=("salicon",))


def test_what_cannot_be_shared_or_does_not_exist_is_refused_in_one_sentence():
    plan = make_plan(CORPUS, config(batch_size=6, clips=3, steps=10))
    kinds = {type(draw(plan, 0, step)): step for step in range(10)}
    with pytest.raises(ConfigError, match="batch_size: 6 cannot be shared evenly by 4 ranks; make it a multiple of 4"):
        draw(plan, 0, kinds[ImageBatch], 0, 4)
    with pytest.raises(ConfigError, match="clips: 3 cannot be shared evenly by 2 ranks; make it a multiple of 2"):
        draw(plan, 0, kinds[ClipBatch], 1, 2)
    with pytest.raises(ConfigError, match="there is no rank 2 among 2; ranks count from 0"):
        draw(plan, 0, 0, 2, 2)
    with pytest.raises(ConfigError, match="epoch 1 has no step 10, only 0 to 9"):
        draw(plan, 1, 10)
    with pytest.raises(ConfigError, match="there is no epoch -1; epochs count from 0"):
        draw(plan, -1, 0)
