"""Scoring of gaze folders: what the model is shown and asked, and how its scores are put together."""

import csv
import gzip
import json

import numpy as np
import pytest
from PIL import Image

from mindaam import metrics
from mindaam.data import prompts
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.data.datasets.readers.sample import prompt_of
from mindaam.errors import InputError
from mindaam.evaluation import baselines, gaze

WIDE, HIGH = 600, 420


def write_folder(root, name, conditions, splits, size):
    names = [each for split in splits.values() for each in split]
    (root / "stimuli").mkdir(parents=True)
    for shade, each in enumerate(names):
        Image.new("RGB", size, (shade * 20, 90, 120)).save(root / "stimuli" / each, quality=95)
    meta = {
        "name": name,
        "conditions": {each: each for each in conditions},
        "images": {each: {"size": list(size)} for each in names},
    }
    (root / "meta.json").write_text(json.dumps(meta))
    (root / "splits.json").write_text(json.dumps(splits))


@pytest.fixture
def tasks(tmp_path):
    """Two pictures under two tasks, as density maps: a blob on the left for one task, on the right for the other."""
    root = tmp_path / "taskfix"
    write_folder(root, "taskfix", ["count_people", "judge_emotion"], {"val": ["a.jpg", "b.jpg"]}, (64, 48))
    for condition, column in (("count_people", 12), ("judge_emotion", 40)):
        (root / "maps" / condition).mkdir(parents=True)
        for row, stem in ((10, "a"), (30, "b")):
            density = np.zeros((48, 64), np.uint8)
            density[row : row + 9, column : column + 9] = 200
            Image.fromarray(density).save(root / "maps" / condition / f"{stem}.png")
    return GazeFolder(root, "val")


def write_fixations(root, splits, name="osie"):
    write_folder(root, name, ["free_viewing"], splits, (WIDE, HIGH))
    draw = np.random.default_rng(0)
    with gzip.open(root / "fixations.csv.gz", "wt", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["image", "subject", "condition", "x", "y", "order", "t_ms", "duration_ms"])
        for each in (each for split in splits.values() for each in split):
            for x, y in draw.random((20, 2)) * (WIDE, HIGH):
                rows.writerow([each, "s1", "free_viewing", f"{x:.2f}", f"{y:.2f}", 1, "", ""])


@pytest.fixture
def viewing(tmp_path):
    """Three pictures with fixations: two to train on, one to score."""
    write_fixations(tmp_path / "osie", {"train": ["a.jpg", "b.jpg"], "val": ["c.jpg"]})
    return GazeFolder(tmp_path / "osie", "val")


class Oracle:
    """Answers a task's own sentence with that task's true map, any other sentence with a uniform one."""

    def __init__(self, folder):
        self.folder, self.calls = folder, []

    def __call__(self, image, sentences):
        picture = len(self.calls)
        self.calls.append(list(sentences))
        truths = {
            prompt_of(self.folder, index): self.folder.density(index)
            for index, (name, _) in enumerate(self.folder.entries)
            if name == "ab"[picture] + ".jpg"
        }
        return [truths.get(sentence, np.ones(image.shape[:2])) for sentence in sentences]


def test_each_picture_is_shown_once_with_every_sentence_once(tasks):
    oracle = Oracle(tasks)
    gaze.evaluate_model(oracle, [tasks])
    assert len(oracle.calls) == 2
    expected = {prompts.generic_prompt()}
    for condition in tasks.conditions:
        expected |= {prompts.training_prompts("taskfix", condition)[0], prompts.held_out_prompt("taskfix", condition)}
    for asked in oracle.calls:
        assert len(asked) == len(set(asked))
        assert set(asked) == expected


def test_a_folders_own_sentences_are_asked(tasks):
    meta = json.loads((tasks.root / "meta.json").read_text())
    meta["sentences"] = {"count_people": ["A viewer counts.", "Somebody counts."]}
    (tasks.root / "meta.json").write_text(json.dumps(meta))
    folder = GazeFolder(tasks.root, "val")
    roles = gaze.swap_roles(folder, "count_people")
    assert roles["right"] == ["A viewer counts."] and "held_out" not in roles
    assert gaze.swap_roles(folder, "judge_emotion")["others"] == ["A viewer counts."]
    scores = gaze.evaluate_model(Oracle(folder), [folder])
    assert "held_out" not in scores["sets"]["taskfix"]["conditions"]["count_people"] and gaze.markdown(scores)


