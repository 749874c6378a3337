"""The prompts of search conditions (`wordings.yaml`): templates, names of classes, what training does not see."""

from functools import cache
from importlib.resources import files

from mindaam import yaml_files
from mindaam.errors import unknown

_ARTICLES = ("a ", "an ", "the ")


def classes():
    """Names of all classes that have prompts, the trained ones first."""
    return sorted(_content()["classes"], key=lambda name: not is_trained(name))


def is_trained(name):
    """Whether training asks for a class; ConfigError for an unknown one."""
    return not _class(name).get("untrained", False)


@cache
def prompts(name):
    """All prompts of a class that training may use, of a class that is untrained those that it would use; the one that
    is scored first. ConfigError for an unknown class."""
    entry = _class(name)
    filled = [fill(template, each) for each in entry["names"] for template in _content()["templates"]["trained"]]
    return [*filled, *entry.get("prompts", ())]


@cache
def held_out(name):
    """Prompts of a class that are never trained on, with names that are: of the held-out templates."""
    return [fill(template, each) for each in _class(name)["names"] for template in _content()["templates"]["held_out"]]


@cache
def synonyms(name):
    """Prompts of a class whose names for it are never trained on, one for each; [] where it has none."""
    template = _content()["templates"]["trained"][0]
    return [fill(template, each) for each in _class(name).get("synonyms", ())]


def fill(template, name):
    """A template with a name that is listed with its article: {a} becomes the name, {the} the same with "the"."""
    bare = next((name[len(article) :] for article in _ARTICLES if name.startswith(article)), name)
    return template.format(a=name, the=f"the {bare}")


def every_prompt():
    """All prompts of search conditions, those that are held out too, each once."""
    found = [text for name in classes() for text in (*prompts(name), *held_out(name), *synonyms(name))]
    return list(dict.fromkeys(found))


def _class(name):
    known = _content()["classes"]
    if name not in known:
        raise unknown("class", name, known)
    return known[name]


@cache
def _content():
    return yaml_files.parse(files(__package__).joinpath("wordings.yaml").read_bytes(), "wordings.yaml")
