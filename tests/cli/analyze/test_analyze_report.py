"""`mindaam analyze report`: the page, messages and exit codes."""

import pytest

from mindaam.evaluation.results import save
from tests.cli.running import runner
from tests.evaluation.made import made_evaluation


@pytest.fixture
def run(capsys):
    return runner(capsys)


def test_a_page_is_written_and_what_is_damaged_is_reported(run, tmp_path):
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
        save(made_evaluation(), tmp_path / name)
    (tmp_path / "bad" / "rows.csv").write_text("a,b\n1,2\n")
    code, out, err = run("analyze", "report", tmp_path, "-o", tmp_path / "new" / "page.html")
    assert code == 2 and out == f"report: {tmp_path / 'new' / 'page.html'}\n"
    assert err.startswith("mindaam: ") and "rows.csv has other columns" in err and err.count("\n") == 1
    assert b"Dataset <bdi>osie</bdi>" in (tmp_path / "new" / "page.html").read_bytes()


@pytest.mark.parametrize(
    ("name", "reason"), [("empty", "no evaluation and no training run"), ("gone", "does not exist")]
)
def test_nothing_to_report_is_one_sentence_and_exit_code_2(run, tmp_path, name, reason):
    (tmp_path / "empty").mkdir()
    code, out, err = run("analyze", "report", tmp_path / name, "-o", tmp_path / "page.html")
    assert code == 2 and out == "" and reason in err and err.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


def test_a_page_that_cannot_be_written_is_one_sentence(run, tmp_path):
    (tmp_path / "good").mkdir()
    save(made_evaluation(), tmp_path / "good")
    (tmp_path / "file").write_text("")
    code, out, err = run("analyze", "report", tmp_path / "good", "-o", tmp_path / "file" / "page.html")
    assert code == 2 and out == "" and err.count("\n") == 1
