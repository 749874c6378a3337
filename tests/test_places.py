"""Where what travels with the package lies, and configurations by their names."""

import pytest

from mindaam.errors import ConfigError
from mindaam.places import configs_dir, recipe, recipes


def test_every_bundled_configuration_of_a_training_has_a_name():
    files = [*(configs_dir() / "train").glob("*.yaml"), *(configs_dir() / "experiments").glob("*.yaml")]
    assert sorted(recipes().values()) == sorted(files) and len(recipes()) == len(files) > 1


def test_a_name_is_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").mkdir()  # a folder is no configuration
    for name, path in recipes().items():
        assert recipe(name) == path and path.is_file()


def test_a_file_goes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").write_text("model: mine")
    assert recipe("corpus").read_text() == "model: mine"
    assert recipe(tmp_path / "corpus") == tmp_path / "corpus"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("corpse", ' (did you mean "corpus"?)'), ("configs/train/corpus.yaml", ' (did you mean "corpus"?)'), ("??", "")],
)
def test_what_is_neither_is_one_sentence_that_lists_the_names(tmp_path, monkeypatch, name, hint):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        recipe(name)
    text = str(error.value)
    assert text.startswith(f"configuration {name} does not exist{hint}; give a YAML file, or one of ")
    assert all(each in text for each in recipes())
