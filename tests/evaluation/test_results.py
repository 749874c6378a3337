"""The stored form of an evaluation: what is written is read again, truncated files are, and damage is one sentence."""

import json
import math

import numpy as np
import pytest

from mindaam.errors import InputError
from mindaam.evaluation import results
from mindaam.evaluation.results import Evaluation, load, save
from tests.evaluation.made import made_evaluation


def unfinished(evaluation):
    """The same without what follows from its rows."""
    sets = {name: {"kind": entry["kind"]} for name, entry in evaluation.settings["sets"].items()}
    return evaluation._replace(settings={**evaluation.settings, "sets": sets})


def test_the_means_of_a_finished_evaluation_are_stored_with_it(tmp_path):
    made = made_evaluation()
    save(made, tmp_path)
    found = load(tmp_path)
    for summary in (load(tmp_path).summary(), unfinished(found).summary()):
        assert summary["osie"]["right"]["CC"].mean == made.summary()["osie"]["right"]["CC"].mean
    assert json.dumps(found.conditions()) == json.dumps(unfinished(found).conditions())


def test_a_saved_evaluation_is_read_with_all_digits(tmp_path):
    made = made_evaluation()
    made.rows[0]["CC"] = math.nan
    save(made, tmp_path)
    found = load(tmp_path)
    assert math.isnan(found.rows[0].pop("CC")) and math.isnan(made.rows[0].pop("CC"))
    assert found.rows == made.rows and found.settings["sets"]["avad"]["split"] == "test"
    assert "=V2.mp4" in {row["name"] for row in found.rows}
    assert ",'=V2.mp4," in (tmp_path / results.ROWS).read_text()  # no spreadsheet computes it
    assert json.loads((tmp_path / results.SETTINGS).read_text())["sets"]["maps_only"]["sigma"] is None


@pytest.mark.parametrize("lost", [1, 3, 30])
def test_a_truncated_last_row_is_dropped(tmp_path, lost):
    made = made_evaluation()
    save(made, tmp_path)
    path = tmp_path / results.ROWS
    path.write_bytes(path.read_bytes()[:-lost])
    assert load(tmp_path).rows == made.rows[:-1]


def test_the_summary_is_the_mean_over_the_rows_that_have_a_metric():
    made = unfinished(made_evaluation())
    made.rows[0]["CC"] = math.nan
    mine = [row["CC"] for row in made.rows_of("osie", "right")][1:]
    mean = made.summary()["osie"]["right"]["CC"]
    assert mean.n == 5 and mean.mean == pytest.approx(np.mean(mine), abs=1e-12)
    assert list(made.summary()) == ["osie", "maps_only", "avad"]
    assert list(made.summary()["osie"]) == [role for role in results.ROLES if made.rows_of("osie", role)]
    assert set(made.summary()["maps_only"]["others"]) == {"CC", "SIM", "KLD"}
    assert set(made.conditions()["maps_only"]) == {"count", "judge"}


def test_an_image_under_several_conditions_is_one_of_the_interval():
    def rows(conditions):
        return [
            {"dataset": "a", "name": f"{place}.jpg", "role": "right", "condition": condition, "CC": place / 10}
            for condition in conditions
            for place in range(8)
        ]

    one, four = (Evaluation({"sets": {"a": {}}}, rows(each)).summary()["a"]["right"]["CC"] for each in ("c", "cdef"))
    assert (one.n, four.n) == (8, 32)
    assert four[:3] == pytest.approx(one[:3], abs=1e-12)


def test_a_metric_that_is_undefined_everywhere_has_n_0():
    row = {"dataset": "a", "name": "0.jpg", "role": "right", "condition": "c", "CC": math.nan}
    mean = Evaluation({"sets": {"a": {}}}, [row]).summary()["a"]["right"]["CC"]
    assert mean.n == 0 and math.isnan(mean.mean)


def test_the_spread_of_paraphrases_is_over_the_means_of_prompts():
    rows = [
        {"role": f"paraphrase_{prompt}", "name": str(place), "condition": "c", "CC": value}
        for prompt, values in ((1, (0.2, 0.4)), (2, (0.5, 0.5)))
        for place, value in enumerate(values)
    ]
    assert results.paraphrase_spread(rows) == {"prompts": 2, "std": {"CC": pytest.approx(0.1)}}
    assert results.paraphrase_spread([{"role": "right", "condition": "c", "CC": 1.0}]) is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (results.SETTINGS, None, "contains no evaluation.json"),
        (results.SETTINGS, "{", "cannot be read"),
        (results.SETTINGS, "[]", "not the result of mindaam evaluate"),
        (results.SETTINGS, '{"sets": {"a": null}}', "not the result of mindaam evaluate"),
        (results.ROWS, "a,b\n1,2\n", "other columns"),
        (results.ROWS, ",".join(results.COLUMNS) + "\na,b\nc,d\n", "damaged row"),
        (results.ROWS, ",".join(results.COLUMNS) + "\na,val,b,c,=cmd(),1" + "," * 9 + "\n", "an unknown role '=cmd"),
    ],
)
def test_damage_is_one_sentence(tmp_path, name, content, message):
    save(made_evaluation(), tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        load(tmp_path)


@pytest.mark.parametrize("scores", [[1], {"right": "x"}, {"right": {"CC": 1}}, {"right": {"CC": {"mean": "<b>"}}}])
def test_damaged_scores_are_one_sentence(tmp_path, scores):
    save(made_evaluation(), tmp_path)
    settings = json.loads((tmp_path / results.SETTINGS).read_text())
    settings["sets"]["osie"] |= {"scores": scores, "conditions": {"free_viewing": scores}}
    (tmp_path / results.SETTINGS).write_text(json.dumps(settings))
    found = load(tmp_path)
    for read in (found.summary, found.conditions):
        with pytest.raises(InputError, match="the scores in evaluation.json are damaged"):
            read()
