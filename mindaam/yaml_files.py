"""The only YAML reader: plain data, bounded size, and one sentence for every error.

PyYAML's safe loader executes no code, but it raises ValueError, IndexError, KeyError and RecursionError for invalid
values and nesting, uses the last of several equal keys, and expands nested aliases without limit.
"""

import yaml

from mindaam.errors import ConfigError
from mindaam.files import read_small

LARGEST = 1_000_000  # bytes of a file; the largest in the package has 53,000
DEEPEST = 40  # levels of nested mappings and lists
NODES = 20_000  # values; those of an alias count each time it is used
DIGITS = 100  # characters of a number
WIDEST = 200  # characters quoted from PyYAML's messages

_TAG = "tag:yaml.org,2002:"
_KNOWN = [_TAG + name for name in ("null", "bool", "int", "float", "str", "seq", "map")]
_TEXT = [_TAG + name for name in ("timestamp", "value")]  # plain text here: no key holds a date, or the value "="


def read(path, what="configuration"):
    """The content of a YAML file; `what` names it in error messages. Raises ConfigError."""
    try:
        content = read_small(path, LARGEST)
    except OSError as error:
        raise ConfigError(f"cannot read the {what} {path}: {error.strerror or error}") from error
    return parse(content, str(path))


def parse(content, source):
    """The value of YAML text (bytes in UTF-8, or UTF-16 with byte order mark, or str); None for empty text.

    Mappings, lists, text, numbers, booleans and null; a date is text. Raises ConfigError with `source` and the line for
    invalid YAML, a repeated key, other types, and content beyond the limits of this module.
    """
    try:
        reader = _Reader(content)
        try:
            return reader.get_single_data()
        finally:
            reader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        fault = " ".join(f"{error.problem or error.context}".split())[:WIDEST]
        raise ConfigError(f"{source} is not valid YAML: {line}{fault}") from error
    except yaml.reader.ReaderError as error:
        fault = f"character {error.position + 1} is not UTF-8; save the file as UTF-8"
        raise ConfigError(f"{source} is not valid YAML: {fault}") from error
    except (ValueError, OverflowError) as error:  # a number within an escape, or in a %YAML directive
        raise ConfigError(f"{source} is not valid YAML: a character code or a version is invalid") from error


class _Reader(yaml.SafeLoader):
    """PyYAML's safe loader with limits. Sizes are checked before values are constructed."""

    def __init__(self, content):
        super().__init__(content)
        self._depth, self._deepest, self._nodes = 0, 0, 0
        self._measured = {}  # of each finished node: number of nodes in it, and depth

    def compose_node(self, parent, index):
        mark, alias = self.peek_event().start_mark, self.check_event(yaml.AliasEvent)
        before, above = self._nodes, self._deepest
        self._depth += 1
        self._nodes += 1
        self._deepest = self._depth
        self._require_bounds(mark)
        node = super().compose_node(parent, index)
        if alias:
            if id(node) not in self._measured:
                raise _wrong("an alias refers to a value that contains it", mark)
            nodes, height = self._measured[id(node)]
            self._nodes, self._deepest = before + nodes, self._depth + height
            self._require_bounds(mark)
        self._measured[id(node)] = self._nodes - before, self._deepest - self._depth
        self._deepest = max(above, self._deepest)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor):
        node, seen = super().compose_mapping_node(anchor), {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                first = seen.setdefault((key.tag, key.value), key)
                if first is not key:
                    fault = f"the key {key.value[:WIDEST]} occurs already in line {first.start_mark.line + 1}"
                    raise _wrong(fault, key.start_mark)
        return node

    def compose_scalar_node(self, anchor):
        node = super().compose_scalar_node(anchor)
        if "\0" in node.value or any("\ud800" <= letter <= "\udfff" for letter in node.value):
            raise _wrong("the text contains a NUL or a surrogate", node.start_mark)
        return node

    def construct_object(self, node, deep=False):
        if node.tag in (_TAG + "int", _TAG + "float") and len(node.value) > DIGITS:
            raise _wrong(f"a number of more than {DIGITS} characters", node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ValueError, IndexError, KeyError, OverflowError) as error:  # "!!int x" and the like
            raise _wrong(f"invalid {node.tag.removeprefix(_TAG)}", node.start_mark) from error

    def _require_bounds(self, mark):
        if self._deepest > DEEPEST:
            raise _wrong(f"more than {DEEPEST} nested mappings and lists", mark)
        if self._nodes > NODES:
            raise _wrong(f"more than {NODES:,} values", mark)


_Reader.yaml_constructors = {tag: yaml.SafeLoader.yaml_constructors[tag] for tag in _KNOWN}
_Reader.yaml_constructors[None] = yaml.SafeLoader.yaml_constructors[None]  # which refuses all others
_Reader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag not in _TEXT]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _wrong(fault, mark):
    return yaml.constructor.ConstructorError(None, None, fault, mark)
