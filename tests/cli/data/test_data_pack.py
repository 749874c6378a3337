"""`mindaam data pack`: what it refuses, and that it says what it left out."""

import os

import pytest
import typer

from mindaam.cli.data import pack as data_pack
from mindaam.errors import ConfigError, OutputError
from tests.data.datasets import image_trees


def run(*arguments):
    app = typer.Typer()
    app.command()(data_pack.pack)
    return app([str(each) for each in arguments], standalone_mode=False) or 0


@pytest.mark.parametrize("place", ["OSIE", "OSIE/data/packs"])
def test_nothing_is_written_into_a_data_set(tmp_path, place):
    image_trees.build("osie", "official", tmp_path / "OSIE")
    before = sorted(os.walk(tmp_path))
    with pytest.raises(OutputError, match="which is never modified"):
        run(tmp_path, "-o", tmp_path / place, "--size", "32")
    assert sorted(os.walk(tmp_path)) == before


def test_all_that_is_left_out_is_told(tmp_path, capsys):
    image_trees.build("cat2000", "official", tmp_path / "data/CAT2000")
    gaze = sorted((tmp_path / "data").rglob("*.mat"))[0]
    gaze.write_bytes(b"")
    assert run(tmp_path / "data", "-o", tmp_path / "packs", "--size", "32", "--skip-damaged") == 0
    told = capsys.readouterr().err
    assert f"skipped cat2000: {gaze.relative_to(tmp_path / 'data/CAT2000')}" in told and "empty (0 bytes)" in told


@pytest.mark.parametrize(
    ("size", "message"),
    [("8", "too small"), ("32x8", "too small"), ("big", "not a size"), ("3x3x3", "not a size"), ("-32", "not a size")],
)
def test_a_size_that_cannot_be_is_refused_before_anything_is_read(tmp_path, size, message):
    with pytest.raises(ConfigError, match=message):
        run(tmp_path / "nothing", "-o", tmp_path / "packs", f"--size={size}")
    assert not (tmp_path / "packs").exists()
