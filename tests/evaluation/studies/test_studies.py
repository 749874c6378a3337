"""Each study of evaluations whose maps are known, and the files that it is written into."""

import csv
import gzip
import json
import shutil

import numpy as np
import pytest

from mindaam import metrics
from mindaam.data import prompts
from mindaam.data.datasets.readers.gaze_folder import GazeFolder
from mindaam.errors import InputError
from mindaam.evaluation.evaluating import evaluate
from mindaam.evaluation.studies import condition_swap, granularity, paraphrases, task_matrix, zero_shot
from mindaam.evaluation.studies.study import COLUMNS, write
from tests.evaluation.made import made_evaluation
from tests.evaluation.sets import PLAN, Oracle, Source, write_folder

SWAP = PLAN._replace(prompts=condition_swap.REQUESTS)


def numbers(study):
    """{(value, metric, condition): (mean, low, high, n)} of the records of a study."""
    return {
        (each["value"], each["metric"], each["condition"]): tuple(each[key] for key in COLUMNS[4:])
        for each in study.records
    }


@pytest.fixture
def swap(tasks):
    """The condition swap of a source that returns the ground truth of the matching prompt alone."""
    return condition_swap.study([evaluate(Oracle(), [tasks], SWAP)])


def test_correct_prompts_are_compared_with_all_others(swap, tasks):
    found = numbers(swap)
    assert found["right", "CC", ""][0] == pytest.approx(1, abs=1e-6) and found["generic", "CC", ""][0] == 0
    crossed = metrics.cc(tasks.density(0), tasks.density(2))
    assert found["right - others", "CC", ""][0] == pytest.approx(1 - crossed, abs=1e-6)
    assert found["right - generic", "CC", ""][3] == 4 and ("right - mismatched", "CC", "") not in found
    _, differences, *_ = swap.tables
    assert [line[1:4] for line in differences.rows][0] == ["correct − none (G1)", 4, "higher"]


def test_a_matrix_has_a_score_for_each_prompt_under_each_task(swap, tasks):
    found = numbers(swap)
    one, other = tasks.conditions
    crossed = metrics.cc(tasks.density(0), tasks.density(2))
    for beginning in ("condition_", "people_"):  # the oracle's maps are those of people
        assert found[f"{beginning}{one}", "CC", one][0] == pytest.approx(1, abs=1e-6)
        assert found[f"{beginning}{one}", "CC", other][0] == pytest.approx(crossed, abs=1e-6)
        assert found[f"{beginning}{other}", "CC", one][3] == 2
    assert found["model: matching - others", "CC", ""][0] == pytest.approx(1 - crossed, abs=1e-6)
    titles = [each.title for each in swap.tables[2:]]
    assert titles[0] == "taskfix: CC, prompt × task" and titles[-1] == "taskfix: contrast of tasks"
    assert {line[0] for line in swap.tables[-1].rows} == {"model"}  # maps that predict themselves have no contrast
    assert [line[-1] for line in swap.tables[-1].rows] == ["100.0 %"] * len(swap.tables[-1].rows)
    assert task_matrix.MAPS in next(each.notes for each in swap.tables if "CC, people" in each.title)


def viewed_by(root, place):
    """Two images under two tasks. place: (condition, number of a viewer) -> (name of the viewer, x)."""
    write_folder(root, "taskfix", ["count_people", "judge_emotion"], {"val": ["a.jpg", "b.jpg"]}, (64, 48))
    meta = json.loads((root / "meta.json").read_text())
    (root / "meta.json").write_text(json.dumps({**meta, "px_per_degree_stored": 4}))
    with gzip.open(root / "fixations.csv.gz", "wt", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["image", "subject", "condition", "x", "y", "order", "t_ms", "duration_ms"])
        for name in ("a.jpg", "b.jpg"):
            for condition in ("count_people", "judge_emotion"):
                for number in range(4):
                    viewer, column = place(condition, number)
                    for x, y in np.random.default_rng(number).normal((column, 24), 3, (6, 2)):
                        table.writerow([name, viewer, condition, x, y, 1, "", ""])
    return GazeFolder(root, "val")


@pytest.fixture
def viewed(tmp_path):
    """Four viewers for each task, who look to the left under one and to the right under the other."""
    return viewed_by(
        tmp_path / "taskfix", lambda task, number: (f"{task}{number}", 14 if task == "count_people" else 48)
    )


def test_where_viewers_are_kept_apart_half_of_them_predicts_the_other_half(viewed):
    study = condition_swap.study([evaluate(Oracle(), [viewed], SWAP)])
    found = numbers(study)
    assert 0.6 < found["people_count_people", "CC", "count_people"][0] < 1
    assert found["people_count_people", "CC", "judge_emotion"][0] < 0 < found["people: matching - others", "CC", ""][0]
    own = numbers(zero_shot.study([evaluate(Oracle(), [viewed], SWAP)]))["people", "CC", ""][0]
    diagonal = [found[f"people_{each}", "CC", each][0] for each in viewed.conditions]
    assert np.mean(diagonal) == pytest.approx(own)  # the diagonal is the baseline `people`
    assert task_matrix.HALVES in next(each.notes for each in study.tables if "CC, people" in each.title)


