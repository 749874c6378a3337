"""`mindaam data prompts`: every data set's sentences, as text for people and pipes and as JSON for programs."""

import json
import re
import sys

import pytest
from typer import Typer
from typer.testing import CliRunner

from mindaam.cli.data import prompts as data_prompts
from mindaam.data.prompts import corpus
from mindaam.errors import ConfigError

app = Typer()
app.command()(data_prompts.prompts)


def run(*arguments):
    """What the command prints."""
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_without_names_every_set_is_shown_with_its_parts_and_scored_sentences():
    shown = run()
    for key in corpus.sets():
        assert f"\n{key}: {corpus.level(key)} level, " in "\n" + shown
        for text in [*corpus.parts(key).values(), *(corpus.prompt(key, each) for each in corpus.GRANULARITIES)]:
            assert f"{text}\n" in shown
        other, reason = corpus.mismatched_set(key)
        assert f"{other} ({reason}): {corpus.mismatched(key)}\n" in shown
        assert corpus.pool(key, "G4")[1] not in shown


def test_in_a_pipe_each_text_is_one_line():
    lines = run("summe").splitlines()
    assert lines[0] == "summe: high level, videos with audio, task-driven"
    assert lines[1:6] == [
        f"  {name:11}{corpus.parts('summe')[name.rstrip('*')]}"
        for name in ("stimulus", "domain", "elements", "task*", "bias*")
    ]
    assert [line.split()[0] for line in lines[6:12]] == ["G1", "G2", "G3", "G4", "wrong", "generic"]
    assert "\x1b" not in "".join(lines)


def test_all_shows_paraphrases_and_the_held_out_sentence():
    shown = run("avad", "--all")
    for granularity in corpus.GRANULARITIES:
        for sentence in [*corpus.pool("avad", granularity), corpus.held_out("avad", granularity)]:
            assert f"{sentence}\n" in shown


def test_one_granularity_and_one_level_can_be_asked_for():
    shown = run("--level", "high", "--granularity", "g3")
    assert shown.count(" level, ") == 3
    for key in ("hollywood2", "ucf_sports", "summe"):
        assert corpus.prompt(key, "G3") in shown and corpus.mismatched(key, "G3") in shown
        assert corpus.prompt(key, "G4") not in shown
    assert "wrong  " not in run("osie", "--granularity", "G2")


def test_json_holds_everything():
    found = json.loads(run("--json"))
    assert list(found) == corpus.sets()
    for key, entry in found.items():
        assert entry["parts"] == corpus.parts(key) and tuple(entry["emphasis"]) == corpus.emphasis(key)
        for granularity, told in entry["prompts"].items():
            assert [told["scored"], *told["paraphrases"]] == corpus.pool(key, granularity)
            assert told["held_out"] == corpus.held_out(key, granularity)
        assert entry["mismatched"]["set"] == corpus.mismatched_set(key)[0]
        assert entry["mismatched"]["G4"] == corpus.mismatched(key)
    assert list(json.loads(run("osie", "osie", "--granularity", "G2", "--json"))["osie"]["prompts"]) == ["G2"]


def test_on_a_terminal_texts_are_wrapped_beside_their_labels(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "70")
    data_prompts.prompts(["salicon"], everything=True)
    lines = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).splitlines()
    assert all(len(line) <= 70 for line in lines)
    assert lines[0].startswith("salicon") and "low level, images, free viewing" in lines[0]
    words = " ".join(" ".join(lines).split())
    for sentence in (corpus.prompt("salicon"), corpus.held_out("salicon", "G4"), corpus.pool("salicon", "G3")[3]):
        assert sentence in words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["osei"], 'unknown dataset "osei".*did you mean "osie"'),
        (["--granularity", "G5"], 'unknown granularity "G5"'),
        (["--level", "hgih"], 'unknown level "hgih".*did you mean "high"'),
        (["osie", "--level", "low"], "none of osie has the level low"),
    ],
)
def test_what_is_not_there_is_named_in_one_sentence(arguments, message):
    with pytest.raises(ConfigError, match=message):
        run(*arguments)