def test_roles_score_the_sentences_they_name(tasks):
    part = gaze.evaluate_model(Oracle(tasks), [tasks])["sets"]["taskfix"]
    assert (part["pictures"], part["pairs"], part["split"]) == (2, 4, "val")
    assert part["scores"]["right"]["CC"] == pytest.approx(1, abs=1e-6)
    assert part["scores"]["right"]["SIM"] == pytest.approx(1, abs=1e-6)
    swapped = metrics.cc(tasks.density(0), tasks.density(2))  # the same picture under the other task
    assert part["scores"]["others"]["CC"] == pytest.approx(swapped, abs=1e-6)
    assert part["scores"]["generic"]["CC"] == part["scores"]["held_out"]["CC"] == 0
    assert set(part["conditions"]) == {"count_people", "judge_emotion"}
    assert part["conditions"]["judge_emotion"]["right"]["CC"] == pytest.approx(1, abs=1e-6)


def test_others_is_the_mean_of_all_other_sentences_scores(tasks):
    maps = {"x": np.ones((48, 64)), "y": tasks.density(0)}

    def predict_many(image, sentences):
        return [maps[sentence] for sentence in sentences]

    rows = gaze.score_roles(predict_many, tasks, lambda folder, condition: {"others": ["x", "y"]})
    assert [row["role"] for row in rows] == ["others"] * 4
    own = next(row for row in rows if (row["image"], row["condition"]) == tasks.entries[0])
    assert own["CC"] == pytest.approx((0 + 1) / 2, abs=1e-6)


def test_rows_and_means_are_json_and_agree(tasks):
    report = json.loads(json.dumps(gaze.evaluate_model(Oracle(tasks), [tasks]), allow_nan=False))
    rows = [row for row in report["rows"] if row["role"] == "others"]
    assert {(row["image"], row["condition"]) for row in rows} == set(tasks.entries)
    assert np.mean([row["CC"] for row in rows]) == pytest.approx(report["sets"]["taskfix"]["scores"]["others"]["CC"])
    assert not {"NSS", "AUC_Judd", "sAUC"} & set(rows[0])


def score(predict, folder, prompt=None, settings=metrics.PAPER):
    """(means, rows) of one prediction for each entry; prompt: of all entries, None for each condition's own."""
    rows = gaze.score_roles(
        lambda image, prompts: [predict(image, each) for each in prompts],
        folder,
        lambda folder, condition: {"right": [prompt or folder.prompts.of(condition)[0]]},
        settings,
    )
    return gaze.means(rows), rows


def test_pictures_are_shown_as_stored_and_maps_of_any_size_are_compared_at_400_pixels(viewing):
    shown = []

    def predict(image, sentence):
        shown.append((image.shape, image.dtype, sentence))
        return np.tile(np.linspace(0, 1, 30), (20, 1))

    scores, rows = score(predict, viewing)
    assert shown == [((HIGH, WIDE, 3), np.uint8, prompts.training_prompts("osie", "free_viewing")[0])]
    assert list(scores) == list(gaze.METRICS)
    assert len(rows) == 1
    ramp = np.tile(np.linspace(0, 1, 400), (280, 1))
    assert scores["CC"] == pytest.approx(metrics.cc(ramp, viewing.density(0, (280, 400))), abs=1e-3)
    scaled = viewing.fixations(0) * (400 / WIDE)
    assert scores["NSS"] == pytest.approx(metrics.nss(ramp, scaled), abs=1e-2)


def test_a_given_sentence_replaces_the_conditions_own(viewing):
    asked = []

    def predict(image, sentence):
        asked.append(sentence)
        return np.ones((4, 4))

    score(predict, viewing, "Someone looks.")
    assert asked == ["Someone looks."]


def test_settings_choose_the_metrics_variant(viewing):
    def predict(image, sentence):
        return 5 + np.tile(np.linspace(0, 1, 400), (280, 1))

    paper, _ = score(predict, viewing)
    mit, _ = score(predict, viewing, settings=metrics.MIT)
    assert abs(paper["SIM"] - mit["SIM"]) > 1e-3
    assert paper["CC"] == mit["CC"]


def test_one_condition_has_nothing_to_swap(viewing):
    report = gaze.evaluate_model(baselines.uniform, [viewing])
    assert list(report["sets"]["osie"]["scores"]) == ["right", "generic", "held_out"]
    assert "CC of the right prompt" not in gaze.markdown(report)


def test_without_a_train_split_there_is_no_shuffled_auc(tmp_path):
    write_fixations(tmp_path / "osie", {"val": ["c.jpg"]})
    scores, _ = score(lambda image, sentence: np.ones((4, 4)), GazeFolder(tmp_path / "osie", "val"))
    assert list(scores) == ["CC", "SIM", "KLD", "NSS", "AUC_Judd"]


