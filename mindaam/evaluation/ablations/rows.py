"""Which runs belong to which row of the ablations, as validated data; `configs/ablations.yaml` is its value."""

from functools import cache
from typing import Annotated

from pydantic import Field, model_validator

from mindaam.errors import unknown
from mindaam.places import configs_dir, recipe
from mindaam.schema import Schema, merge, read_yaml, validate

FILE = "ablations.yaml"
OWN, OTHERS = "own", "others"

Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Recipe(Schema):
    """A bundled training configuration, and changes to it."""

    base: str
    changes: dict = {}


class Run(Schema):
    """A training run of the small model. sets: the gaze folders that it trains on."""

    recipe: str
    sets: Names
    changes: dict = {}


class Official(Schema):
    """A row's runs on official datasets. scored: their kind; train: the kinds of the training data, () for that of
    `scored`; each: one run per dataset of that kind; scores: as in Row; split: that is scored; changes: to the recipe.
    """

    scored: str
    train: tuple[str, ...] = ()
    each: bool = False
    scores: str = OWN
    split: str = "val"
    changes: dict = {}


class Row(Schema):
    """text: what is trained. published: the row of the paper's table. runs, scores: names of runs, and which of their
    scores count: OWN, OTHERS, or the name of a part. missing: what a row without runs lacks."""

    text: str
    published: str | None = None
    runs: tuple[str, ...] = ()
    scores: str = OWN
    missing: str | None = None
    official: Official | None = None


class Ablation(Schema):
    """title: what is compared; table: the paper's table with its figures, None where it has none."""

    title: str
    table: str | None = None
    rows: dict[str, Row] = Field(min_length=1)


class Ablations(Schema):
    """All ablations, by letter, and what their rows name."""

    recipes: dict[str, Recipe]
    runs: dict[str, Run]
    official_recipe: str
    kinds: dict[str, Names]
    ablations: dict[str, Ablation]

    @model_validator(mode="after")
    def _names_exist(self):
        for name, run in self.runs.items():
            if run.recipe not in self.recipes:
                raise ValueError(f"run {name} names the recipe {run.recipe}, which does not exist")
        for key, row in self.rows().items():
            strange = [each for each in row.runs if each not in self.runs]
            official = row.official
            strange += (
                [each for each in (official.scored, *official.train) if each not in self.kinds] if official else []
            )
            if strange:
                raise ValueError(f"row {key} names {strange[0]}, which does not exist")
        return self

    def rows(self, letters=None):
        """{name: Row} of some ablations, None for all."""
        chosen = self.ablations if letters is None else {each: self.ablations[each] for each in letters}
        return {name: row for each in chosen.values() for name, row in each.rows.items()}

    def runs_of(self, letters):
        """The names of the runs of some ablations, each once, in order."""
        return list(dict.fromkeys(name for row in self.rows(letters).values() for name in row.runs))

    def sets_of(self, recipe):
        """The datasets of all runs of a recipe, each once, in order."""
        return list(dict.fromkeys(name for run in self.runs.values() if run.recipe == recipe for name in run.sets))

    def configuration(self, name, seed):
        """The training configuration of a run, a dict: the recipe with its datasets and changes. A run in phases is
        scored on the datasets of all runs of its recipe."""
        run = self.runs[name]
        chosen = self.recipes[run.recipe]
        data = merge(merge(read_yaml(recipe(chosen.base)), chosen.changes), run.changes)
        data["seed"] = seed
        if "phases" in data:
            data["folders"] = {each: data["folders"][each] for each in run.sets}
            data["scored"] = self.sets_of(run.recipe)
        else:
            data["folders"] = list(run.sets)
        return data


@cache
def ablations():
    """The Ablations of the package. Raises ConfigError if their file is damaged."""
    path = configs_dir() / FILE
    return validate(Ablations, read_yaml(path), str(path))


def checked(letters):
    """Letters of ablations, each once; ConfigError for one that does not exist."""
    known = list(ablations().ablations)
    for letter in letters:
        if letter not in known:
            raise unknown("ablation", letter, known)
    return list(dict.fromkeys(letters))
