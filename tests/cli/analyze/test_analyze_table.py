"""`mindaam analyze table`."""

from mindaam.evaluation import results
from tests.cli.running import runner
from tests.evaluation.made import made_evaluation


def test_a_table_is_filled_from_folders(tmp_path, capsys):
    folder = tmp_path / "a=b"
    folder.mkdir()
    results.save(made_evaluation(), folder)
    run = runner(capsys)
    code, out, _ = run("analyze", "table", "19", folder)
    assert code == 0 and out.startswith("## Table 19 of the AAM paper") and "| OSIE | MindAAM: aam_made |" in out
    code, out, _ = run("analyze", "table", "13", f"Single Training={folder}")
    measured = "measured, protocol paper, role right"
    assert code == 0 and f"| OSIE | MindAAM: aam_made, Single Training | {measured} | 6 |" in out


def test_errors_are_one_sentence(tmp_path, capsys):
    run = runner(capsys)
    for words, part in (
        (["5"], "no figures of Table 5"),
        (["13", f"Single={tmp_path}"], "evaluation.json"),
        (["19", tmp_path / "none"], "evaluation.json"),
    ):
        code, out, error = run("analyze", "table", *words)
        assert (code, out) == (2, "") and part in error and error.count("\n") == 1