def test_a_map_that_is_not_finite_is_named(viewing):
    with pytest.raises(InputError, match="predicted for c.jpg .* not finite"):
        score(lambda image, sentence: np.full((4, 4), np.nan), viewing)


def test_a_predictor_must_answer_every_sentence(tasks):
    with pytest.raises(ValueError, match="zip"):
        gaze.evaluate_model(lambda image, sentences: [np.ones((4, 4))], [tasks])


def test_a_picture_that_fails_is_left_out_where_that_is_asked_for(tasks):
    def fails(image, sentences, asked=[]):  # noqa: B006 - counts
        asked.append(None)
        if len(asked) == 1:
            raise RuntimeError("of a decoder")
        return [np.ones((10, 10)) for _ in sentences]

    left = []
    rows = gaze.score_roles(fails, tasks, left_out=lambda name, error: left.append((name, str(error))))
    pictures = {name for name, _ in tasks.entries}
    assert len(left) == 1 and left[0][1] == "of a decoder" and {row["image"] for row in rows} == pictures - {left[0][0]}


def test_progress_sees_each_picture(tasks):
    seen = []

    def progress(pictures):
        for each in pictures:
            seen.append(each[0])
            yield each

    gaze.evaluate_model(Oracle(tasks), [tasks], progress=progress)
    assert seen == ["a.jpg", "b.jpg"]


def test_the_table_has_a_row_for_each_set_role_and_condition(tasks, viewing):
    table = gaze.markdown(gaze.evaluate_model(lambda image, texts: [np.ones((4, 4)) for _ in texts], [tasks, viewing]))
    lines = table.splitlines()
    assert lines[0].count("|") == lines[1].count("|") == lines[2].count("|") == 10
    assert sum(line.startswith("| taskfix |") for line in lines) == 4
    assert sum(line.startswith("| taskfix: judge_emotion |") for line in lines) == 4
    assert sum(line.startswith("| osie") for line in lines) == 3
    assert "taskfix: CC of the right prompt +0.0000 against others, +0.0000 against generic." in lines


def test_centre_bias_is_the_mean_training_density(tasks):
    bias = baselines.CenterBias(tasks)
    own, other = prompt_of(tasks, 0), "A sentence of no condition."
    maps = dict(zip((own, other), bias(np.zeros((48, 64, 3), np.uint8), [own, other]), strict=True))
    assert maps[own].shape == (48, 64)
    np.testing.assert_allclose(maps[own], (tasks.density(0) + tasks.density(1)) / 2, atol=2e-3)
    everything = np.mean([tasks.density(index) for index in range(4)], axis=0)
    np.testing.assert_allclose(maps[other], everything, atol=2e-3)
    assert maps[own].sum() == pytest.approx(1, abs=1e-5)


def test_a_set_of_the_corpus_is_scored_with_its_mismatched_sentence_too():
    from mindaam.data.prompts import corpus
    from mindaam.evaluation.gaze import swap_roles
    from tests.data.prompts.test_prompting import Reader

    own = {"free_viewing": ["My own words."]}
    assert swap_roles(Reader("salicon"), "free_viewing")["mismatched"] == [corpus.mismatched("salicon")]
    assert "mismatched" not in swap_roles(Reader("salicon", own=own), "free_viewing")


def test_the_granularities_of_a_model_choose_the_sentences_of_every_role():
    from mindaam.data.prompts import corpus
    from mindaam.data.prompts.prompting import Prompting
    from mindaam.evaluation.gaze import swap_roles
    from tests.data.prompts.test_prompting import Reader

    reader = Reader("salicon")
    found = swap_roles(reader, "free_viewing", Prompting("G3"))
    assert found["right"] == [corpus.prompt("salicon", "G3")]
    assert found["held_out"] == [corpus.held_out("salicon", "G3")]
    assert found["mismatched"] == [corpus.mismatched("salicon", "G3")]
    none = swap_roles(reader, "free_viewing", Prompting("G4", {"salicon": "none"}, "Nothing was asked."))
    assert none["right"] == ["Nothing was asked."] and set(none) == {"right", "generic"}
    tasks = Reader("mine", conditions=("count_people", "judge_emotion"))
    assert set(swap_roles(tasks, "count_people", Prompting("none"))) == {"right", "generic", "held_out"}
    assert "others" in swap_roles(tasks, "count_people", Prompting("G4"))
