"""Configuration as validated data: YAML with a `base:` to start from, errors that suggest the closest key."""

from pathlib import Path
from typing import Annotated, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mindaam import yaml_files
from mindaam.errors import ConfigError, nearest
from mindaam.files import real
from mindaam.streams import plain

BASES = 20  # length of a chain of base configurations
SHOWN = 200  # characters of a key that are quoted


def _no_boolean(value):
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


# Numbers of configurations: finite and bounded, so that nothing overflows or runs without end. Tighter ranges are set
# by the schema of a key.
_NUMBER = BeforeValidator(_no_boolean)
Count = Annotated[int, _NUMBER, Field(ge=1, le=10**9)]
CountOrNone = Annotated[int, _NUMBER, Field(ge=0, le=10**9)]
Few = Annotated[int, _NUMBER, Field(ge=1, le=100_000)]  # epochs, samples per step, frames per clip
Seed = Annotated[int, _NUMBER, Field(ge=0, lt=2**32)]
Number = Annotated[float, _NUMBER, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
Positive = Annotated[float, _NUMBER, Field(gt=0, le=1e12, allow_inf_nan=False)]
Weight = Annotated[float, _NUMBER, Field(ge=0, le=1e12, allow_inf_nan=False)]
Fraction = Annotated[float, _NUMBER, Field(ge=0, le=1)]
Share = Annotated[float, _NUMBER, Field(gt=0, lt=1)]
Beta = Annotated[float, _NUMBER, Field(ge=0, lt=1)]
Rate = Annotated[float, _NUMBER, Field(gt=0, le=1000)]  # a learning rate
RateOrNone = Annotated[float, _NUMBER, Field(ge=0, le=1000)]


class Schema(BaseModel):
    """Base of all configuration: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_yaml(path, above=()):
    """The YAML file as a dict, merged over the file named by its `base:` (relative to it).

    above: the files whose base this is. Raises ConfigError if a file is missing, is not YAML (see `yaml_files`), is not
    a mapping with text keys, or is its own base.
    """
    path = Path(path)
    if real(path) in above:
        raise ConfigError(f"{path} is its own base; set another file, or remove `base:`")
    data = mapping(yaml_files.read(path), path)
    base = data.pop("base", None)
    if base is None:
        return data
    if not isinstance(base, str) or not base:
        raise ConfigError(f"{path}: base must be the name of a file; set one, or remove `base:`")
    if len(above) >= BASES:
        raise ConfigError(f"{path}: more than {BASES} configurations are chained by `base:`; merge some of them")
    return merge(read_yaml(path.parent / base, (*above, real(path))), data)


def mapping(data, source):
    """`data`, read from `source`, if it is a mapping with text keys; otherwise ConfigError."""
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ConfigError(f"{source} must be a mapping of names to values")
    return data


def merge(below, above):
    """`below` updated recursively with the values of `above`."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def override(data, assignments):
    """`data` with `a.b=value` assignments applied; values are read as YAML. Raises ConfigError for any other form."""
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise ConfigError(f'"{assignment[:SHOWN]}" is not of the form key=value')
        parsed, parts = yaml_files.parse(value, f'the value in "{assignment[:SHOWN]}"'), key.split(".")
        if len(parts) > yaml_files.DEEPEST:
            raise ConfigError(f'"{key[:SHOWN]}" has more than {yaml_files.DEEPEST} parts; check the key')
        for part in reversed(parts):
            parsed = {part: parsed}
        data = merge(data, parsed)
    return data


def validate(schema, data, source):
    """`schema(**data)`, or a ConfigError that describes the first problem in `source` and suggests the closest key."""
    try:
        return schema(**data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_explain(schema, error.errors()[0])}") from None


def _explain(schema, problem):
    where = plain(".".join(str(part) for part in problem["loc"]))[:SHOWN]
    if problem["type"] == "extra_forbidden":
        return f'unknown key "{where}"{nearest(problem["loc"][-1], _keys_at(schema, problem["loc"][:-1]))}'
    if problem["type"] == "missing":
        return f'the key "{where}" is missing'
    message = problem["msg"].removeprefix("Value error, ")
    return f'"{where}": {message}' if where else message


def _keys_at(schema, path):
    for part in path:
        field = getattr(schema, "model_fields", {}).get(part)
        annotation = getattr(field, "annotation", None)
        for inner in (annotation, *get_args(annotation)):  # an optional section is a union with None
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                schema = inner
    return list(schema.model_fields)
