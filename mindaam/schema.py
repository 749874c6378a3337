"""Configuration as validated data: YAML with a `base:` to start from, errors that name the nearest key."""

from pathlib import Path
from typing import get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from mindaam.errors import ConfigError, nearest


class Schema(BaseModel):
    """Base of all configuration: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_yaml(path, above=()):
    """The YAML file as a dict, with the file named by its `base:` (relative to it) filled in underneath.

    above: the files that led here. Raises ConfigError when a file is missing, is not YAML, does not hold a mapping
    with names for keys, or is its own base.
    """
    path = Path(path)
    if path.resolve() in above:
        raise ConfigError(f"{path} is its own base; name another file, or leave `base:` out")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ConfigError(f"{path} must hold a mapping of names to values")
    base = data.pop("base", None)
    if base is None:
        return data
    return merge(read_yaml(path.parent / str(base), (*above, path.resolve())), data)


def merge(below, above):
    """`below` with the values of `above` laid over it, mapping by mapping."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def override(data, assignments):
    """`data` with `a.b=value` assignments applied; values are read as YAML. Raises ConfigError for other forms."""
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise ConfigError(f'"{assignment}" is not of the form key=value')
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f'the value in "{assignment}" is not valid YAML') from error
        for part in reversed(key.split(".")):
            parsed = {part: parsed}
        data = merge(data, parsed)
    return data


def validate(schema, data, source):
    """`schema(**data)`, or one ConfigError that says what is wrong in `source`, naming the nearest known key."""
    try:
        return schema(**data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_explain(schema, error.errors()[0])}") from None


def _explain(schema, problem):
    where = ".".join(str(part) for part in problem["loc"])
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
