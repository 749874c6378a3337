"""`mindaam analyze ablation`: what it prints where no data are given."""

import pytest

from tests.cli.running import runner


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.delenv("MINDAAM_GAZE", raising=False)
    return runner(capsys)


def test_without_data_it_names_what_is_missing_and_prints_the_commands_on_lines_of_their_own(run, tmp_path):
    code, said, err = run("analyze", "ablation", "E", "-o", tmp_path / "out")
    assert (code, err) == (0, "") and "\\n" not in said
    lines = said.splitlines()
    at = lines.index(f"with official datasets, scored by the commands in {tmp_path / 'out' / 'E_official.sh'}:")
    assert lines[at - 1] == "" and lines[at + 1].startswith("  mindaam train aam_dinov3_vitl16_paper ")
    assert "missing: dhf1k" in said and (tmp_path / "out" / "E.html").exists()
