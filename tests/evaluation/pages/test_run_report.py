"""The page of a training run, from folders that are whole, empty, damaged and hostile."""

import csv
import json

import numpy as np
import pytest

from mindaam.errors import InputError
from mindaam.evaluation.pages import run_curves
from mindaam.evaluation.pages.page import sparkline
from mindaam.evaluation.pages.run_files import OLDER_STEPS, read_rows
from mindaam.evaluation.pages.run_report import write_report
from mindaam.training import old_layouts
from tests.evaluation.pages.reading import HOSTILE, Page

TERMS = ["kld", "cc", "sim", "entailment", "distance", "gate"]
STEP = ["step", "epoch", "phase", "set", "kind", "rate", "loss", *TERMS, "samples", "seconds", "memory_mb"]


def write_csv(path, columns, rows):
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        csv.writer(file).writerows([columns, *rows])


def step(number, kind="pictures", set_="osie", phase="first", loss=1.0, gate=""):
    return [number, 0, phase, set_, kind, 1e-4, loss, 1.0, 0.5, 0.5, 0.1, 0.1, gate, 8, 2.0, 900]


def write_run(folder, names=("osie", "fiwi"), steps=40):
    """A whole folder; the second epoch is the best by mean, the third for the last set."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        step(n, ("pictures", "clips")[n % 2], names[0], "first" if n < 20 else names[-1], 2.0 / n)
        for n in range(1, steps + 1)
    ]
    write_csv(folder / "metrics.csv", STEP, rows)
    columns = [f"{name}_{metric}" for name in names for metric in ("CC", "SIM", "KLD")]
    scores = [[10 * e, e, "first", mean] + [mean + 0.01 * e, 0.4, 0.8] * len(names)
              for e, mean in ((1, 0.5), (2, 0.7), (3, 0.695))]  # fmt: skip
    write_csv(folder / "epochs.csv", ["step", "epoch", "phase", "mean_CC", *columns], scores)
    each = {"modality": "video", "split": "train", "count": 1234, "frames": 5, "ground_truth": "maps", "licence": "MIT"}
    data = {"train": {name: each for name in names}, "held_out": {names[0]: each}, "left_out": [f"{names[-1]}: gone"]}
    (folder / "data.json").write_text(json.dumps(data))
    (folder / "environment.json").write_text(json.dumps({"python": "3.11", names[-1]: {"cores": 2}}))
    (folder / "config.yaml").write_text("model: tiny # <b>\n")
    return folder


def test_a_whole_run_is_on_the_page_and_the_page_stands_alone(tmp_path):
    page = Page(write_report(write_run(tmp_path / "my run")))
    assert "my run" in page.said and "step 40 · 3 epochs scored" in page.said
    assert "0.7000 best mean CC epoch 2, 2 datasets" in page.said
    assert "those of epoch 2, the best by mean CC" in page.said
    assert "0.7250 3 0.7250" in page.said  # a set's own best, its epoch, and now
    assert "mean 0.7000 0.4000 0.8000 0.7000 2 0.6950" in page.said
    assert "1,234 (5 frames)" in page.said and "1 skipped" in page.said and "model: tiny # <b>" in page.said
    assert "images 20 2 4.00 – 900 0 min 40 s" in page.said
    assert "fiwi from step 20" in page.said
    assert "script" not in page.tags and "link" not in page.tags
    sources = [value for key, value in page.attributes if key in ("src", "href")]
    assert len(sources) == 4 and all(value.startswith("data:image/svg+xml;base64,") for value in sources)


def test_names_are_shown_as_they_are_and_are_never_markup(tmp_path):
    safe = Page(write_report(write_run(tmp_path / "safe", ["a", "b", "c", "d"])))
    page = Page(write_report(write_run(tmp_path / "hostile", HOSTILE)))
    assert sorted(page.tags) == sorted(safe.tags)
    assert {key for key, _ in page.attributes} == {key for key, _ in safe.attributes}
    for name in HOSTILE[:3]:
        assert name in page.said
    assert "夜\u202eevil" in page.said


def test_prompts_and_all_that_the_files_say_are_never_markup(tmp_path):
    """The page of a run in whose files every text is hostile has the elements of one in whose files every text is a."""
    tags = []
    for place, said in (("safe", "a"), ("hostile", HOSTILE[1] + HOSTILE[0])):
        folder = write_run(tmp_path / place / said.replace("/", "|"), [said])
        told = {"modality": said, "split": said, "count": 2, "ground_truth": said, "licence": said}
        data = {"train": {said: told}, "held_out": {said: told}, "left_out": [said]}
        (folder / "data.json").write_text(json.dumps(data))
        (folder / "environment.json").write_text(json.dumps({said: said, "b": {said: said}}))
        (folder / "config.yaml").write_text(json.dumps({"prompts": {said: [said]}, "unseen": [said]}))
        picture = np.zeros((8, 8, 3), np.uint8)
        page = Page(write_report(folder, [(said, picture, np.ones((4, 4)), None)]))
        tags.append((page.tags, sorted({key for key, _ in page.attributes})))
    assert tags[0] == tags[1]


def test_samples_are_drawn_beside_each_other_with_how_well_they_agree(tmp_path):
    picture = np.full((30, 40, 3), 128, np.uint8)
    truth = np.outer(np.hanning(15), np.hanning(20))
    samples = [("<b>one", picture, truth, truth), ("two", picture, truth, None)]
    page = Page(write_report(write_run(tmp_path / "run"), samples))
    assert "<b>one · CC 1.000" in page.said and "b>one" not in page.tags
    assert sum(value.startswith("data:image/jpeg") for key, value in page.attributes if key == "src") == 5


def test_an_empty_folder_says_of_each_file_that_it_is_not_there(tmp_path):
    page = Page(write_report(tmp_path))
    for name in ("metrics.csv", "epochs.csv", "data.json", "environment.json", "config.yaml"):
        assert f"{name} is not in this folder" in page.said
    assert "img" not in page.tags and [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_files_without_rows_say_so(tmp_path):
    write_csv(tmp_path / "metrics.csv", STEP, [])
    (tmp_path / "epochs.csv").write_text("")
    page = Page(write_report(tmp_path))
    assert "metrics.csv has no rows yet" in page.said and "epochs.csv has no rows yet" in page.said


def test_one_row_is_enough_for_every_drawing(tmp_path):
    write_csv(tmp_path / "metrics.csv", STEP, [step(1)])
    write_csv(tmp_path / "epochs.csv", ["step", "epoch", "phase", "mean_CC", "osie_CC"], [[1, 1, "a", 0.5, 0.5]])
    page = Page(write_report(tmp_path))
    assert page.tags.count("img") == 4 and "0.5000" in page.said
    assert "step 1 · 1 epoch scored" in page.said and "epoch 1, 1 dataset" in page.said


def test_any_kind_of_step_that_is_not_of_pictures_counts_as_clips_and_waiting_is_told_where_it_was_measured(tmp_path):
    rows = [[*step(n, "heard"), 0.5] for n in range(1, 4)]
    write_csv(tmp_path / "metrics.csv", [*STEP, "waiting"], rows)
    assert "clips 3 2 4.00 25.0% 900 0 min 06 s" in Page(write_report(tmp_path)).said


def test_damage_is_named_and_the_rest_is_shown(tmp_path):
    write_run(tmp_path)
    with open(tmp_path / "metrics.csv", "a") as file:
        file.write("garbage,\n41,0,first,osie,pictures,nan,inf")  # cut short
    (tmp_path / "data.json").write_text("{")
    (tmp_path / "environment.json").write_text("[1]")
    (tmp_path / "config.yaml").write_bytes(b"model: \xff\x00")
    page = Page(write_report(tmp_path))
    assert "2 rows of metrics.csv are cut or have no step" in page.said and "step 40" in page.said
    assert "data.json is damaged" in page.said and "environment.json holds no mapping" in page.said
    assert page.tags.count("img") == 4


def test_values_of_strange_types_in_the_json_files_do_not_stop_the_page(tmp_path):
    (tmp_path / "data.json").write_text('{"train": {"a": null, "b": {"count": "7"}}, "held_out": [], "left_out": 3}')
    assert "images and videos" in Page(write_report(tmp_path)).said


def test_unscored_sets_and_infinite_scores_have_no_best(tmp_path):
    rows = [[1, 1, "a", "", "nan", 0.4], [2, 2, "a", "", "inf", ""]]
    write_csv(tmp_path / "epochs.csv", ["step", "epoch", "phase", "mean_CC", "osie_CC", "fiwi_CC"], rows)
    page = Page(write_report(tmp_path))
    assert "those of epoch 2, the last" in page.said and "fiwi – – – 0.4000 1 –" in page.said


def test_a_missing_folder_is_an_error_of_the_user(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        write_report(tmp_path / "none")


def test_the_page_of_a_long_run_stays_small(tmp_path):
    generator = np.random.default_rng(0)
    rows = [step(n, ("pictures", "clips")[n % 2], loss=x) for n, x in enumerate(generator.normal(size=20_000), 1)]
    write_csv(tmp_path / "metrics.csv", STEP, rows)
    assert write_report(tmp_path).stat().st_size < 1_000_000


def test_smoothing_keeps_lines_and_averages_noise():
    line = np.arange(100.0)
    np.testing.assert_allclose(run_curves.smoothed(line), line)
    np.testing.assert_array_equal(run_curves.smoothed(line[:3]), line[:3])
    noise = np.random.default_rng(0).normal(size=2000)
    assert run_curves.smoothed(noise).std() < 0.3


def test_bins_hold_all_values_between_their_ends():
    values = np.random.default_rng(0).normal(size=1001)
    steps, low, mean, high = run_curves.binned(np.arange(1001.0), values)
    assert len(steps) == run_curves.SHOWN and (low <= mean).all() and (mean <= high).all()
    assert low.min() == values.min() and high.max() == values.max()


def test_a_sparkline_skips_what_is_not_known():
    assert sparkline([None, None]) == ""
    drawn = sparkline([0.1, None, 0.3], 2)
    assert drawn.count(",") == 2 and "circle" in drawn and "circle" not in sparkline([0.1, 0.2])


def test_rows_come_back_as_numbers_and_texts(tmp_path):
    write_csv(tmp_path / "metrics.csv", ["step", "set", "loss"], [[3, "7", ""]])
    assert read_rows(tmp_path / "metrics.csv", ("set",)) == ([{"step": 3.0, "set": "7", "loss": None}], None)


def test_rows_that_do_not_fit_their_header_are_left_out(tmp_path):
    rows = [[1, "a", 0.5], [2, "a", 0.5, 0.25], [3, "a"], [4, "'=1+1", 0.5]]
    write_csv(tmp_path / "metrics.csv", ["step", "'=set", "loss"], rows)
    found, problem = read_rows(tmp_path / "metrics.csv", ("=set",))
    assert [(row["step"], row["=set"]) for row in found] == [(1, "a"), (4, "=1+1")]
    assert problem == "2 rows of metrics.csv are cut or have no step, and are skipped"


@pytest.mark.parametrize(
    ("said", "mean"), [("unseen: [avad]", 0.4), ("{", 0.5), ("unseen: 3", 0.5), ("2020-99-99", 0.5)]
)
def test_unseen_sets_are_in_no_mean_where_the_configuration_can_be_read(tmp_path, said, mean):
    columns = [f"{name}_{metric}" for name in ("osie", "avad") for metric in ("CC", "SIM", "KLD")]
    row = [1, 1, "a", 0.5, 0.5, 0.4, 0.8, 0.7, 0.6, 0.9]
    write_csv(tmp_path / "epochs.csv", ["step", "epoch", "phase", "mean_CC", *columns], [row])
    (tmp_path / "config.yaml").write_text(said)
    page = Page(write_report(tmp_path))
    assert f"mean 0.5000 {mean:.4f} " in page.said and "avad 0.7000 0.6000 0.9000" in page.said


OLDER = {
    "phases": (["step", "phase", "epoch", "folder", "condition", "rate", "loss", "swap", "seconds"],
               [1, "frozen", 1, "taskfix", "judge", 0.005, 0.44, 0.15, 2.0], "images 1 2 "),
    "synthetic_videos": (["step", "rate", "loss", "kld", "change", "seconds"],
                         [1, 0.001, -0.46, 0.09, 0.04, 3.0], "clips 1 3 "),
}  # fmt: skip


@pytest.mark.parametrize("task", OLDER)
def test_the_steps_of_an_earlier_version_are_read_and_its_kind_follows_from_its_terms(tmp_path, task):
    columns, row, shown = OLDER[task]
    assert OLDER_STEPS == old_layouts.STEPS
    write_csv(tmp_path / "steps.csv", columns, [row])
    page = Page(write_report(tmp_path))
    assert shown in page.said and "step 1" in page.said and page.tags.count("img") == 3
    write_csv(tmp_path / "metrics.csv", STEP, [step(7)])
    assert "step 7" in Page(write_report(tmp_path)).said
