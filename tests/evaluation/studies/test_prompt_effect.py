"""The effect of a prompt in two parts: their definitions, the separate arguments of the head, resuming, the shares."""

import numpy as np
import pytest

from mindaam.errors import ConfigError, InputError
from mindaam.evaluation.studies import prompt_effect
from mindaam.evaluation.studies.stored_rows import ROWS
from tests.evaluation.hyperbolic.small_predictor import small_predictor

PROMPTS = {"count": "Count the people.", "mood": "Judge the mood."}
IMAGE = np.random.default_rng(0).integers(0, 256, (28, 42, 3), np.uint8)


@pytest.fixture(scope="module")
def predictor():
    return small_predictor()


def test_each_effect_is_the_mean_of_two_total_variations():
    one, two, three, four = (np.array([[each, 1 - each]]) for each in (0.1, 0.2, 0.5, 0.9))
    maps = {("a", "a"): one, ("a", "b"): two, ("b", "a"): three, ("b", "b"): four}
    whole, by_point, by_embedding = prompt_effect.effects(maps, "a", "b")
    assert whole == pytest.approx(0.8)
    assert by_point == pytest.approx(0.5 * (0.1 + 0.4)) and by_embedding == pytest.approx(0.5 * (0.4 + 0.7))


def test_maps_are_scaled_to_sum_1():
    assert prompt_effect.total_variation(np.array([[1.0, 1.0]]), np.array([[3.0, 3.0]])) == 0
    assert prompt_effect.total_variation(np.array([[5.0, 0.0]]), np.array([[0.0, 0.1]])) == 1


def test_embedding_and_point_are_separate_arguments_of_the_head(predictor):
    maps = prompt_effect.Mixed(predictor, PROMPTS).maps(IMAGE)
    assert list(maps) == [("count", "count"), ("count", "mood"), ("mood", "count"), ("mood", "mood")]
    for name, prompt in PROMPTS.items():
        plain = predictor.model.infer_prepared(predictor.prepared(IMAGE), predictor.embed([prompt]))
        np.testing.assert_allclose(maps[name, name], plain.map[0, 0], atol=1e-6)
    different = [np.abs(maps[pair] - maps["count", "count"]).max() for pair in list(maps)[1:]]
    assert min(different) > 1e-5
    video, (parts, size) = predictor.model.video, predictor.prepared(IMAGE)
    embeddings = predictor.embed(list(PROMPTS.values()))
    mixed = video.answer(parts, video.recombined(embeddings[:1], embeddings[1:], size), size)
    own = video.answer(parts, video.condition(embeddings[1:], size), size)
    np.testing.assert_allclose(mixed[2], own[2], atol=1e-6)  # the point is the other prompt's


def begin(settings, folder):
    return prompt_effect.STORED.begin(settings, folder, lambda rows: prompt_effect.complete(rows, settings["prompts"]))


class Reader:
    """Two images under two conditions."""

    name, conditions = "made", ("count", "mood")
    entries = [("1.png", "count"), ("1.png", "mood"), ("2.png", "count"), ("2.png", "mood")]

    def image(self, index):
        return np.roll(IMAGE, index, 1)


def test_an_interrupted_study_is_continued(predictor, tmp_path):
    settings = {"format": 1, "prompts": PROMPTS, "command": "mindaam ..."}
    assert begin(settings, tmp_path) == []
    prompt_effect.rows_of(predictor, Reader(), PROMPTS, tmp_path)
    whole = (tmp_path / ROWS).read_text()
    rows = prompt_effect.STORED.load(tmp_path)
    assert [row["image"] for row in rows] == ["1.png", "2.png"]
    (tmp_path / ROWS).write_text(whole[:-5])  # killed within a row
    kept = begin({**settings, "command": "again"}, tmp_path)
    assert [row["image"] for row in kept] == ["1.png"]
    seen = []
    prompt_effect.rows_of(predictor, Reader(), PROMPTS, tmp_path, {"1.png"}, seen.append)
    assert seen == ["2.png"] and (tmp_path / ROWS).read_text() == whole
    with pytest.raises(ConfigError, match="other settings"):
        begin({**settings, "prompts": {"count": "Another prompt."}}, tmp_path)


def test_shares_are_quotients_of_sums_with_intervals_over_images():
    draw = np.random.default_rng(0)
    rows = []
    for image in range(30):
        for pair in (("a", "b"), ("a", "c")):
            whole = draw.uniform(0.1, 0.3)
            rows.append({"image": str(image), "a": pair[0], "b": pair[1], "d": whole, "d_e": whole, "d_z": whole / 25})
    found = prompt_effect.results(rows)
    assert found["images"] == 30 and found["pairs"] == 2
    for part, value in (("share_z", 0.04), ("share_e", 1.0)):
        each = found["all"][part]
        assert (each["share"], each["low"], each["high"]) == pytest.approx((value, value, value)) and each["n"] == 30
    varied = [row | {"d_z": draw.uniform(0, 0.1) * row["d"]} for row in rows]
    each = prompt_effect.share(varied, "d_z")
    assert each.low < each.share < each.high
    assert each.share == pytest.approx(sum(row["d_z"] for row in varied) / sum(row["d"] for row in varied))
    assert len(prompt_effect.lines(found)) == 4
    with pytest.raises(InputError, match="all prompts are equal"):
        prompt_effect.results([row | {"d": 0.0} for row in rows])
