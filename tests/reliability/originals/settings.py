"""Values, keys and whole texts that no configuration has, and what reads each kind of configuration."""

from functools import cache

import yaml

from mindaam.places import configs_dir, model_zoo_dir, recipes

VALUES = (
    "-1", "0", "-0.5", ".nan", ".inf", "-.inf", "1e400", "1e14", "1" + "0" * 30, "9" * 5000, "2001-99-99", "2001-01-01",
    "!!int x", "!!float x", "!!timestamp 1", "!!binary xx", "!!bool maybe", "!!null x", "!!set {a, b}", "!!omap [a: 1]",
    "!!python/object/apply:os.system ['touch it-ran']", "!!python/name:os.system", "[.nan, 2]", "[0.9]", "[2, 2]",
    "[" * 5000, "{a: " * 3000, "&a [*a]", "{a: &a [*a]}", "*nobody", "null", "''", "true", "x" * 100_000, "\x1b[31mred",
    "../../etc/passwd", "/dev/zero", "[]", "{}", "{'': 1}", "0x1F", "0o9", "1_000", "12:30:45", "=", "<<", "~", "- a",
    "\u202e", "'\\0'", '"\\ud800"', '"\\x"', "? a", "a: b: c", "%YAML 9999999999999999999.1", "|", ">-99", "@x", "`x`",
    "&a" + " &a" * 100, "{1: 2}", "{[1]: 2}", "[1, [2, [3]]]", "1e-320", "nan", "NaN", "Infinity", "١٢٣", "1.5.2",
)  # fmt: skip
LAUGHS = "\n".join([f"a0: &a0 [{', '.join('x' * 9)}]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]"
                                                        for n in range(1, 12))])  # fmt: skip
TEXTS = (
    "", "\0", "\xff\xfe", "[]", "5", "text", "- a\n- b", "a: 1\na: 2", "\ta: 1", "a:\n\t- 1", "{", "}", "a: 'x", LAUGHS,
    "base: settings.yaml", "base: .", "base: /", "base: /dev/zero", "base: ''", "base: 5", "base: [a]", "base: nowhere",
    "base: 'a\\0b'", "base: " + "x" * 5000, "base: ../../../../etc/passwd", "1: 2", "null: 1", "? [a]\n: 1",
    "<<: {seed: 1}", "<<: 5", "<<: *a", "---\na: 1\n---\nb: 2", "%TAG ! tag:x,2000:\n---\na: !x 1", "[" * 100_000,
    "a: " * 1000, "- " * 50_000, "{a: " * 20_000, "!!python/object/new:os.system [echo]", "\ufeffmodel: x", "# only",
    "a: 1 " * 200_000, "&a a: *a", "phases: []", "phases: [1, 2]", "phases: {}", "corpus: 5", "films: x", "clips: null",
)  # fmt: skip
KEYS = ("", ".", "..", "a" * 5000, ".".join("a" * 5000), "seed.x", "__class__", "model_config", "phases.0.epochs",
        "phases.epochs", "\x1b[2J", "seed ", "SEED", "\u202eseed", "loss", "optimizer", "validation.pictures",
        "validation.x", "model_changes.head.neck_widths", "model_changes.nonsense", "folders.osie", "groups", "base",
        "model", "preset", "start")  # fmt: skip
INDEX_VALUES = (
    "../../etc/passwd", "/etc/passwd", "a/../../b", "\x1b[31mred", "a\nb", "x" * 3000, "-1", "0", "1e400", ".nan", "[]",
    "{}", "null", "http://example.org/x", "https://example.org/a\nb", "https://exa mple.org/", "https:///x",
    "https://example.org/\u202e", "file:///etc/passwd", "javascript:alert(1)", "g" * 64, "0" * 63, "A" * 64, "true",
    "..",
)  # fmt: skip
PINS = (
    b"", b"[", b"[]", b"5", b"null", b'{"a": 5}', b'{"a": {}}', b'{"a": {"sha256": "x", "bytes": 1}}', b"\xff\xfe",
    b"[" * 100_000, b'{"a": ' * 100_000, b"9" * 5000, b'{"a": {"sha256": "' + b"0" * 64 + b'", "bytes": ' + b"9" * 5000
    + b"}}", b'{"../x": {"sha256": "' + b"0" * 64 + b'", "bytes": -1}}', b"NaN", b'{"a": NaN}', b"\0" * 10_000,
)  # fmt: skip


@cache
def recipe_texts():
    """{name: text} of the bundled configurations of trainings, and of what they stand on."""
    return {name: path.read_text(encoding="utf-8") for name, path in recipes().items()}


@cache
def keys_of(name):
    """All keys of a bundled configuration, those of sections with dots."""
    return tuple(_keys(yaml.safe_load(recipe_texts()[name])))


def _keys(table, above=""):
    for key, value in table.items():
        yield f"{above}{key}"
        if isinstance(value, dict):
            yield from _keys(value, f"{above}{key}.")


def index_text():
    """The text of the model zoo's index."""
    return (model_zoo_dir() / "index.yaml").read_text(encoding="utf-8")


def model_text():
    """The text of a bundled model's configuration."""
    return (configs_dir() / "models" / "aam_dinov2_vits14.yaml").read_text(encoding="utf-8")


def load_training(path, assignments=()):
    """The configuration at `path`, as `mindaam train` reads it."""
    from mindaam.training.run import task_of

    return task_of(path).CONFIG.load(path, assignments)
