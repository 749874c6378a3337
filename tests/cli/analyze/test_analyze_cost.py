"""`mindaam analyze cost`: options, files and messages; the measurements are tests/evaluation/studies/test_cost.py."""

import pytest

from mindaam.evaluation.studies import cost
from tests.cli.running import runner
from tests.evaluation.studies.test_cost import CLIP, TIMING


@pytest.fixture
def run(capsys):
    return runner(capsys)


def test_tables_are_printed_and_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "in_process", lambda head, clip, count: CLIP if clip else TIMING)
    code, out, err = run("analyze", "cost", "aam_dinov2_vits14", "--batch", 4, "-o", tmp_path / "new")
    assert code == 0 and err == "mindaam: measuring a batch of 4\nmindaam: measuring a clip of 16\n"
    assert out == (tmp_path / "new" / "cost.md").read_text()
    assert "mindaam analyze cost aam_dinov2_vits14 --batch 4 --seconds 10" in out and "8.00 images/s" in out
    code, out, err = run("analyze", "cost", "aam_dinov2_vits14", "--batch", 4, "--clip", 0, "-o", tmp_path / "new")
    assert code == 0 and err == "" and "frames/s" not in out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["aam_dinov2_vits15"], "aam_dinov2_vits14"),
        (["no/such.safetensors"], "no/such.safetensors"),
        (["aam_dinov2_vits14", "--preset", "released"], 'not "released"'),
        (["aam_dinov2_vits14", "--device", "GPU"], "GPU"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(run, arguments, reason):
    code, out, err = run("analyze", "cost", *arguments)
    assert code == 2 and out == "" and reason in err and err.count("\n") == 1
