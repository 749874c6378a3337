"""Wrappers of training programs around a model's weights, and prefixes of their names, removed by a list of words.

`torch.save({"model": ...})`, a teacher beside a student, an average beside what was averaged, wrappers for several
devices or for compilation: all of them show as words before a name, since a reader joins the keys on the way to an
array by dots. What is taken is where all of a kind's marks stand; nothing is taken by similarity.
"""

from typing import NamedTuple

from mindaam.errors import CheckpointError
from mindaam.zoo.convert import kinds
from mindaam.zoo.convert.report import first_names
from mindaam.zoo.torch_files.reading import AVERAGES

# Words that may stand before all names of a model; an average is preferred to what it is of, that to a student.
AVERAGED = ("teacher", "teacher_model", *AVERAGES)
STUDENTS = ("student", "student_model")
PLAIN = (
    "state_dict", "model_state_dict", "model_state", "model", "network", "net", "encoder", "backbone", "params",
    "weights", "image_encoder", "trunk",
)  # fmt: skip
# Words that wrappers of modules put anywhere into a name.
WITHIN = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")


class Unwrapped(NamedTuple):
    """state: {official name: array}; note: a line on the removed prefixes and the skipped arrays, or ""."""

    state: dict
    note: str


def unwrap(official, kind, source):
    """The arrays of a checkpoint of `kind` without what stands around them, as Unwrapped.

    official: {name: array} as a reader gives them. Where nothing is around them, or no mark of the kind is found at
    all, they are as they were, but for a word that stands before every name. Of several candidates an average or a
    teacher is taken before a plain one and that before a student.
    Raises CheckpointError for a file of another kind, and for several candidates that are alike.
    """
    plain = _without_words_within(official)
    found = {each: _prefixes(plain, each) for each in kinds.KINDS}
    others = {prefix for each, prefixes in found.items() if each != kind for prefix in prefixes}
    # an encoder within a whole model is no encoder's file
    prefixes = [prefix for prefix in found[kind] if not any(prefix != q and prefix.startswith(q) for q in others)]
    if not prefixes:
        # an encoder within something else is what a damaged model looks like as well
        present = [each for each, there in found.items() if each != kind and not all(map(_is_part, there))]
        if present:
            raise CheckpointError(f"{source} is a checkpoint of the kind {present[0]}; give --kind {present[0]}")
        return _noted(plain, official, _common(plain))
    return _noted(plain, official, _first(prefixes, source))


def _without_words_within(official):
    """The arrays under names without the words of WITHIN, or as they are where two names would become one."""
    names = [".".join(word for word in name.split(".") if word not in WITHIN) for name in official]
    return dict(zip(names, official.values(), strict=True)) if len(set(names)) == len(names) else official


def _prefixes(official, kind):
    """What stands before the marks of a kind wherever all of one naming's are, such as ["", "teacher.backbone."]."""
    prefixes = {}
    for first, *others in kinds.KINDS[kind].marks:
        for name in official:
            prefix = name.removesuffix(first)
            if prefix == name or not _is_wrapper(prefix):
                continue
            if all(prefix + other in official for other in others):
                prefixes[prefix] = None
    return list(prefixes)


def _is_wrapper(prefix):
    """Whether that which stands before a name is made of known words, each with its dot."""
    words = prefix.split(".")
    return words.pop() == "" and all(word in (*AVERAGED, *STUDENTS, *PLAIN) for word in words)


def _is_part(prefix):
    return not {"backbone", "encoder"}.isdisjoint(prefix.split("."))


def _first(prefixes, source):
    """The place to take by the documented order. Raises CheckpointError where two are alike."""

    def rank(prefix):
        words = prefix.split(".")
        if any(word in AVERAGED for word in words):
            return 0
        return 2 if any(word in STUDENTS for word in words) else 1

    if "" in prefixes:
        return ""
    best = min(map(rank, prefixes))
    alike = [prefix for prefix in prefixes if rank(prefix) == best]
    if len(alike) > 1:
        shown = " and ".join(f'"{prefix}"' for prefix in alike)
        raise CheckpointError(f"{source} holds such weights under {shown}; save one of them alone and give that file")
    return alike[0]


def _common(official):
    """Words of the list that stand before every name."""
    prefix = ""
    while True:
        words = {name.removeprefix(prefix).partition(".")[::2] for name in official}
        firsts = {first for first, rest in words if rest} if all(rest for _, rest in words) else set()
        if len(firsts) != 1 or not _is_wrapper(f"{prefix}{min(firsts)}."):
            return prefix
        prefix = f"{prefix}{min(firsts)}."


def _noted(plain, official, prefix):
    """Unwrapped of what stands under `prefix`."""
    state = {name.removeprefix(prefix): array for name, array in plain.items() if name.startswith(prefix)}
    within = [word for word in WITHIN if plain is not official and any(word in name.split(".") for name in official)]
    taken = [f'from under "{prefix}"'] if prefix else []
    taken += [f'without "{word}." in their names' for word in within]
    if not taken:
        return Unwrapped(state, "")
    left = sorted({name.partition(".")[0] for name in plain if not name.startswith(prefix)})
    rest = f"; {len(plain) - len(state)} other arrays are skipped, of {first_names(left)}" if left else ""
    return Unwrapped(state, f"the weights are taken {' and '.join(taken)}{rest}")
