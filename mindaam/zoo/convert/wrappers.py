"""What training programs put around a model's weights, and before their names, taken off by a list of words.

`torch.save({"model": ...})`, a teacher beside a student, an average beside what was averaged, wrappers for several
devices or for compilation: all of them show as words before a name, since a reader joins the keys on the way to an
array by dots. What is taken is where all of a kind's marks stand; nothing is taken by resemblance.
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
    "weights",
)  # fmt: skip
# Words that wrappers of modules put anywhere into a name.
WITHIN = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")


class Unwrapped(NamedTuple):
    """state: {official name: array}; note: a line on what stood before the names and was skipped, "" for nothing."""

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
    found = {each: _places(plain, each) for each in kinds.KINDS}
    others = {place for each, places in found.items() if each != kind for place in places}
    # an encoder within a whole model is no encoder's file
    places = [place for place in found[kind] if not any(place != q and place.startswith(q) for q in others)]
    if not places:
        # an encoder within something else is what a damaged model looks like as well
        present = [each for each, there in found.items() if each != kind and not all(map(_is_part, there))]
        if present:
            raise CheckpointError(f"{source} is a checkpoint of the kind {present[0]}; give --kind {present[0]}")
        return _noted(plain, official, _common(plain))
    return _noted(plain, official, _first(places, source))


def _without_words_within(official):
    """The arrays under names without the words of WITHIN, or as they are where two names would become one."""
    names = [".".join(word for word in name.split(".") if word not in WITHIN) for name in official]
    return dict(zip(names, official.values(), strict=True)) if len(set(names)) == len(names) else official


def _places(official, kind):
    """What stands before the marks of a kind wherever all of one naming's are, such as ["", "teacher.backbone."]."""
    places = {}
    for first, *others in kinds.KINDS[kind].marks:
        for name in official:
            place = name.removesuffix(first)
            if place == name or not _is_wrapper(place):
                continue
            if all(place + other in official for other in others):
                places[place] = None
    return list(places)


def _is_wrapper(place):
    """Whether that which stands before a name is made of known words, each with its dot."""
    words = place.split(".")
    return words.pop() == "" and all(word in (*AVERAGED, *STUDENTS, *PLAIN) for word in words)


def _is_part(place):
    return not {"backbone", "encoder"}.isdisjoint(place.split("."))


def _first(places, source):
    """The place to take by the documented order. Raises CheckpointError where two are alike."""

    def rank(place):
        words = place.split(".")
        if any(word in AVERAGED for word in words):
            return 0
        return 2 if any(word in STUDENTS for word in words) else 1

    if "" in places:
        return ""
    best = min(map(rank, places))
    alike = [place for place in places if rank(place) == best]
    if len(alike) > 1:
        shown = " and ".join(f'"{place}"' for place in alike)
        raise CheckpointError(f"{source} holds such weights under {shown}; save one of them alone and give that file")
    return alike[0]


def _common(official):
    """Words of the list that stand before every name."""
    place = ""
    while True:
        words = {name.removeprefix(place).partition(".")[::2] for name in official}
        firsts = {first for first, rest in words if rest} if all(rest for _, rest in words) else set()
        if len(firsts) != 1 or not _is_wrapper(f"{place}{min(firsts)}."):
            return place
        place = f"{place}{min(firsts)}."


def _noted(plain, official, place):
    """Unwrapped of what stands under `place`."""
    state = {name.removeprefix(place): array for name, array in plain.items() if name.startswith(place)}
    within = [word for word in WITHIN if plain is not official and any(word in name.split(".") for name in official)]
    taken = [f'from under "{place}"'] if place else []
    taken += [f'without "{word}." in their names' for word in within]
    if not taken:
        return Unwrapped(state, "")
    left = sorted({name.partition(".")[0] for name in plain if not name.startswith(place)})
    rest = f"; {len(plain) - len(state)} other arrays are skipped, of {first_names(left)}" if left else ""
    return Unwrapped(state, f"the weights are taken {' and '.join(taken)}{rest}")
