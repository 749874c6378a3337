"""A resumed run keeps the recipe that it was started with, even if the bundled one has changed.

A run's checkpoint holds its whole configuration. What it lacks are keys that were added later, whose defaults are what
was done before. A value that the bundled files changed is taken from the checkpoint too, unless it is given: on the
command line, or in a file of one's own. Such a one is compared as any other change is.
"""

import json
from pathlib import Path

from mindaam import yaml_files
from mindaam.errors import CheckpointError
from mindaam.files import lies_in
from mindaam.places import configs_dir
from mindaam.schema import mapping, override, validate
from mindaam.training.config import with_new_names
from mindaam.zoo.checkpoints import read_metadata
from mindaam.zoo.run_checkpoints import table_in

EARLIER = "corpus"  # of earlier versions' metadata: the task and its place in one entry
# Values of the bundled recipes that changed when the key "rescale_positions" came: {key: (before, since)}
SINCE = "rescale_positions"
CHANGED = {
    ("epochs",): (20, 30),
    ("schedule", "afterwards"): ("stay", "climb"),
    ("sampling", "clips"): (8, 1),
    ("scored_share",): (0.5, 1.0),
}


def stored_run(path, metadata):
    """(the task's name, its place as a dictionary) of the checkpoint that a run continues from.

    Raises CheckpointError for a checkpoint of no such run.
    """
    if EARLIER in metadata:
        return EARLIER, table_in(path, metadata[EARLIER], "the run's place")
    if "task" not in metadata:
        raise CheckpointError(f"{path} is of another kind of run; start in another folder")
    return metadata["task"], table_in(path, metadata.get("place"), "the run's place")


def begun_config(path, schema):
    """The configuration of the run that a checkpoint is of, as a plain dict with all of today's keys.

    schema: the RunConfig that it must be of. A key that was added later has its default, which is what was done before.
    Raises CheckpointError for a checkpoint of another task, ConfigError for a key that no longer exists or a value that
    is no longer accepted.
    """
    metadata = read_metadata(path)
    if stored_run(path, metadata)[0] != schema.TASK:
        raise CheckpointError(f"{path} is of another kind of run; start in another folder")
    return validate(schema, table_in(path, metadata.get("config")), str(path)).model_dump(mode="json")


def as_begun(config, path, file, assignments):
    """(RunConfig to continue with, lines on what it keeps) of a run whose checkpoint is at `path`.

    config: what the configuration `file` is today with `key=value` assignments over it. Raises as `begun_config`.
    """
    schema, data = type(config), config.model_dump(mode="json")
    stored = with_new_names(table_in(path, read_metadata(path).get("config")), schema.TASK)
    theirs, ours = _values(begun_config(path, schema)), _values(data)
    changed = {} if SINCE in stored or SINCE not in data else CHANGED
    lacking, given, lines = theirs.keys() - _values(stored).keys(), named(file, assignments, schema.TASK), []
    lacking -= {key for key in lacking if key[0] in schema.FREE}  # they may change in any case
    for key in sorted(ours.keys() & {*lacking, *changed}):
        then, today = theirs[key], ours[key]
        if then == today or key in given or (key in changed and (then, today) != changed[key]):
            continue
        data = _with(data, key, then)
        before, now = (json.dumps(each, ensure_ascii=False) for each in (then, today))
        lines.append(f"the run keeps {'.'.join(key)}: {before}, with which it was begun; the recipe now has {now}")
    return validate(schema, data, str(file)), lines


def named(file, assignments, task):
    """The keys, tuples, that are given: in assignments, or in files that are not the package's."""
    found, file = set(_values(with_new_names(override({}, assignments), task))), Path(file)
    while file is not None and not lies_in(file, configs_dir()):
        data = mapping(yaml_files.read(file), file)
        base = data.pop("base", None)
        found |= set(_values(with_new_names(data, task)))
        file = None if base is None else file.parent / str(base)
    return found


def _values(data):
    """{(section, ..., key): value} of a nest of dictionaries, the sections themselves among them."""
    found = {}
    for key, value in data.items():
        found[key,] = value
        if isinstance(value, dict):
            found |= {(key, *below): each for below, each in _values(value).items()}
    return found


def _with(data, key, value):
    first, *rest = key
    return {**data, first: _with(data[first], rest, value) if rest else value}