def test_nobody_predicts_themselves_under_another_task(tmp_path):
    """The same viewers under both tasks, each looking at a place of their own: all cells of the matrix are the same."""
    reader = viewed_by(tmp_path / "taskfix", lambda task, number: (f"s{number}", 8 + 16 * number))
    found = numbers(condition_swap.study([evaluate(Oracle(), [reader], SWAP)]))
    tasks = reader.conditions
    [one] = {round(found[f"people_{a}", "CC", b][0], 9) for a in tasks for b in tasks}
    assert one < 0.3


def test_paraphrases_have_the_standard_deviation_of_their_means(viewing, tasks):
    pool = [*prompts.training_prompts("osie", "free_viewing"), prompts.held_out_prompt("osie", "free_viewing")]
    ramp = np.tile(np.linspace(1, 2, 60, dtype=np.float32), (42, 1))

    def maps(image, texts):
        return [ramp if text == pool[-1] else ramp[:, ::-1] for text in texts]

    evaluation = evaluate(Source(maps), [viewing, tasks], PLAN._replace(prompts=paraphrases.REQUESTS))
    [table], found = paraphrases.study([evaluation]).tables, numbers(paraphrases.study([evaluation]))
    values = [row["CC"] for row in evaluation.rows_of("osie") if row["role"].startswith("paraphrase_")]
    assert len(values) == len(pool) and len(set(values)) == 2
    osie = next(line for line in table.rows if line[0] == "OSIE")
    assert osie[1:5] == ["all", "CC", len(pool), 1] and osie[5] == f"{np.std(values):.4f}" and osie[6] == "undecided"
    assert found["standard deviation over paraphrases", "CC", "count_people"][0] == 0
    assert {line[1] for line in table.rows if line[0] == "taskfix"} == {"all", *tasks.conditions}
    assert next(line for line in table.rows if line[0] == "taskfix")[6] == "yes"


def test_granularities_are_compared_by_the_means_over_their_pools(viewing):
    def maps(image, texts):
        """The longer the prompt, the more the map rises to the right."""
        return [np.tile(1 + len(text) * np.linspace(0, 1, 60, dtype=np.float32) ** 2, (42, 1)) for text in texts]

    plan = PLAN._replace(prompts=granularity.REQUESTS, granularity=("G1", "G2", "G3", "G4"))
    evaluation = evaluate(Source(maps), [viewing], plan)
    study = granularity.study([evaluation])
    found = numbers(study)
    values = [row["KLD"] for row in evaluation.rows if row["role"].startswith("G4_")]
    assert len(values) == 9 and found["pool G4", "KLD", ""][0] == pytest.approx(np.mean(values))
    assert found["G4", "KLD", ""][0] == values[0]
    step = found["pool G4", "KLD", ""][0] - found["pool G1", "KLD", ""][0]
    assert found["G4 - G1", "KLD", ""][0] == pytest.approx(step) and step > 0
    published = [line for line in study.tables[0].rows if line[2] == "published"]
    assert [line[1] for line in published] == ["G1", "G2", "G3", "G4"] and published[3][5] == "0.883"


def test_without_training_a_model_is_compared_with_baselines(viewing):
    evaluation = evaluate(Oracle(), [viewing], PLAN._replace(prompts=zero_shot.REQUESTS))
    study = zero_shot.study([evaluation])
    found = numbers(study)
    assert found["right", "CC", ""][0] == pytest.approx(1, abs=1e-3)
    bias = found["right", "CC", ""][0] - found["center_bias", "CC", ""][0]
    assert found["right - center_bias", "CC", ""][0] == pytest.approx(bias)
    avad = zero_shot.study([made_evaluation()]).tables[0].rows
    assert [line[1:3] for line in avad if line[0] == "AVAD"][-1] == ["Zero-shot, w/o Text", "published"]


def test_what_an_evaluation_lacks_is_named(viewing, tmp_path):
    evaluation = evaluate(Oracle(), [viewing], PLAN._replace(prompts=("generic",)))
    for study, options in (
        (condition_swap, "--prompts wrong"),
        (paraphrases, "--prompts paraphrases"),
        (granularity, "--prompts pools --granularity G1"),
    ):
        with pytest.raises(InputError, match=f"no scores of the requested prompts; evaluate with .*{options}"):
            study.study([evaluation])
    with pytest.raises(InputError, match="two of the folders contain the dataset osie"):
        zero_shot.study([evaluation, evaluation])


def test_a_study_is_written_as_text_page_and_numbers(swap, tmp_path):
    paths = write(swap, tmp_path / "new" / "out")
    names = [f"condition-swap.{each}" for each in ("md", "html", "csv", "json")]
    assert [path.name for path in paths] == names
    text, page, table, content = (path.read_text(encoding="utf-8") for path in paths)
    assert text.startswith("# Condition swap\n\n## Scores by prompt") and "| taskfix | correct | measured | 4 |" in text
    assert "<h2><bdi>taskfix: CC, prompt × task</bdi></h2>" in page and "<script" not in page
    lines = table.splitlines()
    header = json.loads("\n".join(line[2:] for line in lines if line.startswith("# ")))
    stored = json.loads(content)
    records = stored.pop("records")
    assert header == stored and header["evaluations"][0]["command"] == "mindaam evaluate"
    assert header["evaluations"][0]["source"] == {"model": "fake"} and "seed 0" in header["intervals"]
    read = list(csv.DictReader(line for line in lines if not line.startswith("# ")))
    assert len(read) == len(records) == len(swap.records) and list(read[0]) == list(COLUMNS)
    assert float(read[0]["mean"]) == pytest.approx(records[0]["mean"]) and read[0]["value"] == "right"
    shutil.rmtree(tmp_path / "new")
